"""Fields of foreign JSON: text, lists, exact numbers, moments.

Enters: a parsed body, and the dotted path of a field. Leaves: what stands there, or `Unusable`, which
names the path. Forbidden here: floats for money; what a value was, where it may be somebody's.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

from models.currencies import minor_digits
from models.events import Reason, Rejected

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])
_WIDE = Context(prec=64, traps=[InvalidOperation, Overflow])
_NOISE = Decimal("1e-9")  # of a major unit: doubles are off by less up to a million of them
_MOST_DIGITS = 30  # beyond what a record may hold; so much is never written out
_LONGEST_TEXT = 256  # of an attribute: docs/events.md
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


class Unusable(ValueError):
    """An event that can't be used; the message names the field and the way out."""


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


def whole_at(node: Any, path: str, default: int | None = None) -> int:
    """The whole number at a path, as number or text.

    Raises:
        Unusable: nothing there and no default, or no whole number.
    """
    value = found(node, path)
    return default if value is None and default is not None else whole(value, path)


def whole(value: Any, path: str) -> int:
    """A whole number, given as number or text.

    Raises:
        Unusable: it is none.
    """
    return shifted(decimal_of(value, path), 0, "a count", path)


def may_be_kept(text: str) -> bool:
    """Whether a text fits into an attribute and holds no mail address."""
    return len(text) <= _LONGEST_TEXT and not _MAIL.search(text)


def named(value: Any) -> str:
    """What sort of JSON a value is; the value itself may be somebody's."""
    sorts = {dict: "an object", list: "a list", bool: "true or false", str: "text"}
    return "null" if value is None else sorts.get(type(value), "a number")


def minor_units(value: Any, currency: str, path: str) -> int:
    """An amount in major units, as text or number, in minor units of its currency.

    A JSON number that misses a whole minor unit by no more than arithmetic in binary fractions does is that
    unit: browsers add 10.1 and 20.2 up to 30.299999999999997. Text is taken as it is written.

    >>> minor_units("19.90", "USD", "total"), minor_units(5, "JPY", "total")
    (1990, 5)
    >>> minor_units(Decimal("30.299999999999997"), "USD", "value")
    3030

    Raises:
        Unusable: no number, or with decimals that the currency does not have.
    """
    amount, digits = decimal_of(value, path), minor_digits(currency)
    if isinstance(value, Decimal):
        amount = _meant(amount, digits)
    return shifted(amount, digits, currency, path)


def _meant(amount: Decimal, digits: int) -> Decimal:
    """The amount without the noise of binary fractions; with more than noise, or out of range, as it is."""
    try:
        nearest = amount.quantize(Decimal(1).scaleb(-digits), context=_WIDE)
        off = _WIDE.abs(_WIDE.subtract(amount, nearest))
    except ArithmeticError:
        return amount
    return nearest if nearest and off <= _NOISE else amount


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
            f"{path}: {amount!s:.40} has more decimals than {currency:.6} takes"
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


def from_unix(value: Any, path: str, digits: int) -> str:
    """A time since 1970 as RFC 3339; `digits` lie between its unit and microseconds.

    >>> from_unix(1772359200, "created", 6)
    '2026-03-01T10:00:00+00:00'

    Raises:
        Unusable: no such number, or beyond the calendar.
    """
    microseconds = shifted(decimal_of(value, path), digits, "a time", path)
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:
        raise Unusable(f"{path}: no moment that a calendar has") from None
