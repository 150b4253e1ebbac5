"""The route that sources send their webhooks to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from streams.api import schemas
from streams.api.answering import documented, json_answer, parts_of, problem_answer
from streams.api.keys import Scope

router = APIRouter(prefix="/v1", tags=["now"])
SourceName = Annotated[str, Path(description="of the table [sources.NAME]", examples=["shop"])]


@router.post(
    "/ingest/{source}",
    status_code=202,
    responses={**documented(schemas.Ingested, success=202), 413: problem_answer(413)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "as the source sends it; docs/sources.md says what becomes of it",
            "content": {"application/json": {"schema": {}}},
        }
    },
)
async def ingest(request: Request, source: SourceName) -> Response:
    """Take a webhook of Shopify, Stripe or Segment by its signature, or an event with an API key."""
    parts = parts_of(request)
    address = request.client.host if request.client else ""
    asked = request.scope["headers"]
    body = await request.body()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(asked)}

    def may_erase() -> object:
        return parts.access.caller(asked, address, Scope.ERASE, cost=0)

    return json_answer(await parts.ingest.take(source, body, headers, address, may_erase), 202)
