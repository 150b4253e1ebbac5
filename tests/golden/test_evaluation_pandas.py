"""Evaluations of a grocer's segments: the survey and pandas say the same of who stays and who responds.

The system folds the events up to a day, with three months still to come, and surveys its store; pandas has the raw
tables. One household in twenty-four by default; EVERY_NTH_HOUSEHOLD=1 takes all.
"""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgpack
import numpy as np
import pandas as pd
import pytest

from models.learner import Step
from models.policy import Policy, policy_from_mapping
from models.policy_record import PublishedPolicy
from models.survey import Survey
from streams.aside import aside
from streams.datasets import complete_journey
from streams.loop import Loop, replay
from streams.memory_store import MemoryStore
from streams.messages import unpack_history
from streams.store import HISTORY_SLOTS, Change, Meta
from streams.surveying import take_survey
from tests.golden.raw_journey import day_number, households, lines
from tests.golden.staying_panel import DAYS, YEAR_DAYS, Memberships, Responded, Stayed

EVERY_NTH = int(os.environ.get("EVERY_NTH_HOUSEHOLD", "24"))
AS_OF = "2017-10-01"
RULES = [
    *("undescribed", "bargain_hunters", "big_spenders", "heavy_month", "regulars", "slipping"),
    *("quiet_fortnight", "narrow_quarter", "vips", "win_back"),
]
RULES_FILE = Path(__file__).with_name("thirty_rules.toml")
FIRST_DAY = date(2017, 1, 1).toordinal()
BEGAN = datetime(2017, 1, 1, tzinfo=UTC)


class Archive(MemoryStore):
    """A store that remembers all effects of a customer, and shows the newest ones.

    Args:
        shown: so many.
    """

    def __init__(self, shown: int) -> None:
        super().__init__(lambda: 0)
        self.shown = shown
        self._all: defaultdict[str, list[bytes]] = defaultdict(list)

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """Remember, then write."""
        for customer_id, write in change.customers.items():
            self._all[customer_id] += [packed for _, packed in write.history or ()]
        return await super().apply(partition, expected, change)

    async def history(self, partition: int, customer_id: str) -> list[bytes]:
        """The newest, in no order, as a ring has them."""
        by_number = sorted(self._all[customer_id], key=lambda packed: msgpack.unpackb(packed)[0])
        return by_number[: -self.shown - 1 : -1]

    def kept_since(self, customer_id: str) -> float | None:
        """The moment of the oldest change shown, in days; None: all are, or there is nobody of that id yet."""
        if customer_id not in self._all:
            return None
        newest = sorted(map(unpack_history, self._all[customer_id]), key=lambda e: e["sequence"])
        shown = newest[-self.shown :]
        if shown[0]["sequence"] == 1:
            return None
        oldest = next(
            each for each in shown if each["type"] != "customer.won_back"
        )  # says it again
        return (datetime.fromisoformat(oldest["at"]) - BEGAN) / timedelta(days=1)


@pytest.fixture(scope="module")
def policy() -> Policy:
    tables = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
    tables["segments"] = {name: tables["segments"][name] for name in RULES}
    return policy_from_mapping(tables, RULES_FILE.name)


@pytest.fixture(scope="module")
def everybody() -> list[int]:
    return households()[::EVERY_NTH]


@pytest.fixture(scope="module")
def archive(policy: Policy, everybody: list[int]) -> Archive:
    """The store after all that happened until the day began; nothing is learned on the way."""
    wanted = {str(each) for each in everybody}
    records = (each for each in complete_journey() if each.customer_id in wanted)
    store = Archive(10**6)
    loop = Loop(policy, 1, aside(store), arrive=lambda learner, _, __: Step(learner))
    asyncio.run(replay(loop, records, FIRST_DAY + day_number(AS_OF) - 1))
    asyncio.run(store.set_partitions(1))
    return store


@pytest.fixture(scope="module")
def expected(everybody: list[int]) -> Memberships:
    return Memberships(everybody, day_number(AS_OF), RULES)


def surveyed(archive: Archive, policy: Policy, shown: int) -> Survey:
    archive.shown = shown
    taken = asyncio.run(take_survey(archive, [PublishedPolicy(0, policy)], 0))
    assert taken.moment is not None
    assert taken.moment.day == FIRST_DAY + day_number(AS_OF)
    return taken.survey


@pytest.fixture(scope="module")
def whole(archive: Archive, policy: Policy) -> Survey:
    return surveyed(archive, policy, 10**6)


def test_as_many_are_members_as_pandas_finds(whole: Survey, expected: Memberships) -> None:
    sizes = {name: each[expected.day].sum() for name, each in expected.mornings.items()}
    assert {name: each.customers for name, each in whole.segments.items()} == {
        name: size for name, size in sizes.items() if size
    }


def test_who_stayed_is_who_stayed_in_pandas(whole: Survey, expected: Memberships) -> None:
    stays = {name: Stayed(*each[:2]) for name, each in whole.staying.stays.items()}
    wanted = {name: expected.stayed(name) for name in expected.mornings}
    assert stays == {name: wanted[name] for name in stays}
    assert all(each == (0, 0) for name, each in wanted.items() if name not in stays)
    assert whole.staying.untold == 0
    assert sum(0 < each.stayed < each.members_then for each in wanted.values()) > 8


def test_flows_between_states_are_those_of_pandas(whole: Survey, expected: Memberships) -> None:
    then, today = (states(expected, day) for day in (expected.day - DAYS, expected.day))
    wanted = Counter(zip(then, today, strict=True))
    assert whole.staying.flows["lifecycle"] == {
        flow: count for flow, count in wanted.items() if flow != ("", "")
    }
    assert len(wanted) > 6


def states(expected: Memberships, day: int) -> list[str]:
    lifecycle = [name for name in expected.mornings if name.startswith("lifecycle/")]
    table = pd.DataFrame({name: expected.mornings[name][day] for name in lifecycle})
    return list(table.idxmax(axis=1).where(table.any(axis=1), ""))


def test_responses_are_those_of_pandas_to_the_last_fraction(
    whole: Survey, expected: Memberships
) -> None:
    found = {name: Responded(*each[:3]) for name, each in whole.responding.responses().items()}
    wanted = {name: expected.responded(expected.entries(name)) for name in expected.mornings}
    assert found == {name: each for name, each in wanted.items() if each.entries}
    assert whole.responding.untold == 0
    assert sum(0 < each.answered < each.entries for each in found.values()) > 10


def test_the_base_is_everybody_known_and_who_of_them_buys(
    whole: Survey, expected: Memberships
) -> None:
    days = range(max(0, expected.day - YEAR_DAYS), expected.day - DAYS)
    base = whole.responding.base()
    assert {day: base.get(FIRST_DAY + day, (0, 0)) for day in days} == {
        day: (expected.known[day].sum(), (expected.follows[day] & expected.known[day]).sum())
        for day in days
    }


@pytest.mark.parametrize("shown", [HISTORY_SLOTS, 6])
def test_a_full_history_tells_what_it_can_and_counts_what_it_can_not(
    archive: Archive, policy: Policy, expected: Memberships, shown: int
) -> None:
    """With the newest effects alone: nothing else, and of what they reach back to, all that pandas has."""
    survey = surveyed(archive, policy, shown)
    kept = pd.Series(
        {each: archive.kept_since(str(each)) for each in expected.known.index}, dtype=float
    )
    then, began = expected.day - DAYS, max(0, expected.day - YEAR_DAYS)
    assert survey.staying.untold == (kept > then).sum()
    assert survey.responding.untold == (kept >= began).sum() > 0
    untold = np.floor(kept.to_numpy())[:, None]  # the day itself may have begun elsewhere
    for name in expected.mornings:
        stay = survey.staying.stays.get(name)
        members = expected.mornings[name][then] & ~(kept > then)
        assert (stay.members_then if stay else 0) == members.sum()
        entered = expected.entries(name)
        told = entered & ~(untold >= entered.columns.to_numpy())
        response = survey.responding.responses().get(name)
        assert Responded(*response[:3] if response else (0, 0, 0)) == expected.responded(told)


def test_who_spends_most_is_within_two_percent_of_exact(
    whole: Survey, expected: Memberships
) -> None:
    bought = lines()[lines()["day"].between(expected.day - YEAR_DAYS + 1, expected.day - 1)]
    spent = bought.groupby("household")["spend"].sum()
    for name, mornings in expected.mornings.items():
        members = mornings.index[mornings[expected.day]]
        amounts = spent.reindex(members, fill_value=0).sort_values(ascending=False)
        top, part = divmod(len(amounts), 5)
        head = amounts[:top].sum() + (amounts.iloc[top] * part / 5 if part else 0)
        share = whole.concentration.top_share(name)
        assert (share is None) is (not amounts.sum())
        assert share is None or share == pytest.approx(head / amounts.sum(), rel=0.02)
