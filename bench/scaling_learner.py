"""What learning a population costs with many partitions: the learner's own fold, on a real Redis.

Two epochs, each with a barrier from every partition (bench/scaling_sketches.py), go through `LearnerFold` record by
record, learning in a thread as a worker does; then a successor takes over what stands in Redis. Each
number of partitions has a process of its own, so that its peak of memory is its own.

    python -m bench.scaling_learner --partitions 64 [--customers 15000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from statistics import median
from typing import Any, NamedTuple

import redis.asyncio as aioredis

from bench.scaling_sketches import AS_OF_DAY, Slots, barriers, filled_slots
from models.events import LogRecord
from models.policy import policy_from_preset
from models.policy_record import PublishedPolicy
from streams.chunk import LogIdentity
from streams.learning import LearnerFold
from streams.local import LocalServerError, LocalStore
from streams.loop import no_records
from streams.partition import Batch
from streams.redis_store import RedisStore, connect
from streams.store import new_nonce

SEED, CUSTOMERS, EPOCH_DAYS = 7, 15_000, 7
POLICY = policy_from_preset("general")
DIGEST = "0" * 32  # of the policy that every barrier names
HEARTBEAT_S = 0.002
_MIB = 2**20


class Blocked:
    """How long the event loop could not turn.

    Attributes:
        longest_s: the longest time between two turns, above the pause asked for.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch while the block runs."""
        beating = asyncio.create_task(self._beat())
        await asyncio.sleep(HEARTBEAT_S)
        try:
            yield
        finally:
            await asyncio.sleep(HEARTBEAT_S)
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(HEARTBEAT_S)
            self.longest_s = max(self.longest_s, time.monotonic() - began_s - HEARTBEAT_S)


class Epoch(NamedTuple):
    """What one epoch cost; seconds.

    Attributes:
        cpu_s: of all its barriers, CPU time of the process.
        barrier_cpu_ms: of one barrier that is not the last, the median, likewise.
        last_cpu_s: of the last one, with which the population is learned, likewise.
        last_s: the same by the wall clock.
        blocked_s: the longest time for which the event loop could not turn.
        raw_bytes: of its barriers' values.
        largest_bytes: of one of them.
        wire_bytes: of the same, by gzip, as the relay's producer sends them.
    """

    cpu_s: float
    barrier_cpu_ms: float
    last_cpu_s: float
    last_s: float
    blocked_s: float
    raw_bytes: int
    largest_bytes: int
    wire_bytes: int


class Found(NamedTuple):
    """What was measured of one number of partitions.

    Attributes:
        partitions: how many.
        customers: in all of them.
        epochs: two; the second has what was kept of the first.
        redis_bytes: what Redis uses more than before.
        takeover_s: until a successor has the learner in memory, wall clock.
        takeover_cpu_s: the same, CPU time of the process.
        takeover_blocked_s: for how long its event loop could not turn meanwhile.
        script_s: the longest that Redis was busy with one call.
        peak_bytes: resident memory of the learner's process.
        before_bytes: the same, before the first barrier.
    """

    partitions: int
    customers: int
    epochs: tuple[Epoch, ...]
    redis_bytes: int
    takeover_s: float
    takeover_cpu_s: float
    takeover_blocked_s: float
    script_s: float
    peak_bytes: int
    before_bytes: int


async def measured(client: aioredis.Redis, partitions: int, customers: int) -> Found:
    """Two epochs and a takeover, on an empty Redis.

    Args:
        client: of it.
        partitions: of the log.
        customers: of each partition.
    """
    await client.config_set("slowlog-log-slower-than", 1_000)
    filled, empty = filled_slots(customers, SEED), await _memory(client)
    start, fold = _peak_bytes(), _fold(client, partitions)
    epochs = [await _epoch(fold, filled, partitions, number, client) for number in range(2)]
    held, peak = await _memory(client), _peak_bytes()
    del fold
    blocked, began_s, before_s = Blocked(), time.monotonic(), time.process_time()
    async with blocked.watching():
        await _fold(client, partitions).look()
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - before_s
    slow: Any = await client.slowlog_get(1_000)
    script_s = max((each["duration"] for each in slow), default=0) / 1e6
    return Found(
        partitions,
        partitions * customers,
        tuple(epochs),
        held - empty,
        took_s,
        cpu_s,
        blocked.longest_s,
        script_s,
        peak,
        start,
    )


def _fold(client: aioredis.Redis, partitions: int) -> LearnerFold:
    async def policies(_digest: str) -> PublishedPolicy:
        return PublishedPolicy(1, POLICY)

    identity = LogIdentity("bench", "", partitions, 0)
    store = RedisStore(client, "bench")
    return LearnerFold(identity, POLICY, store, no_records, new_nonce, asyncio.to_thread, policies)


async def _epoch(
    fold: LearnerFold, filled: list[Slots], partitions: int, number: int, client: aioredis.Redis
) -> Epoch:
    """Every partition's barrier; what leaves is forgotten, as by a relay. Making them is not timed."""
    raw = largest = wire = 0
    cpu_s, took_s, blocked = [], 0.0, Blocked()
    as_of_day = AS_OF_DAY + EPOCH_DAYS * number
    for partition, value in barriers(filled, partitions, as_of_day, SEED):
        raw, largest = raw + len(value), max(largest, len(value))
        if partition < len(filled):
            wire += len(gzip.compress(value))
        batch = _batch(number * partitions + partition, value)
        began_s, before_s = time.monotonic(), time.process_time()
        async with blocked.watching():
            assert await fold.handle(batch) is None
        took_s = time.monotonic() - began_s - 2 * HEARTBEAT_S
        cpu_s.append(time.process_time() - before_s)
    assert fold.tally["populations"] == number + 1
    await client.delete("seg:{bench:learner}:outbox")
    wire = wire * partitions // min(partitions, len(filled))
    one_ms = 1_000 * median(cpu_s[:-1])
    return Epoch(sum(cpu_s), one_ms, cpu_s[-1], took_s, blocked.longest_s, raw, largest, wire)


def _batch(offset: int, value: bytes) -> Batch:
    headers = {
        "kind": b"barrier",
        "source.namespace": b"bench",
        "policy.digest": DIGEST.encode(),
    }
    record = LogRecord(0, offset, 1_700_000_000_000, None, value, headers)
    return Batch(offset, offset + 1, [record])


async def _memory(client: aioredis.Redis) -> int:
    said: Any = await client.info("memory")
    return int(said["used_memory"])


def _peak_bytes() -> int:
    return 1_024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_a_process(partitions: int, customers: int) -> Found:
    """Measure in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed, and has said why.
    """
    given = ["--partitions", str(partitions), "--customers", str(customers)]
    command = [sys.executable, "-m", "bench.scaling_learner", *given]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    fields = json.loads(printed)
    epochs = tuple(Epoch(**each) for each in fields.pop("epochs"))
    return Found(epochs=epochs, **fields)


@contextlib.contextmanager
def running_redis() -> Iterator[LocalStore]:
    """The system's Redis, or else the Valkey of the wheel, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        try:
            server = LocalStore(folder, "redis-server")
        except LocalServerError:
            server = LocalStore(folder)
        with server:
            yield server


async def _measured(url: str, partitions: int, customers: int) -> Found:
    async with connect(url, timeout_s=60.0) as client:
        return await measured(client, partitions, customers)


def main(given: list[str]) -> int:
    """Measure one number of partitions, and print JSON."""
    parser = argparse.ArgumentParser(prog="bench.scaling_learner")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="of each partition")
    asked = parser.parse_args(given)
    with running_redis() as server:
        found = asyncio.run(_measured(server.url, asked.partitions, asked.customers))
    fields = {**found._asdict(), "epochs": [each._asdict() for each in found.epochs]}
    print(json.dumps(fields, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
