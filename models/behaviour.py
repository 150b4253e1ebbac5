"""How a customer buys, as a vector: what clusters are made of.

Six features on logarithmic scales, so that twice as much is as far away for everyone; recency is
not among them, for that is what lifecycle is about. Whole thousandths, so that sums are exact.

Enters: a ledger. Leaves: a vector. What a shop's data lacks is 0 for everyone and then does not
count (`models/microclusters.py`).
"""

from __future__ import annotations

from math import log, log1p

from models.basket import distinct
from models.ledger import Ledger
from models.recalled import recalled

# In the order of the vector.
BEHAVIOUR = (
    "purchase_days",  # ln of distinct customer-days
    "cadence",  # ln of days between two purchases, frozen at the last one
    "basket_spend",  # ln(1 + minor units a purchase)
    "basket_items",  # ln(1 + units a purchase), of purchases that list items
    "categories",  # ln(1 + distinct categories)
    "discount_share",  # of the price before discounts
)
QUANTA = 1000  # a unit of a vector is a thousandth


@recalled  # groups and contribution ask for it, one after the other
def behaviour_of(ledger: Ledger) -> tuple[int, ...]:
    """The vector of a ledger with a purchase."""
    gross_minor = ledger.spent_minor + ledger.discount_minor
    features = (
        log(ledger.purchase_days),
        log(ledger.cadence_days),
        log1p(ledger.spent_minor / ledger.purchases),
        log1p(ledger.items / ledger.itemised) if ledger.itemised else 0.0,
        log1p(distinct(ledger.categories)),
        ledger.discount_minor / gross_minor if gross_minor else 0.0,
    )
    return tuple([round(QUANTA * each) for each in features])
