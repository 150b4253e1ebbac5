"""A table of running sums: what was added on which day, read back; forgetting; what others wrote."""

from __future__ import annotations

from itertools import accumulate
from struct import Struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.table import (
    EMPTY,
    LONGEST_BYTES,
    BadTable,
    added,
    cells,
    check_table,
    dropped_rows,
    first_after,
    forgotten,
    from_rows,
    last_row,
    rows_in,
)
from tests.models.shoppers import share_of_examples
from tests.support.tables import count_rows

LAST_DAY = 3_614_000
HEAD = Struct("<BI")
_sums = st.integers(-(2**62), 2**62) | st.integers(-5, 5) | st.integers(2**31 - 3, 2**31 + 3)
_written = st.lists(st.tuples(st.integers(0, 70), _sums, _sums), max_size=12)


def told(written: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Pauses as days: each row so many days after the one before."""
    days = accumulate(pause for pause, _, _ in written)
    return [(1 + day, a, b) for day, (_, a, b) in zip(days, written, strict=True)]


def table_of(rows: list[tuple[int, int, int]]) -> bytes:
    table = EMPTY
    for day, *sums in rows:
        table = added(table, 3, day, sums)
    return table


def by_hand(rows: list[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    """Day → sums up to its end, each kept within 2^62."""
    sums, found = [0, 0], dict[int, tuple[int, ...]]()
    for day, *more in rows:
        sums = [max(-(2**62), min(a + b, 2**62)) for a, b in zip(sums, more, strict=True)]
        found[day] = (day, *sums)
    return list(found.values())


@share_of_examples(2)
@given(_written)
def test_each_row_holds_the_sums_up_to_the_end_of_its_day(
    written: list[tuple[int, int, int]],
) -> None:
    rows = told(written)
    table = table_of(rows)
    assert list(rows_in(table, 3)) == by_hand(rows)
    assert count_rows(table, 3) == len(by_hand(rows))
    check_table(table, 3, LAST_DAY)
    assert from_rows(by_hand(rows)) == table
    if rows:
        assert last_row(table, 3) == by_hand(rows)[-1]


def test_a_sum_too_large_for_four_bytes_makes_all_numbers_eight_bytes_wide() -> None:
    narrow = added(added(EMPTY, 2, 7, [2**31 - 2]), 2, 8, [1])
    assert (narrow[0], len(narrow)) == (4, 5 + 2 * 2 * 4)
    wide = added(narrow, 2, 8, [1])
    assert (wide[0], len(wide)) == (8, 5 + 2 * 2 * 8)
    assert list(rows_in(wide, 2)) == [(7, 2**31 - 2), (8, 2**31)]
    assert list(rows_in(added(wide, 2, 9, [-(2**31)]), 2))[-1] == (9, 0)


def test_widening_remembers_what_was_forgotten() -> None:
    table = forgotten(table_of([(1, 1, 1), (2, 1, 1), (3, 1, 1)]), 3, 9)
    assert dropped_rows(added(table, 3, 9, [2**40, 0])) == dropped_rows(table) == 2


def test_a_day_before_the_newest_counts_on_that() -> None:
    assert list(rows_in(table_of([(5, 1, 0), (3, 2, 0)]), 3)) == [(5, 3, 0)]


def test_of_an_empty_table_there_is_nothing_to_read() -> None:
    assert (dropped_rows(EMPTY), count_rows(EMPTY, 3), list(rows_in(EMPTY, 3))) == (0, 0, [])
    assert from_rows([]) == EMPTY
    check_table(EMPTY, 3, LAST_DAY)


@share_of_examples(2)
@given(_written, st.integers(-2, 900))
def test_the_first_row_after_a_day_is_found(written: list[tuple[int, int, int]], day: int) -> None:
    table = table_of(told(written) or [(4, 1, 1)])
    days = [row[0] for row in rows_in(table, 3)]
    place = next((number for number, each in enumerate(days) if each > day), len(days))
    assert first_after(cells(table), 3, day) == place


@share_of_examples(2)
@given(_written, st.integers(-2, 900))
def test_forgetting_keeps_the_newest_row_before_the_day_and_all_from_it_on(
    written: list[tuple[int, int, int]], before_day: int
) -> None:
    table = table_of(told(written) or [(4, 1, 1)])
    rows = list(rows_in(table, 3))
    old = [row for row in rows if row[0] < before_day]
    left = forgotten(table, 3, before_day)
    assert list(rows_in(left, 3)) == old[-1:] + rows[len(old) :]
    assert dropped_rows(left) == max(0, len(old) - 1)
    assert forgotten(left, 3, before_day) == left
    check_table(left, 3, LAST_DAY)


def test_as_many_rows_as_may_be_were_forgotten_before_one_more() -> None:
    table = HEAD.pack(4, 2**31 - 1) + table_of([(1, 0, 0), (2, 0, 0)])[HEAD.size :]
    assert dropped_rows(forgotten(table, 3, 3)) == 2**31 - 1
    assert dropped_rows(from_rows([(1, 0, 0)], 2 * (2**31 - 1))) == 2**31 - 1


def _table(width: int, *numbers: int, dropped: int = 0) -> bytes:
    return HEAD.pack(width, dropped) + b"".join(
        each.to_bytes(width, "little", signed=True) for each in numbers
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"\x04\x00", "a table of 2 bytes"),
        (HEAD.pack(4, 0), "a table of 5 bytes"),
        (b"\x05" + bytes(16), "a table of 17 bytes"),
        (_table(4, *range(LONGEST_BYTES // 4)), "a table of"),
        (_table(4, 1, 2, 3), "ends within a row"),
        (_table(4, 1, 2) + b"\x00", "ends within a row"),
        (_table(4, 0, 2), "day 0 follows 0"),
        (_table(4, 5, 1, 5, 2), "day 5 follows 5"),
        (_table(4, 5, 1, 4, 2), "day 4 follows 5"),
        (_table(4, LAST_DAY + 1, 2), "follows 0"),
        (_table(8, 1, 2**62 + 1), "too large"),
        (_table(8, 1, -(2**63)), "too large"),
        (_table(4, 1, 2, dropped=2**31), "were forgotten"),
    ],
)
def test_what_cannot_be_a_table_is_refused(table: bytes, says: str) -> None:
    with pytest.raises(BadTable, match=says):
        check_table(table, 2, LAST_DAY)


@share_of_examples(2)
@given(st.binary(max_size=80), st.sampled_from((4, 8, 4, 0)), st.integers(1, 60), _sums)
@example(_table(8, 1, 2**62, 3, -(2**62)), 0, 2, 2**62)
def test_any_bytes_are_refused_or_can_be_counted_on(
    rest: bytes, width: int, day: int, more: int
) -> None:
    table = bytes([width]) + rest if width else rest
    try:
        check_table(table, 2, LAST_DAY)
    except BadTable:
        return
    later = added(table, 2, day, [more])
    check_table(later, 2, LAST_DAY)
    check_table(forgotten(later, 2, LAST_DAY), 2, LAST_DAY)
    assert last_row(later, 2)[0] >= day
