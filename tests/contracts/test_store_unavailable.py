"""A server that is gone, slow, full or not in charge: `StoreUnavailable`, and nothing is half done."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis.asyncio as aioredis

from streams.local import LocalStore
from streams.redis_store import RedisStore, connect
from streams.store import (
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
    StoreUnavailable,
    Whole,
)
from tests.real_parts import RealParts

P = 0
FIRST = Meta(1, b"n1", 5, "topic-1", 4, 1, "policy")
NOBODY_LISTENS = "127.0.0.1", 1
WRITES = {
    "a new customer": Change(
        FIRST, {"c1": CustomerWrite(b"s" * 999, 5, (), ("new",), ((0, b"h"),))}, ()
    ),
    "a deadline": Change(FIRST, {"c0": CustomerWrite(b"s", 9, (), ())}, ()),
    "a row": Change(FIRST, {}, [OutboxRow("t", None, b"v", ())]),
    "a slot of the sketch": Change(FIRST, {}, (), {"n": b"1"}),
    "a population": Change(FIRST, {}, (), {}, b"{}"),
    "the offset": Change(FIRST, {}, ()),
}
SPIN = "while true do end"


@pytest.fixture
def server(real_parts: RealParts, server_name: str, tmp_path: Path) -> Iterator[LocalStore]:
    """A server that may be ruined."""
    own = real_parts.server(server_name, tmp_path)
    assert isinstance(own, LocalStore)
    with own:
        yield own


@pytest.fixture
async def admin(server: LocalStore) -> AsyncIterator[aioredis.Redis]:
    """The hand that ruins it."""
    async with connect(server.url) as client:
        yield client


@pytest.fixture
async def store(server: LocalStore) -> AsyncIterator[RedisStore]:
    """A store on it that waits half a second at most."""
    async with connect(server.url, timeout_s=0.5) as client:
        yield RedisStore(client, "ns")


async def everything_is_unavailable(store: RedisStore) -> None:
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.load(P, ["c1"]),
        lambda: store.load(P, ["c1"], b"n1"),
        lambda: store.due(P, 9, 9),
        lambda: store.walk(P, 0, 9),
        lambda: store.apply(P, FIRST, WRITES["a new customer"]),
        lambda: store.next_due_ms(P),
        lambda: store.population(P),
        lambda: store.history(P, "c1"),
        lambda: store.sizes(P, ["new"]),
        lambda: store.label_names(P, [b"\x00teatea"]),
        lambda: store.outbox(P, 9),
        lambda: store.outbox_delete(P, [b"1-1"]),
        lambda: store.set_live(P, Live(0), 9),
        lambda: store.live(P),
        lambda: store.offer_newest(Newest(1, 1)),
        lambda: store.set_partitions(4),
        store.partitions,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="Redis: "):
            await call()


async def test_a_server_that_was_stopped_is_unavailable_to_every_call(
    real_parts: RealParts, server_name: str, tmp_path: Path
) -> None:
    server = real_parts.server(server_name, tmp_path)
    assert isinstance(server, LocalStore)
    with server:
        async with connect(server.url) as client:
            store = RedisStore(client, "ns")
            assert await store.apply(P, Meta(), WRITES["the offset"])
            server.__exit__()
            await everything_is_unavailable(store)


async def test_a_server_that_does_not_answer_in_time_is_unavailable_and_may_have_written(
    server: LocalStore, store: RedisStore
) -> None:
    await store.apply(P, Meta(), WRITES["the offset"])
    second = Change(Meta(2, b"n2"), {}, [OutboxRow("t", None, b"v", ())])
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable):
            await store.apply(P, FIRST, second)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    while (await store.load(P, [])).meta.offset != 2:  # it still lies in the server's socket
        pass
    assert await store.apply(P, FIRST, second) is False
    assert (await store.load(P, [])).outbox_rows == 1


@pytest.mark.parametrize("what", WRITES)
async def test_a_full_server_writes_nothing_and_works_again_once_it_has_room(
    admin: aioredis.Redis, store: RedisStore, what: str
) -> None:
    first = Change(Meta(0, b"n0"), {"c0": CustomerWrite(b"s", 7, (), ("new",))}, ())
    await store.apply(P, Meta(), first)
    await admin.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailable, match="used memory"):
        await store.apply(P, first.meta, WRITES[what])
    loaded = await store.load(P, ["c0", "c1"], b"another nonce")
    assert loaded == Loaded(first.meta, {"c0": b"s"}, 0, Whole({}, None))
    assert await store.next_due_ms(P) == 7
    assert await store.history(P, "c1") == []
    await admin.config_set("maxmemory", 0)
    assert await store.apply(P, first.meta, WRITES[what])


async def test_a_full_server_still_removes_a_person_and_all_of_the_change_or_nothing_is_written(
    admin: aioredis.Redis, store: RedisStore
) -> None:
    await store.apply(P, Meta(), Change(FIRST, {"c1": CustomerWrite(b"s", 7, (), ("new",))}, ()))
    await admin.config_set("maxmemory", 1)
    gone = Change(
        Meta(2, b"n2"),
        {"c1": CustomerWrite(None, None, ("new",), ())},
        [OutboxRow("t", b"c1", b"erased", ())],
    )
    try:
        applied = await store.apply(P, FIRST, gone)
    except StoreUnavailable:
        applied = False
    loaded = await store.load(P, ["c1"])
    after = (loaded.meta.offset, dict(loaded.states), loaded.outbox_rows)
    assert after == ((2, {}, 1) if applied else (1, {"c1": b"s"}, 0))


async def test_a_server_that_cannot_save_writes_nothing(
    admin: aioredis.Redis, store: RedisStore, tmp_path: Path
) -> None:
    (tmp_path / "dump.rdb").mkdir()  # so that a save must fail, for root as well
    with pytest.raises(aioredis.ResponseError):
        await admin.save()
    await admin.config_set("save", "3600 1")
    await admin.config_set("stop-writes-on-bgsave-error", "yes")
    await admin.bgsave()
    while (await admin.info("persistence"))["rdb_last_bgsave_status"] != "err":
        pass
    with pytest.raises(StoreUnavailable, match="MISCONF"):
        await store.apply(P, Meta(), WRITES["a new customer"])
    assert await store.load(P, ["c1"]) == Loaded(Meta(), {}, 0)
    await admin.config_set("save", "")  # or it would refuse to be stopped


async def test_a_replica_can_not_be_written_to(admin: aioredis.Redis, store: RedisStore) -> None:
    await admin.replicaof(*NOBODY_LISTENS)
    with pytest.raises(StoreUnavailable, match="replica"):
        await store.apply(P, Meta(), WRITES["a new customer"])


async def test_a_replica_that_has_lost_its_master_is_unavailable(
    admin: aioredis.Redis, store: RedisStore
) -> None:
    await admin.config_set("replica-serve-stale-data", "no")
    await admin.replicaof(*NOBODY_LISTENS)
    await everything_is_unavailable(store)


async def test_a_server_busy_with_somebodys_script_is_unavailable_and_comes_back(
    server: LocalStore, admin: aioredis.Redis, store: RedisStore
) -> None:
    await admin.config_set("busy-reply-threshold", 10)
    async with connect(server.url, timeout_s=0.05) as other:
        with pytest.raises(aioredis.RedisError):
            await other.eval(SPIN, 0)
    await everything_is_unavailable(store)
    await admin.script_kill()
    while not await _answers(store):  # the script notices a little later
        pass
    assert await store.apply(P, Meta(), WRITES["the offset"])


async def _answers(store: RedisStore) -> bool:
    try:
        return await store.live(P) is None
    except StoreUnavailable:
        return False


async def test_too_few_replicas_make_a_server_unavailable_for_writes(
    admin: aioredis.Redis, store: RedisStore
) -> None:
    await admin.config_set("min-replicas-to-write", 1)
    with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
        await store.apply(P, Meta(), WRITES["a new customer"])
    assert await store.load(P, ["c1"]) == Loaded(Meta(), {}, 0)


async def test_scripts_that_the_server_has_forgotten_are_sent_again(
    admin: aioredis.Redis, store: RedisStore
) -> None:
    await store.load(P, [])
    await admin.script_flush()
    assert await store.load(P, []) == Loaded(Meta(), {}, 0)


async def test_a_fault_of_ours_is_not_called_unavailable(
    admin: aioredis.Redis, store: RedisStore
) -> None:
    await admin.set(store.keys(P).meta, "a string, where a hash should be")
    with pytest.raises(aioredis.ResponseError, match="WRONGTYPE"):
        await store.load(P, [])


async def test_a_live_note_expires_by_itself(store: RedisStore) -> None:
    await store.set_live(P, Live(7), ttl_ms=60_000)
    assert await store.live(P) == Live(7)
    await store.set_live(P, Live(7), ttl_ms=1)
    while await store.live(P) is not None:
        pass
