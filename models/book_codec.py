"""The daybooks of a state ⇄ plain fields.

A customer's settled daybook is where the current one stood before the events that are remembered, so
nearly all of its bytes are the beginning of the current one's. Only where they part is written down.

    of a table:  its length in the current one · (such a length, what follows) · all of it

A label that is left out has the same table in both; 0 is one that is not in the settled one.

A short table of days is written as what each row adds to the one before, column by column, without the
columns that are 0 throughout: a third of its bytes. A long one stays as it is, which costs no time.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import accumulate
from operator import sub
from typing import Any

from models.daybook import COLUMNS, LABEL_COLUMNS, Daybook
from models.table import EMPTY, cells, dropped_rows, from_cells

Fields = tuple[Any, ...]
_SHORT_ROWS = 16


def fields_of(current: Daybook, settled: Daybook) -> Fields:
    """Both, the one in full, the other by what differs; nothing, if nothing is settled."""
    whole = _shortened(current.rows), dict(current.labels)
    if not settled.rows and not settled.labels:
        return whole
    labels = {
        key: _parting(current.labels.get(key, EMPTY), table, LABEL_COLUMNS)
        for key, table in settled.labels.items()
        if current.labels.get(key) != table
    }
    labels.update((key, 0) for key in current.labels if key not in settled.labels)
    return (*whole, _parting(current.rows, settled.rows, COLUMNS), labels)


def books_from(fields: Fields) -> tuple[Daybook, Daybook]:
    """The reverse: current and settled.

    Raises:
        ValueError, TypeError: not the fields of two daybooks.
    """
    current = Daybook(_lengthened(fields[0]), _as_tables(fields[1]))
    if len(fields) == 2:
        return current, Daybook(EMPTY, {})
    rows, labels = fields[2:]
    return current, Daybook(_table(current.rows, rows), _labels(current.labels, labels))


def _shortened(table: bytes) -> bytes | tuple[int, ...]:
    if not table or table[0] != 4 or dropped_rows(table):
        return table
    numbers = cells(table)
    if len(numbers) > _SHORT_ROWS * COLUMNS:
        return table
    steps = [*numbers[:COLUMNS], *map(sub, numbers[COLUMNS:], numbers)]
    columns = [each for each in range(COLUMNS) if any(steps[each::COLUMNS])]
    told = (step for each in columns for step in steps[each::COLUMNS])
    return sum(1 << each for each in columns), *told


def _lengthened(written: Any) -> bytes:
    if not isinstance(written, tuple):
        return _as_bytes(written)
    mask, *steps = written
    columns = [each for each in range(COLUMNS) if mask >> each & 1]
    rows = len(steps) // len(columns)
    numbers = [0] * (rows * COLUMNS)
    for place, each in enumerate(columns):
        numbers[each::COLUMNS] = accumulate(steps[place * rows : (place + 1) * rows])
    return from_cells(array("i", numbers))


def _parting(current: bytes, settled: bytes, columns: int) -> int | bytes | tuple[int, bytes]:
    if current.startswith(settled):
        return len(settled)
    last = settled[0] * columns
    shared = len(settled) - last
    return (shared, settled[shared:]) if current.startswith(settled[:shared]) else settled


def _labels(current: Mapping[bytes, bytes], parting: Mapping[bytes, Any]) -> Mapping[bytes, bytes]:
    if not parting:
        return current
    labels = dict(current)
    for key, each in parting.items():
        table = _table(current.get(key, EMPTY), each)
        if table:
            labels[key] = table
        else:
            labels.pop(key, None)
    return labels


def _table(current: bytes, parting: Any) -> bytes:
    if isinstance(parting, int):
        return current[:parting]
    if isinstance(parting, tuple):
        length, rest = parting
        return current[:length] + _as_bytes(rest)
    return _as_bytes(parting)


def _as_tables(labels: Any) -> Mapping[bytes, bytes]:
    if type(labels) is not dict or any(type(each) is not bytes for each in labels.values()):
        raise TypeError("labels are no map of tables")
    return labels


def _as_bytes(written: Any) -> bytes:
    """Bytes only: of a number, `bytes` would make as many zeros."""
    if not isinstance(written, bytes):
        raise TypeError(f"a table is {type(written).__name__}")
    return written
