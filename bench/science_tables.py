"""Tables of figures: printed for people, or as JSON for programs. No figure is made here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Cell = str | float | int | None


class Table(NamedTuple):
    """One table.

    Attributes:
        title: what is measured, on which data.
        rows: of each, {column: figure}; a column that a row lacks stays empty.
        notes: how it was measured.
    """

    title: str
    rows: Sequence[Mapping[str, Cell]]
    notes: tuple[str, ...] = ()


def rendered(table: Table) -> str:
    """As text, columns aligned.

    >>> print(rendered(Table("t", [{"who": "we", "AUC": 0.5}], ("n",))))
    t
      who  AUC
      we   0.5000
      n
    """
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    cells = [columns, *([_text(row.get(each)) for each in columns] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([table.title, *lines, *("  " + note for note in table.notes)])


def _text(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, float):
        return f"{cell:.4f}" if abs(cell) < 10 else f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def as_json(about: Mapping[str, Cell], tables: Sequence[Table]) -> str:
    """Everything; a figure that is not a number is null."""
    plain = [
        {
            "title": table.title,
            "rows": [{name: _plain(cell) for name, cell in row.items()} for row in table.rows],
            "notes": table.notes,
        }
        for table in tables
    ]
    return json.dumps({"about": about, "tables": plain}, indent=2, ensure_ascii=False)


def _plain(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
