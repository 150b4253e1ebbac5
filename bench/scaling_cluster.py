"""What redis-py's client of a Redis Cluster costs beside that of a single Redis: the store's calls, in turns.

    python -m bench.scaling_cluster [--rounds 40] [--seed 7]

The system's Redis 7 on loopback: one alone, and a cluster of three. Each round makes every call some times by one client, then
by the other, the first of them changing. Counted is CPU time, of this process and of all nodes, so other work on the machine
does not lengthen it. States are drawn bytes, as many as a plain customer's has.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import redis

from models.codec import SCHEMA_VERSION
from streams.local import LocalServerError, LocalStore
from streams.redis_store import RedisStore, connect
from streams.store import Change, CustomerWrite, Meta, OutboxRow, new_nonce
from tests.support.redis_cluster import RedisCluster

NAMESPACE, PLACES = "cluster", (0, 1, 2, 3)
STATE_BYTES = 449  # of a plain customer: docs/scaling.md
CUSTOMERS = 5_000
SEGMENTS = ("lifecycle/new", "lifecycle/active", "lifecycle/dormant", "lifecycle/churned")


class Took(NamedTuple):
    """CPU time of a call, µs."""

    client_us: float
    nodes_us: float


class Shop:
    """Customers in some partitions, and the calls that are measured.

    Args:
        store: of either kind.
        seed: of what is drawn.
    """

    def __init__(self, store: RedisStore, seed: int) -> None:
        self._store, self._drawn = store, random.Random(seed)

    def calls(self) -> dict[str, tuple[int, Callable[[], Awaitable[Any]]]]:
        """By name: how often in a round, and what."""
        return {
            "batch of 500 customers: load, apply": (4, lambda: self._batch(500)),
            "batch of 20 customers: load, apply": (40, lambda: self._batch(20)),
            "look of one customer": (100, lambda: self._store.look(self._place(), self._ids(1))),
            "sizes of four segments": (40, lambda: self._store.sizes(self._place(), SEGMENTS)),
            "outbox that is empty": (100, lambda: self._store.outbox(9, 1_000)),
        }

    def _place(self) -> int:
        return self._drawn.choice(PLACES)

    def _ids(self, count: int) -> list[str]:
        return [f"customer-{each}" for each in self._drawn.sample(range(CUSTOMERS), count)]

    async def _batch(self, count: int) -> None:
        place, ids = self._place(), self._ids(count)
        before = await self._store.load(place, ids)
        meta = Meta(before.meta.offset + 1, new_nonce(), 1, "topic", 4, SCHEMA_VERSION)
        rows = [OutboxRow("t", id_.encode(), b"v" * 400, [("ce_id", b"1")]) for id_ in ids]
        change = Change(meta, {id_: self._write(id_ in before.states) for id_ in ids}, rows)
        assert await self._store.apply(place, before.meta, change)
        waiting = await self._store.outbox(place, len(ids))
        await self._store.outbox_delete(place, [row_id for row_id, _ in waiting])

    def _write(self, known: bool) -> CustomerWrite:
        state, due_ms = self._drawn.randbytes(STATE_BYTES), self._drawn.randrange(10**12)
        entered = () if known else (self._drawn.choice(SEGMENTS),)
        return CustomerWrite(state, due_ms, (), entered, [(0, state[:150])])


async def measured(
    one: LocalStore, cluster: RedisCluster, rounds: int, seed: int
) -> dict[str, tuple[Took, Took]]:
    """By call: medians over all rounds, of the single Redis and of the cluster."""
    alone = redis.Redis.from_url(one.url)
    nodes = [[alone], [each.client for each in cluster.primaries]]
    found: dict[str, tuple[list[Took], list[Took]]] = {}
    with closing(alone):
        async with connect(one.url) as plain, connect(cluster.url) as clustered:
            shops = [Shop(RedisStore(each, NAMESPACE), seed) for each in (plain, clustered)]
            for number in range(rounds + 1):  # the first is to warm up
                for which in (0, 1) if number % 2 else (1, 0):
                    for name, (times, call) in shops[which].calls().items():
                        took = await _took(nodes[which], times, call)
                        found.setdefault(name, ([], []))[which].append(took)
    return {
        name: (_median(plainly[1:]), _median(wide[1:])) for name, (plainly, wide) in found.items()
    }


async def _took(nodes: list[redis.Redis], times: int, call: Callable[[], Awaitable[Any]]) -> Took:
    nodes_s, client_s = _cpu_s(nodes), time.process_time()
    for _ in range(times):
        await call()
    client_s = time.process_time() - client_s
    return Took(client_s / times * 1e6, (_cpu_s(nodes) - nodes_s) / times * 1e6)


def _cpu_s(nodes: list[redis.Redis]) -> float:
    said: list[Any] = [each.info("cpu") for each in nodes]
    return float(sum(each["used_cpu_user"] + each["used_cpu_sys"] for each in said))


def _median(took: list[Took]) -> Took:
    return Took(*(statistics.median(each) for each in zip(*took, strict=True)))


def main() -> int:
    """Measure, and print; 1 without a redis-server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        try:
            one = LocalStore(Path(folder) / "one", "redis-server")
            with one, RedisCluster(Path(folder), "redis-server") as cluster:
                found = asyncio.run(measured(one, cluster, asked.rounds, asked.seed))
        except LocalServerError as error:
            print(error, file=sys.stderr)
            return 1
    print(
        f"{platform.machine()}, CPython {platform.python_version()}, seed {asked.seed}, {asked.rounds} rounds\n"
    )
    print("| call | client µs: one | cluster | ratio | Redis µs: one | cluster |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (plain, wide) in found.items():
        ratio = wide.client_us / plain.client_us
        client = f"{plain.client_us:,.0f} | {wide.client_us:,.0f} | {ratio:.2f}"
        print(f"| {name} | {client} | {plain.nodes_us:,.0f} | {wide.nodes_us:,.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
