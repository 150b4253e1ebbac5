"""Shopify's webhooks that are of customers: who they are, what they agreed to, who must go.

Enters: a body of `customers/…`. Leaves: profiles without names, addresses of mail or phone numbers,
erasures, merges. Since version 2025-01 of Shopify's API consent comes in webhooks of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from models.adapt_fields import Unusable, found, may_be_kept, named, needed, text_at
from models.adapted import (
    Draft,
    Ignored,
    Make,
    Origin,
    anonymous_id,
    digest_of,
    event_id,
    known_id,
)
from models.events import Kind

Json = dict[str, Any]
TRIGGERED = "x-shopify-triggered-at"
_PLACES = (("country", "country_code"), ("region", "province_code"), ("city", "city"))
_CONSENTS = (("consent.email", "email_marketing_consent"), ("consent.sms", "sms_marketing_consent"))
_UNMERGED = ("failed", "in_progress", "requested")
_GID = "gid://shopify/Customer/"


def _moment(origin: Origin) -> str:
    """When it happened, of webhooks whose bodies do not say it."""
    moment = origin.headers.get(TRIGGERED) or origin.received_at
    if moment is None:
        raise Unusable("says no time; send the header X-Shopify-Triggered-At with it")
    return moment


def _profile(origin: Origin, customer: Json) -> Draft | Ignored:
    attributes = {**_place(customer), **_tags(customer), **_agreed(customer)}
    if not attributes:
        return Ignored("nothing that is kept of a customer")
    own, moment = needed(customer, "id"), needed(customer, "updated_at", "created_at")
    return _draft(origin, own, moment, "customer", attributes)


def _draft(origin: Origin, own: str, moment: str, word: str, attributes: Json) -> Draft:
    fields = {
        "event_id": event_id(origin, word, own, moment),
        "customer_id": known_id(origin, own),
        "occurred_at": moment,
        "attributes": attributes,
    }
    return Draft(Kind.PROFILE, fields)


def _place(customer: Json) -> Json:
    if "default_address" not in customer:
        return {}
    return {ours: text_at(customer, f"default_address.{theirs}") for ours, theirs in _PLACES}


def _tags(customer: Json) -> Json:
    """As Shopify writes them, with commas; left out if an attribute can't hold them."""
    tags = customer.get("tags")
    return {"tags": tags} if isinstance(tags, str) and may_be_kept(tags) else {}


def _agreed(customer: Json) -> Json:
    states = {ours: found(customer, f"{theirs}.state") for ours, theirs in _CONSENTS}
    return {ours: state == "subscribed" for ours, state in states.items() if state is not None}


def _consent(origin: Origin, body: Json) -> Draft:
    """The webhook of a consent alone."""
    if not (attributes := _agreed(body)):
        raise Unusable("email_marketing_consent.state: missing")
    said = text_at(body, *(f"{theirs}.consent_updated_at" for _, theirs in _CONSENTS))
    moment = said or _moment(origin)
    return _draft(origin, needed(body, "customer_id", "id"), moment, "consent", attributes)


def _redacted(origin: Origin, body: Json) -> Iterator[Make]:
    moment, own = _moment(origin), needed(body, "customer.id")
    digest = digest_of(origin, origin.headers.get(TRIGGERED, ""))
    yield lambda: _erasure(origin, known_id(origin, own), moment, digest)
    orders = body.get("orders_to_redact") if origin.keeps_anonymous else None
    if not isinstance(orders, list | None):
        raise Unusable(f"orders_to_redact: must be a list, found {named(orders)}")
    for order in orders or ():
        yield partial(_erasure, origin, anonymous_id(origin, str(order)), moment, digest)


def _erasure(origin: Origin, customer_id: str, moment: str, digest: str) -> Draft:
    """Its id is none of the customer's, for it is kept: docs/erasure.md."""
    fields = {
        "event_id": event_id(origin, "redact", digest),
        "customer_id": customer_id,
        "occurred_at": moment,
    }
    return Draft(Kind.ERASURE, fields)


def _merged(origin: Origin, body: Json) -> Draft | Ignored:
    """Shopify tells of merges that failed, too; none can be taken back here."""
    status = (text_at(body, "status") or "").lower()
    if status in _UNMERGED:
        return Ignored("a merge of customers that is not completed")
    if status != "completed":
        raise Unusable("status: must be completed for two customers to be made one")
    goes = needed(body, "admin_graphql_api_customer_deleted_id").removeprefix(_GID)
    stays = needed(body, "admin_graphql_api_customer_kept_id").removeprefix(_GID)
    fields = {
        "event_id": event_id(origin, "merge", goes, stays),
        "customer_id": known_id(origin, goes),
        "into": known_id(origin, stays),
        "occurred_at": _moment(origin),
    }
    return Draft(Kind.MERGE, fields)


def _deleted(*_: Any) -> Ignored:
    return Ignored("a customer deleted in Shopify is not an erasure; customers/redact is one")


def _one(
    make: Callable[[Origin, Json], Draft | Ignored],
) -> Callable[[Origin, Json], Iterator[Make]]:
    return lambda origin, body: iter((partial(make, origin, body),))


CUSTOMERS: dict[str, Callable[[Origin, Json], Iterator[Make]]] = {
    "customers/create": _one(_profile),
    "customers/update": _one(_profile),
    "customers_email_marketing_consent/update": _one(_consent),
    "customers_marketing_consent/update": _one(_consent),
    "customers/redact": _redacted,
    "customers/merge": _one(_merged),
    "customers/delete": _one(_deleted),
}
