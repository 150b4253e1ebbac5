"""The shapes that only the OpenAPI document needs; `streams/client_answers.py` has the others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.events import Id, OccurredAt
from streams.client_answers import Summary
from streams.client_segments import InBoth


class Body(BaseModel):
    """A body that is sent to the API."""

    model_config = ConfigDict(extra="forbid")


class Ids(Body):
    """Whom to look up."""

    ids: Annotated[list[str], Field(max_length=1_000)]


class EventIn(BaseModel):
    """One event; docs/events.md lists what each kind has besides."""

    model_config = ConfigDict(extra="allow")
    kind: Literal["purchase", "refund", "profile", "engagement", "merge"]
    customer_id: Id
    occurred_at: OccurredAt
    event_id: Id | None = None


class IngestedEvent(BaseModel):
    """What became of one event of a webhook."""

    outcome: Literal["written", "ignored", "dead_letter"]
    kind: str | None = None
    event_id: str | None = None
    reason: str | None = None
    detail: str | None = None


class Ingested(BaseModel):
    """What became of a webhook; `dead_letters` stand in the topic of that name."""

    written: int
    ignored: int
    dead_letters: int
    events: list[IngestedEvent]


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str | None = None
    reason: str | None = None


class SearchPage(BaseModel):
    """Some of those who fit."""

    items: list[Summary]
    next: str | None
    searched: int


class SizesOn(BaseModel):
    """Customers by lifecycle state at the end of a customer-day."""

    on: date
    sizes: dict[str, int]


class SizesThroughTime(BaseModel):
    """Oldest first."""

    as_of: datetime | None
    items: list[SizesOn]


class Flow(BaseModel):
    """From one state to another; null: not known before, or not any more."""

    before: str | None
    after: str | None
    count: int


class Flows(BaseModel):
    """Within some days."""

    model_config = ConfigDict(populate_by_name=True)
    since: date = Field(alias="from")
    to: date
    items: list[Flow]


class HeatmapCell(BaseModel):
    """Customers with one pair of scores."""

    recency: int
    frequency: int
    customers: int
    mean_spend_minor: int
    groups: dict[str, int]


class Heatmap(BaseModel):
    """By recency and frequency."""

    scheme: str
    population: int
    customers: int
    counted: int
    recency: list[int]
    frequency: list[int]
    cells: list[HeatmapCell]


class AxisWeight(BaseModel):
    """What an axis is made of."""

    feature: str
    weight: float


class MapAxis(BaseModel):
    """A direction of the map."""

    name: str
    share: float
    says: list[AxisWeight]


class MapCluster(BaseModel):
    """A cluster on the map."""

    id: int
    name: str
    customers: int
    share: float
    says: InBoth
    x: float
    y: float
    centroid: dict[str, float]


class MapPoint(BaseModel):
    """A customer on the map."""

    x: float
    y: float
    cluster: int


class ClusterMapBody(BaseModel):
    """Where clusters and customers lie."""

    population: int
    as_of: date
    customers: int
    counted: int
    axes: list[MapAxis]
    clusters: list[MapCluster]
    points: list[MapPoint]


class CohortRow(BaseModel):
    """Those who first bought in a month."""

    cohort: str
    customers: int
    retained: list[float]


class CohortTable(BaseModel):
    """Oldest first."""

    as_of: datetime | None
    customers: int
    counted: int
    items: list[CohortRow]


class Pending(BaseModel):
    """An erasure that stands in the log, and that no worker has acted on yet."""

    status: Literal["pending"]
    detail: str


class Alive(BaseModel):
    """How the process is."""

    status: str
