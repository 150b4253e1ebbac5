"""How customers, segments and deadlines lie in Redis' memory, on Valkey and Redis 7 alike."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import redis.asyncio as aioredis

from streams.keys import NUMBERED
from streams.ordinals import BLOCK
from streams.redis_store import RedisStore, connect
from streams.store import Change, CustomerWrite, Members

P = 3
ACTIVE, LOYAL = "lifecycle/active", "rfm.quintile/loyal"


@pytest.fixture
async def client(server_name: str, request: pytest.FixtureRequest) -> AsyncIterator[aioredis.Redis]:
    url = request.getfixturevalue("valkey_url" if server_name == "Valkey" else "redis_url")
    async with connect(url) as client:
        yield client


@pytest.fixture
def store(client: aioredis.Redis, namespace: str) -> RedisStore:
    return RedisStore(client, namespace)


def member(*segments: str) -> CustomerWrite:
    return CustomerWrite(b"s", None, (), segments)


async def write(store: RedisStore, customers: Mapping[str, CustomerWrite]) -> None:
    """On top of what stands there."""
    before = (await store.load(P, [])).meta
    after = before._replace(offset=before.offset + 1, nonce=secrets.token_bytes(8), schema=8)
    assert await store.apply(P, before, Change(after, customers, ()))


async def test_a_writer_who_has_loaded_nobody_finds_the_numbers_they_have(
    client: aioredis.Redis, store: RedisStore, namespace: str
) -> None:
    await write(store, {"a": member(ACTIVE), "b": member(ACTIVE)})
    await write(RedisStore(client, namespace), {"b": member(LOYAL), "c": member(LOYAL)})
    await write(store, {"c": member(ACTIVE), "d": member(ACTIVE)})
    assert await store.members(P, ACTIVE, 0, 9) == Members(["a", "b", "c", "d"], 0)
    assert await store.members(P, LOYAL, 0, 9) == Members(["b", "c"], 0)


async def test_a_segment_that_all_have_left_leaves_no_key(
    client: aioredis.Redis, store: RedisStore
) -> None:
    key = store.keys(P).members(ACTIVE)
    ids = [f"c{number}" for number in range(600)]
    await write(store, dict.fromkeys(ids, member(ACTIVE)))
    assert await client.bitcount(key) == 600
    await write(store, dict.fromkeys(ids, CustomerWrite(None, None, [ACTIVE], ())))
    assert await client.exists(key) == 0


async def test_nothing_is_left_of_customers_who_were_all_removed(
    client: aioredis.Redis, store: RedisStore
) -> None:
    ids = [f"c{number}" for number in range(200)]
    await write(store, {id_: CustomerWrite(b"s", 5, (), (ACTIVE,)) for id_ in ids})
    await write(store, dict.fromkeys(ids, CustomerWrite(None, None, [ACTIVE], ())))
    left = {key async for key in client.scan_iter(match=store.keys(P).meta.replace("meta", "*"))}
    assert left == {store.keys(P).meta.encode()}


async def test_a_bitmap_is_read_to_its_end_in_pieces(
    client: aioredis.Redis, store: RedisStore
) -> None:
    """As of a million customers, two of them in the segment."""
    await write(store, {"first": member(LOYAL)})
    await client.hset(store.keys(P).meta, NUMBERED, 1_000_000)
    await write(store, {"last": member(LOYAL)})
    ids, cursor = await store.members(P, LOYAL, 0, 1)
    assert (ids, cursor) == (["first"], 1_000_000)
    assert await store.members(P, LOYAL, cursor, 1) == Members(["last"], 0)
    assert await store.members(P, LOYAL, 0, 9) == Members(["first", "last"], 0)
    assert await store.members(P, LOYAL, 1_000_001, 9) == Members([], 0)


@pytest.mark.parametrize("small", ["ids:0", "deadlines:0"])
async def test_a_block_is_kept_in_one_piece_of_memory(
    client: aioredis.Redis, store: RedisStore, small: str
) -> None:
    """The defaults of Redis and Valkey do so up to 64 bytes an entry; memory rests on it."""
    due = CustomerWrite(b"s", 1_483_264_800_500, (), ())
    await write(store, {f"{number:064}": due for number in range(BLOCK)})
    encoding: Any = await client.object("ENCODING", store.keys(P).meta.replace("meta", small))
    assert encoding == b"listpack"
