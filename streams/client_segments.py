"""What the API answers of segments, typed: docs/api.md says what each means.

The rest is in `streams/client_answers.py`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

Scalar: TypeAlias = bool | int | float | str


class Answer(BaseModel):
    """Anything that the API answers."""

    model_config = ConfigDict(frozen=True, extra="allow")


class InBoth(Answer):
    """Words in English and simplified Chinese."""

    en: str
    zh: str


class SegmentDay(Answer):
    """A segment at the end of a customer-day."""

    on: date
    size: int
    entered: int
    left: int


class RuleFact(Answer):
    """What a rule reads; `name` is as rules write it."""

    name: str
    label: InBoth


class Segment(Answer):
    """How many are in it, came and went; `share` is of all customers.

    `when` and `description` are those of a rule segment; `facts` and `by_day` are told of one alone.
    """

    name: str
    kind: str
    group: str
    label: InBoth
    size: int
    share: float
    entered: int
    left: int
    description: str | None = None
    when: str | None = None
    facts: list[RuleFact] | None = None
    by_day: list[SegmentDay] | None = None


class Segments(Answer):
    """All of them."""

    as_of: datetime | None
    customers: int
    days: int
    items: list[Segment]


class Membership(Answer):
    """Whether somebody is in a segment."""

    customer_id: str
    segment: str
    member: bool
    as_of: datetime


class RuleCondition(Answer):
    """A condition of a rule and the customer's value, in major units of money; None: not known."""

    text: str
    value: Scalar | None
    holds: bool


class InRule(Answer):
    """Why somebody is in a rule segment."""

    segment: str
    label: InBoth
    conditions: list[RuleCondition]


class BreakdownItem(Answer):
    """Members of whom something is the same; `share` is of those looked at."""

    value: Scalar
    customers: int
    share: float


class Breakdown(Answer):
    """A segment by one thing that is known of its members.

    The customers of `items`, `other` and `unknown` add up to `looked_at`. `values` is how many
    different ones there are; `attributes` are those that the members have, the most told first.
    """

    segment: str
    by: str
    as_of: datetime | None
    customers: int
    looked_at: int
    values: int
    items: list[BreakdownItem]
    other: int
    unknown: int
    attributes: list[str]
