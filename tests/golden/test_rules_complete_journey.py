"""Thirty rules over a year of a grocer's purchases: the system and pandas say the same of everybody.

The system folds the year's events one by one, in the order of the log; pandas adds up the raw tables.
One household in eight by default; EVERY_NTH_HOUSEHOLD=1 takes all, in eight times the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from models.alerts import Effect, changes_in
from models.customer import CustomerState
from models.effects import OF_RULES, EffectType, PublishChange, Why
from models.events import LogRecord, Read, read_record
from models.policy import Policy, policy_from_toml
from models.step import advance, step
from streams.datasets import complete_journey
from streams.topics import LOG
from tests.golden.panel import EVENING, MORNING, Panel
from tests.golden.raw_journey import BEGAN, day_number, households
from tests.golden.thirty_rules import RULES, memberships

DATES = ("2017-03-15", "2017-06-01", "2017-08-20", "2017-10-31", "2017-12-31")
EVERY_NTH = int(os.environ.get("EVERY_NTH_HOUSEHOLD", "8"))
EVERY_DAY_OF = 300  # of them
NEVER_BY_TIME = {  # nothing that they read rolls on or grows
    *("families", "well_off", "young_homes", "undescribed", "settled_seniors"),
    *("big_spenders", "bargain_hunters", "explorers", "big_baskets", "private_label_fans"),
}
DAY_MS = 86_400_000
BEGAN_MS = int(BEGAN.timestamp() * 1000)
RULES_FILE = Path(__file__).with_name("thirty_rules.toml")
Members = Mapping[str, frozenset[int]]  # segment → customers


class Change(NamedTuple):
    """An entry or an exit that was told.

    Attributes:
        customer: whose.
        segment: of the policy.
        entered: else left.
        at_ms: when.
        by_time: alone, not by an event.
    """

    customer: int
    segment: str
    entered: bool
    at_ms: int
    by_time: bool


class Year(NamedTuple):
    """What the system makes of the year.

    Attributes:
        members: of each date, at its first moment.
        changes: in the order in which they were told.
    """

    members: dict[str, Members]
    changes: list[Change]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return policy_from_toml(RULES_FILE.read_text(encoding="utf-8"), RULES_FILE.name)


@pytest.fixture(scope="module")
def year(policy: Policy) -> Year:
    """Everybody's events, each told when its time has come; at each date all are brought up to it."""
    states: dict[str, CustomerState] = {}
    told: list[Effect] = []
    members: dict[str, Members] = {}
    waiting = [(BEGAN_MS + day_number(date) * DAY_MS, date) for date in DATES]
    for read in events():
        while waiting and waiting[0][0] <= read.at_ms:
            midnight_ms, date = waiting.pop(0)
            for customer_id, state in states.items():
                states[customer_id], due = advance(customer_id, state, midnight_ms, policy, None)
                told += due
            members[date] = members_of(states)
        customer_id = read.event.customer_id
        outcome = step(customer_id, states.get(customer_id), read, read.at_ms, policy, None)
        assert outcome.state is not None
        assert outcome.rejected is None
        states[customer_id] = outcome.state
        told += outcome.effects
    assert not waiting
    return Year(members, [change_of(each) for each in changes_in(told) if each.type in OF_RULES])


@cache
def everybody() -> list[int]:
    return households()[::EVERY_NTH]


def events() -> Iterator[Read]:
    wanted = {str(each) for each in everybody()}
    for offset, source in enumerate(complete_journey()):
        if source.customer_id not in wanted:
            continue
        headers = {"kind": source.kind.encode()}
        key, at_ms = source.customer_id.encode(), source.occurred_at_ms
        read = read_record(LogRecord(0, offset, at_ms, key, source.value, headers), LOG)
        assert isinstance(read, Read)
        yield read


def members_of(states: Mapping[str, CustomerState]) -> Members:
    found: dict[str, set[int]] = {name: set() for name in RULES}
    for customer_id, state in states.items():
        for name in state.rules:
            found[name].add(int(customer_id))
    return {name: frozenset(customers) for name, customers in found.items()}


def change_of(effect: PublishChange) -> Change:
    entered = effect.type is EffectType.SEGMENT_ENTERED
    segment = effect.after if entered else effect.before
    assert isinstance(segment, str)
    by_time = effect.cause.why is Why.TIME
    return Change(int(effect.customer_id), segment, entered, effect.cause.at_ms, by_time)


@pytest.fixture(scope="module")
def expected() -> dict[str, Members]:
    """What pandas makes of the dates."""
    days = {date: day_number(date) for date in DATES}
    tables = memberships(Panel(everybody(), list(days.values()), MORNING))
    return {
        date: {name: frozenset(table.index[table[day]]) for name, table in tables.items()}
        for date, day in days.items()
    }


def test_both_sides_have_the_same_thirty_rules(policy: Policy) -> None:
    assert list(policy.segments) == list(RULES)
    assert len(RULES) == 30


@pytest.mark.parametrize("date", DATES)
def test_everybody_is_in_the_segments_that_pandas_puts_them_into(
    year: Year, expected: dict[str, Members], date: str
) -> None:
    wrong = {
        name: sorted(year.members[date][name] ^ customers)
        for name, customers in expected[date].items()
        if year.members[date][name] != customers
    }
    assert wrong == {}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_tells_customers_apart(expected: dict[str, Members], name: str) -> None:
    sizes = [len(expected[date][name]) for date in DATES]
    assert any(sizes)
    assert all(size < len(everybody()) for size in sizes)


@pytest.mark.parametrize("date", DATES)
def test_entries_and_exits_lead_to_the_same_members(year: Year, date: str) -> None:
    members: dict[str, set[int]] = {name: set() for name in RULES}
    until_ms = BEGAN_MS + day_number(date) * DAY_MS
    for change in sorted(year.changes, key=lambda change: change.at_ms):
        if change.at_ms <= until_ms:
            enter_or_leave(members[change.segment], change)
    assert members == year.members[date]


def enter_or_leave(members: set[int], change: Change) -> None:
    assert (change.customer in members) is not change.entered, change
    if change.entered:
        members.add(change.customer)
    else:
        members.remove(change.customer)


def test_time_moves_customers_at_the_midnights_on_which_pandas_sees_them_move(year: Year) -> None:
    """A day's purchases are known to both of its evening and the next morning: what differs is time."""
    sample = everybody()[:: max(1, len(everybody()) // EVERY_DAY_OF)][:EVERY_DAY_OF]
    days = list(range(day_number(DATES[-1]) + 1))
    evenings, mornings = (memberships(Panel(sample, days, each)) for each in (EVENING, MORNING))
    moved = {
        Change(customer, name, entered, BEGAN_MS + day * DAY_MS, by_time=True)
        for name in RULES
        for customer, day, entered in differing(evenings[name], mornings[name])
    }
    last_ms = BEGAN_MS + days[-1] * DAY_MS
    told = [each for each in year.changes if each.by_time and each.at_ms <= last_ms]
    told = [each for each in told if each.customer in set(sample)]
    assert set(told) == moved
    assert len(told) == len(moved)
    assert {each.segment for each in told} == set(RULES) - NEVER_BY_TIME


def differing(evenings: pd.DataFrame, mornings: pd.DataFrame) -> Iterator[tuple[int, int, bool]]:
    """Customer, day and what is true in the morning, wherever the evening before was otherwise."""
    for day in mornings.columns[1:]:
        now = mornings[day]
        for customer, entered in now[now != evenings[day - 1]].items():
            yield customer, day, bool(entered)
