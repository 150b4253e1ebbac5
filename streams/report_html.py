"""A report as one HTML file: nothing is asked for from anywhere, there is no script in it.

Enters: parts of a page. Leaves: the page, with the dashboard's colours in light and dark. Forbidden here:
what the parts say; that is `streams/report_compare.py` and `streams/report_sweep.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Literal, NamedTuple

from streams.report_words import WORDS

Language = Literal["en", "zh"]
_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_TAGS = {"en": "en", "zh": "zh-CN"}


class Html(NamedTuple):
    """Markup, as it will stand in the page; everything else is text and gets escaped."""

    markup: str


Cell = str | Html


class Column(NamedTuple):
    """The head of a column; numbers stand on the right."""

    name: str
    is_number: bool = False


def says(key: str, language: Language, values: Mapping[str, object]) -> str:
    """A sentence of the report.

    >>> some = {"count": "3", "of": "41"}
    >>> says("differing", "en", some), says("differing", "zh", some)
    ('3 of 41', '41 位中的 3 位')
    """
    english, chinese = WORDS[key]
    return (chinese if language == "zh" else english).format_map(values)


def page(
    title: str, head: str, body: Iterable[str], language: Language, styles: Sequence[str] = ()
) -> str:
    """The whole file.

    Args:
        title: of the page, text.
        head: markup below the title.
        body: markup, part by part.
        language: of the words.
        styles: names of sheets beside `report.css`, to stand below it.
    """
    sheets = ("api/static/css/tokens.css", "report.css", *styles)
    css = "\n".join(_style(name) for name in sheets)
    return (
        f'<!doctype html>\n<html lang="{_TAGS[language]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}\n</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{head}\n</header>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _style(name: str) -> str:
    return files("streams").joinpath(name).read_text("utf-8")


def text(words: object) -> Html:
    """Text as markup."""
    return Html(escape(str(words)))


def code(value: object) -> Html:
    """A value of a setting, as it would be written."""
    written = value if isinstance(value, str) else repr(value)
    return Html(f"<code>{escape(written)}</code>")


def section(title: str, *parts: str) -> str:
    """A part of the page with a heading."""
    inside = "\n".join(parts)
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>"


def paragraph(text: str, kind: str = "note") -> str:
    """A sentence or two."""
    return f'<p class="{kind}">{escape(text)}</p>'


def cards(figures: Iterable[tuple[str, str, str]]) -> str:
    """Figures that stand out: what, how much, and a line below."""
    inside = "".join(
        f'<div class="card"><dt>{escape(what)}</dt><dd>{escape(much)}</dd>'
        + (f'<dd class="note">{escape(below)}</dd>' if below else "")
        + "</div>"
        for what, much, below in figures
    )
    return f'<dl class="cards">{inside}</dl>'


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A table that scrolls by itself where it is too wide; the first cell heads its row."""
    heads = "".join(f'<th scope="col"{_kind(each)}>{escape(each.name)}</th>' for each in columns)
    lines = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    named = escape(caption, quote=True)
    return (
        f'<div class="table-box" role="region" aria-label="{named}" tabindex="0"><table>'
        f'<caption class="unseen">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    found = []
    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
        inside = cell.markup if isinstance(cell, Html) else escape(cell)
        opened, closed = ('th scope="row"', "th") if place == 0 else ("td", "td")
        found.append(f"<{opened}{_kind(column)}>{inside}</{closed}>")
    return "".join(found)


def _kind(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def figure(title: str, note: str, svg: str) -> str:
    """A chart with its name."""
    told = f'<span class="note">{escape(note)}</span>' if note else ""
    return f"<figure><figcaption><span>{escape(title)}</span>{told}</figcaption>{svg}</figure>"


def charts(figures: Iterable[str]) -> str:
    """Charts beside each other, as many as fit."""
    return f'<div class="charts">{"".join(figures)}</div>'


def legend(names: Sequence[tuple[str, str]]) -> str:
    """What colours mean: the name of a colour's variable, and what it stands for."""
    inside = "".join(
        f'<span style="--key: var(--{colour})">{escape(name)}</span>' for colour, name in names
    )
    return f'<p class="legend">{inside}</p>'


def folded(summary: str, sentences: Iterable[str]) -> str:
    """Sentences below a line that opens."""
    inside = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return f"<details><summary>{escape(summary)}</summary><ul>{inside}</ul></details>"
