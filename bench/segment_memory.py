"""What it takes to list the members of segments: memory on Valkey, and the time of a page.

Customers with a state each, in seven segments each, are written through the store's own contract into
an empty Valkey: first the states, then the segments. Memory is what Valkey itself says it uses, so
hash tables with their room to grow are in it. Pages are of the one segment that everybody is in, from
a random id on; a page of a whole installation is merged from one of each partition.

    python -m bench.segment_memory [--json] [--customers N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from random import Random
from statistics import median, quantiles
from typing import Any, NamedTuple

import redis.asyncio as aioredis

from models.codec import SCHEMA_VERSION, encode_state
from models.customer import CustomerState
from models.lifecycle import State
from models.segments import segments_of
from streams.local import LocalStore
from streams.partitioner import partition_of
from streams.redis_store import RedisStore, connect
from streams.store import MAX_CUSTOMERS, Change, CustomerWrite
from tests.real_parts import VALKEY
from tests.support.story import noon, purchase, tell

SEED, PARTITIONS, PAGE, PAGES = 7, 4, 100, 500
EVERYBODY = "lifecycle/active"
GROUPS = {
    "quintile": ("champions", "loyal", "active", "new", "promising", "at_risk", "almost_lost"),
    "klaviyo": ("champions", "loyal", "recent", "needs_attention", "at_risk", "inactive"),
    "cluster": ("1", "2", "3", "4", "5", "6", "7", "8"),
    "tier": ("low", "medium", "high"),
    "risk": ("low", "elevated", "high"),
}
"""Beside the lifecycle state, and the flag that all of them have."""


class Timed(NamedTuple):
    """How long something takes, over many tries."""

    p50_ms: float
    p99_ms: float


class Found(NamedTuple):
    """What one kind of ids comes to.

    Attributes:
        id_bytes: of each.
        state_bytes: encoded, the mean.
        states: bytes of Valkey's memory for a customer's state.
        segments: bytes for their place in seven segments.
        partition_page: of one partition.
        page: of all partitions, merged.
        sizes: of all segments in all partitions.
    """

    id_bytes: int
    state_bytes: float
    states: float
    segments: float
    partition_page: Timed
    page: Timed
    sizes: Timed


def customer_ids(id_bytes: int, customers: int) -> list[str]:
    """Random ids, such as shops give."""
    rng = Random(SEED)
    return [f"{rng.getrandbits(4 * id_bytes):0{id_bytes}x}" for _ in range(customers)]


def states(customers: int) -> Iterator[CustomerState]:
    """Real states of regulars, overdue, with drawn groups."""
    rng = Random(SEED)
    stories = [
        tell(*(purchase(f"p{n}", noon(5 * n), 900 + n) for n in range(often))).customer
        for often in range(3, 23)
    ]
    for number in range(customers):
        story = stories[number % len(stories)]
        ledger = story.current
        standing = ledger.standing._replace(lifecycle=State.ACTIVE, overdue=True)
        groups = {kind: rng.choice(names) for kind, names in GROUPS.items()}
        yield story._replace(current=ledger._replace(standing=standing), groups=groups)


class Bench:
    """A store on an empty Valkey.

    Args:
        client: connected to it.
        ids: of the customers.
    """

    def __init__(self, client: aioredis.Redis, ids: Sequence[str]) -> None:
        self._client, self._ids = client, ids
        self._store = RedisStore(client, "bench")
        self._names: set[str] = set()

    async def run(self) -> Found:
        """Write all, and measure in between."""
        empty = await self._memory()
        state_bytes = await self._write(
            lambda each: CustomerWrite(encode_state(each), None, (), ())
        )
        with_states = await self._memory()
        await self._write(lambda each: CustomerWrite(encode_state(each), None, (), self._in(each)))
        with_segments = await self._memory()
        customers, rng = len(self._ids), Random(SEED)
        return Found(
            len(self._ids[0].encode()),
            state_bytes / customers,
            (with_states - empty) / customers,
            (with_segments - with_states) / customers,
            await _timed(lambda: self._members(0, rng.choice(self._ids))),
            await _timed(lambda: self._page(rng.choice(self._ids))),
            await _timed(self._sizes),
        )

    def _in(self, state: CustomerState) -> tuple[str, ...]:
        names = segments_of(state)
        self._names.update(names)
        return names

    async def _memory(self) -> int:
        said: Any = await self._client.info("memory")
        return int(said["used_memory"])

    async def _write(self, written: Callable[[CustomerState], CustomerWrite]) -> int:
        """Everybody, some at a time; answers the bytes of all states."""
        size = 0
        by_partition: list[dict[str, CustomerWrite]] = [{} for _ in range(PARTITIONS)]
        for customer_id, state in zip(self._ids, states(len(self._ids)), strict=True):
            write = written(state)
            size += len(write.state or b"")
            by_partition[partition_of(customer_id, PARTITIONS)][customer_id] = write
        for partition, writes in enumerate(by_partition):
            waiting = iter(writes.items())
            while some := dict(islice(waiting, MAX_CUSTOMERS)):
                before = (await self._store.load(partition, ())).meta
                meta = before._replace(offset=before.offset + 1, schema=SCHEMA_VERSION)
                assert await self._store.apply(partition, before, Change(meta, some, ()))
        return size

    async def _members(self, partition: int, after: str) -> list[str]:
        return await self._store.members(partition, EVERYBODY, after, PAGE)

    async def _page(self, after: str) -> list[str]:
        pages = (self._members(each, after) for each in range(PARTITIONS))
        return list(islice(merge(*await asyncio.gather(*pages)), PAGE))

    async def _sizes(self) -> list[list[int]]:
        names = sorted(self._names)
        each = (self._store.sizes(partition, names) for partition in range(PARTITIONS))
        return await asyncio.gather(*each)


async def _timed(ask: Callable[[], Awaitable[object]]) -> Timed:
    took_ms = []
    for _ in range(PAGES):
        began_s = time.perf_counter()
        await ask()
        took_ms.append(1_000 * (time.perf_counter() - began_s))
    return Timed(median(took_ms), quantiles(took_ms, n=100)[98])


async def measure(customers: int, id_bytes: int) -> Found:
    """On a Valkey of its own."""
    with tempfile.TemporaryDirectory() as folder, LocalStore(folder) as server:
        async with connect(server.url) as client:
            return await Bench(client, customer_ids(id_bytes, customers)).run()


def main(arguments: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--customers", type=int, default=200_000)
    asked = parser.parse_args(arguments)
    found = [asyncio.run(measure(asked.customers, each)) for each in (12, 36)]
    if asked.json:
        rows = [each._asdict() for each in found]
        print(json.dumps({"machine": _machine(), "customers": asked.customers, "found": rows}))
    else:
        _print(found, asked.customers)
    return 0


def _machine() -> str:
    python = f"CPython {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} cores, {python}, {VALKEY.version()}"


def _print(found: Sequence[Found], customers: int) -> None:
    print(f"{_machine()}, seed {SEED}")
    print(f"{customers:,} customers, {PARTITIONS} partitions, {2 + len(GROUPS)} segments each")
    for each in found:
        print(
            f"ids of {each.id_bytes} bytes: {each.states:.0f} bytes of memory for a state "
            f"({each.state_bytes:.0f} encoded), {each.segments:.0f} for {2 + len(GROUPS)} segments"
        )
        for what, timed in (
            (f"{PAGE} members of one partition", each.partition_page),
            (f"{PAGE} members of {PARTITIONS} partitions, merged", each.page),
            ("the sizes of all segments", each.sizes),
        ):
            print(f"  {what}: median {timed.p50_ms:.2f} ms, p99 {timed.p99_ms:.2f} ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
