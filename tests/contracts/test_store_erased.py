"""What a store keeps of those who were erased or merged, on memory, Valkey and Redis 7 alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from streams.store import (
    HISTORY_SLOTS,
    LEARNER,
    Change,
    CustomerWrite,
    Loaded,
    Meta,
    Store,
    Whole,
)

P = 3
FIRST = Meta(1, b"n1", 1_483_264_800_500, "topic-1", 4, 4, "policy", 0, 736_330, "0a1b2c3d")
UNKNOWN = b"a nonce that no write has had"
NOTHING: Mapping[str, CustomerWrite] = MappingProxyType({})


def told(state: bytes, segment: str, *history: tuple[int, bytes]) -> CustomerWrite:
    return CustomerWrite(state, 500, (), (segment,), history)


async def write(
    store: Store,
    customers: Mapping[str, CustomerWrite] = NOTHING,
    erased: Mapping[str, bytes] = MappingProxyType({}),
    place: int = P,
) -> Meta:
    """Write on top of what stands there; answers the new meta."""
    before = (await store.load(place, [])).meta
    after = FIRST._replace(offset=before.offset + 1, nonce=b"n%d" % (before.offset + 1))
    assert await store.apply(place, before, Change(after, customers, (), erased=erased))
    return after


async def marks(store: Store, place: int = P) -> Mapping[str, bytes]:
    found = (await store.load(place, [], UNKNOWN)).whole
    assert found is not None
    return found.erased


async def test_marks_are_kept_by_pseudonym_and_come_with_the_whole(store: Store) -> None:
    meta = await write(store, erased={"aa": b"\x00\xff\r\n", "bb": b"2"})
    expected = Loaded(meta, {}, 0, Whole({}, None, {"aa": b"\x00\xff\r\n", "bb": b"2"}))
    assert await store.load(P, [], UNKNOWN) == expected
    assert (await store.load(P, [], meta.nonce)).whole is None


async def test_a_mark_is_replaced_and_the_others_stay(store: Store) -> None:
    await write(store, erased={"aa": b"1", "bb": b"2"})
    await write(store, erased={"aa": b"3"})
    await write(store)
    assert await marks(store) == {"aa": b"3", "bb": b"2"}


async def test_one_mark_can_be_asked_for(store: Store) -> None:
    await write(store, erased={"aa": b"1"})
    assert [await store.erased(P, name) for name in ("aa", "bb")] == [b"1", None]
    assert await store.erased(P + 1, "aa") is None
    assert await store.erased(LEARNER, "aa") is None


async def test_thousands_of_marks_are_written_at_once(store: Store) -> None:
    many = {f"{number:032x}": b"%d" % number for number in range(5_001)}
    await write(store, erased=many)
    assert await marks(store) == many


async def test_a_fenced_change_leaves_no_mark(store: Store) -> None:
    meta = await write(store, erased={"aa": b"1"})
    stale = Change(FIRST._replace(nonce=b"n9"), {}, (), erased={"aa": b"9", "bb": b"9"})
    assert await store.apply(P, meta._replace(nonce=b"n0"), stale) is False
    assert await marks(store) == {"aa": b"1"}


async def test_the_key_that_ids_are_hashed_with_is_part_of_the_meta(store: Store) -> None:
    meta = await write(store)
    assert (await store.load(P, [])).meta == meta
    assert meta.key_id == "0a1b2c3d"
    assert (await store.load(P + 1, [])).meta.key_id == ""


async def test_who_becomes_another_name_keeps_no_history_no_deadline_and_no_segment(
    store: Store,
) -> None:
    await write(store, {"c1": told(b"s", "new", (0, b"e0"), (HISTORY_SLOTS - 1, b"e31"))})
    await write(store, {"c1": CustomerWrite(b"alias", None, ("new",), (), None)})
    assert (await store.load(P, ["c1"])).states == {"c1": b"alias"}
    assert await store.history(P, "c1") == []
    assert await store.next_due_ms(P) is None
    assert await store.sizes(P, ["new"]) == [0]


async def test_forgetting_one_history_leaves_the_others(store: Store) -> None:
    await write(store, {"c1": told(b"s", "new", (0, b"e0")), "c10": told(b"t", "new", (0, b"f0"))})
    await write(store, {"c1": CustomerWrite(b"alias", None, ("new",), (), None)})
    assert await store.history(P, "c10") == [b"f0"]
    assert await store.sizes(P, ["new"]) == [1]


async def test_a_name_that_begins_anew_has_only_its_new_history(store: Store) -> None:
    await write(store, {"c1": told(b"s", "new", (0, b"e0"), (1, b"e1"))})
    await write(store, {"c1": CustomerWrite(b"alias", None, ("new",), (), None)})
    await write(store, {"c1": told(b"u", "new", (1, b"g1"))})
    assert await store.history(P, "c1") == [b"g1"]
    assert await store.next_due_ms(P) == 500


async def test_of_an_erased_customer_only_the_mark_is_left(store: Store) -> None:
    await write(store, {"c1": told(b"s", "new", (0, b"e0"))})
    gone = {"c1": CustomerWrite(None, None, ("new",), ())}
    meta = await write(store, gone, {"aa": b"1"})
    expected = Loaded(meta, {}, 0, Whole({}, None, {"aa": b"1"}))
    assert await store.load(P, ["c1"], UNKNOWN) == expected
    assert await store.history(P, "c1") == []
    assert (await store.walk(P, 0, 10)).states == {}
    assert await store.next_due_ms(P) is None
    assert await store.sizes(P, ["new"]) == [0]


async def test_five_hundred_become_names_in_one_change(store: Store) -> None:
    ids = [f"c{number}" for number in range(500)]
    await write(store, {each: told(b"s", "new", (3, b"e3")) for each in ids})
    await write(store, {each: CustomerWrite(b"alias", None, ("new",), (), None) for each in ids})
    assert await store.sizes(P, ["new"]) == [0]
    assert await store.history(P, "c499") == []
    assert len((await store.load(P, ids)).states) == 500
