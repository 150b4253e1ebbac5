"""The report of a comparison in a real browser: alone in its file, on a phone, in the dark, without a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from streams.report_compare import compare_report
from streams.report_html import Language
from streams.report_sweep import sweep_report
from tests.streams.compared_shop import curve, told
from tests.support import chromium as chromium_part
from tests.support.accessible import AXE, RULES, WIDER

pytestmark = pytest.mark.pages
LANGUAGES: tuple[Language, ...] = ("en", "zh")
REPORTS = tuple(product(("compare", "sweep"), LANGUAGES))
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made before a browser is open: beside one no loop runs."""
    made = tmp_path_factory.mktemp("reports")
    for name, language in REPORTS:
        text = written(name, language)
        (made / f"{name}-{language}.html").write_text(text, "utf-8")
    return made


def written(name: str, language: Language) -> str:
    return (
        compare_report(told(), language) if name == "compare" else sweep_report(curve(), language)
    )


@pytest.fixture(scope="module")
def browser(chromium: None, folder: Path) -> Iterator[Browser]:
    with chromium_part.started() as one:
        yield one


@pytest.fixture
def asked() -> list[str]:
    """Addresses that pages asked for."""
    return []


def opened(browser: Browser, file: Path, asked: list[str], **looks: Any) -> Page:
    page = browser.new_context(**{"bypass_csp": True, **looks}).new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"thrown: {error}"))
    page.goto(file.as_uri())
    return page


def test_no_rule_of_accessibility_is_broken_in_light_and_dark(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    broken = {}
    for (name, language), theme in product(REPORTS, ("light", "dark")):
        page = opened(browser, folder / f"{name}-{language}.html", asked, color_scheme=theme)
        for summary in page.locator("summary").all():
            summary.click()
        page.evaluate(AXE)
        broken[name, language, theme] = page.evaluate(RULES, "html")
        page.context.close()
    assert {place: rules for place, rules in broken.items() if rules} == {}
    assert len(broken) == 8


def test_nothing_is_asked_for_but_the_file_itself(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    for name, language in REPORTS:
        file = folder / f"{name}-{language}.html"
        opened(browser, file, asked, bypass_csp=False).context.close()
    assert asked == [(folder / f"{n}-{language}.html").as_uri() for n, language in REPORTS]


def test_on_a_phone_only_tables_scroll_sideways(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    for name, language in REPORTS:
        page = opened(browser, folder / f"{name}-{language}.html", asked, viewport=PHONE)
        assert page.evaluate(WIDER) == [], (name, language)
        assert page.locator("svg").first.bounding_box() is not None
        page.context.close()


def test_examples_open_with_the_keyboard(browser: Browser, folder: Path, asked: list[str]) -> None:
    page = opened(browser, folder / "compare-en.html", asked)
    first = page.locator("details").first
    first.locator("summary").focus()
    assert not first.locator("li").first.is_visible()
    page.keyboard.press("Enter")
    assert first.locator("li").first.is_visible()
    page.context.close()


def test_the_page_says_what_the_comparison_says(
    browser: Browser, folder: Path, asked: list[str]
) -> None:
    page, says = opened(browser, folder / "compare-en.html", asked), told()
    customers = says["customers"]
    head = page.locator(".card dd").first.inner_text()
    assert head == f"{customers['differing']} of {customers['looked_at']}"
    differing = [each for each in says["segments"] if each["differs"]]
    charts = page.get_by_role("img")
    assert charts.count() == len(differing) + len(says["alerts"])
    [big] = [each for each in differing if each["segment"] == "rule/big"]
    named = page.get_by_role("img", name="Big & loyal <b>: customers by day.")
    assert f"A ends at {big['a']}, B at {big['b']}" in str(named.get_attribute("aria-label"))
    lines = named.locator("path.a, path.b")
    drawn = [str(each.get_attribute("d")).count(" ") for each in lines.all()]
    assert drawn == [len(says["days"])] * 2
    page.context.close()
