"""Ids and attributes are somebody else's text: shown as text, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from tests.support.api_house import Api, settings
from tests.support.living_shop import LivingShop
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
HARM = "document.documentElement.dataset.harmed=1"
HOSTILE = (
    f'<img src=x onerror="{HARM}">',
    f'"><script>{HARM}</script>',
    f"</a><svg onload={HARM}>",
    f"javascript:{HARM}",
    "{{7*7}}${7*7}#{7*7}%s%d\\",
    "__proto__",
    "é" * 128,  # 256 bytes
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\u061cאבג\u200f 1",
    "#/segment/lifecycle/active",
)
SHOWN = {"\u061cאבג\u200f 1": "\\u061cאבג\\u200f 1"}  # what turns the direction of a line
REFUSALS = {400, 404, 409}  # no id, nobody's id, no population yet
LINES = "() => [...document.querySelectorAll('#feed bdi')].map(each => each.textContent)"


@pytest.fixture(scope="module")
def hostile(browser: Browser, valkey_url: str) -> Iterator[Reader]:
    namespace = "hostile"
    with LivingShop(valkey_url, namespace) as shop:
        for number, each in enumerate(HOSTILE):
            shop.tells(each, 0, **{f"<b>{number}</b>": HOSTILE[0], "group": "odd"})
        shop.sells_to(*HOSTILE, day=0)
        shop.wakes(1)
        with (
            Api(settings(namespace, valkey_url)) as server,
            Reader(browser, server.url, refusals=REFUSALS) as reader,
        ):
            yield reader.opens()


def as_text(customer_id: str) -> str:
    return SHOWN.get(customer_id, customer_id)


def require_unharmed(reader: Reader) -> None:
    harmed = reader.page.evaluate("document.documentElement.dataset.harmed")
    strange = reader.page.locator("img:not(.brand img), main script, dialog script, main b").count()
    assert (harmed, strange) == (None, 0)
    reader.require_clean()


def test_they_stand_in_the_feed_as_text(hostile: Reader) -> None:
    assert {*map(as_text, HOSTILE)} <= {*hostile.goes_home().page.evaluate(LINES)}
    require_unharmed(hostile)


@pytest.mark.parametrize("who", HOSTILE, ids=range(len(HOSTILE)))
def test_each_is_found_and_shown_in_a_drawer_as_text(hostile: Reader, who: str) -> None:
    hostile.goes_home().searches(who)
    drawer = hostile.sees("customer-drawer")
    expect(drawer.locator(".customer-head")).to_be_visible()
    assert drawer.get_by_role("heading", level=2).text_content() == as_text(who)
    assert drawer.locator("dd", has_text=HOSTILE[0]).count() == 1
    box = hostile.page.evaluate(
        "() => { const b = document.querySelector('#customer-drawer .dialog-body');"
        " return b.scrollWidth <= b.clientWidth; }"
    )
    assert box, "it makes the drawer wider"
    require_unharmed(hostile)


def test_they_are_listed_as_text_by_a_search_and_by_a_segment(hostile: Reader) -> None:
    for hash_, testid in (
        (f"#/search/{quote('group:odd')}", "search-results"),
        ("#/segment/lifecycle/new", "members"),
    ):
        hostile.goes_home().follows(hash_)
        ids = hostile.sees(testid).locator("tbody th bdi")
        expect(ids).to_have_count(len(HOSTILE))
        assert {*ids.all_text_contents()} == {*map(as_text, HOSTILE)}
        require_unharmed(hostile)


@pytest.mark.parametrize("route", [
    f"#/search/{quote(HOSTILE[0])}",
    f"#/segment/{quote(HOSTILE[0])}/{quote(HOSTILE[1], safe='')}",
    f"#/customer/{quote(HOSTILE[0] + 'x')}",
    "#/customer/%E0%A4%A",
    "#/segment/%00/%00",
])  # fmt: skip
def test_an_address_that_holds_markup_is_taken_for_text(hostile: Reader, route: str) -> None:
    hostile.goes_home().follows(route)
    dialog = hostile.page.locator("dialog[open]")
    expect(dialog).to_have_count(1)
    expect(dialog.locator(".loading")).to_have_count(0)
    require_unharmed(hostile)
