"""Routes about what happens now: changes, their stream, writing an event."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from models.effects import EffectType
from streams import client_answers as answers
from streams.api import schemas
from streams.api.answering import documented, json_answer, parts_of
from streams.api.problems import BAD_VALUE, TOO_MANY_REQUESTS, Problem
from streams.api.streaming import MAX_STREAMS
from streams.feed import Told, is_cursor

router = APIRouter(prefix="/v1", tags=["now"])
TOLD = sorted({each.value for each in EffectType} - {EffectType.CUSTOMER_ERASED})
_ONE = f"(?:{'|'.join(TOLD)})?".replace(".", r"\.")
Types = Annotated[
    str,
    Query(
        max_length=500,
        description="comma-separated, such as segment.entered,segment.exited; empty: all",
        json_schema_extra={"pattern": f"^{_ONE}(?:,{_ONE})*$"},
    ),
]


@router.get("/changes", responses=documented(answers.ChangePage))
async def changes(
    request: Request, limit: Annotated[int, Query(ge=1, le=1_000)] = 50, types: Types = ""
) -> Response:
    """The newest published changes, newest first."""
    newest = await parts_of(request).feed.newest(limit, _wanted(types))
    return json_answer({"items": [_with_cursor(each) for each in newest]})


def _wanted(types: str) -> frozenset[str]:
    """Which types of changes a caller wants.

    Raises:
        Problem: 400, one is none.
    """
    wanted = frozenset(filter(None, types.split(",")))
    unknown = sorted(wanted.difference(TOLD))
    if unknown:
        known = ", ".join(TOLD)
        raise Problem(BAD_VALUE, f"types: {unknown[0]!r:.60} is not one of {known}")
    return wanted


def _with_cursor(told: Told) -> dict[str, object]:
    return {**orjson.loads(told.json), "cursor": told.cursor}


@router.get("/stream", responses=documented(None))
async def stream(
    request: Request,
    types: Types = "",
    last_event_id: Annotated[
        str | None, Header(description="the cursor of the last change that was seen")
    ] = None,
) -> Response:
    """Changes as they are published, as server-sent events."""
    if last_event_id and not is_cursor(last_event_id):
        raise Problem(BAD_VALUE, "Last-Event-ID: not a cursor of this stream", "leave it out")
    wanted = _wanted(types)
    parts = parts_of(request)
    if parts.watchers.watching >= MAX_STREAMS:
        raise Problem(TOO_MANY_REQUESTS, f"{MAX_STREAMS} streams are open", "close some")

    def still_allowed() -> bool:
        return parts.access.knows(request.scope["headers"])

    lines = parts.watchers.changes(last_event_id or None, wanted, still_allowed)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


@router.post(
    "/events",
    status_code=202,
    responses=documented(answers.Written, success=202),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventIn"}}},
        }
    },
)
async def write(request: Request) -> Response:
    """Write one event into the log."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Problem(BAD_VALUE, "content-type: must be application/json")
    parts = parts_of(request)
    written = await parts.writer.write(await request.body(), parts.clock())
    return json_answer(written._asdict(), status=202)


EXTRA_SCHEMAS = (schemas.EventIn, schemas.ProblemBody)
