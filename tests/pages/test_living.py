"""The page while things happen: changes, a pause, a store that goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, expect

from chaos.proxy import Proxy
from tests.support.api_house import Api, settings
from tests.support.living_shop import LivingShop
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
NewReader = Callable[..., Reader]
REFRESH_S = 6  # a little more than the page lets pass
NOTHING_YET = "Nothing yet; is a worker running?"
NO_POPULATION = {409}  # yet: that is how RFM and clusters are answered


@pytest.fixture
def shop(valkey_url: str, namespace: str) -> Iterator[LivingShop]:
    """Ada and Bo have bought, and a day has begun."""
    with LivingShop(valkey_url, namespace) as one:
        one.sells_to("ada", "bo", day=0)
        one.wakes(1)
        yield one


@pytest.fixture
def server(shop: LivingShop, valkey_url: str, namespace: str) -> Iterator[Api]:
    with Api(settings(namespace, valkey_url)) as one:
        yield one


def lines(reader: Reader) -> Locator:
    return reader.page.locator("#feed li")


def size(reader: Reader, segment: str) -> Locator:
    return reader.page.locator(f'#kpis [data-segment="{segment}"][data-field=size]')


def follows(reader: Reader, segment: str, text: str) -> None:
    """A state has so many, each told once; the page asks for its size again in the next seconds."""
    expect(lines(reader)).to_have_count(int(text))
    for _ in range(20):
        reader.waits(REFRESH_S)
        with suppress(AssertionError):
            return expect(size(reader, segment)).to_have_text(text, timeout=500)
    return expect(size(reader, segment)).to_have_text(text)


def test_a_change_appears_and_the_numbers_follow_without_loading_anew(
    shop: LivingShop, server: Api, new_reader: NewReader
) -> None:
    reader = new_reader(server, NO_POPULATION).with_a_clock().opens()
    expect(size(reader, "lifecycle/new")).to_have_text("2")
    expect(lines(reader)).to_have_count(2)
    reader.page.evaluate("window.same = true")
    shop.sells_to("Zoë", day=1)
    follows(reader, "lifecycle/new", "3")
    expect(lines(reader).first).to_contain_text("Zoë")
    expect(lines(reader).first).to_contain_text("none → New, purchase")
    expect(reader.page.locator("[data-field=customers]")).to_have_text("3")
    assert reader.page.evaluate("window.same")
    lines(reader).first.click()
    expect(reader.page.locator("#customer-drawer-heading")).to_have_text("Zoë")


def test_an_open_customer_follows_what_happens_to_them(
    shop: LivingShop, server: Api, new_reader: NewReader
) -> None:
    reader = new_reader(server, NO_POPULATION).opens("#/customer/ada")
    drawer = reader.sees("customer-drawer")
    expect(drawer.locator(".pairs").first).to_contain_text("1×, on 1 day")
    shop.sells_to("ada", day=20)
    shop.wakes(60)
    expect(drawer.locator(".pairs").first).to_contain_text("2×, on 2 days")


def test_while_paused_changes_are_only_counted_and_then_shown(
    shop: LivingShop, server: Api, new_reader: NewReader
) -> None:
    reader = new_reader(server, NO_POPULATION).with_a_clock().opens()
    before = lines(reader).count()
    pause = reader.page.get_by_test_id("pause")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    shop.sells_to("cy", "dee", "eve", day=1)
    expect(pause).to_contain_text("Resume · 3 waiting")
    asked = [*reader.asked]
    reader.waits(REFRESH_S)
    assert lines(reader).count() == before
    assert reader.asked == asked
    assert size(reader, "lifecycle/new").inner_text() == "2"
    assert reader.page.locator("[data-field=customers]").inner_text() == "2"
    pause.click()
    expect(lines(reader)).to_have_count(before + 3)
    assert lines(reader).locator("bdi").all_inner_texts()[:3] == ["eve", "dee", "cy"]
    follows(reader, "lifecycle/new", "5")


def test_the_focus_survives_numbers_that_are_written_anew(
    shop: LivingShop, server: Api, new_reader: NewReader
) -> None:
    reader = new_reader(server, NO_POPULATION).with_a_clock().opens()
    link = reader.page.locator('#segments a[href="#/segment/lifecycle/new"]')
    link.focus()
    shop.sells_to("cy", day=1)
    follows(reader, "lifecycle/new", "3")
    expect(link).to_be_focused()
    reader.page.keyboard.press("Enter")
    members = reader.sees("members")
    shop.sells_to("dee", day=1)
    follows(reader, "lifecycle/new", "4")
    reader.page.keyboard.press("Escape")
    expect(members).to_be_hidden()
    expect(link).to_be_focused()


def test_a_banner_says_that_the_store_is_away_and_goes_when_it_is_back(
    shop: LivingShop, valkey_url: str, namespace: str, new_reader: NewReader
) -> None:
    with ExitStack() as opened:
        line = opened.enter_context(Proxy(urlsplit(valkey_url).port or 0))
        url = f"redis://127.0.0.1:{line.port}/0"
        server = opened.enter_context(Api(settings(namespace, url)))
        reader = new_reader(server, {*NO_POPULATION, 503}).with_a_clock().opens()
        banner = reader.page.get_by_test_id("banner")
        expect(banner).to_be_hidden()
        line.cut()
        expect(banner).to_have_text("The store does not answer; retrying.")
        assert size(reader, "lifecycle/new").inner_text() == "2"  # what is shown stays
        line.heal(reset=False)
        expect(banner).to_be_hidden()
        shop.sells_to("cy", day=1)
        follows(reader, "lifecycle/new", "3")


def test_before_anything_has_happened_the_page_says_so(
    valkey_url: str, namespace: str, new_reader: NewReader
) -> None:
    with Api(settings(namespace, valkey_url)) as server:
        reader = new_reader(server, NO_POPULATION).opens()
        for panel in ("kpis", "segments", "panel-lifecycle", "panel-rfm", "panel-clusters"):
            expect(reader.page.locator(f"#{panel} .empty")).to_have_text(NOTHING_YET)
        expect(reader.page.locator("#feed .empty")).to_have_text(
            "No change has been published yet."
        )
        with LivingShop(valkey_url, namespace) as shop:
            shop.sells_to("ada", day=0)
            shop.wakes(1)
            expect(size(reader, "lifecycle/new")).to_have_text("1")
        expect(reader.page.locator("#panel-rfm .empty")).to_contain_text("No population")
