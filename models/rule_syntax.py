"""The language of rule segments: from what a marketer writes to a checked tree.

    when = 'spend_90d >= 250 and lifecycle in ("new", "active") and not profile.region == "North"'

A rule is conditions joined by `and`, `or`, `not`. A condition compares one fact with one value;
the facts are listed in `models/rule_names.py`. What a rule names of the policy (segments, value
schemes, dimensions) is checked where rules are compiled.

Enters: text. Leaves: a tree whose values fit their facts, or a `RuleError`. Forbidden here:
compiling or evaluating anything.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import islice, pairwise
from types import MappingProxyType

from models.rule_facts import Reading, reading_of, row_of
from models.rule_names import Kind
from models.rule_source import MAX_DEPTH, SPLIT_UP, TOO_DEEP, Source, expression_of, source_of
from models.rule_tree import (
    AllOf,
    AnyOf,
    Condition,
    Fact,
    Not,
    Op,
    Place,
    Rule,
    RuleError,
    Scalar,
    Value,
    conditions_of,
    facts_of,
)
from models.rule_values import (
    ORDER,
    Collection,
    is_unknown,
    is_value,
    item_for,
    value_for,
    values_for,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "Fact",
    "Not",
    "Op",
    "Place",
    "Rule",
    "RuleError",
    "Scalar",
    "Value",
    "conditions_of",
    "facts_of",
    "parsed",
    "row_of",
]

MAX_CONDITIONS = 200
_RELATIONS: Mapping[type[ast.cmpop], Op] = MappingProxyType(
    {
        ast.Lt: Op.LT,
        ast.LtE: Op.LE,
        ast.Eq: Op.EQ,
        ast.NotEq: Op.EQ,
        ast.GtE: Op.GE,
        ast.Gt: Op.GT,
    }
)
_FLIPPED: Mapping[Op, Op] = MappingProxyType(
    {Op.LT: Op.GT, Op.LE: Op.GE, Op.EQ: Op.EQ, Op.GE: Op.LE, Op.GT: Op.LT}
)
_EXAMPLES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.NUMBER: "{} >= 3",
        Kind.MONEY: "{} >= 250",
        Kind.SHARE: "{} >= 0.2",
        Kind.TEXT: '{} == "TEXT"',
        Kind.DATE: '{} >= "2026-01-31"',
    }
)


def parsed(name: str, text: str) -> Rule:
    """The tree of a rule.

    Args:
        name: the segment's, for messages.
        text: at most 4,000 characters; may have several lines and comments.

    Raises:
        RuleError: the first fault that was found.

    >>> parsed("vip", "not spend_90d < 250")
    Not(of=Condition(fact=Fact(name='spend', window_days=90, of=''), op=<Op.LT: '<'>, value=250, \
place=Place(line=1, column=5)))
    """
    source = source_of(name, text)
    rule = _rule(expression_of(source), source, 1)
    for extra in islice(conditions_of(rule), MAX_CONDITIONS, None):
        problem = f"the rule has more than {MAX_CONDITIONS} conditions"
        raise RuleError(name, extra.place, problem, f"use in for many values, or {SPLIT_UP}")
    return rule


def _rule(node: ast.expr, source: Source, depth: int) -> Rule:
    is_chain = isinstance(node, ast.Compare) and len(node.ops) > 1
    if depth + is_chain > MAX_DEPTH:
        raise source.fault(node, TOO_DEEP, SPLIT_UP)
    match node:
        case ast.BoolOp(op=op, values=parts):
            rules = tuple(_rule(part, source, depth + 1) for part in parts)
            return AllOf(rules) if isinstance(op, ast.And) else AnyOf(rules)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return Not(_rule(inner, source, depth + 1))
        case ast.Compare():
            return _comparison(node, source)
        case _:
            return _alone(node, source)


def _comparison(node: ast.Compare, source: Source) -> Rule:
    """One condition, or all of a chain such as `100 <= spend < 200`."""
    sides = pairwise([node.left, *node.comparators])
    rules = tuple(
        _pair(left, op, right, source) for (left, right), op in zip(sides, node.ops, strict=True)
    )
    return rules[0] if len(rules) == 1 else AllOf(rules)


def _pair(left: ast.expr, op: ast.cmpop, right: ast.expr, source: Source) -> Rule:
    match op:
        case ast.Is() | ast.IsNot():
            sign, meant = ("is", "==") if isinstance(op, ast.Is) else ("is not", "!=")
            raise source.fault(left, f"'{sign}' is not known here", f"write {meant}")
        case ast.In() | ast.NotIn():
            condition = _membership(left, right, source)
        case _:
            condition = _relation(left, _RELATIONS[type(op)], right, source)
    # `== unknown` says the opposite of KNOWN, so there the two are the other way round.
    is_not = isinstance(op, ast.NotEq | ast.NotIn) != (condition.op is Op.KNOWN)
    return Not(condition) if is_not else condition


def _relation(left: ast.expr, op: Op, right: ast.expr, source: Source) -> Condition:
    _refuse_two_values(left, right, source)
    if is_value(left) and not is_unknown(left):
        left, op, right = right, _FLIPPED[op], left
    if is_unknown(left):
        raise _misplaced_unknown(left, source)
    reading = reading_of(left, source)
    _refuse_two_facts(reading, right, source)
    if not is_unknown(right):
        return _condition(reading, op, value_for(reading, op, right, source))
    if op in ORDER:
        raise _misplaced_unknown(right, source)
    return _condition(reading, Op.KNOWN, None)


def _membership(left: ast.expr, right: ast.expr, source: Source) -> Condition:
    _refuse_two_values(left, right, source)
    if is_unknown(left) or is_unknown(right):
        raise _misplaced_unknown(left if is_unknown(left) else right, source)
    if is_value(left):
        reading = reading_of(right, source)
        return _condition(reading, Op.HAS, item_for(reading, left, source))
    reading = reading_of(left, source)
    _refuse_two_facts(reading, right, source)
    if not isinstance(right, Collection):
        words = source.words(right)
        remedy = f"write == {words}, or in [{words}]"
        raise source.fault(right, f"after in stands a list, and {words} is none", remedy)
    return _condition(reading, Op.IN, values_for(reading, right, source))


def _condition(reading: Reading, op: Op, value: Value) -> Condition:
    return Condition(reading.fact, op, value, reading.place)


def _refuse_two_values(left: ast.expr, right: ast.expr, source: Source) -> None:
    if is_value(left) and is_value(right):
        problem = f"{source.words(left)} and {source.words(right)} are both values"
        raise source.fault(left, problem, "compare something of the customer, such as spend_90d")


def _refuse_two_facts(reading: Reading, other: ast.expr, source: Source) -> None:
    if is_value(other):
        return
    second = reading_of(other, source)
    problem = f"{reading.words} is compared with {second.words}, and neither is a value"
    of_spend = reading.fact.name == second.fact.name == "spend"
    change = ", or use growth_30d or growth_90d" if of_spend else ""
    raise source.fault(other, problem, f"compare each with a value{change}")


def _misplaced_unknown(node: ast.expr, source: Source) -> RuleError:
    problem = "unknown stands only on the right of == and !="
    return source.fault(node, problem, "write == unknown or != unknown")


def _alone(node: ast.expr, source: Source) -> Condition:
    """A flag that stands alone; everything else must be compared."""
    if is_unknown(node):
        raise _misplaced_unknown(node, source)
    if isinstance(node, Collection):
        problem = f"{source.words(node)} is a list, not a condition"
        raise source.fault(node, problem, "join conditions with and, or")
    if is_value(node):
        remedy = (
            'write a whole comparison, such as lifecycle == "active"; many values stand after in'
        )
        raise source.fault(node, f"{source.words(node)} is a value, not a condition", remedy)
    reading = reading_of(node, source)
    if reading.row.kind in {Kind.FLAG, Kind.ANY}:
        return _condition(reading, Op.EQ, value=True)
    problem = f"{reading.words} is not compared with anything"
    raise source.fault(node, problem, f"write a comparison such as {_example(reading)}")


def _example(reading: Reading) -> str:
    if reading.row.kind is Kind.CHOICE:
        return f'{reading.words} == "{reading.row.words[0]}"'
    return _EXAMPLES[reading.row.kind].format(reading.words)
