"""What was in a purchase, as far as segments need it: how many items, how cheap, which categories.

Distinct categories are counted by linear counting (Whang, Vander-Zanden & Taylor 1990): each
category sets one of 256 bits, so a set of any size takes 32 bytes, two unite by OR, and the count
comes back within a few per cent. An undone purchase is left out by telling the others again.

Enters: a purchase event. Leaves: a `Basket`. Forbidden here: the customer, the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from math import log
from operator import attrgetter
from typing import NamedTuple

from models.daybook import DIMENSIONS, label_key, packed_labels, scaled_labels
from models.events import MAX_AMOUNT_MINOR, Purchase

UNITS_A_LINE = 100  # weights and volumes are often sent as a quantity; a line counts no more
_BITS = 256
_BYTES = _BITS // 8
_OF_ITEMS = {"category": attrgetter("category"), "brand": attrgetter("brand")}


class Basket(NamedTuple):
    """What counts of one purchase, or of several.

    Attributes:
        items: units; 0 where the event lists none.
        discount_minor: taken off, minor units of the event's currency.
        categories: the bits of their categories; empty if none is named.
        margin_minor: paid less costs, if every item says what it cost; else 0.
        labels: what was spent on each category, brand, … (`models/daybook.py`), packed.
    """

    items: int = 0
    discount_minor: int = 0
    categories: bytes = b""
    margin_minor: int = 0
    labels: bytes = b""

    @property
    def counted(self) -> tuple[int, int, int, bytes]:
        """Items, discount, margin and labels, as the daybook takes them."""
        return self.items, self.discount_minor, self.margin_minor, self.labels

    def worth(self, amount_minor: int, paid_minor: int) -> Basket:
        """The same in another currency: what was paid in minor units there, and here."""
        if not paid_minor:
            return self._replace(discount_minor=0, margin_minor=0, labels=b"")
        converted = self.discount_minor * amount_minor // paid_minor
        return self._replace(
            discount_minor=min(converted, MAX_AMOUNT_MINOR),
            margin_minor=_bounded(self.margin_minor * amount_minor // paid_minor),
            labels=scaled_labels(self.labels, amount_minor, paid_minor),
        )


NO_BASKET = Basket()


def basket_of(purchase: Purchase, kept: Sequence[str] = DIMENSIONS) -> Basket:
    """What counts of a purchase.

    Args:
        purchase: as it was read.
        kept: the dimensions whose labels are written down.
    """
    labels = _labels_of(purchase, kept)
    if not purchase.items:
        return Basket(labels=labels) if labels else NO_BASKET
    units = discount_minor = bits = cost_minor = 0
    costed = True
    for item in purchase.items:
        units += min(item.quantity, UNITS_A_LINE)
        discount_minor += item.discount_minor
        if item.category:
            bits |= _bit(item.category)
        if item.cost_minor is None:
            costed = False
        else:
            cost_minor += item.cost_minor * item.quantity
    return Basket(
        units,
        min(discount_minor, MAX_AMOUNT_MINOR),
        bits.to_bytes(_BYTES) if bits else b"",
        _bounded(purchase.amount_minor - cost_minor) if costed else 0,
        labels,
    )


def _bounded(minor: int) -> int:
    return max(-MAX_AMOUNT_MINOR, min(minor, MAX_AMOUNT_MINOR))


def _labels_of(purchase: Purchase, kept: Sequence[str]) -> bytes:
    """What was spent on each label: of an item its line, of the purchase all of it."""
    spent: dict[bytes, int] = {}
    lines = [
        (item, min(item.quantity * item.unit_price_minor, MAX_AMOUNT_MINOR))
        for item in purchase.items
    ]
    for dimension in kept:
        of_item = _OF_ITEMS.get(dimension)
        named = [(of_item(item), minor) for item, minor in lines] if of_item else []
        found = [(label_key(dimension, label), minor) for label, minor in named if label]
        for key, minor in found:
            spent[key] = spent.get(key, 0) + minor
        whole = None if found else getattr(purchase, dimension, None)
        if whole:
            spent[label_key(dimension, whole)] = purchase.amount_minor
    return packed_labels(spent)


@lru_cache(maxsize=65_536)
def _bit(category: str) -> int:
    digest = hashlib.blake2b(category.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return 1 << (int.from_bytes(digest) % _BITS)


def united(one: bytes, other: bytes) -> bytes:
    """The bits that are set in either.

    >>> list(united(bytes([2]), bytes([1])))
    [3]
    """
    if not one or not other or one == other:
        return one or other
    return (int.from_bytes(one) | int.from_bytes(other)).to_bytes(len(one))


def gathered(categories: bytes) -> bytes:
    """The same in fewer bytes, where few bits are set: the places of those.

    >>> list(gathered((0b1001).to_bytes(32)))
    [0, 3]
    """
    bits, places = int.from_bytes(categories), []
    if bits.bit_count() >= _BYTES:
        return categories
    while bits:
        lowest = bits & -bits
        places.append(lowest.bit_length() - 1)
        bits ^= lowest
    return bytes(places)


def scattered(written: bytes) -> bytes:
    """The reverse."""
    if not written or len(written) >= _BYTES:
        return written
    return sum(1 << place for place in written).to_bytes(_BYTES)


def distinct(categories: bytes) -> float:
    """About how many categories set these bits: some 5 % off where there are hundreds."""
    if not categories:
        return 0.0
    unset = max(1, _BITS - int.from_bytes(categories).bit_count())
    return _BITS * log(_BITS / unset)
