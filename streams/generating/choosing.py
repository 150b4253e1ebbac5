"""What was asked for, as a population.

Enters: options, and what was fitted to a file, if one was named. Leaves: a `Population`. Forbidden
here: drawing, files.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from streams.generating.personas import PLAIN, PROMOTIONS, SEASONS, SHOP
from streams.generating.population import Joins, Mess, Population, Seasons

CUSTOMERS, DAYS, START = 1_000, 365, date(2024, 1, 1)
JOINING = 0.5  # of the span, unless asked otherwise: whoever joins late tells little


class Asked(NamedTuple):
    """Options; None: not said.

    Attributes:
        seed: from 0 on.
        customers: how many.
        days: how long.
        start: first day, UTC.
        join_days: in which customers first buy.
        hot: how many buy far more than anybody.
        refunds: share of purchases.
        late: share of events.
        duplicates: share of events.
        plain: one segment, and nothing on top.
        seasons: whether there are any.
        promotions: whether there are any.
    """

    seed: int
    customers: int | None = None
    days: int | None = None
    start: date | None = None
    join_days: int | None = None
    hot: int = 0
    refunds: float | None = None
    late: float = 0.0
    duplicates: float = 0.0
    plain: bool = False
    seasons: bool = True
    promotions: bool = True


def chosen(asked: Asked) -> Population:
    """A shop's customers, or plain ones.

    Raises:
        BadPopulation: numbers that no population can have.
    """
    days = DAYS if asked.days is None else asked.days
    dressed = not asked.plain
    return Population(
        seed=asked.seed,
        customers=CUSTOMERS if asked.customers is None else asked.customers,
        start=asked.start or START,
        days=days,
        segments=SHOP if dressed else PLAIN,
        joins=Joins(asked.join_days or max(1, round(JOINING * days))),
        seasons=SEASONS if dressed and asked.seasons else Seasons(),
        promotions=PROMOTIONS if dressed and asked.promotions else (),
        mess=Mess(asked.refunds or 0.0, asked.late, asked.duplicates),
        hot=asked.hot,
    )
