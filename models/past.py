"""A customer as they stood at an earlier moment, as far back as their events are remembered.

The current ledger is the settled one with the remembered events told on top. So it can be told up to
any moment in between. Groups, risk and value follow from the ledger; they are seen as the given
population sees that day, not as the one of then did.

Enters: a state, a moment. Leaves: the state of then. Forbidden here: the wall clock, the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState, Remembered, matched, told
from models.membership import regrouped
from models.outlook import outlook
from models.policy import Policy
from models.population import Population
from models.rulebook import Seen
from models.ruling import ruled

WEEK_DAYS = 7
WEEKS_TOLD = 26


class NotKept(LookupError):
    """The moment lies before what is remembered.

    Args:
        since_ms: from when on the past can be told, event time.
    """

    def __init__(self, since_ms: int) -> None:
        super().__init__(since_ms)
        self.since_ms = since_ms


class RiskThen(NamedTuple):
    """A customer's risk on one day.

    Attributes:
        day: customer-day, ordinal, at whose beginning it is.
        silence_days: since the purchase before.
        lifecycle: state.
        risk: P(no purchase within the common horizon); None if no model can tell.
        own_risk: P(no purchase within their own).
    """

    day: int
    silence_days: int
    lifecycle: str
    risk: float | None
    own_risk: float | None


def kept_since_ms(state: CustomerState) -> int:
    """From when on the past of a customer can be told, event time.

    Where a purchase and its return are on either side of what is settled, the settled ledger knows
    of the return already: then only from the later of the two on.
    """
    if state.settled_through_ms < 0:
        return state.known_since_ms
    torn = (each.at_ms for each in state.remembered if _counted_already(each))
    return max([state.settled_through_ms + 1, *torn])


def _counted_already(event: Remembered) -> bool:
    """A return whose purchase was settled with it, or a purchase whose return was settled first."""
    return event.is_purchase == (event.refunded_minor > 0)


def as_it_stood(
    state: CustomerState, at_ms: int, policy: Policy, population: Population | None
) -> CustomerState:
    """The state of then.

    But for two things: attributes, engagement and a score that were written since are left out, and
    `sequence` counts effects up to now.

    Args:
        state: of now.
        at_ms: event time.
        policy: the rules of now.
        population: of now.

    Raises:
        NotKept: the moment lies before what is remembered.
    """
    since_ms = kept_since_ms(state)
    if at_ms < since_ms:
        raise NotKept(since_ms)
    events = tuple(each for each in state.remembered if each.at_ms <= at_ms)
    ledger, _ = told(state.settled, events, at_ms, policy)
    attributes = {name: a for name, a in state.attributes.items() if a.at_ms <= at_ms}
    names = {name: since for name, since in state.names.items() if since <= at_ms}
    scored = state.satisfaction
    then = state._replace(
        current=ledger,
        remembered=events,
        attributes=attributes,
        names=names,
        groups={},
        contribution=None,
        renew_ms=None,
        regroup_ms=None,
        engagement={name: ms for name, ms in state.engagement.items() if ms <= at_ms},
        satisfaction=None if scored is None or scored.at_ms > at_ms else scored,
        rules=(),
        rules_ms=None,
        rules_seen=Seen(),
    )
    then, _ = regrouped(then, at_ms, policy, population)
    return ruled(then, at_ms, policy)[0]


def bought(state: CustomerState, policy: Policy) -> list[Remembered]:
    """The remembered purchases and refunds, oldest first; a refund's amount at what it undoes."""
    return list(matched(state.remembered, policy))


def risk_by_week(
    state: CustomerState, to_ms: int, policy: Policy, population: Population | None
) -> Iterator[RiskThen]:
    """Their risk on the days a week apart that end at a moment, oldest first."""
    last = day_of(to_ms, policy.timezone)
    since_ms = kept_since_ms(state)
    for weeks in reversed(range(WEEKS_TOLD)):
        day = last - WEEK_DAYS * weeks
        at_ms = min(to_ms, start_of_day_ms(day, policy.timezone))
        if weeks == 0:
            at_ms = to_ms
        if at_ms < since_ms:
            continue
        events = tuple(each for each in state.remembered if each.at_ms <= at_ms)
        ledger, _ = told(state.settled, events, at_ms, policy)
        if not ledger.recent_days:
            continue
        seen = outlook(ledger, day, policy, population)
        yield RiskThen(
            day,
            max(0, day - ledger.recent_days[-1]),
            ledger.standing.lifecycle.value,
            None if seen is None else seen.risk,
            None if seen is None else seen.own_risk,
        )
