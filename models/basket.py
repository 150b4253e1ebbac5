"""What was in a purchase, as far as segments need it: how many items, how cheap, which categories.

Distinct categories are counted by linear counting (Whang, Vander-Zanden & Taylor 1990): each
category sets one of 256 bits, so a set of any size takes 32 bytes, two unite by OR, and the count
comes back within a few per cent. An undone purchase is left out by telling the others again.

Enters: a purchase event. Leaves: a `Basket`. Forbidden here: the customer, the clock.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import log
from typing import NamedTuple

from models.events import MAX_AMOUNT_MINOR, Purchase

UNITS_A_LINE = 100  # weights and volumes are often sent as a quantity; a line counts no more
_BITS = 256
_BYTES = _BITS // 8


class Basket(NamedTuple):
    """What counts of one purchase, or of several.

    Attributes:
        items: units; 0 where the event lists none.
        discount_minor: taken off, minor units of the event's currency.
        categories: the bits of their categories; empty if none is named.
    """

    items: int = 0
    discount_minor: int = 0
    categories: bytes = b""

    def worth(self, amount_minor: int, paid_minor: int) -> Basket:
        """The same in another currency: what was paid in minor units there, and here."""
        converted = self.discount_minor * amount_minor // paid_minor if paid_minor else 0
        return self._replace(discount_minor=min(converted, MAX_AMOUNT_MINOR))


NO_BASKET = Basket()


def basket_of(purchase: Purchase) -> Basket:
    """What counts of a purchase."""
    if not purchase.items:
        return NO_BASKET
    units = discount_minor = bits = 0
    for item in purchase.items:
        units += min(item.quantity, UNITS_A_LINE)
        discount_minor += item.discount_minor
        if item.category:
            bits |= _bit(item.category)
    discount_minor = min(discount_minor, MAX_AMOUNT_MINOR)
    return Basket(units, discount_minor, bits.to_bytes(_BYTES) if bits else b"")


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


def distinct(categories: bytes) -> float:
    """About how many categories set these bits: some 5 % off where there are hundreds."""
    if not categories:
        return 0.0
    unset = max(1, _BITS - int.from_bytes(categories).bit_count())
    return _BITS * log(_BITS / unset)
