"""What all adapters share: exact numbers, ids of customers and events, and the settled record.

Enters: parts of foreign events. Leaves: an `Outcome`. Whatever is called `Normalised` has passed
`read_record`, so it can't become a dead letter for its shape. Forbidden here: the clock, chance,
floats for money.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any, NamedTuple

from models.currencies import minor_digits
from models.events import MAX_ID_BYTES, Kind, LogRecord, Read, Reason, Rejected, read_record
from models.source_tables import Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CLOCK_MS = 2**62  # whether an event is from the future is decided where it is read
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])
_MOST_DIGITS = 30  # beyond what a record may hold; so much is never written out
_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_ANONYMOUS = re.compile(r"[a-z0-9][a-z0-9-]{0,31}:anonymous:")


class Normalised(NamedTuple):
    """One record for `customer-events.v1`.

    Attributes:
        kind: its header `kind`.
        customer_id: its key.
        event_id: follows from the source's own ids, so a repetition has the same one.
        value: JSON as docs/events.md has it.
    """

    kind: Kind
    customer_id: str
    event_id: str
    value: bytes


class Ignored(NamedTuple):
    """Understood, and nothing for us."""

    detail: str


Outcome = Normalised | Ignored | Rejected


class Unusable(ValueError):
    """An event that can't be used; the message names the field and the way out."""


class Draft(NamedTuple):
    """A record before it is settled; fields that are None are left out."""

    kind: Kind
    fields: Mapping[str, Any]


class Origin(NamedTuple):
    """Where an event came from.

    Attributes:
        name: of the table `[sources.NAME]`.
        source: the table.
        headers: of the request or the record, names in lower case.
    """

    name: str
    source: Source
    headers: Mapping[str, str]

    @property
    def scheme(self) -> str:
        """In front of derived ids: ids of a known format are its own, wherever they come in."""
        return self.name if self.source.source == "mapping" else self.source.source

    @property
    def keeps_anonymous(self) -> bool:
        """Whether purchases of people whom nobody knows are kept."""
        return self.source.anonymous == "keep"


Make = Callable[[], Draft | Ignored]


def decoded(body: bytes) -> Any:
    """The JSON of a body, its decimals exact.

    Returns:
        What it says, or a `Rejected`.
    """
    try:
        return json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        return Rejected(Reason.NOT_UTF8, f"byte {error.start} is not valid UTF-8")
    except (ValueError, RecursionError, ArithmeticError) as error:
        return Rejected(Reason.NOT_JSON, f"{error}"[:200])


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def attempted(make: Make) -> Outcome:
    """Make a draft and settle it; what is unusable comes back as `Rejected`."""
    try:
        draft = make()
    except Unusable as error:
        return refused(error)
    return draft if isinstance(draft, Ignored) else settled(draft)


def refused(error: Unusable) -> Rejected:
    """The dead letter of an event that can't be used."""
    return Rejected(Reason.INVALID, str(error)[:500])


def settled(draft: Draft) -> Normalised | Rejected:
    """A draft as a record, read once as the log will read it."""
    fields = {key: each for key, each in draft.fields.items() if each is not None}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=float)
    value = text.encode("utf-8", "backslashreplace")  # a lone surrogate stays the escape it was
    record = LogRecord(0, 0, _NO_CLOCK_MS, None, value, {"kind": draft.kind.encode()})
    read = read_record(record, "")
    if isinstance(read, Rejected):
        return read
    assert isinstance(read, Read)
    return Normalised(draft.kind, read.event.customer_id, read.event_id, value)


def found(node: Any, path: str) -> Any:
    """What stands at a dotted path; None if nothing does.

    >>> found({"customer": {"id": 7}}, "customer.id")
    7
    """
    for key in path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node


def text_at(node: Any, *paths: str) -> str | None:
    """The first text at one of the paths; a whole number counts as its digits.

    Raises:
        Unusable: something else stands there.
    """
    for path in paths:
        value = found(node, path)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise Unusable(f"{path}: must be text, found {named(value)}")
        if value:
            return value
    return None


def needed(node: Any, *paths: str) -> str:
    """The same, where the event means nothing without.

    Raises:
        Unusable: nothing stands there, or no text.
    """
    if (text := text_at(node, *paths)) is None:
        raise Unusable(f"{' or '.join(paths)}: missing")
    return text


def listed(node: Any, path: str) -> list[dict[str, Any]]:
    """The objects of the list at a path; nothing there is an empty list.

    Raises:
        Unusable: no list, or one of other things.
    """
    values = found(node, path)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise Unusable(f"{path}: must be a list of objects, found {named(values)}")
    return values


def named(value: Any) -> str:
    """What sort of JSON a value is; the value itself may be somebody's."""
    sorts = {dict: "an object", list: "a list", bool: "true or false", str: "text"}
    return "null" if value is None else sorts.get(type(value), "a number")


def minor_units(value: Any, currency: str, path: str) -> int:
    """An amount in major units, as text or number, in minor units of its currency.

    >>> minor_units("19.90", "USD", "total"), minor_units(5, "JPY", "total")
    (1990, 5)

    Raises:
        Unusable: no number, or with decimals that the currency does not have.
    """
    return shifted(decimal_of(value, path), minor_digits(currency), currency, path)


def shifted(amount: Decimal, digits: int, currency: str, path: str) -> int:
    """An amount × 10^digits, if that is whole.

    Raises:
        Unusable: it is not, or out of all range.
    """
    try:
        scaled = amount.scaleb(digits, _EXACT)
        if scaled.adjusted() > _MOST_DIGITS:
            raise Unusable(f"{path}: {amount!s:.40} is out of range")
        whole = scaled.to_integral_exact(context=_EXACT)
    except ArithmeticError:
        raise Unusable(
            f"{path}: {amount!s:.40} has more decimals than {currency:.3} takes"
        ) from None
    return int(whole)


def decimal_of(value: Any, path: str) -> Decimal:
    """A number, or the text of one, exactly as written.

    Raises:
        Unusable: neither.
    """
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return Decimal(value)
    if value is None:
        raise Unusable(f"{path}: missing")
    raise Unusable(f"{path}: must be a number such as 19.90, found {named(value)}")


def currency_at(origin: Origin, node: Any, *paths: str) -> str:
    """The currency at one of the paths, else the source's, in capitals.

    Raises:
        Unusable: neither says one.
    """
    if code := (text_at(node, *paths) or origin.source.currency):
        return code.upper()
    raise Unusable(f"{' or '.join(paths)}: missing; or set sources.{origin.name}.currency")


def from_unix(value: Any, path: str, unit: timedelta) -> str:
    """A whole number of `unit`s since 1970 as RFC 3339.

    Raises:
        Unusable: no such number, or beyond the calendar.
    """
    count = shifted(decimal_of(value, path), 0, "a time", path)
    try:
        return (_EPOCH + count * unit).isoformat()
    except OverflowError:
        raise Unusable(f"{path}: {count} is no moment that a calendar has") from None


def customer_of(origin: Origin, known: str | None, anonymous: str | None) -> str:
    """Whom an event is of: the known id, else the anonymous one if such people are kept.

    Raises:
        Unusable: nobody is named, or only somebody unknown.
    """
    if known is not None:
        return known_id(origin, known)
    if anonymous is None:
        raise Unusable("names no customer, not even an anonymous one")
    if not origin.keeps_anonymous:
        raise Unusable(
            "names no known customer, and anonymous ones are dead letters here; to keep them, set "
            f'sources.{origin.name}.anonymous = "keep"'
        )
    return anonymous_id(origin, anonymous)


def known_id(origin: Origin, own: str) -> str:
    """The customer id of somebody whom the source knows.

    Raises:
        Unusable: it looks like one that stands for nobody known.
    """
    full = origin.source.customer_prefix + own
    if _ANONYMOUS.match(full):
        raise Unusable("a known customer's id must not begin like that of an anonymous one")
    return full


def anonymous_id(origin: Origin, own: str) -> str:
    """The customer id of somebody whom nobody knows yet."""
    return f"{origin.scheme}:anonymous:{own}"


def event_id(origin: Origin, *parts: str) -> str:
    """An id that follows from the source's own; of one that would be too long, a digest."""
    text = ":".join((origin.scheme, *parts))
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) * 3 <= MAX_ID_BYTES or (len(encoded) <= MAX_ID_BYTES and text.isascii()):
        return text
    return f"{origin.scheme}:{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"


def became_known(origin: Origin, anonymous: str, known: str, occurred_at: str | None) -> Draft:
    """The merge of somebody anonymous into whom they proved to be.

    Nothing happens if the anonymous id is another name of somebody already: a shared device never
    makes two persons one.

    Raises:
        Unusable: the known id can't be one.
    """
    fields = {
        "event_id": event_id(origin, "known", anonymous, known),
        "customer_id": anonymous_id(origin, anonymous),
        "into": known_id(origin, known),
        "occurred_at": occurred_at,
        "unless_taken": True,
    }
    return Draft(Kind.MERGE, fields)
