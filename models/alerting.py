"""Alerts about one customer: raised, cleared by a purchase, followed up to the end of a horizon.

    alerted(customer_id, state, effects, passed, policy, population) -> (state, effects and alerts)

It is asked after everything that happens to a customer, and changes nothing but `state.alerts` and the
sequence. Two kinds of rules there are:

- *of a silence* (risk raised, overdue, dormant, churned): how long it must last follows from the
  purchases, so it is known when one is folded; the alert is a deadline, `wait_hours` past that midnight.
  A rule tells of a silence once. Who is not one of those it is about on that day may be so later while
  the silence lasts, and is told of then if it is a rule about risk.
- *of an event* (won back, segment entered or left): it is told with the effect that it follows.

Enters: a state all else of which is in keeping with the moment. Forbidden here: delivery, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.alert_memory import (
    MAX_LAST,
    MAX_OPEN,
    NO_ALERTS,
    AlertMemory,
    LastAlert,
    OpenAlert,
)
from models.alert_signs import (
    horizon_days,
    is_about,
    is_worth_it,
    prospects_on,
    reached_days,
    silence_of,
)
from models.alerts import AlertEffect, ClearAlert, Effect, RaiseAlert, ResolveAlert, changes_in
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.daybook import COLUMNS, NOTHING, Totals
from models.effects import Cause, EffectType, PublishChange, Why
from models.outlook import customer_of
from models.policy import Policy
from models.policy_alerts import LIFECYCLE_CHANGED, OF_SILENCE, RISK_RAISED, AlertRule
from models.population import Population
from models.segments import rule_segment
from models.table import rows_in

DAY_MS = 86_400_000
LONGEST_FOLLOWED_DAYS = 365  # so long the daybook tells days apart


class Passed(NamedTuple):
    """What has just passed for a customer.

    Attributes:
        from_ms: the moment of it, event time.
        to_ms: up to which the customer has been advanced; at or after it.
        cause: what it was.
        anew: whether purchases, the population or the policy may be others than before.
    """

    from_ms: int
    to_ms: int
    cause: Cause
    anew: bool


def alerted(
    customer_id: str,
    state: CustomerState,
    effects: tuple[Effect, ...],
    passed: Passed,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[Effect, ...]]:
    """Raise, clear and resolve what there is to; the alerts stand behind the effects."""
    if state.alerts is NO_ALERTS and not policy.alerts.rules:
        return state, effects
    watch = _Watch(customer_id, state, passed, policy, population)
    if passed.anew:
        watch.look_anew()
        watch.clear()
    watch.follow(effects)
    if not _has_more_due(state, passed.to_ms):
        watch.raise_of_silence()
    watch.resolve()
    return watch.done(effects)


def _has_more_due(state: CustomerState, to_ms: int) -> bool:
    """Whether something else is still to happen by then: alerts come last."""
    return any(
        each is not None and each <= to_ms
        for each in (state.current.due_ms, state.regroup_ms, state.renew_ms, state.rules_ms)
    )


class _Watch:
    """One look at one customer."""

    def __init__(
        self,
        customer_id: str,
        state: CustomerState,
        passed: Passed,
        policy: Policy,
        population: Population | None,
    ) -> None:
        self._id, self._state, self._passed = customer_id, state, passed
        self._policy, self._population = policy, population
        self._memory = state.alerts
        self._told: list[AlertEffect] = []

    def look_anew(self) -> None:
        """Which days silence has to reach; what is past and gone is forgotten."""
        told = self._told_rules()
        reached = reached_days(self._state.current, self._policy, self._population, told)
        kept = {
            name: each
            for name, each in self._memory.last.items()
            if name in told or self._cools_until(name) > self._now_ms
        }
        newest = sorted(kept.items(), key=lambda each: (each[1].at_ms, each[0]))[-MAX_LAST:]
        self._memory = self._memory._replace(reached=reached, last=dict(newest))

    def clear(self) -> None:
        """A purchase that was not known when an alert was raised has ended its silence."""
        bought_ms = self._state.current.last_purchase_ms
        followed = []
        for each in self._memory.open:
            if bought_ms is not None and not each.cleared and 0 <= each.silent_since_ms < bought_ms:
                why = Why.PURCHASE if bought_ms >= each.at_ms else Why.LATE_PURCHASE
                self._told.append(
                    ClearAlert(
                        *(each.rule, self._id, each.alert_id, self._passed.cause, why),
                        self._next_sequence,
                    )
                )
                each = each._replace(cleared=True)  # noqa: PLW2901
            followed.append(each)
        self._memory = self._memory._replace(open=tuple(followed))

    def follow(self, effects: Iterable[Effect]) -> None:
        """Rules of events: what the effects tell of."""
        rules = sorted(self._policy.alerts.rules.items())
        for effect in changes_in(effects):
            for name, rule in rules:
                if _tells(rule, effect) and self._cools_until(name) <= effect.cause.at_ms:
                    self._raise(name, rule, effect.cause, effect.cause.at_ms)

    def raise_of_silence(self) -> None:
        """Rules of a silence: those whose moment has come."""
        for name, rule in self._of_silence():
            due_ms = self._moment_ms(name, rule)
            if due_ms is not None and due_ms <= self._now_ms:
                at_ms = max(due_ms, self._passed.from_ms)
                if rule.on == RISK_RAISED or at_ms == due_ms:  # else its moment has passed
                    self._raise(name, rule, self._cause_at(at_ms, due_ms), at_ms)

    def resolve(self) -> None:
        """Alerts whose horizon has ended: what came of them."""
        followed = []
        for each in self._memory.open:
            if self._end_ms(each) > self._now_ms:
                followed.append(each)
                continue
            outcome = _within(self._state, each.first_day, each.end_day)
            end_ms = self._end_ms(each)
            self._told.append(
                ResolveAlert(
                    *(each.rule, self._id, each.alert_id, end_ms, *outcome), self._next_sequence
                )
            )
        self._memory = self._memory._replace(open=tuple(followed))

    def done(self, effects: tuple[Effect, ...]) -> tuple[CustomerState, tuple[Effect, ...]]:
        """The customer and all that is told."""
        told = self._told_rules()
        if not told.isdisjoint(self._memory.reached):
            left = {n: day for n, day in self._memory.reached.items() if n not in told}
            self._memory = self._memory._replace(reached=left)
        memory = self._memory._replace(due_ms=self._due_ms())
        state = self._state
        if memory == AlertMemory():
            memory = NO_ALERTS
        if memory != state.alerts or self._told:
            state = state._replace(alerts=memory, sequence=state.sequence + len(self._told))
        return state, (*effects, *self._told)

    @property
    def _now_ms(self) -> int:
        return self._passed.to_ms

    @property
    def _next_sequence(self) -> int:
        return self._state.sequence + len(self._told) + 1

    def _raise(self, name: str, rule: AlertRule, cause: Cause, at_ms: int) -> None:
        state, policy, ledger = self._state, self._policy, self._state.current
        if len(self._memory.open) >= MAX_OPEN or not is_about(rule, state):
            return
        day = day_of(at_ms, policy.timezone)
        prospects = prospects_on(day, rule, ledger, policy, self._population)
        if not is_worth_it(rule, prospects, policy):
            return
        of_silence = rule.on in OF_SILENCE
        horizon = horizon_days(rule, customer_of(ledger, policy), policy)
        followed_days = min(horizon, LONGEST_FOLLOWED_DAYS)
        alert = RaiseAlert(
            rule=name,
            kind=rule.on,
            customer_id=self._id,
            cause=cause,
            day=day,
            first_day=day if of_silence else day + 1,
            horizon_days=horizon,
            followed_days=followed_days,
            prospects=prospects,
            silence_days=silence_of(ledger, at_ms, policy),
            churned_day=_churned_day(state),
            standing=state.standing,
            groups=state.groups,
            segments=state.rules,
            segment=rule.segment,
            play=policy.playbook.get(rule.playbook),
            currency=policy.business.currency,
            sequence=self._next_sequence,
        )
        since_ms = ledger.last_purchase_ms if of_silence else None
        followed = OpenAlert(
            *(alert.alert_id, name, at_ms, -1 if since_ms is None else since_ms),
            *(alert.first_day, followed_days),
        )
        self._told.append(alert)
        self._memory = self._memory._replace(
            last={**self._memory.last, name: LastAlert(at_ms, followed.silent_since_ms)},
            open=(*self._memory.open, followed),
        )

    def _of_silence(self) -> list[tuple[str, AlertRule]]:
        """Rules that this silence may reach, as far as there still are such."""
        rules = self._policy.alerts.rules
        return [(name, rules[name]) for name in sorted(self._memory.reached) if name in rules]

    def _moment_ms(self, name: str, rule: AlertRule) -> int | None:
        """When a rule of a silence tells of the one that stands now; None: not any more."""
        last = self._memory.last.get(name)
        if last is not None and self._is_told(last):
            return None
        day = self._memory.reached[name]
        moment_ms = start_of_day_ms(day, self._policy.timezone) + self._policy.alerts.wait_ms
        cools_until_ms = self._cools_until(name)
        if rule.on == RISK_RAISED:
            return max(moment_ms, cools_until_ms)
        return moment_ms if cools_until_ms <= moment_ms else None

    def _told_rules(self) -> set[str]:
        """Rules that have told of the silence that stands now."""
        return {name for name, each in self._memory.last.items() if self._is_told(each)}

    def _is_told(self, last: LastAlert) -> bool:
        """Whether an alert was about the silence that stands now, or a shorter one."""
        bought_ms = self._state.current.last_purchase_ms
        return bought_ms is not None and last.silent_since_ms >= bought_ms

    def _cools_until(self, name: str) -> int:
        last, rule = self._memory.last.get(name), self._policy.alerts.rules.get(name)
        if last is None or rule is None:
            return 0
        return last.at_ms + rule.cool_down_days * DAY_MS

    def _cause_at(self, at_ms: int, due_ms: int) -> Cause:
        """The silence itself, unless something else has made the customer one to be told of."""
        why = Why.SILENCE if at_ms == due_ms else self._passed.cause.why
        return Cause(f"silence:{self._state.current.last_purchase_ms}:{at_ms}", at_ms, why)

    def _end_ms(self, each: OpenAlert) -> int:
        """When the horizon has ended and what came late has come."""
        end_ms = start_of_day_ms(each.end_day, self._policy.timezone)
        return end_ms + self._policy.alerts.wait_ms

    def _due_ms(self) -> int | None:
        moments = [self._moment_ms(name, rule) for name, rule in self._of_silence()]
        later = [each for each in moments if each is not None and each > self._now_ms]
        later += [self._end_ms(each) for each in self._memory.open]
        return min(later, default=None)


def _tells(rule: AlertRule, effect: PublishChange) -> bool:
    """Whether an effect is what a rule is about; those of a silence have their own moment."""
    if rule.on == LIFECYCLE_CHANGED or rule.on != effect.type.value:
        return False
    if effect.type is EffectType.CUSTOMER_WON_BACK:
        return True
    return effect.scheme == rule_segment(rule.segment)


def _churned_day(state: CustomerState) -> int | None:
    limits, days = state.current.limits, state.current.recent_days
    return None if limits is None or not days else days[-1] + limits.churned_days + 1


def _within(state: CustomerState, first_day: int, end_day: int) -> tuple[int | None, int, int]:
    """First purchase day, purchase days and net spend in [first_day, end_day)."""
    before, last, returned_day = NOTHING, NOTHING, None
    for row in _totals(state):
        if row.day >= end_day:
            break
        if row.day < first_day:
            before = row
        elif returned_day is None and row.purchase_days > last.purchase_days:
            returned_day = row.day
        last = row
    spent_minor = (
        last.spent_minor - last.refunded_minor - before.spent_minor + before.refunded_minor
    )
    return returned_day, last.purchase_days - before.purchase_days, spent_minor


def _totals(state: CustomerState) -> Iterator[Totals]:
    rows = state.current.book.rows
    return (Totals(*row) for row in rows_in(rows, COLUMNS)) if rows else iter(())
