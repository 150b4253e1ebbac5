"""Every number of the report on a base is SQL over the raw tables of Complete Journey, in DuckDB.

A number that SQL does not tell fails, as does one that the report lacks. One household in 46 by default, whose
purchases reach to the last day; REPORT_EVERY_NTH_HOUSEHOLD=1 takes all.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgpack
import pytest

from models.calendar import start_of_day_ms
from models.policy import Policy, policy_from_toml
from models.policy_record import PublishedPolicy
from models.segments import named, segments_by_kind
from models.survey import MOVED_DAYS
from streams.checking import walk
from streams.collecting import uncollected
from streams.datasets import complete_journey
from streams.loop import Loop
from streams.partitioner import partition_of
from streams.report_base import PARTS, report_as_html
from streams.report_base_text import report_as_csv, report_as_json, report_as_markdown
from streams.report_base_told import BaseReport, base_report
from streams.report_html import Language
from streams.sources import SourceRecord
from streams.store import OutboxRow
from streams.surveying import Taken, take_survey
from streams.topics import CHANGES
from tests.golden.report_sql import Given, Limits, RawReport, cells
from tests.support import reports

EVERY_NTH = int(os.environ.get("REPORT_EVERY_NTH_HOUSEHOLD", "46"))
LIMITS = Limits(overdue=14, dormant=28, churned=84, new=28)
PARTITIONS = 2
LEARNED = ("rfm.", "cluster/", "tier/", "risk/", "value.")
KINDS = {"cluster.changed": "cluster", "value_tier.changed": "tier", "risk.changed": "risk"}
SHOWN = date(2018, 1, 1).toordinal()


def policy() -> Policy:
    return policy_from_toml(f"""
preset = "grocery"

[lifecycle]
mode = "fixed"
new_days = {LIMITS.new}
overdue.fixed_days = {LIMITS.overdue}
dormant.fixed_days = {LIMITS.dormant}
churned.fixed_days = {LIMITS.churned}

[value.quarter]
window_days = 90

[segments.big]
when = 'spend_90d >= 300'
label = "Big | spenders"

[segments.families]
when = 'profile.household_composition in ("2 Adults Kids", "1 Adult Kids")'

[segments.lost]
when = 'spend >= 500 and lifecycle in ("dormant", "churned")'
""")


class Year:
    """The year of some households through an installation in memory, and what was learned of them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ids = folder, set[str]()
        self.loop = Loop(policy(), PARTITIONS)
        self._in_force = [PublishedPolicy(0, self.loop.policy)] * PARTITIONS
        self._was: list[tuple[int, str, str]] = []
        self._changed: list[tuple[str, str | None, str | None]] = []

    async def passes(self) -> tuple[Taken, Given]:
        await self.loop.store.set_partitions(PARTITIONS)
        today = await self.loop.replay(self._records(), self._new_day)
        assert today == SHOWN
        await self.loop.settle()
        self._drain(SHOWN)
        taken = await take_survey(self.loop.store, self._in_force, 0)
        forgotten = [int(each) for each in sorted(self._ids) if await self._is_forgotten(each)]
        return taken, Given(await self._members(), self._was, self._changed, forgotten)

    def _records(self) -> Iterator[SourceRecord]:
        for each in complete_journey(self._folder):
            self._ids.add(each.customer_id)
            yield each

    async def _new_day(self, day: int) -> None:
        await self.loop.settle()
        self._drain(day - 1)
        await self.loop.tick(start_of_day_ms(day, self.loop.policy.timezone))
        self._drain(day)
        self.loop.forget_populations()
        if day == SHOWN - MOVED_DAYS:
            self._was = await self._members()

    def _drain(self, day: int) -> None:
        if day > SHOWN - MOVED_DAYS:
            rows = (each for each in self.loop.effects if each.topic == CHANGES)
            self._changed += filter(None, (learned(day, each) for each in rows))
        self.loop.effects.clear()

    async def _members(self) -> list[tuple[int, str, str]]:
        return [
            (int(met.customer_id), kind, segment)
            async for page in walk(self.loop.store, self._in_force, 0)
            for met in page
            for kind, segment in segments_by_kind(met.customer_id, met.state).items()
            if segment.startswith(LEARNED)
        ]

    async def _is_forgotten(self, customer_id: str) -> bool:
        """Whether the oldest effect that is kept of them is newer, and not their first."""
        kept = await self.loop.store.history(partition_of(customer_id, PARTITIONS), customer_id)
        sequence, _, at_ms, *_ = min(map(msgpack.unpackb, kept))
        then_ms = start_of_day_ms(SHOWN - MOVED_DAYS, self.loop.policy.timezone)
        return bool(sequence > 1 and at_ms > then_ms)


def learned(day: int, row: OutboxRow) -> tuple[str, str | None, str | None] | None:
    """A change of a group that was learned; None of any other."""
    told, type_ = json.loads(row.value or b""), dict(row.headers)["ce_type"].decode()
    kind = told.get("scheme") or KINDS.get(type_)
    if not kind:
        return None
    before, after = (
        told[each] and named(kind, told[each]["group"]) for each in ("before", "after")
    )
    return date.fromordinal(day).isoformat(), before, after


@pytest.fixture(scope="module")
def raw() -> RawReport:
    return RawReport(EVERY_NTH, LIMITS)


@pytest.fixture(scope="module")
def taken(raw: RawReport, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("journey")
    raw.files_into(folder)
    with uncollected():
        taken, given = asyncio.run(Year(folder).passes())
    raw.learn(given)
    return taken


def report_by(taken: Taken, by: str = "") -> BaseReport:
    assert taken.moment is not None
    return base_report(taken.survey, taken.moment, policy(), by=by, top=10)


def as_read(report: BaseReport) -> dict[str, Any]:
    return json.loads(json.dumps(report_as_json(report)))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def report(taken: Taken) -> BaseReport:
    return report_by(taken)


@pytest.fixture(scope="module")
def told(report: BaseReport) -> dict[str, Any]:
    return as_read(report)


def require(table: dict[str, Any], raw: RawReport) -> int:
    """Nothing in a table but what SQL says, nothing missing; answers how many cells it has."""
    says = dict(cells(table))
    expected = raw.table(table["name"], [row[0] for row in table["rows"]])
    assert says == {key: expected.get(key) for key in says}, table["name"]
    left_out = {key: expected[key] for key in expected.keys() - says.keys()}
    assert not {key: each for key, each in left_out.items() if each}, table["name"]
    assert len(says) == len(table["rows"]) * (len(table["columns"]) - 1), table["name"]
    if table["rest"] == "others":
        assert table["others"] == raw.others(table["name"].removeprefix("bought."), 10)
    return len(says)


def test_every_number_of_every_table_is_sql_over_the_raw_tables(
    told: dict[str, Any], raw: RawReport
) -> None:
    assert sum(require(table, raw) for table in told["tables"]) > 1_500
    parts = Counter(each["name"].partition(".")[0] for each in told["tables"])
    assert set(parts) == {*PARTS, "totals"}
    assert told["day"] == "2018-01-01"


@pytest.mark.parametrize(
    "by", ["lifecycle", "rfm.quintile", "overdue", "segment.big", "kids_count"]
)
def test_segments_by_whatever_is_asked_for_are_sql_too(
    by: str, taken: Taken, raw: RawReport
) -> None:
    crossed = [each for each in as_read(report_by(taken, by))["tables"] if "cross." in each["name"]]
    assert [each["name"] for each in crossed] == [f"cross.{by}", f"cross.{by}.share"]
    assert sum(require(table, raw) for table in crossed) > 100


def test_a_wrong_number_is_found(told: dict[str, Any], raw: RawReport) -> None:
    table = json.loads(json.dumps(told["tables"][1]))
    table["rows"][2][3] += 1
    with pytest.raises(AssertionError, match=r"segments\.lifecycle"):
        require(table, raw)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_markdown_has_exactly_the_numbers_of_the_json(
    language: Language, report: BaseReport, told: dict[str, Any]
) -> None:
    grids = list(reports.markdown_tables(report_as_markdown(report, language)))
    for table, grid in zip(told["tables"], grids, strict=True):
        assert reports.read(table, grid) == reports.numbers(table), table["name"]


def test_csv_has_exactly_the_numbers_of_the_json(report: BaseReport, told: dict[str, Any]) -> None:
    expected = {
        (table["name"], row or "", column or ""): (unit, reports.as_csv_has_it(unit, cell))
        for table in told["tables"]
        for (row, column), cell in cells(table)
        for unit in {each["unit"] for each in table["columns"] if each["name"] == column}
        if cell is not None
    }
    assert reports.csv_cells(report_as_csv(report, "en")) == expected


def test_the_page_has_exactly_the_numbers_of_the_json(
    report: BaseReport, told: dict[str, Any]
) -> None:
    page, tables = reports.Page(report_as_html(report, "en")), told["tables"]
    named = {each["name"]: each for each in tables}
    assert reports.read(tables[0], [page.cards]) == reports.numbers(tables[0])
    for name, table in list(named.items())[1:]:
        counts = named.get(name.removesuffix(".share"))
        place = 0
        if f"{name}.share" in named:
            place = 1
        grid = page.of(str((counts or table)["name"]))
        texts = [
            [each[0] for each in row[:1]] + [each[-1 if place else 0] for each in row[1:]]
            for row in grid
        ]
        shown = reports.read(table, texts)
        assert shown == reports.numbers(table), name
    assert {each for each, _ in page.tables} == {each.removesuffix(".share") for each in named} - {
        "totals"
    }
