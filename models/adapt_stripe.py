"""Stripe's events: charges, their refunds, customers.

Enters: an event as Stripe sends it to a webhook. Leaves: purchases, refunds, profiles. What a charge
has given back comes as a running total, so each event is the step from one total to the next, under
an id of charge and total: in any order, however often, the steps add up to the last total.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from models.adapt_fields import (
    Unusable,
    decimal_of,
    found,
    from_unix,
    listed,
    needed,
    shifted,
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
    event_id,
    known_id,
)
from models.currencies import minor_digits
from models.events import Kind

Json = dict[str, Any]
_SECONDS = 6  # digits to microseconds

# docs.stripe.com/currencies: amounts without decimals, and with three. ISK and UGX, which have none,
# are counted in hundredths all the same, as are HUF and TWD, of which only payouts take none.
_NONE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE = "BHD JOD KWD OMR TND"
_DIGITS = dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)
_UNSETTLED = ("failed", "canceled")  # refunds that a running total does not contain


def stripe_minor(value: Any, currency: str, path: str) -> int:
    """An amount as Stripe counts it, in minor units of ISO 4217.

    >>> [stripe_minor(500, currency, "amount") for currency in ("USD", "ISK", "MGA")]
    [500, 5, 50000]

    Raises:
        Unusable: no number, or a part of a unit that the currency does not have.
    """
    more = minor_digits(currency) - _DIGITS.get(currency, 2)
    return shifted(decimal_of(value, path), more, currency, path)


def from_stripe(origin: Origin, event: Json) -> Iterator[Make]:
    """What an event of Stripe means.

    Raises:
        Unusable: it is no event.
    """
    kind, subject = needed(event, "type"), found(event, "data.object")
    if not isinstance(subject, dict):
        raise Unusable("data.object: missing; send whole events, as Stripe does")
    known = _TYPES.get(kind)
    if known is None:
        yield partial(Ignored, f"{kind:.64} moves no customer")
    elif event.get("livemode") is False and not origin.source.test_events:
        yield partial(Ignored, "a test event (livemode is false)")
    else:
        yield partial(known, origin, event, subject)


def _whose(origin: Origin, charge: Json) -> str:
    return customer_of(origin, _customer(charge), needed(charge, "id"))


def _customer(charge: Json) -> str | None:
    expanded = isinstance(charge.get("customer"), dict)
    return text_at(charge, "customer.id" if expanded else "customer")


def _purchase(origin: Origin, _: Json, charge: Json) -> Draft | Ignored:
    if charge.get("captured") is not True:
        return Ignored("authorised, not captured: nothing is paid yet")
    currency, own = currency_at(origin, charge, "currency"), needed(charge, "id")
    fields = {
        "event_id": event_id(origin, "charge", own),
        "customer_id": _whose(origin, charge),
        "occurred_at": from_unix(charge.get("created"), "created", _SECONDS),
        "amount_minor": stripe_minor(charge.get("amount_captured"), currency, "amount_captured"),
        "currency": currency,
        "order_id": own,
        "payment_method": text_at(charge, "payment_method_details.type"),
    }
    return Draft(Kind.PURCHASE, fields)


def _refund(origin: Origin, event: Json, charge: Json) -> Draft | Ignored:
    if charge.get("captured") is not True:
        return Ignored("an authorisation that was released: nothing was paid")
    total = whole_at(charge, "amount_refunded")
    before = _total_before(event, charge, total)
    step = _given_back(charge, total) - _given_back(charge, before)
    if step <= 0:
        return Ignored("no more given back than before")
    currency, own = currency_at(origin, charge, "currency"), needed(charge, "id")
    fields = {
        "event_id": event_id(origin, "refunded", own, str(total)),
        "customer_id": _whose(origin, charge),
        "occurred_at": from_unix(event.get("created"), "created", _SECONDS),
        "amount_minor": stripe_minor(step, currency, "amount_refunded"),
        "currency": currency,
        "order_id": own,
    }
    return Draft(Kind.REFUND, fields)


def _given_back(charge: Json, total: int) -> int:
    """Of a running total what had been paid: what was never captured counts as refunded, too."""
    captured = whole_at(charge, "amount_captured")
    return max(0, total - (whole_at(charge, "amount", captured) - captured))


def _total_before(event: Json, charge: Json, total: int) -> int:
    """The running total before this event: as Stripe says it, else without the newest refund."""
    said = "data.previous_attributes.amount_refunded"
    if found(event, said) is not None:
        return whole_at(event, said)
    refunds = [each for each in listed(charge, "refunds.data") if _counts(each)]
    if refunds and sum(whole_at(each, "amount") for each in refunds) == total:  # all of them
        newest = max(whole_at(each, "created") for each in refunds)
        last = [each for each in refunds if whole_at(each, "created") == newest]
        if len(last) == 1:
            return total - whole_at(last[0], "amount")
    raise Unusable(
        f"{said}: missing, and what was refunded before can't be told; send events as Stripe does"
    )


def _counts(refund: Json) -> bool:
    return refund.get("status") not in _UNSETTLED


def _updated(origin: Origin, event: Json, charge: Json) -> Draft | Ignored:
    before, known = found(event, "data.previous_attributes"), _customer(charge)
    was_anonymous = isinstance(before, dict) and before.get("customer", "") is None
    if not (origin.keeps_anonymous and was_anonymous and known):
        return Ignored("nothing that moves a customer")
    moment = from_unix(event.get("created"), "created", _SECONDS)
    return became_known(origin, needed(charge, "id"), known, moment)


def _profile(origin: Origin, event: Json, customer: Json) -> Draft | Ignored:
    if "address" not in customer:
        return Ignored("nothing that is kept of a customer")
    fields = {
        "event_id": event_id(origin, "profile", needed(event, "id")),
        "customer_id": known_id(origin, needed(customer, "id")),
        "occurred_at": from_unix(event.get("created"), "created", _SECONDS),
        "attributes": {
            "country": text_at(customer, "address.country"),
            "region": text_at(customer, "address.state"),
            "city": text_at(customer, "address.city"),
        },
    }
    return Draft(Kind.PROFILE, fields)


def _deleted(*_: Any) -> Ignored:
    return Ignored("a customer deleted in Stripe is not an erasure; to forget one, erase them here")


_TYPES: dict[str, Callable[[Origin, Json, Json], Draft | Ignored]] = {
    "charge.succeeded": _purchase,
    "charge.captured": _purchase,
    "charge.refunded": _refund,
    "charge.updated": _updated,
    "customer.created": _profile,
    "customer.updated": _profile,
    "customer.deleted": _deleted,
}
