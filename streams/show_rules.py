"""Rules for people: what they read, and why somebody is in a segment, with the customer's values.

Enters: rules and a customer's state. Leaves: plain sentences. Forbidden here: printing them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.calendar import day_of
from models.currencies import minor_digits
from models.customer import CustomerState
from models.gauge import Known
from models.policy import Policy
from models.rule_facts import row_of
from models.rule_names import Kind
from models.rule_text import as_text, fact_text
from models.rule_tree import AllOf, AnyOf, Condition, Fact, Not, Op, Rule
from models.segments import label_of, rule_segment
from streams.lookup import Found

REASONS_SHOWN = 8


class Answer(NamedTuple):
    """A condition, and what it makes of a customer.

    Attributes:
        condition: as it stands in the rule.
        value: of the customer, for people.
        holds: whether it does.
    """

    condition: Condition
    value: str
    holds: bool

    @property
    def as_json(self) -> dict[str, object]:
        """With the text of the condition."""
        return {"condition": self.text, "value": self.value, "holds": self.holds}

    @property
    def text(self) -> str:
        """The condition as a marketer would write it."""
        return as_text(self.condition)

    @property
    def asked(self) -> str:
        """What of the fact is asked; of what does not hold, that it does not."""
        text, fact = self.text, fact_text(self.condition.fact)
        match self.condition.op:
            case Op.HAS:
                return f"{'has' if self.holds else 'has not'} {text.removesuffix(f' in {fact}')}"
            case Op.EQ if self.condition.value is True:
                return "== true" if self.holds else "!= true"
            case Op.EQ if not self.holds:
                return f"!= {text.removeprefix(f'{fact} == ')}"
            case _:
                return f"{'' if self.holds else 'not '}{text.removeprefix(fact).strip()}"

    @property
    def says_it_all(self) -> bool:
        """Whether the value alone tells how the condition was answered."""
        op = self.condition.op
        known = self.value in {"true", "false"} and isinstance(self.condition.value, bool)
        return op is Op.KNOWN or self.value == "unknown" or known or (op is Op.EQ and self.holds)


def answers_of(name: str, state: CustomerState, at_ms: int, policy: Policy) -> tuple[Answer, ...]:
    """All conditions of a rule, in its order, with what they make of a customer.

    Args:
        name: of the rule.
        state: told up to that moment.
        at_ms: event time.
        policy: that the rule is of.
    """
    day = day_of(at_ms, policy.timezone)
    explained = policy.rulebook.explain(name, state, day, policy)
    currency = policy.business.currency
    return tuple(
        Answer(condition, value_text(condition.fact, value, currency), holds)
        for condition, value, holds in explained
    )


def value_text(fact: Fact, value: Known | None, currency: str) -> str:
    """A customer's value, for people.

    >>> value_text(Fact("spend", 90), 81240, "USD"), value_text(Fact("overdue"), True, "USD")
    ('812.40', 'true')
    """
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value.isprintable() and value else ascii(value)
    if row_of(fact).kind is Kind.MONEY:
        digits = minor_digits(currency)
        return f"{value / 10**digits:.{digits}f}"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def why(rule: Rule, answers: Iterator[Answer]) -> tuple[bool, list[Answer]]:
    """Whether a rule holds, and the answers that make it so.

    Args:
        rule: with what it names in its place.
        answers: of all its conditions, in its order.
    """
    match rule:
        case Condition():
            answer = next(answers)
            return answer.holds, [answer]
        case Not(of=inner):
            holds, found = why(inner, answers)
            return not holds, found
        case AllOf(of=parts) | AnyOf(of=parts):
            told = [why(each, answers) for each in parts]
            verdicts = [each for each, _ in told]
            holds = all(verdicts) if isinstance(rule, AllOf) else any(verdicts)
            return holds, [each for said, found in told if said is holds for each in found]


def reason(answers: Sequence[Answer]) -> str:
    """Answers in words; what is said of one fact stands together.

    >>> from models.rule_syntax import parsed
    >>> rule = parsed("vip", "100 <= spend < 200 and lifecycle == 'active' and not overdue")
    >>> values = {"spend": "150.00", "lifecycle": "active", "overdue": "false"}
    >>> from models.rule_tree import conditions_of
    >>> conditions = list(conditions_of(rule))
    >>> reason([Answer(c, values[c.fact.name], c.fact.name != "overdue") for c in conditions])
    'spend is 150.00 (>= 100, < 200), lifecycle is active and overdue is false'
    """
    asked: dict[str, list[str]] = {}
    for each in answers:
        found = asked.setdefault(f"{fact_text(each.condition.fact)} is {each.value}", [])
        if each.asked not in found and not each.says_it_all:
            found.append(each.asked)
    told = [f"{says} ({', '.join(also)})" if also else says for says, also in asked.items()]
    if len(told) > REASONS_SHOWN:
        told = [*told[:REASONS_SHOWN], f"{len(told) - REASONS_SHOWN} more"]
    return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)


def rules_explained(found: Found, policy: Policy) -> list[str]:
    """Why a customer is in the rule segments that they are in, a sentence each."""
    sentences = []
    for name in found.state.rules:
        label = label_of(rule_segment(name), policy).en
        if name not in policy.segments:  # another policy has come into force meanwhile
            sentences.append(f'In "{name}" by a rule that is no more in force.')
            continue
        answers = answers_of(name, found.state, found.as_of_ms, policy)
        holds, responsible = why(policy.rulebook.rules[name], iter(answers))
        words = reason(responsible)
        lately = f"because {words}" if holds else f"until it is looked at again: {words}"
        sentences.append(f'In "{label}" {lately}.')
    return sentences


def rules_line(found: Found, policy: Policy) -> str:
    """The rule segments of a customer in a line of their card."""
    names = (label_of(rule_segment(name), policy).en for name in found.state.rules)
    return f"in the segments: {', '.join(names)}"
