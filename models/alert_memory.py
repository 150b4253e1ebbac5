"""What a customer's state remembers of alerts: which were raised, which are still followed up.

Plain values; `models/alerting.py` keeps them. Forbidden here: the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

MAX_LAST = 48  # rules of one customer: more than a policy has, for those that were taken out
MAX_OPEN = 24  # of one customer; while so many are followed up no further one is raised


class OpenAlert(NamedTuple):
    """An alert whose horizon has not ended yet.

    Attributes:
        alert_id: 32 hex digits.
        rule: that raised it.
        at_ms: when, event time.
        silent_since_ms: the last purchase until then, event time; -1: the alert is not of a silence.
        first_day: the first customer-day on which a purchase counts as a return, ordinal.
        horizon_days: how many days count.
        cleared: a purchase has ended the silence.
    """

    alert_id: str
    rule: str
    at_ms: int
    silent_since_ms: int
    first_day: int
    horizon_days: int
    cleared: bool = False

    @property
    def end_day(self) -> int:
        """The first customer-day that no longer counts, ordinal."""
        return self.first_day + self.horizon_days


class LastAlert(NamedTuple):
    """When a rule last told of the customer.

    Attributes:
        at_ms: event time.
        silent_since_ms: of which silence, as in `OpenAlert`.
    """

    at_ms: int
    silent_since_ms: int


class AlertMemory(NamedTuple):
    """See the module.

    Attributes:
        last: rule → its last alert about this customer.
        reached: rule of a silence → the customer-day, ordinal, at whose beginning the silence that
            stands now is long enough for it; rules that it never will be are left out.
        open: alerts that are followed up, oldest first.
        due_ms: when time alone next raises an alert, or ends the following up of one.
    """

    last: Mapping[str, LastAlert] = MappingProxyType({})
    reached: Mapping[str, int] = MappingProxyType({})
    open: tuple[OpenAlert, ...] = ()
    due_ms: int | None = None


NO_ALERTS = AlertMemory({}, {})


def packed_alerts(memory: AlertMemory) -> tuple[object, ...]:
    """As plain values, to be encoded; () of nothing."""
    if memory == NO_ALERTS:
        return ()
    return (
        dict(sorted(memory.last.items())),
        dict(sorted(memory.reached.items())),
        memory.open,
        memory.due_ms,
    )


def alerts_from(fields: tuple[object, ...]) -> AlertMemory:
    """The reverse.

    Raises:
        TypeError, ValueError: they are none.
    """
    if not isinstance(fields, tuple):
        raise TypeError("alerts are no array")
    if not fields:
        return NO_ALERTS
    last, reached, found, due_ms = fields
    if type(last) is not dict or type(reached) is not dict or not isinstance(found, tuple):
        raise TypeError("alerts are no maps and no list")
    if due_ms is not None and type(due_ms) is not int:
        raise TypeError("alerts are due at no moment")
    told = {rule: LastAlert(*each) for rule, each in last.items()}
    return AlertMemory(told, reached, tuple(OpenAlert(*each) for each in found), due_ms)


def merged_alerts(one: AlertMemory, other: AlertMemory) -> AlertMemory:
    """Of one person who was known by two ids; what follows from the ledger is found anew.

    Both are followed up; of more than `MAX_OPEN` the newest.
    """
    if one == other == NO_ALERTS:
        return NO_ALERTS
    last = {
        rule: max(each.last[rule] for each in (one, other) if rule in each.last)
        for rule in sorted({*one.last, *other.last})
    }
    found: dict[str, OpenAlert] = {}
    for each in sorted((*one.open, *other.open)):
        known = found.get(each.alert_id, each)
        found[each.alert_id] = known._replace(cleared=known.cleared or each.cleared)
    newest = sorted(found.values(), key=lambda each: (each.at_ms, each.alert_id))
    return AlertMemory(last, {}, tuple(newest[-MAX_OPEN:]))


def without_the_silence(memory: AlertMemory) -> AlertMemory:
    """Without what follows from the purchases, for whoever takes them over."""
    bare = memory._replace(reached={}, due_ms=None)
    return NO_ALERTS if bare == NO_ALERTS else bare
