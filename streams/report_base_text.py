"""The report on a base as JSON, Markdown and CSV.

Enters: a `BaseReport`. Leaves: texts. Forbidden here: files, working anything out.

The CSV is one long table, a row for each number, which Excel and pandas pivot: what tables have in common is
no columns. Amounts are in major units, shares 0 to 1, with a point.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from models.calendar import iso_date
from models.composition import NAMES, WINDOW_DAYS, Cell, Column, Table, kind_of
from models.currencies import minor_digits
from models.plain_text import plain, printable
from models.survey import MOVED_DAYS
from streams.messages import rfc3339
from streams.report_base_told import BaseReport, Wording
from streams.report_html import Language

CSV_HEAD = ("table", "row", "row_name", "column", "column_name", "unit", "value")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report_as_json(report: BaseReport) -> dict[str, Any]:
    """All of it, plain. Money is minor units; a null that names a row is what the table's `rest` says."""
    moment = report.moment
    english = Wording(report, "en")
    return {
        "as_of": rfc3339(moment.at_ms),
        "day": iso_date(moment.day),
        "currency": moment.currency,
        "policy": moment.policy,
        "population": moment.population,
        "window_days": WINDOW_DAYS,
        "moved_days": MOVED_DAYS,
        "labels": {name: label._asdict() for name, label in report.labels.items()},
        "tables": [_table_as_json(each, english) for each in report.tables],
        "notes": english.notes(),
    }


def _table_as_json(table: Table, english: Wording) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": english.title(table),
        "columns": [each._asdict() for each in table.columns],
        "rows": [list(each) for each in table.rows],
        "rest": table.rest,
        "others": table.others,
    }


def report_as_markdown(report: BaseReport, language: Language) -> str:
    """All of it as tables that GitHub and others render."""
    words = Wording(report, language)
    parts = [f"# {words.says('title')}", *words.head()]
    for table in report.tables:
        parts += [f"## {plain(words.title(table))}", "\n".join(_markdown(table, words))]
    notes = "\n".join(f"- {each}" for each in words.notes())
    return "\n\n".join([*parts, f"## {words.says('part.notes')}", notes]) + "\n"


def _markdown(table: Table, words: Wording) -> Iterator[str]:
    heads = [plain(words.column(table, each)) for each in table.columns]
    sides = (":--" if each.unit in NAMES else "--:" for each in table.columns)
    yield _line(heads)
    yield _line(sides)
    for row in table.rows:
        named, *cells = (words.cell(table, *each) for each in zip(table.columns, row, strict=True))
        yield _line(map(plain, (_in_kind(table, words, row[0]) or named, *cells)))


def _in_kind(table: Table, words: Wording, first: Cell) -> str | None:
    """Where segments of several kinds stand in one table, each is told with its kind."""
    if first is None or table.of.part != "cross":
        return None
    segment = str(first)
    return words.says("in_kind", kind=words.kind(kind_of(segment)), name=words.segment(segment))


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def report_as_csv(report: BaseReport, language: Language) -> str:
    """A row for each number; cells of nothing are left out."""
    words, written = Wording(report, language), io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(CSV_HEAD)
    for table in report.tables:
        rows.writerows(_tidy(table, words, report.moment.currency))
    return written.getvalue()


def _tidy(table: Table, words: Wording, currency: str) -> Iterator[tuple[str, ...]]:
    head = table.columns[0]
    for first, *cells in table.rows:
        row = _cell(first or ""), _cell(words.cell(table, head, first))
        for column, cell in zip(table.columns[1:], cells, strict=True):
            if cell is not None:
                named = _cell(column.name or ""), _cell(words.column(table, column))
                yield _cell(table.name), *row, *named, column.unit, _number(column, cell, currency)


def _cell(text: object) -> str:
    """What begins like a formula stands behind an apostrophe, or a spreadsheet would work it out.

    Control characters are written out: a CSV may go to a terminal.
    """
    written = printable(str(text))
    return f"'{written}" if written.startswith(_FORMULA) else written


def _number(column: Column, cell: str | float, currency: str) -> str:
    if isinstance(cell, str):
        return _cell(cell)
    digits = {"money": minor_digits(currency), "hundredths": 2}.get(column.unit)
    return str(cell) if digits is None else f"{cell / 10**digits:.{digits}f}"
