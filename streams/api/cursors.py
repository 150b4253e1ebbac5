"""Where the next page of a list begins, as a text that nobody has to understand."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import orjson

from models.events import MAX_ID_BYTES
from streams.api.problems import BAD_VALUE, Problem
from streams.shelf import MAX_AT_MS

_LARGEST = 2**64  # a walk's cursor has 64 bits
_NOT_ONE = (ValueError, TypeError, AttributeError, binascii.Error)


class Place(NamedTuple):
    """A place in a list that goes through the partitions.

    Attributes:
        partition: where the next page begins.
        cursor: where the store's list, or its walk, goes on there; 0: at the beginning.
    """

    partition: int = 0
    cursor: int = 0


def packed(place: Place) -> str:
    """A place as a cursor.

    >>> unpacked(packed(Place(2, 40)), partitions=4)
    Place(partition=2, cursor=40)
    """
    return _as_text(tuple(place))


def unpacked(cursor: str, partitions: int) -> Place:
    """The reverse; "" is the beginning.

    Raises:
        Problem: it is no cursor of this list.
    """
    if not cursor:
        return Place()
    try:
        partition, within = _as_value(cursor)
        place = _checked(Place(partition, within))
    except _NOT_ONE:
        raise _unknown() from None
    if place.partition >= partitions:
        raise _unknown()
    return place


def packed_moment(at_ms: int, name: str) -> str:
    """A place in a list by time: what happened then, and which of that moment, as a cursor.

    >>> unpacked_moment(packed_moment(1_700_000_000_000, "a1"))
    (1700000000000, 'a1')
    """
    return _as_text((at_ms, name))


def unpacked_moment(cursor: str) -> tuple[int, str] | None:
    """The reverse; of "" None, the list's end that is read first.

    Raises:
        Problem: it is no cursor of this list.
    """
    if not cursor:
        return None
    try:
        at_ms, name = _as_value(cursor)
        if type(at_ms) is not int or abs(at_ms) > MAX_AT_MS:
            raise ValueError(at_ms)
        if len(name.encode()) > MAX_ID_BYTES:
            raise ValueError(name)
    except _NOT_ONE:
        raise _unknown() from None
    return at_ms, name


def _as_text(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def _as_value(cursor: str) -> Any:
    padded = cursor + "=" * (-len(cursor) % 4)
    return orjson.loads(base64.b64decode(padded, b"-_", validate=True))


def _checked(place: Place) -> Place:
    """What a stranger may have written."""
    for number in place:
        if type(number) is not int or not 0 <= number < _LARGEST:
            raise ValueError(number)
    return place


def _unknown() -> Problem:
    return Problem(BAD_VALUE, "cursor: not one that this list gave", "begin again without a cursor")
