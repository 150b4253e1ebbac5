"""What a topic holds, asked beside the workers; a broker that falls silent is not waited for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition

from streams.brokers import Brokers
from streams.log import KafkaUnavailable, LogInspector, Record, read_until
from streams.topics import Topic


@pytest.fixture
def inspector(bootstrap_servers: str) -> LogInspector:
    return LogInspector(Brokers(bootstrap_servers))


def send(servers: str, topic: str, *partitions: int) -> None:
    """One record for each, numbered in order."""
    producer = KafkaProducer(bootstrap_servers=servers)
    for number, partition in enumerate(partitions):
        key, value, headers = b"k%d" % number, b"v%d" % number, [("n", b"%d" % number)] * 2
        producer.send(topic, value, key, headers, partition)
    producer.close()


def test_a_topic_has_as_many_partitions_as_the_log_or_as_many_as_it_says(
    inspector: LogInspector,
) -> None:
    topics = [Topic("asked-many", {}), Topic("asked-one", {}, partitions=1)]
    assert inspector.create(topics, 4, 1) == ["asked-many", "asked-one"]
    assert [inspector.facts(topic.name).partitions for topic in topics] == [4, 1]


def test_the_tail_is_the_newest_records_of_each_partition_oldest_first(
    inspector: LogInspector, bootstrap_servers: str
) -> None:
    inspector.create([Topic("tailed", {})], 3, 1)
    send(bootstrap_servers, "tailed", 0, 0, 1, 0)
    found = inspector.tail("tailed", range(3), 2)
    keys = {partition: [each.key for each in found[partition]] for partition in found}
    assert keys == {0: [b"k1", b"k3"], 1: [b"k2"], 2: []}
    record = found[0][1]
    assert record == Record(2, record.timestamp_ms, b"k3", b"v3", (("n", b"3"), ("n", b"3")))


def test_all_of_a_small_topic_is_read_oldest_first(
    inspector: LogInspector, bootstrap_servers: str
) -> None:
    inspector.create([Topic("small", {}, partitions=1)], 4, 1)
    assert inspector.read_all("small") == []
    send(bootstrap_servers, "small", *[0] * 1_200)  # more than one poll brings
    assert [each.value for each in inspector.read_all("small")] == [b"v%d" % n for n in range(1200)]


class Consumer:
    """Each poll brings the next of what it was given: records, or a position without any."""

    def __init__(self, *polls: Sequence[int] | int) -> None:
        self._polls = list(polls)
        self._position = 0

    def position(self, _tp: TopicPartition) -> int:
        return self._position

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        brought = self._polls.pop(0) if self._polls else ()
        if isinstance(brought, int):
            self._position = brought
            return {}
        self._position = max([self._position, *(offset + 1 for offset in brought)])
        return {PLACE: [record(offset) for offset in brought]} if brought else {}


PLACE = TopicPartition("t", 7)


def record(offset: int) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, timestamp=0, key=None, value=b"", headers=[])


def offsets(consumer: Consumer, end: int, patience_s: float) -> list[int]:
    return [one.offset for _, one in read_until(consumer, {PLACE: end}, patience_s)]


def test_reading_ends_where_it_was_told_to_though_more_has_come_meanwhile() -> None:
    assert offsets(Consumer([0, 1], [2, 3, 4]), end=3, patience_s=60) == [0, 1, 2]


def test_offsets_without_a_record_are_read_past() -> None:
    assert offsets(Consumer([0], 5), end=5, patience_s=60) == [0]


def test_a_broker_that_falls_silent_is_not_waited_for_for_ever() -> None:
    with pytest.raises(KafkaUnavailable, match=r"nothing of t was read for 0\.05 s"):
        offsets(Consumer([0]), end=5, patience_s=0.05)


def test_a_broker_that_is_slow_is_waited_for_as_long_as_something_comes() -> None:
    slow: list[Sequence[int]] = [each for n in range(3) for each in [*[()] * 100, [n]]]
    assert offsets(Consumer(*slow), end=3, patience_s=5) == [0, 1, 2]
