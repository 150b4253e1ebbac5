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
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import redis
from kafka import KafkaConsumer, TopicPartition

from models.events import LogRecord
from models.policy import Policy
from streams.chunk import LogIdentity
from streams.keys import Keys
from streams.log import LogInspector
from streams.memory_store import MemoryStore
from streams.partition import Batch, PartitionFold
from streams.processes import as_environment
from streams.replay import Publisher
from streams.settings import Settings
from streams.sources import SourceRecord
from streams.store import OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, LOG, TOPICS

PARTITIONS = 2
PATIENCE_S = 180.0  # a killed member is missed after its session and a rebalance


class Installation:
    """One installation on a given broker and store; its processes are a consumer group of their own.

    Args:
        servers: of the broker.
        redis_url: of the store.
        namespace: one that no other test uses.
        policy: the rules in force.
        partitions: of every topic.
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

    def oracle(self) -> tuple[dict[bytes, bytes], list[OutboxRow]]:
        """States and effects of the log, folded single-threaded."""
        return asyncio.run(self._oracle())

    async def _oracle(self) -> tuple[dict[bytes, bytes], list[OutboxRow]]:
        store, nonces = MemoryStore(lambda: 0), count()
        facts, ends = self.inspector.facts(LOG), self.ends()
        records: list[list[LogRecord]] = [[] for _ in range(self.partitions)]
        for each in self._read(LOG):
            records[each.partition].append(
                LogRecord(
                    each.partition,
                    each.offset,
                    each.timestamp,
                    each.key,
                    each.value,
                    dict(each.headers),
                )
            )
        states: dict[bytes, bytes] = {}
        rows: list[OutboxRow] = []
        for partition, mine in enumerate(records):
            log = LogIdentity(self.settings.namespace, facts.topic_id, facts.partitions, partition)
            fold = PartitionFold(log, self.policy, store, _no_records, lambda: b"%d" % next(nonces))
            assert await fold.handle(Batch(0, ends[partition], mine)) is None
            loaded = await store.load(partition, _ids(mine))
            states.update({id_.encode(): packed for id_, packed in loaded.states.items()})
            rows += [row for _, row in await store.outbox(partition, 10**9)]
        return states, rows

    def _read(self, topic: str) -> Iterator[Any]:
        extents = self.inspector.extents(topic, range(self.partitions))
        consumer: Any = KafkaConsumer(
            bootstrap_servers=self.settings.bootstrap_servers,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        with closing(consumer):
            wanted = [TopicPartition(topic, each) for each in range(self.partitions)]
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


async def _no_records(_partition: int, _start: int, _end: int) -> bool:
    return False


def _ids(records: list[LogRecord]) -> list[str]:
    return list(dict.fromkeys(each.key.decode() for each in records if each.key is not None))


__all__ = ["CHANGES", "DEAD_LETTERS", "LOG", "Installation", "kill", "wait_until"]
