"""A person asks to be forgotten: nothing of them stays, and no rebuild brings them back."""

from __future__ import annotations

import json

import pytest

from models.erasure import Mark, Pseudonyms, Removed, decode_mark
from models.policy import policy_from_preset
from streams.partition import NO_NONCE
from streams.partitioner import partition_of
from streams.refusal import Refused
from streams.store import MAX_CUSTOMERS, Whole
from tests.support.settled_town import KEYED, TwoPartitions
from tests.support.story import noon

POLICY = policy_from_preset("grocery")
ADA, ABEL, CLEO = "ada@example.org", "abel@example.org", "cleo@example.org"


async def erased() -> TwoPartitions:
    """Ada, also known as Abel, was erased; Cleo stays."""
    town = TwoPartitions(POLICY)
    for number, who in enumerate((ADA, ABEL, CLEO)):
        town.buy(who, noon(0), f"e{number}")
    town.put("profile", ADA, noon(1), attributes={"city": "Rome"})
    town.put("merge", ABEL, noon(1), into=ADA)
    await town.settle()
    town.put("erasure", ADA, noon(2), event_id="please")
    await town.settle()
    return town


def test_the_two_names_live_in_different_partitions() -> None:
    assert [partition_of(each, 2) for each in (ADA, ABEL)] == [0, 1]


async def whole(town: TwoPartitions, partition: int) -> Whole:
    found = (await town.store.load(partition, (), NO_NONCE)).whole
    assert found is not None
    return found


async def mark(town: TwoPartitions, customer_id: str) -> Mark:
    packed = await town.store.erased(partition_of(customer_id, 2), KEYED.of(customer_id))
    assert packed is not None
    return decode_mark(packed)


async def test_nothing_of_the_person_is_left_by_any_name() -> None:
    town = await erased()
    assert list(await town.states()) == [CLEO]
    for who in (ADA, ABEL):
        partition = partition_of(who, 2)
        assert await town.store.history(partition, who) == []
        assert who not in (await town.store.due(partition, 2**52, MAX_CUSTOMERS)).states
    cells = [
        await town.store.sizes(each, ["lifecycle/prospect", "lifecycle/new"]) for each in (0, 1)
    ]
    assert [sum(each) for each in zip(*cells, strict=True)] == [0, 1]
    sketches = await town.sketches()
    assert sum(each.counts.get("n", 0) for each in sketches) == 1
    sampled = [name for each in sketches for name in each.sample]
    assert sampled == [KEYED.sampled(CLEO)]


async def test_the_receipt_says_what_was_removed() -> None:
    town = await erased()
    removed = Removed(True, 2, 2, 1, True, 1)  # noqa: FBT003
    assert (await mark(town, ADA))[0] == noon(2)
    assert (await mark(town, ADA)).removed == removed
    assert (await mark(town, ABEL))._replace(event="")[:3] == (noon(2), "", Removed(names=1))


async def test_nothing_that_stays_says_who_it_was() -> None:
    town = await erased()
    assert len(town.erasures) == 2
    said = repr(town.erasures) + "".join([repr(await whole(town, each)) for each in (0, 1)])
    assert "example" not in said.replace(CLEO, "")
    keys = {(each.key or b"").decode() for each in town.erasures}
    assert keys == {f"loop/{KEYED.of(each)}" for each in (ADA, ABEL)}
    for row in town.erasures:
        assert json.loads(row.value or b"")["key_id"] == KEYED.key_id


async def test_what_comes_late_is_forgotten_and_what_comes_after_begins_anew() -> None:
    town = await erased()
    town.buy(ADA, noon(1), "late")
    town.buy(ABEL, noon(2), "late too")
    await town.settle()
    assert list(await town.states()) == [CLEO]
    town.buy(ABEL, noon(2) + 1, "anew")
    await town.settle()
    assert sorted(await town.states()) == [ABEL, CLEO]


async def test_a_log_that_has_lost_its_erasures_brings_nobody_back() -> None:
    town = await erased()
    other = await town.again(erasures=town.erasures, without="erasure")
    assert list(await other.states()) == [CLEO]
    other.buy(ABEL, noon(1), "late, after the rebuild")
    await other.settle()
    assert list(await other.states()) == [CLEO]
    lost = await town.again(erasures=[], without="erasure")
    assert sorted(await lost.states()) == sorted([ADA, ABEL, CLEO])  # so the marks are what holds


async def test_folded_anew_with_the_whole_log_the_store_holds_the_same() -> None:
    town = await erased()
    without_marks, with_marks = await town.again([]), await town.again(town.erasures)
    for partition in (0, 1):
        assert await whole(without_marks, partition) == await whole(town, partition)
    assert await without_marks.states() == await town.states() == await with_marks.states()
    assert [await mark(with_marks, who) for who in (ADA, ABEL)] == [
        (await mark(town, who))._replace(born_through_ms=noon(2)) for who in (ADA, ABEL)
    ]


async def test_folded_anew_the_receipts_in_the_topic_stay_what_they_were() -> None:
    town = await erased()
    other = await town.again(town.erasures)
    last = {row.key: decode_mark(row.value or b"").removed for row in other.erasures}
    assert last == {row.key: decode_mark(row.value or b"").removed for row in town.erasures}


async def test_with_another_hash_key_nothing_is_folded() -> None:
    town = await erased()
    other = TwoPartitions(POLICY, None, town.erasures, Pseudonyms(b"another"))
    other.log = town.log
    with pytest.raises(Refused, match="set SEGMENTER_HASH_KEY to the key it was written with"):
        await other.read_on(0)
    assert (await other.store.load(0, ())).meta.offset == 0


async def test_an_erasure_asked_for_again_changes_nothing_of_what_came_since() -> None:
    town = await erased()
    town.buy(ADA, noon(5), "anew")
    await town.settle()
    before = await town.states()
    town.put("erasure", ADA, noon(2), event_id="please")
    await town.settle()
    assert {**await town.states()} == before
    assert (await mark(town, ADA)).removed.purchases == 2
