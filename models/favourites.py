"""What a customer likes best: the categories, brands, channels and stores they spent most on within a year.

Enters: a sight. Leaves: labels, the most spent on first. Forbidden here: names of labels, other customers,
the clock.
"""

from __future__ import annotations

from typing import NamedTuple

from models.daybook import code_of
from models.member import YEAR_DAYS, Bought, bought_within
from models.sight import SPENT, Sight, share_of

DIMENSIONS = ("category", "brand", "channel", "store")
SHOWN = 3  # of a dimension


class Favourite(NamedTuple):
    """A label that a customer bought within a year.

    Attributes:
        key: of the label (`models.daybook.label_key`).
        spent_minor: on it, reporting currency.
        share: of all that was spent in it, 0 to 1; None: nothing was. Purchases without a label
            count in the whole, and what items come to may differ from what was paid.
        days: customer-days on which it was bought.
    """

    key: bytes
    spent_minor: int
    share: float | None
    days: int


def all_favourites(sight: Sight) -> dict[str, tuple[Favourite, ...]]:
    """The `SHOWN` labels of each dimension that most was spent on within a year, then those bought on most days.

    Args:
        sight: the customer on the day that the year ends with.

    Returns:
        Dimension → labels, of those dimensions of which there are any.
    """
    mine: dict[int, list[Bought]] = {}
    for each in bought_within(sight, YEAR_DAYS):
        mine.setdefault(each.key[0], []).append(each)
    spent_minor = sight.sum(SPENT, YEAR_DAYS)
    codes = ((dimension, code_of(dimension)) for dimension in DIMENSIONS)
    return {name: _best(mine[code], spent_minor) for name, code in codes if code in mine}


def _best(mine: list[Bought], spent_minor: int) -> tuple[Favourite, ...]:
    best = sorted(mine, key=lambda each: (-each.spent_minor, -each.days, each.key))[:SHOWN]
    return tuple(
        Favourite(key, minor, share_of(minor, spent_minor), days) for key, days, minor in best
    )
