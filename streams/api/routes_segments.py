"""Routes about segments and all customers."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from models.segments import segments_by_kind
from streams import client_answers as answers
from streams import client_segments as segment_answers
from streams import client_surveys as survey_answers
from streams.api import schemas
from streams.api.answering import documented, json_answer, parts_of
from streams.api.breakdown import FORM, LOOKED_AT
from streams.api.exports import as_header, counted, whole
from streams.api.front import named_id
from streams.api.parts import Answers
from streams.api.people import WhyNot
from streams.api.routes_customers import Cursor, CustomerId, Limit, found_now
from streams.messages import rfc3339

router = APIRouter(prefix="/v1", tags=["segments"])
Kind = Annotated[str, Path(min_length=1, examples=["lifecycle"])]
Group = Annotated[str, Path(min_length=1, examples=["active"])]
LEFT_OUT = "x-left-out"
Days = Annotated[int, Query(ge=1, le=400, description="customer-days to look back")]

By = Annotated[
    str,
    Query(
        description="lifecycle, risk, age_band, profile.region, rfm.quintile, segment.vip, …",
        max_length=300,
        json_schema_extra={"pattern": FORM},
        examples=["profile.region"],
    ),
]


def _name(kind: str, group: str) -> str:
    return f"{named_id(kind, 'kind')}/{named_id(group, 'group')}"


@router.get("/segments", responses=documented(segment_answers.Segments))
async def segments(request: Request, days: Days = 30) -> Response:
    """All segments with their sizes and movement."""
    return json_answer(await parts_of(request).answers.board.segments(days))


@router.get("/segments/{kind}/{group}", responses=documented(segment_answers.Segment))
async def segment(request: Request, kind: Kind, group: Group, days: Days = 90) -> Response:
    """One segment, day by day."""
    return json_answer(await parts_of(request).answers.board.segment(_name(kind, group), days))


@router.get("/segments/{kind}/{group}/members", responses=documented(answers.Page))
async def members(
    request: Request,
    kind: Kind,
    group: Group,
    limit: Limit = 100,
    cursor: Cursor = "",
    format: Annotated[  # noqa: A002 - the parameter's public name
        Literal["json", "csv"], Query(description="csv: all of them, as one file")
    ] = "json",
    holdout: Annotated[
        Literal["keep", "leave_out"],
        Query(description="leave_out: without those whom alerts are held out of"),
    ] = "keep",
    channel: Annotated[
        str,
        Query(
            alias="for",
            pattern="^[a-z0-9_-]{0,32}$",
            description="without those whom the gate of alerts refuses for this channel",
            examples=["email"],
        ),
    ] = "",
) -> Response:
    """The members of a segment, page by page."""
    name, parts = _name(kind, group), parts_of(request)
    its = parts.answers
    await its.board.require_segment(name)
    if holdout == "keep" and not channel:
        if format == "json":
            return json_answer(await its.people.members(name, cursor, limit))
        return _file(name, its.people.csv(name))
    why_not = await its.exports.why_not(
        channel, parts.clock(), leave_out_held_out=holdout == "leave_out"
    )
    if format == "csv":
        return await _counted_file(name, its, why_not)
    left_out = Counter[str]()
    page = await its.people.members(name, cursor, limit, why_not, left_out)
    return json_answer({**page, "left_out": counted(left_out)})


async def _counted_file(name: str, its: Answers, why_not: WhyNot) -> Response:
    """Headers come first, so all of it is read before any of it is sent."""
    left_out = Counter[str]()
    pieces = await whole(its.people.csv(name, why_not, left_out))
    return _file(name, pieces, **{LEFT_OUT: as_header(left_out)})


def _file(
    name: str, pieces: AsyncIterator[bytes] | Iterator[bytes], **headers: str
) -> StreamingResponse:
    file = name.replace("/", "-").replace(".", "-")
    headers["content-disposition"] = f'attachment; filename="{file}.csv"'
    return StreamingResponse(pieces, media_type="text/csv", headers=headers)


@router.get(
    "/segments/{kind}/{group}/members/{customer_id}",
    responses=documented(segment_answers.Membership),
)
async def is_member(
    request: Request, kind: Kind, group: Group, customer_id: CustomerId
) -> Response:
    """Whether a customer is in a segment at the moment of asking."""
    name, its = _name(kind, group), parts_of(request).answers
    await its.board.require_segment(name)
    found = await found_now(request, customer_id, its)
    return json_answer(
        {
            "customer_id": found.customer_id,
            "segment": name,
            "member": name in segments_by_kind(found.customer_id, found.state).values(),
            "as_of": rfc3339(found.as_of_ms),
        }
    )


@router.get("/segments/{kind}/{group}/breakdown", responses=documented(segment_answers.Breakdown))
async def breakdown(
    request: Request,
    kind: Kind,
    group: Group,
    by: By,
    limit: Annotated[int, Query(ge=1, le=LOOKED_AT, description="members looked at")] = LOOKED_AT,
) -> Response:
    """The members of a segment by one thing that is known of them."""
    name, its = _name(kind, group), parts_of(request).answers
    await its.board.require_segment(name)
    return json_answer(await its.breakdowns.of(name, by, limit))


@router.get("/segments/{kind}/{group}/persona", responses=documented(survey_answers.Persona))
async def persona(request: Request, kind: Kind, group: Group) -> Response:
    """Who is in a segment, in words and numbers; what to do; whether it is worth working with. Of the newest survey."""
    name, its = _name(kind, group), parts_of(request).answers
    await its.board.require_segment(name)
    return json_answer(await its.surveys.persona(name))


@router.get("/personas", responses=documented(survey_answers.Personas))
async def personas(request: Request) -> Response:
    """What kind of people are in each segment, in words. Of the newest survey."""
    return json_answer(await parts_of(request).answers.surveys.personas())


@router.get("/overview", responses=documented(answers.Overview))
async def overview(request: Request) -> Response:
    """The state of the installation."""
    return json_answer(await parts_of(request).answers.board.overview())


@router.get("/lifecycle/sizes", responses=documented(schemas.SizesThroughTime))
async def sizes(request: Request, days: Days = 365) -> Response:
    """Customers by lifecycle state, day by day."""
    return json_answer(await parts_of(request).answers.board.lifecycle_sizes(days))


@router.get("/lifecycle/flows", responses=documented(schemas.Flows))
async def flows(request: Request, days: Days = 30) -> Response:
    """Who went from which lifecycle state to which."""
    return json_answer(await parts_of(request).answers.board.flows(days))


@router.get("/rfm/heatmap", responses=documented(schemas.Heatmap))
async def heatmap(
    request: Request,
    scheme: Annotated[
        Literal["quintile", "klaviyo", "braze", "china8"], Query(description="docs/rfm.md")
    ] = "quintile",
) -> Response:
    """Customers by recency and frequency score."""
    return json_answer(await parts_of(request).answers.census.heatmap(scheme))


@router.get("/clusters", responses=documented(schemas.ClusterMapBody))
async def clusters(request: Request) -> Response:
    """Where the clusters and some customers lie."""
    return json_answer(await parts_of(request).answers.census.clusters())


@router.get("/cohorts", responses=documented(schemas.CohortTable))
async def cohort_table(
    request: Request, months: Annotated[int, Query(ge=1, le=60)] = 12
) -> Response:
    """Who still buys, by the month of the first purchase."""
    return json_answer(await parts_of(request).answers.census.cohorts(months))
