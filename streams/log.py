"""Questions about the log, asked with kafka-python beside the workers.

Everything here blocks: call it in a thread. Each call opens and closes its own connection.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.topics import Topic

TIMEOUT_MS = 10_000
TAIL_RECORDS = 100
CONNECT_TIMEOUT_MS = 5_000  # Kafka's client would try for half a minute
_NO_ID = uuid.UUID(int=0)


class KafkaUnavailable(RuntimeError):
    """The broker does not answer, or not as it should; the message says what to check."""


class TopicMissing(RuntimeError):
    """The topic does not exist; `segmenter topics create` makes it."""


class TopicFacts(NamedTuple):
    """What the broker says of a topic.

    Attributes:
        topic_id: "" where the broker gives none.
        partitions: how many.
    """

    topic_id: str
    partitions: int


class Extent(NamedTuple):
    """A partition's first offset and the one after its last record."""

    start: int
    end: int


class LogInspector:
    """Asks one cluster.

    Args:
        bootstrap_servers: host:port, comma-separated.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers.split(",")

    def facts(self, topic: str) -> TopicFacts:
        """Id and partition count.

        Raises:
            TopicMissing, KafkaUnavailable.
        """
        with self._admin() as admin:
            found = admin.describe_topics([topic])[0]
        if found["error_code"] or not found["partitions"]:
            raise TopicMissing(f"topic {topic!r} does not exist; run: segmenter topics create")
        topic_id = found.get("topic_id")
        known = topic_id is not None and topic_id != _NO_ID
        return TopicFacts(str(topic_id) if known else "", len(found["partitions"]))

    def create(self, topics: Sequence[Topic], partitions: int, replication: int) -> list[str]:
        """Create what does not exist yet; answers the names created.

        Raises:
            KafkaUnavailable.
        """
        made = []
        with self._admin() as admin:
            for topic in topics:
                new = NewTopic(
                    topic.name, partitions, replication, topic_configs=dict(topic.config)
                )
                try:
                    admin.create_topics([new], timeout_ms=TIMEOUT_MS)
                except TopicAlreadyExistsError:
                    continue
                made.append(topic.name)
        return made

    def config(self, topic: str) -> dict[str, str]:
        """The topic's settings, as far as the broker tells them."""
        with self._admin() as admin:
            answer: Any = admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
            )
        found = answer.get("topic", {}).get(topic, {})
        return {name: str(entry["value"]) for name, entry in found.items()}

    def extents(self, topic: str, partitions: Sequence[int]) -> dict[int, Extent]:
        """First and next offset of each partition.

        The end is taken from a fetch's high watermark: not every broker's ListOffsets is right.

        Raises:
            KafkaUnavailable.
        """
        wanted = [TopicPartition(topic, each) for each in partitions]
        with self._consumer() as consumer:
            consumer.assign(wanted)
            starts, ends = consumer.beginning_offsets(wanted), consumer.end_offsets(wanted)
            seen = _fetched_ends(consumer, starts, ends)
        return {tp.partition: Extent(starts[tp], max(ends[tp], seen[tp])) for tp in wanted}

    def tail_keys(self, topic: str, partitions: Sequence[int]) -> dict[int, list[bytes]]:
        """The keys of the newest records of each partition; control records have none.

        Raises:
            KafkaUnavailable.
        """
        extents = self.extents(topic, partitions)
        ends = {TopicPartition(topic, each): extents[each].end for each in partitions}
        keys: dict[int, list[bytes]] = {each: [] for each in partitions}
        with self._consumer() as consumer:
            consumer.assign(list(ends))
            for tp, end in ends.items():
                consumer.seek(tp, max(extents[tp.partition].start, end - TAIL_RECORDS))
            for _ in range(TIMEOUT_MS // 100):
                if all(consumer.position(tp) >= end for tp, end in ends.items()):
                    break
                for tp, records in consumer.poll(timeout_ms=100).items():
                    keys[tp.partition] += [each.key for each in records if each.key is not None]
        return keys

    def records_exist(self, topic: str, partition: int, start: int, end: int) -> bool:
        """Whether the partition has, or had, a committed record with start ≤ offset < end.

        Raises:
            KafkaUnavailable.
        """
        tp = TopicPartition(topic, partition)
        with self._consumer() as consumer:
            consumer.assign([tp])
            if consumer.beginning_offsets([tp])[tp] > start:
                return True
            consumer.seek(tp, start)
            for _ in range(TIMEOUT_MS // 100):
                for records in consumer.poll(timeout_ms=100, max_records=1).values():
                    return bool(records[0].offset < end)
                if consumer.position(tp) >= end:
                    return False
        raise KafkaUnavailable(f"no answer about {topic}/{partition} in {TIMEOUT_MS // 1000} s")

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        with _as_unavailable(self._servers):
            admin = KafkaAdminClient(
                bootstrap_servers=self._servers,
                request_timeout_ms=TIMEOUT_MS,
                bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
            )
            with closing(admin):
                yield admin

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        with _as_unavailable(self._servers):
            consumer = KafkaConsumer(
                bootstrap_servers=self._servers,
                enable_auto_commit=False,
                isolation_level="read_committed",
                request_timeout_ms=TIMEOUT_MS,
                bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
            )
            with closing(consumer):
                yield consumer


@contextmanager
def _as_unavailable(servers: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise KafkaUnavailable(
            f"Kafka at {','.join(servers)}: {error or type(error).__name__}; "
            "check bootstrap_servers and that the broker runs"
        ) from error


def _fetched_ends(consumer: Any, starts: Any, ends: Any) -> dict[Any, int]:
    """The high watermark of each partition that is not empty, from a fetch at its end."""
    waiting = {tp for tp in ends if ends[tp] > starts[tp]}
    for tp in ends:
        consumer.seek(tp, max(starts[tp], ends[tp] - 1))
    seen: dict[Any, int] = {}
    for _ in range(TIMEOUT_MS // 100):
        if not waiting:
            return {tp: seen.get(tp, 0) for tp in ends}
        consumer.poll(timeout_ms=100, max_records=1)
        for tp in [each for each in waiting if consumer.position(each) >= ends[each]]:
            seen[tp] = consumer.highwater(tp) or 0
            consumer.pause(tp)
            waiting.discard(tp)
    raise KafkaUnavailable(f"no answer about {len(waiting)} partitions")
