"""What always holds of the desk, whatever comes in, how much of it, in whatever order and batches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.alert_record import AlertRecord, Arm
from streams.alert_entries import AT_ONCE
from tests.models.alert_shops import DORMANT, SLIPPING
from tests.streams.alert_office import START_MS, AlertOffice, names, opened, rules
from tests.streams.posting import endpoint
from tests.support.story import HOUR_MS

TODAY = 739_679  # 2026-03-04, ordinal
CRM, BI = endpoint("crm"), endpoint("bi")
MANY = AT_ONCE + 1


@pytest.mark.parametrize("count", [1, 5, 32])
async def test_any_number_of_alerts_and_endpoints_can_be_cleared_in_one_batch(count: int) -> None:
    office = await opened(rules(), *(endpoint(f"e{number}") for number in range(count)))
    ids = [office.topic.raises(f"c{number}") for number in range(MANY)]
    for start in range(0, MANY, 50):
        await office.fold.handle(office.topic.batch(start, min(MANY, start + 50)))
        await office.decide()
    for each in ids:
        office.topic.clears(each)
    await office.read()
    assert all(each.retracted_ms for each in await office.records())


@pytest.mark.parametrize(("people", "each_has"), [(MANY, 1), (MANY, 4), (1, 1_500)])
async def test_any_number_of_customers_with_any_number_of_alerts_can_be_erased_in_one_batch(
    people: int, each_has: int
) -> None:
    office = await opened()
    for number in range(people * each_has):
        office.topic.raises(f"c{number % people}")
    await office.read()
    for number in range(people):
        office.topic.forgets(f"c{number}")
    await office.read()
    assert await office.noted.contents() == {}


BUSY = rules(
    slipping=SLIPPING,
    best={**SLIPPING, "daily_budget": 1},
    dormant=DORMANT,
    alerts={"holdout": 0.5},
)
ANN, *OTHERS = names(Arm.TREATED, BUSY, 3)
_people = st.sampled_from([ANN, *OTHERS, *names(Arm.HELD_OUT, BUSY, 1)])
_moves = st.one_of(
    st.tuples(st.just("raise"), _people, st.sampled_from(sorted(BUSY.alerts.rules))),
    st.tuples(st.sampled_from(["replay", "old"]), _people, st.just("slipping")),
    st.tuples(st.sampled_from(["clear", "lost", "back", "again"]), st.integers(0, 9)),
    st.tuples(st.just("forget"), _people),
    st.tuples(st.just("look"), st.sampled_from([0, 1, 21, 50])),
)
moves = st.lists(_moves, min_size=1, max_size=30)


def write(office: AlertOffice, ids: list[str], move: tuple[Any, ...]) -> None:
    """One record onto the topic; of alerts that were never raised there is none."""
    match move:
        case ("raise", who, rule):
            ids.append(office.topic.raises(who, rule, stake_minor=len(ids)))
        case ("replay", who, rule):
            ids.append(office.topic.raises(who, rule, replayed=True))
        case ("old", who, rule):
            ids.append(office.topic.raises(who, rule, at_ms=START_MS - 50 * HOUR_MS))
        case ("forget", who):
            office.topic.forgets(who)
        case ("again", number) if number < len(office.topic.records):
            office.topic.again(number)
        case (what, number) if number < len(ids):
            if what == "clear":
                office.topic.clears(ids[number])
            elif what in {"lost", "back"}:
                came = TODAY + 1 if what == "back" else None
                office.topic.resolves(ids[number], came, int(what == "back"), 100 * number)


async def lived(office: AlertOffice, ids: list[str], story: list[tuple[Any, ...]]) -> None:
    """What is written is read at the next look."""
    for move in story:
        if move[0] == "look":
            office.clock.passes(hours=move[1])
            await office.look()
        else:
            write(office, ids, move)


@settings(max_examples=100, deadline=None)
@given(story=moves)
@example([("raise", ANN, "slipping"), ("look", 0), ("lost", 0), ("forget", ANN), ("again", 0)])
def test_the_ledger_is_the_sum_of_the_records_whatever_happens_in_whatever_order(
    story: list[tuple[Any, ...]],
) -> None:
    async def live() -> None:
        office, ids, gone = await opened(BUSY, CRM, BI), list[str](), list[AlertRecord]()
        for move in story:
            before = await office.records()
            await lived(office, ids, [move])
            await office.read()
            left = {each.alert_id for each in await office.records()}
            gone += [each for each in before if each.alert_id not in left]
            await office.ledger_is_right(gone)

    asyncio.run(live())


@settings(max_examples=100, deadline=None)
@given(before=moves, then=st.lists(_moves.filter(lambda move: move[0] != "look"), max_size=12))
@example([("raise", ANN, "slipping"), ("look", 0)], [("clear", 0), ("forget", ANN)])
@example([("raise", ANN, "slipping"), ("look", 0)], [("lost", 0), ("clear", 0)])
def test_however_the_topic_is_cut_into_batches_the_shelf_holds_the_same(
    before: list[tuple[Any, ...]], then: list[tuple[Any, ...]]
) -> None:
    async def live(size: int) -> dict[str, dict[str, Any]]:
        office, ids = await opened(BUSY, CRM, BI), list[str]()
        await lived(office, ids, before)
        for move in then:
            write(office, ids, move)
        end = len(office.topic.records)
        for start in range(office.hand.stand.offset, end, size):
            await office.fold.handle(office.topic.batch(start, min(end, start + size)))
        return await office.noted.contents()

    assert asyncio.run(live(1)) == asyncio.run(live(5)) == asyncio.run(live(100))
