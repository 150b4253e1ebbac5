"""What a fact may be compared with: from Python's tree of a constant to a checked value.

Enters: an expression, and the fact beside it. Leaves: the value as it was written, or a
`RuleError` when the fact can never be that. Forbidden here: converting money or dates.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from models.rule_facts import Reading, is_whole
from models.rule_names import Kind, listed, nearest
from models.rule_source import Source
from models.rule_tree import Op, RuleError, Scalar

LARGEST = 2**53  # beyond, not every whole number has a float of its own
ORDER = frozenset({Op.LT, Op.LE, Op.GE, Op.GT})
_FLAGS: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})
_HAVE_ORDER = frozenset({Kind.NUMBER, Kind.MONEY, Kind.SHARE, Kind.DATE, Kind.ANY})
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_FORM = 'a date as year-month-day, such as "2026-01-31"'

Collection = ast.Tuple | ast.List | ast.Set
Fault = tuple[str, str]


class _Given(NamedTuple):
    value: Scalar
    words: str  # as written


def is_unknown(node: ast.expr) -> bool:
    """Whether a part is the word `unknown`."""
    return isinstance(node, ast.Name) and node.id == "unknown"


def is_value(node: ast.expr) -> bool:
    """Whether a part is a constant or a list of some, not a name of the catalogue."""
    match node:
        case ast.Constant() | ast.Tuple() | ast.List() | ast.Set():
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant()):
            return True
        case _:
            return is_unknown(node) or (isinstance(node, ast.Name) and node.id in _FLAGS)


def value_for(reading: Reading, op: Op, node: ast.expr, source: Source) -> Scalar:
    """The value that a fact is compared with.

    Raises:
        RuleError: no constant, of the wrong type, or nothing that the fact can ever be.
    """
    given = _Given(_scalar(node, source), source.words(node))
    fault = _fault_of(reading, op, given)
    if fault is not None:
        raise source.fault(node, *fault)
    return given.value


def values_for(reading: Reading, node: Collection, source: Source) -> tuple[Scalar, ...]:
    """The values of which a fact shall be one.

    Raises:
        RuleError: none at all, or one that does not fit.
    """
    if not node.elts:
        remedy = 'write its values, such as ("new", "active"), or leave the condition out'
        raise source.fault(node, "an empty list has nothing in it", remedy)
    return tuple(value_for(reading, Op.IN, each, source) for each in node.elts)


def item_for(reading: Reading, node: ast.expr, source: Source) -> str:
    """The text that shall be one of an attribute's comma-separated texts.

    Raises:
        RuleError: not a text, or one that no item can be.
    """
    if reading.row.kind is not Kind.ANY:
        problem = f"{reading.words} holds no list"
        raise source.fault(node, problem, f"write {reading.words} == {source.words(node)}")
    value = _scalar(node, source)
    words = source.words(node)
    if not isinstance(value, str):
        raise source.fault(node, f"the items of a list are texts, not {words}", f'write "{words}"')
    if not value or value != value.strip() or "," in value:
        remedy = "write one item, without commas or spaces around it"
        raise source.fault(node, f"no item of a list is {words}", remedy)
    return value


def _scalar(node: ast.expr, source: Source) -> Scalar:
    match node:
        case ast.Constant(value=bool(value)):
            return value
        case ast.Name(id="true" | "false" as word):
            return _FLAGS[word]
        case ast.Constant(value=int(value) | float(value)):
            return _number(value, node, source)
        case ast.UnaryOp(op=op, operand=ast.Constant(value=int(value) | float(value))):
            return _number(-value if isinstance(op, ast.USub) else +value, node, source)
        case ast.Constant(value=str(text)) if is_whole(text):
            return text
    raise _fault_of_constant(node, source)


def _number(value: float, node: ast.expr, source: Source) -> int | float:
    if abs(value) > LARGEST:  # infinity, too; a rule has no way to write NaN
        problem = f"{source.words(node)} is beyond {LARGEST:,}"
        raise source.fault(node, problem, "write a number that a customer can reach")
    return value


def _fault_of_constant(node: ast.expr, source: Source) -> RuleError:
    words = source.words(node)
    if is_unknown(node) or (isinstance(node, ast.Constant) and node.value is None):
        remedy = "write == unknown or != unknown"
        return source.fault(node, f"{words} stands only on the right of == and !=", remedy)
    if isinstance(node, Collection):
        return source.fault(
            node, f"a list, {words}, stands only after in", "write in, or one value"
        )
    remedy = "write a number, a text in quotes, true or false"
    return source.fault(node, f"{words} is no value of a rule", remedy)


def _fault_of(reading: Reading, op: Op, given: _Given) -> Fault | None:
    kind = reading.row.kind
    if op in ORDER and kind not in _HAVE_ORDER:
        return f"{reading.words} has no order, so {op} means nothing", _without_order(reading)
    if kind is Kind.ANY and op not in ORDER:
        return None
    return _CHECKS[kind](reading, given)


def _without_order(reading: Reading) -> str:
    if reading.row.kind is Kind.FLAG:
        return f"write {reading.words} or not {reading.words}"
    return "use ==, != or in"


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mismatch(reading: Reading, given: _Given, wanted: str, remedy: str) -> Fault:
    return f"{reading.words} is {wanted}, and {given.words} is not", remedy


def _number_fault(reading: Reading, given: _Given) -> Fault | None:
    if _is_number(given.value):
        return None
    return _mismatch(reading, given, "a number", "write a number without quotes, such as 3")


def _money_fault(reading: Reading, given: _Given) -> Fault | None:
    if _is_number(given.value):
        return None
    remedy = "write a number without quotes and currency, such as 250"
    return _mismatch(reading, given, "an amount of money", remedy)


def _share_fault(reading: Reading, given: _Given) -> Fault | None:
    value = given.value
    if _is_number(value) and isinstance(value, int | float) and 0 <= value <= 1:
        return None
    return _mismatch(reading, given, "a share from 0 to 1", "write 0.2 for 20 %")


def _text_fault(reading: Reading, given: _Given) -> Fault | None:
    if isinstance(given.value, str):
        return None
    return _mismatch(reading, given, "a text", f'write it in quotes, as "{given.words}"')


def _flag_fault(reading: Reading, given: _Given) -> Fault | None:
    if isinstance(given.value, bool):
        return None
    remedy = f"write {reading.words} or not {reading.words}"
    return _mismatch(reading, given, "either true or false", remedy)


def _date_fault(reading: Reading, given: _Given) -> Fault | None:
    if isinstance(given.value, str) and _is_date(given.value):
        return None
    return _mismatch(reading, given, "a date", f"write {_DATE_FORM}")


def _choice_fault(reading: Reading, given: _Given) -> Fault | None:
    words = reading.row.words
    if given.value in words:
        return None
    near = nearest(given.value, words) if isinstance(given.value, str) else None
    remedy = f'did you mean "{near}"?' if near else f"it can be {listed(words, 'or')}"
    return f"{reading.words} is never {given.words}", remedy


def _attribute_fault(reading: Reading, given: _Given) -> Fault | None:
    if _is_number(given.value) or (isinstance(given.value, str) and _is_date(given.value)):
        return None
    wanted = "put in order only as a number or a date"
    return _mismatch(reading, given, wanted, f"write a number, or {_DATE_FORM}")


def _is_date(text: str) -> bool:
    if _ISO_DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_CHECKS: Mapping[Kind, Callable[[Reading, _Given], Fault | None]] = MappingProxyType(
    {
        Kind.NUMBER: _number_fault,
        Kind.MONEY: _money_fault,
        Kind.SHARE: _share_fault,
        Kind.TEXT: _text_fault,
        Kind.FLAG: _flag_fault,
        Kind.DATE: _date_fault,
        Kind.CHOICE: _choice_fault,
        Kind.ANY: _attribute_fault,
    }
)
