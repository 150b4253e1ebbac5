"""What a part of a rule reads: from Python's tree of a name to a fact.

Enters: an expression that is no value. Leaves: the fact and its row of the catalogue, or a
`RuleError`. Forbidden here: comparisons.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from models.rule_names import (
    BY_NAME,
    FUNCTIONS,
    NAMED,
    OFFERED,
    OWNERS,
    SCHEMES,
    WRITTEN,
    Name,
    fault_of_member,
    fault_of_name,
    listed,
    nearest,
)
from models.rule_source import Source
from models.rule_tree import Fact, Place, RuleError

ONLY = "a rule has only comparisons, in, and, or, not"
_FORMS = {
    "profile": "profile.region",
    "value": "value.NAME",
    "rfm": "rfm.quintile",
    "segment": 'segment["vip"]',
    "engagement": 'engagement["visit"].days_ago',
}
_READY = {
    "days_since(first_purchase)": "tenure_days",
    "days_since(last_purchase)": "silence_days",
}


class Reading(NamedTuple):
    """A fact as it stands in a rule.

    Attributes:
        fact: what is read.
        row: what the catalogue says of it.
        place: where it stands.
        words: as it was written.
    """

    fact: Fact
    row: Name
    place: Place
    words: str


def row_of(fact: Fact) -> Name:
    """The row of the catalogue that a fact belongs to.

    >>> row_of(Fact("rfm", of="china8")).name, row_of(Fact("spend", 90)).kind.value
    ('rfm.china8', 'money')
    """
    return BY_NAME[f"rfm.{fact.of}" if fact.name == "rfm" else fact.name]


def reading_of(node: ast.expr, source: Source) -> Reading:
    """What an expression reads.

    Raises:
        RuleError: an unknown name, or nothing that can be read.
    """
    fact = _fact_of(node, source)
    return Reading(fact, row_of(fact), source.place(node), source.words(node))


def _fact_of(node: ast.expr, source: Source) -> Fact:
    match node:
        case ast.Name(id=name):
            return _plain(name, node, source)
        case ast.Attribute(value=ast.Name(id="profile" | "value" | "rfm" as scope), attr=name):
            return _of_scope(scope, name, node, source)
        case ast.Subscript(value=ast.Name(id=scope), slice=inner) if scope in NAMED:
            return _of_scope(scope, _quoted(scope, inner, source), node, source)
        case ast.Attribute(value=ast.Subscript(value=ast.Name(id=owner), slice=inner)) if (
            owner in OWNERS
        ):
            return _member(owner, _quoted(owner, inner, source), node, source)
        case ast.Call():
            return _called(node, source)
        case ast.Attribute() | ast.Subscript():
            raise _fault_of_access(node, source)
        case _:
            raise _fault_of_kind(node, source)


def _plain(name: str, node: ast.expr, source: Source) -> Fact:
    if name in NAMED or name in OWNERS:
        raise source.fault(node, f"'{name}' alone is nothing to compare", f"write {_form(name)}")
    if name in FUNCTIONS or name not in WRITTEN:
        raise source.fault(node, *fault_of_name(name))
    row, days = WRITTEN[name]
    return Fact(row.name, days)


def _of_scope(scope: str, name: str, node: ast.expr, source: Source) -> Fact:
    if scope == "rfm" and name not in SCHEMES:
        near = nearest(name, SCHEMES)
        remedy = f"did you mean 'rfm.{near}'?" if near else f"there are {listed(SCHEMES)}"
        raise source.fault(node, f"unknown RFM scheme '{name}'", remedy)
    return Fact(scope, of=name)


def _member(owner: str, label: str, node: ast.Attribute, source: Source) -> Fact:
    found = WRITTEN.get(f"{owner}.{node.attr}")
    if found is None:
        raise source.fault(node, *fault_of_member(owner, node.attr))
    row, days = found
    return Fact(row.name, days, label)


def _quoted(scope: str, node: ast.expr, source: Source) -> str:
    match node:
        case ast.Constant(value=str(name)) if name.strip() and is_whole(name):
            return name
        case _:
            problem = f"{scope}[{source.words(node)}] does not name one in quotes"
            raise source.fault(node, problem, f"write {_form(scope, bracket=True)}")


def is_whole(text: str) -> bool:
    """Whether a text has no half of a sign in it, such as an escape can write.

    >>> is_whole("北京"), is_whole(chr(0xD83D))
    (True, False)
    """
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _form(scope: str, bracket: bool = False) -> str:
    if bracket and scope in {"profile", "value", "rfm"}:
        return f'{scope}["{_FORMS[scope].partition(".")[2]}"]'
    return _FORMS.get(scope, f'{scope}["NAME"].spend_90d')


def _called(node: ast.Call, source: Source) -> Fact:
    name = source.words(node.func)
    if name not in FUNCTIONS:
        raise source.fault(node, f"unknown function '{name}'", _remedy_of_call(name))
    match node:
        case ast.Call(args=[argument], keywords=[]):
            pass
        case _:
            given = "a named argument" if node.keywords else f"{len(node.args)} arguments"
            raise _fault_of_argument(node, source, name, given)
    fact = (
        _fact_of(argument, source) if isinstance(argument, ast.Attribute | ast.Subscript) else None
    )
    if fact is None or fact.name != "profile":
        raise _fault_of_argument(argument, source, name, source.words(argument))
    return Fact(name, of=fact.of)


def _fault_of_argument(node: ast.expr, source: Source, name: str, given: str) -> RuleError:
    problem = f"{name} takes one attribute of the profile, not {given}"
    ready = _READY.get(f"{name}({given})", f"{name}(profile.birthday)")
    return source.fault(node, problem, f"write {ready}")


def _remedy_of_call(name: str) -> str:
    if name in WRITTEN:
        return f"write {name} without brackets"
    near = nearest(name, FUNCTIONS)
    if near:
        return f"did you mean '{near}'?"
    return f"functions are {' and '.join(f'{each}(profile.birthday)' for each in FUNCTIONS)}"


def _fault_of_access(node: ast.Attribute | ast.Subscript, source: Source) -> RuleError:
    """Tell what is wrong with dots and brackets behind something that has none."""
    match node:
        case ast.Subscript(value=ast.Name(id=owner)) if owner in OWNERS:
            _quoted(owner, node.slice, source)
            words = source.words(node)
            member = "days_ago" if owner == "engagement" else "spend_90d"
            return source.fault(
                node, f"{words} alone is nothing to compare", f"write {words}.{member}"
            )
    base = _base_of(node)
    if not isinstance(base, ast.Name):
        return _fault_of_kind(base, source)
    if base.id in OWNERS or base.id == "segment":
        problem = f"{base.id} is not followed by one name in brackets and quotes"
        return source.fault(node, problem, f"write {_form(base.id)}")
    if base.id not in OFFERED and base.id not in FUNCTIONS:
        return source.fault(base, *fault_of_name(base.id))
    owner = source.words(node.value)
    remedy = f"write {owner if base.id in WRITTEN else _form(base.id)}"
    return source.fault(node, f"'{owner}' has no members", remedy)


def _base_of(node: ast.expr) -> ast.expr:
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                node = inner
            case _:
                return node


def _fault_of_kind(node: ast.expr, source: Source) -> RuleError:
    words = source.words(node)
    match node:
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op):
            sign, meant = ("&", "and") if isinstance(op, ast.BitAnd) else ("|", "or")
            return source.fault(node, f"{sign} is not known here", f"write {meant}")
        case ast.UnaryOp(op=ast.Invert()):
            return source.fault(node, "~ is not known here", "write not")
        case ast.BinOp(
            op=ast.Sub(), left=ast.Attribute(value=ast.Name(id="profile" | "value" as scope))
        ):
            remedy = f'if - is a part of the name, write {scope}["{words[len(scope) + 1 :]}"]'
            return source.fault(node, f"there is no arithmetic in rules: {words}", remedy)
        case ast.BinOp() | ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            remedy = "use a ready name such as average_order_value, return_rate or growth_90d"
            return source.fault(node, f"there is no arithmetic in rules: {words}", remedy)
        case ast.BoolOp() | ast.Compare() | ast.UnaryOp():
            remedy = "join conditions with and, or, not"
            return source.fault(node, f"a condition can't be compared: {words}", remedy)
        case _:
            return source.fault(node, f"can't use {words}", ONLY)
