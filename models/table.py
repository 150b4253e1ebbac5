"""A table of running sums by day, in one string of bytes.

    width (1 byte) · rows dropped (4 bytes) · row · row · …      row: day, sum, sum, …

Rows ascend by day, ordinal; each holds the sums up to the end of its day. All numbers take four
bytes, or eight once one needs it. Reading a row costs as much in a long table as in a short one, and
adding one copies the bytes and no more: nothing is parsed when a customer is loaded.

Enters and leaves: bytes. Forbidden here: what the columns mean.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import add
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

EMPTY = b""
_HEAD = Struct("<BI")
_CODES = {4: "i", 8: "q"}
_LARGEST = {4: 2**31 - 1, 8: 2**62}
_MOST_DROPPED = 2**31 - 1
LONGEST_BYTES = 1_000_000


class BadTable(ValueError):
    """The bytes are not a table."""


def cells(table: bytes) -> memoryview:
    """All numbers, row after row."""
    numbers = memoryview(table)[_HEAD.size :]
    return numbers.cast("i") if table[0] == 4 else numbers.cast("q")


def dropped_rows(table: bytes) -> int:
    """How many rows were forgotten."""
    return int(_HEAD.unpack_from(table)[1]) if table else 0


def last_row(table: bytes, columns: int) -> tuple[int, ...]:
    """The newest row of a table that has one."""
    layout = _layout(table[0], columns)
    return layout.unpack_from(table, len(table) - layout.size)


def newest_rows(table: bytes, columns: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The newest row of a table that has one, and the one before; nothing, if there is none."""
    layout = _layout(table[0], columns)
    start = len(table) - 2 * layout.size
    before = layout.unpack_from(table, start) if start >= _HEAD.size else (0,) * columns
    return layout.unpack_from(table, len(table) - layout.size), before


def has_older(table: bytes, columns: int, before_day: int) -> bool:
    """Whether more than one row is of a day before this one: then some can be forgotten."""
    layout = _layout(table[0], columns)
    second = _HEAD.size + layout.size
    return len(table) > second and layout.unpack_from(table, second)[0] < before_day


def rows_in(table: bytes, columns: int) -> Iterator[tuple[int, ...]]:
    """All rows, oldest first."""
    if table:
        numbers = cells(table)
        for start in range(0, len(numbers), columns):
            yield tuple(numbers[start : start + columns])


def first_after(numbers: memoryview, columns: int, day: int) -> int:
    """The place of the first row of a day after this one; the number of rows if none is."""
    return bisect_right(numbers[::columns], day)


def added(table: bytes, columns: int, day: int, sums: Sequence[int]) -> bytes:
    """With so much more on a day; one before the newest counts on that."""
    if not table:
        return _first(columns, day, sums)
    layout = _layout(table[0], columns)
    newest, *then = layout.unpack_from(table, len(table) - layout.size)
    kept = table[: -layout.size] if newest >= day else table
    now = map(add, then, sums)
    try:
        if table[0] == 8:
            now = map(bounded, now)
        return kept + layout.pack(max(day, newest), *now)
    except StructError:
        return added(_widened(table, columns), columns, day, sums)


def _first(columns: int, day: int, sums: Sequence[int]) -> bytes:
    if max(map(abs, sums)) > _LARGEST[4]:
        return _packed(4, 0, [(day, *map(bounded, sums))])
    return _head(4, 0) + _layout(4, columns).pack(day, *sums)


@lru_cache(maxsize=16)
def _layout(width: int, columns: int) -> Struct:
    return Struct(f"={columns}{_CODES[width]}")


def bounded(number: int) -> int:
    """What a column can hold, nearest to a number."""
    return max(-_LARGEST[8], min(number, _LARGEST[8]))


def _widened(table: bytes, columns: int) -> bytes:
    return _packed(8, dropped_rows(table), rows_in(table, columns))


def _packed(width: int, dropped: int, rows: Iterable[Sequence[int]]) -> bytes:
    flat = [number for row in rows for number in row]
    if width < 8 and any(abs(each) > _LARGEST[width] for each in flat):
        width = 8
    return _head(width, dropped) + array(_CODES[width], flat).tobytes()


def _head(width: int, dropped: int) -> bytes:
    return _HEAD.pack(width, min(dropped, _MOST_DROPPED))


def from_rows(rows: Sequence[Sequence[int]], dropped: int = 0) -> bytes:
    """A table of these rows."""
    return _packed(4, dropped, rows) if rows else EMPTY


def from_cells(numbers: array[int]) -> bytes:
    """The table of which these are all numbers, of four bytes each."""
    return _head(4, 0) + numbers.tobytes()


def forgotten(table: bytes, columns: int, before_day: int) -> bytes:
    """Without the rows before a day, but for the newest of them."""
    numbers = cells(table)
    gone = first_after(numbers, columns, before_day - 1) - 1
    if gone <= 0:
        return table
    head = _head(table[0], dropped_rows(table) + gone)
    return head + table[_HEAD.size + gone * columns * table[0] :]


def check_table(table: bytes, columns: int, last_day: int) -> None:
    """Look at a table that came from elsewhere.

    Raises:
        BadTable: says what can't be.
    """
    if not table:
        return
    if len(table) > LONGEST_BYTES or len(table) <= _HEAD.size or table[0] not in _CODES:
        raise BadTable(f"a table of {len(table)} bytes")
    if (len(table) - _HEAD.size) % (table[0] * columns):
        raise BadTable("a table ends within a row")
    if dropped_rows(table) > _MOST_DROPPED:
        raise BadTable(f"of a table {dropped_rows(table)} rows were forgotten")
    before = 0
    for day, *sums in rows_in(table, columns):
        if not before < day <= last_day:
            raise BadTable(f"day {day} follows {before} in a table")
        if any(abs(each) > _LARGEST[8] for each in sums):
            raise BadTable("a sum in a table is too large")
        before = day
