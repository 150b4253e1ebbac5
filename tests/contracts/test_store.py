"""What every store promises, on memory, Valkey and Redis 7 alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from streams.keys import history_field
from streams.local import LocalStore
from streams.redis_store import RedisStore, connect
from streams.store import (
    HISTORY_SLOTS,
    MAX_CUSTOMERS,
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
    Store,
)
from tests.real_parts import RealParts

P = 3
HOSTILE_IDS = (
    "\x00",
    "nul\x00inside",
    "cr\r\nlf",
    "{tag}:c",
    "}",
    "*",
    " ",
    "-inf",
    "0",
    "a\x1f1",
    "a",
    "🛍️👩‍👩‍👧",
    "Zo\u00eb",
    "Zoe\u0308",
    "\u202eright-to-left",
    "ş" * 128,
)
FIRST = Meta(1, b"n1", 1_483_264_800_500, "topic-1", 4, 1, "policy")
ROW = OutboxRow("segment-changes.v1", b"c1", b"{}", (("ce_id", b"1"),))


def member(
    state: bytes = b"s", due_ms: int | None = None, before: str | None = None
) -> CustomerWrite:
    entered = () if before == "new" else ("new",)
    return CustomerWrite(state, due_ms, (), entered)


def plain(rows: list[tuple[bytes, OutboxRow]]) -> list[OutboxRow]:
    """Rows without their ids, headers as tuples: stores differ in both."""
    return [
        row._replace(headers=tuple((name, value) for name, value in row.headers)) for _, row in rows
    ]


async def write(
    store: Store, customers: Mapping[str, CustomerWrite] = MappingProxyType({}), meta: Meta = FIRST
) -> bool:
    return await store.apply(P, Meta(), Change(meta, customers, ()))


async def test_a_partition_that_was_never_written_is_empty(store: Store) -> None:
    assert await store.load(P, ["c1", "c2"]) == Loaded(Meta(), {}, 0)
    assert await store.due(P, 2**53, 10) == Loaded(Meta(), {}, 0)
    assert await store.next_due_ms(P) is None
    assert await store.history(P, "c1") == []
    assert await store.sizes(P, ["new", "active"]) == [0, 0]
    assert await store.sizes(P, []) == []
    assert await store.outbox(P, 10) == []
    assert await store.live(P) is None


async def test_what_was_applied_is_loaded_and_who_is_not_known_is_left_out(store: Store) -> None:
    assert await write(store, {"c1": member(b"one"), "c2": member(b"two")})
    assert await store.load(P, ["c2", "c9"]) == Loaded(FIRST, {"c2": b"two"}, 0)
    assert await store.load(P, []) == Loaded(FIRST, {}, 0)


async def test_a_write_reaches_its_own_partition_only(store: Store) -> None:
    assert await store.apply(0, Meta(), Change(FIRST, {"c1": member(due_ms=5)}, [ROW]))
    assert await store.load(1, ["c1"]) == Loaded(Meta(), {}, 0)
    assert await store.next_due_ms(1) is None
    assert await store.sizes(1, ["new"]) == [0]
    assert await store.outbox(1, 10) == []


@pytest.mark.parametrize(
    "expected",
    [
        Meta(),
        FIRST._replace(nonce=b"n0"),
        FIRST._replace(nonce=b""),
        FIRST._replace(offset=0),
        FIRST._replace(offset=2),
        FIRST._replace(nonce=b"n1\x00"),
    ],
)
async def test_a_moved_offset_or_nonce_fences_the_whole_change(
    store: Store, expected: Meta
) -> None:
    await write(store, {"c1": member(b"one", 10)})
    gone = CustomerWrite(None, None, ("new",), ())
    change = Change(Meta(9, b"n9"), {"c1": gone, "c2": member(b"two", 1)}, [ROW])
    assert await store.apply(P, expected, change) is False
    assert await store.load(P, ["c1", "c2"]) == Loaded(FIRST, {"c1": b"one"}, 0)
    assert await store.next_due_ms(P) == 10
    assert await store.sizes(P, ["new"]) == [1]


async def test_only_offset_and_nonce_are_compared(store: Store) -> None:
    await write(store)
    expected = Meta(FIRST.offset, FIRST.nonce, 7, "another", 9, 9, "another")
    assert await store.apply(P, expected, Change(Meta(2, b"n2"), {}, ())) is True


async def test_the_same_change_twice_is_fenced_the_second_time(store: Store) -> None:
    change = Change(FIRST, {"c1": member()}, [ROW])
    assert await store.apply(P, Meta(), change) is True
    assert await store.apply(P, Meta(), change) is False
    assert (await store.load(P, [])).outbox_rows == 1


@pytest.mark.parametrize(
    "nonce", [bytes(range(256)), b"\x00", b"\r\n", b"0", "ş".encode(), b"\xff"]
)
async def test_a_nonce_may_have_any_bytes(store: Store, nonce: bytes) -> None:
    meta = FIRST._replace(nonce=nonce)
    await write(store, meta=meta)
    assert (await store.load(P, [])).meta == meta
    assert await store.apply(P, meta._replace(nonce=nonce + b" "), Change(FIRST, {}, ())) is False
    assert await store.apply(P, meta, Change(FIRST, {}, ())) is True


@pytest.mark.parametrize("number", [2**53 + 1, 10**18 + 1, 2**63 - 1])
async def test_large_integers_survive_to_the_last_digit(store: Store, number: int) -> None:
    meta = Meta(number, b"n", number, "t", 4, 1, "p")
    await write(store, {"c1": member(str(number).encode())}, meta)
    assert await store.load(P, ["c1"]) == Loaded(meta, {"c1": str(number).encode()}, 0)
    wrong = Change(FIRST, {}, ())
    assert await store.apply(P, meta._replace(offset=number - 1), wrong) is False
    assert await store.apply(P, meta, wrong) is True


async def test_ids_and_states_may_have_any_content(store: Store) -> None:
    states = {id_: bytes([n]) + b"\x00\r\n\xff" for n, id_ in enumerate(HOSTILE_IDS)}
    await write(store, {id_: member(state, 5) for id_, state in states.items()})
    loaded = await store.load(P, HOSTILE_IDS)
    assert loaded.states == states
    assert list(loaded.states) == list(HOSTILE_IDS)
    assert await store.sizes(P, ["new"]) == [len(HOSTILE_IDS)]
    due = await store.due(P, 5, MAX_CUSTOMERS)
    assert due.states == states


async def test_who_is_due_comes_the_earliest_first_and_then_by_id_however_many_are_asked_for(
    store: Store,
) -> None:
    ids = [f"c{(7 * n) % 150}" for n in range(150)]  # written in another order, over several blocks
    await write(store, {id_: member(due_ms=10 + n % 3) for n, id_ in enumerate(ids)})
    order = sorted(ids, key=lambda id_: (10 + ids.index(id_) % 3, id_))
    assert list((await store.due(P, 20, 40)).states) == order[:40]
    met: list[str] = []
    while (found := await store.due(P, 20, 40)).states:
        met += found.states
        later = dict.fromkeys(found.states, member(due_ms=30))
        then = FIRST._replace(nonce=b"n%d" % len(met))
        assert await store.apply(P, found.meta, Change(then, later, ()))
    assert met == order


async def test_who_is_due_comes_with_their_state_and_no_more_than_were_asked_for(
    store: Store,
) -> None:
    await write(store, {id_: member(id_.encode(), 10 if id_ == "z" else 20) for id_ in "zBaş"})
    everybody = {id_: id_.encode() for id_ in "zBaş"}
    assert await store.due(P, 20, 10) == Loaded(FIRST, everybody, 0)
    some = (await store.due(P, 20, 2)).states
    assert len(some) == 2
    assert {"z": b"z"}.items() <= some.items() <= everybody.items()
    assert await store.due(P, 19, 10) == Loaded(FIRST, {"z": b"z"}, 0)
    assert (await store.due(P, 9, 10)).states == {}
    assert await store.next_due_ms(P) == 10


async def test_a_deadline_is_moved_and_taken_away(store: Store) -> None:
    await write(store, {"c1": member(due_ms=10), "c2": member(due_ms=20)})
    moved = {"c1": member(b"s", 30, "new"), "c2": member(b"s", None, "new")}
    await store.apply(P, FIRST, Change(Meta(2, b"n2"), moved, ()))
    assert await store.next_due_ms(P) == 30
    assert list((await store.due(P, 2**53, 10)).states) == ["c1"]
    assert (await store.due(P, 29, 10)).states == {}


async def test_whoever_has_the_earliest_deadline_among_thousands_is_found_as_it_moves(
    store: Store,
) -> None:
    """Deadlines stand in blocks, which stand by the earliest of them."""
    ids = [f"c{number:04}" for number in range(500)]
    await write(store, {id_: member(due_ms=10_000 + n) for n, id_ in enumerate(ids)})
    moves = [("c0400", 5), ("c0400", None), ("c0130", 7), ("c0131", 6), ("c0131", 20_000)]
    meta, earliest = FIRST, []
    for offset, (id_, due_ms) in enumerate(moves, 2):
        after = Meta(offset, b"n%d" % offset)
        moved = {id_: member(b"s", due_ms, "new")}
        assert await store.apply(P, meta, Change(after, moved, ()))
        meta = after
        earliest.append(await store.next_due_ms(P))
        found = await store.due(P, earliest[-1] or 0, 10)
        assert list(found.states) == [{10_000: "c0000", 7: "c0130"}.get(earliest[-1] or 0, id_)]
    assert earliest == [5, 10_000, 7, 6, 7]


async def test_every_deadline_comes_in_its_turn_when_more_are_due_than_one_script_takes(
    store: Store,
) -> None:
    ids = [f"c{number:04}" for number in range(300)]
    await write(store, {id_: member(due_ms=n * 37 % 101) for n, id_ in enumerate(ids)})
    meta, met = FIRST, list[str]()
    while some := (await store.due(P, 50, 40)).states:
        after = Meta(meta.offset + 1, b"n%d" % meta.offset)
        met += some
        later = dict.fromkeys(some, member(b"s", 51, "new"))
        assert await store.apply(P, meta, Change(after, later, ()))
        meta = after
    assert sorted(met) == [id_ for n, id_ in enumerate(ids) if n * 37 % 101 <= 50]
    assert await store.next_due_ms(P) == 51


async def test_a_customer_moves_from_segment_to_segment(store: Store) -> None:
    segments = ["new", "active", "dormant"]
    await write(store, {"c1": member(), "c2": member(), "c3": member()})
    moved = {
        "c1": CustomerWrite(b"s", None, ("new",), ("active",)),
        "c2": CustomerWrite(b"s", None, (), ()),
        "c3": CustomerWrite(b"s", None, ("new",), ()),
        "c4": CustomerWrite(b"s", None, (), ("dormant",)),
    }
    await store.apply(P, FIRST, Change(Meta(2, b"n2"), moved, ()))
    assert await store.sizes(P, segments) == [1, 1, 1]


async def test_no_state_removes_all_that_belongs_to_a_customer_and_to_nobody_else(
    store: Store,
) -> None:
    kept = CustomerWrite(b"s", 7, (), ("new",), [(n, b"h%d" % n) for n in range(HISTORY_SLOTS)])
    await write(store, {"c1": kept, "c11": kept})
    gone = {
        "c1": CustomerWrite(None, None, ("new",), ()),
        "c0": CustomerWrite(None, None, (), ()),
    }
    await store.apply(P, FIRST, Change(Meta(2, b"n2"), gone, ()))
    assert (await store.load(P, ["c1", "c11", "c0"])).states == {"c11": b"s"}
    assert list((await store.due(P, 7, 10)).states) == ["c11"]
    assert await store.sizes(P, ["new"]) == [1]
    assert await store.history(P, "c1") == []
    assert len(await store.history(P, "c11")) == HISTORY_SLOTS


async def test_a_history_slot_is_overwritten_and_ids_that_look_alike_stay_apart(
    store: Store,
) -> None:
    first = CustomerWrite(b"s", None, (), ("new",), ((0, b"old"), (15, b"last"), (0, b"zero")))
    await write(store, {"a": first, "a\x1f1": first, "a\x1f": first})
    again = CustomerWrite(b"s", None, (), (), ((1, b"one"), (0, b"new")))
    await store.apply(P, FIRST, Change(Meta(2, b"n2"), {"a": again}, ()))
    assert sorted(await store.history(P, "a")) == [b"last", b"new", b"one"]
    assert sorted(await store.history(P, "a\x1f1")) == [b"last", b"zero"]


async def test_outbox_rows_keep_their_order_and_their_bytes_until_deleted(store: Store) -> None:
    rows = [
        OutboxRow("t", None, None, ()),
        OutboxRow("t", b"", b"", (("h", b"\x00\xff"), ("h", b""))),
        OutboxRow("t\r\n", b"\x00", bytes(range(256)) * 4_096, (("ş", b"\r\n"),)),
    ]
    await store.apply(P, Meta(), Change(FIRST, {}, rows[:2]))
    await store.apply(P, FIRST, Change(Meta(2, b"n2"), {}, rows[2:]))
    found = await store.outbox(P, 10)
    assert plain(found) == rows
    assert (await store.load(P, [])).outbox_rows == 3
    assert await store.outbox(P, 2) == found[:2]
    await store.outbox_delete(P, [])
    await store.outbox_delete(P, [found[1][0]])
    await store.outbox_delete(P, [found[1][0], found[0][0]])
    assert plain(await store.outbox(P, 10)) == rows[2:]
    assert (await store.due(P, 0, 1)).outbox_rows == 1


async def test_one_change_may_write_500_customers_and_remove_500_with_large_rows(
    store: Store,
) -> None:
    history = [(slot, b"h" * 90) for slot in range(HISTORY_SLOTS)]
    ids = [f"customer-{n:04}" for n in range(2 * MAX_CUSTOMERS)]
    every = {
        id_: CustomerWrite(b"s" * 300, 10**12 + n, (), ("new",), history)
        for n, id_ in enumerate(ids)
    }
    assert await store.apply(P, Meta(), Change(FIRST, every, [ROW] * 3_000))
    assert await store.sizes(P, ["new"]) == [1_000]
    assert len((await store.due(P, 2**53, MAX_CUSTOMERS)).states) == MAX_CUSTOMERS
    assert (await store.due(P, 10**12, MAX_CUSTOMERS)).states == {ids[0]: b"s" * 300}
    assert len((await store.load(P, ids)).states) == 1_000
    assert (await store.load(P, [])).outbox_rows == 3_000
    half = {id_: CustomerWrite(None, None, ("new",), ()) for id_ in ids[:MAX_CUSTOMERS]}
    assert await store.apply(P, FIRST, Change(Meta(2, b"n2"), half, ()))
    assert len((await store.load(P, ids)).states) == MAX_CUSTOMERS
    assert await store.history(P, ids[0]) == []
    assert len(await store.history(P, ids[-1])) == HISTORY_SLOTS


async def test_a_live_note_is_kept_and_replaced(store: Store) -> None:
    await store.set_live(P, Live(86_400_000 * 3_000), 60_000)
    await store.set_live(P, Live(-1_500), 60_000)
    assert await store.live(P) == Live(-1_500)
    assert await store.live(P + 1) is None


async def test_the_newest_event_is_the_one_appended_last(store: Store) -> None:
    assert await store.offer_newest(Newest(100, 90)) == Newest(100, 90)
    assert await store.offer_newest(Newest(99, 98)) == Newest(100, 90)
    assert await store.offer_newest(Newest(100, 85)) == Newest(100, 90)
    replayed = Newest(100, 95, replayed=True)  # of two that were appended together the later one
    assert await store.offer_newest(replayed) == replayed
    assert await store.offer_newest(Newest(0, 0)) == replayed
    assert await store.offer_newest(Newest(1_000, 5)) == Newest(1_000, 5)


async def test_how_many_partitions_there_are_is_noted(store: Store) -> None:
    assert await store.partitions() == 0
    await store.set_partitions(4)
    await store.set_partitions(12)
    assert await store.partitions() == 12


async def test_no_customer_id_is_part_of_a_keys_text(
    server_name: str, namespace: str, request: pytest.FixtureRequest
) -> None:
    ids = [id_ + "-customer-4711" for id_ in HOSTILE_IDS]
    url = request.getfixturevalue("valkey_url" if server_name == "Valkey" else "redis_url")
    async with connect(url) as client:
        store = RedisStore(client, namespace)
        every = CustomerWrite(b"s", 5, (), ("new",), ((0, b"h"),))
        sketch = {"n": b"1"}
        await store.apply(P, Meta(), Change(FIRST, dict.fromkeys(ids, every), [ROW], sketch, b"{}"))
        await store.set_live(P, Live(0), 60_000)
        await store.offer_newest(Newest(1, 1))
        await store.set_partitions(4)
        keys = {key async for key in client.scan_iter(count=1_000) if namespace.encode() in key}
        tag = f"seg:{{{namespace}:3}}:"
        names = {"meta", "c", "ids:0", "deadlines:0", "deadlines", "members:new", "history"}
        names |= {"outbox", "live"}
        names |= {"sketch", "population"}
        shared = {f"seg:{namespace}:{name}".encode() for name in ("newest", "partitions")}
        assert keys == {f"{tag}{name}".encode() for name in names} | shared
        assert await client.hexists(store.keys(P).history, history_field(ids[0], 0))


async def test_a_redis_that_evicts_is_unfit_to_keep_states(
    real_parts: RealParts, server_name: str, tmp_path: Path
) -> None:
    server = real_parts.server(server_name, tmp_path)
    assert isinstance(server, LocalStore)
    with server:
        async with connect(server.url) as client:
            store = RedisStore(client, "main")
            assert await store.unfit() is None
            await client.config_set("maxmemory-policy", "allkeys-lru")
            said = await store.unfit()
            assert said is not None
            assert "maxmemory-policy allkeys-lru" in said
            assert said.endswith("run: redis-cli CONFIG SET maxmemory-policy noeviction")
