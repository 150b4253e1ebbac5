"""The tables of a mapping: which field of ours stands where in somebody's own JSON.

Enters: `[[sources.NAME.events]]` as it was written. Leaves: a `MappedEvent`, whose paths are known to
be JSONPath (RFC 9535), or a `ValueError` that says what would be right. Forbidden here: bodies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError
from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from models.events import AttributeName
from models.policy_segments import Frozen

LITERAL = "="  # in front of text that is no path
MAX_EVENTS = 64
UNIX_DIGITS = {"unix_s": 6, "unix_ms": 3, "unix_us": 0}  # from one to microseconds
RFC_3339 = "rfc3339"
Finder = Callable[[Any], list[Any]]
_ENVIRONMENT = JSONPathEnvironment(strict=True)
_NAMES_ONLY = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)+", re.ASCII)
_COMMON = {"customer_id", "anonymous_id", "event_id", "occurred_at", "time_of_day"}
_MONEY = {"amount", "amount_minor", "currency", "order_id"}
_OF_KIND = {
    "purchase": _MONEY | {"channel", "store", "brand", "payment_method", "items"},
    "refund": _MONEY | {"refunded_event_id"},
    "profile": {"attributes"},
    "engagement": {"type", "score"},
    "erasure": set[str](),
    "merge": {"into"},
}
_NEEDED: dict[str, list[tuple[str, ...]]] = {
    "purchase": [("amount", "amount_minor")],
    "refund": [("amount", "amount_minor"), ("order_id", "refunded_event_id")],
    "profile": [("attributes",)],
    "engagement": [("type",)],
    "merge": [("into",)],
}


@lru_cache(maxsize=4_096)
def compiled(path: str) -> Finder:
    """What finds the values at a path; read once.

    >>> compiled("$.lines[*].sku")({"lines": [{"sku": "a"}, {"sku": "b"}]})
    ['a', 'b']

    Raises:
        ValueError: it is no JSONPath; says what is wrong, and where.
    """
    if not path.startswith("$"):
        raise ValueError(f"write a JSONPath such as $.total, or {LITERAL}text for a constant")
    try:
        found = _ENVIRONMENT.compile(path)
    except JSONPathError as error:
        index = -1 if error.token is None else error.token.index  # -1 is the end
        place = "" if index < 0 else f" at character {index + 1}"
        raise ValueError(f"not a JSONPath: {error.args[0]}{place}") from None
    if _NAMES_ONLY.fullmatch(path):
        return partial(_followed, tuple(path.split(".")[1:]))
    return partial(_searched, found)


def _followed(names: tuple[str, ...], node: Any) -> list[Any]:
    """The same as `_searched` for a path of names alone, as most are: 0.2 µs instead of 7."""
    for name in names:
        if not isinstance(node, dict) or name not in node:
            return []
        node = node[name]
    return [node]


def _searched(path: JSONPath | CompoundJSONPath, node: Any) -> list[Any]:
    return list(path.findall(node))


def _path(text: str) -> str:
    compiled(text)
    return text


def _path_or_literal(text: str) -> str:
    return text if text.startswith(LITERAL) else _path(text)


Path = Annotated[str, Field(max_length=1_000), AfterValidator(_path)]
Place = Annotated[str, Field(max_length=1_000), AfterValidator(_path_or_literal)]


def _names_zone(format_: str) -> bool | None:
    """Whether times of a format say their zone; None if it is no format."""
    try:
        example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).strftime(format_)
        read = datetime.strptime(example, format_)  # noqa: DTZ007 - whether it has a zone is asked
    except ValueError:
        return None
    return read.tzinfo is not None if "%" in format_ else None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class Fields(Frozen):
    """Where each field of an event stands: a JSONPath, or `=` and the value itself."""

    customer_id: Place | None = None
    anonymous_id: Place | None = Field(default=None, description="of somebody who is not known")
    event_id: Place | None = Field(
        default=None, description="left out: a digest of the body, so the same body counts once"
    )
    occurred_at: Place | None = None
    time_of_day: Place | None = Field(
        default=None, description="where the hour stands apart: read after occurred_at and a blank"
    )
    amount: Place | None = Field(default=None, description="in major units, such as 19.90")
    amount_minor: Place | None = Field(default=None, description="in minor units of the currency")
    currency: Place | None = Field(default=None, description="left out: the source's")
    order_id: Place | None = None
    channel: Place | None = None
    store: Place | None = None
    brand: Place | None = None
    payment_method: Place | None = None
    items: Path | None = Field(default=None, description="the lines, or the list of them")
    refunded_event_id: Place | None = Field(
        default=None, description="the purchase's event_id, as its own mapping finds it"
    )
    attributes: dict[AttributeName, Place] = Field(default={}, description="of a profile")
    type: Place | None = None
    score: Place | None = None
    into: Place | None = Field(default=None, description="the id that stays")


class ItemFields(Frozen):
    """Where each field of a line stands, seen from the line."""

    sku: Place
    quantity: Place
    unit_price: Place | None = None
    unit_price_minor: Place | None = None
    category: Place | None = None
    brand: Place | None = None
    discount: Place | None = None
    discount_minor: Place | None = None
    cost: Place | None = None
    cost_minor: Place | None = None

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.unit_price is None) == (self.unit_price_minor is None):
            raise ValueError("a line has either unit_price or unit_price_minor")
        return self


class MappedEvent(Frozen):
    """One sort of event: of which bodies it is read, and where its fields stand."""

    kind: Literal["purchase", "refund", "profile", "engagement", "erasure", "merge"]
    when: dict[Path, StrictBool | StrictInt | StrictStr] = Field(
        default={}, description="only bodies in which all of these stand; left out: all"
    )
    time: str = Field(
        default=RFC_3339, description="rfc3339, unix_s, unix_ms, unix_us, or a format of strptime"
    )
    zone: str = Field(default="", description="IANA zone of times that name none")
    decimal: Literal[".", ","] = Field(
        default=".", description='before the cents of amounts that are text; "," reads 1.234,50'
    )
    sign: Literal["", "+", "-"] = Field(
        default="", description='"-": only amounts below zero; "+": only others; left out: all'
    )
    fields: Fields
    item_fields: ItemFields | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := [*self._faults_of_time(), *self._faults_of_fields()]:
            raise ValueError("; ".join(faults))
        return self

    def _faults_of_time(self) -> list[str]:
        if self.time == RFC_3339 or self.time in UNIX_DIGITS:
            return [f"zone: is not read with time = {self.time!r}; remove it"] if self.zone else []
        if (has_zone := _names_zone(self.time)) is None:
            known = ", ".join((RFC_3339, *UNIX_DIGITS))
            return [f"time: write {known} or a format of strptime such as '%Y-%m-%d %H:%M:%S'"]
        if has_zone == bool(self.zone):
            return ["zone: name one where the format has no %z, such as 'Europe/Berlin', else none"]
        known_zone = has_zone or _is_zone(self.zone)
        return [] if known_zone else [f"zone: {self.zone!r} is not an IANA zone: 'Europe/Berlin'"]

    def _faults_of_fields(self) -> list[str]:
        given = {name for name in Fields.model_fields if getattr(self.fields, name)}
        needed = [("customer_id", "anonymous_id"), ("occurred_at",), *_NEEDED.get(self.kind, [])]
        faults = [
            f"fields: {self.kind} needs {' or '.join(each)}"
            for each in needed
            if given.isdisjoint(each)
        ]
        odd = sorted(given - _COMMON - _OF_KIND[self.kind])
        faults += [f"fields.{name}: {self.kind} has no such field; remove it" for name in odd]
        if "time_of_day" in given and self.time in (RFC_3339, *UNIX_DIGITS):
            faults.append("fields.time_of_day: needs a time of both, such as '%d.%m.%Y %H:%M'")
        if {"amount", "amount_minor"} <= given:
            faults.append("fields: write amount or amount_minor, not both")
        if self.sign and self.kind not in ("purchase", "refund"):
            faults.append(f"sign: {self.kind} has no amount; remove it")
        if ("items" in given) != (self.item_fields is not None):
            faults.append("fields.items and item_fields go together; write both or neither")
        return faults
