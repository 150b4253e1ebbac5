"""One round of the throughput bench: real processes read a piece of the log while they are watched.

Enters: servers that run, a log that is written, customers that are settled. Leaves: `Spent`, of workers or of a
peer. What it takes to start a process and to join a group is left out on all sides.

A store is settled once, in a database of Redis of its own; each round works on a copy.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import redis
from kafka.admin import KafkaAdminClient

from bench.load import write
from bench.purchases import PARTITIONS
from bench.running import (
    POLL_S,
    Failed,
    Servers,
    cpu_seconds,
    must_run,
    running,
    wait_for,
)
from bench.town import Town, begin_at, settle
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.sources import SourceRecord
from streams.store import Store
from streams.topics import LOG
from tests.support.installation import Installation

NAMESPACE = "bench"
WORKING = 1  # the database that a round works in
COPY_TIMEOUT_S = 120.0
FIRST_KEPT = 2  # databases of settled stores, from here on
T = TypeVar("T")


class Spent(NamedTuple):
    """What reading took, from the first progress seen to the last record.

    Attributes:
        records: between the two.
        wall_s: likewise.
        cpu_s: of the processes, user and system, all their threads.
        store_cpu_s: of the Redis process meanwhile; 0 where none takes part.
    """

    records: int
    wall_s: float
    cpu_s: float
    store_cpu_s: float = 0.0

    @property
    def row(self) -> dict[str, float]:
        """By the wall clock, and CPU time for one record."""
        return {
            "records/s": self.records / self.wall_s,
            "CPU µs a record": self.cpu_s / self.records * 1e6,
            "Redis CPU µs a record": self.store_cpu_s / self.records * 1e6,
        }


class Setting(NamedTuple):
    """Customers under a policy, in a database of Redis.

    Attributes:
        town: whose histories they have.
        config: the policy, as the worker reads it.
        database: where they stand as the bench begins.
    """

    town: Town
    config: Path
    database: int


class Stage:
    """Where rounds are played, one after another, on one log that only grows.

    Args:
        servers: that run.
    """

    def __init__(self, servers: Servers, town: Town) -> None:
        self._servers, self._numbers, self._kept = servers, count(1), count(FIRST_KEPT)
        url = database(servers.redis.url, WORKING)
        kafka = servers.kafka.bootstrap_servers
        self.here = Installation(kafka, url, NAMESPACE, town.policy, PARTITIONS)
        self._facts = self.here.inspector.facts(LOG)

    def close(self) -> None:
        """End what still runs."""
        self.here.close()

    def settled(self, name: str, toml: str, town: Town, customers: int) -> Setting:
        """So many customers, in a store of their own."""
        config = self._servers.directory / f"{name}.toml"
        config.write_text(toml, "utf-8")
        number = next(self._kept)
        people, facts = town.customers(customers), self._facts
        url = database(self._servers.redis.url, number)
        on_store(url, NAMESPACE, lambda store: settle(store, town, people, facts))
        return Setting(town, config, number)

    def forget(self, setting: Setting) -> None:
        """Empty its database; Redis does that aside."""
        with redis.Redis.from_url(database(self._servers.redis.url, setting.database)) as client:
            client.flushdb(asynchronous=True)

    def write(self, purchases: Sequence[SourceRecord]) -> list[int]:
        """Put them behind what is there; answers where they begin."""
        begin = self.here.ends()
        write(self._servers.kafka.bootstrap_servers, purchases, PARTITIONS)
        return begin

    def worker(self, setting: Setting, begin: Sequence[int]) -> Spent:
        """`segmenter run worker` from those offsets to the end of a log that is written already."""
        self._copy(setting, begin)
        with ExitStack() as stack:
            return self._watched(self._started(setting, 1, stack), begin)

    def workers(self, setting: Setting, number: int, purchases: Sequence[SourceRecord]) -> Spent:
        """So many of them, who have shared the partitions out and wait when the log is written."""
        self._copy(setting, self.here.ends())
        with ExitStack() as stack:
            processes = self._started(setting, number, stack)
            group = f"{self._settings.group}-{NAMESPACE}"
            wait_for(lambda: self._members(group) == number, "a group of workers", processes)
            return self._watched(processes, self.write(purchases))

    def peer(self, name: str, command: Sequence[str], records: int, *after: str) -> Spent:
        """A process that reads from the log's beginning and measures itself, first record to last."""
        label = f"{name}-{next(self._numbers)}"
        log = self._servers.directory / f"{label}.log"
        answer = log.with_suffix(".json")
        told = [self._servers.kafka.bootstrap_servers, LOG, label, str(records), str(answer)]
        began_s = cpu_seconds(self._servers.redis.pid)
        with running([*command, *told, *after], log) as process:
            wait_for(answer.exists, f"{name} has read {records:,} records", [(process, log)])
            store_s = cpu_seconds(self._servers.redis.pid) - began_s
        found = json.loads(answer.read_text("utf-8"))
        return Spent(**found, store_cpu_s=store_s)

    def _copy(self, setting: Setting, begin: Sequence[int]) -> None:
        """The working database as the setting's is, with the log's next records to come."""
        copied(self._servers.redis.url, setting.database, WORKING)
        offsets, facts = dict(enumerate(begin)), self._facts
        url = database(self._servers.redis.url, WORKING)
        on_store(url, NAMESPACE, lambda store: begin_at(store, offsets, facts))

    def _started(
        self, setting: Setting, number: int, stack: ExitStack
    ) -> list[tuple[subprocess.Popen[bytes], Path]]:
        group = {"group": f"round-{next(self._numbers)}"}  # members of an old one are missed late
        given = {**self.here.settings.model_dump(), **group}
        self._settings = Settings.model_validate(given)
        started = []
        for each in range(number):
            log = self._servers.directory / f"{self._settings.group}-worker-{each}.log"
            process = self.here.start("worker", setting.config, log, self._settings)
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append((process, log))
        return started

    def _members(self, group: str) -> int:
        """Of a group that has shared the partitions out; 0 before."""
        with closing(KafkaAdminClient(bootstrap_servers=self.here.settings.bootstrap_servers)) as a:
            found: Any = a.describe_groups([group])[group]
        return len(found["members"]) if found["group_state"] == "Stable" else 0

    def _watched(
        self, processes: Sequence[tuple[subprocess.Popen[bytes], Path]], begin: Sequence[int]
    ) -> Spent:
        """From the moment the first chunk stands in Redis until the log's end stands there."""
        start, end, give_up_s = sum(begin), sum(self.here.ends()), time.monotonic() + 600
        first = last = self._look(processes)
        while last[0] < end:
            time.sleep(POLL_S)
            last = self._look(processes)
            first = last if first[0] <= start else first
            if time.monotonic() > give_up_s:
                raise Failed(f"only {last[0] - start:,} of {end - start:,} records were folded")
        records, *clocks = (now - then for now, then in zip(last, first, strict=True))
        return Spent(int(records), *clocks)

    def _look(
        self, processes: Sequence[tuple[subprocess.Popen[bytes], Path]]
    ) -> tuple[int, float, float, float]:
        for each in processes:
            must_run(*each)
        records = sum(self.here.offsets())
        spent_s = sum(cpu_seconds(process.pid) for process, _ in processes)
        return records, time.perf_counter(), spent_s, cpu_seconds(self._servers.redis.pid)


def database(url: str, number: int) -> str:
    """Another database of the same Redis.

    >>> database("redis://127.0.0.1:6379/0", 3)
    'redis://127.0.0.1:6379/3'
    """
    return f"{url.rpartition('/')[0]}/{number}"


def copied(url: str, source: int, target: int) -> None:
    """All of one database in the place of another; blocks, a second for 100,000 customers or so."""
    with redis.Redis.from_url(database(url, target)) as client:
        client.flushdb()
    with redis.Redis.from_url(database(url, source), socket_timeout=COPY_TIMEOUT_S) as client:
        for key in client.scan_iter(count=1_000):
            client.copy(key, key, str(target))


def on_store(url: str, namespace: str, ask: Callable[[Store], Awaitable[T]]) -> T:
    """Ask a store; blocks."""

    async def asked() -> T:
        client = connect(url, timeout_s=60.0)
        try:
            return await ask(RedisStore(client, namespace))
        finally:
            await client.aclose()

    return asyncio.run(asked())
