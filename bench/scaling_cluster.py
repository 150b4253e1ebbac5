"""The store's calls on a real Redis Cluster of three nodes on loopback, by both of redis-py's clients.

    python -m bench.scaling_cluster

Each call of `RedisStore` and `RedisShelf`, and what stands beside the partitions, is made once by the client that the
product uses today, and once by `redis.asyncio.RedisCluster`. What is printed is what came of it. Needs
the system's redis-server, 7.0 or later.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import redis
import redis.asyncio as aioredis
from redis.asyncio.cluster import RedisCluster

from models.codec import SCHEMA_VERSION
from streams.feed import Feed
from streams.kept_survey import kept_head
from streams.keys import newest as newest_key
from streams.keys import partitions as partitions_key
from streams.local import HOST, LocalServerError, LocalStore, free_port
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore, connect
from streams.serving import begin, remove, stores, switch
from streams.shelf import Line, Put, Stand
from streams.store import (
    LEARNER,
    Change,
    CustomerWrite,
    Live,
    Meta,
    Newest,
    OutboxRow,
    Vitals,
    new_nonce,
)

NODES, SLOTS, NAMESPACE = 3, 16_384, "cluster"
PATIENCE_S = 20.0
PLACES = (0, 1, 2, 3, LEARNER)  # on several nodes


class Node(LocalStore):
    """One node of a cluster, without slots at first."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "redis-server")
        self.bus_port = free_port()

    @property
    def port(self) -> int:
        """Where it answers clients."""
        return self._port

    def _command(self) -> list[str]:
        config = ["--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)]
        return [*super()._command(), *config]


@contextmanager
def running_cluster(nodes: int = NODES) -> Iterator[list[Node]]:
    """So many primaries that share the slots evenly, until the block ends.

    Raises:
        LocalServerError: there is no redis-server, or they don't find each other.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, ExitStack() as stack:
        running = [stack.enter_context(Node(Path(folder) / str(each))) for each in range(nodes)]
        clients = [stack.enter_context(redis.Redis.from_url(each.url)) for each in running]
        for number, client in enumerate(clients):
            begin_slot, end_slot = (round(SLOTS / nodes * each) for each in (number, number + 1))
            client.cluster("ADDSLOTSRANGE", begin_slot, end_slot - 1)
            client.cluster("SET-CONFIG-EPOCH", number + 1)
        for other in running[1:]:
            clients[0].cluster("MEET", HOST, other.port, other.bus_port)
        _wait(clients)
        yield running


def _wait(clients: list[redis.Redis]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not all(_is_whole(each, len(clients)) for each in clients):
        if time.monotonic() > until_s:
            raise LocalServerError("the nodes did not become a cluster")
        time.sleep(0.05)


def _is_whole(client: redis.Redis, nodes: int) -> bool:
    said: Any = client.cluster("INFO")
    told = said if isinstance(said, dict) else _fields(said)
    return told["cluster_state"] == "ok" and told["cluster_known_nodes"] == str(nodes)


def _fields(said: bytes) -> dict[str, str]:
    lines = said.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class Outcome(NamedTuple):
    """What came of one call: "" or an error's name."""

    call: str
    error: str


Call = Callable[[], Awaitable[Any]]


def calls(client: aioredis.Redis) -> dict[str, Call]:
    """Every kind of call, by name; later ones find what earlier ones wrote."""
    store, shelf = RedisStore(client, NAMESPACE), RedisShelf(client, NAMESPACE)
    feed, beside = Feed(client, NAMESPACE), [newest_key(NAMESPACE), partitions_key(NAMESPACE)]
    at = {f"load, apply (place {each})": _written(store, each) for each in PLACES}
    return {
        **at,
        "due": lambda: store.due(1, 10, 5),
        "walk": lambda: store.walk(1, 0, 5),
        "look": lambda: store.look(1, ["a"]),
        "next_due_ms": lambda: store.next_due_ms(1),
        "sizes (a pipeline)": lambda: store.sizes(1, ["lifecycle/new", "lifecycle/active"]),
        "members": lambda: store.members(1, "lifecycle/new", 0, 5),
        "movement": lambda: store.movement(1),
        "history": lambda: store.history(1, "a"),
        "outbox": lambda: store.outbox(1, 5),
        "outbox_delete": lambda: store.outbox_delete(1, [b"1-1"]),
        "set_live": lambda: store.set_live(1, Live(3), 1_000),
        "set_vitals": lambda: store.set_vitals(1, Vitals(1, 1, 1, 1.0), 1_000),
        "offer_newest": lambda: store.offer_newest(Newest(5, 5)),
        "unfit": store.unfit,
        "set_partitions": lambda: store.set_partitions(4),
        "partitions": store.partitions,
        "shelf.write": lambda: _shelved(shelf),
        "shelf.everything": lambda: shelf.everything("bodies"),
        "shelf.due": lambda: shelf.due("queue:E", 10, 5),
        "serving.begin": lambda: begin(client, NAMESPACE, "other"),
        "serving.switch (a transaction)": lambda: switch(client, NAMESPACE, "other"),
        "serving.stores": lambda: stores(client, NAMESPACE),
        "feed.newest": lambda: feed.newest(5),
        "kept_head": lambda: kept_head(client, NAMESPACE),
        "serving.remove (scans, unlinks many)": lambda: remove(client, NAMESPACE, beside),
    }


def _written(store: RedisStore, place: int) -> Call:
    async def write() -> None:
        before = (await store.load(place, ())).meta
        meta = Meta(before.offset + 1, new_nonce(), 1, "topic", 4, SCHEMA_VERSION)
        row = OutboxRow("segment-changes.v1", b"a", b"{}", [("ce_id", b"1")])
        one = CustomerWrite(b"state", 5, (), ("lifecycle/new",), [(0, b"effect")])
        marks = {"p": b"mark"}
        change = Change(meta, {"a": one}, [row], {"n": b"1"}, b"{}", marks, {"1": b"x"}, b"{}")
        assert await store.apply(place, before, change)
        assert (await store.load(place, ["a"])).states == {"a": b"state"}

    return write


async def _shelved(shelf: RedisShelf) -> None:
    before = await shelf.stand()
    after = Stand(before.offset + 1, new_nonce(), "topic")
    assert await shelf.write(before, after, [Put("bodies", "x", b"1"), Line("queue:E", "x", 5)])


async def outcomes(client: aioredis.Redis) -> list[Outcome]:
    """Make every call once; an error is an outcome like another."""
    found = []
    for name, call in calls(client).items():
        try:
            await call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we ask
            found.append(Outcome(name, type(error).__name__))
        else:
            found.append(Outcome(name, ""))
    return found


@asynccontextmanager
async def _clients(node: Node) -> AsyncIterator[dict[str, aioredis.Redis]]:
    wide = RedisCluster(host=HOST, port=node.port)
    async with connect(node.url) as plain, wide as clustered:
        yield {"redis.asyncio.Redis": plain, "RedisCluster": cast(aioredis.Redis, clustered)}


async def tried(node: Node) -> dict[str, list[Outcome]]:
    """By client what came of each call."""
    async with _clients(node) as clients:
        return {name: await outcomes(client) for name, client in clients.items()}


def main() -> int:
    """Try, and print; 1 without a redis-server."""
    try:
        with running_cluster() as nodes:
            found = asyncio.run(tried(nodes[0]))
    except LocalServerError as error:
        print(error, file=sys.stderr)
        return 1
    names = list(found)
    print(f"{'':<40}" + "".join(f"{name:<24}" for name in names))
    for each in zip(*found.values(), strict=True):
        print(f"{each[0].call:<40}" + "".join(f"{one.error or 'ok':<24}" for one in each))
    return 0


if __name__ == "__main__":
    sys.exit(main())
