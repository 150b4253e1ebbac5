"""What the assistant's tools answer of alerts, predictions and policies on trial; see `streams/mcp_answers.py`."""

from __future__ import annotations

from pydantic import Field

from streams.mcp_answers import Answer, Scalar, Words


class Rate(Answer):
    """A share with its 95 % interval."""

    hits: int
    of: int
    value: float = Field(description="0 to 1")
    low: float
    high: float


class Estimate(Answer):
    """A difference with its 95 % interval; without one nothing can be said."""

    value: float
    low: float | None
    high: float | None


class Lift(Answer):
    """Who was told of less who was held out."""

    won_back: Estimate = Field(description="difference of shares that came back")
    returns: Estimate = Field(description="customers")
    spent_minor: Estimate = Field(description="mean spend within the horizon, minor units")


class Verdict(Answer):
    """Whether alerts do anything."""

    finding: str = Field(
        description="too_few_treated, too_few_held_out, no_difference, brings_back, drives_away"
    )
    says: Words
    why: Words


class Figures(Answer):
    """What alerts come to."""

    raised: int
    resolved: int = Field(description="whose horizon has ended")
    precision: Rate | None = Field(description="share whose customer did not return in time")
    precision_untreated: Rate | None = Field(description="the same of those not sent")
    silence_days: float | None = Field(description="mean, from last purchase to a right alert")
    lead_days: float | None = Field(description="mean, from a right alert to being churned")
    lift: Lift | None = Field(description="by the holdout")
    verdict: Verdict


class RuleFigures(Answer):
    """What one rule's alerts come to."""

    rule: str
    figures: Figures


class AlertRule(Answer):
    """A rule in force."""

    name: str
    label: Words
    kind: str = Field(description="what it is about, such as churn.risk_raised")
    level: float | None = Field(description="probability from which it tells, 0 to 1")
    channel: str | None
    daily_budget: int = Field(description="alerts a day at most; 0: no limit")


class Budget(Answer):
    """Places of today."""

    rule: str
    places: int
    taken: int
    left_out: int


class AlertReport(Answer):
    """Were alerts right, early, and worth sending."""

    currency: str
    weeks: list[str] = Field(description="ISO weeks that are counted")
    rules: list[AlertRule]
    total: Figures
    by_rule: list[RuleFigures]
    budgets: list[Budget]


class Alert(Answer):
    """Somebody whom marketing is, or would be, told of."""

    customer: str = Field(description="pseudonym; ask for more by it in this session")
    rule: str
    kind: str
    raised_at: str
    horizon_days: int
    probability: float | None = Field(description="of leaving, as foretold, 0 to 1")
    at_stake_minor: int = Field(description="minor units")
    silence_days: int | None
    decision: str = Field(
        description="waiting, sent, held_out, over_budget, blocked, cleared, muted or too_old"
    )
    why: str | None = Field(description="what blocked it")
    cleared_at: str | None = Field(description="when a purchase made it void")
    returned: bool | None = Field(description="within the horizon; null: not known yet")


class Alerts(Answer):
    """A page of alerts, newest first."""

    currency: str
    items: list[Alert]
    next: str | None = Field(
        description="page of the next call; null: no more. A page may be short and still have one"
    )


class RiskQuality(Answer):
    """Risks that were foretold, against what came."""

    source: str = Field(description="model or bgnbd")
    own: bool = Field(description="whether the horizon was each customer's own")
    resolved_on: str | None = Field(description="customer-day")
    customers: int
    lost_share: float = Field(description="who did not come back, 0 to 1")
    predicted: float = Field(description="mean probability, 0 to 1")
    auc: float | None = Field(description="0.5 is chance, 1 is perfect")
    ece: float = Field(description="expected calibration error, 0 to 1")


class ForecastQuality(Answer):
    """Purchase days that were forecast, against those that came."""

    resolved_on: str | None = Field(description="customer-day")
    customers: int
    actual: int = Field(description="purchase days that came")
    bgnbd: float = Field(description="that BG/NBD had forecast")
    decayed: float = Field(description="that the rate lately had forecast")


class ClusterLine(Answer):
    """Customers who buy alike."""

    id: int
    customers: int
    says: Words


class Population(Answer):
    """What is typical of all customers, and how good its predictions have been."""

    version: int
    as_of: str | None = Field(description="customer-day")
    customers: int
    clusters: list[ClusterLine]
    clusters_drifted: str | None = Field(description="customer-day; null: never")
    risk_drifted: str | None = Field(description="customer-day; null: never")
    stale_partitions: list[int] = Field(description="whose part was of an earlier epoch")
    risks: list[RiskQuality] = Field(description="oldest first")
    forecasts: list[ForecastQuality] = Field(description="oldest first")


class Setting(Answer):
    """A setting that differs."""

    key: str
    a: Scalar | list[Scalar | None] | None
    b: Scalar | list[Scalar | None] | None


class SizeChange(Answer):
    """A segment under both policies, as the last day ended."""

    segment: str
    label: Words | None
    a: int
    b: int


class Example(Answer):
    """One customer who stands elsewhere."""

    customer: str = Field(description="pseudonym")
    net_spend_minor: int = Field(description="minor units")
    both: list[str] = Field(description="sentences true under both")
    a: list[str] = Field(description="sentences true under A only")
    b: list[str] = Field(description="sentences true under B only")


class Move(Answer):
    """Customers who stand elsewhere under B."""

    a: str | None = Field(description="segment under A")
    b: str | None = Field(description="segment under B")
    customers: int
    examples: list[Example]


class RuleHeard(Answer):
    """A rule's alerts under one policy."""

    alerts: int
    alerts_a_week: float
    judged: int = Field(description="whose horizon has ended")
    precision: float | None = Field(description="share that was right, 0 to 1")
    lead_days: float | None
    at_stake_minor: int = Field(description="minor units")


class RuleTrial(Answer):
    """A rule's alerts under both; null: that policy has no such rule."""

    rule: str
    a: RuleHeard | None
    b: RuleHeard | None


class WhatIf(Answer):
    """What would have been, had B been in force instead of A (the policy in force)."""

    history: str
    from_: str = Field(alias="from", description="first customer-day, counted in")
    to: str = Field(description="last customer-day, counted in")
    events: int = Field(description="that were replayed")
    currency: str
    differs: bool
    settings: list[Setting]
    segments: list[SizeChange] = Field(description="that differ, the largest change first")
    looked_at: int = Field(description="customers")
    differing: int = Field(description="customers who stand elsewhere")
    moves: list[Move] = Field(description="the largest first")
    alerts: list[RuleTrial]
    left_off: int = Field(description="segments and moves beyond the limit")


class Condition(Answer):
    """A condition of a rule and what it makes of a customer."""

    condition: str
    value: str
    holds: bool


class Held(Answer):
    """Somebody whom a rule holds of."""

    customer: str = Field(description="pseudonym")
    conditions: list[Condition]


class Overlap(Answer):
    """A segment that members of the rule are in, too."""

    segment: str
    label: Words
    customers: int
    share: float = Field(description="of the rule's members, 0 to 1")


class Checked(Answer):
    """What a rule would bring, were it published now."""

    segment: str
    when: str
    status: str = Field(description="new, changed or the same")
    of: int = Field(description="customers in all")
    customers: int = Field(description="whom it holds of")
    share: float = Field(description="of all, 0 to 1")
    accounts: int
    before: int = Field(description="in the segment now")
    entering: int
    leaving: int
    cannot_be_published: str | None = Field(default=None, description="why, if so")
    overlaps: list[Overlap]
    sample: list[Held]
