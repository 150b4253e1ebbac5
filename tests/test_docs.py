"""The documents say what is there: generated parts, commands, make targets, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from streams.cli import app
from tools.render_docs import PARTS, main, rendered

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "segmenter.toml"], key=str
)
README = (ROOT / "README.md").read_text("utf-8")
_CODE = re.compile(r"^(?: {4}|\$ )(segmenter .+)$|`(segmenter [^`]+)`", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]+)")
_MAKE = re.compile(r"^ {4}make ([a-z]+)|`make ([a-z]+)", re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `segmenter …` in code, without comments."""
    for block, inline in _CODE.findall(text):
        yield (block or inline).split("#")[0].split()[1:]


def fault(words: list[str]) -> str | None:
    """The first word that `segmenter` would not understand."""
    command: Any = typer.main.get_command(app)
    for word in words:
        options = {option for each in command.params for option in each.opts}
        if word.startswith("-") and word not in options:
            return word
        if word.startswith("-") or not hasattr(command, "commands"):
            continue
        if word not in command.commands:
            return word
        command = command.commands[word]
    return None


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("customer get 1228 --json", None),
        ("replay file sales.csv --to-topic", None),
        ("run", None),
        ("runs worker", "runs"),
        ("run wroker", "wroker"),
        ("customer get 1228 --yaml", "--yaml"),
    ],
)
def test_the_checker_knows_commands_from_others(words: str, wrong: str | None) -> None:
    assert fault(words.split()) == wrong


def test_the_checker_finds_commands_in_blocks_and_in_lines() -> None:
    text = "Say `segmenter doctor`, or:\n\n    segmenter run all    # both\n\nThe segmenter is.\n"
    assert list(commands(text)) == [["doctor"], ["run", "all"]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_exists(path: Path) -> None:
    found = list(commands(path.read_text("utf-8")))
    assert [(words, fault(words)) for words in found if fault(words)] == []


def test_the_documents_name_commands_at_all() -> None:
    assert len(list(commands(README))) >= 5


def test_the_first_two_commands_of_the_readme_are_the_demo_and_the_tests() -> None:
    code = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    ")]
    assert code[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_in_a_document_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {block or inline for block, inline in _MAKE.findall(path.read_text("utf-8"))}
    assert named - targets == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_links_to_is_there(path: Path) -> None:
    links = _LINK.findall(path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_generated_parts_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert set(PARTS) == {
        *("ARCHITECTURE.md", "docs/lifecycle.md", "docs/events.md", "docs/rules.md"),
        "docs/value-grid.md",
    }


def test_a_part_that_is_out_of_date_is_rendered_anew_and_the_rest_is_left_alone() -> None:
    text = "Before.\n<!-- generated: n -->\nold\n<!-- end -->\nAfter.\n"
    new = "Before.\n<!-- generated: n -->\nnew \\1\n<!-- end -->\nAfter.\n"
    assert rendered(text, {"n": lambda: "new \\1"}) == new
    assert rendered(new, {"n": lambda: "new \\1"}) == new


def test_a_part_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for the generated part 'n'"):
        rendered("Nothing here.", {"n": str})
