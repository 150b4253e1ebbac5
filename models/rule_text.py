"""The canonical text of a rule: what explanations show.

Enters: a tree, or a part of one. Leaves: text that reads back as the same tree, places apart.
Forbidden here: words for people.
"""

from __future__ import annotations

import json
from keyword import iskeyword
from unicodedata import normalize

from models.rule_names import FUNCTIONS, NAMED
from models.rule_tree import AllOf, AnyOf, Condition, Fact, Not, Op, Rule, Scalar


def as_text(rule: Rule) -> str:
    """A rule as a marketer would write it, on one line.

    >>> from models.rule_syntax import parsed
    >>> as_text(parsed("vip", "100<=spend_90d<200 and not (tier=='high' or overdue==true)"))
    '(spend_90d >= 100 and spend_90d < 200) and not (tier == "high" or overdue)'
    """
    match rule:
        case AllOf(of=parts):
            return " and ".join(map(_part, parts))
        case AnyOf(of=parts):
            return " or ".join(map(_part, parts))
        case Not(of=Condition() as condition):
            return _negated(condition)
        case Not(of=inner):
            return f"not {_part(inner)}"
        case Condition():
            return _condition(rule)


def fact_text(fact: Fact) -> str:
    """A fact as a marketer would write it.

    >>> print(fact_text(Fact("category.spend", 90, "DAIRY")), fact_text(Fact("profile", of="a b")))
    category["DAIRY"].spend_90d profile["a b"]
    """
    window = f"_{fact.window_days}d" if fact.window_days else ""
    owner, _, member = fact.name.partition(".")
    if fact.name in FUNCTIONS:
        return f"{fact.name}({_named('profile', fact.of)})"
    if fact.name in NAMED:
        return _named(fact.name, fact.of)
    if member:
        return f"{owner}[{_quoted(fact.of)}].{member}{window}"
    return f"{fact.name}{window}"


def _part(rule: Rule) -> str:
    text = as_text(rule)
    return f"({text})" if isinstance(rule, AllOf | AnyOf) else text


def _condition(condition: Condition) -> str:
    fact, value = fact_text(condition.fact), condition.value
    if condition.op is Op.KNOWN:
        return f"{fact} != unknown"
    if condition.op is Op.HAS:
        return f"{_values(value)} in {fact}"
    if condition.op is Op.EQ and value is True:
        return fact
    return f"{fact} {condition.op} {_values(value)}"


def _negated(condition: Condition) -> str:
    fact, value = fact_text(condition.fact), condition.value
    match condition.op:
        case Op.KNOWN:
            return f"{fact} == unknown"
        case Op.HAS:
            return f"{_values(value)} not in {fact}"
        case Op.IN:
            return f"{fact} not in {_values(value)}"
        case Op.EQ if value is not True:
            return f"{fact} != {_values(value)}"
        case _:
            return f"not {_condition(condition)}"


def _values(value: Scalar | tuple[Scalar, ...] | None) -> str:
    if isinstance(value, tuple):
        listed = ", ".join(map(_values, value))
        return f"({listed})" if len(value) > 1 else f"[{listed}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _named(scope: str, name: str) -> str:
    # Python reads a bare name in its normal form, and a segment always stands in brackets.
    bare = name.isidentifier() and not iskeyword(name) and normalize("NFKC", name) == name
    return f"{scope}.{name}" if bare and scope != "segment" else f"{scope}[{_quoted(name)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
