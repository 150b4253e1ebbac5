"""What is held by an id, what is transferred to another, and that someone was erased."""

from __future__ import annotations

from base64 import b64encode
from functools import cache

from models.codec import encode_held, encode_state
from models.customer import Alias, CustomerState
from models.erasure import Mark, Removed, encode_mark
from models.events import Erasure, Item, Merge, Read, Transfer
from models.identity import meet
from tests.support.story import (
    CUSTOMER,
    DAY_MS,
    GROCERY,
    _moment,
    noon,
    profile,
    purchase,
    refund,
    tell,
)

OTHER = "c2"


class Refused(Exception):
    """A transfer that becomes a dead letter."""


@cache
def samples() -> list[bytes]:
    """States and an alias."""
    return [*states(), encode_held(Alias("c9", noon(3)))]


@cache
def states() -> list[bytes]:
    """A regular with baskets, a prospect, and nobody in particular."""
    milk = Item(sku="s", quantity=2, unit_price_minor=200, category="milk", discount_minor=50)
    regular = tell(
        *(
            purchase(f"p{week}", noon(7 * week), 1_000, f"o{week}", items=[milk])
            for week in range(9)
        ),
        refund("r", noon(60), 500, order="o8"),
        profile("x", noon(60), tier="gold", visits=3, share=0.5, gone=None),
    ).customer
    contribution = regular.contribution
    assert contribution is not None
    placed = regular._replace(
        contribution=contribution._replace(slot=7),
        groups={"quintile": "champions", "cluster": "2", "tier": "high", "risk": "low"},
        regroup_ms=noon(70),
        names={"c8": noon(9)},
    )
    bare = regular._replace(groups={}, regroup_ms=None, contribution=None, renew_ms=None)
    prospect = tell(profile("x", noon(0), city="Łódź")).customer
    return [encode_state(each) for each in (bare, placed, prospect, CustomerState(noon(0)))]


def taken_in(state: bytes) -> CustomerState:
    """What comes of a transfer to somebody unknown; to a customer it does not raise either."""
    read = _transfer(state, 100)
    known = tell(purchase("k", noon(90), order="k1"), profile("y", noon(90), tier="new")).customer
    meet(OTHER, known, read, -1, noon(100), GROCERY, None)
    meet(OTHER, known, read, noon(200), noon(200), GROCERY, None)
    met = meet(OTHER, None, read, -1, noon(100), GROCERY, None)
    if met.rejected is not None:
        assert 0 < len(met.rejected.detail) <= 600
        raise Refused(met.rejected.detail)
    assert isinstance(met.held, CustomerState)
    return met.held


def _transfer(state: bytes, day: int) -> Read:
    event = Transfer(
        customer_id=OTHER,
        occurred_at=_moment(noon(day)),
        merged_id=CUSTOMER,
        state=b64encode(state),
    )
    return Read(event, "t", noon(day))


def live_on(state: CustomerState) -> None:
    """Buy, be silent for years, buy again, give it back, merge, be forgotten."""
    held = meet(
        OTHER, state, purchase("n1", noon(101), order="n"), -1, noon(101), GROCERY, None
    ).held
    assert isinstance(held, CustomerState)
    later = noon(101) + 900 * DAY_MS
    held = meet(OTHER, held, purchase("n2", later, order="m"), -1, later, GROCERY, None).held
    assert isinstance(held, CustomerState)
    held = meet(OTHER, held, refund("n3", later + 1, order="m"), -1, later + 1, GROCERY, None).held
    assert isinstance(held, CustomerState)
    encode_state(held)
    at = _moment(later + 2)
    merge = Read(Merge(customer_id=OTHER, occurred_at=at, into="c3"), "m", later + 2)
    meet(OTHER, held, merge, -1, later + 2, GROCERY, None)
    erasure = Read(Erasure(customer_id=OTHER, occurred_at=at), "e", later + 2)
    meet(OTHER, held, erasure, -1, later + 2, GROCERY, None)


def marks() -> list[bytes]:
    """Marks of an erasure."""
    return [
        encode_mark(
            Mark(noon(0), "0123456789abcdef", Removed(purchases=3, remembered=2, attributes=1))
        ),
        encode_mark(Mark(-1, "")),
        b'{"through_ms": 1e400, "event": "x"}',
        b"[" * 5_000,
    ]
