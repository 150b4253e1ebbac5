"""Which alerts there should be, worked out moment by moment: slow, and plain to read.

Nothing here uses what is remembered of alerts, their deadlines or the search for a crossing. At every
midnight, and again when the wait past it is over, each rule is asked anew; a risk is what a look-up of
that day says (`models/outlook.py`). Lifecycle, groups and rule segments are those that the customer has
where no alert rules are: other tests are about them. Only purchases, in order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.alert_memory import MAX_OPEN
from models.alerts import AlertEffect, ClearAlert, RaiseAlert, changes_in
from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.effects import EffectType, PublishChange
from models.events import Purchase, Read
from models.ledger import Standing
from models.outlook import Outlook, outlook
from models.policy import Policy
from models.policy_alerts import AlertRule
from models.population import Population
from models.step import advance, step
from tests.support.story import CUSTOMER, DAY_MS

USUALLY_ABOUT = {
    "churn.risk_raised": {"new", "active"},
    "customer.overdue": {"new", "active"},
}
EVERYBODY = {"prospect", "new", "active", "dormant", "churned"}


class Raised(NamedTuple):
    """An alert that there should be."""

    at_ms: int
    rule: str
    day: int
    first_day: int
    horizon_days: int
    probability: float


class Followed(NamedTuple):
    """What became of an alert of a rule: `cleared` by a purchase then, or `resolved` then."""

    at_ms: int
    rule: str
    raised_ms: int
    what: str
    returned_day: int | None = None
    purchase_days: int = 0
    spent_minor: int = 0


class Open(NamedTuple):
    """An alert whose horizon has not ended."""

    alert: Raised
    of_silence: bool


class ByHand:
    """One customer's life, every moment of it.

    Args:
        purchases: in order.
        until_ms: event time.
        policy: with alert rules.
        population: that can tell everybody's risk.
    """

    def __init__(
        self, purchases: Sequence[Read], until_ms: int, policy: Policy, population: Population
    ) -> None:
        self.told: list[Raised | Followed] = []
        self._purchases, self._policy, self._population = purchases, policy, population
        no_rules = policy.alerts.model_copy(update={"rules": {}})
        self._bare = policy.model_copy(update={"alerts": no_rules})
        self._rules, self._wait_ms = policy.alerts.rules, policy.alerts.wait_ms
        self._state: CustomerState | None = None
        self._last_ms: dict[str, int] = {}
        self._said: set[str] = set()  # rules that have told of the silence that stands
        self._became_ms: dict[str, int] = {}  # rule → when it is to tell of what has come to pass
        self._open: list[Open] = []
        self._looks: dict[tuple[int, int], Outlook] = {}
        self._moments = sorted({*self._midnights(until_ms), *(each.at_ms for each in purchases)})
        self._live(until_ms)

    def _midnights(self, until_ms: int) -> Iterable[int]:
        first, last = (day_of(at, self._zone) for at in (self._purchases[0].at_ms, until_ms))
        for day in range(first, last + 1):
            midnight_ms = start_of_day_ms(day, self._zone)
            yield from (
                each for each in (midnight_ms, midnight_ms + self._wait_ms) if each <= until_ms
            )

    @property
    def _zone(self) -> ZoneInfo:
        return self._policy.timezone

    def _live(self, until_ms: int) -> None:
        bought = list(self._purchases)
        while self._moments:
            now_ms = heapq.heappop(self._moments)
            if now_ms > until_ms:
                break
            if self._state is not None:
                self._state, due = advance(
                    CUSTOMER, self._state, now_ms, self._bare, self._population
                )
                self._happened(changes_in(due), now_ms)
            while bought and bought[0].at_ms == now_ms:
                self._buy(bought.pop(0))

    def _buy(self, read: Read) -> None:
        outcome = step(CUSTOMER, self._state, read, read.at_ms, self._bare, self._population)
        self._state = outcome.state
        self._said.clear()
        self._became_ms.clear()
        for each in self._open:
            if each.of_silence:
                alert = each.alert
                self.told.append(Followed(read.at_ms, alert.rule, alert.at_ms, "cleared"))
        self._open = [each._replace(of_silence=False) for each in self._open]
        self._happened(changes_in(outcome.effects), read.at_ms)

    def _happened(self, changes: Sequence[PublishChange], now_ms: int) -> None:
        for name, rule in self._rules.items():
            for change in changes:
                if _is_of_that_silence(rule, change):
                    self._became_ms[name] = change.cause.at_ms + self._wait_ms
        for change in changes:
            for name, rule in self._rules.items():
                if _follows(rule, change):
                    self._raise(name, rule, now_ms)
        for name, rule in self._rules.items():
            if name not in self._said and self._is_time_for(name, rule, now_ms):
                self._raise(name, rule, now_ms)
        self._resolve(now_ms)

    def _is_time_for(self, name: str, rule: AlertRule, now_ms: int) -> bool:
        """Of risk: whether it was high enough on any day of this silence whose wait is over."""
        if rule.on != "churn.risk_raised":
            return self._became_ms.get(name) == now_ms
        ledger = self._customer.current
        assert ledger.limits is not None
        bought_day = ledger.recent_days[-1]
        waited = day_of(now_ms - self._wait_ms, self._zone)
        last = min(waited, bought_day + ledger.limits.churned_days)
        return any(self._is_high(name, rule, day) for day in range(bought_day + 1, last + 1))

    def _is_high(self, name: str, rule: AlertRule, day: int) -> bool:
        level = next(
            (
                period.levels[name]
                for period in self._policy.calendar
                if name in period.levels and any(period.spans(day, day))
            ),
            rule.level,
        )
        assert level is not None
        return self._risk(rule, day) >= level and self._is_worth_it(rule, day)

    def _is_worth_it(self, rule: AlertRule, day: int) -> bool:
        usual_year_minor = self._look(day).stake.usual_year_minor
        return usual_year_minor * self._risk(rule, day) >= 100 * rule.min_at_stake

    def _risk(self, rule: AlertRule, day: int) -> float:
        look = self._look(day)
        return look.own_risk if rule.horizon == "own" else look.risk

    def _look(self, day: int) -> Outlook:
        ledger = self._customer.current
        key = (ledger.purchases, day)
        if key not in self._looks:
            found = outlook(ledger, day, self._bare, self._population)
            assert found is not None
            self._looks[key] = found
        return self._looks[key]

    @property
    def _customer(self) -> CustomerState:
        assert self._state is not None
        return self._state

    def _is_about(self, rule: AlertRule, day: int) -> bool:
        customer = self._customer
        about = set(rule.lifecycles) or USUALLY_ABOUT.get(rule.on, EVERYBODY)
        return (
            customer.standing.lifecycle.value in about
            and (not rule.tiers or customer.groups["tier"] in rule.tiers)
            and (not rule.segments or bool({*rule.segments} & {*customer.rules}))
            and self._is_worth_it(rule, day)
        )

    def _raise(self, name: str, rule: AlertRule, now_ms: int) -> None:
        cool_ms = self._last_ms.get(name, -(10**15)) + rule.cool_down_days * DAY_MS
        day = day_of(now_ms, self._zone)
        if now_ms < cool_ms or len(self._open) >= MAX_OPEN or not self._is_about(rule, day):
            return
        of_silence = rule.on in {"churn.risk_raised", "customer.overdue", "lifecycle.changed"}
        look = self._look(day)
        alert = Raised(
            *(now_ms, name, day, day if of_silence else day + 1),
            look.own_horizon_days if rule.horizon == "own" else look.horizon_days,
            self._risk(rule, day),
        )
        self.told.append(alert)
        self._open.append(Open(alert, of_silence))
        self._last_ms[name] = now_ms
        self._said.add(name)
        heapq.heappush(self._moments, now_ms + rule.cool_down_days * DAY_MS)

    def _resolve(self, now_ms: int) -> None:
        for each in list(self._open):
            alert, end_day = each.alert, each.alert.first_day + each.alert.horizon_days
            if start_of_day_ms(end_day, self._zone) + self._wait_ms <= now_ms:
                self._open.remove(each)
                self.told.append(self._outcome(alert, end_day, now_ms))

    def _outcome(self, alert: Raised, end_day: int, now_ms: int) -> Followed:
        """Counted on the purchases themselves."""
        within = [
            (day_of(each.at_ms, self._zone), each.event.amount_minor)
            for each in self._purchases
            if isinstance(each.event, Purchase)
            and alert.first_day <= day_of(each.at_ms, self._zone) < end_day
        ]
        days = {day for day, _ in within}
        spent_minor = sum(minor for _, minor in within)
        returned = min(days, default=None)
        return Followed(
            now_ms, alert.rule, alert.at_ms, "resolved", returned, len(days), spent_minor
        )


def _is_of_that_silence(rule: AlertRule, change: PublishChange) -> bool:
    """Whether a deadline of the lifecycle is what a rule of a silence is about."""
    if change.type is not EffectType.LIFECYCLE_CHANGED or change.cause.why.value != "silence":
        return False
    before, after = change.before, change.after
    assert isinstance(before, Standing)
    assert isinstance(after, Standing)
    if rule.on == "customer.overdue":
        return after.overdue and not before.overdue
    return rule.on == "lifecycle.changed" and after.lifecycle.value in rule.to


def _follows(rule: AlertRule, change: PublishChange) -> bool:
    """Whether a change is the event that a rule is about."""
    if rule.on == "customer.won_back":
        return change.type is EffectType.CUSTOMER_WON_BACK
    if rule.on == "segment.entered":
        return change.type is EffectType.SEGMENT_ENTERED and change.after == rule.segment
    if rule.on == "segment.exited":
        return change.type is EffectType.SEGMENT_EXITED and change.before == rule.segment
    return False


def as_by_hand(alerts: Iterable[AlertEffect]) -> list[Raised | Followed]:
    """What was told, in the words of this module."""
    raised: dict[str, RaiseAlert] = {}
    told: list[Raised | Followed] = []
    for each in alerts:
        if isinstance(each, RaiseAlert):
            assert each.prospects is not None
            raised[each.alert_id] = each
            told.append(
                Raised(
                    *(each.cause.at_ms, each.rule, each.day, each.first_day, each.horizon_days),
                    each.prospects.probability,
                )
            )
            continue
        alert = raised[each.alert_id]
        assert alert.rule == each.rule
        if isinstance(each, ClearAlert):
            told.append(Followed(each.cause.at_ms, each.rule, alert.cause.at_ms, "cleared"))
        else:
            told.append(Followed(each.at_ms, each.rule, alert.cause.at_ms, "resolved", *each[4:7]))
    return told
