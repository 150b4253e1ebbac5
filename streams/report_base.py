"""The report on a base as one HTML file that prints on A4.

Enters: a `BaseReport`. Leaves: a page as text. Forbidden here: working anything out, files.
"""

from __future__ import annotations

from models.composition import Table
from streams.report_base_told import BaseReport, Wording
from streams.report_html import Column as Head
from streams.report_html import Language, page, paragraph, section, table

_NAMES = {"segment", "value", "label", "month"}


def report_as_html(report: BaseReport, language: Language) -> str:
    """The whole file."""
    words = Wording(report, language)
    head = "".join(paragraph(each) for each in words.head())
    parts = [_table(each, words) for each in report.tables]
    return page(words.says("title"), head, parts, language)


def _table(told: Table, words: Wording) -> str:
    title = words.title(told)
    heads = [Head(words.column(told, each), each.unit not in _NAMES) for each in told.columns]
    rows = [
        [words.cell(told, column, cell) for column, cell in zip(told.columns, row, strict=True)]
        for row in told.rows
    ]
    return section(title, table(title, heads, rows))
