"""The documents say what is there: generated parts, commands, make targets, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.document_code import inline_commands, refused, shell_lines
from tools.render_docs import PARTS, main, rendered

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "segmenter.toml"], key=str
)
README = (ROOT / "README.md").read_text("utf-8")
COMMON = {
    "make",
    "curl",
    "pip",
    "python",
    "python3",
    "kafka-python",  # comes with ours
    "pytest",
    "docker",
    "cp",
    "source",
    "export",
    "kubectl",
    "redis-cli",
}
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]+)")
_MAKE = re.compile(r"^ {4}make ([a-z]+)|`make ([a-z]+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("segmenter customer get 1228 --json   # a comment", None),
        (".venv/bin/segmenter --config a.toml replay file sales.csv --to-topic", None),
        ("segmenter runs worker", "No such command 'runs'"),
        ("segmenter run wroker", "No such command 'wroker'"),
        ("segmenter customer get 1228 --yaml", "No such option: --yaml"),
        ("segmenter customer get", "MissingParameter"),
        ("segmenter segments report --lang fr", "'fr' is not one of"),
        ("segmenter demo --days 0", "greater than or equal to 1"),
        ("segmenter customer get 1 2", "unexpected extra argument"),
    ],
)
def test_the_checker_knows_commands_from_others(line: str, wrong: str | None) -> None:
    assert (found := refused(line)) is wrong is None or (wrong or "") in (found or "")


def test_of_a_sentence_an_unfinished_command_is_taken_and_a_wrong_one_is_not() -> None:
    assert refused("segmenter customer get", part=True) is None
    assert refused("segmenter run worker|relay", part=True) is None
    assert "wroker" in (refused("segmenter run wroker|relay", part=True) or "")


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    page = ROOT / "docs" / "why.md"
    assert ("docs/why.md:30", "segmenter customer explain") in [*inline_commands(page)]
    assert len([*shell_lines(ROOT / "docs" / "own-csv.md")]) >= 7


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_is_one_that_segmenter_takes(path: Path) -> None:
    typed = [each for each in shell_lines(path) if "segmenter" in each[1].split()[0]]
    said = [*inline_commands(path)]
    wrong = [(*each, why) for each in typed if (why := refused(each[1]))]
    wrong += [(*each, why) for each in said if (why := refused(each[1], part=True))]
    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_other_command_of_a_shell_block_is_one_that_a_reader_has(path: Path) -> None:
    first = {line.split()[0].rpartition("/")[2] for _, line in shell_lines(path)}
    assert first - {"segmenter", *COMMON} == set()


def test_the_documents_name_commands_at_all() -> None:
    assert len([*shell_lines(ROOT / "README.md")]) >= 5


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
