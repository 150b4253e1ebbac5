"""The daybook against a plain list of days: windows, forgetting, union, labels from elsewhere."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple, get_args

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.book_codec import books_from, fields_of
from models.customer import CustomerState
from models.daybook import (
    COLUMNS,
    DIMENSIONS,
    LABEL_COLUMNS,
    LONGEST_WINDOW_DAYS,
    MAX_LABELS,
    NOTHING,
    Bought,
    Daybook,
    Totals,
    before_it_was_kept,
    check_labels,
    code_of,
    label_key,
    packed_labels,
    scaled_labels,
    united_books,
    unpacked_labels,
)
from models.ledger import Ledger
from models.policy_segments import DimensionName
from models.rule_tree import Fact
from models.sight import READ, Sight
from models.table import cells, check_table, dropped_rows, rows_in
from tests.models.shoppers import share_of_examples
from tests.support.story import GROCERY
from tests.support.tables import count_rows

WINDOWS = (30, 90, 365)
FIRST_DAY = 738_886  # 2024-01-01
TEA, ACME = label_key("category", "tea"), label_key("brand", "Acme")
ITEMS = Totals._fields.index("items")


class Done(NamedTuple):
    """A purchase, or money given back: items, discount and margin follow from the amount."""

    day: int
    amount: int
    labels: tuple[bytes, ...] = ()
    is_refund: bool = False

    @property
    def bought(self) -> Bought:
        labels = packed_labels(dict.fromkeys(self.labels, self.amount))
        return Bought(self.day, self.amount, self.amount % 5, self.amount % 7, -self.amount, labels)


def book_of(done: list[Done]) -> Daybook:
    book = Daybook()
    for each in done:
        book = and_then(book, each)
    return book


def and_then(book: Daybook, done: Done) -> Daybook:
    return book.give_back(done.day, done.amount) if done.is_refund else book.buy(done.bought)


def totals_by_hand(done: list[Done], since: int = 0) -> tuple[int, ...]:
    """Sums of all columns over the days after `since`."""
    within = [each for each in done if each.day > since]
    bought = [each.bought for each in within if not each.is_refund]
    return (
        len({each.day for each in bought}),
        len(bought),
        sum(each.spent_minor for each in bought),
        sum(each.amount for each in within if each.is_refund),
        sum(each.items for each in bought),
        sum(each.discount_minor for each in bought),
        sum(each.margin_minor for each in bought),
    )


def sight_of(book: Daybook, day: int) -> Sight:
    return Sight(CustomerState(0, Ledger(book=book)), day, GROCERY)


def windows_of(book: Daybook, day: int) -> dict[int, tuple[int, ...]]:
    sight = sight_of(book, day)
    return {w: tuple(sight.sum(column, w) for column in range(1, COLUMNS)) for w in WINDOWS}


def labels_within(book: Daybook, day: int) -> list[object]:
    sight = sight_of(book, day)
    facts = (
        Fact(f"category.{each}", w, "tea") for w in WINDOWS for each in ("spend", "purchase_days")
    )
    return [READ[fact.name](sight, fact) for fact in facts]


def labels_by_hand(done: list[Done], day: int) -> list[object]:
    found: list[object] = []
    for window in WINDOWS:
        tea = [e for e in done if TEA in e.labels and not e.is_refund and e.day > day - window]
        found += [sum(each.amount for each in tea), len({each.day for each in tea})]
    return found


@st.composite
def stories(draw: st.DrawFn, longest: int = 400) -> list[Done]:
    """In order; days may be shared, amounts are few, pauses reach over every window."""
    drawn = draw(st.binary(min_size=3, max_size=60))
    rows = [drawn[n : n + 3] for n in range(0, len(drawn) - 2, 3)]
    pauses = (0, 0, 1, 2, 29, 30, 31, 64, 90, 200, 365, 366, 400)
    days = accumulate(min(longest, pauses[row[0] % len(pauses)]) for row in rows)
    kinds = ((), (TEA,), (ACME, TEA), (ACME,))
    return [
        Done(FIRST_DAY + day, row[1] * 100, kinds[row[2] % 4], row[2] % 5 == 0)
        for day, row in zip(days, rows, strict=True)
    ]


@share_of_examples(2)
@given(stories(), st.integers(0, 800))
def test_windows_of_any_day_are_what_a_list_of_days_says(done: list[Done], later: int) -> None:
    book, day = book_of(done), done[-1].day + later
    by_hand = {window: totals_by_hand(done, day - window) for window in WINDOWS}
    assert windows_of(book, day) == by_hand
    assert labels_within(book, day) == labels_by_hand(done, day)
    assert book.totals[1:] == totals_by_hand(done)


@share_of_examples(2)
@given(stories(), st.integers(0, 800), st.integers(0, 30))
def test_forgetting_changes_no_window_nor_any_sum_over_all_time(
    done: list[Done], later: int, then: int
) -> None:
    book = book_of(done[:then]).without_the_old()
    for each in done[then:]:
        book = and_then(book, each)
    left, day = book.without_the_old(), done[-1].day + later
    assert windows_of(left, day) == windows_of(book_of(done), day)
    assert labels_within(left, day) == labels_by_hand(done, day)
    assert left.totals == book_of(done).totals
    assert left == book_of(done).without_the_old()
    assert left.without_the_old() is left


def test_of_many_years_little_more_than_one_is_kept_and_all_days_are_counted() -> None:
    done = [Done(FIRST_DAY + day, 100, (TEA,)) for day in range(0, 3_000, 3)]
    book = book_of(done).without_the_old()
    assert (LONGEST_WINDOW_DAYS // 3) < count_rows(book.rows, COLUMNS) < 150
    assert count_rows(book.labels[TEA], LABEL_COLUMNS) + dropped_rows(book.labels[TEA]) == 1_000
    fact = Fact("category.purchase_days", 0, "tea")
    assert READ[fact.name](sight_of(book, FIRST_DAY + 9_000), fact) == 1_000


def test_labels_bought_longest_ago_are_forgotten_first() -> None:
    keys = [label_key("brand", f"b{number}") for number in range(MAX_LABELS + 2)]
    done = [Done(FIRST_DAY + number, 100, (key,)) for number, key in enumerate(keys)]
    assert set(book_of(done).without_the_old().labels) == set(keys[2:])


@share_of_examples(2)
@given(stories(longest=90), st.lists(st.booleans(), min_size=20, max_size=20), st.integers(0, 400))
def test_two_books_in_one_are_one_book_from_the_start(
    done: list[Done], sides: list[bool], later: int
) -> None:
    mine = [each for each, is_mine in zip(done, sides, strict=False) if is_mine]
    others = [each for each, is_mine in zip(done, sides, strict=False) if not is_mine]
    united = united_books(book_of(mine), book_of(others))
    assert united == united_books(book_of(others), book_of(mine))
    one, day = book_of(done), done[-1].day + later
    assert united.totals == one.totals
    assert windows_of(united, day) == windows_of(one, day)
    assert labels_within(united, day) == labels_within(one, day)
    assert list(rows_in(united.rows, COLUMNS)) == list(rows_in(one.rows, COLUMNS))


def test_a_shared_day_is_one_purchase_day_and_what_lies_before_windows_adds_up() -> None:
    one, other = book_of([Done(9, 100), Done(9, 100)]), book_of([Done(9, 300)])
    assert united_books(one, other).totals == (9, 1, 3, 500, 0, 0, 2 + 2 + 6, -500)
    older = before_it_was_kept(Totals(purchase_days=4, purchases=6, spent_minor=900))
    assert united_books(older, older).totals[:4] == (1, 8, 12, 1_800)


def test_sums_of_two_that_no_longer_fit_stay_at_the_largest_that_does() -> None:
    one = Daybook().buy(Bought(5, 2**62, 1, 1, 2**62, packed_labels({TEA: 2**62})))
    both = united_books(one, united_books(one, one))
    assert (both.totals.spent_minor, both.totals.margin_minor) == (2**62, 2**62)
    check_table(both.rows, COLUMNS, 9)
    check_table(both.labels[TEA], LABEL_COLUMNS, 9)


def test_money_given_back_on_a_day_is_no_purchase_day() -> None:
    book = Daybook().give_back(3, 100)
    assert book.totals == (3, 0, 0, 0, 100, 0, 0, 0)
    assert book.buy(Bought(3, 500, 1, 0, 0, b"")).totals == (3, 1, 1, 500, 100, 1, 0, 0)
    assert book.give_back(4, 1).buy(Bought(4, 5, 1, 0, 0, b"")).totals.purchase_days == 1


def test_who_was_known_before_days_were_kept_is_in_no_window() -> None:
    assert before_it_was_kept(NOTHING) == Daybook()
    book = before_it_was_kept(Totals(purchases=7, items=3))
    assert book.totals[1:] == (0, 7, 0, 0, 3, 0, 0)
    assert windows_of(book, FIRST_DAY)[365] == (0,) * (COLUMNS - 1)


def test_a_label_is_known_by_its_dimension_and_its_text() -> None:
    keys = {label_key(each, "x") for each in DIMENSIONS}
    assert len(keys) == len(DIMENSIONS)
    assert get_args(DimensionName) == DIMENSIONS  # what a policy may name is what is kept
    of_tea = [TEA[0] == code_of(each) for each in DIMENSIONS]
    assert of_tea == [True, False, False, False, False]
    book = book_of([Done(3, 100, (TEA, ACME)), Done(5, 100, (TEA,))])
    (table,) = (each for key, each in book.labels.items() if key[0] == code_of("category"))
    assert cells(table)[-LABEL_COLUMNS:].tolist() == [5, 200]
    assert label_key("brand", "\ud800") != label_key("brand", "")


def test_labels_in_another_currency_keep_their_proportion() -> None:
    packed = packed_labels({TEA: 500, ACME: 250})
    assert dict(unpacked_labels(scaled_labels(packed, 900, 1_000))) == {TEA: 450, ACME: 225}
    assert scaled_labels(packed, 900, 0) == packed_labels({}) == b""


@pytest.mark.parametrize(
    "flat",
    [
        [TEA],
        [TEA[:6], 1],
        [b"\x05" + TEA[1:], 1],
        ["\x00abcdef", 1],
        [[0, 1, 2, 3, 4, 5, 6], 1],
        [TEA, -1],
        [TEA, 2**62 + 1],
        [TEA, 1.5],
        [TEA, True],
        [TEA, None],
        {TEA: 1},
        {},
        "ab",
        TEA,
        7,
        None,
    ],
)
def test_what_are_no_labels_is_refused(flat: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        check_labels(msgpack.packb(flat))


@share_of_examples(1)
@given(st.binary(max_size=30))
@example(msgpack.packb([TEA, 2**62, ACME, 0]))
@example(b"\x90")
def test_any_bytes_are_refused_or_can_be_bought(packed: bytes) -> None:
    try:
        check_labels(packed)
    except (ValueError, TypeError):
        return
    book = Daybook().buy(Bought(3, 1, 1, 0, 0, packed))
    for table in book.labels.values():
        check_table(table, LABEL_COLUMNS, 9)


@share_of_examples(2)
@given(stories(), st.integers(0, 20), st.booleans())
def test_two_books_of_a_customer_come_back_from_their_fields(
    done: list[Done], settled: int, is_old_dropped: bool
) -> None:
    current, earlier = book_of(done), book_of(done[:settled])
    if is_old_dropped:
        current, earlier = current.without_the_old(), earlier.without_the_old()
    written = msgpack.unpackb(msgpack.packb(fields_of(current, earlier)), use_list=False)
    assert books_from(written) == (current, earlier)


@pytest.mark.parametrize("parting", [(0, 10**15), (0, "x"), "x", None, 1.5, (1, 2, 3), [1]])
def test_of_fields_only_bytes_are_a_table(parting: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        books_from((b"", {}, parting, {}))
    with pytest.raises((ValueError, TypeError)):
        books_from((b"", {}, 0, {TEA: parting}))
