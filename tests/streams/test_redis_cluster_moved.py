"""What goes on where a partition, or the whole Redis Cluster, has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio.cluster import NodesManager
from redis.exceptions import RedisClusterException, RedisError

from models.erasure import Pseudonyms
from streams import serving
from streams.feed import FeedingSender
from streams.keys import feed as feed_key
from streams.local import HOST
from streams.redis_address import cluster_address
from streams.redis_cluster import cluster as cluster_client
from streams.redis_store import RedisStore, connect, connect_blocking
from streams.store import Change, CustomerWrite, Meta, StoreUnavailable
from tests.real_parts import RealParts
from tests.streams.test_redis_cluster import Taking, change
from tests.support.redis_cluster import Moving, Node, RedisCluster, wait_until

P = 0
FIRST = Meta(1, b"n1", 1_000, "topic", 4, 8)


@pytest.fixture
def moving(cluster: RedisCluster, namespace: str) -> Iterator[Moving]:
    """The slot of the namespace's partition."""
    one = Moving(cluster, f"{namespace}:{P}")
    yield one
    one.give_up()


async def test_a_walk_meets_everyone_though_the_partition_moves_to_another_node_meanwhile(
    cluster: RedisCluster, moving: Moving, namespace: str
) -> None:
    written = CustomerWrite(b"s", None, (), ("new",))
    everyone = {f"c{each}": written for each in range(2_000)}
    async with connect(cluster.url) as client:
        store = RedisStore(client, namespace)
        assert await store.apply(P, Meta(), Change(FIRST, everyone, ()))
        begun = await store.walk(P, 0, 500)
        met, cursor = set(begun.states), begun.cursor
        assert cursor
        moving.begin()
        moving.move()
        moving.end()
        while cursor:
            then = await store.walk(P, cursor, 500)
            met, cursor = met | set(then.states), then.cursor
    assert len(met) == len(everyone)


def alone(node: Node) -> None:
    """Let a node be a cluster by itself."""
    node.asked("ADDSLOTSRANGE", 0, 16_383)
    wait_until(lambda: node.info()["cluster_state"] == "ok")


async def test_a_cluster_that_has_moved_as_a_whole_is_found_where_it_was_named(
    real_parts: RealParts, tmp_path: Path
) -> None:
    binary = real_parts.redis_server()
    before, after = (Node(tmp_path / each, binary, 500) for each in ("before", "after"))
    url = f"redis+cluster://{HOST}:{before.port},{HOST}:{after.port}"
    blocking = connect_blocking(url)
    async with connect(url) as client:
        with before, after:
            alone(before)
            assert (await client.exists("a"), blocking.exists("a")) == (0, 0)
            before.kill()
            alone(after)
            after.said("SET", "a", "b")

            def found() -> bool:
                with suppress(RedisError, RedisClusterException):
                    return blocking.exists("a") == 1
                return False

            wait_until(found)
            with pytest.raises(RedisError):
                await client.exists("a")
            assert await client.exists("a") == 1
    blocking.close()


def test_a_cluster_s_options_may_be_those_that_have_a_default(cluster: RedisCluster) -> None:
    url = f"{cluster.url}?socket_timeout=7&socket_connect_timeout=3&max_connections=4"
    blocking = connect_blocking(url)
    assert blocking.exists("a") == 0
    asyncio.run(_exists(url))
    blocking.close()


async def _exists(url: str) -> None:
    async with connect(url) as client:
        assert await client.exists("a") == 0


async def test_whoever_waits_for_their_turn_is_told_when_it_does_not_come(
    cluster: RedisCluster, namespace: str
) -> None:
    address = cluster_address(f"{cluster.url}?socket_timeout=30")
    assert address is not None
    async with cluster_client(address, timeout_s=0.2, max_connections=1) as client:
        store, key = RedisStore(client, namespace), f"{{{namespace}}}:list"
        slow = asyncio.create_task(cast(Any, client).blpop(key, 20))
        owner = cluster.owner(namespace)
        await asyncio.to_thread(
            wait_until, lambda: owner.client.info("clients")["blocked_clients"] == 1
        )
        with pytest.raises(StoreUnavailable, match="all connections are in use"):
            await store.load(P, [])
        owner.said("RPUSH", key, "x")
        await slow
        assert (await store.load(P, [])).meta == Meta()


async def test_a_script_that_is_not_where_its_partition_has_just_gone_is_waited_for(
    cluster: RedisCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(cluster.url) as client:
        store, load = RedisStore(client, namespace), client.script_load

        async def loaded_elsewhere(script: str) -> Any:
            told = await cast(Any, load)(script)
            await client.script_flush()
            return told

        await client.script_flush()
        monkeypatch.setattr(client, "script_load", loaded_elsewhere)
        with pytest.raises(StoreUnavailable, match="No matching script"):
            await store.load(P, [])
        monkeypatch.undo()
        assert (await store.load(P, [])).meta == Meta()


async def test_whoever_gives_up_on_a_node_that_reads_nothing_does_not_wait_for_it_again(
    real_parts: RealParts, tmp_path: Path
) -> None:
    with Node(tmp_path, real_parts.redis_server(), 500) as node:
        async with connect(f"redis+cluster://{HOST}:{node.port}", timeout_s=60.0) as client:
            alone(node)
            assert await client.exists("a") == 0
            node.freeze()
            sent = asyncio.create_task(cast(Any, client).set("a", bytes(50_000_000)))
            await asyncio.wait([sent], timeout=0.3)
            sent.cancel()
            done, _ = await asyncio.wait([sent], timeout=10.0)
            assert done == {sent}


async def test_closing_leaves_what_another_has_learned_again_meanwhile(
    cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = NodesManager.aclose
    async with connect(cluster.url) as client:
        await client.exists("a")
        calls = count()

        async def slowly(manager: NodesManager, attr: str = "nodes_cache") -> None:
            await close(manager, attr)
            if next(calls) == 2:  # after redis-py's own two: as of a node that does not answer
                await asking

        monkeypatch.setattr(NodesManager, "aclose", slowly)
        closing = asyncio.create_task(client.aclose())
        asking = asyncio.create_task(cast(Any, client).exists("a"))
        await asyncio.gather(closing, asking)
        monkeypatch.undo()
        assert cast(Any, client).get_default_node() is not None


async def test_a_store_that_is_dropped_while_its_slot_moves_leaves_nothing(
    cluster: RedisCluster, moving: Moving, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Change(FIRST, {"ann": CustomerWrite(b"s", 5, (), ("new",))}, ())
    async with connect(cluster.url) as client:
        store, scan = RedisStore(client, namespace), client.scan
        assert await store.apply(P, Meta(), begun)

        async def passing_by(*args: Any, **kwargs: Any) -> Any:
            """As of a large node: it has not come to these keys when they go to one it is done with."""
            cursors, _ = await cast(Any, scan)(*args, **kwargs)
            monkeypatch.undo()
            moving.begin()
            moving.move()
            moving.end()
            return cursors, []

        monkeypatch.setattr(client, "scan", passing_by)
        assert await serving.remove(client, namespace, []) == 6
        assert (await store.load(P, [])).meta == Meta()


def test_the_feed_is_written_while_it_moves_to_a_node_that_had_no_slot(
    real_parts: RealParts, tmp_path: Path, namespace: str
) -> None:
    own = RedisCluster(tmp_path, real_parts.redis_server(), 1, spare=True, timeout_ms=2_000)
    with own, closing(connect_blocking(own.url)) as blocking:
        sender = FeedingSender(Taking(), blocking, namespace, Pseudonyms(b"key"))
        assert sender.send([change("e1", "ann")]) == 1
        spare, from_ = own.spare, own.primaries[0]
        slot = int(from_.asked("KEYSLOT", feed_key(namespace)))
        spare.asked("SETSLOT", slot, "IMPORTING", from_.id())
        from_.asked("SETSLOT", slot, "MIGRATING", spare.id())
        from_.said("MIGRATE", HOST, spare.port, feed_key(namespace), 0, 5_000)
        assert sender.send([change("e2", "ann"), change("e3", "ann")]) == 2
        for each in (spare, from_):
            each.asked("SETSLOT", slot, "NODE", spare.id())
        assert sender.send([change("e4", "ann")]) == 1
        assert blocking.xlen(feed_key(namespace)) == 4
        assert spare.said("EXISTS", feed_key(namespace)) == 1
