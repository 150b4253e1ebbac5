"""docs/reliability.md promises nothing that no test shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "reliability.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


class Row(NamedTuple):
    """One hazard.

    Attributes:
        hazard: in words.
        behaviour: likewise.
        tests: (file below tests/, function).
    """

    hazard: str
    behaviour: str
    tests: list[tuple[str, str]]


def rows(text: str) -> Iterator[Row]:
    """The table under the heading "Hazards"."""
    section = text.split("\n## Hazards\n")[1].split("\n## ", maxsplit=1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    for line in table[2:]:
        hazard, behaviour, shown_by = (cell.strip() for cell in line.strip("|").split(" | "))
        yield Row(hazard, behaviour, _NAMED.findall(shown_by))


def functions(path: Path) -> set[str]:
    """The tests of a file."""
    tree = ast.parse(path.read_text("utf-8")) if path.exists() else ast.Module([], [])
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {each.name for each in tree.body if isinstance(each, defined)}
    return {name for name in names if name.startswith("test_")}


ROWS = list(rows(DOCUMENT.read_text("utf-8")))


def test_the_checker_reads_a_table_and_the_tests_that_it_names() -> None:
    text = (
        "\n## Hazards\n\n| hazard | what | shown by |\n| --- | --- | --- |\n"
        "| rain | umbrella | `a/test_b.py::test_c` `test_d.py::test_e` |\n| snow | boots | hope |\n"
        "\n## Next\n| x | y | z |\n"
    )
    assert list(rows(text)) == [
        Row("rain", "umbrella", [("a/test_b.py", "test_c"), ("test_d.py", "test_e")]),
        Row("snow", "boots", []),
    ]
    assert "test_the_checker_reads_a_table_and_the_tests_that_it_names" in functions(Path(__file__))
    assert functions(TESTS / "nowhere.py") == set()


def test_there_is_a_row_for_each_kind_of_hazard() -> None:
    assert len(ROWS) >= 23
    assert all(row.behaviour for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.hazard[:30])
def test_every_row_names_tests_and_each_of_them_exists(row: Row) -> None:
    assert row.tests
    assert [(file, name) for file, name in row.tests if name not in functions(TESTS / file)] == []


def test_every_hazard_that_is_tested_here_stands_in_the_table() -> None:
    """Those of a file that belongs to the table; files of one subject have documents of their own."""
    named = {file for row in ROWS for file, _ in row.tests}
    here = {f"hazards/{path.name}" for path in Path(__file__).parent.glob("test_hazards_*.py")}
    assert here - named == set()
