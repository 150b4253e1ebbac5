"""What lies in a basket: lines of categories that cost, together, what was paid.

Enters: an amount, a discount, the customer's segment and source of chance. Leaves: items in our
format, whose prices less discounts add up to the amount. Forbidden here: when it was bought.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from streams.generating.population import Choice, Segment

SKUS_A_CATEGORY = 40
MOST_LINES = 200
_MOST_OF_ONE = 4
_DRAWS_A_LINE = 4  # its part of the amount, category, sku, quantity


def items_of(
    amount_minor: int, discount: float, segment: Segment, chance: np.random.Generator
) -> list[dict[str, Any]]:
    """The lines of one basket; none if the segment has no goods.

    Args:
        amount_minor: paid.
        discount: share of the list prices that was taken off.
        segment: of the customer.
        chance: the customer's, for goods.
    """
    if segment.goods is None:
        return []
    lines = min(MOST_LINES, 1 + int(chance.poisson(max(0.0, segment.lines - 1))))
    drawn = chance.random(lines * _DRAWS_A_LINE).tolist()
    parts = _parted(amount_minor, drawn[:lines])
    return [
        _line(part, discount, segment.goods, drawn[place::lines])
        for place, part in enumerate(parts)
    ]


def _parted(amount_minor: int, weights: list[float]) -> list[int]:
    """An amount in as many parts as there are weights; the first one takes what rounding leaves."""
    total = sum(weights) or 1.0
    parts = [int(amount_minor * weight / total) for weight in weights]
    parts[0] += amount_minor - sum(parts)
    return parts


def _line(paid_minor: int, discount: float, goods: Choice, drawn: list[float]) -> dict[str, Any]:
    _, which, sku, several = drawn
    category = str(goods.at(which))
    quantity = 1 + int(_MOST_OF_ONE * several**3)  # mostly one
    listed_minor = ceil(paid_minor / (1 - discount))
    if listed_minor % quantity:
        quantity = 1
    line = {
        "sku": f"{category}-{1 + int(SKUS_A_CATEGORY * sku**2)}",
        "quantity": quantity,
        "unit_price_minor": listed_minor // quantity,
        "category": category,
    }
    if listed_minor > paid_minor:
        line["discount_minor"] = listed_minor - paid_minor
    return line
