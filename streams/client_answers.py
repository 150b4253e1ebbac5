"""What the API answers, typed: docs/api.md says what each means.

Fields that a newer API adds are kept as they came; times are with a zone, amounts in minor units.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field

from streams.client_alerts import LeftOut
from streams.client_segments import Answer, InBoth, InRule


class Reason(Answer):
    """What moves a customer's risk; `factor` of the odds."""

    factor: float
    en: str
    zh: str


class ChurnRisk(Answer):
    """How likely they buy nothing within the horizon; a source is `model` or `bgnbd`."""

    band: str | None
    horizon_days: int
    probability: float
    source: str
    own_horizon_days: int
    own_probability: float
    own_source: str
    usual_in_lifecycle: float | None
    at_stake_minor: int
    reasons: list[Reason]


class Value(Answer):
    """What is to be expected of them."""

    tier: str | None
    horizon_days: int
    expected_purchase_days: float
    expected_spend_minor: int
    forecaster: str
    usual_year_minor: int
    lifetime_value_minor: int
    discounted_value_minor: int
    growth: str | None


class AttachmentRow(Answer):
    """A row of the score card; `value` in days or categories."""

    name: str
    value: int | None
    points: int
    most: int


class Attachment(Answer):
    """How attached they are, and why."""

    level: str
    points: int
    most: int
    rows: list[AttachmentRow]


class ToDo(Answer):
    """What is to be done; null where nobody has said so."""

    action: InBoth | None
    goal: InBoth | None
    owner: InBoth | None


class Stage(Answer):
    """What sales say beside what is observed; a verdict is agrees, ahead, behind or unknown_word."""

    said: str
    means: str | None
    said_at: datetime
    observed: str
    observed_since: datetime
    verdict: str
    since: datetime


class ValueGrid(Answer):
    """Where they stand on the value grid; docs/value-grid.md."""

    field: str | None
    label: InBoth | None
    worth: str | None
    attachment: Attachment | None
    to_do: ToDo | None
    wallet_share_365d: float | None
    yearly_budget_minor: int | None
    stage: Stage | None


class NextPurchase(Answer):
    """When they would buy next, going by their rhythm."""

    expected_on: date
    days_overdue: int


class InCluster(Answer):
    """Who they are like."""

    id: int
    customers: int
    says: InBoth


class RfmScores(Answer):
    """Scores and group in one scheme."""

    recency: int
    frequency: int
    monetary: int
    group: str


class LimitsDays(Answer):
    """The longest silences before each deadline."""

    overdue_days: int
    dormant_days: int
    churned_days: int


class Favourite(Answer):
    """A category, brand, channel or store of the last year; `label` is None where its name is not known."""

    label: str | None
    spent_minor: int
    share: float | None
    days: int


class Customer(Answer):
    """Where somebody stands; `asked_for` is another name that they were asked for by.

    `unknown_attributes` are those that rules read and the profile does not tell; `engagement` is
    type → the last time.
    """

    customer_id: str
    asked_for: str | None = None
    names: list[str]
    lifecycle: str
    flags: list[str]
    lifecycle_since: datetime
    next_deadline: datetime | None
    next_deadline_brings: str | None
    silence_days: int | None
    cadence_days: float | None
    limits_days: LimitsDays | None
    purchase_days: int
    purchases: int
    net_spend_minor: int
    currency: str
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    attributes: dict[str, Any]
    unknown_attributes: list[str] = Field(default_factory=list)
    age_band: str | None = None
    engagement: dict[str, datetime] = Field(default_factory=dict)
    satisfaction: float | None = None
    favourites: dict[str, list[Favourite]] | None = None
    rfm: dict[str, RfmScores] | None
    cluster: InCluster | None = None
    churn_risk: ChurnRisk | None = None
    value: Value | None = None
    value_grid: ValueGrid | None = None
    next_purchase: NextPurchase | None = None
    population: int | None
    segments: list[str]
    partition: int
    sequence: int
    as_of: datetime
    live: bool
    offset: int
    explanation: list[str] | None = None
    rules: list[InRule] | None = None
    kept_since: datetime | None = None


class Summary(Answer):
    """A customer in a list; `segments` are names such as `lifecycle/active`."""

    customer_id: str
    lifecycle: str
    flags: list[str]
    last_purchase_at: datetime | None
    purchase_days: int
    net_spend_minor: int
    tier: str | None
    risk: str | None
    own_probability: float | None
    segments: list[str]


class Page(Answer):
    """Some of a list; `next` is the cursor of the following page.

    `left_out` is told where some were to be left out.
    """

    items: list[Summary]
    next: str | None
    left_out: LeftOut | None = None


class Asked(Answer):
    """One of many: the customer, or why there is none."""

    id: str
    customer: Customer | None = None
    error: str | None = None


class AskedPage(Answer):
    """In the order asked."""

    items: list[Asked]


class HistoryEntry(Answer):
    """A change that was published."""

    sequence: int
    type: str
    at: datetime
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    since: datetime
    scheme: str | None = None
    segment: str | None = None


class History(Answer):
    """The newest changes of one customer, oldest first."""

    customer_id: str
    items: list[HistoryEntry]


class Bought(Answer):
    """A purchase or a refund; `items` are units."""

    at: datetime
    kind: str
    amount_minor: int
    returned_minor: int
    items: int


class RiskThen(Answer):
    """Their risk on a day."""

    on: date
    silence_days: int
    lifecycle: str
    probability: float | None
    own_probability: float | None


class Timeline(Answer):
    """What is remembered of one customer."""

    customer_id: str
    currency: str
    kept_since: datetime
    as_of: datetime
    purchases: list[Bought]
    risk: list[RiskThen]


class PopulationInForce(Answer):
    """What customers are measured against."""

    version: int
    as_of: date
    customers: int


class PolicyInForce(Answer):
    """The rules; `number` is 0 of a file, and counts those that were published from 1."""

    number: int = 0
    preset: str
    version: str
    currency: str
    currency_digits: int
    timezone: str


class PartitionState(Answer):
    """One partition; `lag` and `freshness_ms` are None without a worker, `population` at first."""

    partition: int
    live: bool
    clock: datetime | None
    offset: int
    lag: int | None
    freshness_ms: int | None
    population: int | None


class Overview(Answer):
    """The state of the installation."""

    namespace: str
    as_of: datetime | None
    live: bool
    customers: int
    events_per_s: float | None
    lag: int | None
    freshness_ms: int | None
    source_delay_ms: int | None
    population: PopulationInForce | None
    policy: PolicyInForce
    partitions: list[PartitionState]


class Change(Answer):
    """A published change; `cursor` is where a stream goes on from, `into` who was merged into.

    `segment` is the rule segment that was entered or left, `scheme` that of another group.
    """

    id: str
    type: str
    time: datetime
    customer_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    cause: str
    since: datetime
    sequence: int
    retracts: list[str] = Field(default_factory=list)
    policy: str
    population: int | None
    scheme: str | None = None
    segment: str | None = None
    into: str | None = None
    cursor: str | None = None


class ChangePage(Answer):
    """The newest first."""

    items: list[Change]


class Written(Answer):
    """Where an event stands in the log."""

    event_id: str
    partition: int
    offset: int


class Place(Answer):
    """In the log."""

    partition: int
    offset: int


class Removed(Answer):
    """What there was of a person."""

    state: bool
    purchases: int
    remembered: int
    attributes: int
    in_sketch: bool
    names: int


class Receipt(Answer):
    """What an erasure took away; nothing says who it was."""

    pseudonym: str
    event_id: str
    log: Place
    erased_through: datetime
    removed: Removed
