"""The report on a base, read back from its Markdown, CSV and HTML: numbers as its JSON has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

NAMES = {"segment", "value", "label", "month"}
Grid = list[list[str]]  # the texts of a table's body, without the cells that name its rows


def number(text: str, unit: str) -> int | float | None:
    """What a reader takes from a cell; amounts have two decimals."""
    if text == "—":
        return None
    plain = Decimal(text.replace(",", "").removesuffix("%"))
    if unit == "share":
        return float(plain / 100)
    return int(plain * 100) if unit in {"money", "hundredths"} else int(plain)


def numbers(table: dict[str, Any]) -> list[list[Any]]:
    """Those of a table of the JSON, row by row."""
    return [row[1:] for row in table["rows"]]


def read(table: dict[str, Any], grid: Grid) -> list[list[Any]]:
    """Texts of that table as numbers."""
    units = [each["unit"] for each in table["columns"][1:]]
    return [[number(*each) for each in zip(row, units, strict=True)] for row in grid]


def markdown_tables(text: str) -> Iterator[Grid]:
    """The tables of a Markdown file, in order."""
    for part in text.split("\n## ")[1:]:
        lines = [each for each in part.splitlines() if each.startswith("| ")]
        if lines:
            yield [
                [cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")][1:]
                for line in lines[2:]
            ]


def csv_cells(text: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(table, row, column) → unit and value."""
    rows = csv.DictReader(io.StringIO(text))
    return {
        (each["table"], each["row"], each["column"]): (each["unit"], each["value"]) for each in rows
    }


def as_csv_has_it(unit: str, value: Any) -> str:
    """A number of the JSON, amounts in major units."""
    return f"{Decimal(value) / 100:.2f}" if unit in {"money", "hundredths"} else str(value)


class Page(HTMLParser):
    """A page of the report.

    Attributes:
        cards: the figures that stand out.
        tables: (name, rows); a cell is its text, or its text and what is written small below.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards: list[str] = []
        self.tables: list[tuple[str, list[list[list[str]]]]] = []
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append((str(dict(attrs)["data-table"]), []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag == "td" and self.tables[-1][1]:
            self._into = [""]
            self.tables[-1][1][-1].append(self._into)
        elif tag == "small" and self._into is not None:
            self._into.append("")
        elif tag == "dd":
            self._into = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "dd" and self._into is not None:
            self.cards += self._into
        if tag in {"td", "dd"}:
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data.strip()

    def of(self, name: str) -> list[list[list[str]]]:
        """A table's rows of numbers; one that was told in several has its columns side by side again."""
        found = [[row for row in rows if row] for each, rows in self.tables if each == name]
        whole = found[0] if found else []
        for more in found[1:]:  # after how many there are, which is told again
            whole = [[*row, *other[1:]] for row, other in zip(whole, more, strict=True)]
        return whole
