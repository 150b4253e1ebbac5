"""What the benches of the running system share: the machine, rounds, medians, and how figures are told.

Enters: rows of numbers, round by round. Leaves: tables for people, Markdown for docs/performance.md, or JSON
with every round in it. No figure is made here.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

from bench.science_tables import Cell, Table, as_json
from tests.real_parts import KAFKA, REDIS

ROUNDS = 5
LIBRARIES = ("faust-streaming", "aiokafka", "redis", "hiredis", "pydantic", "msgpack")
Row = Mapping[str, Cell]


def machine() -> dict[str, Cell]:
    """What the figures hold for. Needs Linux."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(terse=True),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kafka": KAFKA.version(),
        "redis server": REDIS.version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def middle(rounds: Sequence[Row]) -> dict[str, Cell]:
    """The median of each column of numbers; of words, the first. An empty cell counts for nothing.

    >>> middle([{"who": "we", "s": 1.0}, {"who": "we", "s": 5.0}, {"who": "we", "s": None}])
    {'who': 'we', 's': 3.0}
    """
    columns = dict.fromkeys(name for row in rounds for name in row)
    return {name: _middle([row.get(name) for row in rounds]) for name in columns}


def _middle(cells: Sequence[Cell]) -> Cell:
    there = [each for each in cells if each is not None]
    numbers = [each for each in there if not isinstance(each, str)]
    if len(numbers) < len(there):
        return there[0]
    return median(numbers) if numbers else None


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Of measured values, between the two nearest; None of fewer than two.

    >>> percentile([1.0, 2.0, 3.0], 50), percentile([1.0], 50)
    (2.0, None)
    """
    if len(values) < 2:
        return None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def slope(values: Sequence[float]) -> float | None:
    """By how much they grow from each to the next, least squares; None of fewer than two.

    >>> slope([10.0, 12.0, 14.0])
    2.0
    """
    if len(values) < 2:
        return None
    mid_place, mid_value = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((place - mid_place) ** 2 for place in range(len(values)))
    return sum((p - mid_place) * (v - mid_value) for p, v in enumerate(values)) / spread


def shown(cell: Cell) -> str:
    """A figure with no more digits than it deserves.

    >>> [shown(each) for each in (0.126, 12.34, 1234.5, 60_000, "x", None)]
    ['0.13', '12.3', '1,234', '60,000', 'x', '–']
    """
    if cell is None:
        return "–"
    if not isinstance(cell, float):
        return f"{cell:,}" if isinstance(cell, int) else cell
    size = abs(cell)
    return f"{cell:.2f}" if size < 10 else f"{cell:.1f}" if size < 100 else f"{cell:,.0f}"


def as_text(table: Table) -> str:
    """Columns aligned, numbers to the right."""
    columns, cells = _cells(table)
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in _rest(row, widths))]).rstrip()
        for row in [columns, *cells]
    ]
    return "\n".join([table.title, *lines, *table.notes])


def _rest(row: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(row[1:], widths[1:], strict=True))


def as_markdown(table: Table) -> str:
    """As it stands in docs/performance.md.

    >>> print(as_markdown(Table("t", [{"": "we", "s": 1.5}])))
    t
    <BLANKLINE>
    |  | s |
    | --- | ---: |
    | we | 1.50 |
    """
    columns, cells = _cells(table)
    aligned = ["---", *("---:" for _ in columns[1:])]
    lines = ["| " + " | ".join(row) + " |" for row in [columns, aligned, *cells]]
    notes = ["", *table.notes] if table.notes else []
    return "\n".join([table.title, "", *lines, *notes])


def _cells(table: Table) -> tuple[list[str], list[list[str]]]:
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    return columns, [[shown(row.get(each)) for each in columns] for row in table.rows]


def tell(
    asked: argparse.Namespace,
    about: Mapping[str, Cell],
    tables: Sequence[Table],
    rounds: Sequence[Table] = (),
) -> None:
    """Print everything, as `asked` says; the single rounds stand in the JSON alone."""
    if asked.json:
        print(as_json(about, [*tables, *rounds]))
    elif asked.markdown:
        print("; ".join(f"{name} {shown(value)}" for name, value in about.items()))
        print("", *map(as_markdown, tables), sep="\n\n")
    else:
        print("\n".join(f"{name:<16} {shown(value)}" for name, value in about.items()))
        print("", *map(as_text, tables), sep="\n\n")


def arguments(module: str) -> argparse.ArgumentParser:
    """How a bench tells what it has found."""
    parser = argparse.ArgumentParser(prog=module)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON, with every round")
    how.add_argument("--markdown", action="store_true", help="print tables for the documentation")
    return parser


def arguments_of_rounds(module: str) -> argparse.ArgumentParser:
    """The same, and how often it is measured."""
    parser = arguments(module)
    parser.add_argument(
        "--rounds", type=at_least(1), default=ROUNDS, help="of each; the median counts"
    )
    return parser


def at_least(smallest: int) -> Callable[[str], int]:
    """A whole number of an argument."""

    def number(text: str) -> int:
        value = int(text)
        if value < smallest:
            raise argparse.ArgumentTypeError(f"at least {smallest:,}")
        return value

    return number


def numbers(text: str) -> list[int]:
    """Whole numbers above 0, comma-separated."""
    return [at_least(1)(each) for each in text.split(",")]


def say(what: str) -> None:
    """Tell on standard error what is going on."""
    print(f"[{time.strftime('%H:%M:%S')}] {what}", file=sys.stderr, flush=True)
