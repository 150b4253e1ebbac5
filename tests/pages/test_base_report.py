"""The report on a base in a real browser: without a network, on A4, on a phone, in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from streams.report_base import report_as_html
from streams.report_base_told import BaseReport
from streams.report_html import Language
from tests.support import chromium as chromium_part
from tests.support.accessible import AXE, RULES, WIDER
from tests.support.reported_shop import reported

pytestmark = pytest.mark.pages
LANGUAGES: tuple[Language, ...] = ("en", "zh")
PHONE = {"width": 360, "height": 740}
PAPER = {"width": 703, "height": 1009}  # A4 less its margins, at 96 dots an inch
CUT_OFF = """() => {
    const right = document.documentElement.clientWidth + 1;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const cut = [], range = document.createRange();
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        if (!text.data.trim() || text.parentElement.closest(".unseen, .contents")) continue;
        range.selectNodeContents(text);
        const box = range.getBoundingClientRect();
        const holds = text.parentElement.closest("td, th, .card, p, li, h1, h2, h3") ?? document.body;
        if (box.right > right || box.right > holds.getBoundingClientRect().right + 1) cut.push(text.data);
    }
    return cut;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made before a browser is open: beside one no loop runs."""
    made = tmp_path_factory.mktemp("reports")
    for language in LANGUAGES:
        (made / f"{language}.html").write_text(report_as_html(reported(), language), "utf-8")
        (made / f"some-{language}.html").write_text(report_as_html(some(), language), "utf-8")
    (made / "wide.html").write_text(report_as_html(reported("region"), "en"), "utf-8")
    return made


def some() -> BaseReport:
    """Tables of each sort: to look at all for faults takes a minute."""
    whole = reported()
    sorts = ("totals", "segments.rfm", "segments.rule", "attributes.age", "bought.category")
    kept = (*sorts, "cross.member", "retention", "movement.lifecycle")
    return whole._replace(tables=[each for each in whole.tables if each.name.startswith(kept)])


@pytest.fixture(scope="module")
def browser(chromium: None, folder: Path) -> Iterator[Browser]:
    with chromium_part.started() as one:
        yield one


@pytest.fixture
def asked() -> list[str]:
    """Addresses that pages asked for."""
    return []


def opened(browser: Browser, file: Path, asked: list[str], **looks: Any) -> Page:
    page = browser.new_context(**{"bypass_csp": True, "offline": True, **looks}).new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"thrown: {error}"))
    page.goto(file.as_uri())
    return page


def test_no_rule_of_accessibility_is_broken_in_light_and_dark(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    broken = {}
    for language, theme in zip(LANGUAGES, ("light", "dark"), strict=True):
        page = opened(browser, folder / f"some-{language}.html", asked, color_scheme=theme)
        page.evaluate(AXE)
        broken[language, theme] = page.evaluate(RULES, "html")
        page.context.close()
    assert {place: rules for place, rules in broken.items() if rules} == {}
    assert len(broken) == 2


def test_it_opens_without_a_network_and_asks_for_nothing(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    for language in LANGUAGES:
        page = opened(browser, folder / f"{language}.html", asked, bypass_csp=False)
        assert page.get_by_role("img").count() > 8
        page.context.close()
    assert asked == [(folder / f"{each}.html").as_uri() for each in LANGUAGES]


def test_it_prints_on_a_few_pages_of_a4_and_nothing_is_cut_off(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    for name in (*LANGUAGES, "wide"):
        page = opened(browser, folder / f"{name}.html", asked, viewport=PAPER, color_scheme="dark")
        page.emulate_media(media="print")
        assert page.evaluate(CUT_OFF) == [], name
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PAPER["width"]
        colour = "() => getComputedStyle(document.querySelector('td')).color"
        assert page.evaluate(colour) == "rgb(22, 26, 35)", (
            "dark ink on white paper, whatever the screen"
        )
        printed = page.pdf(prefer_css_page_size=True)
        assert {*re.findall(rb"/MediaBox\s*\[([^\]]+)\]", printed)} == {b"0 0 594.95996 841.91998"}
        assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 14
        page.context.close()


def test_what_is_cut_off_would_be_found(browser: Browser, folder: Path, asked: list[str]) -> None:
    page = opened(browser, folder / "en.html", asked, viewport=PAPER)
    page.add_style_tag(content="h1 { white-space: nowrap; width: 60px; } td { max-width: 8px; }")
    assert len(page.evaluate(CUT_OFF)) > 100
    page.context.close()


def test_on_a_phone_only_tables_scroll_sideways(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    for name in (*LANGUAGES, "wide"):
        page = opened(browser, folder / f"{name}.html", asked, viewport=PHONE)
        assert page.evaluate(WIDER) == [], name
        page.context.close()


def test_names_of_customers_and_goods_are_text_whatever_they_look_like(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    page = opened(browser, folder / "en.html", asked)
    named = page.get_by_role("rowheader", name="<b>Bread</b>", exact=True)
    assert named.or_(page.get_by_role("rowheader", name="=SUM(A1)")).count() > 0
    assert page.locator("dt", has_text="Big & <i>loyal</i>").count() == 1
    assert page.locator("dd", has_text="They spend <much>.").count() == 1
    assert page.locator("main b, main i").count() == 0
    page.context.close()
