"""The numbers on the page are the API's."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.api_house import POLICY, got
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
STATES = ("prospect", "new", "active", "dormant", "churned")
FIGURES = """() => [...document.querySelectorAll("[data-segment][data-field][data-value]")].map(
    ({dataset, textContent}) => [dataset.segment, dataset.field, Number(dataset.value), textContent])"""
ROWS = """panel => [...document.querySelectorAll(`#${panel} tbody tr`)].map(
    row => [...row.cells].map(cell => cell.textContent))"""


def shown(value: float, field: str) -> str:
    """As an English reader sees it."""
    if field != "share":
        return f"{value:,}"
    digits = Decimal("0.1") if 0 < value < 0.095 else Decimal(1)
    percent = (100 * Decimal(str(value))).quantize(digits, ROUND_HALF_UP)
    return f"{str(percent).removesuffix('.0')}%"


def segments(ask: httpx.Client, days: int) -> dict[str, dict[str, Any]]:
    items = got(ask.get("/v1/segments", params={"days": days}))["items"]
    return {each["name"]: each for each in items}


def rows(reader: Reader, panel: str) -> list[list[str]]:
    found: list[list[str]] = reader.page.evaluate(ROWS, panel)
    return found


@pytest.mark.parametrize("days", [30, 7, 90])
def test_every_figure_of_a_segment_is_the_one_that_the_api_tells(
    reader: Reader, ask: httpx.Client, days: int
) -> None:
    told = segments(ask, days)
    with reader.page.expect_response(lambda answer: f"flows?days={days}" in answer.url):
        reader.page.locator(f'[data-days="{days}"]').click()
    moved = reader.page.locator('.kpi [data-segment="lifecycle/dormant"][data-field=entered]')
    expect(moved).to_have_attribute("data-value", str(told["lifecycle/dormant"]["entered"]))
    figures = reader.page.evaluate(FIGURES)
    assert {name for name, *_ in figures} == set(told)
    assert len(figures) == 4 * len(told) + 3 * len(STATES)  # the cards tell shares by text alone
    for name, field, value, text in figures:
        assert (name, field, value) == (name, field, told[name][field])
        assert text == shown(value, field)


def test_every_card_says_by_how_much_a_state_has_grown(reader: Reader, ask: httpx.Client) -> None:
    days = int(reader.page.locator("#days [aria-pressed=true]").get_attribute("data-days") or 0)
    told = [segments(ask, days)[f"lifecycle/{state}"] for state in STATES]
    grown = [f"{each['entered'] - each['left']:+}".replace("+0", "0") for each in told]
    assert reader.page.locator(".kpi-net").all_inner_texts() == grown


def test_the_status_bar_is_the_overview(reader: Reader, ask: httpx.Client) -> None:
    told = got(ask.get("/v1/overview"))
    fact = reader.page.locator("#facts [data-field]")
    values = {
        each.get_attribute("data-field"): each.get_attribute("data-value") for each in fact.all()
    }
    assert values == {
        "customers": str(told["customers"]),
        "events": "",  # no worker has been there to count
        "lag": "",
        "freshness": "",
        "population": str(told["population"]["version"]),
        "as_of": told["as_of"],
    }
    assert fact.first.inner_text() == f"{told['customers']:,}"
    there = datetime.fromisoformat(told["as_of"]).astimezone(POLICY.timezone)
    assert fact.last.inner_text() == f"{there:%b} {there.day}, {there:%Y, %H:%M}"
    assert reader.sees("status-live").inner_text() == "No worker"


def test_the_tables_of_the_charts_hold_what_the_api_tells(
    reader: Reader, ask: httpx.Client
) -> None:
    days = int(reader.page.locator("#days [aria-pressed=true]").get_attribute("data-days") or 0)
    sizes = got(ask.get("/v1/lifecycle/sizes", params={"days": 365}))["items"]
    assert [row[1:] for row in rows(reader, "panel-lifecycle")] == [
        [str(day["sizes"].get(state, 0)) for state in STATES] for day in reversed(sizes)
    ]
    flows = got(ask.get("/v1/lifecycle/flows", params={"days": days}))["items"]
    moves = [each["count"] for each in flows if each["count"] and each["before"] != each["after"]]
    assert [int(row[2]) for row in rows(reader, "panel-flows")] == sorted(moves, reverse=True)
    cells = got(ask.get("/v1/rfm/heatmap", params={"scheme": "quintile"}))["cells"]
    assert sorted(row[:3] for row in rows(reader, "panel-rfm")) == sorted(
        [str(each[name]) for name in ("recency", "frequency", "customers")] for each in cells
    )
    clusters = got(ask.get("/v1/clusters"))["clusters"]
    assert [int(row[1]) for row in rows(reader, "panel-clusters")] == [
        each["customers"] for each in clusters
    ]
    cohorts = got(ask.get("/v1/cohorts", params={"months": 12}))["items"]
    assert [int(row[1]) for row in rows(reader, "panel-cohorts")] == [
        each["customers"] for each in cohorts
    ]


def test_another_rfm_scheme_is_asked_for_and_shown(reader: Reader, ask: httpx.Client) -> None:
    told = got(ask.get("/v1/rfm/heatmap", params={"scheme": "china8"}))["cells"]
    scheme = reader.sees("rfm-scheme")
    with reader.page.expect_response(lambda answer: "scheme=china8" in answer.url):
        scheme.select_option("china8")
    table = reader.page.locator("#panel-rfm tbody tr")
    expect(table).to_have_count(len(told))
    with reader.page.expect_response(lambda answer: "scheme=quintile" in answer.url):
        scheme.select_option("quintile")


def test_the_newest_changes_stand_in_the_feed_newest_first(
    reader: Reader, ask: httpx.Client
) -> None:
    told = got(ask.get("/v1/changes", params={"limit": 50}))["items"]
    lines = reader.page.locator("#feed li")
    titles = lines.locator("bdi").evaluate_all("ids => ids.map(each => each.textContent)")
    assert len(titles) == 50
    times = lines.locator("time").evaluate_all("all => all.map(each => each.dateTime)")
    assert times == [each["time"] for each in told]
