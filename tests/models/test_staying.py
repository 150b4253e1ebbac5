"""Who stayed and who responded: counts of whole customers, from what was told of each."""

from __future__ import annotations

from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import day_of
from models.events import Read, Tick
from models.member import Change, Member
from models.responding import (
    FIRST_DAYS_AGO,
    LAST_DAYS_AGO,
    RESPONSE_DAYS,
    Responding,
    Response,
    follows,
    responding_of,
)
from models.sight import purchase_days
from models.staying import Stay, Staying, staying_of
from models.whereabouts import UNKNOWN, tracks_of
from tests.support.changed import member_told
from tests.support.histories import long_histories, purchases_of
from tests.support.story import DAY_MS, GROCERY, midnight, noon, purchase, refund, tell, tick

DAY_0 = day_of(noon(0), GROCERY.timezone)
VIP = "rule/vip"
_names = count()


def bought_on(*days: int, until: int, extra: tuple[Read | Tick, ...] = ()) -> Member:
    """Somebody who bought on these days, as of the first moment of another."""
    events = sorted(
        (*(purchase(f"e{next(_names)}", noon(day)) for day in days), *extra), key=lambda e: e.at_ms
    )
    return member_told(tell(*events, tick(midnight(until))), midnight(until), GROCERY)


def vip(member: Member, *spans: tuple[int, int | None]) -> Member:
    """The same, and a VIP from noon of some days to noon of others, None: still."""
    edges = [
        (day, entered)
        for begin, end in spans
        for day, entered in ((begin, True), (end, False))
        if day is not None
    ]
    changes = [
        Change(100 + n, noon(day), VIP, None if entered else VIP, VIP if entered else None)
        for n, (day, entered) in enumerate(edges)
    ]
    places = dict(member.segments)
    if spans and spans[-1][1] is None:
        places[VIP] = VIP
    told = sorted((*member.changes, *changes), key=lambda each: each.at_ms)
    return member._replace(changes=tuple(told), segments=places)


def staying(*members: Member) -> Staying:
    found = Staying()
    for each in members:
        found.add(each, tracks_of(each))
    return found


def responding(*members: Member) -> Responding:
    found = Responding()
    for each in members:
        found.add(each, tracks_of(each))
    return found


def forgetful(member: Member, newest: int) -> Member:
    """The same, with the newest changes alone."""
    return member._replace(changes=member.changes[-newest:], changes_begin=False)


AS_OF = 100
THEN = AS_OF - 30


def test_who_was_there_at_the_first_moment_of_the_day_and_is_there_now_has_stayed() -> None:
    stayed = vip(bought_on(0, until=AS_OF), (THEN - 1, None))
    left = vip(bought_on(0, until=AS_OF), (THEN - 9, THEN + 1))
    came_on_the_day = vip(bought_on(0, until=AS_OF), (THEN, None))
    there_and_back = vip(bought_on(0, until=AS_OF), (3, THEN + 5), (THEN + 9, None))
    found = staying(stayed, left, came_on_the_day, there_and_back)
    assert found.stays[VIP] == Stay(members_then=3, stayed=2)
    assert found.flows[VIP] == {(VIP, VIP): 2, (VIP, ""): 1, ("", VIP): 1}


def test_the_deadlines_of_the_midnight_have_fired_by_its_first_moment() -> None:
    """Dormant after 25 days: at the first moment of the 26th."""
    member = bought_on(THEN - 26, until=AS_OF)
    assert staying(member).flows["lifecycle"] == {("lifecycle/dormant", "lifecycle/dormant"): 1}


def test_who_was_not_known_then_came_from_nowhere() -> None:
    found = staying(bought_on(THEN + 3, until=AS_OF))
    assert found.flows["lifecycle"] == {("", "lifecycle/dormant"): 1}
    assert found.stays["lifecycle/dormant"] == Stay()


def test_of_whom_it_is_not_kept_is_counted_apart() -> None:
    member = forgetful(vip(bought_on(0, until=AS_OF), (THEN + 9, None)), 1)
    found = staying(member, vip(bought_on(0, until=AS_OF), (1, None)))
    assert found.untold == 1
    assert found.flows[VIP] == {(VIP, VIP): 1, (UNKNOWN, VIP): 1}
    assert found.stays[VIP] == Stay(members_then=1, stayed=1, unknown=1, untold=1)


def test_a_response_is_a_purchase_in_the_thirty_days_after_the_day_of_entry() -> None:
    as_of = 200
    for day, answered in ((20, 0), (21, 1), (50, 1), (51, 0)):
        member = vip(bought_on(0, day, until=as_of), (20, 40))
        found = responding(member).responses()[VIP]
        assert (found.entries, found.answered) == (1, answered), day


def test_money_given_back_is_no_response() -> None:
    back = refund("r1", noon(25), 10, order="none of ours")
    member = vip(bought_on(0, until=200, extra=(back,)), (20, None))
    assert list(member.sight.days) == [DAY_0, DAY_0 + 25]
    assert list(purchase_days(member.sight)) == [DAY_0]
    assert responding(member).responses()[VIP][:2] == (1, 0)


def test_a_purchase_that_was_returned_in_full_is_no_response() -> None:
    story = purchase("e", noon(25), 500, order="o"), refund("r", noon(27), 500, order="o")
    member = vip(bought_on(0, until=200, extra=story), (20, None))
    assert responding(member).responses()[VIP][:2] == (1, 0)


@pytest.mark.parametrize(
    ("days_ago", "counts"),
    [(FIRST_DAYS_AGO + 1, 0), (FIRST_DAYS_AGO, 1), (LAST_DAYS_AGO, 1), (LAST_DAYS_AGO - 1, 0)],
)
def test_entries_count_from_a_year_ago_until_their_days_are_over(
    days_ago: int, counts: int
) -> None:
    as_of = 500
    member = vip(bought_on(0, until=as_of), (as_of - days_ago, None))
    assert len(responding(member).entries.get(VIP, ())) == counts


def test_what_is_expected_is_what_everybody_did_on_the_days_of_the_entries() -> None:
    as_of = 200
    entered = vip(bought_on(0, 30, until=as_of), (20, 22), (100, None))
    others = [bought_on(0, 35, until=as_of), bought_on(0, until=as_of), bought_on(90, until=as_of)]
    found = responding(entered, *others)
    assert found.base()[DAY_0 + 20] == (3, 2)  # one has not been heard of yet
    assert found.base()[DAY_0 + 100] == (4, 0)
    assert found.responses()[VIP] == Response(2, 1, Fraction(2, 3), 0)


def test_entries_before_what_is_kept_are_not_told_and_that_is_said() -> None:
    member = forgetful(vip(bought_on(0, until=300), (20, 60), (150, 170), (200, None)), 3)
    found = responding(member)
    assert found.entries[VIP] == {DAY_0 + 200: 1}
    assert found.responses()[VIP].untold == 1


histories = st.lists(long_histories(at_most=10), min_size=1, max_size=3)


def as_of_one_day(events: list[list[Read]]) -> list[Member]:
    until_ms = max(each.at_ms for story in events for each in story) + 50 * DAY_MS
    told = [tell(*story, tick(until_ms)) for story in events]
    return [member_told(each, until_ms, GROCERY) for each in told]


@settings(deadline=None, max_examples=60)
@given(events=histories)
def test_who_bought_within_the_days_after_each_day_counted_one_by_one(
    events: list[list[Read]],
) -> None:
    members = as_of_one_day(events)
    today, base = members[0].sight.day, responding(*members).base()
    for day in range(today - FIRST_DAYS_AGO - 2, today + 1, 5):
        known = [
            each for each in members if each.sight.day_of(each.sight.state.known_since_ms) <= day
        ]
        bought = [
            each
            for each in known
            if any(day < then <= day + RESPONSE_DAYS for then in purchase_days(each.sight))
        ]
        counted = FIRST_DAYS_AGO >= today - day >= LAST_DAYS_AGO
        assert base.get(day, (0, 0)) == ((len(known), len(bought)) if counted else (0, 0))


@settings(deadline=None, max_examples=60)
@given(events=long_histories(returns=False, at_most=10))
def test_purchase_days_are_the_days_of_purchases(events: list[Read]) -> None:
    (member,) = as_of_one_day([events])
    oldest = member.sight.day - 300
    days = {day_of(each.at_ms, GROCERY.timezone) for each in purchases_of(events)}
    found = [each for each in purchase_days(member.sight) if each > oldest]
    assert found == sorted(day for day in days if day > oldest)


def test_a_day_follows_an_entry_up_to_the_thirtieth() -> None:
    assert [follows([131], day) for day in (100, 101, 130, 131)] == [False, True, True, False]


@settings(deadline=None, max_examples=60)
@given(events=histories, newest=st.integers(1, 9))
def test_what_is_kept_of_counts_is_the_same_again(events: list[list[Read]], newest: int) -> None:
    members = as_of_one_day(events)
    members[0] = forgetful(members[0], min(newest, len(members[0].changes)))
    stays, responses = staying(*members), responding(*members)
    again = staying_of(stays.plain())
    assert (again.plain(), again.stays) == (stays.plain(), stays.stays)
    kept = responding_of(responses.plain())
    assert (kept.responses(), kept.base()) == (responses.responses(), responses.base())
