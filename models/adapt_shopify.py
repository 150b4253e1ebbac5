"""Shopify's webhooks: orders, refunds, customers.

Enters: a body as Shopify sends it, with the header `x-shopify-topic` if there is one. Leaves:
purchases, refunds, profiles, erasures, merges. What is given back comes from an order's `refunds`,
never from its changed total: a purchase that is repeated weeks later would be a dead letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from models.adapt_fields import (
    Unusable,
    decimal_of,
    found,
    listed,
    minor_units,
    needed,
    text_at,
    whole_at,
)
from models.adapt_shopify_customers import CUSTOMERS
from models.adapted import (
    Draft,
    Ignored,
    Make,
    Origin,
    became_known,
    currency_at,
    customer_of,
    event_id,
)
from models.events import Kind

Json = dict[str, Any]
TOPIC = "x-shopify-topic"
_SHOP_CURRENCY = ("total_price_set.shop_money.currency_code", "currency")
_PRESENTED = "total_price_set.presentment_money"
_REPEATED = timedelta(days=45)  # time.remembered_days, unless a policy says another
_REFUNDED = "refunds.transactions.amount"
_UNPAID = ("voided", "pending", "authorized", "expired")


def from_shopify(origin: Origin, body: Json) -> Iterator[Make]:
    """What a webhook of Shopify means.

    Raises:
        Unusable: it can't be told what it is.
    """
    topic = origin.headers.get(TOPIC) or _topic_by_shape(body)
    if topic.startswith("order") and body.get("test") is True and not origin.source.test_events:
        yield partial(Ignored, "a test order")
    elif (of_order := _ORDERS.get(topic)) is not None:
        yield from of_order(origin, body)
    elif (of_customer := CUSTOMERS.get(topic)) is not None:
        yield from of_customer(origin, body)
    else:
        yield partial(Ignored, f"{topic:.64} moves no customer")


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
    refunds = listed(order, "refunds")
    called_off = order.get("cancelled_at") is not None
    if not refunds and not called_off:
        yield partial(Ignored, "an order of which nothing was given back")
    if called_off:
        yield partial(_cancelled, origin, order)
    yield from _known_now(origin, order)
    before = Decimal(0)
    for refund in refunds:
        yield partial(_refund, origin, order, refund, before)
        before = _with(before, refund)


def _paid(origin: Origin, order: Json) -> Iterator[Make]:
    """An order that was told before: then it may have been of nobody known."""
    yield from _created(origin, order)
    yield from _known_now(origin, order)


def _order(origin: Origin, order: Json) -> Iterator[Make]:
    if order.get("refunds") or order.get("cancelled_at"):
        yield from _created(origin, order)
        yield from _updated(origin, order)
    else:
        yield from _paid(origin, order)


def _bare_refund(origin: Origin, refund: Json) -> Iterator[Make]:
    order = found(refund, "order")
    if found(order, "customer.id") is None:
        raise Unusable(
            "a refund alone names no customer; subscribe to orders/updated, which brings it with "
            "its order, instead of refunds/create"
        )
    yield partial(_refund, origin, {"id": refund.get("order_id"), **order}, refund, Decimal(0))


def _whose(origin: Origin, order: Json) -> str:
    return customer_of(origin, text_at(order, "customer.id"), needed(order, "id"))


def _known_now(origin: Origin, order: Json) -> Iterator[Make]:
    """Checkouts of the online shop name a customer from the beginning; tills may do so later."""
    known = text_at(order, "customer.id")
    if known and origin.keeps_anonymous and order.get("source_name") != "web":
        moment = text_at(order, "updated_at", "created_at")
        yield lambda: became_known(origin, needed(order, "id"), known, moment)


def _purchase(origin: Origin, order: Json) -> Draft:
    currency, own = currency_at(origin, order, *_SHOP_CURRENCY), needed(order, "id")
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
    """An amount in the shop's own currency: what the customer saw may be in another."""
    in_shop = f"{name}_set.shop_money.amount"
    path = name if found(node, in_shop) is None else in_shop
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
        "quantity": whole_at(line, "quantity"),
        "unit_price_minor": _money(line, "price", currency),
        "category": text_at(line, "product_type"),
        "brand": text_at(line, "vendor"),
        "discount_minor": sum(_money(each, "amount", currency) for each in discounts),
    }
    return {key: each for key, each in item.items() if each is not None}


def _refund(origin: Origin, order: Json, refund: Json, before: Decimal) -> Draft | Ignored:
    if _moved(refund, "pending"):
        return Ignored("a refund that is pending; the order is sent again when it is settled")
    if not _moved(refund, "success"):
        return Ignored("a refund that moved no money")
    moment = needed(refund, "processed_at", "created_at")
    if _long_ago(moment, order.get("updated_at")):
        return Ignored("a refund that earlier updates of the order have told")
    amount_minor, currency = _given_back(origin, order, refund, before)
    fields = {
        "event_id": event_id(origin, "refund", needed(refund, "id")),
        "customer_id": _whose(origin, order),
        "occurred_at": moment,
        "amount_minor": amount_minor,
        "currency": currency,
        "order_id": needed(order, "id"),
    }
    return Draft(Kind.REFUND, fields)


def _long_ago(moment: str, updated: Any) -> bool:
    """Whether a refund is too old to be recognised as a repetition: it would be a dead letter."""
    try:
        return datetime.fromisoformat(updated) - datetime.fromisoformat(moment) > _REPEATED
    except (TypeError, ValueError):  # not both are moments with a zone: read_record tells why
        return False


def _moved(refund: Json, status: str) -> list[Json]:
    transactions = listed(refund, "transactions")
    return [
        each
        for each in transactions
        if (each.get("kind"), each.get("status")) == ("refund", status)
    ]


def _given_back(origin: Origin, order: Json, refund: Json, before: Decimal) -> tuple[int, str]:
    """The sum of a refund's transactions, in the shop's currency where the order says its rate.

    What refunds of the order gave back before it counts, so that all together come to the whole.
    """
    own = (text_at(order, *_SHOP_CURRENCY) or origin.source.currency).upper()
    currencies = {(text_at(each, "currency") or own).upper() for each in _moved(refund, "success")}
    if len(currencies) > 1:
        raise Unusable("refunds.transactions.currency: one refund in several currencies")
    if not (currency := currencies.pop()):
        raise Unusable("refunds.transactions.currency: missing")
    amounts = [each.get("amount") for each in _moved(refund, "success")]
    amount_minor = sum(minor_units(each, currency, _REFUNDED) for each in amounts)
    if own in ("", currency) or found(order, f"{_PRESENTED}.currency_code") != currency:
        return amount_minor, currency
    shown = minor_units(found(order, f"{_PRESENTED}.amount"), currency, f"{_PRESENTED}.amount")
    paid, earlier = _money(order, "total_price", own), minor_units(before, currency, _REFUNDED)
    return _shared(earlier + amount_minor, paid, shown) - _shared(earlier, paid, shown), own


def _with(before: Decimal, refund: Json) -> Decimal:
    """What was given back, in major units, with a refund; one that can't be read is refused itself."""
    try:
        amounts = [each.get("amount") for each in _moved(refund, "success")]
        return sum((decimal_of(each, _REFUNDED) for each in amounts), before)
    except (Unusable, ArithmeticError):
        return before


def _shared(part: int, of: int, whole: int) -> int:
    """`part` of `whole`, of another whole; rounded half up, so that the whole is the whole."""
    return (2 * part * of + whole) // (2 * whole) if whole else 0


def _cancelled(origin: Origin, order: Json) -> Draft | Ignored:
    """An order that was called off before anything was paid: all of it is taken back."""
    moment = text_at(order, "cancelled_at")
    if moment is None or order.get("financial_status") not in _UNPAID:
        return Ignored("called off after it was paid: what is given back is a refund")
    if _long_ago(moment, order.get("updated_at")):
        return Ignored("called off so long ago that earlier updates of the order have told")
    currency, own = currency_at(origin, order, *_SHOP_CURRENCY), needed(order, "id")
    fields = {
        "event_id": event_id(origin, "cancelled", own),
        "customer_id": _whose(origin, order),
        "occurred_at": moment,
        "amount_minor": _money(order, "total_price", currency),
        "currency": currency,
        "order_id": own,
    }
    return Draft(Kind.REFUND, fields)


_ORDERS: dict[str, Callable[[Origin, Json], Iterator[Make]]] = {
    "order": _order,
    "orders/create": _created,
    "orders/paid": _paid,
    "orders/updated": _updated,
    "orders/cancelled": _updated,
    "refunds/create": _bare_refund,
}
