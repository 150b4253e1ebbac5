"""One customer of the sample: what the learner, and a lookup, see of a purchase history.

The learner sees a sample of customers at the end of each epoch; a lookup sees one. Both see the
same few numbers, so what was learned of the ones holds for the other. Whole numbers throughout.

Enters: a ledger, or the row of a sketch. Leaves: a `SampledCustomer`, also as it was on an earlier
day. Forbidden here: customer ids, the clock.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from models.cadence import PRIOR_GAPS
from models.ledger import HALF_LIFE_DAYS, Ledger, decay_over

LONGEST_UNDONE_DAYS = 20 * HALF_LIFE_DAYS  # what a millionth was left of can't be had back
DAYS_SEEN = 9  # an epoch later, at most six further days have passed since a horizon ended


class SampledCustomer(NamedTuple):
    """A customer who has bought.

    Attributes:
        first_day: of the first purchase, ordinal.
        purchase_days: distinct customer-days with a purchase.
        spend_minor: net spend, minor units, at least 0.
        decayed_milli: thousandths of purchase days, each worth half for every 56 days that it lies
            before the last one.
        decayed_spend_minor: money spent, weighted alike.
        cadence_centidays: frozen at the last purchase, hundredths of a day.
        recent_days: the newest purchase days, ascending, ordinal; at most 9.
        behaviour: see `models/behaviour.py`; empty where nobody asks for it.
    """

    first_day: int
    purchase_days: int
    spend_minor: int
    decayed_milli: int
    decayed_spend_minor: int
    cadence_centidays: int
    recent_days: tuple[int, ...]
    behaviour: tuple[int, ...] = ()

    @property
    def last_day(self) -> int:
        """Of the last purchase."""
        return self.recent_days[-1]


def sampled(ledger: Ledger, first_day: int, behaviour: tuple[int, ...] = ()) -> SampledCustomer:
    """A ledger with a purchase, as the sample keeps it."""
    return SampledCustomer(
        first_day,
        ledger.purchase_days,
        max(0, ledger.net_spend_minor),
        round(1000 * ledger.decayed_days),
        round(ledger.decayed_spend_minor),
        round(100 * ledger.cadence_days),
        ledger.recent_days[-DAYS_SEEN:],
        behaviour,
    )


def before(customer: SampledCustomer, day: int) -> SampledCustomer | None:
    """The customer as of the beginning of a day: without the purchases made on it or later.

    Decay and rhythm are undone day by day; spend is taken out at the mean of a purchase day. None
    if nobody had bought yet, or if more happened since than the row tells.
    """
    days = customer.recent_days
    if days[-1] < day:
        return customer
    while len(days := customer.recent_days) > 1 and days[-1] >= day:
        customer = _without_last_day(customer)
    return customer if days[-1] < day else None


@lru_cache(maxsize=16_384)  # asked for again at every label of a customer
def _without_last_day(customer: SampledCustomer) -> SampledCustomer:
    *days, earlier, last = customer.recent_days
    left, gap = customer.purchase_days - 1, last - earlier
    mean_minor = customer.spend_minor / customer.purchase_days
    decay = decay_over(min(gap, LONGEST_UNDONE_DAYS))
    centidays = customer.cadence_centidays * (PRIOR_GAPS + left) - 100 * gap
    return customer._replace(
        purchase_days=left,
        spend_minor=round(customer.spend_minor - mean_minor),
        decayed_milli=min(1000 * left, max(1000, round((customer.decayed_milli - 1000) / decay))),
        decayed_spend_minor=max(0, round((customer.decayed_spend_minor - mean_minor) / decay)),
        cadence_centidays=max(1, round(centidays / (PRIOR_GAPS + left - 1))),
        recent_days=(*days, earlier),
    )
