"""The report on a base as one HTML file: no script, nothing asked for from anywhere; it prints on A4.

Enters: a `BaseReport`. Leaves: a page as text. Forbidden here: working anything out, files.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from models.composition import Table
from streams.report_base_tables import block, crossed
from streams.report_base_told import BaseReport, Wording
from streams.report_html import Language, cards, page, paragraph

PARTS = ("segments", "attributes", "bought", "cross", "retention", "movement")


def report_as_html(report: BaseReport, language: Language) -> str:
    """The whole file.

    Args:
        report: what it says.
        language: of the words.
    """
    words = Wording(report, language)
    parts = dict(_parts(report, words))
    links = "".join(f'<a href="#{part}">{escape(words.says(f"part.{part}"))}</a>' for part in parts)
    named = escape(words.says("contents"))
    head = "".join(paragraph(each) for each in words.head())
    head += f'<nav class="contents" aria-label="{named}">{links}</nav>'
    body = [_totals(report.tables[0], words), *parts.values()]
    return page(words.says("title"), head, body, language, ("report_base.css",))


def _totals(table: Table, words: Wording) -> str:
    cells = list(zip(table.columns, table.rows[0], strict=True))[1:]
    return cards(
        (words.column(table, each), words.cell(table, each, cell), "") for each, cell in cells
    )


def _parts(report: BaseReport, words: Wording) -> Iterator[tuple[str, str]]:
    """Part → its section, of those that have anything to say."""
    for part in PARTS:
        tables = [each for each in report.tables if each.of.part == part]
        if tables:
            yield part, _section(part, words, list(_blocks(report, tables, words)))
    notes = "".join(f"<li>{escape(each)}</li>" for each in words.notes())
    yield "notes", _section("notes", words, [f'<ul class="notes">{notes}</ul>'])


def _section(part: str, words: Wording, blocks: list[str]) -> str:
    title = escape(words.says(f"part.{part}"))
    inside = "\n".join(blocks)
    return f'<section id="{part}" aria-labelledby="{part}-title"><h2 id="{part}-title">{title}</h2>\n{inside}</section>'


def _blocks(report: BaseReport, tables: list[Table], words: Wording) -> Iterator[str]:
    """Each table; counts and their shares go together."""
    shares = {each.of: each for each in tables if each.of.is_share}
    for table in (each for each in tables if not each.of.is_share):
        beside = shares.get(table.of._replace(is_share=True))
        if beside is not None:
            yield crossed(table, beside, words)
        else:
            yield block(table, words, _lines(report, table, words))


def _lines(report: BaseReport, table: Table, words: Wording) -> str:
    """A sentence about each segment that somebody has one about."""
    segments = [str(row[0]) for row in table.rows] if table.of.part == "segments" else []
    told = "".join(
        f"<dt>{escape(words.segment(each))}</dt><dd>{escape(words.line(each))}</dd>"
        for each in segments
        if each in report.lines
    )
    return f'<dl class="lines">{told}</dl>' if told else ""
