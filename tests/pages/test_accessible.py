"""For everybody: without sight of colours, without a mouse, on a phone, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.accessible import AXE, CHOOSE, RULES, WIDER
from tests.support.api_house import NEW_NAME, Api
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
WHO = NEW_NAME
FOCUS = "document.activeElement"


def states(reader: Reader) -> Iterator[tuple[str, Any]]:
    """All that can be seen: what it is, and the part of the page that it adds, as axe is told."""
    yield "dashboard", {"include": ["html"], "exclude": [".panel-stage .table-box"]}
    reader.shows_tables()
    yield "tables", ".panel-stage"
    reader.page.get_by_test_id("search").fill("region:north")
    yield "suggestions", "header"
    reader.page.keyboard.press("Escape")
    for name, hash_, testid, there in (
        ("customer", f"#/customer/{WHO}", "customer-drawer", ".customer-head"),
        ("members", "#/segment/lifecycle/dormant", "members", ".together td"),
        ("rule", "#/segment/rule/quiet_spenders", "members", ".breakdown-list li"),
        ("results", "#/search/region:north", "search-results", "tbody tr th"),
    ):
        reader.follows(hash_)
        dialog = reader.sees(testid)
        dialog.locator(there).first.wait_for()
        for figure in dialog.locator("button[aria-pressed=false]:visible").all()[::-1]:
            figure.click()
        yield name, f"#{testid}"
        reader.goes_home()


def test_no_rule_of_accessibility_is_broken_wherever_one_looks(
    new_reader: Callable[..., Reader], server: Api
) -> None:
    """Axe comes in through the debugger, past the page's CSP: nothing need be allowed for it."""
    reader = new_reader(server).opens()
    reader.page.evaluate(AXE)
    broken = {}
    for name, within in states(reader):
        for language, theme in product(("en", "zh"), ("light", "dark")):
            reader.page.evaluate(CHOOSE, {"language": language, "theme": theme})
            broken[name, language, theme] = reader.page.evaluate(RULES, within)
    assert {place: rules for place, rules in broken.items() if rules} == {}
    assert len(broken) == 7 * 4


def test_the_rules_see_what_is_wrong(reader: Reader) -> None:
    reader.page.evaluate(AXE)
    reader.page.evaluate("document.querySelector('.brand img').removeAttribute('alt')")
    found = reader.page.evaluate(RULES, ".brand")
    reader.page.evaluate("document.querySelector('.brand img').setAttribute('alt', '')")
    assert [rule for rule, _ in found] == ["image-alt"]


# On a phone.


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_nothing_is_wider_than_a_phone(browser: Browser, server: Api, language: str) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with Reader(browser, server.url, locale=language, **phone) as reader:
        seen = {name: reader.page.evaluate(WIDER) for name, _ in states(reader.opens())}
    assert {name: wider for name, wider in seen.items() if wider} == {}


# With the keyboard alone.


def test_tab_leads_past_a_link_to_the_content_into_the_search(
    new_reader: Callable[..., Reader], server: Api
) -> None:
    page = new_reader(server).opens().page
    page.keyboard.press("Tab")
    assert page.evaluate(f"{FOCUS}.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate(f"{FOCUS}.id") == "search"
    page.keyboard.press("Escape")
    passed = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        passed.add(page.evaluate(f"{FOCUS}.id || {FOCUS}.className"))
    assert {"pause", "language", "theme", "kpi"} <= passed


def test_a_slash_goes_to_the_search_and_escape_hides_what_it_suggests(reader: Reader) -> None:
    reader.page.locator("#pause").focus()
    reader.page.keyboard.press("/")
    assert reader.page.evaluate(f"{FOCUS}.id") == "search"
    reader.page.keyboard.type("1228")
    suggestions = reader.page.locator("#suggestions")
    expect(suggestions).to_be_visible()
    reader.page.keyboard.press("Escape")
    expect(suggestions).to_be_hidden()
    reader.page.get_by_test_id("search").fill("")


@pytest.mark.parametrize("where", ["#kpis", "#segments"])
def test_enter_opens_a_segment_escape_closes_it_and_the_focus_is_where_it_was(
    reader: Reader, where: str
) -> None:
    link = reader.page.locator(f'{where} a[href="#/segment/lifecycle/dormant"]')
    link.focus()
    reader.page.keyboard.press("Enter")
    members = reader.sees("members")
    members.locator("tbody tr th").first.wait_for()
    assert reader.page.evaluate(f"{FOCUS}.closest('dialog')?.id") == "members"
    reader.page.keyboard.press("Escape")
    expect(members).to_be_hidden()
    expect(link).to_be_focused()
    assert reader.hash() == ""


def test_within_a_dialog_tab_stays_in_it(reader: Reader) -> None:
    reader.follows(f"#/customer/{WHO}")
    reader.sees("customer-drawer").locator(".customer-head").wait_for()
    for _ in range(15):
        reader.page.keyboard.press("Tab")
        within = reader.page.evaluate(
            f"{FOCUS} === document.body || {FOCUS}.closest('dialog')?.id === 'customer-drawer'"
        )
        assert within
