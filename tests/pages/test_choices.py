"""Languages and colours: chosen, remembered, complete."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models.daybook import DIMENSIONS
from models.member import NUMBERS
from streams.api.app import PAGES
from tests.support.api_house import Api
from tests.support.pages import Reader

pytestmark = pytest.mark.pages
CATALOGUES = """async () => Promise.all(["en", "zh"].map(
    async name => (await import(`/static/js/i18n/${name}.js`)).default))"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
STATIC = Path(str(PAGES))
_ASKED_FOR = re.compile(r'\b(t|tn|part)\(\s*"([a-z]\w*\.[\w./]*\w)"')
_IN_MARKUP = re.compile(r'data-i18n[a-z-]*="([^"]+)"')
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BLANK = re.compile(r"\{(\w+)\}")
SAME_IN_CHINESE = {"scheme.klaviyo", "scheme.braze"}  # names
Catalogues = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
def catalogues(reader: Reader) -> Catalogues:
    english, chinese = reader.page.evaluate(CATALOGUES)
    return english, chinese


def in_one_form(key: str) -> str:
    """Chinese knows no plural."""
    return re.sub(r"\.(one|other)$", ".*", key)


# Languages.


def test_the_language_is_switched_at_once_and_remembered(
    new_reader: Callable[..., Reader], server: Api, catalogues: Catalogues
) -> None:
    english, chinese = catalogues
    reader = new_reader(server).opens()
    html = reader.page.locator("html")

    def speaks(lang: str, texts: dict[str, str]) -> None:
        expect(html).to_have_attribute("lang", lang)
        for id_, key in (
            ("segments-heading", "segments.title"),
            ("panel-rfm-heading", "panel.rfm"),
            ("pause-text", "status.pause"),
        ):
            expect(reader.page.locator(f"#{id_}")).to_have_text(texts[key])
        first = reader.page.locator("#kpis .kpi-name").first
        expect(first).to_contain_text(texts["segment.lifecycle/prospect"])

    speaks("en", english)
    reader.page.get_by_test_id("language").click()
    speaks("zh-CN", chinese)
    reader.page.reload()
    reader.is_ready()
    speaks("zh-CN", chinese)
    reader.page.get_by_test_id("language").click()
    speaks("en", english)


def test_every_text_is_there_in_both_languages(catalogues: Catalogues) -> None:
    english, chinese = ({in_one_form(key) for key in each} for each in catalogues)
    assert english == chinese
    assert len(english) > 200
    assert all(text.strip() for each in catalogues for text in each.values())


def test_what_is_filled_into_a_text_is_the_same_in_both_languages(catalogues: Catalogues) -> None:
    english, chinese = catalogues
    blanks = {key: {*_BLANK.findall(text)} for key, text in chinese.items()}
    assert blanks == {key: {*_BLANK.findall(english[key])} for key in chinese}


def test_chinese_is_chinese(catalogues: Catalogues) -> None:
    _, chinese = catalogues
    others = {key for key, text in chinese.items() if not _CHINESE.search(_BLANK.sub("", text))}
    in_words = {key for key in others if re.search(r"[a-z]{2}", _BLANK.sub("", chinese[key]))}
    assert in_words == SAME_IN_CHINESE


def test_every_text_that_the_page_asks_for_by_name_is_there(catalogues: Catalogues) -> None:
    english, _ = catalogues
    scripts = "".join(path.read_text("utf-8") for path in (STATIC / "js").rglob("*.js"))
    asked = {(kind, key) for kind, key in _ASKED_FOR.findall(scripts)}
    asked |= {("t", key) for key in _IN_MARKUP.findall((STATIC / "index.html").read_text("utf-8"))}
    assert len(asked) > 100
    named = {key if kind != "tn" else f"{key}.other" for kind, key in asked}
    assert named - set(english) == set()


def test_every_number_of_a_persona_and_all_that_is_bought_has_a_name(
    catalogues: Catalogues,
) -> None:
    english, _ = catalogues
    named = {f"measure.{each.name}" for each in NUMBERS}
    named |= {f"dimension.{each}" for each in DIMENSIONS}
    assert named - set(english) == set()


# Colours.


def test_the_theme_is_switched_at_once_and_remembered(
    new_reader: Callable[..., Reader], server: Api
) -> None:
    reader = new_reader(server).opens()
    light = reader.page.evaluate(BACKGROUND)
    reader.page.get_by_test_id("theme").click()
    html = reader.page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    dark = reader.page.evaluate(BACKGROUND)
    assert dark != light
    reader.page.reload()
    reader.is_ready()
    expect(html).to_have_attribute("data-theme", "dark")
    assert reader.page.evaluate(BACKGROUND) == dark
    reader.page.get_by_test_id("theme").click()
    assert reader.page.evaluate(BACKGROUND) == light
