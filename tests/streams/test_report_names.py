"""Attributes may be called anything: the report says their own names, and takes none for a table of its own."""

from __future__ import annotations

import re

import pytest

from models.composition import Column, Of, Table
from models.customer import CustomerState
from models.member import NUMBERS, Member
from models.policy import policy_from_toml
from models.segments import Label
from models.sight import Sight
from models.survey import Moment, Survey
from streams.report_base import report_as_html
from streams.report_base_text import report_as_csv, report_as_json, report_as_markdown
from streams.report_base_told import BaseReport, base_report

POLICY = policy_from_toml(
    "preset = 'grocery'\n[segments.vip]\nwhen = 'spend >= 100'\nlabel = 'Best'\n"
)
TODAY = 738_886
MOMENT = Moment(0, TODAY, "USD", "v", 3)
HEADING = re.compile(r"<h3>(.*?)</h3>")


def reported(*known: dict[str, str], by: str = "") -> BaseReport:
    """The report on people of whom only this is known."""
    survey = Survey()
    sight = Sight(CustomerState(known_since_ms=0), TODAY, POLICY)
    segments = {"lifecycle": "lifecycle/active", "flag/overdue": "flag/overdue"}
    for words in known:
        numbers = (None,) * len(NUMBERS)
        survey.take(Member("c", sight, 0, segments, numbers, (), tuple(words.items())))
    return base_report(survey, MOMENT, POLICY, by=by)


@pytest.mark.parametrize(
    ("attribute", "called"),
    [
        ("share", "share"),
        ("market.share", "market.share"),
        ("x.", "x."),
        ("lifecycle", "lifecycle"),
        ("tier", "tier"),
        ("rfm.quintile", "rfm.quintile"),
        ("value.x", "value.x"),
        ("overdue", "overdue"),
        ("segment.vip", "segment.vip"),
        ("profile.x", "profile.x"),
        ("age_band", "age band"),
        ("{name}", "{name}"),
        ("0", "0"),
    ],
)
def test_an_attribute_is_called_by_its_own_name_whatever_it_is(attribute: str, called: str) -> None:
    for by in ("", f"profile.{attribute}"):
        report = reported({attribute: "a"}, {attribute: "base"}, by=by)
        titles = {each["name"]: each["title"] for each in report_as_json(report)["tables"]}
        assert titles[f"attributes.{attribute}"] == f"By {called}"
        assert titles[f"cross.{attribute}"] == f"Segments by {called}"
        assert titles[f"cross.{attribute}.share"] == f"Segments by {called}: shares of the row"
        page = report_as_html(report, "en")
        assert HEADING.findall(page).count(f"Segments by {called}") == 1
        assert ">base</th>" in page
        assert f"## Segments by {called}" in report_as_markdown(report, "en")


def test_an_attribute_beside_its_share_is_crossed_under_a_name_of_its_own() -> None:
    known = ({"x": "a", "x.share": "1"}, {"x": "b", "x.share": "2"})
    names = [each.name for each in reported(*known).tables]
    assert len(names) == len({*names})
    assert {"cross.x", "cross.x.share", "attributes.x.share"} <= {*names}
    asked_for = [each.name for each in reported(*known, by="x.share").tables]
    assert [each for each in asked_for if each.startswith("cross.")] == [
        *("cross.x.share", "cross.x.share.share")
    ]


def test_a_kind_of_segments_is_called_as_people_call_it() -> None:
    titles = {
        by: report_as_json(reported({"tier": "gold"}, by=by))["tables"][-2]["title"]
        for by in ("lifecycle", "overdue", "segment.vip")
    }
    assert titles == {
        "lifecycle": "Segments by lifecycle",
        "overdue": "Segments by Overdue",
        "segment.vip": "Segments by Best",
    }


STEERING = (
    "\x1b[2J\u202e\x9b<i>"  # clears a terminal, turns the way of writing, begins a control sequence
)


def test_no_character_of_a_name_steers_a_terminal_or_turns_the_way_of_writing() -> None:
    report = reported({STEERING: STEERING}, {STEERING: f"{STEERING}2"}, {"x": STEERING})
    label = Label(STEERING, STEERING)
    report = report._replace(
        labels=dict.fromkeys(report.labels, label), lines={"flag/overdue": label}
    )
    columns = Column("label", "label"), Column("spend", "money")
    bought = Table(Of("bought", "brand"), columns, ((STEERING, 1),))
    report = report._replace(tables=[*report.tables, bought])
    for write in (report_as_html, report_as_markdown, report_as_csv):
        written = write(report, "en")
        assert not [each for each in written if not each.isprintable() and each not in "\r\n"]
        assert written.count("\\x1b") > 10
