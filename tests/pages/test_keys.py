"""With API keys the page asks for one, and keeps it to itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from streams.api.keys import KeyRing
from tests.support.api_house import Api, House, keys_file
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
UNKNOWN = {401, 429}  # without a key, and that several times at once


def test_the_page_asks_for_a_key_says_that_one_is_wrong_and_works_with_the_right_one(
    house: House, tmp_path: Path, new_reader: Callable[..., Reader]
) -> None:
    key = keys_file(tmp_path / "keys", reader=["read"])["reader"]
    with Api(house.settings, ring=KeyRing(tmp_path / "keys")) as server:
        reader = new_reader(server, UNKNOWN)
        page = reader.page
        page.goto(server.url)
        dialog = reader.sees("key-dialog")
        expect(dialog).to_contain_text("answers only with a key")
        assert page.evaluate("document.activeElement.id") == "api-key"
        page.keyboard.type("sk_wrong")
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("That key was not accepted.")
        page.get_by_test_id("api-key").fill(key)
        page.keyboard.press("Enter")
        reader.is_ready()
        expect(dialog).to_be_hidden()
        expect(page.locator("#kpis .kpi")).to_have_count(5)
        expect(page.locator("#feed li")).to_have_count(50)
        expect(page.get_by_test_id("banner")).to_be_hidden()
        expect(page.get_by_test_id("status-live")).to_have_text("No worker")
        page.reload()  # kept until the tab is closed
        reader.is_ready()
        expect(page.locator("#kpis .kpi")).to_have_count(5)
        assert not [each for each in [*reader.asked, page.url] if "sk_" in each]
        assert page.evaluate("JSON.stringify({...localStorage})").find(key) < 0


def test_who_closes_the_question_for_a_key_can_have_it_asked_again(
    house: House, tmp_path: Path, new_reader: Callable[..., Reader]
) -> None:
    key = keys_file(tmp_path / "keys", reader=["read"])["reader"]
    with Api(house.settings, ring=KeyRing(tmp_path / "keys")) as server:
        reader = new_reader(server, UNKNOWN)
        reader.page.goto(server.url)
        dialog = reader.sees("key-dialog")
        reader.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        banner = reader.page.get_by_test_id("banner")
        expect(banner).to_contain_text("An API key is needed.")
        reader.is_ready()
        banner.get_by_role("button", name="Enter a key").click()
        reader.sees("api-key").fill(key)
        reader.page.keyboard.press("Enter")
        expect(reader.page.locator("#kpis .kpi")).to_have_count(5)
        expect(reader.page.locator("#feed li")).to_have_count(50)
        expect(banner).to_be_hidden()
