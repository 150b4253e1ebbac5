"""What goes on where a partition, or the whole Redis Cluster, has gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.redis_store import RedisStore, connect
from streams.store import Change, CustomerWrite, Meta
from tests.support.redis_cluster import Moving, RedisCluster

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
