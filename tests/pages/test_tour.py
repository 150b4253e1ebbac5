"""Wherever one goes, nothing is asked of anybody else, no error is told, no rule of the CSP broken."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.api_house import ODD_IDS, Api, House
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
NewReader = Callable[..., Reader]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (
            "document.body.append(Object.assign(new Image(), {src: 'https://a.example/x.png'}))",
            "img",
        ),
        ("fetch('https://a.example/').catch(() => 0)", "connect"),
        (
            "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
            "script",
        ),
        ("console.error('e')", "error: e"),
        ("setTimeout(() => { throw new Error('oh'); })", "thrown: oh"),
    ],
)
def test_the_watch_sees_what_a_page_must_not_do(
    resident: Reader, fault: str, complaint: str
) -> None:
    resident.page.evaluate(f"() => {{ {fault} }}")
    resident.page.wait_for_timeout(50)
    assert complaint in " ".join(resident.complaints)
    resident.complaints.clear()


def test_a_whole_tour_asks_nothing_elsewhere_and_ends_without_an_error(
    new_reader: NewReader, server: Api, house: House
) -> None:
    reader = new_reader(server).opens()
    page = reader.page
    reader.shows_tables()
    for link in page.locator("#segments a").all()[::6]:
        link.click()
        members = reader.sees("members")
        expect(members.locator(".progress")).not_to_have_text("Loading…")
        page.keyboard.press("Escape")
        expect(members).to_be_hidden()
    for who in (*list(house.states)[:2], ODD_IDS[2]):
        reader.follows(f"#/customer/{quote(who, safe='')}")
        reader.sees("customer-drawer").locator(".customer-head").wait_for()
    reader.follows("#/search/region%3Asouth")
    reader.sees("search-results").locator("tbody a").first.click()
    reader.sees("customer-drawer").locator(".customer-head").wait_for()
    reader.goes_home()
    for switch in ("theme", "language", "pause", "pause", "language", "theme"):
        page.get_by_test_id(switch).click()
    for size in ({"width": 390, "height": 844}, {"width": 1600, "height": 1000}):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
    chart = page.locator("#panel-lifecycle .chart")
    page.locator("#panel-lifecycle .panel-tools button").click()
    chart.hover()
    reader.require_clean()
    assert len(reader.asked) > 50


def test_the_endpoints_can_be_tried_out_without_asking_elsewhere(
    new_reader: NewReader, server: Api
) -> None:
    reader = new_reader(server)
    reader.page.goto(f"{server.url}/docs")
    operations = reader.page.locator(".opblock")
    operations.first.wait_for()
    assert operations.count() > 15
    reader.page.get_by_text("/v1/overview").click()
    reader.page.get_by_role("button", name="Try it out").click()
    reader.page.get_by_role("button", name="Execute").click()
    answered = reader.page.locator(".live-responses-table td.response-col_status")
    expect(answered.last).to_have_text("200")
    reader.require_clean()
