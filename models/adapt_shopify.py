"""Shopify's webhooks: orders, refunds, customers.

Enters: a body as Shopify sends it, with the header `x-shopify-topic` if there is one. Leaves:
purchases, refunds, profiles, erasures. A refund comes from the order's `refunds`, never from the
order's changed total: an order that is repeated weeks later would be a `too_late` dead letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from models.adapted import (
    Draft,
    Ignored,
    Make,
    Origin,
    Unusable,
    currency_at,
    customer_of,
    event_id,
    found,
    listed,
    minor_units,
    needed,
    text_at,
)
from models.events import Kind

Json = dict[str, Any]
_UNPAID = ("voided", "pending", "authorized", "expired")


def from_shopify(origin: Origin, body: Json) -> Iterator[Make]:
    """What a webhook of Shopify means.

    Raises:
        Unusable: it can't be told what it is.
    """
    topic = origin.headers.get("x-shopify-topic") or _topic_by_shape(body)
    known = _TOPICS.get(topic)
    if known is None:
        yield partial(Ignored, f"{topic:.64} moves no customer")
    elif topic.startswith("order") and body.get("test") is True and not origin.source.test_events:
        yield partial(Ignored, "a test order")
    else:
        yield from known(origin, body)


def _topic_by_shape(body: Json) -> str:
    if "total_price" in body and "line_items" in body:
        return "order"
    if "transactions" in body and "order_id" in body:
        return "refunds/create"
    if "orders_to_redact" in body:
        return "customers/redact"
    if "email_marketing_consent" in body or "default_address" in body:
        return "customers/update"
    raise Unusable("neither an order nor a refund nor a customer; send the header X-Shopify-Topic")


def _created(origin: Origin, order: Json) -> Iterator[Make]:
    yield partial(_purchase, origin, order)


def _updated(origin: Origin, order: Json) -> Iterator[Make]:
    yield from _refunds(origin, order)
    yield partial(_cancelled, origin, order)


def _order(origin: Origin, order: Json) -> Iterator[Make]:
    yield from _created(origin, order)
    yield from _updated(origin, order)


def _whose(origin: Origin, order: Json) -> str:
    return customer_of(origin, text_at(order, "customer.id"), needed(order, "id"))


def _purchase(origin: Origin, order: Json) -> Draft:
    currency = currency_at(origin, order, "total_price_set.shop_money.currency_code", "currency")
    own = needed(order, "id")
    fields = {
        "event_id": event_id(origin, "order", own),
        "customer_id": _whose(origin, order),
        "occurred_at": needed(order, "processed_at", "created_at"),
        "amount_minor": _money(order, "total_price", currency),
        "currency": currency,
        "order_id": own,
        "channel": text_at(order, "source_name"),
        "store": text_at(order, "location_id"),
        "payment_method": _gateway(order),
        "items": [_item(line, currency) for line in listed(order, "line_items")],
    }
    return Draft(Kind.PURCHASE, fields)


def _money(node: Json, name: str, currency: str) -> int:
    """An amount of the shop's own money: what the customer saw may be another currency."""
    in_shop = f"{name}_set.shop_money.amount"
    path = in_shop if found(node, in_shop) is not None else name
    return minor_units(found(node, path), currency, path)


def _gateway(order: Json) -> str | None:
    names = order.get("payment_gateway_names")
    if isinstance(names, list) and names and isinstance(names[0], str):
        return names[0] or None
    return text_at(order, "gateway")


def _item(line: Json, currency: str) -> Json:
    discounts = listed(line, "discount_allocations")
    item = {
        "sku": needed(line, "sku", "variant_id", "product_id", "id"),
        "quantity": line.get("quantity"),
        "unit_price_minor": _money(line, "price", currency),
        "category": text_at(line, "product_type"),
        "brand": text_at(line, "vendor"),
        "discount_minor": sum(_money(each, "amount", currency) for each in discounts),
    }
    return {key: each for key, each in item.items() if each is not None}


def _refunds(origin: Origin, order: Json) -> Iterator[Make]:
    for refund in listed(order, "refunds"):
        yield partial(_refund, origin, order, refund)


def _refund(origin: Origin, order: Json, refund: Json) -> Draft | Ignored:
    paid = [each for each in listed(refund, "transactions") if each.get("kind") == "refund"]
    if any(each.get("status") == "pending" for each in paid):
        return Ignored("a refund that is still pending; the order is sent again when it is settled")
    settled = [each for each in paid if each.get("status") == "success"]
    if not settled:
        return Ignored("a refund that moved no money")
    own = needed(refund, "id")
    currencies = {currency_at(origin, each, "currency") for each in settled}
    if len(currencies) > 1:
        raise Unusable("refunds.transactions.currency: one refund in several currencies")
    currency = currencies.pop()
    amounts = (minor_units(each.get("amount"), currency, "amount") for each in settled)
    fields = {
        "event_id": event_id(origin, "refund", own),
        "customer_id": _whose(origin, order),
        "occurred_at": needed(refund, "processed_at", "created_at"),
        "amount_minor": sum(amounts),
        "currency": currency,
        "order_id": needed(order, "id"),
    }
    return Draft(Kind.REFUND, fields)


def _cancelled(origin: Origin, order: Json) -> Draft | Ignored:
    """An order that was called off before anything was paid: all of it is taken back."""
    moment = text_at(order, "cancelled_at")
    if moment is None or order.get("financial_status") not in _UNPAID:
        return Ignored("nothing to take back")
    currency = currency_at(origin, order, "total_price_set.shop_money.currency_code", "currency")
    own = needed(order, "id")
    fields = {
        "event_id": event_id(origin, "cancelled", own),
        "customer_id": _whose(origin, order),
        "occurred_at": moment,
        "amount_minor": _money(order, "total_price", currency),
        "currency": currency,
        "order_id": own,
    }
    return Draft(Kind.REFUND, fields)


_TOPICS: dict[str, Callable[[Origin, Json], Iterator[Make]]] = {
    "order": _order,
    "orders/create": _created,
    "orders/paid": _created,
    "orders/updated": _updated,
    "orders/edited": _updated,
    "orders/cancelled": _updated,
}
