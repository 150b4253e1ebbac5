"""Tables of the report on a base as markup: with bars in their cells and a pie beside, or crossed and shaded.

Enters: tables and their words. Leaves: markup. Forbidden here: working anything out but how long a bar is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from models.composition import NAMES, Cell, Column, Table, kind_of
from models.plain_text import printable
from models.rfm import GROUP_NAMES
from models.segments import RFM
from streams.report_base_charts import Slice, bar_in_cell, pie_chart
from streams.report_base_told import Wording

COLOURS = 7  # for rows that have none of their own; those beyond share one
MOST_COLUMNS = 12  # of values; a table with more is told in several
SHORT = 24  # rows that are kept on one page
PIES_NOT_OF = ("segments.flag", "segments.rule", "movement")
WIDE = 12  # columns; with more, letters are smaller on paper
LONGEST_WORD, LONGEST_OF_WIDE = 12, 6  # letters in the head of a column; longer ones may be parted
_OWN = {"lifecycle": "lifecycle", "tier": "tier", "risk": "risk", "flag": "flag"}
_HEAT = (0.05, 0.15, 0.3, 0.5, 0.75)
_UNKNOWN, _BEYOND = "line-strong", "cluster-7"
_BARS = {"share": "line-strong", "reach": "line-strong", "share_of_spend": "accent"}


class _Part(NamedTuple):
    """A table of counts and its table of shares, or a part of their columns."""

    counts: Table
    shares: Table
    title: str


def block(table: Table, words: Wording, below: str = "") -> str:
    """A table with its bars, and with a pie where each customer is in one row alone.

    Args:
        table: its first column names the rows.
        words: of the language.
        below: markup.
    """
    colours = list(_colours(table))
    pie = _pie(table, words, colours)
    kinds = ["block", *(["with-pie"] if pie else []), *(["short"] if _is_short(table) else [])]
    title = words.title(table)
    grid = _grid(title, table, _heads(table, words), _rows(table, words, colours if pie else []))
    return f'<div class="{" ".join(kinds)}"><h3>{escape(title)}</h3>{pie}{grid}{below}</div>'


def _is_short(table: Table) -> bool:
    return len(table.rows) <= SHORT


def _grid(title: str, table: Table, heads: str, rows: str, kind: str = "") -> str:
    named, of = escape(title), escape(printable(table.name))
    return (
        f'<div class="table-box" role="region" aria-label="{named}" tabindex="0">'
        f'<table data-table="{of}"{kind}><caption class="unseen">{named}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _heads(table: Table, words: Wording) -> str:
    longest = LONGEST_OF_WIDE if len(table.columns) > WIDE else LONGEST_WORD
    return "".join(
        f'<th scope="col"{_side(each)}>{_parted(words.column(table, each), longest)}</th>'
        if (each.name, each.naming) != ("base", "ours")
        else "<td></td>"
        for each in table.columns
    )


def _parted(text: str, longest: int) -> str:
    """Long words with places at which they may be parted, or a column could not be narrow."""
    return " ".join(
        "&shy;".join(escape(each[n : n + longest]) for n in range(0, len(each), longest))
        if len(each) > longest * 1.5
        else escape(each)
        for each in text.split(" ")
    )


def _side(column: Column) -> str:
    return "" if column.unit in NAMES else ' class="number"'


def _rows(table: Table, words: Wording, colours: Sequence[str]) -> str:
    most = [_most(table, place) for place in range(len(table.columns))]
    return "".join(
        f"<tr{_kind_of_row(row)}>"
        + "".join(_cells(table, words, row, most, colours[place] if colours else ""))
        + "</tr>"
        for place, row in enumerate(table.rows)
    )


def _kind_of_row(row: Sequence[Cell]) -> str:
    return ' class="rest"' if row[0] is None else ""


def _most(table: Table, place: int) -> float:
    """The largest of a column's shares; 0 of other columns."""
    if table.columns[place].name not in _BARS:
        return 0.0
    return max((float(row[place] or 0) for row in table.rows if _has_bar(table, row)), default=0.0)


def _has_bar(table: Table, row: Sequence[Cell]) -> bool:
    """Not what stands for many labels together: it would leave nothing of the others."""
    return row[0] is not None or table.rest != "others"


def _cells(
    table: Table, words: Wording, row: Sequence[Cell], most: Sequence[float], colour: str
) -> Iterator[str]:
    for column, cell, longest in zip(table.columns, row, most, strict=True):
        text = escape(words.cell(table, column, cell))
        if column is table.columns[0]:
            swatch = f'<span class="swatch" style="--key: var(--{colour})"></span>'
            yield f'<th scope="row">{swatch if colour else ""}{text}</th>'
        elif longest > 0 and cell is not None and _has_bar(table, row):
            bar = bar_in_cell(float(cell) / longest, _BARS[str(column.name)])
            yield f'<td class="number">{bar}<span>{text}</span></td>'
        else:
            yield f"<td{_side(column)}>{text}</td>"


def _measured(table: Table) -> int | None:
    """The place of what a pie shows: of customers their share, of labels that of what was spent."""
    names = [each.name for each in table.columns]
    return next((names.index(each) for each in ("share", "share_of_spend") if each in names), None)


def _pie(table: Table, words: Wording, colours: Sequence[str]) -> str:
    """Nothing where rows overlap, or there is no whole."""
    place = _measured(table)
    if place is None or table.name.startswith(PIES_NOT_OF):
        return ""
    column, parts = table.columns[place], [float(row[place] or 0) for row in table.rows]
    if not any(parts):
        return ""
    slices = _together(Slice(max(0.0, p), c) for p, c in zip(parts, colours, strict=True))
    told = [
        f"{words.cell(table, table.columns[0], row[0])} {words.cell(table, column, row[place])}"
        for row in table.rows
        if row[place]
    ]
    says = {"title": words.title(table), "measure": words.column(table, column)}
    return pie_chart(words.says("pie_says", rows=words.says("comma").join(told), **says), slices)


def _together(slices: Iterator[Slice]) -> list[Slice]:
    """Neighbours of one colour are one slice."""
    return [
        Slice(sum(each.part for each in some), colour)
        for colour, some in groupby(slices, key=lambda each: each.colour)
    ]


def _colours(table: Table) -> Iterator[str]:
    """The variable of each row's colour: one of its own, or one of a few by size."""
    place = _measured(table) or 1
    sizes = [float(row[place] or 0) if row[0] is not None else -1.0 for row in table.rows]
    ranks = sorted(range(len(sizes)), key=lambda place: -sizes[place])
    rank = {place: number for number, place in enumerate(ranks)}
    for place, row in enumerate(table.rows):
        own = _own_colour(table, row[0])
        if row[0] is None:
            yield _UNKNOWN
        elif own:
            yield own
        else:
            yield f"cluster-{rank[place]}" if rank[place] < COLOURS else _BEYOND


def _own_colour(table: Table, first: Cell) -> str | None:
    if table.columns[0].unit != "segment" or first is None:
        return None
    kind, _, group = str(first).partition("/")
    if kind.startswith(RFM):
        groups = list(GROUP_NAMES.get(kind.removeprefix(RFM), ()))
        return f"rfm-{groups.index(group) + 1}" if group in groups else None
    return f"{_OWN[kind]}-{group}" if kind in _OWN else None


def crossed(counts: Table, shares: Table, words: Wording) -> str:
    """Both in one table, or in several where there are many columns: the share, and how many below it."""
    return "".join(_crossed(each, words) for each in _parts(counts, shares, words))


def _parts(counts: Table, shares: Table, words: Wording) -> Iterator[_Part]:
    columns = range(2, len(counts.columns))
    several = len(columns) > MOST_COLUMNS + 1
    step = MOST_COLUMNS if several else len(columns)
    for number, start in enumerate(range(2, len(counts.columns), step), 1):
        kept = (0, 1, *range(start, min(start + step, len(counts.columns))))
        title = words.title(counts)
        yield _Part(
            _only(counts, kept), _only(shares, kept), f"{title} · {number}" if several else title
        )


def _only(table: Table, places: Sequence[int]) -> Table:
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    return table._replace(columns=tuple(table.columns[place] for place in places), rows=rows)


def _crossed(part: _Part, words: Wording) -> str:
    counts, rows, last = part.counts, [], ""
    for row, shares in zip(counts.rows, part.shares.rows, strict=True):
        kind = _kind(counts, row[0])
        if kind and kind != last:
            told = escape(words.kind(kind))
            rows.append(f'<tr><th colspan="{len(row)}" scope="rowgroup">{told}</th></tr>')
        last = kind or last
        rows.append(f"<tr>{''.join(_crossed_cells(part, words, row, shares))}</tr>")
    grid = _grid(
        part.title, counts, _heads(counts, words), "".join(rows), f' class="{_dense(counts)}"'
    )
    kinds = "block short" if _is_short(counts) else "block"
    return f'<div class="{kinds}"><h3>{escape(part.title)}</h3>{grid}</div>'


def _dense(table: Table) -> str:
    return "dense wide" if len(table.columns) > WIDE else "dense"


def _kind(table: Table, first: Cell) -> str:
    """Of segments of several kinds, what kind they are."""
    several = table.columns[0].name == "segment"
    return kind_of(str(first)) if several and first is not None else ""


def _crossed_cells(
    part: _Part, words: Wording, row: Sequence[Cell], shares: Sequence[Cell]
) -> Iterator[str]:
    counts, first = part.counts, part.counts.columns[0]
    yield f'<th scope="row">{escape(words.cell(counts, first, row[0]))}</th>'
    yield f'<td class="number">{words.cell(counts, counts.columns[1], row[1])}</td>'
    columns = zip(counts.columns, part.shares.columns, row, shares, strict=True)
    for counted, shared, count, share in list(columns)[2:]:
        how_many = words.cell(counts, counted, count)
        if share is None:
            yield f'<td class="number">{how_many}</td>'
            continue
        heat = sum(float(share) >= each for each in _HEAT)
        told = f"{words.cell(part.shares, shared, share)} <small>{how_many}</small>"
        yield f'<td class="number heat-{heat}">{told}</td>'
