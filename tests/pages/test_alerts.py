"""Alerts on the page: the newest, what they come to, today's delivery; files without whom not to write to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from models.alert_record import AlertOutcome, AlertRecord, Arm, Decision, encode_record
from streams.alert_entries import ALERTS, RAISED
from streams.redis_shelf import RedisShelf
from streams.redis_store import connect
from streams.shelf import Line, Put, Stand, Write
from tests.support.accessible import AXE, CHOOSE, RULES, WIDER
from tests.support.alert_house import NEW_NAME, POLICY
from tests.support.api_house import Api, got, path, settings
from tests.support.pages import Reader, percent

pytestmark = pytest.mark.pages
NewReader = Callable[..., Reader]
NO_POPULATION = {409}  # yet: that is how RFM and clusters are answered
NO_SURVEY = {409}  # has been taken of the shop with alerts
ALERTS_S = 11  # a little more than the page lets pass before it asks for alerts again
PANELS = ("alert-ledger", "alert-precision", "alert-today")
CELLS = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
DECIDED = {
    "waiting": ("Waiting", "待处理"),
    "sent": ("Sent", "已发送"),
    "held_out": ("Control group", "对照组"),
    "over_budget": ("No place left", "名额已满"),
    "blocked": ("Blocked", "已拦截"),
}
WHY = {
    "suppressed": "suppression list",
    "no_consent": "no consent",
    "too_often": "frequency cap",
    None: "",
}


@pytest.fixture(scope="module")
def resident(browser: Browser, alert_server: Api) -> Iterator[Reader]:
    with Reader(browser, alert_server.url, NO_SURVEY) as one:
        yield one.opens()


def alerts(ask: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = got(ask.get("/v1/alerts", params={"limit": 50, **query}))["items"]
    return items


def report(ask: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = got(ask.get("/v1/alerts/report"))
    return told


def rows(reader: Reader) -> Locator:
    return reader.page.locator("#alerts tbody tr")


def shown(reader: Reader) -> list[str]:
    found: list[str] = rows(reader).evaluate_all("all => all.map(each => each.dataset.alert)")
    return found


def money(minor: float) -> str:
    return f"{'-' * (minor < 0)}${abs(minor) / 100:,.2f}"


def panel(reader: Reader, name: str) -> Locator:
    return reader.page.locator(f"#panel-{name}")


# The newest.


def test_the_newest_alerts_stand_in_a_table_as_the_api_tells_them(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    told = alerts(ask_alerts)
    assert shown(reader) == [each["id"] for each in told]
    cells = rows(reader).evaluate_all(CELLS)
    labels = {each["name"]: each["label"]["en"] for each in report(ask_alerts)["rules"]}
    for each, (who, alert, _, share, stake, decided, outcome) in zip(told, cells, strict=True):
        assert who == each["customer_id"]
        assert alert.startswith(labels[each["rule"]])
        if each["event"] is not None:
            assert alert.endswith(each["event"]["data"]["says"]["en"])
        assert share == percent(each["probability"])
        assert stake == money(each["at_stake_minor"])
        words = decided.split()
        assert " ".join(words) == f"{DECIDED[each['decision']][0]} {WHY[each['why']]}".strip()
        begins = "Open until" if each["cleared_at"] is None else "Bought again on"
        begins = begins if each["outcome"] is None else ("Did not", "Came back")[
            each["outcome"]["returned"]
        ]  # fmt: skip
        assert outcome.startswith(begins)


@pytest.mark.parametrize(("rule", "decision"), [("late", ""), ("", "held_out"), ("back", "sent")])
def test_a_rule_and_a_decision_can_be_chosen(
    reader: Reader, ask_alerts: httpx.Client, rule: str, decision: str
) -> None:
    query = {name: value for name, value in (("rule", rule), ("decision", decision)) if value}
    told = alerts(ask_alerts, **query)
    assert told
    reader.page.get_by_test_id("alert-rule").select_option(rule)
    reader.page.get_by_test_id("alert-decision").select_option(decision)
    in_place = rows(reader)
    for place, each in enumerate(told):
        expect(in_place.nth(place)).to_have_attribute("data-alert", each["id"])
    expect(in_place).to_have_count(len(told))


def test_of_a_kind_that_there_is_not_that_is_said(reader: Reader) -> None:
    reader.page.get_by_test_id("alert-rule").select_option("quiet")
    expect(reader.page.locator("#alerts .empty")).to_have_text("No such alert among the newest.")
    for select in ("alert-rule", "alert-decision"):
        reader.page.get_by_test_id(select).select_option("")
    expect(rows(reader)).to_have_count(50)


def test_what_a_policy_calls_a_rule_is_text(reader: Reader) -> None:
    expect(rows(reader).locator("strong", has_text="<b>Late</b>").first).to_be_visible()
    assert reader.page.locator("main b").count() == 0


def test_an_alert_leads_to_its_customer_and_the_customer_has_all_of_theirs(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    link = rows(reader).nth(3).locator("a")
    who = alerts(ask_alerts)[3]["customer_id"]
    link.focus()
    reader.page.keyboard.press("Enter")
    drawer = reader.sees("customer-drawer")
    expect(drawer.get_by_role("heading", level=2)).to_have_text(who)
    theirs = drawer.locator(".customer-alert")
    theirs.first.wait_for()
    told = got(ask_alerts.get(f"{path(who)}/alerts"))["items"]
    ids = theirs.evaluate_all("all => all.map(each => each.dataset.alert)")
    assert ids == [each["id"] for each in told]
    reader.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(link).to_be_focused()


def test_what_was_told_of_a_merged_customer_stands_with_the_one_that_stays(
    reader: Reader, ask_alerts: httpx.Client
) -> None:
    told = got(ask_alerts.get(f"{path(NEW_NAME)}/alerts"))["items"]
    assert len({each["customer_id"] for each in told}) == 2
    reader.follows(f"#/customer/{NEW_NAME}")
    expect(reader.sees("customer-drawer").locator(".customer-alert")).to_have_count(len(told))


# For everybody.


def states(reader: Reader) -> Iterator[tuple[str, str]]:
    """All that there is of alerts: what it is, and the part of the page."""
    yield "alerts", "main"
    panel(reader, "alert-precision").locator(".panel-tools button").click()
    yield "table", "#panel-alert-precision"
    reader.follows(f"#/customer/{NEW_NAME}")
    reader.sees("customer-drawer").locator(".customer-alert").first.wait_for()
    yield "customer", "#customer-drawer"
    reader.goes_home()
    reader.follows("#/segment/rule/friends")
    reader.sees("members").locator("tbody tr th").first.wait_for()
    reader.page.get_by_test_id("export-for").fill("!")
    reader.page.get_by_test_id("members-export").click()
    yield "export", "#members"


def test_no_rule_of_accessibility_is_broken(new_reader: NewReader, alert_server: Api) -> None:
    reader = new_reader(alert_server, NO_SURVEY).opens()
    reader.page.evaluate(AXE)
    broken = {}
    for name, within in states(reader):
        for language, theme in product(("en", "zh"), ("light", "dark")):
            reader.page.evaluate(CHOOSE, {"language": language, "theme": theme})
            broken[name, language, theme] = reader.page.evaluate(RULES, within)
    assert {place: found for place, found in broken.items() if found} == {}
    assert len(broken) == 4 * 4


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_nothing_is_wider_than_a_phone(browser: Browser, alert_server: Api, language: str) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with Reader(browser, alert_server.url, NO_SURVEY, locale=language, **phone) as reader:
        seen = {name: reader.page.evaluate(WIDER) for name, _ in states(reader.opens())}
    assert {name: wider for name, wider in seen.items() if wider} == {}


def test_in_chinese_all_of_it_is_chinese(
    new_reader: NewReader, alert_server: Api, ask_alerts: httpx.Client
) -> None:
    reader = new_reader(alert_server, NO_SURVEY, locale="zh-CN").opens()
    expect(reader.page.locator("#alerts-heading")).to_have_text("流失预警")
    first = alerts(ask_alerts)[0]
    expect(rows(reader).first).to_contain_text(first["event"]["data"]["says"]["zh"])
    expect(rows(reader).first).to_contain_text(DECIDED[first["decision"]][1])
    expect(reader.page.locator("#alert-ledger thead")).to_contain_text("对照组")
    expect(reader.page.locator("#alert-ledger thead")).to_contain_text("增量效果")
    expect(panel(reader, "alert-today")).to_contain_text("正在流失")


# While there are none, and when there are.


def test_a_shop_without_alert_rules_is_told_so_and_shown_no_empty_tables(
    new_reader: NewReader, valkey_url: str, namespace: str
) -> None:
    with Api(settings(namespace, valkey_url)) as server:
        reader = new_reader(server, NO_POPULATION).opens()
        expect(reader.page.locator("#alerts .empty")).to_have_text(
            "The policy has no alert rules, so nobody is told of."
        )
        for name in PANELS:
            expect(panel(reader, name)).to_be_hidden()


def alert(number: int) -> AlertRecord:
    return AlertRecord(
        alert_id=f"{number:032x}",
        rule="late",
        kind="customer.overdue",
        customer_id=f"c{number}",
        raised_ms=1_767_225_600_000 + number,
        day=739_000,
        horizon_days=28,
        probability_ppm=None,
        at_stake_minor=0,
        silence_days=9,
        churned_day=None,
        arm=Arm.TREATED,
        decision=Decision.SENT,
        outcome=AlertOutcome(None, 0, 0),
    )


async def kept(redis_url: str, namespace: str, record: AlertRecord) -> None:
    """An alert comes onto the shelf."""
    async with connect(redis_url) as client:
        shelf = RedisShelf(client, namespace)
        stand = await shelf.stand()
        new = Stand(stand.offset + 1, record.alert_id.encode())
        writes: list[Write] = [
            Put(ALERTS, record.alert_id, encode_record(record)),
            Line(RAISED, record.alert_id, record.raised_ms),
        ]
        assert await shelf.write(stand, new, writes)


def test_an_alert_appears_without_loading_anew(
    new_reader: NewReader, valkey_url: str, namespace: str
) -> None:
    with ThreadPoolExecutor(1) as elsewhere, Api(settings(namespace, valkey_url), POLICY) as server:
        reader = new_reader(server, NO_POPULATION).with_a_clock().opens()
        empty = reader.page.locator("#alerts .empty")
        expect(empty).to_have_text("No alert has been raised yet.")
        expect(reader.page.locator("#alert-ledger .empty")).to_have_text(
            "No alert has been decided upon yet."
        )
        for number in (1, 2):
            elsewhere.submit(asyncio.run, kept(valkey_url, namespace, alert(number))).result()
            reader.waits(ALERTS_S)
            expect(rows(reader)).to_have_count(number)
        expect(rows(reader).locator("th")).to_have_text(["c2", "c1"])
        expect(rows(reader).first).to_contain_text("9 days of silence")
        expect(rows(reader).first).to_contain_text("Did not come back within 28 days")
