"""The documentation site builds without a warning, asks nothing of anywhere, and its search works offline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from models.policy import Policy
from streams.settings import Settings
from tests.support.chromium import started
from tests.support.document_code import ROOT
from tools.site_parts import PARTS, built, without_folders

LOADING = {
    ("link", "href"), ("script", "src"), ("img", "src"), ("img", "srcset"), ("iframe", "src"),
    ("source", "src"), ("source", "srcset"), ("video", "src"), ("audio", "src"), ("object", "data"),
    ("embed", "src"), ("use", "href"), ("image", "href"), ("form", "action"),
}  # fmt: skip
ELSEWHERE = re.compile(r"^\s*(https?:)?//")
IN_CSS = re.compile(r"(?:@import\s+|url\()\s*['\"]?\s*((?:https?:)?//[^)'\"\s]+)")
SEARCHED = ("segment", "churn", "replay", "calibr")  # as words are stemmed


class Loaded(HTMLParser):
    """What a page has the browser fetch, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (tag, name) in LOADING and value and ELSEWHERE.match(value):
                self.elsewhere.append(value)
            if (tag, name) == ("a", "href") and value:
                self.links.add(value)


def loaded(html: str) -> Loaded:
    page = Loaded()
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--builder", "html", "--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
    places = [
        "--conf-dir",
        "docs",
        "--doctree-dir",
        str(folder / "doctrees"),
        ".",
        str(folder / "html"),
    ]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    return folder / "html"


def test_the_checker_sees_what_a_page_loads_and_lets_links_be() -> None:
    page = loaded(
        '<a href="https://a.example">a</a><script src="https://b.example/x.js"></script>'
        '<img src="pictures/c.svg"><link href="//d.example/y.css">'
    )
    assert page.elsewhere == ["https://b.example/x.js", "//d.example/y.css"]
    assert page.links == {"https://a.example"}
    assert IN_CSS.findall('@import "https://e.example/f.css"; a {background: url(x.png)}') == [
        "https://e.example/f.css"
    ]


def test_nothing_of_the_site_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 60
    found = {page.name: loaded(page.read_text("utf-8")).elsewhere for page in pages}
    assert {name: each for name, each in found.items() if each} == {}
    styles = [*site.rglob("*.css"), *site.rglob("*.svg")]
    assert [each.name for each in styles if IN_CSS.search(each.read_text("utf-8"))] == []


def test_every_document_is_a_page_and_the_first_one_leads_there(site: Path) -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        assert (site / path.relative_to(ROOT)).with_suffix(".html").exists(), path
    assert 'url=docs/index.html"' in (site / "index.html").read_text("utf-8")
    first = loaded((site / "docs" / "index.html").read_text("utf-8")).links
    assert {"why.html", "quickstart.zh.html", "concepts.html", "../ARCHITECTURE.html"} <= first


def test_the_search_index_is_part_of_the_site_and_knows_its_words(site: Path) -> None:
    index = (site / "searchindex.js").read_text("utf-8")
    whole = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    assert [word for word in SEARCHED if word not in whole["terms"]] == []
    assert "快速上手" in whole["titles"]
    assert "docs/quickstart.zh" in whole["docnames"]


@pytest.mark.pages
@pytest.mark.parametrize(
    ("asked", "page"), [("calibration", "science"), ("快速上手", "quickstart.zh")]
)
def test_a_browser_without_a_network_finds_a_page_by_its_words(
    site: Path, chromium: None, asked: str, page: str
) -> None:
    with started() as browser:
        context = browser.new_context(offline=True)
        opened = context.new_page()
        opened.goto(f"{(site / 'search.html').as_uri()}?q={quote(asked)}")
        opened.locator("#search-results li a").first.wait_for()
        found = opened.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
        context.close()
    assert any(f"/docs/{page}.html" in each for each in found)


def test_the_reference_has_every_setting_every_section_and_every_command(site: Path) -> None:
    settings = (site / "docs" / "reference-settings.html").read_text("utf-8")
    assert [
        each for each in Settings.model_fields if f"SEGMENTER_{each.upper()}" not in settings
    ] == []
    policy = (site / "docs" / "reference-policy.html").read_text("utf-8")
    assert [each for each in Policy.model_fields if f'<section id="{each}">' not in policy] == []
    commands = (site / "docs" / "reference-cli.html").read_text("utf-8")
    for each in ("segmenter-demo", "segmenter-run-worker", "segmenter-replay-compare"):
        assert f'id="{each}"' in commands
    assert "is_member" in (site / "docs" / "reference-python.html").read_text("utf-8")


def test_a_part_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        built("before\n<!-- built: nothing -->\nafter\n")


def test_a_link_to_a_folder_is_words_and_one_to_a_file_stays() -> None:
    text = "[rules](../models), [one](../README.md), [far](https://a.example/docs)"
    assert without_folders(text, ROOT / "docs") == (
        "rules, [one](../README.md), [far](https://a.example/docs)"
    )


def test_every_part_has_its_page() -> None:
    text = "".join(each.read_text("utf-8") for each in (ROOT / "docs").glob("*.md"))
    assert {name for name in PARTS if f"<!-- built: {name} -->" in text} == set(PARTS)
