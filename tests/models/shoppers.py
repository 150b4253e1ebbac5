"""Random histories of one shopper, with all that rules can read of events, for Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

from hypothesis import settings
from hypothesis import strategies as st

from models.effects import OF_RULES, EffectType, PublishChange
from models.events import AttributeValue, Engagement, Item, Profile, Purchase, Read, Refund
from tests.support.histories import in_order, thoroughly
from tests.support.story import CUSTOMER, EPOCH, HOUR_MS, utc

_ROW_BYTES = 10
_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 18)
_KINDS = (*("purchase",) * 5, "refund", "refund", "profile", "engagement")
_AMOUNTS = (0, 500, 1_000, 1_000, 2_500, 6_000)
_BLIPS = (0, 0, 1, -1)
# The same moment, hours, days, and just about every window and limit.
_PAUSES = (0, 1, 5, 24, 72, 168, 500, 696, 720, 744, 1_300, 2_160, 4_300, 8_750)
_BEGINNINGS = tuple(
    utc(each) for each in ("2024-01-10 00:00", "2024-03-05 00:00", "2023-10-10 05:00")
)
_PROFILES: tuple[dict[str, AttributeValue], ...] = (
    {"birth_year": 1999},
    {"birth_year": 2007, "tags": "a, b"},
    {"birth_year": None, "age_band": "25-34"},
    {"renewal": "2024-06-01"},
    {"renewal": "2025-02-28T10:00:00Z", "tier": "gold"},
    {"renewal": "soon", "tags": "ab"},
    {"tier": None, "tags": "b,a"},
    {"tier": 7, "birth_year": "1999"},
)
_ENGAGEMENTS = (("visit", None), ("visit", 4), ("survey", 2), ("survey", 4.5), ("app_open", None))


def _moment(at_ms: int) -> dict[str, object]:
    return {"customer_id": CUSTOMER, "occurred_at": EPOCH + timedelta(milliseconds=at_ms)}


def _items(drawn: int, goods: int) -> tuple[Item, ...]:
    return tuple(
        Item(
            sku=f"s{line}",
            quantity=1 + (goods >> line) % 3,
            unit_price_minor=(250, 400, 1_000)[(goods + line) % 3],
            category=(None, "tea", "rice", "tea")[(goods // 3 + line) % 4],
            brand=(None, "Acme", "Bora", "Acme")[(goods // 7 + line) % 4],
            discount_minor=(0, 0, 100, 700)[(goods // 11 + line) % 4],
            cost_minor=(None, 100, 900, 100)[(drawn // 4 + line) % 4],
        )
        for line in range(drawn % 4 - drawn % 2)
    )


def bought(
    name: str,
    at_ms: int,
    amount_minor: int = 1_000,
    order: str | None = None,
    items: tuple[Item, ...] = (),
    **labels: str | None,
) -> Read:
    """A purchase with items, and with a channel, a store, a brand, a payment method."""
    fields = {"amount_minor": amount_minor, "currency": "USD", "order_id": order, "items": items}
    event = Purchase.model_validate({**_moment(at_ms), **fields, **labels})
    return Read(event, name, at_ms)


def engaged(name: str, at_ms: int, kind: str = "visit", score: float | None = None) -> Read:
    """Something done without buying."""
    event = Engagement.model_validate({**_moment(at_ms), "type": kind, "score": score})
    return Read(event, name, at_ms)


def _event(number: int, at_ms: int, row: bytes, spree: list[int]) -> Read:
    kind, name = _KINDS[row[0] % len(_KINDS)], f"e{number}"
    amount, ref = _AMOUNTS[row[1] % len(_AMOUNTS)], row[2]
    if kind == "purchase":
        spree.append(number)
        labels = {
            "channel": ("web", "shop", None)[row[3] % 3],
            "store": ("North", None)[row[4] % 2],
            "brand": ("Acme", None, "Cato")[row[3] // 3 % 3],
            "payment_method": ("card", "cash")[row[4] // 2 % 2],
        }
        order = f"o{number // 2}" if ref % 2 else None
        return bought(name, at_ms, amount, order, _items(row[5], row[6]), **labels)
    if kind == "profile":
        attributes = _PROFILES[ref % len(_PROFILES)]
        return Read(
            Profile.model_validate({**_moment(at_ms), "attributes": attributes}), name, at_ms
        )
    if kind == "engagement":
        return engaged(name, at_ms, *_ENGAGEMENTS[ref % len(_ENGAGEMENTS)])
    target = spree[-1 - ref // 2 % len(spree)] if spree and ref % 16 else -1
    by = {"order_id": f"o{target // 2}"} if ref % 2 else {"refunded_event_id": f"e{target}"}
    money = {"amount_minor": amount or 500, "currency": "USD"}
    return Read(Refund.model_validate({**_moment(at_ms), **money, **by}), name, at_ms)


@st.composite
def shoppers(draw: st.DrawFn, within_hours: int | None = None, at_least: int = 1) -> list[Read]:
    """Events of one customer in order of event time: over years, or all within so many hours."""
    size = draw(st.sampled_from([each for each in _SIZES if each >= at_least]))
    drawn = draw(st.binary(min_size=size * _ROW_BYTES, max_size=size * _ROW_BYTES))
    rows = [drawn[start : start + _ROW_BYTES] for start in range(0, len(drawn), _ROW_BYTES)]
    begins_ms = draw(st.sampled_from(_BEGINNINGS)) + HOUR_MS
    if within_hours is None:
        hours = list(accumulate(_PAUSES[row[7] % len(_PAUSES)] for row in rows))
    else:
        hours = [int.from_bytes(row[7:9]) % within_hours for row in rows]
    spree: list[int] = []
    return in_order(
        [
            _event(number, begins_ms + hour * HOUR_MS + _BLIPS[row[9] % 4], row, spree)
            for number, (hour, row) in enumerate(zip(hours, rows, strict=True))
        ]
    )


def replayed(effects: Sequence[PublishChange], begun: Sequence[str] = ()) -> tuple[str, ...]:
    """The membership that entries and exits leave; nobody enters twice or leaves from outside."""
    inside = set(begun)
    for each in effects:
        if each.type is EffectType.SEGMENT_ENTERED:
            assert each.after not in inside
            inside.add(str(each.after))
        elif each.type is EffectType.SEGMENT_EXITED:
            inside.remove(str(each.before))
    return tuple(sorted(inside))


def moves_of(effects: Sequence[PublishChange]) -> list[tuple[int, str, str]]:
    """When, how and which: entries and exits."""
    return [
        (each.since_ms, each.type.value, str(each.after or each.before))
        for each in effects
        if each.type in OF_RULES
    ]


def share_of_examples(part: int) -> settings:
    """Of the thorough number one part: these examples are long."""
    return settings(thoroughly, max_examples=max(5, thoroughly.max_examples // part))
