"""What belongs to a partition as a whole, and walks over it, on memory, Valkey and Redis 7 alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from streams.store import (
    LEARNER,
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Meta,
    OutboxRow,
    Store,
    Whole,
)

P = 3
FIRST = Meta(1, b"n1", 1_483_264_800_500, "topic-1", 4, 2, "policy", 7, 736_330)
UNKNOWN = b"a nonce that no write has had"
NOTHING: Mapping[str, CustomerWrite] = MappingProxyType({})


def member(state: bytes) -> CustomerWrite:
    return CustomerWrite(state, None, (), ())


def gone() -> CustomerWrite:
    return CustomerWrite(None, None, (), ())


def crowd(customers: int) -> dict[str, CustomerWrite]:
    """So many customers with states of their own."""
    return {f"c{number:04}": member(b"state of %d" % number) for number in range(customers)}


async def change(
    store: Store,
    customers: Mapping[str, CustomerWrite] = NOTHING,
    sketch: Mapping[str, bytes | None] = MappingProxyType({}),
    population: bytes | None = None,
    place: int = P,
) -> Meta:
    """Write on top of what stands there; answers the new meta."""
    before = (await store.load(place, [])).meta
    after = FIRST._replace(offset=before.offset + 1, nonce=b"n%d" % (before.offset + 1))
    assert await store.apply(place, before, Change(after, customers, (), sketch, population))
    return after


async def whole(store: Store, place: int = P) -> Whole:
    found = (await store.load(place, [], UNKNOWN)).whole
    assert found is not None
    return found


async def test_population_and_closed_day_are_part_of_the_meta(store: Store) -> None:
    meta = await change(store)
    assert (meta.population, meta.closed_day) == (7, 736_330)
    assert await store.load(P, []) == Loaded(meta, {}, 0)


async def test_the_whole_comes_with_the_states_if_the_nonce_is_not_the_known_one(
    store: Store,
) -> None:
    meta = await change(store, {"c1": member(b"s")}, {"n": b"1"}, b"{}")
    expected = Loaded(meta, {"c1": b"s"}, 0, Whole({"n": b"1"}, b"{}"))
    for known in (UNKNOWN, b"", b"n0", b"n1\x00", b"N1"):
        assert await store.load(P, ["c1"], known) == expected


async def test_the_whole_does_not_come_if_it_is_not_asked_for_or_is_known(store: Store) -> None:
    meta = await change(store, {"c1": member(b"s")}, {"n": b"1"}, b"{}")
    expected = Loaded(meta, {"c1": b"s"}, 0, whole=None)
    assert await store.load(P, ["c1"]) == expected
    assert await store.load(P, ["c1"], meta.nonce) == expected
    assert (await store.due(P, 2**53, 10)).whole is None
    assert (await store.walk(P, 0, 10)).whole is None


@pytest.mark.parametrize("nonce", [bytes(range(256)), b"\x00", b"whole", b"\xff\r\n"])
async def test_a_known_nonce_may_have_any_bytes(store: Store, nonce: bytes) -> None:
    assert await store.apply(P, Meta(), Change(FIRST._replace(nonce=nonce), {}, ()))
    assert (await store.load(P, [], nonce)).whole is None
    assert (await store.load(P, [], nonce + b"\x00")).whole == Whole({}, None)


async def test_of_a_partition_that_was_never_written_the_whole_is_empty(store: Store) -> None:
    assert await store.load(P, ["c1"], UNKNOWN) == Loaded(Meta(), {}, 0, Whole({}, None))
    assert (await store.load(P, [], Meta().nonce)).whole is None
    assert await store.population(P) is None
    assert await store.walk(P, 0, 10) == Loaded(Meta(), {}, 0, cursor=0)


async def test_after_each_write_of_others_the_whole_comes_again(store: Store) -> None:
    known = (await change(store, sketch={"n": b"1"})).nonce
    for customers, sketch in (({"c1": member(b"s")}, {}), ({}, {"n": b"2"}), ({}, {})):
        assert (await store.load(P, [], known)).whole is None
        meta = await change(store, customers, sketch)
        assert (await store.load(P, [], known)).whole == await whole(store)
        known = meta.nonce


async def test_notes_and_the_relay_leave_the_whole_as_it_is_known(store: Store) -> None:
    row = OutboxRow("t", None, b"v", ())
    assert await store.apply(P, Meta(), Change(FIRST, {}, [row], {"n": b"1"}))
    await store.set_live(P, Live(7), 60_000)
    await store.outbox_delete(P, [row_id for row_id, _ in await store.outbox(P, 10)])
    assert await store.load(P, [], FIRST.nonce) == Loaded(FIRST, {}, 0)


async def test_slots_are_set_and_emptied_and_the_others_stay(store: Store) -> None:
    await change(store, sketch={"n": b"2", "r736330": b"1", "h00ff": b"\x00\xff\r\n", "since": b""})
    await change(store, sketch={"n": b"1", "r736330": None, "never there": None})
    assert (await whole(store)).sketch == {"n": b"1", "h00ff": b"\x00\xff\r\n", "since": b""}
    await change(store, {"c1": member(b"s")})
    assert (await whole(store)).sketch == {"n": b"1", "h00ff": b"\x00\xff\r\n", "since": b""}
    await change(store, sketch=dict.fromkeys(("n", "h00ff", "since")))
    assert (await whole(store)).sketch == {}


async def test_thousands_of_slots_are_set_and_emptied_in_one_change(store: Store) -> None:
    slots = {f"h{number:016x}": b"%d" % number for number in range(5_001)}
    await change(store, sketch=slots)
    assert (await whole(store)).sketch == slots
    kept = {"h0000000000000007": b"7"}
    await change(store, sketch={**dict.fromkeys(slots), **kept})
    assert (await whole(store)).sketch == kept


async def test_a_population_stays_in_force_until_another_replaces_it(store: Store) -> None:
    first, second = b'{"version":1}', bytes(range(256)) * 40
    await change(store, population=first)
    await change(store, {"c1": member(b"s")}, {"n": b"1"})
    assert (await whole(store)).population == await store.population(P) == first
    await change(store, population=second)
    assert (await whole(store)).population == await store.population(P) == second


async def test_a_fenced_change_touches_neither_sketch_nor_population(store: Store) -> None:
    meta = await change(store, sketch={"n": b"1"}, population=b"1")
    wrong = Change(FIRST._replace(nonce=b"n9"), {}, (), {"n": b"9", "m": b"9"}, b"9")
    assert await store.apply(P, meta._replace(nonce=b"n0"), wrong) is False
    assert await store.load(P, [], UNKNOWN) == Loaded(meta, {}, 0, Whole({"n": b"1"}, b"1"))


async def walked(store: Store, count: int, place: int = P) -> Counter[tuple[str, bytes]]:
    """Everyone that a walk meets, and how often."""
    met: Counter[tuple[str, bytes]] = Counter()
    cursor, begun = 0, False
    while cursor or not begun:
        loaded = await store.walk(place, cursor, count)
        met.update(loaded.states.items())
        cursor, begun = loaded.cursor, True
    return met


@pytest.mark.parametrize("customers", [0, 1, 3, 1_500])
@pytest.mark.parametrize("count", [1, 250, 2_000])
async def test_a_walk_meets_everyone_and_then_it_ends(
    store: Store, customers: int, count: int
) -> None:
    everyone = crowd(customers)
    meta = await change(store, everyone)
    assert set(await walked(store, count)) == {(id_, w.state) for id_, w in everyone.items()}
    assert (await store.walk(P, 0, count)).meta == meta


async def test_a_walk_comes_some_at_a_time_with_the_meta_and_the_rows_that_wait(
    store: Store,
) -> None:
    row = OutboxRow("t", None, b"v", ())
    assert await store.apply(P, Meta(), Change(FIRST, crowd(1_500), [row, row]))
    loaded = await store.walk(P, 0, 250)
    assert (loaded.meta, loaded.outbox_rows) == (FIRST, 2)
    assert 1 <= len(loaded.states) <= 500  # about 250
    assert loaded.cursor


async def test_everyone_is_met_though_those_met_are_rewritten_under_way(store: Store) -> None:
    everyone = crowd(1_500)
    await change(store, everyone)
    met: set[str] = set()
    cursor, begun = 0, False
    while cursor or not begun:
        loaded = await store.walk(P, cursor, 250)
        met |= set(loaded.states)
        await change(store, {id_: member(b"a longer state " * 20) for id_ in loaded.states})
        cursor, begun = loaded.cursor, True
    assert met == set(everyone)
    assert {state for _, state in await walked(store, 250)} == {b"a longer state " * 20}


async def test_who_is_there_all_the_time_is_met_though_others_come_and_go(store: Store) -> None:
    everyone = crowd(1_500)
    await change(store, everyone)
    leaving = sorted(everyone)[::3]
    met: set[str] = set()
    cursor, step = 0, 0
    while cursor or not step:
        loaded = await store.walk(P, cursor, 250)
        met |= set(loaded.states)
        comers = {f"new {step}/{number}": member(b"s") for number in range(400)}
        goers = {id_: gone() for id_ in leaving[step * 40 : step * 40 + 40]}
        await change(store, {**comers, **goers} if step < 12 else {})
        cursor, step = loaded.cursor, step + 1
    assert met >= set(everyone) - set(leaving)


async def test_the_learner_has_a_place_apart_from_every_partition(store: Store) -> None:
    meta = await change(store, {"learner": member(b"L")}, {"n": b"1"}, b"1", place=LEARNER)
    row = OutboxRow("t", None, b"v", ())
    assert await store.apply(LEARNER, meta, Change(FIRST, {}, [row]))
    for partition in (0, 1, P):
        assert await store.load(partition, ["learner"], UNKNOWN) == Loaded(
            Meta(), {}, 0, Whole({}, None)
        )
        assert await store.outbox(partition, 10) == []
        assert await store.population(partition) is None
        assert await walked(store, 10, partition) == {}
    await change(store, {"c1": member(b"s")}, {"n": b"7"}, b"7", place=0)
    assert await store.load(LEARNER, ["learner", "c1"], UNKNOWN) == Loaded(
        FIRST, {"learner": b"L"}, 1, Whole({"n": b"1"}, b"1")
    )
    assert set(await walked(store, 10, LEARNER)) == {("learner", b"L")}


async def test_a_row_keeps_the_partition_it_goes_to(store: Store) -> None:
    rows = [OutboxRow("t", None, b"v", (), partition) for partition in (None, 0, 3, 2**31)]
    assert await store.apply(P, Meta(), Change(FIRST, {}, rows))
    assert [row.partition for _, row in await store.outbox(P, 10)] == [None, 0, 3, 2**31]


async def test_names_of_labels_come_by_key_as_far_as_they_are_known(store: Store) -> None:
    tea, acme, unknown = b"\x00teatea", b"\x01\xff\x00\r\n\xfe\x01", b"\x04------"
    sketch = {"n": b"1", f"w{tea.hex()}": "茶".encode(), f"w{acme.hex()}": b"Acme"}
    assert await store.label_names(P, [tea]) == {}
    await change(store, sketch=sketch)
    assert await store.label_names(P, [tea, unknown, acme]) == {tea: "茶", acme: "Acme"}
    assert await store.label_names(P, []) == {}
    assert await store.label_names(P + 1, [tea]) == {}
