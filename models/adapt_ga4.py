"""Payloads of GA4's Measurement Protocol: purchases and refunds of one person.

Enters: a payload with its list of events. Leaves: for each a purchase, a refund or nothing; and a
merge, where the payload says that a browser and a user are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from models.adapt_fields import (
    Unusable,
    found,
    from_unix,
    listed,
    minor_units,
    needed,
    text_at,
    whole_at,
)
from models.adapted import (
    Draft,
    Ignored,
    Make,
    Origin,
    became_known,
    currency_at,
    customer_of,
    digest_of,
    event_id,
)
from models.events import Kind

Json = dict[str, Any]


def from_ga4(origin: Origin, payload: Json) -> Iterator[Make]:
    """What a payload of the Measurement Protocol means.

    Raises:
        Unusable: it has no events.
    """
    events = listed(payload, "events")
    if not events:
        raise Unusable("events: missing; send payloads of the Measurement Protocol")
    for event in events:
        known = _NAMES.get(event["name"]) if isinstance(event.get("name"), str) else None
        if known is None:
            yield partial(Ignored, "an event that is neither purchase nor refund")
        else:
            yield partial(known, origin, payload, event)
    yield from _known_now(origin, payload, events[0])


def _browser(payload: Json) -> str | None:
    return text_at(payload, "client_id", "app_instance_id")


def _known_now(origin: Origin, payload: Json, event: Json) -> Iterator[Make]:
    known, browser = text_at(payload, "user_id"), _browser(payload)
    if known and browser and origin.keeps_anonymous:
        yield lambda: became_known(origin, browser, known, _at(origin, payload, event))


def _at(origin: Origin, payload: Json, event: Json) -> str:
    moment = _said(payload, event) or origin.received_at
    if moment is None:
        raise Unusable("timestamp_micros: missing; send one with the payload")
    return moment


def _said(payload: Json, event: Json) -> str | None:
    """When it happened, as the event or its payload says it."""
    for node in (event, payload):
        if node.get("timestamp_micros") is not None:
            return from_unix(node["timestamp_micros"], "timestamp_micros", 0)
    return None


def _money(origin: Origin, payload: Json, event: Json) -> Json:
    """The fields that a purchase and its refund have in common."""
    currency = currency_at(origin, event, "params.currency")
    return {
        "customer_id": customer_of(origin, text_at(payload, "user_id"), _browser(payload)),
        "occurred_at": _at(origin, payload, event),
        "amount_minor": _value(event, currency),
        "currency": currency,
        "order_id": needed(event, "params.transaction_id"),
    }


def _value(event: Json, currency: str) -> int:
    """The event's value, which is the sum of price × quantity; so is one that was left out."""
    value = found(event, "params.value")
    lines = listed(event, "params.items")
    if value is not None or not lines:
        return minor_units(value, currency, "params.value")
    return sum(_price(line, currency) * whole_at(line, "quantity", 1) for line in lines)


def _price(line: Json, currency: str) -> int:
    return minor_units(line.get("price"), currency, "params.items.price")


def _purchase(origin: Origin, payload: Json, event: Json) -> Draft:
    money = _money(origin, payload, event)
    lines = listed(event, "params.items")
    fields = {
        "event_id": event_id(origin, "purchase", money["order_id"]),
        **money,
        "store": text_at(event, "params.affiliation"),
        "payment_method": text_at(event, "params.payment_type"),
        "items": [
            _item(line, money["currency"]) for line in lines if line.get("price") is not None
        ],
    }
    return Draft(Kind.PURCHASE, fields)


def _item(line: Json, currency: str) -> Json:
    quantity = whole_at(line, "quantity", 1)
    off = 0 if line.get("discount") is None else line["discount"]
    item = {
        "sku": needed(line, "item_id", "item_name"),
        "quantity": quantity,
        "unit_price_minor": _price(line, currency),
        "category": text_at(line, "item_category"),
        "brand": text_at(line, "item_brand"),
        "discount_minor": quantity * minor_units(off, currency, "params.items.discount"),
    }
    return {key: each for key, each in item.items() if each is not None}


def _refund(origin: Origin, payload: Json, event: Json) -> Draft:
    """An order may be refunded in parts: the moment and the amount tell one from another.

    The moment at which it came in does not: it is another one when the payload is sent again.
    """
    money = _money(origin, payload, event)
    moment = _said(payload, event) or digest_of(origin)
    parts = (money["order_id"], moment, str(money["amount_minor"]))
    return Draft(Kind.REFUND, {"event_id": event_id(origin, "refund", *parts), **money})


_NAMES: dict[str, Callable[[Origin, Json, Json], Draft]] = {
    "purchase": _purchase,
    "refund": _refund,
}
