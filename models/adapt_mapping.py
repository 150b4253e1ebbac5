"""Anybody's own JSON, by a mapping: docs/sources.md.

Enters: a body, and the tables `[[sources.NAME.events]]`. Leaves: one event for each table whose
conditions hold of the body, or a sentence that names the field and its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from jsonpath import JSONPathError

from models.adapt_fields import Unusable, decimal_of, from_unix, minor_units, named, whole
from models.adapted import (
    Draft,
    Ignored,
    Make,
    Origin,
    became_known,
    customer_of,
    digest_of,
    event_id,
    known_id,
)
from models.events import Kind
from models.source_mapping import (
    LITERAL,
    RFC_3339,
    UNIX_DIGITS,
    Fields,
    ItemFields,
    MappedEvent,
    compiled,
)

Json = dict[str, Any]
_WITH_A_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}([.'\u2019\u00a0\u202f ]\d{3})+)(,\d+)?", re.ASCII)
_TEXTS = ("order_id", "channel", "store", "brand", "payment_method", "type")


def from_mapping(origin: Origin, body: Json) -> Iterator[Make]:
    """What a body means by the source's own tables."""
    held = [n for n, each in enumerate(origin.source.events) if _holds(each, body)]
    if not held:
        yield partial(Ignored, "no table's conditions hold of it")
    for number in held:
        yield partial(_event, origin, body, number)


def _holds(mapped: MappedEvent, body: Json) -> bool:
    said = all(_is(_nodes(path, body), value) for path, value in mapped.when.items())
    return said and (not mapped.sign or _sign(mapped, body) == mapped.sign)


def _sign(mapped: MappedEvent, body: Json) -> str:
    place = mapped.fields.amount or mapped.fields.amount_minor
    is_below_zero = str(_value("amount", place, body)).strip().startswith("-")
    return "-" if is_below_zero else "+"


def _is(nodes: list[Any], value: bool | int | str) -> bool:
    return nodes == [value] and isinstance(nodes[0], bool) == isinstance(value, bool)


def _nodes(path: str, node: Json) -> list[Any]:
    try:
        return compiled(path)(node)
    except (JSONPathError, RecursionError) as error:
        raise Unusable(f"{path}: can't be followed: {type(error).__name__}") from None


def _event(origin: Origin, body: Json, number: int) -> Draft | Ignored:
    mapped = origin.source.events[number]
    if mapped.kind == "merge":
        return _merge(origin, mapped, body)
    fields = mapped.fields
    common = {
        "event_id": event_id(origin, mapped.kind, _own_id(origin, fields, body, number)),
        "customer_id": _whose(origin, fields, body),
        "occurred_at": _moment(mapped, body),
        **{name: _text(fields, name, body) for name in _TEXTS},
    }
    if mapped.kind in ("purchase", "refund"):
        return Draft(Kind(mapped.kind), {**common, **_money(origin, mapped, body)})
    if mapped.kind == "profile" and not (attributes := _attributes(fields, body)):
        return Ignored("none of the attributes stands in it")
    if mapped.kind == "profile":
        return Draft(Kind.PROFILE, {**common, "attributes": attributes})
    return Draft(Kind(mapped.kind), {**common, "score": _score(fields, body)})


def _own_id(origin: Origin, fields: Fields, body: Json, number: int) -> str:
    """The source's own id, else a digest of the body and the table that it is read by."""
    if fields.event_id is not None:
        return _needed(fields, "event_id", body)
    return f"{digest_of(origin)}:{number}"


def _whose(origin: Origin, fields: Fields, body: Json) -> str:
    known, anonymous = _text(fields, "customer_id", body), _text(fields, "anonymous_id", body)
    if known is None and anonymous is None:
        places = [each for each in (fields.customer_id, fields.anonymous_id) if each]
        raise Unusable(f"customer_id: nothing stands at {' or '.join(places)}")
    return customer_of(origin, known, anonymous)


def _money(origin: Origin, mapped: MappedEvent, body: Json) -> Json:
    fields = mapped.fields
    currency = (_text(fields, "currency", body) or origin.source.currency).upper()
    if not currency:
        raise Unusable(f"currency: missing; map it, or set sources.{origin.name}.currency")
    undone = _text(fields, "refunded_event_id", body)
    lines = [] if fields.items is None else _lines(fields.items, body)
    items = [
        _item(mapped, mapped.item_fields, line, currency) for line in lines if mapped.item_fields
    ]
    return {
        "amount_minor": _unsigned(mapped, _amount(mapped, fields, "amount", body, currency)),
        "currency": currency,
        "refunded_event_id": None if undone is None else event_id(origin, "purchase", undone),
        "items": items or None,
    }


def _unsigned(mapped: MappedEvent, amount: int) -> int:
    """Without the minus that many tills write before what they give back."""
    if amount < 0 and mapped.kind == "purchase":
        place = mapped.fields.amount or mapped.fields.amount_minor
        raise Unusable(
            f"amount ({place}): below zero; what is given back is of kind refund: sign = '-'"
        )
    return abs(amount)


def _lines(path: str, body: Json) -> list[Json]:
    """The lines themselves, or the list of them: a path may find either."""
    nodes = _nodes(path, body)
    lines = nodes[0] if len(nodes) == 1 and isinstance(nodes[0], list) else nodes
    for line in lines:
        if not isinstance(line, dict):
            raise Unusable(f"items ({path}): a line must be an object, found {named(line)}")
    return lines


def _item(mapped: MappedEvent, fields: ItemFields, line: Json, currency: str) -> Json:
    item = {
        "sku": _needed(fields, "sku", line),
        "quantity": whole(
            _value("quantity", fields.quantity, line), f"quantity ({fields.quantity})"
        ),
        "unit_price_minor": _amount(mapped, fields, "unit_price", line, currency),
        "category": _text(fields, "category", line),
        "brand": _text(fields, "brand", line),
        "discount_minor": _amount_if(mapped, fields, "discount", line, currency),
        "cost_minor": _amount_if(mapped, fields, "cost", line, currency),
    }
    return {key: each for key, each in item.items() if each is not None}


def _amount(
    mapped: MappedEvent, fields: Fields | ItemFields, name: str, node: Json, currency: str
) -> int:
    minor = getattr(fields, f"{name}_minor")
    place = minor or getattr(fields, name)
    value, label = _value(name, place, node), f"{name} ({place})"
    if minor:
        return whole(value, label)
    return minor_units(_with_a_point(mapped, value, label), currency, label)


def _with_a_point(mapped: MappedEvent, value: Any, label: str) -> Any:
    if not isinstance(value, str):
        return value
    if mapped.decimal == ".":
        if "," in value:
            raise Unusable(f"{label}: has a comma; if the cents follow it, write decimal = ','")
        return value
    if not _WITH_A_COMMA.fullmatch(text := value.strip()):
        raise Unusable(f"{label}: is not written as 1.234,50, as decimal = ',' has it")
    return re.sub(r"[^\d,+-]", "", text).replace(",", ".")


def _amount_if(
    mapped: MappedEvent, fields: ItemFields, name: str, line: Json, currency: str
) -> int | None:
    place = getattr(fields, f"{name}_minor") or getattr(fields, name)
    return (
        None if _value(name, place, line) is None else _amount(mapped, fields, name, line, currency)
    )


def _attributes(fields: Fields, body: Json) -> Json:
    return {
        name: _attribute(f"attributes.{name}", place, body)
        for name, place in fields.attributes.items()
        if place.startswith(LITERAL) or _nodes(place, body)
    }


def _attribute(name: str, place: str, body: Json) -> Any:
    value = _value(name, place, body)
    if isinstance(value, dict | list):
        raise Unusable(f"{name} ({place}): must be one value, found {named(value)}")
    return value


def _score(fields: Fields, body: Json) -> Decimal | int | None:
    value = _value("score", fields.score, body)
    is_plain = value is None or isinstance(value, int)
    return value if is_plain else decimal_of(value, f"score ({fields.score})")


def _merge(origin: Origin, mapped: MappedEvent, body: Json) -> Draft | Ignored:
    fields, moment = mapped.fields, _moment(mapped, body)
    known, into = _text(fields, "customer_id", body), _needed(fields, "into", body)
    if known is None:
        anonymous = _needed(fields, "anonymous_id", body)
        if not origin.keeps_anonymous:
            return Ignored("a merge of nobody known")
        return became_known(origin, anonymous, into, moment)
    own = event_id(origin, "merge", known, into)
    ids = {"customer_id": known_id(origin, known), "into": known_id(origin, into)}
    return Draft(Kind.MERGE, {"event_id": own, **ids, "occurred_at": moment})


def _moment(mapped: MappedEvent, body: Json) -> str:
    place = f"occurred_at ({mapped.fields.occurred_at})"
    if mapped.time in UNIX_DIGITS:
        value = _value("occurred_at", mapped.fields.occurred_at, body)
        return from_unix(value, place, UNIX_DIGITS[mapped.time])
    text = _needed(mapped.fields, "occurred_at", body)
    if mapped.time == RFC_3339:
        return text
    if mapped.fields.time_of_day is not None:
        text = f"{text} {_needed(mapped.fields, 'time_of_day', body)}"
        place += f" and time_of_day ({mapped.fields.time_of_day})"
    try:
        moment = datetime.strptime(text, mapped.time)  # noqa: DTZ007 - the next line knows the zone
        local = moment.replace(tzinfo=ZoneInfo(mapped.zone)) if mapped.zone else moment
        return local.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Unusable(f"{place}: is not written as {mapped.time!r}") from None


def _value(name: str, place: str | None, node: Json) -> Any:
    """What stands at the place of a field; None if nothing does."""
    if place is None:
        return None
    if place.startswith(LITERAL):
        return place.removeprefix(LITERAL)
    nodes = _nodes(place, node)
    if len(nodes) > 1:
        raise Unusable(f"{name} ({place}): finds {len(nodes)} values; write a path that finds one")
    return nodes[0] if nodes else None


def _text(fields: Fields | ItemFields, name: str, node: Json) -> str | None:
    value = _value(name, place := getattr(fields, name, None), node)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise Unusable(f"{name} ({place}): must be text, found {named(value)}")
    return value or None


def _needed(fields: Fields | ItemFields, name: str, node: Json) -> str:
    if (text := _text(fields, name, node)) is None:
        raise Unusable(f"{name}: nothing stands at {getattr(fields, name)}")
    return text
