"""docs/operations.md lists what doctor looks at, all of it."""

from __future__ import annotations

import re
from pathlib import Path

from streams.doctor import MAX_LAG, MAX_WAIT_MS, NAMES
from streams.doctor_cluster import MAX_DEAD_LETTERS
from streams.doctor_redis import MAX_MEMORY_SHARE, MAX_SKEW_S, OLDEST_MAJOR
from streams.doctor_sources import MAX_SOURCE_LAG
from streams.doctor_told import MAX_INPUTS, MAX_SURVEY_AGE_MS
from tests.deploy.test_rules import ALERTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
_ROW = re.compile(r"^\| (`.+?) \| (.+) \|$", re.MULTILINE)


def table() -> dict[str, str]:
    """Check → when it is bad."""
    rows = _ROW.findall(PAGE.split("| doctor looks at |")[1].split("\n## ")[0])
    return {name: bad for cell, bad in rows for name in re.findall("`([^`]+)`", cell)}


def test_the_page_lists_each_check_of_doctor_and_no_other() -> None:
    of_topics = {each for each in NAMES if each.startswith("topic ") and each != "topic settings"}
    assert set(table()) == {*NAMES} - of_topics | {"topic …", "partition N"}


def test_the_limits_on_the_page_are_those_of_doctor() -> None:
    said = {
        "lag": f"more than {MAX_LAG:,} records",
        "outbox": f"more than {MAX_LAG:,} rows",
        "learner": f"more than {MAX_INPUTS:,} inputs",
        "sources": f"more than {MAX_SOURCE_LAG:,} of its records",
        "redis memory": f"more than {MAX_MEMORY_SHARE:.0%}".replace("%", " %"),
        "redis version": f"older than {OLDEST_MAJOR}",
        "clock": f"more than {MAX_SKEW_S:g} s",
    }
    assert {name: words for name, words in said.items() if words not in table()[name]} == {}
    assert (MAX_WAIT_MS, "five minutes" in table()["outbox age"]) == (5 * 60_000, True)
    assert (MAX_DEAD_LETTERS, "than ten" in table()["dead letters"]) == (10, True)
    assert (MAX_SURVEY_AGE_MS, "than a day" in table()["survey"]) == (86_400_000, True)


def test_the_page_tells_how_many_alerts_there_are() -> None:
    (told,) = re.findall(r"some (\d+) rules", PAGE)
    assert abs(int(told) - len(ALERTS)) <= 2
