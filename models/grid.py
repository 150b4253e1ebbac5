"""A setting with several values: `lifecycle.dormant.cycles=2..6`, and the policies it makes.

Enters: the text, and a policy's tables. Leaves: values, tables with each in its place. Forbidden here:
files, replaying.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from models.rule_names import nearest

Value = bool | int | float | str
MAX_POINTS = 24
_RANGE = re.compile(r"(-?[0-9.]+?)\.\.(-?[0-9.]+?)(?::([0-9.]+))?")
_EXAMPLES = "lifecycle.dormant.cycles=2..6, alerts.rules.leaving.level=.3...6:.1, or KEY=a,b,c"


class GridError(ValueError):
    """The text is not a setting with values; the message says what would be."""


class Grid(NamedTuple):
    """A setting, and the values to try.

    Attributes:
        key: dotted, as in the file.
        values: in the order given.
    """

    key: str
    values: tuple[Value, ...]


def parsed_grid(text: str) -> Grid:
    """Read `KEY=a..b`, `KEY=a..b:step` or `KEY=a,b,c`.

    Raises:
        GridError: neither of them, fewer than two values, or too many.

    >>> parsed_grid("lifecycle.dormant.cycles=2..6:2")
    Grid(key='lifecycle.dormant.cycles', values=(2, 4, 6))
    >>> parsed_grid("alerts.rules.leaving.level=.3...6:.1").values
    (0.3, 0.4, 0.5, 0.6)
    >>> parsed_grid("lifecycle.mode=fixed,adaptive").values
    ('fixed', 'adaptive')
    """
    key, sign, written = (each.strip() for each in text.partition("="))
    if not sign or not key or not written:
        raise GridError(f"found {text!r:.80}, write {_EXAMPLES}")
    found = _RANGE.fullmatch(written)
    values = _range(written, *found.groups()) if found else _listed(written)
    if not 2 <= len(values) <= MAX_POINTS:
        raise GridError(f"{key}: found {len(values)} values, write 2 to {MAX_POINTS}")
    if len(set(values)) < len(values):
        raise GridError(f"{key}: a value stands there twice")
    return Grid(key, values)


def _range(written: str, low: str, high: str, step: str | None) -> tuple[Value, ...]:
    first, last, by = (
        _decimal(written, low),
        _decimal(written, high),
        _decimal(written, step or "1"),
    )
    if by <= 0 or last < first:
        raise GridError(f"{written!r:.80} goes nowhere; write the smaller number first")
    count = int((last - first) / by) + 1
    if count > MAX_POINTS:
        raise GridError(f"{written!r:.80} has {count} values, at most {MAX_POINTS} are tried")
    return tuple(_number(first + each * by) for each in range(count))


def _decimal(written: str, part: str) -> Decimal:
    try:
        return Decimal(part)
    except InvalidOperation:
        raise GridError(f"{written!r:.80}: {part!r} is no number; write {_EXAMPLES}") from None


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _listed(written: str) -> tuple[Value, ...]:
    return tuple(_value(each.strip()) for each in written.split(","))


def _value(written: str) -> Value:
    if written in {"true", "false"}:
        return written == "true"
    try:
        return _number(Decimal(written))
    except InvalidOperation:
        return written.strip("\"'")


def with_value(tables: Mapping[str, Any], key: str, value: Value) -> dict[str, Any]:
    """A policy's tables with one setting changed; what is not there yet is made.

    >>> with_value({"lifecycle": {"mode": "fixed"}}, "lifecycle.new_days", 7)
    {'lifecycle': {'mode': 'fixed', 'new_days': 7}}
    """
    first, _, more = key.partition(".")
    if not more:
        return {**tables, first: value}
    inner = tables.get(first)
    return {**tables, first: with_value(inner if isinstance(inner, Mapping) else {}, more, value)}


def require_known(key: str, known: Iterable[str]) -> None:
    """A setting must be one that the policy has.

    Args:
        key: dotted.
        known: dotted keys of all settings.

    Raises:
        GridError: it is none; names the nearest.
    """
    settings = list(known)
    if key in settings:
        return
    below = [each for each in settings if each.startswith(f"{key}.")]
    if below:
        raise GridError(f"{key} is a section; name a setting in it, such as {below[0]}")
    near = nearest(key, settings)
    remedy = f"did you mean {near}?" if near else "segmenter config show prints all settings"
    raise GridError(f"there is no setting {key!r:.120}; {remedy}")
