"""Rule segments for people: what a rule says, what it reads, and why it holds of somebody.

A condition that a rule asks to be false is told as its opposite, so `holds` is always what the rule
would like. Money is in major units here, as rules write it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.calendar import day_of
from models.gauge import Known
from models.policy import Policy
from models.rule_facts import row_of
from models.rule_names import Kind
from models.rule_text import as_text, fact_text
from models.rule_tree import AllOf, AnyOf, Condition, Fact, Not, Rule, facts_of
from models.segments import ACCOUNTS, RULE, label_of, list_of, rule_segment
from streams.lookup import Found

DECIMALS = 6  # enough to see on which side of a limit a value lies


def rule_as_json(segment: str, policy: Policy) -> dict[str, str | None]:
    """What the policy says of a rule segment; of others nothing."""
    rule = policy.segments.get(_rule_of(segment))
    if rule is None:
        return {"description": None, "when": None}
    return {"description": rule.description or None, "when": rule.when.strip()}


def facts_as_json(segment: str, policy: Policy) -> list[dict[str, Any]] | None:
    """What a rule reads, with what it names of other segments; None of other segments."""
    rule = policy.rulebook.rules.get(_rule_of(segment))
    return None if rule is None else [_fact_as_json(each) for each in facts_of(rule)]


def _rule_of(segment: str) -> str:
    """The rule that a segment is of, of people or accounts; "" of other segments."""
    kind, _, name = segment.removeprefix(ACCOUNTS).partition("/")
    return name if kind == RULE else ""


def _fact_as_json(fact: Fact) -> dict[str, Any]:
    row = row_of(fact)
    return {"name": fact_text(fact), "label": {"en": row.en, "zh": row.zh}}


def reasons(found: Found, policy: Policy) -> list[dict[str, Any]]:
    """For each rule segment that a customer is in, its conditions with the customer's values.

    A partition may still be in a segment that a newer policy has not: of that nothing can be told.
    """
    day = day_of(found.as_of_ms, policy.timezone)
    known = [name for name in found.state.rules if name in policy.rulebook.rules]
    return [_reason(name, found, day, policy) for name in known]


def _reason(name: str, found: Found, day: int, policy: Policy) -> dict[str, Any]:
    book = policy.rulebook
    told = book.explain(name, found.state, day, policy)
    wanted = _wanted(book.rules[name])
    return {
        "segment": f"{list_of(found.customer_id)}{rule_segment(name)}",
        "label": label_of(rule_segment(name), policy)._asdict(),
        "conditions": [
            {
                "text": as_text(condition if true else Not(condition)),
                "value": _in_units(condition.fact, value, book.scale),
                "holds": holds == true,
            }
            for (condition, value, holds), true in zip(told, wanted, strict=True)
        ],
    }


def _wanted(rule: Rule, *, true: bool = True) -> Iterator[bool]:
    """Of each condition, in order of appearance, whether the rule asks for it or for its opposite.

    >>> from models.rule_syntax import parsed
    >>> list(_wanted(parsed("r", "overdue and not (won_back or spend > 1)")))
    [True, False, False]
    """
    match rule:
        case Condition():
            yield true
        case Not(of=inner):
            yield from _wanted(inner, true=not true)
        case AllOf(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from _wanted(part, true=true)


def _in_units(fact: Fact, value: Known | None, scale: int) -> Known | None:
    if value is None or isinstance(value, bool | str):
        return value
    if row_of(fact).kind is Kind.MONEY:
        value = value / scale
    return value if isinstance(value, int) else round(value, DECIMALS)
