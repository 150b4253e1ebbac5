"""Segment's messages: orders, traits, visits, and who is who.

Enters: a message of the tracking API, or a batch of them. Leaves: purchases, refunds, profiles,
engagements, merges. Names, e-mail addresses and phone numbers stay behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from models.adapt_fields import (
    Unusable,
    found,
    listed,
    may_be_kept,
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
    event_id,
    guarded,
    known_id,
)
from models.events import Kind

Json = dict[str, Any]
_AMOUNTS = ("total", "revenue", "subtotal")  # the first that is there; only the first has tax in it
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_PERSONAL = frozenset(
    [
        "address",
        "age",
        "avatar",
        "birthdate",
        "birthday",
        "dateofbirth",
        "email",
        "emailaddress",
        "firstname",
        "fullname",
        "ip",
        "lastname",
        "login",
        "middlename",
        "mobile",
        "mobilenumber",
        "name",
        "nickname",
        "password",
        "phone",
        "phonenumber",
        "ssn",
        "street",
        "username",
    ]
)
_PERSONAL_ENDS = (  # of names such as work_email and customerFirstName, unless they say yes or no
    *(
        "email",
        "mailaddress",
        "phone",
        "phonenumber",
        "mobilenumber",
        "whatsappnumber",
        "faxnumber",
    ),
    *("firstname", "lastname", "middlename", "fullname", "givenname", "familyname", "maidenname"),
    *("surname", "displayname", "nickname", "username", "password", "passwordhash", "dateofbirth"),
    *("address", "addressline", "street", "streetname", "passport", "passportnumber", "taxid"),
)
_YEAR = re.compile(r"([12][0-9]{3})-", re.ASCII)
_LONGEST_NAME, _LARGEST = 64, 2**53  # what an attribute may be: docs/events.md


def from_segment(origin: Origin, body: Json) -> Iterator[Make]:
    """What a message of Segment means.

    Raises:
        Unusable: it is no message.
    """
    for message in listed(body, "batch") if "batch" in body else [body]:
        yield from guarded(_message(origin, message))


def _message(origin: Origin, message: Json) -> Iterator[Make]:
    kind = message.get("type")
    known = _TYPES.get(kind) if isinstance(kind, str) else None
    if known is not None:
        yield from known(origin, message)
    elif isinstance(kind, str):
        yield partial(Ignored, f"{kind:.64} moves no customer")
    else:
        raise Unusable("type: missing; send messages as Segment does")


def _track(origin: Origin, message: Json) -> Iterator[Make]:
    name = message.get("event")
    known = _EVENTS.get(name.casefold()) if isinstance(name, str) else None
    if known is None:
        yield partial(Ignored, "a track that is no order")
    else:
        yield partial(known, origin, message)


def _whose(origin: Origin, message: Json) -> str:
    return customer_of(origin, text_at(message, "userId"), text_at(message, "anonymousId"))


def _nobody(origin: Origin, message: Json) -> bool:
    """Whether a message is of somebody who is not kept; only lost money is worth a dead letter."""
    return text_at(message, "userId") is None and not origin.keeps_anonymous


def _at(origin: Origin, message: Json) -> str:
    moment = text_at(message, *_TIMES) or origin.received_at
    if moment is None:
        raise Unusable("timestamp: missing")
    return moment


def _money(origin: Origin, message: Json) -> Json:
    """The fields that an order and its refund have in common."""
    order = found(message, "properties")
    currency = currency_at(origin, message, "properties.currency")
    name = next((each for each in _AMOUNTS if found(order, each) is not None), _AMOUNTS[0])
    return {
        "customer_id": _whose(origin, message),
        "occurred_at": _at(origin, message),
        "amount_minor": minor_units(found(order, name), currency, f"properties.{name}"),
        "currency": currency,
        "order_id": text_at(message, "properties.order_id"),
    }


def _purchase(origin: Origin, message: Json) -> Draft:
    money = _money(origin, message)
    own = ("order", money["order_id"]) if money["order_id"] else _own(message)
    lines = listed(message, "properties.products")
    fields = {
        "event_id": event_id(origin, *own),
        **money,
        "store": text_at(message, "properties.affiliation"),
        "payment_method": text_at(message, "properties.payment_method"),
        "items": [
            _item(line, money["currency"]) for line in lines if line.get("price") is not None
        ],
    }
    return Draft(Kind.PURCHASE, fields)


def _own(message: Json) -> tuple[str, str]:
    return "message", needed(message, "messageId")


def _item(line: Json, currency: str) -> Json:
    item = {
        "sku": needed(line, "sku", "product_id", "name"),
        "quantity": whole_at(line, "quantity", 1),
        "unit_price_minor": minor_units(line["price"], currency, "properties.products.price"),
        "category": text_at(line, "category"),
        "brand": text_at(line, "brand"),
    }
    return {key: each for key, each in item.items() if each is not None}


def _refund(origin: Origin, message: Json) -> Draft:
    """Part of an order may be refunded, more than once: each message counts."""
    own = event_id(origin, "refund", needed(message, "messageId"))
    return Draft(Kind.REFUND, {"event_id": own, **_money(origin, message)})


def _cancelled(origin: Origin, message: Json) -> Draft:
    own = event_id(origin, "cancelled", needed(message, "properties.order_id"))
    return Draft(Kind.REFUND, {"event_id": own, **_money(origin, message)})


def _engagement(kind: str, origin: Origin, message: Json) -> Draft | Ignored:
    if _nobody(origin, message):
        return Ignored(f"a {kind} of nobody known")
    fields = {
        "event_id": event_id(origin, *_own(message)),
        "customer_id": _whose(origin, message),
        "occurred_at": _at(origin, message),
        "type": kind,
    }
    return Draft(Kind.ENGAGEMENT, fields)


def _visit(origin: Origin, message: Json) -> Iterator[Make]:
    yield partial(_engagement, "visit", origin, message)


def _screen(origin: Origin, message: Json) -> Iterator[Make]:
    yield partial(_engagement, "app_open", origin, message)


def _identify(origin: Origin, message: Json) -> Iterator[Make]:
    traits = found(message, "traits")
    yield partial(_profile, origin, message, _attributes(traits))
    known, anonymous = text_at(message, "userId"), text_at(message, "anonymousId")
    if known and anonymous and origin.keeps_anonymous:
        yield partial(_known_now, origin, message, anonymous, known)


def _known_now(origin: Origin, message: Json, anonymous: str, known: str) -> Draft:
    return became_known(origin, anonymous, known, _at(origin, message))


def _profile(origin: Origin, message: Json, attributes: Json) -> Draft | Ignored:
    if not attributes or _nobody(origin, message):
        return Ignored("nothing that is kept of a person")
    fields = {
        "event_id": event_id(origin, *_own(message)),
        "customer_id": _whose(origin, message),
        "occurred_at": _at(origin, message),
        "attributes": attributes,
    }
    return Draft(Kind.PROFILE, fields)


def _attributes(traits: Any) -> Json:
    """What may be kept of traits; names, addresses and what an attribute can't hold stay behind."""
    if not isinstance(traits, dict):
        return {}
    kept = {name: value for name, value in traits.items() if _may_stay(name, value)}
    if isinstance(traits.get("address"), dict):
        places = (("country", "country"), ("region", "state"), ("city", "city"))
        told = {ours: traits["address"].get(theirs) for ours, theirs in places}
        kept |= {name: value for name, value in told.items() if value and _may_stay(name, value)}
    if isinstance(born := traits.get("birthday"), str) and (year := _YEAR.match(born)):
        kept["birth_year"] = int(year[1])
    if isinstance(consent := traits.get("consent"), dict):
        told = {f"consent.{channel}": said for channel, said in consent.items()}
        kept |= {name: said for name, said in told.items() if _may_stay(name, said)}
    return kept


def _may_stay(name: str, value: Any) -> bool:
    if not 0 < len(name) <= _LONGEST_NAME or _names_a_person(name, value):
        return False
    if isinstance(value, str):
        return may_be_kept(value)
    if isinstance(value, int | Decimal):
        return -_LARGEST < value < _LARGEST
    return value is None


def _names_a_person(name: str, value: Any) -> bool:
    letters = re.sub("[^a-z]", "", name.lower())
    says_more = not isinstance(value, bool) and not name.startswith("consent.")
    return letters in _PERSONAL or (says_more and letters.endswith(_PERSONAL_ENDS))


def _alias(origin: Origin, message: Json) -> Iterator[Make]:
    """Two names of one person. Which sort the earlier is, is only known if it is the anonymous id."""
    known, before = needed(message, "userId"), needed(message, "previousId")
    if before == text_at(message, "anonymousId"):
        if not origin.keeps_anonymous:
            yield partial(Ignored, "an alias of nobody known")
            return
        yield partial(_known_now, origin, message, before, known)
        return
    yield partial(_merge, origin, message, before, known)
    if origin.keeps_anonymous:
        yield partial(_known_now, origin, message, before, known)


def _merge(origin: Origin, message: Json, before: str, known: str) -> Draft:
    fields = {
        "event_id": event_id(origin, "alias", before, known),
        "customer_id": known_id(origin, before),
        "into": known_id(origin, known),
        "occurred_at": _at(origin, message),
    }
    return Draft(Kind.MERGE, fields)


def _group(origin: Origin, message: Json) -> Iterator[Make]:
    yield partial(_member, origin, message)


def _member(origin: Origin, message: Json) -> Draft | Ignored:
    return _profile(origin, message, {"account_id": needed(message, "groupId")})


_EVENTS: dict[str, Callable[[Origin, Json], Draft | Ignored]] = {
    "order completed": _purchase,
    "completed order": _purchase,  # its name in the first version of the specification
    "order refunded": _refund,
    "order cancelled": _cancelled,
    "application opened": partial(_engagement, "app_open"),
}
_TYPES: dict[str, Callable[[Origin, Json], Iterator[Make]]] = {
    "track": _track,
    "identify": _identify,
    "alias": _alias,
    "group": _group,
    "page": _visit,
    "screen": _screen,
}
