"""What the assistant's tools answer, typed: each field with its meaning and unit.

Only what is named here leaves: a field that an answer has beside these is dropped, so nothing new that is
known of people reaches an assistant before somebody has written it down here. What is said of alerts and of
policies on trial is in `streams/mcp_answers_more.py`.

Enters: plain values. Leaves: models. Forbidden here: asking for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from streams.mcp_masking import clean

Scalar = bool | int | float | str
Share = Annotated[float, Field(description="0 to 1")]
Minor = Annotated[int, Field(description="in minor units of the currency, such as cents")]


class Answer(BaseModel):
    """Anything that a tool answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def told(cls, plain: Any) -> Self:
        """The answer of plain values, with clean texts."""
        return cls.model_validate(clean(plain))


class Words(Answer):
    """The same in English and simplified Chinese."""

    en: str
    zh: str


class Rfm(Answer):
    """Scores of one RFM scheme."""

    recency: int = Field(description="score, higher is more recent")
    frequency: int = Field(description="score, higher is more often")
    monetary: int = Field(description="score, higher is more spent")
    group: str | None = Field(default=None, description="the scheme's group")


class Reason(Answer):
    """What moves a risk."""

    factor: float = Field(
        description="the odds of leaving are multiplied by it; above 1 raises them"
    )
    en: str
    zh: str


class Risk(Answer):
    """How likely somebody buys nothing within a horizon."""

    band: str | None = Field(description="low, elevated or high")
    probability: float = Field(description="of buying nothing within horizon_days, 0 to 1")
    horizon_days: int = Field(description="the same for all customers")
    own_probability: float = Field(description="of buying nothing within own_horizon_days, 0 to 1")
    own_horizon_days: int = Field(description="of this customer's own rhythm")
    source: str = Field(description="model, or bgnbd: what predicts probability")
    usual_in_lifecycle: float | None = Field(
        description="mean probability among customers in the same lifecycle state, 0 to 1"
    )
    at_stake_minor: int = Field(description="what would be lost with them, minor units")
    reasons: list[Reason] = Field(description="the strongest first")


class Value(Answer):
    """What somebody is worth."""

    tier: str | None = Field(description="low, medium or high")
    expected_purchase_days: float = Field(description="within horizon_days")
    expected_spend_minor: int | None = Field(description="within horizon_days, minor units")
    horizon_days: int
    lifetime_value_minor: int | None = Field(description="undiscounted, minor units")


class Cluster(Answer):
    """Customers who buy alike."""

    id: int
    customers: int
    says: Words = Field(description="what sets it apart")


class Customer(Answer):
    """Where a customer stands."""

    customer: str = Field(description="pseudonym; ask again by it in this session")
    as_of: str = Field(description="the moment shown, event time")
    live: bool = Field(description="false: only as far as the log has been read")
    lifecycle: str = Field(description="prospect, new, active, dormant or churned")
    flags: list[str] = Field(description="such as overdue, won_back")
    lifecycle_since: str
    next_deadline: str | None = Field(description="when silence changes the state next")
    next_deadline_brings: str | None
    silence_days: int | None = Field(description="customer-days since the last purchase")
    cadence_days: float | None = Field(description="usual days between two purchase days")
    purchases: int
    purchase_days: int = Field(description="distinct days with a purchase")
    net_spend_minor: int = Field(description="spent less given back, minor units")
    currency: str = Field(description="ISO 4217")
    first_purchase_at: str | None
    last_purchase_at: str | None
    attributes: dict[str, Scalar] = Field(
        description='of the profile; "masked" where the value is withheld'
    )
    unknown_attributes: list[str] = Field(description="that rules read and nobody has told")
    age_band: str | None = Field(description='"masked" where it is withheld')
    segments: list[str] = Field(description="kind/group, as segment and segment_members take it")
    rfm: dict[str, Rfm] | None = Field(description="by scheme; null before the first population")
    cluster: Cluster | None
    churn_risk: Risk | None = Field(description="null for a prospect, and before it is known")
    value: Value | None
    favourites: dict[str, list[str]] = Field(
        description="category, brand, channel, store: what they spent most on within a year"
    )
    population: int | None = Field(description="version of what they are measured against")


class Explanation(Answer):
    """Why a customer stands where they stand."""

    customer: str = Field(description="pseudonym")
    as_of: str = Field(description="the moment shown, event time")
    sentences: list[str] = Field(description="in order: standing, limits, risk, value, rules")


class SegmentLine(Answer):
    """A segment among others."""

    name: str = Field(description="kind/group")
    label: Words
    size: int = Field(description="customers (of account. segments: accounts)")
    share: Share = Field(description="of all customers, or of all accounts, 0 to 1")
    entered: int = Field(description="within the days")
    left: int = Field(description="within the days")
    when: str | None = Field(default=None, description="the rule, of a rule segment")


class SegmentList(Answer):
    """Segments, and who moved lately."""

    as_of: str | None
    customers: int = Field(description="in all")
    days: int = Field(description="that entered and left are counted over")
    items: list[SegmentLine]
    left_off: int = Field(description="segments that nobody is in, or beyond the limit")


class Sentence(Answer):
    """Of a persona."""

    en: str
    zh: str
    numbers: dict[str, float | int | str | None] = Field(description="what it is read off")


class Play(Answer):
    """What is to be done about a segment."""

    action: str
    goal: str | None = None
    owner: str | None = None


class Evaluation(Answer):
    """Whether a segment is worth working with."""

    verdict: str = Field(description="yes, no, or untold")
    spend_share: float | None = Field(description="of what all customers spent in a year, 0 to 1")
    known: float | None = Field(description="members of whom enough is known, 0 to 1")
    reasons: list[str] = Field(description="in English")


class Persona(Answer):
    """What kind of people are in a segment, of the newest survey; of groups, never of one person."""

    name: Words
    sentences: list[Sentence]
    play: Play | None
    evaluation: Evaluation
    taken_at: str | None = Field(description="when the survey was taken")
    outdated: bool = Field(description="another policy has come into force since")


class Day(Answer):
    """A segment at the end of a customer-day."""

    on: str
    size: int
    entered: int
    left: int


class Fact(Answer):
    """What a rule reads."""

    name: str
    label: Words


class Segment(SegmentLine):
    """One segment."""

    description: str | None = None
    facts: list[Fact] | None = Field(default=None, description="what its rule reads")
    by_day: list[Day] = Field(description="oldest first")
    persona: Persona | None
    persona_missing: str | None = Field(default=None, description="why there is no persona")


class Member(Answer):
    """A customer in a list."""

    customer: str = Field(description="pseudonym; ask for more by it in this session")
    lifecycle: str
    flags: list[str]
    last_purchase_at: str | None
    purchase_days: int = Field(description="distinct days with a purchase")
    net_spend_minor: int = Field(description="minor units")
    tier: str | None
    risk: str | None = Field(description="band")
    own_probability: float | None = Field(
        description="of buying nothing within a horizon of their own rhythm, 0 to 1"
    )


class Members(Answer):
    """A page of a segment's members."""

    segment: str
    size: int = Field(description="how many are in it")
    currency: str
    items: list[Member]
    next: str | None = Field(description="page of the next call; null: these were the last")


class Flow(Answer):
    """Customers who went from one lifecycle state into another."""

    before: str | None = Field(description="null: first known")
    after: str | None = Field(description="null: erased, or merged into another")
    count: int


class Flows(Answer):
    """Moves between lifecycle states."""

    from_: str = Field(alias="from", description="first customer-day, counted in")
    to: str = Field(description="last customer-day, counted in")
    items: list[Flow]


class Installation(Answer):
    """The state of the installation."""

    as_of: str | None = Field(description="the moment shown, event time")
    live: bool = Field(description="whether every partition was lately read to its end")
    customers: int
    lag: int | None = Field(description="records in the log not folded yet; null: not known")
    freshness_ms: int | None = Field(description="from the log into the store, newest record")
    policy_number: int = Field(description="under which it was published; 0: of the file")
    preset: str
    currency: str = Field(description="ISO 4217")
    currency_digits: int = Field(description="minor units are 10^-digits of a major one")
    timezone: str = Field(description="of customer-days")
    population: int | None = Field(description="version in force")
    shown_attributes: list[str] = Field(description="whose values are not masked here")
    lasting_pseudonyms: bool = Field(description="false: another session gives other ones")
    histories: list[str] = Field(description="that what_if can replay")
