"""What a customer takes in Redis' memory, by kind of key; what Redis works for an event; how long a page takes.

A shop of some hundred customers is generated and folded for a year, with populations, so that everybody has
groups, clusters and risk. Its states, deadlines, segments and effects are then written under other ids, as many as
asked for, through the store's own contract into an empty server. Memory is what the server says it uses beyond
what it used when it was empty: every key counts, with the room that hash tables have to grow.

    python -m bench.memory [--json] [--customers N] [--server redis-server] [--id-bytes 12 36] [--shops 1 6]
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
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean, median, quantiles
from typing import Any, NamedTuple

import redis.asyncio as aioredis

from bench.memory_shop import SHOPS, Shop, lived
from models.codec import SCHEMA_VERSION
from streams.local import LocalStore
from streams.partitioner import partition_of
from streams.redis_store import RedisStore, connect
from streams.store import HISTORY_SLOTS, MAX_CUSTOMERS, Change, CustomerWrite

SEED, PARTITIONS, PAGE, PAGES = 7, 4, 100, 300
NEW_DEADLINE_MS = 86_400_000
ROUNDS = 40  # of `MAX_CUSTOMERS` events each, to see what Redis works for one


class Timed(NamedTuple):
    """How long something takes, over many tries."""

    p50_ms: float
    p99_ms: float


class Found(NamedTuple):
    """What one kind of shop and ids comes to.

    Attributes:
        shop: what its customers have.
        id_bytes: of each id.
        state_bytes: encoded, the mean.
        segments: that a customer is in, the mean.
        effects: that are kept of a customer, the mean; 0 where the history was left out.
        bytes: of memory for a customer, all keys counted.
        families: of it, by kind of key; `rest`: the table of keys, and what the allocator rounds up.
        redis_us: of CPU time of Redis for an event: load and apply, in batches as large as a partition's
            part of `MAX_CUSTOMERS`.
        page: `PAGE` members of the largest segment in one partition.
        rare_page: the same of a small one.
        sizes: of all segments in all partitions.
    """

    shop: str
    id_bytes: int
    state_bytes: float
    segments: float
    effects: float
    bytes: float
    families: dict[str, float]
    redis_us: float
    page: Timed
    rare_page: Timed
    sizes: Timed


class Bench:
    """A store on an empty server.

    Args:
        client: connected to it.
        shop: whose customers are written.
        written: one of them each.
        ids: whom they are written as.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        shop: Shop,
        written: Sequence[CustomerWrite],
        ids: Sequence[str],
    ) -> None:
        self._client, self._shop, self._ids = client, shop, ids
        self._store, self._rng = RedisStore(client, "bench"), Random(SEED)
        self._written = [each if shop.history else each._replace(history=()) for each in written]
        self._names = Counter(name for each in self._written for name in each.entered)

    async def run(self) -> Found:
        """Write all of them, and measure."""
        empty = await self._used()
        await self._write()
        used = (await self._used() - empty) / len(self._ids)
        families = await self._families()
        families["rest"] = used - sum(families.values())
        common, rare = self._names.most_common()[0][0], self._names.most_common()[-1][0]
        written = self._written
        return Found(
            self._shop.name,
            len(self._ids[0].encode()),
            fmean(len(each.state or b"") for each in written),
            fmean(len(each.entered) for each in written),
            fmean(len(each.history or ()) for each in written),
            used,
            families,
            await self._redis_us(),
            await _timed(lambda: self._store.members(0, common, self._somewhere(), PAGE)),
            await _timed(lambda: self._store.members(0, rare, self._somewhere(), PAGE)),
            await _timed(self._sizes),
        )

    async def _used(self) -> int:
        said: Any = await self._client.info("memory")
        return int(said["used_memory"])

    async def _write(self) -> None:
        """Everybody, some at a time."""
        places: list[list[int]] = [[] for _ in range(PARTITIONS)]
        for number, customer_id in enumerate(self._ids):
            places[partition_of(customer_id, PARTITIONS)].append(number)
        for partition, numbers in enumerate(places):
            waiting = iter(numbers)
            while some := [*islice(waiting, MAX_CUSTOMERS)]:
                await self._apply(partition, {self._ids[each]: self._of(each) for each in some})

    def _of(self, number: int) -> CustomerWrite:
        return self._written[number % len(self._written)]

    async def _apply(self, partition: int, writes: dict[str, CustomerWrite]) -> None:
        before = (await self._store.load(partition, list(writes))).meta
        meta = before._replace(
            offset=before.offset + 1, nonce=b"%d" % before.offset, schema=SCHEMA_VERSION
        )
        assert await self._store.apply(partition, before, Change(meta, writes, ()))

    async def _families(self) -> dict[str, float]:
        """Bytes of a customer by kind of key."""
        found: Counter[str] = Counter()
        keys = [key async for key in self._client.scan_iter(match="seg:{bench:*", count=1_000)]
        for start in range(0, len(keys), 1_000):
            pipe = self._client.pipeline(transaction=False)
            for key in keys[start : start + 1_000]:
                pipe.memory_usage(key, samples=0)
            for key, size in zip(keys[start : start + 1_000], await pipe.execute(), strict=True):
                found[_family(key.decode())] += size
        return {name: size / len(self._ids) for name, size in found.most_common()}

    async def _redis_us(self) -> float:
        """Batches of random customers, each with a new deadline; every third moves, one effect each."""
        began_us = await self._cpu_us()
        for number in range(ROUNDS):
            some = self._rng.sample(range(len(self._ids)), MAX_CUSTOMERS)
            for partition in range(PARTITIONS):
                writes = {
                    self._ids[each]: self._after(each, number)
                    for each in some
                    if partition_of(self._ids[each], PARTITIONS) == partition
                }
                await self._apply(partition, writes)
        return (await self._cpu_us() - began_us) / (ROUNDS * MAX_CUSTOMERS)

    async def _cpu_us(self) -> float:
        said: Any = await self._client.info("cpu")
        return 1e6 * (float(said["used_cpu_user"]) + float(said["used_cpu_sys"]))

    def _after(self, place: int, number: int) -> CustomerWrite:
        was = self._of(place)
        due_ms = None if was.due_ms is None else was.due_ms + NEW_DEADLINE_MS * (1 + number % 60)
        moves = was.entered[:1] if place % 3 == 0 else ()
        slot = [(number % HISTORY_SLOTS, packed) for _, packed in (was.history or ())[:1]]
        return CustomerWrite(was.state, due_ms, moves, ("lifecycle/elsewhere",) * len(moves), slot)

    def _somewhere(self) -> int:
        return self._rng.randrange(len(self._ids) // PARTITIONS)

    async def _sizes(self) -> list[list[int]]:
        names = sorted(self._names)
        each = (self._store.sizes(partition, names) for partition in range(PARTITIONS))
        return await asyncio.gather(*each)


def _family(key: str) -> str:
    """The kind of a key.

    >>> _family("seg:{bench:3}:members:risk/high"), _family("seg:{bench:3}:c")
    ('members', 'c')
    """
    return key.partition("}:")[2].partition(":")[0]


async def _timed(ask: Callable[[], Awaitable[object]]) -> Timed:
    took_ms = []
    for _ in range(PAGES):
        began_s = time.perf_counter()
        await ask()
        took_ms.append(1_000 * (time.perf_counter() - began_s))
    return Timed(median(took_ms), quantiles(took_ms, n=100)[98])


def customer_ids(id_bytes: int, customers: int) -> list[str]:
    """Random ids, such as shops give."""
    rng = Random(SEED)
    return [f"{rng.getrandbits(4 * id_bytes):0{id_bytes}x}" for _ in range(customers)]


async def measure(shop: Shop, customers: int, id_bytes: int, server: str | None) -> Found:
    """On a server of its own; None: Valkey."""
    with tempfile.TemporaryDirectory() as folder:
        written = await lived(shop, Path(folder))
        with LocalStore(folder, server) as store:
            async with connect(store.url, timeout_s=60.0) as client:
                ids = customer_ids(id_bytes, customers)
                return await Bench(client, shop, written, ids).run()


def main(arguments: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--server", help="a Redis; without it the Valkey of the wheel")
    parser.add_argument("--id-bytes", type=int, nargs="+", default=[12, 36])
    parser.add_argument("--shops", type=int, nargs="+", default=[], help="from 1 on; else all")
    asked = parser.parse_args(arguments)
    shops = [SHOPS[place - 1] for place in asked.shops] or list(SHOPS)
    asks = [(shops[0], each) for each in asked.id_bytes]
    asks += [(each, asked.id_bytes[0]) for each in shops[1:]]
    found = [
        asyncio.run(measure(shop, asked.customers, id_bytes, asked.server))
        for shop, id_bytes in asks
    ]
    if asked.json:
        rows = [each._asdict() for each in found]
        print(json.dumps({"machine": _machine(), "customers": asked.customers, "found": rows}))
    else:
        _print(found, asked.customers, asked.server or "Valkey")
    return 0


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}"


def _print(found: Sequence[Found], customers: int, server: str) -> None:
    print(f"{server}, {_machine()}, seed {SEED}")
    print(f"{customers:,} customers, {PARTITIONS} partitions")
    for each in found:
        print(
            f"\n{each.shop}; ids of {each.id_bytes} bytes: {each.bytes:.0f} bytes a customer "
            f"({each.state_bytes:.0f} of them the state, encoded; in {each.segments:.1f} segments, "
            f"{each.effects:.1f} effects kept)"
        )
        print("  " + ", ".join(f"{name} {size:.1f}" for name, size in each.families.items()))
        print(f"  CPU time of Redis for an event: {each.redis_us:.1f} µs")
        for what, timed in (
            (f"{PAGE} members of a large segment", each.page),
            (f"{PAGE} members of a small one", each.rare_page),
            ("the sizes of all segments", each.sizes),
        ):
            print(f"  {what}: median {timed.p50_ms:.2f} ms, p99 {timed.p99_ms:.2f} ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
