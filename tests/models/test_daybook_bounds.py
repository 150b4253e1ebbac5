"""A customer who buys everything every day does not grow without end."""

from __future__ import annotations

from models.daybook import (
    LABEL_COLUMNS,
    MAX_LABEL_BYTES,
    MAX_LABELS,
    MAX_LABELS_AT_ONCE,
    Bought,
    Daybook,
    label_key,
    packed_labels,
    unpacked_labels,
)
from tests.support.tables import count_rows

DAY = 738_886


def bought_on(day: int, *names: str) -> Bought:
    labels = packed_labels({label_key("category", name): 100 for name in names})
    return Bought(day, 100 * len(names), len(names), 0, 0, labels)


def test_of_one_purchase_the_labels_that_most_was_spent_on_are_kept() -> None:
    spent = {label_key("category", f"c{n}"): n for n in range(200)}
    kept = dict(unpacked_labels(packed_labels(spent)))
    assert len(kept) == MAX_LABELS_AT_ONCE
    assert sorted(kept.values()) == list(range(200 - MAX_LABELS_AT_ONCE, 200))
    assert list(kept) == sorted(kept)


def test_labels_that_were_not_bought_for_the_longest_time_are_forgotten_first() -> None:
    book = Daybook()
    for number in range(MAX_LABELS + 20):
        book = book.buy(bought_on(DAY + number, f"c{number}"))
    kept = book.without_the_old()
    assert len(kept.labels) == MAX_LABELS
    assert label_key("category", "c19") not in kept.labels
    assert label_key("category", "c20") in kept.labels
    assert kept.without_the_old() is kept


def test_so_many_rows_of_labels_are_kept_that_a_state_stays_small() -> None:
    book, names = Daybook(), [f"c{n}" for n in range(40)]
    for day in range(360):
        book = book.buy(bought_on(DAY + day, *names[: 40 - day // 10]))
    kept = book.without_the_old()
    assert sum(map(len, book.labels.values())) <= MAX_LABEL_BYTES
    for _ in range(2):
        for day in range(360, 365):
            book = book.buy(bought_on(DAY + day, *(f"d{n}" for n in range(64))))
    kept = book.without_the_old()
    assert sum(map(len, kept.labels.values())) <= MAX_LABEL_BYTES
    assert label_key("category", "d0") in kept.labels
    assert count_rows(kept.labels[label_key("category", "c0")], LABEL_COLUMNS) == 360
