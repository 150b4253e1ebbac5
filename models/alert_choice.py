"""Which of the alerts that wait are sent: eligible → ranked → budget → holdout.

Those with most at stake come first. Each passes the gate, takes one of its rule's places of the day,
and is then sent, or held out: so the two arms are alike in everything but the sending.

Enters: candidates that may be decided now. Leaves: a decision for each. Forbidden here: the clock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.alert_record import Arm, Decision
from models.gate import Contact, refusal
from models.policy import Policy

TOLD_OF = frozenset({Decision.SENT, Decision.HELD_OUT})  # they take a place, and count as told of


class Candidate(NamedTuple):
    """An alert that may be decided now.

    Attributes:
        alert_id: unique.
        rule: of the policy.
        customer_id: about whom.
        at_stake_minor: expected loss.
        arm: of the customer.
        contact: the customer as the gate sees them.
    """

    alert_id: str
    rule: str
    customer_id: str
    at_stake_minor: int
    arm: Arm
    contact: Contact


class Budget(NamedTuple):
    """A rule's places of one day.

    Attributes:
        day: customer-day, ordinal.
        taken: by alerts that were sent, or held out.
        left_out: alerts for which there was none.
    """

    day: int
    taken: int = 0
    left_out: int = 0

    def after(self, decision: Decision) -> Budget:
        """With one more alert decided."""
        return self._replace(
            taken=self.taken + (decision in TOLD_OF),
            left_out=self.left_out + (decision is Decision.OVER_BUDGET),
        )


class Choice(NamedTuple):
    """What is done with an alert; `why` says what blocked it."""

    alert_id: str
    decision: Decision
    why: str = ""


def chosen(
    candidates: Iterable[Candidate], policy: Policy, budgets: Mapping[str, Budget], now_ms: int
) -> list[Choice]:
    """Decide, those with most at stake first.

    Args:
        candidates: in any order.
        policy: in force.
        budgets: rule → its places of today.
        now_ms: wall clock.
    """
    places = Counter({rule: each.taken for rule, each in budgets.items()})
    told_now: defaultdict[str, int] = defaultdict(int)
    choices = []
    for each in sorted(candidates, key=lambda one: (-one.at_stake_minor, one.alert_id)):
        contact = _told_of_now(each.contact, told_now[each.customer_id], now_ms)
        choice = _choice(each, contact, policy, places[each.rule], now_ms)
        if choice.decision in TOLD_OF:
            places[each.rule] += 1
            told_now[each.customer_id] += 1
        choices.append(choice)
    return choices


def _told_of_now(contact: Contact, times: int, now_ms: int) -> Contact:
    return contact._replace(told_ms=contact.told_ms + (now_ms,) * times)


def _choice(each: Candidate, contact: Contact, policy: Policy, taken: int, now_ms: int) -> Choice:
    rule = policy.alerts.rules.get(each.rule)
    if rule is None:
        return Choice(each.alert_id, Decision.BLOCKED, "rule_removed")
    refused = refusal(contact, rule.channel, policy, now_ms)
    if refused is not None:
        return Choice(each.alert_id, Decision.BLOCKED, refused.value)
    if rule.daily_budget and taken >= rule.daily_budget:
        return Choice(each.alert_id, Decision.OVER_BUDGET)
    held_out = each.arm is Arm.HELD_OUT
    return Choice(each.alert_id, Decision.HELD_OUT if held_out else Decision.SENT)
