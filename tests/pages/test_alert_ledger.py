"""What alerts come to, on the page: the ledger, precision by week, today's places and receivers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.api_house import Api, got
from tests.support.pages import Reader, percent, points

pytestmark = pytest.mark.pages
NO_SURVEY = {409}  # has been taken of this shop
FIGURES = """rows => rows.map(row => [row.dataset.rule, Object.fromEntries(
    [...row.querySelectorAll("[data-field]")].map(each => [each.dataset.field, each.dataset.value]))])"""


@pytest.fixture(scope="module")
def resident(browser: Browser, alert_server: Api) -> Iterator[Reader]:
    with Reader(browser, alert_server.url, NO_SURVEY) as one:
        yield one.opens()


def report(ask: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = got(ask.get("/v1/alerts/report"))
    return told


def panel(reader: Reader, name: str) -> Locator:
    return reader.page.locator(f"#panel-{name}")


def test_the_ledger_has_the_figures_of_the_report(reader: Reader, ask_alerts: httpx.Client) -> None:
    told = report(ask_alerts)
    figures = {each["rule"]: each["figures"] for each in told["by_rule"]}
    figures[""] = told["total"]
    lines = reader.page.locator("#alert-ledger tbody tr").evaluate_all(FIGURES)
    assert [name for name, _ in lines] == ["slipping", "late", "back", ""]  # as in the policy
    for name, fields in lines:
        each = figures[name]
        group = {one["group"]: one for one in each["groups"]}
        assert int(fields["raised"]) == each["raised"]
        for which in ("treated", "held_out", "not_sent"):
            assert int(fields[which]) == group[which]["raised"]
        for field, rate in (
            ("precision", each["precision"] if name in {"slipping", "late"} else None),
            ("back_treated", group["treated"]["won_back"]),
            ("back_held_out", group["held_out"]["won_back"]),
            ("lift", each["lift"] and each["lift"]["won_back"]),
        ):
            assert fields[field] == ("" if rate is None else f"{rate['value']:g}")
        days = each["silence_days"]
        assert fields["silence_days"] == ("" if days is None else f"{days:g}")


def test_each_figure_is_told_with_its_interval_and_the_verdict_in_words(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    told = {each["rule"]: each["figures"] for each in report(ask_alerts)["by_rule"]}["late"]
    line = reader.page.locator('#alert-ledger tr[data-rule="late"]')
    precision, lift = told["precision"], told["lift"]["won_back"]
    expect(line.locator("[data-field=precision]")).to_have_text(
        f"{percent(precision['value'])}{percent(precision['low'])} to "
        f"{percent(precision['high'])}{precision['hits']} of {precision['of']}"
    )
    expect(line.locator("[data-field=lift]")).to_contain_text(
        f"{points(lift['value'])} points{points(lift['low'])} to {points(lift['high'])}"
    )
    verdict = line.locator("[data-finding]")
    expect(verdict).to_have_attribute("data-finding", told["verdict"]["finding"])
    for language in ("zh", "en"):
        reader.page.get_by_test_id("language").click()
        words = told["verdict"]["says"][language] + told["verdict"]["why"][language]
        expect(verdict).to_have_text(words)


def test_precision_by_week_is_drawn_and_told_in_a_table(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    drawn = panel(reader, "alert-precision")
    expect(drawn.locator("canvas")).to_be_visible()
    told = [
        each["figures"]
        for each in report(ask_alerts)["by_week"]
        if each["figures"]["precision"] and each["rule"] != "back"  # which foretells nothing
    ]
    cells = drawn.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert sorted((raised, share) for _, _, raised, share, _ in cells) == sorted(
        (str(each["raised"]), percent(each["precision"]["value"])) for each in told
    )
    assert [week for week, *_ in cells] == sorted(
        (week for week, *_ in cells), key=lambda week: -int(week.split()[1].strip(","))
    )


def test_todays_places_and_the_receivers_are_the_apis(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    told = report(ask_alerts)
    today = panel(reader, "alert-today")
    for each in told["budgets"]:
        line = today.locator(f'[data-rule="{each["rule"]}"]')
        expect(line).to_contain_text(f"{each['taken']} of {each['places']}")
        expect(line).to_contain_text(f"{each['left_out']} left out by the budget")
    states = {}
    for each in told["endpoints"]:
        line = today.locator(f'[data-endpoint="{each["name"]}"]')
        states[each["name"]] = line.get_attribute("data-state")
        for field in ("delivered", "waiting", "dead"):
            figure = line.locator(f"[data-field={field}]")
            expect(figure).to_have_attribute("data-value", str(each[field]))
    assert states == {"crm": "open", "gone": "disabled", "slow": "paused"}
