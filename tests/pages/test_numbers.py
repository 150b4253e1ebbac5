"""The numbers on the page are the API's."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.api_house import POLICY, House, got, path
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
STATES = ("prospect", "new", "active", "dormant", "churned")
FIGURES = """() => [...document.querySelectorAll("[data-segment][data-field][data-value]")].map(
    ({dataset, textContent}) => [dataset.segment, dataset.field, Number(dataset.value), textContent])"""
ROWS = """panel => [...document.querySelectorAll(`#${panel} tbody tr`)].map(
    row => [...row.cells].map(cell => cell.textContent))"""
PERSONAS = """() => [...document.querySelectorAll("#segments a")].map(
    each => [each.hash.slice(10), each.querySelector(".segment-persona")?.textContent ?? ""])"""
CELLS = "all => all.map(each => [...each.cells].map(cell => cell.textContent))"


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


# Who is in the segments, as the survey that was kept tells it.


def test_each_segment_is_listed_with_what_kind_of_people_are_in_it(
    reader: Reader, ask: httpx.Client
) -> None:
    told = {each["segment"]: each["name"] for each in got(ask.get("/v1/personas"))["items"]}
    for language in ("en", "zh"):
        names = {segment: each[language] for segment, each in told.items()}
        listed = reader.page.evaluate(PERSONAS)
        assert {segment: name for segment, name in listed if name} == names
        assert ["rule/nobody", ""] in listed
        reader.page.get_by_test_id("language").click()


def test_a_segment_says_who_they_are_what_to_do_and_whether_it_is_worth_working_with(
    reader: Reader, ask: httpx.Client
) -> None:
    told = got(ask.get("/v1/segments/lifecycle/active/persona"))
    reader.follows("#/segment/lifecycle/active")
    persona = reader.sees("members").get_by_test_id("persona")
    expect(persona.locator(".persona-name")).to_have_text(told["name"]["en"])
    expect(persona.locator(".persona-story li")).to_have_text([e["en"] for e in told["sentences"]])
    play, criteria = told["play"], told["evaluation"]["criteria"]
    assert play["source"] == "default"
    expect(persona.locator(".badge")).to_have_text("Default")
    done = [play[each] for each in ("action", "goal", "owner")]
    expect(persona.locator(".play dd")).to_have_text(done)
    words = {"yes": "yes", "no": "no", "untold": "can’t be told yet"}
    verdicts = persona.locator(".verdict")
    expect(verdicts).to_have_count(len(criteria))
    for name, each in criteria.items():
        line = persona.locator(f'[data-criterion="{name}"]')
        expect(line.locator(".verdict-word")).to_have_text(words[each["verdict"]])
        expect(line.locator(".small")).to_have_text(each["reason"])
    expect(persona.locator("[role=status]")).to_contain_text(f"of {told['customers']} customers")


def test_a_segment_says_in_numbers_what_sets_it_apart_and_what_is_bought(
    reader: Reader, ask: httpx.Client
) -> None:
    told = got(ask.get("/v1/segments/tier/high/persona"))
    reader.follows("#/segment/tier/high")
    persona = reader.sees("members").get_by_test_id("persona")
    scores = sorted((each["score"] for each in told["card"]["measures"]), key=abs, reverse=True)
    shown_scores = persona.locator(".apart .score")
    expect(shown_scores.first).to_have_text(f"{scores[0]:+.2f}")
    values = shown_scores.evaluate_all("all => all.map(each => Number(each.dataset.value))")
    assert values == [each for each in scores if abs(each) >= 0.2][:8]
    liked = persona.locator(".liked tbody tr").evaluate_all(CELLS)
    first = told["card"]["favourites"][0]
    assert liked[0] == [
        *(f"{first['label']}Category", shown(first["share"], "share")),
        f"{first['lift']:.1f}×",
    ]
    by = persona.get_by_test_id("together-by")
    by.focus()
    for ranking in ("days", "lift", "elsewhere"):
        pairs = told["together"][ranking]["pairs"][:6]
        assert pairs
        texts = [f"{each['one']} + {each['other']}" for each in pairs]
        expect(persona.locator(".together td:first-child")).to_have_text(texts)
        reader.page.keyboard.press("ArrowDown")
    by.select_option("days")  # it stays chosen


def test_a_segment_that_nobody_was_in_has_no_persona_and_says_so(reader: Reader) -> None:
    reader.follows("#/segment/rule/nobody")
    persona = reader.sees("members").get_by_test_id("persona")
    expect(persona.locator("[role=status]")).to_contain_text("Nobody was in this segment")
    expect(persona.locator(".persona-name")).to_have_count(0)


def test_a_drawer_says_what_somebody_likes_and_may_begin_to_buy(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    who = min(id_ for id_ in house.members("tier/high") if id_.isdigit())
    liked = got(ask.get(path(who)))["favourites"]["category"]
    following = got(ask.get(f"{path(who)}/next"))["items"]
    assert following
    reader.follows(f"#/customer/{who}")
    drawer = reader.sees("customer-drawer")
    category = drawer.locator(".favourites dd").first.locator("li")
    expect(category).to_have_text([f"{e['label']} {shown(e['share'], 'share')}" for e in liked])
    lines = [f"{e['category']}because they buy {', '.join(e['because'])}" for e in following]
    expect(drawer.locator(".may-buy li")).to_have_text(lines)
