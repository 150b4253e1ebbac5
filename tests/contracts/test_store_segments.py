"""Members of segments, movement, lookups and vitals, on memory, Valkey and Redis 7 alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

import pytest
import redis.asyncio as aioredis

from streams.memory_store import MemoryStore
from streams.redis_store import RedisStore, connect
from streams.store import (
    LEARNER,
    Change,
    CustomerWrite,
    Live,
    Looked,
    Members,
    Meta,
    Store,
    Vitals,
    Whole,
)

P = 3
ACTIVE, OVERDUE, LOYAL = "lifecycle/active", "flag/overdue", "rfm.quintile/loyal"
UNKNOWN = b"a nonce that no write has had"
# Ids that UTF-8 orders otherwise than UTF-16 does, or that a range could mistake for a bound.
HOSTILE_IDS = (
    "\x00",
    "\x00\x00",
    "\n",
    " ",
    "(",
    "(a",
    "*",
    "+",
    "+inf",
    "-",
    "-inf",
    "0",
    "A",
    "[",
    "[a",
    "a",
    "a\x00",
    "a\x1f1",
    "aa",
    "nul\x00inside",
    "z",
    "{tag}:c",
    "\x7f",
    "Zoe\u0308",
    "Zo\u00eb",
    "\u0080",
    "ş" * 128,
    "\u202eright-to-left",
    "\uffff",
    "🛍️👩‍👩‍👧",
    "\U0010ffff",
)


def member(*segments: str) -> CustomerWrite:
    return CustomerWrite(b"s", None, (), segments)


async def write(
    store: Store,
    customers: Mapping[str, CustomerWrite] = MappingProxyType({}),
    movement: Mapping[str, bytes | None] = MappingProxyType({}),
    partition: int = P,
    meta: Meta | None = None,
) -> Meta:
    """Write on top of what stands there; answers the new meta."""
    before = (await store.load(partition, [])).meta
    number = before.offset + 1
    after = (meta or Meta())._replace(offset=number, nonce=b"n%d" % number, schema=5)
    change = Change(after, customers, (), movement=movement)
    assert await store.apply(partition, before, change)
    return after


async def pages(store: Store, segment: str, count: int) -> list[list[str]]:
    """All members, so many at a time."""
    found, cursor = list[list[str]](), 0
    while True:
        ids, cursor = await store.members(P, segment, cursor, count)
        found.append([*ids])
        if not cursor:
            return found


async def test_a_segment_that_nobody_was_ever_in_has_no_members(store: Store) -> None:
    assert await store.members(P, ACTIVE, 0, 10) == Members([], 0)
    assert await store.members(P, ACTIVE, 7, 10) == Members([], 0)
    assert await store.sizes(P, [ACTIVE, OVERDUE]) == [0, 0]
    assert not await store.is_member(P, ACTIVE, "c1")


async def test_members_come_in_the_order_in_which_they_were_first_written(store: Store) -> None:
    for customer_id in HOSTILE_IDS:
        await write(store, {customer_id: member()})
    for customer_id in reversed(HOSTILE_IDS):
        await write(store, {customer_id: member(ACTIVE)})
    assert await store.members(P, ACTIVE, 0, 1_000) == Members([*HOSTILE_IDS], 0)
    assert await store.sizes(P, [ACTIVE]) == [len(HOSTILE_IDS)]


@pytest.mark.parametrize("count", [1, 2, 7, 1_000])
async def test_page_by_page_every_member_comes_once(store: Store, count: int) -> None:
    await write(store, dict.fromkeys(HOSTILE_IDS, member(ACTIVE)))
    found = await pages(store, ACTIVE, count)
    assert [id_ for page in found for id_ in page] == [*HOSTILE_IDS]
    assert {len(page) for page in found[:-1]} <= {count}


async def test_a_page_goes_on_where_the_one_before_ended_though_its_last_member_was_removed(
    store: Store,
) -> None:
    await write(store, dict.fromkeys(["h", "d", "f", "b"], member(ACTIVE)))
    ids, cursor = await store.members(P, ACTIVE, 0, 2)
    assert ids == ["h", "d"]
    gone = CustomerWrite(None, None, [ACTIVE], ())
    await write(store, {"a": member(ACTIVE), "d": gone, "f": gone, "h": gone})
    assert await store.members(P, ACTIVE, cursor, 3) == Members(["b", "a"], 0)


async def test_who_comes_back_after_an_erasure_is_somebody_new(store: Store) -> None:
    """Nobody is ever given the number of another one: no reader takes the one for the other."""
    await write(store, dict.fromkeys(["a", "b"], member(ACTIVE)))
    await write(store, {"a": CustomerWrite(None, None, [ACTIVE], ())})
    await write(store, {"c": member()})
    await write(store, {"a": member(OVERDUE)})
    assert await store.members(P, ACTIVE, 0, 9) == Members(["b"], 0)
    await write(store, {"c": member(ACTIVE), "a": member(ACTIVE)})
    assert await store.members(P, ACTIVE, 0, 9) == Members(["b", "c", "a"], 0)


async def test_few_members_among_thousands_are_found_page_by_page(store: Store) -> None:
    ids = [f"c{number:04}" for number in range(1_500)]
    await write(store, dict.fromkeys(ids, member()))
    few = [ids[place] for place in (0, 7, 8, 63, 64, 700, 1_023, 1_024, 1_499)]
    await write(store, dict.fromkeys(few, member(LOYAL)))
    for count in (1, 2, 4, 9):
        found = await pages(store, LOYAL, count)
        assert [id_ for page in found for id_ in page] == few
        assert len(found) == -(-len(few) // count)


async def test_a_member_is_one_by_every_byte_of_the_id(store: Store) -> None:
    await write(store, {each: member(ACTIVE) for each in HOSTILE_IDS if each != "Zoe\u0308"})
    found = [each for each in HOSTILE_IDS if await store.is_member(P, ACTIVE, each)]
    assert found == [each for each in HOSTILE_IDS if each != "Zoe\u0308"]
    for stranger in ("a\x00\x00", "", "A\x00", "*a", "zo\u00eb"):
        assert not await store.is_member(P, ACTIVE, stranger)
        assert not await store.is_member(P, OVERDUE, stranger)


async def test_a_customer_is_in_several_segments_and_leaves_them_one_by_one(store: Store) -> None:
    await write(store, {"c1": member(ACTIVE, OVERDUE, LOYAL), "c2": member(ACTIVE)})
    assert await store.sizes(P, [LOYAL, ACTIVE, OVERDUE]) == [1, 2, 1]
    await write(store, {"c1": CustomerWrite(b"s", None, [OVERDUE], ())})
    assert await store.sizes(P, [LOYAL, ACTIVE, OVERDUE]) == [1, 2, 0]
    await write(store, {"c1": CustomerWrite(b"s", None, [ACTIVE], ["lifecycle/dormant"])})
    assert await store.sizes(P, [ACTIVE, "lifecycle/dormant"]) == [1, 1]
    assert await store.members(P, LOYAL, 0, 9) == Members(["c1"], 0)


async def test_entering_twice_counts_once_and_leaving_what_one_is_not_in_does_nothing(
    store: Store,
) -> None:
    await write(store, {"c1": member(ACTIVE)})
    await write(store, {"c1": member(ACTIVE), "c2": CustomerWrite(b"s", None, [ACTIVE], ())})
    assert await store.members(P, ACTIVE, 0, 9) == Members(["c1"], 0)
    assert await store.sizes(P, [ACTIVE]) == [1]


async def test_who_is_removed_or_becomes_another_name_is_in_no_segment(store: Store) -> None:
    await write(store, {"c1": member(ACTIVE), "c2": member(ACTIVE), "c3": member(ACTIVE)})
    gone = CustomerWrite(None, None, [ACTIVE], ())
    alias = CustomerWrite(b"alias", None, [ACTIVE], (), None)
    await write(store, {"c1": gone, "c2": alias})
    assert await store.members(P, ACTIVE, 0, 9) == Members(["c3"], 0)
    assert not await store.is_member(P, ACTIVE, "c1")
    assert not await store.is_member(P, ACTIVE, "c2")


async def test_segments_of_one_partition_are_not_those_of_another(store: Store) -> None:
    await write(store, {"c1": member(ACTIVE)}, partition=1)
    for elsewhere in (0, 11, LEARNER):
        assert await store.members(elsewhere, ACTIVE, 0, 9) == Members([], 0)
        assert await store.sizes(elsewhere, [ACTIVE]) == [0]
    assert await store.members(1, ACTIVE, 0, 9) == Members(["c1"], 0)


async def test_sizes_answer_in_the_order_asked_for_and_as_often(store: Store) -> None:
    await write(store, {"c1": member(ACTIVE, OVERDUE), "c2": member(ACTIVE)})
    asked = [OVERDUE, ACTIVE, "nobody/here", ACTIVE]
    assert await store.sizes(P, asked) == [1, 2, 0, 2]
    assert await store.sizes(P, []) == []


@pytest.mark.parametrize("name", ["cluster/0", "rfm.ş\r\n/{x}", "*", "meta", "a b/c\x00"])
async def test_a_segment_may_be_called_anything(store: Store, name: str) -> None:
    meta = await write(store, {"c1": member(name)})
    assert await store.members(P, name, 0, 9) == Members(["c1"], 0)
    assert await store.sizes(P, [name]) == [1]
    assert (await store.load(P, [])).meta == meta


async def test_a_change_that_is_fenced_moves_nobody_and_counts_nothing(store: Store) -> None:
    before = await write(store, {"c1": member(ACTIVE)}, {"738000": b"one"})
    await write(store)
    leaves = {"c1": CustomerWrite(None, None, [ACTIVE], ())}
    late = Change(Meta(9, b"n9"), leaves, (), movement={"738000": None, "738001": b"two"})
    assert await store.apply(P, before, late) is False
    assert await store.members(P, ACTIVE, 0, 9) == Members(["c1"], 0)
    assert await store.movement(P) == {"738000": b"one"}


async def test_two_thousand_members_enter_and_leave_in_one_change(store: Store) -> None:
    ids = [f"c{number:04}" for number in range(2_000)]
    await write(store, dict.fromkeys(ids, member(ACTIVE, LOYAL)))
    assert await store.sizes(P, [ACTIVE, LOYAL]) == [2_000, 2_000]
    assert await store.members(P, LOYAL, 1_900, 100) == Members(ids[1_900:], 0)
    await write(store, dict.fromkeys(ids[1:], CustomerWrite(b"s", None, [LOYAL], ())))
    assert await store.sizes(P, [ACTIVE, LOYAL]) == [2_000, 1]


async def test_days_of_movement_are_set_replaced_and_forgotten(store: Store) -> None:
    assert await store.movement(P) == {}
    await write(store, movement={"738000": b"a", "738001": bytes(range(256))})
    await write(store, movement={"738000": None, "738002": b"", "never there": None})
    await write(store, movement={"738002": b"c"})
    assert await store.movement(P) == {"738001": bytes(range(256)), "738002": b"c"}
    assert await store.movement(P + 1) == {}


async def test_movement_is_part_of_the_whole(store: Store) -> None:
    meta = await write(store, movement={"738000": b"a"})
    loaded = await store.load(P, [], UNKNOWN)
    assert loaded.whole == Whole({}, None, {}, {"738000": b"a"})
    assert (await store.load(P, [], meta.nonce)).whole is None


async def test_four_hundred_days_are_written_and_forgotten_in_one_change(store: Store) -> None:
    days = {str(738_000 + number): b"d%d" % number for number in range(400)}
    await write(store, movement=days)
    assert await store.movement(P) == days
    await write(store, movement=dict.fromkeys(days))
    assert await store.movement(P) == {}


async def test_a_look_answers_states_in_the_order_asked_for_and_none_for_strangers(
    store: Store,
) -> None:
    states = {id_: bytes([n]) + b"\x00\r\n\xff" for n, id_ in enumerate(HOSTILE_IDS)}
    customers = {id_: CustomerWrite(state, None, (), ()) for id_, state in states.items()}
    meta = await write(store, customers, meta=Meta(clock_ms=1_483_264_800_500, population=7))
    asked = ["stranger", *reversed(HOSTILE_IDS), "a", "a"]
    looked = await store.look(P, asked)
    assert looked.offset == meta.offset == 1
    assert (looked.clock_ms, looked.population, looked.live) == (1_483_264_800_500, 7, None)
    assert list(looked.states) == [states.get(each) for each in asked]


async def test_a_look_at_a_partition_that_was_never_written_finds_nothing(store: Store) -> None:
    assert await store.look(P, ["c1"]) == Looked(0, 0, 0, [None], None)
    assert await store.look(P, []) == Looked(0, 0, 0, [], None)


@pytest.mark.parametrize("delay_ms", [0, -1_500, 86_400_000 * 3_000])
async def test_a_look_brings_the_note_that_the_owner_is_there(store: Store, delay_ms: int) -> None:
    await write(store, {"c1": member()})
    await store.set_live(P, Live(delay_ms), 60_000)
    assert (await store.look(P, ["c1"])).live == Live(delay_ms)
    assert (await store.look(P + 1, ["c1"])).live is None


async def test_a_look_never_shows_a_state_of_one_moment_with_the_clock_of_another(
    store: Store,
) -> None:
    """A state says at which offset it was written, the clock is as old as the offset."""

    async def fold_on() -> None:
        for number in range(1, 200):
            state = CustomerWrite(b"%d" % number, None, (), ())
            await write(store, {"c1": state}, meta=Meta(clock_ms=number))

    folding = asyncio.create_task(fold_on())
    seen: list[Looked] = []
    while not folding.done():
        seen.append(await store.look(P, ["c1"]))
        await asyncio.sleep(0)
    await folding
    seen.append(await store.look(P, ["c1"]))
    for looked in seen:
        assert looked.offset == looked.clock_ms
        assert looked.states == [b"%d" % looked.offset if looked.offset else None]
    assert seen[-1].offset == 199


async def test_vitals_are_kept_and_replaced_and_each_partition_has_its_own(store: Store) -> None:
    assert await store.vitals(P) is None
    await store.set_vitals(P, Vitals(2**40, -1, 2**53 + 1, 0.0), 60_000)
    assert await store.vitals(P) == Vitals(2**40, -1, 2**53 + 1, 0.0)
    await store.set_vitals(P, Vitals(0, 12, 34, 5_678.25), 60_000)
    assert await store.vitals(P) == Vitals(0, 12, 34, 5_678.25)
    assert await store.vitals(P + 1) is None


async def test_notes_of_the_owner_change_no_nonce(store: Store) -> None:
    meta = await write(store, {"c1": member(ACTIVE)})
    await store.set_vitals(P, Vitals(1, 2, 3, 4.0), 60_000)
    await store.set_live(P, Live(0), 60_000)
    assert (await store.load(P, [], meta.nonce)).whole is None
    assert await store.apply(P, meta, Change(Meta(9, b"n9"), {}, ()))


async def test_in_memory_both_notes_end_with_their_time() -> None:
    now_ms = 1_000
    store = MemoryStore(wall_ms=lambda: now_ms)
    await store.set_vitals(P, Vitals(1, 2, 3, 4.0), 500)
    await store.set_live(P, Live(7), 900)
    now_ms = 1_499
    assert await store.vitals(P) == Vitals(1, 2, 3, 4.0)
    now_ms = 1_500
    assert await store.vitals(P) is None
    assert (await store.look(P, [])).live == Live(7)
    now_ms = 1_900
    assert (await store.look(P, [])).live is None


@pytest.fixture
async def server_client(
    server_name: str, request: pytest.FixtureRequest
) -> AsyncIterator[aioredis.Redis]:
    url = request.getfixturevalue("valkey_url" if server_name == "Valkey" else "redis_url")
    async with connect(url) as client:
        yield client


async def test_on_a_server_both_notes_end_by_themselves(
    server_client: aioredis.Redis, namespace: str
) -> None:
    store = RedisStore(server_client, namespace)
    await store.set_vitals(P, Vitals(1, 2, 3, 4.0), 1)
    await store.set_live(P, Live(7), 1)
    async with asyncio.timeout(10):
        while await store.vitals(P) is not None:
            continue
        while (await store.look(P, [])).live is not None:
            continue
