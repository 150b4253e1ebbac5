"""What the API answers of alerts, typed: docs/api.md says what each means.

The rest is in `streams/client_answers.py`. Shares are of alerts that have an outcome.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from streams.client_segments import Answer, InBoth


class AlertOutcome(Answer):
    """What the customer did within the horizon."""

    returned: bool
    returned_on: date | None
    purchase_days: int
    spent_minor: int


class Alert(Answer):
    """An alert: what was foretold, what was decided, what came of it.

    `event` is the CloudEvent as it was published, until the horizon has ended. `arm` is the
    customer's half of the experiment, `why` what blocked the alert.
    """

    id: str
    rule: str
    kind: str
    customer_id: str
    raised_at: datetime
    day: date
    horizon_days: int
    probability: float | None
    at_stake_minor: int
    silence_days: int | None
    arm: str
    decision: str
    why: str | None
    decided_at: datetime | None
    cleared_at: datetime | None
    outcome: AlertOutcome | None
    event: dict[str, Any] | None


class AlertPage(Answer):
    """Some of them, newest first; `next` is the cursor of the following page."""

    items: list[Alert]
    next: str | None


class AlertsOfCustomer(Answer):
    """All that are kept of one customer, newest first."""

    customer_id: str
    items: list[Alert]


class AlertRate(Answer):
    """A share of alerts, with its 95 % interval."""

    hits: int
    of: int
    value: float
    low: float
    high: float


class Estimate(Answer):
    """A difference with its 95 % interval; without one, nothing can be said."""

    value: float
    low: float | None
    high: float | None


class CalibrationBin(Answer):
    """Alerts of about the same probability."""

    alerts: int
    predicted: float
    lost: float


class AlertCalibration(Answer):
    """Probabilities against what came; `bins` are told of totals."""

    alerts: int
    predicted: float
    lost: float
    ece: float
    bins: list[CalibrationBin] | None


class AlertGroup(Answer):
    """Alerts that were sent (`treated`), `held_out` or `not_sent`."""

    group: str
    raised: int
    resolved: int
    precision: AlertRate | None
    won_back: AlertRate | None
    days_to_return: float | None
    spent_minor: float | None


class AlertLift(Answer):
    """Who was told less who was held out."""

    won_back: Estimate
    returns: Estimate
    spent_minor: Estimate


class AlertVerdict(Answer):
    """Whether alerts do anything, and what that is read from."""

    finding: str
    says: InBoth
    why: InBoth


class AlertFigures(Answer):
    """What some alerts come to; docs/api.md explains each figure."""

    raised: int
    resolved: int
    groups: list[AlertGroup]
    precision: AlertRate | None
    precision_untreated: AlertRate | None
    silence_days: float | None
    lead_days: float | None
    calibration: AlertCalibration | None
    calibration_untreated: AlertCalibration | None
    lift: AlertLift | None
    verdict: AlertVerdict


class AlertsOfRule(Answer):
    """A rule over all weeks."""

    rule: str
    figures: AlertFigures


class AlertsOfWeek(Answer):
    """A rule in one ISO week."""

    rule: str
    week: str
    figures: AlertFigures


class AlertRuleInForce(Answer):
    """A rule of the policy; `level` is that of a risk, `daily_budget` 0 without one."""

    name: str
    label: InBoth
    kind: str
    level: float | None
    channel: str | None
    daily_budget: int


class BudgetToday(Answer):
    """A rule's places of today."""

    rule: str
    places: int
    taken: int
    left_out: int


class EndpointState(Answer):
    """How a receiver does; numbers of alerts, `delivered` since the beginning."""

    name: str
    delivered: int
    waiting: int
    dead: int
    disabled: bool
    paused_until: datetime | None


class AlertReport(Answer):
    """What alerts come to: in all, by rule, by rule and week."""

    weeks: list[str]
    rules: list[AlertRuleInForce]
    total: AlertFigures
    by_rule: list[AlertsOfRule]
    by_week: list[AlertsOfWeek]
    budgets: list[BudgetToday]
    endpoints: list[EndpointState]


class LeftOut(Answer):
    """How many members of a page were left out, by the first reason that holds."""

    suppressed: int
    no_consent: int
    too_often: int
    held_out: int
