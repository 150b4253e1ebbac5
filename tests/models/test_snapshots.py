"""Snapshots: labels come out when their time has come, for both kinds, and tell the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sample import DAYS_SEEN, SampledCustomer, before
from models.snapshots import Label, Predicted, Resolved, Snapshot, resolved

DAY = 738_886  # 2024-01-01, a Monday
UNKNOWN = Predicted(None, None)


def row_of(days: Sequence[int]) -> SampledCustomer:
    """Who bought on these days, ascending and distinct."""
    return SampledCustomer(days[0], len(days), 0, 1_000, 0, 700, tuple(days[-DAYS_SEEN:]))


def snapshot(
    taken_day: int, purchase_days: int, common: int = 28, own: int = 28, hashed: int = 1
) -> Snapshot:
    return Snapshot(
        hashed, taken_day, 3, common, own, (), UNKNOWN, UNKNOWN, purchase_days, forecasts=()
    )


class Life(NamedTuple):
    """One customer, and the weeks at whose ends somebody looked.

    Attributes:
        days: of purchases, ascending and distinct.
        looked: epoch ends, ascending; a snapshot is taken at each.
        common: horizon.
        own: horizon.
        ahead: so many days more than were over the sample already told of.
    """

    days: list[int]
    looked: list[int]
    common: int
    own: int
    ahead: int


@st.composite
def lives(draw: st.DrawFn, passing_over: bool = False) -> Life:
    longest = draw(st.sampled_from((2, 9, 40)))
    gaps = draw(st.lists(st.integers(1, longest), min_size=1, max_size=90))
    weeks = draw(st.lists(st.integers(1, 6 if passing_over else 1), min_size=2, max_size=20))
    return Life(
        days=[DAY - 7 + day for day in accumulate(gaps)],
        looked=[DAY + 7 * week for week in accumulate(weeks)],
        common=draw(st.integers(1, 60)),
        own=draw(st.integers(1, 60)),
        ahead=draw(st.integers(0, 1)),
    )


def lived(life: Life) -> Iterator[tuple[int, Resolved]]:
    """What comes out at the end of each epoch."""
    waiting: tuple[Snapshot, ...] = ()
    for day in life.looked:
        known = [each for each in life.days if each < day + life.ahead]
        sample = {1: row_of(known)} if known else {}
        found = resolved(waiting, sample, day)
        yield day, found
        then = before(sample[1], day) if known else None
        taken = () if then is None else (snapshot(day, then.purchase_days, life.common, life.own),)
        waiting = (*found.waiting, *taken)


def truth(life: Life, label: Label) -> tuple[bool, int]:
    """Whether the customer stayed away, and purchase days within the horizon, by counting."""
    taken = label.snapshot.taken_day
    due = taken + (life.own if label.own else life.common)
    came = sum(taken <= day < due for day in life.days)
    return came == 0, came


def due_at(life: Life, taken: int, horizon: int) -> int | None:
    """The first epoch end at which the horizon was over."""
    return next((day for day in life.looked if day >= taken + horizon), None)


@settings(max_examples=150, deadline=None)
@given(lives())
def test_week_by_week_every_label_comes_when_its_horizon_is_over_and_tells_the_truth(
    life: Life,
) -> None:
    came = {
        (label.snapshot.taken_day, label.own): (day, label.lost, label.purchases)
        for day, found in lived(life)
        for label in found.labels
    }
    expected = {}
    for taken in life.looked:
        bought = sum(day < taken for day in life.days)
        for own, horizon in ((False, life.common), (True, life.own)):
            released = due_at(life, taken, horizon)
            if bought and released is not None:
                purchases = sum(taken <= day < taken + horizon for day in life.days)
                expected[taken, own] = (released, purchases == 0, purchases)
    assert came == expected


@settings(max_examples=150, deadline=None)
@given(lives(passing_over=True))
def test_labels_after_epochs_passed_over_tell_the_truth_or_are_dropped_for_want_of_it(
    life: Life,
) -> None:
    came: set[tuple[int, bool]] = set()
    for _, found in lived(life):
        for label in found.labels:
            assert (label.lost, label.purchases) == truth(life, label)
            came.add((label.snapshot.taken_day, label.own))
    for taken in life.looked:
        for own, horizon in ((False, life.common), (True, life.own)):
            released = due_at(life, taken, horizon)
            if released is None or life.days[0] >= taken or (taken, own) in came:
                continue
            since = sum(taken <= day < released + life.ahead for day in life.days)
            assert since >= DAYS_SEEN or _taken_blind(life, taken)


def _taken_blind(life: Life, taken: int) -> bool:
    """Whether the sample could not tell what was known then, so that no snapshot was taken."""
    known = [day for day in life.days if day < taken + life.ahead]
    return before(row_of(known), taken) is None


@given(lives())
def test_nothing_waits_whose_horizons_are_over_and_nobody_is_told_of_twice(life: Life) -> None:
    told: list[tuple[int, bool]] = []
    for day, found in lived(life):
        told += [(each.snapshot.taken_day, each.own) for each in found.labels]
        for each in found.waiting:
            common_open, own_open = each.open in {"both", "common"}, each.open in {"both", "own"}
            assert common_open == (each.taken_day + life.common > day)
            assert own_open == (each.taken_day + life.own > day)
    assert len(set(told)) == len(told)


def test_who_came_back_at_once_is_told_of_no_earlier_than_who_did_not() -> None:
    waiting = snapshot(DAY, 1, hashed=1), snapshot(DAY, 1, hashed=2)
    sample = {1: row_of([DAY - 3, DAY + 1]), 2: row_of([DAY - 3])}
    for week in (1, 2, 3):
        found = resolved(waiting, sample, DAY + 7 * week)
        assert found.labels == ()
        waiting = found.waiting  # type: ignore[assignment]
    last = resolved(waiting, sample, DAY + 28)
    assert [(each.snapshot.hashed, each.own, each.lost) for each in last.labels] == [
        (1, False, False),
        (1, True, False),
        (2, False, True),
        (2, True, True),
    ]
    assert last.waiting == ()


@pytest.mark.parametrize(("returned", "lost"), [(0, False), (27, False), (28, True)])
def test_the_first_day_of_a_horizon_is_in_it_and_the_day_it_is_due_is_not(
    returned: int, lost: bool
) -> None:
    sample = {1: row_of([DAY - 3, DAY + returned])}
    label, _ = resolved((snapshot(DAY, 1),), sample, DAY + 28).labels
    assert (label.lost, label.purchases) == (lost, int(not lost))


def test_a_customer_who_left_the_sample_is_dropped_with_all_that_waits() -> None:
    waiting = (snapshot(DAY, 1), snapshot(DAY, 1, hashed=2), snapshot(DAY - 28, 1))
    found = resolved(waiting, {2: row_of([DAY - 3])}, DAY + 7)
    assert found == Resolved((), (waiting[1],))


def test_each_horizon_has_its_own_day_and_the_other_stays_open() -> None:
    sample = {1: row_of([DAY - 3, DAY + 20])}
    first = resolved((snapshot(DAY, 1, common=17, own=30),), sample, DAY + 21)
    assert [(each.own, each.lost) for each in first.labels] == [(False, True)]
    assert [each.open for each in first.waiting] == ["own"]
    second = resolved(first.waiting, sample, DAY + 35)
    assert [(each.own, each.lost) for each in second.labels] == [(True, False)]


def test_a_return_once_seen_is_known_when_the_row_does_not_list_it_any_more() -> None:
    seen = resolved((snapshot(DAY, 1),), {1: row_of([DAY - 3, DAY + 2])}, DAY + 7)
    assert seen.waiting[0].returned_day == DAY + 2
    often = [DAY - 3, DAY + 2, *range(DAY + 10, DAY + 24)]
    label, _ = resolved(seen.waiting, {1: row_of(often)}, DAY + 28).labels
    assert (label.lost, label.purchases) == (False, 15)


def test_labels_are_dropped_where_too_many_purchases_hide_whether_one_was_in_time() -> None:
    often = [DAY - 3, DAY + 2, *range(DAY + 30, DAY + 50)]
    assert resolved((snapshot(DAY, 1),), {1: row_of(often)}, DAY + 63) == Resolved((), ())


def test_labels_come_by_due_day_then_hash_whatever_the_order_of_waiting() -> None:
    waiting = [
        snapshot(DAY + 7 * week, 1, common=14 + hashed, own=12, hashed=hashed)
        for week in range(3)
        for hashed in (3, 1, 2)
    ]
    sample = {hashed: row_of([DAY - 3]) for hashed in (1, 2, 3)}
    labels = resolved(tuple(waiting), sample, DAY + 70).labels
    assert resolved(tuple(reversed(waiting)), sample, DAY + 70).labels == labels
    places = [(e.snapshot.due_day(e.own), e.snapshot.hashed, e.own) for e in labels]
    assert places == sorted(places)
    assert len(places) == 18


@pytest.mark.parametrize(("back", "lost"), [((), True), ((DAY + 9,), False)])
def test_a_purchase_of_before_the_snapshot_that_came_late_is_no_return(
    back: tuple[int, ...], lost: bool
) -> None:
    """It hides nothing either: whoever is lost is told of as surely as who came back."""
    label, _ = resolved(
        (snapshot(DAY, 1),), {1: row_of([DAY - 3, DAY - 1, *back])}, DAY + 28
    ).labels
    assert (label.lost, label.purchases) == (lost, len(back))
