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
    """A label that a customer bought within a window.

    Attributes:
        key: of the label (`models.daybook.label_key`).
        spent_minor: on it, reporting currency.
        share: of all that was spent in the window, 0 to 1; None: nothing was. Purchases without a label
            count in the whole, and what items come to may differ from what was paid.
        days: customer-days on which it was bought.
    """

    key: bytes
    spent_minor: int
    share: float | None
    days: int


def favourites(
    sight: Sight, dimension: str, n: int = SHOWN, window_days: int = YEAR_DAYS
) -> tuple[Favourite, ...]:
    """The n labels of a dimension that most was spent on, then those bought on most days.

    Args:
        sight: the customer on the day that the window ends with.
        dimension: one of `models.daybook.DIMENSIONS`.
        n: how many; fewer if there are not so many.
        window_days: at most a year.
    """
    mine = [each for each in bought_within(sight, window_days) if each.key[0] == code_of(dimension)]
    return _best(mine, sight.sum(SPENT, window_days), n)


def all_favourites(sight: Sight, n: int = SHOWN) -> dict[str, tuple[Favourite, ...]]:
    """Those of each dimension of which there are any, within a year; see `favourites`."""
    mine: dict[int, list[Bought]] = {}
    for each in bought_within(sight, YEAR_DAYS):
        mine.setdefault(each.key[0], []).append(each)
    spent_minor = sight.sum(SPENT, YEAR_DAYS)
    codes = ((dimension, code_of(dimension)) for dimension in DIMENSIONS)
    return {name: _best(mine[code], spent_minor, n) for name, code in codes if code in mine}


def _best(mine: list[Bought], spent_minor: int, n: int) -> tuple[Favourite, ...]:
    best = sorted(mine, key=lambda each: (-each.spent_minor, -each.days, each.key))[:n]
    return tuple(
        Favourite(key, minor, share_of(minor, spent_minor), days) for key, days, minor in best
    )
