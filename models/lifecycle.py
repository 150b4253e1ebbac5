"""The lifecycle: five states, five triggers, one table.

A customer is a *prospect* until the first purchase, then *new*, then *active*. Silence makes
them *dormant* and then *churned*; a purchase from there wins them back. How long a silence may
last is the customer's own: `limits_for` turns their cadence into three limits in customer-days,
and these stay frozen until the next purchase. *Overdue* and *won back* are flags beside the
state, not states: an overdue customer is still active.

A late purchase or a full return is not a trigger: it rewinds the customer's timeline
(`models/customer.py`), and this table is walked again.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from models.policy import Lifecycle, Limit


class State(StrEnum):
    """Where a customer stands."""

    PROSPECT = "prospect"
    NEW = "new"
    ACTIVE = "active"
    DORMANT = "dormant"
    CHURNED = "churned"


class Trigger(StrEnum):
    """What can move a customer: a purchase, or a deadline that comes due."""

    PURCHASE = "purchase"
    NO_LONGER_NEW = "no_longer_new"
    OVERDUE = "overdue"
    DORMANT = "dormant"
    CHURNED = "churned"


TRANSITIONS = MappingProxyType(
    {
        (State.PROSPECT, Trigger.PURCHASE): State.NEW,
        (State.NEW, Trigger.PURCHASE): State.NEW,
        (State.NEW, Trigger.NO_LONGER_NEW): State.ACTIVE,
        (State.NEW, Trigger.OVERDUE): State.NEW,
        (State.NEW, Trigger.DORMANT): State.DORMANT,
        (State.ACTIVE, Trigger.PURCHASE): State.ACTIVE,
        (State.ACTIVE, Trigger.OVERDUE): State.ACTIVE,
        (State.ACTIVE, Trigger.DORMANT): State.DORMANT,
        (State.DORMANT, Trigger.PURCHASE): State.ACTIVE,
        (State.DORMANT, Trigger.CHURNED): State.CHURNED,
        (State.CHURNED, Trigger.PURCHASE): State.ACTIVE,
    }
)

# Deadlines that can come due in each state; on the same midnight the first one named goes first.
DEADLINES = MappingProxyType(
    {
        state: tuple(
            trigger
            for trigger in (
                Trigger.CHURNED,
                Trigger.DORMANT,
                Trigger.NO_LONGER_NEW,
                Trigger.OVERDUE,
            )
            if (state, trigger) in TRANSITIONS
        )
        for state in State
    }
)
SILENT = frozenset({State.DORMANT, State.CHURNED})


class IllegalTransition(RuntimeError):
    """A trigger that the table does not allow in this state: a fault of the caller."""


def after(state: State, trigger: Trigger) -> State:
    """The state that follows; raises `IllegalTransition` and changes nothing if none does.

    >>> after(State.CHURNED, Trigger.PURCHASE)
    <State.ACTIVE: 'active'>
    """
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(f"{trigger} cannot happen to a customer who is {state}") from None


class Limits(NamedTuple):
    """The longest silences, in whole customer-days, before each deadline; frozen at a purchase."""

    overdue_days: int
    dormant_days: int
    churned_days: int


def limits_for(cadence_days: float, policy: Lifecycle) -> Limits:
    """Turn a cadence into limits: cycles × cadence within bounds, or the fixed days.

    A limit of 14.3 days means that the fifteenth silent day is too many.
    """
    return Limits(
        _limit_days(policy.overdue, cadence_days, policy),
        _limit_days(policy.dormant, cadence_days, policy),
        _limit_days(policy.churned, cadence_days, policy),
    )


def _limit_days(limit: Limit, cadence_days: float, policy: Lifecycle) -> int:
    if policy.mode == "fixed":
        return int(limit.fixed_days)
    return int(min(max(limit.cycles * cadence_days, limit.min_days), limit.max_days))


def mermaid() -> str:
    """The table as a Mermaid state diagram, for ARCHITECTURE.md."""
    lines = ["stateDiagram-v2", "    [*] --> prospect: profile, or a refund first"]
    lines.append("    [*] --> new: purchase")
    for (state, trigger), target in TRANSITIONS.items():
        if state is not target:
            label = "purchase, won back" if state in SILENT and trigger == "purchase" else trigger
            lines.append(f"    {state} --> {target}: {label}")
    lines += [
        f"    {state} --> {state}: purchase, or overdue (a flag)"
        for state in (State.NEW, State.ACTIVE)
    ]
    return "\n".join(lines)
