"""A whole installation for a test: broker, store, and `segmenter run …` processes.

`oracle` folds the log that stands on the broker single-threaded into memory; after any fault the
store must hold the same bytes, and Kafka the same effects.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import redis
from kafka import KafkaConsumer, TopicPartition

from models.events import LogRecord
from models.policy import Policy
from models.population import Population, decode_population, digest_of
from streams.chunk import LogIdentity
from streams.connections import opened
from streams.keys import Keys
from streams.learning import LearnerFold
from streams.log import LogInspector
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.processes import as_environment
from streams.replay import Publisher
from streams.settings import Settings
from streams.sources import SourceRecord
from streams.store import LEARNER, OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, INPUTS, LOG, POPULATIONS, TOPICS

PARTITIONS = 2
TRIES = 5
PATIENCE_S = 180.0  # a killed member is missed after its session and a rebalance


class Expected(NamedTuple):
    """What a single-threaded fold of the log gives.

    Attributes:
        states: by customer.
        sketches: by partition, slot by slot.
        rows: everything that leaves, partition by partition.
        populations: encoded, oldest first.
    """

    states: dict[bytes, bytes]
    sketches: list[dict[bytes, bytes]]
    rows: list[OutboxRow]
    populations: list[bytes]


class Found(NamedTuple):
    """What an installation holds.

    Attributes:
        states: by customer.
        sketches: by partition, slot by slot.
        changes: the headers of what was published.
        populations: encoded, in the order of their topic.
    """

    states: dict[bytes, bytes]
    sketches: list[dict[bytes, bytes]]
    changes: list[dict[str, bytes]]
    populations: list[bytes]


class Installation:
    """One installation on a given broker and store; its processes are a consumer group of their own.

    Args:
        servers: of the broker.
        redis_url: of the store.
        namespace: one that no other test uses.
        policy: the rules in force.
        partitions: of the log.
    """

    def __init__(
        self,
        servers: str,
        redis_url: str,
        namespace: str,
        policy: Policy,
        partitions: int = PARTITIONS,
    ) -> None:
        self.policy, self.partitions = policy, partitions
        self.settings = Settings.model_validate(
            {
                "bootstrap_servers": servers,
                "redis_url": redis_url,
                "namespace": namespace,
                "group": namespace,
                "session_timeout_s": 6.0,
            }
        )
        self.inspector = LogInspector(servers)
        self.inspector.create(TOPICS, partitions, 1)
        self.redis = redis.Redis.from_url(redis_url)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: str, config: Path, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start `segmenter run COMMAND`; its log goes to a pipe of 64 kB, or to a file."""
        with ExitStack() as stack:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "--config", str(config), "run", command],
                env={**os.environ, **as_environment(self.settings)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if log is None else stack.enter_context(log.open("wb")),
            )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.redis.close()

    def publish(self, records: list[SourceRecord]) -> None:
        """Write events, with their ticks, into the log."""
        publisher = Publisher(
            self.settings.bootstrap_servers, self.partitions, self.policy.timezone
        )
        publisher.publish(records, 0.0, lambda _: None)
        publisher.close()

    def offsets(self) -> list[int]:
        """Where the store stands."""
        stored = (
            self.redis.hget(self._keys(each).meta, "offset") for each in range(self.partitions)
        )
        return [int(each or 0) for each in stored]

    def learner_offset(self) -> int:
        """Where the learner stands in its topic."""
        return int(self.redis.hget(self._keys(LEARNER).meta, "offset") or 0)

    def ends(self) -> list[int]:
        """Where the log ends."""
        extents = self.inspector.extents(LOG, range(self.partitions))
        return [extents[each].end for each in range(self.partitions)]

    def wait_until_folded(self) -> None:
        """Until the store stands at the log's end."""
        wait_until(lambda: self.offsets() == self.ends())

    def wait_until_relayed(self) -> None:
        """Until no effect waits any more."""
        outboxes = [self._keys(each).outbox for each in range(self.partitions)]
        wait_until(lambda: not any(self.redis.xlen(each) for each in outboxes))

    def states(self) -> dict[bytes, bytes]:
        """Every customer's state, as it stands in the store."""
        found: dict[bytes, bytes] = {}
        for partition in range(self.partitions):
            found.update(self.redis.hgetall(self._keys(partition).customers))  # type: ignore[arg-type]
        return found

    def published(self, topic: str) -> list[dict[str, bytes]]:
        """The headers of every message of a topic."""
        return [dict(each.headers) for each in self._read(topic)]

    def wait_until_settled(self) -> None:
        """Until nothing moves: purchases folded, effects sent, populations learned and in force.

        Asked in the order of the flow, with the log's end at the beginning and at the end.
        """
        wait_until(self._is_settled)

    def _is_settled(self) -> bool:
        ends = self.ends()
        learner = self._keys(LEARNER)
        return (
            self.offsets() == ends
            and not any(self.redis.xlen(self._keys(each).outbox) for each in range(self.partitions))
            and self.inspector.extents(INPUTS, [0])[0].end == self.learner_offset()
            and not self.redis.xlen(learner.outbox)
            and self.ends() == ends
        )

    def when_settled(self) -> tuple[Found, Expected]:
        """What stands there once nothing moves, and what must; looked at again if it moved after all.

        Owners go on writing ticks when something is due.
        """
        for _ in range(TRIES):
            self.wait_until_settled()
            ends = self.ends()
            found = Found(self.states(), self.sketches(), self.published(CHANGES), self.bodies())
            expected = self.oracle()
            if self._is_settled() and self.ends() == ends:
                return found, expected
        raise AssertionError("it never settled")

    def sketches(self) -> list[dict[bytes, bytes]]:
        """Every partition's sketch, slot by slot."""
        return [self.redis.hgetall(self._keys(each).sketch) for each in range(self.partitions)]  # type: ignore[misc]

    def bodies(self) -> list[bytes]:
        """The populations published, encoded, in the order of the topic."""
        return [each.value for each in self._read(POPULATIONS)]

    def oracle(self) -> Expected:
        """What must come of the log, folded single-threaded."""
        return asyncio.run(self._oracle())

    async def _oracle(self) -> Expected:
        store, nonces = MemoryStore(lambda: 0), (b"%d" % each for each in count())
        facts, ends = self.inspector.facts(LOG), self.ends()
        bodies = {digest_of(each): decode_population(each) for each in self.bodies()}

        async def body(digest: str) -> Population:
            return bodies[digest]

        records: list[list[LogRecord]] = [[] for _ in range(self.partitions)]
        for each in self._read(LOG):
            records[each.partition].append(_log_record(each))
        expected = Expected({}, [], [], [])
        for partition, mine in enumerate(records):
            log = LogIdentity(self.settings.namespace, facts.topic_id, facts.partitions, partition)
            fold = PartitionFold(log, self.policy, store, _no_records, body, nonces.__next__)
            assert await fold.handle(Batch(0, ends[partition], mine)) is None
            loaded = await store.load(partition, _ids(mine), b"another nonce")
            assert loaded.whole is not None
            expected.states.update({id_.encode(): each for id_, each in loaded.states.items()})
            sketch = {slot.encode(): each for slot, each in loaded.whole.sketch.items()}
            expected.sketches.append(sketch)
            expected.rows.extend([row for _, row in await store.outbox(partition, 10**9)])
        learner = LearnerFold(
            LogIdentity(self.settings.namespace, "", self.partitions, 0),
            self.policy,
            store,
            _no_records,
            nonces.__next__,
        )
        inputs = [
            LogRecord(0, offset, 0, row.key, row.value, dict(row.headers))
            for offset, row in enumerate(row for row in expected.rows if row.topic == INPUTS)
        ]
        assert await learner.handle(Batch(0, len(inputs), inputs)) is None
        learned = [row for _, row in await store.outbox(LEARNER, 10**9)]
        expected.populations.extend(row.value or b"" for row in learned if row.topic == POPULATIONS)
        return expected

    def _read(self, topic: str) -> Iterator[Any]:
        partitions = range(self.inspector.facts(topic).partitions)
        extents = self.inspector.extents(topic, partitions)
        settings = {"enable_auto_commit": False, "isolation_level": "read_committed"}
        with opened(
            KafkaConsumer, self.settings.bootstrap_servers.split(","), **settings
        ) as consumer:
            wanted = [TopicPartition(topic, each) for each in partitions]
            consumer.assign(wanted)
            consumer.seek_to_beginning(*wanted)
            while any(consumer.position(tp) < extents[tp.partition].end for tp in wanted):
                for records in consumer.poll(timeout_ms=200).values():
                    yield from records

    def _keys(self, partition: int) -> Keys:
        return Keys(self.settings.namespace, partition)


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Ask again and again until it holds; fails when patience ends."""
    give_up_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > give_up_s:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and wait for the end."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def _log_record(found: Any) -> LogRecord:
    return LogRecord(
        found.partition,
        found.offset,
        found.timestamp,
        found.key,
        found.value,
        dict(found.headers),
    )


async def _no_records(_partition: int, _start: int, _end: int) -> bool:
    return False


def _ids(records: list[LogRecord]) -> list[str]:
    return list(dict.fromkeys(each.key.decode() for each in records if each.key is not None))


__all__ = ["CHANGES", "DEAD_LETTERS", "LOG", "Installation", "kill", "wait_until"]
