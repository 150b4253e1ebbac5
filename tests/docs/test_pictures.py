"""Pictures of the documents: drawn anew they are the same, each is shown somewhere, and they can be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from models.lifecycle import TRANSITIONS
from tests.support.document_code import PAGES, ROOT
from tools.pictures import FIGURES, FOLDER, drawn, main
from tools.svg import DARK, LIGHT, Drawing

SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
BY_HAND = {
    "segments-report.png",
    "what-if-report.png",
}  # docs/report.md, docs/what-if.md say of what
AA = 4.5  # of text, by WCAG 2.2


def luminance(colour: str) -> float:
    """Relative, by WCAG."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_pictures_are_what_the_code_and_the_figures_draw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_of_words_can_be_read_on_its_ground(palette: dict[str, str]) -> None:
    low = {
        n: contrast(c, palette["ground"]) for n, c in palette.items() if n not in ("ground", "rule")
    }
    assert {name: each for name, each in low.items() if each < AA} == {}


def test_contrast_is_told_as_the_standard_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


def test_a_drawing_says_what_it_shows_and_takes_nothing_from_elsewhere() -> None:
    drawing = Drawing(10, 10, "Risk < 5 %")
    drawing.text(1, 1, "a & b")
    assert "<title>Risk &lt; 5 %</title>" in drawing.svg()
    assert "a &amp; b" in drawing.svg()
    for name, text in drawn().items():
        assert re.findall(r"(?:href|src|url)\W+(?!#head)\w*:", text) == [], name


def test_every_move_of_the_lifecycle_has_its_arrow() -> None:
    moves = [pair for pair, target in TRANSITIONS.items() if pair[0] is not target]
    assert drawn()["lifecycle.svg"].count('marker-end="url(#head)"') == len(moves)


def test_the_figures_are_real_ones() -> None:
    figures = json.loads(FIGURES.read_text("utf-8"))
    assert figures["data"] == "complete-journey"
    assert sum(figures["silence_bins"]) == figures["customers"] == 2_469
    assert sum(each["customers"] for each in figures["clusters"]) == figures["customers"]
    assert sum(each[0] for each in figures["risk"]["bins"]) == figures["risk"]["customers"]


def shown() -> dict[Path, list[str]]:
    """Every picture that a page shows, with what is said of it to those who can't see it."""
    found: dict[Path, list[str]] = {}
    for page in [*PAGES, ROOT / "ARCHITECTURE.md"]:
        for words, target in SHOWN.findall(page.read_text("utf-8")):
            found.setdefault((page.parent / target).resolve(), []).append(words)
    return found


def test_every_picture_is_there_is_shown_and_has_words() -> None:
    there = {*(ROOT / "docs").glob("*.png"), *FOLDER.glob("*.svg")}
    assert there - shown().keys() == {FOLDER / "lifecycle.svg"}  # the site puts it for the diagram
    assert [str(each) for each in shown() if not each.exists()] == []
    assert [str(each) for each, words in shown().items() if not all(words)] == []


def test_every_screenshot_is_one_that_the_tool_takes() -> None:
    tool = (ROOT / "tools" / "screenshots.py").read_text("utf-8")
    taken = {f"{name}.png" for name in re.findall(r'picture\(page, "([a-z-]+)"\)', tool)}
    assert {each.name for each in (ROOT / "docs").glob("*.png")} == taken
