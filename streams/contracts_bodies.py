"""What the bodies of our own messages hold, typed: for the contracts, which are made from it.

The bodies themselves are built where they are written (`streams/messages.py`, `streams/messages_alerts.py`,
`streams/webhook_body.py`); a test holds what a fold really tells against these types.
Enters: nothing. Forbidden here: building a body.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from models.alert_record import Arm
from models.churn import Source as Model
from models.effects import Why
from models.erasure import Removed
from models.lifecycle import State
from models.policy import Policy
from models.policy_alerts import Kind as AlertKind
from models.policy_record import SCHEMA_VERSION as POLICY_SCHEMA
from models.population import SCHEMA_VERSION as POPULATION_SCHEMA
from models.population import Population
from models.segments import FLAGS
from streams.contracts_schema import JsonObject, schema_of, words

Effect = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Whole = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Standing(BaseModel):
    """A lifecycle state and the flags beside it."""

    lifecycle: State
    flags: list[Annotated[str, Field(json_schema_extra=words(FLAGS))]]


class Group(BaseModel):
    """A group of customers, by name."""

    group: str


class _Told(BaseModel):
    customer_id: str = Field(description="the record's key, too")


class _Change(_Told):
    since: datetime = Field(description="when `after` began, event time")
    reason: str = Field(description="why, in a word", json_schema_extra=words(Why))
    cause: str = Field(description="the event or the deadline; the same in each replay")
    sequence: int = Field(ge=1, description="counts the customer's changes and alerts")
    retracts: list[Effect] = Field(description="ids of earlier changes that were never true")
    policy: str = Field(description="version of the policy in force")
    population: int | None = Field(
        ge=1, description="version of the population in force; null before the first"
    )


class LifecycleChange(_Change):
    """Another lifecycle state, or other flags."""

    before: Standing | None = Field(description="null: the customer was not known")
    after: Standing


class CustomerGone(_Change):
    """The id stands for nobody any more."""

    before: Standing | None
    after: None


class CustomerMerged(CustomerGone):
    """The id is another name of a person from now on."""

    into: str = Field(description="the id that stays")


class GroupChange(_Change):
    """Another group of a kind of which there is one."""

    before: Group | None = Field(description="null: in no group")
    after: Group | None = Field(description="null: in no group any more")


class SchemeChange(GroupChange):
    """Another group of a scheme."""

    scheme: str = Field(description="which scheme")


class TierChange(GroupChange):
    """Another value tier: the usual one, or that of a scheme of the policy."""

    scheme: str = Field(
        default="", description="`value.NAME` of the policy's; left out of the usual one"
    )


class SegmentChange(GroupChange):
    """A rule segment was entered (`before` null) or left (`after` null)."""

    segment: str = Field(description="`rule/NAME`")


class InBoth(BaseModel):
    """The same in English and simplified Chinese."""

    en: str
    zh: str


class AlertReason(InBoth):
    """What moves the risk."""

    factor: float = Field(ge=0, description="on the odds, against the average customer")


class Calibration(BaseModel):
    """How the model's newest resolved predictions did."""

    customers: Whole
    predicted: Share = Field(description="mean probability")
    lost: Share = Field(description="share that was lost")
    ece: Share = Field(description="expected calibration error")
    auc: Share | None
    resolved_on: date


class Action(InBoth):
    """What is to be done."""

    goal: str | None
    owner: str | None
    goal_zh: str = Field(default="", description="where the policy has it")
    owner_zh: str = Field(default="", description="where the policy has it")


class Holdout(BaseModel):
    """How the held out were drawn."""

    share: Share
    salt: str


class _Alert(_Told):
    sequence: int = Field(ge=1, description="counts the customer's changes and alerts")
    policy: str = Field(description="version of the policy in force")
    population: int | None = Field(ge=1, description="version of the population in force")


class AlertRaised(_Alert):
    """Marketing is told of one customer."""

    rule: str = Field(description="of the policy")
    kind: str = Field(
        description="of the rule; `ce_type`, too", json_schema_extra=words(get_args(AlertKind))
    )
    says: InBoth = Field(description="what has happened")
    reason: str = Field(json_schema_extra=words(Why))
    cause: str
    day: date = Field(description="customer-day on which it is raised")
    horizon_days: int = Field(ge=1, description="what the probability is for")
    counts_from: date = Field(description="the first day on which a purchase counts as a return")
    counts_until: date = Field(description="the last one")
    followed_days: int = Field(ge=1)
    probability: Share | None = Field(description="of no purchase within the horizon")
    model: Annotated[str, Field(json_schema_extra=words(get_args(Model)))] | None = Field(
        description="who says so"
    )
    calibration: Calibration | None = Field(description="null: not judged yet")
    expected_on: date | None = Field(description="next purchase expected")
    days_overdue: Whole | None
    usual_year_minor: int | None = Field(description="spent in a usual year")
    at_stake_minor: int | None = Field(description="a usual year × the probability")
    reasons: list[AlertReason]
    currency: str = Field(pattern="^[A-Z]{3}$")
    silence_days: Whole | None
    churned_on: date | None = Field(description="when they would be called churned")
    lifecycle: State
    flags: list[Annotated[str, Field(json_schema_extra=words(FLAGS))]]
    groups: dict[str, str] = Field(description="kind → group")
    segments: list[str] = Field(description="rule segments")
    segment: str | None = Field(description="that was entered or left")
    action: Action | None = Field(description="of the playbook")
    cancelled_by: InBoth | None = Field(description="what would make it void")
    arm: Arm
    holdout: Holdout


class RiskCleared(_Alert):
    """A purchase has ended the silence that an alert told of."""

    rule: str
    retracts: list[Effect] = Field(description="the alert's id", min_length=1, max_length=1)
    reason: str = Field(
        description="`late_purchase`: the silence had never been", json_schema_extra=words(Why)
    )
    cause: str


class AlertResolved(_Alert):
    """The horizon of an alert has ended."""

    rule: str
    alert: Effect
    returned: bool
    returned_on: date | None
    purchase_days: Whole = Field(description="within the horizon")
    spent_minor: int = Field(description="net, within the horizon")


class CustomerForgotten(_Told):
    """Somebody was erased: who keeps alerts forgets, too."""


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured mode."""

    specversion: Literal["1.0"]
    id: Effect = Field(description="unique to the cause: drop one that you have seen")
    type: str
    source: str = Field(json_schema_extra={"format": "uri-reference"})
    time: datetime = Field(description="event time")
    datacontenttype: Literal["application/json"]


class AlertEvent(CloudEvent):
    """An alert as a webhook gets it."""

    type: str = Field(json_schema_extra=words(get_args(AlertKind)))
    subject: str = Field(description="the customer id")
    data: AlertRaised = Field(description="the body on `churn-alerts.v1`")


class ClearedEvent(CloudEvent):
    """That an alert is void, as a webhook gets it."""

    type: Literal["churn.risk_cleared"]
    subject: str = Field(description="the customer id")
    data: RiskCleared = Field(description="the body on `churn-alerts.v1`")


class Tried(BaseModel):
    """No customer is meant, nothing is to be done."""

    kind: Literal["segmenter.test"]
    test: Literal[True]
    says: InBoth


class TestEvent(CloudEvent):
    """Of `segmenter alerts test`."""

    __test__ = False
    type: Literal["segmenter.test"]
    data: Tried


class SlackMessage(BaseModel):
    """For people: a paragraph an alert."""

    text: str


class ErasedMark(BaseModel):
    """That someone was erased; nothing says who it was."""

    through_ms: Whole = Field(
        description="nothing that happened by then counts, epoch milliseconds"
    )
    event: str = Field(pattern="^[0-9a-f]{16}$", description="hash of the erasure's event id")
    removed: Removed
    key_id: str = Field(description="of the hash key that the record's key was made with")
    partition: Whole
    partitions: int = Field(ge=1)


class PublishedBody(BaseModel):
    """A policy as it was published."""

    schema_: int = Field(alias="schema", json_schema_extra={"const": POLICY_SCHEMA})
    number: int = Field(ge=1)
    published_at_ms: Whole
    note: str
    silent: bool
    version: str
    policy: Policy


def population_schema() -> JsonObject:
    """Of a population's body: its fields, and the number of its schema beside them."""
    made = schema_of(Population)
    number = {"const": POPULATION_SCHEMA, "type": "integer"}
    fields = {"schema": number, **made["properties"]}
    return {**made, "properties": fields, "required": ["schema", *made["required"]]}
