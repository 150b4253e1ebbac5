"""A year of alerts: the ledger's figures and those counted from the raw baskets are the same.

The year is replayed over the real path; its alerts are decided each morning, as a delivery process would,
with a clock that follows the data. What pandas is told of the system is only which alert was raised of
whom, on which day, and what was decided; what came of it is counted from the baskets. One household
in sixteen by default; EVERY_NTH_HOUSEHOLD=1 takes all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pandas as pd
import pytest

from models.alert_ledger import Key, Sums, counted
from models.alert_record import AlertRecord, decode_record, group
from models.alert_report import figures_of, report
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.events import LogRecord
from models.gate import DAY_MS
from models.intervals import Share, share_difference, share_interval
from models.policy import Policy, policy_from_toml
from streams.alert_decisions import Desk, Surroundings
from streams.alert_desk import DeskFold
from streams.alert_entries import ALERTS as RECORDS
from streams.alert_reads import AlertReads
from streams.datasets import complete_journey
from streams.lookup import Lookup
from streams.loop import Loop
from streams.memory_shelf import MemoryShelf
from streams.partition import Batch
from streams.shelf import Hand
from streams.sources import SourceRecord
from streams.topics import ALERTS
from tests.golden.followed_up import figures
from tests.golden.raw_journey import BEGAN, households

EVERY_NTH = int(os.environ.get("EVERY_NTH_HOUSEHOLD", "16"))
FIRST_DAY = BEGAN.date().toordinal()
MORNING_MS = 6 * 3_600_000  # before rules with a budget choose
POLICY = """
preset = "grocery"

[alerts]
holdout = 0.3
frequency_cap = 0

[alerts.rules.leaving]
on = "churn.risk_raised"
level = 0.35
cool_down_days = 7

[alerts.rules.overdue]
on = "customer.overdue"
cool_down_days = 7

[alerts.rules.worth-a-call]
on = "lifecycle.changed"
to = "dormant"
daily_budget = 2
"""


class Year:
    """The year, day by day; `records` are the alerts at its end, `last_day` the newest that is over."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.loop = policy, Loop(policy, 4)
        self.now_ms, self.nonces, self.taken = 0, 0, 0
        self.hand = Hand(MemoryShelf(), self._nonce)
        self.desk = Desk(self.hand, dict, lambda: self.now_ms)
        self.fold = DeskFold(
            "loop", "", self.hand, self._none, lambda: policy, dict, lambda: self.now_ms
        )

    def _nonce(self) -> bytes:
        self.nonces += 1
        return b"%d" % self.nonces

    async def _none(self, _partition: int, _start: int, _end: int) -> bool:
        return False

    async def live(self, events: Iterator[SourceRecord]) -> None:
        await self.hand.reload()
        await self.loop.store.set_partitions(4)
        last = await self.loop.replay(events, self._morning)
        assert last is not None
        self.last_day = last
        await self._morning(last)

    async def _morning(self, day: int) -> None:
        """Ticks up to the moment at which alerts of a silence come; then the desk decides."""
        midnight_ms = start_of_day_ms(day, self.policy.timezone)
        await self.loop.tick(midnight_ms + self.policy.alerts.wait_ms)
        self.now_ms = midnight_ms + MORNING_MS
        rows = [row for row in self.loop.effects if row.topic == ALERTS]
        self.loop.effects.clear()
        records = [
            LogRecord(0, self.taken + place, self.now_ms, row.key, row.value, dict(row.headers))
            for place, row in enumerate(rows)
        ]
        end = self.taken + len(records)
        assert await self.fold.handle(Batch(self.taken, end, records)) is None
        self.taken = end
        await self.desk.decide(Surroundings(self.policy, False, self._customer))  # noqa: FBT003
        self.now_ms += DAY_MS // 4  # by now rules with a budget have chosen
        await self.desk.decide(Surroundings(self.policy, False, self._customer))  # noqa: FBT003

    async def _customer(self, customer_id: str) -> CustomerState | None:
        found = await Lookup(self.loop.store, self.policy).customer(customer_id, self.now_ms)
        return None if found is None else found.state


@pytest.fixture(scope="module")
def year() -> Year:
    wanted = {str(each) for each in households()[::EVERY_NTH]}
    lived = Year(policy_from_toml(POLICY))
    asyncio.run(lived.live(each for each in complete_journey() if each.customer_id in wanted))
    return lived


@pytest.fixture(scope="module")
def records(year: Year) -> list[AlertRecord]:
    packed = asyncio.run(year.hand.shelf.everything(RECORDS))
    return [decode_record(each) for each in packed.values()]


@pytest.fixture(scope="module")
def ledger(year: Year) -> dict[Key, Sums]:
    return asyncio.run(AlertReads(year.hand.shelf).ledger())


def told(records: list[AlertRecord]) -> pd.DataFrame:
    """What pandas is told of the system."""
    rows = [
        {
            "alert": each.alert_id,
            "rule": each.rule,
            "household": int(each.customer_id),
            "day": each.day - FIRST_DAY,
            "horizon": each.horizon_days,
            "probability": (each.probability_ppm or 0) / 1e6,
            "silence": each.silence_days,
            "group": group(each),
        }
        for each in records
    ]
    return pd.DataFrame(rows).dropna(subset=["group"])


def test_the_ledger_says_what_the_raw_baskets_say(
    year: Year, records: list[AlertRecord], ledger: dict[Key, Sums]
) -> None:
    expected = figures(told(records), year.last_day - FIRST_DAY)
    found = pd.DataFrame(
        {
            key: {name: getattr(sums, name) for name in expected.columns}
            for key, sums in ledger.items()
            if sums.raised
        }
    ).T.rename_axis(["rule", "week", "group"])
    assert len(expected) > 200
    assert expected["resolved"].sum() > 400
    pd.testing.assert_frame_equal(found.sort_index(), expected.sort_index(), check_dtype=False)


def test_its_sums_are_those_of_its_records(
    records: list[AlertRecord], ledger: dict[Key, Sums]
) -> None:
    assert {key: sums for key, sums in ledger.items() if sums.raised} == counted(records)


@pytest.mark.parametrize("rule", ["leaving", "overdue", "worth-a-call"])
def test_precision_lead_and_the_two_arms_are_those_of_the_baskets(
    rule: str, year: Year, records: list[AlertRecord], ledger: dict[Key, Sums]
) -> None:
    table = figures(told(records), year.last_day - FIRST_DAY).loc[rule].groupby("group").sum()
    whole = table.sum()
    says = figures_of({key: sums for key, sums in ledger.items() if key.rule == rule})
    assert says.precision is not None
    assert says.precision.share == Share(whole["right"], whole["resolved"])
    assert says.precision.interval == share_interval(says.precision.share)
    assert says.silence_days == pytest.approx(whole["silence_days"] / whole["right"])
    arms = [
        Share(table.loc[arm, "returned"], table.loc[arm, "resolved"])
        for arm in ("treated", "held_out")
    ]
    assert says.lift is not None
    assert says.lift.won_back == arms[0].value - arms[1].value
    assert says.lift.won_back_interval == share_difference(arms[0], arms[1])
    lines = report(ledger, rule=rule).weeks
    assert sum(line.figures.raised for line in lines) == whole["raised"]


def test_a_budget_is_kept_every_day(records: list[AlertRecord], year: Year) -> None:
    zone = year.policy.timezone
    days = [
        day_of(each.decided_ms or 0, zone)
        for each in records
        if each.rule == "worth-a-call" and group(each) in {"treated", "held_out"}
    ]
    assert max(days.count(day) for day in set(days)) == 2
