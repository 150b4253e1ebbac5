"""What all routes share: their parts, JSON answers, and how answers are documented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from streams.api.parts import Parts
from streams.api.problems import MEDIA_TYPE, TYPES

PROBLEM_SCHEMA = "#/components/schemas/ProblemBody"
_TOLD = {each.status: each.title for each in TYPES}
_ANYWHERE = (400, 401, 403, 404, 405, 409, 429, 503)


def parts_of(request: Request) -> Parts:
    """The parts of the process that answers."""
    return cast(Parts, request.app.state.parts)


def json_answer(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def documented(
    model: type[BaseModel] | None,
    *statuses: int,
    more: Mapping[int, type[BaseModel]] | None = None,
    success: int = 200,
) -> dict[int | str, dict[str, Any]]:
    """The answers of a route, for the OpenAPI document.

    Args:
        model: of the answer that is hoped for.
        *statuses: others, without a body.
        more: others, with one.
        success: the status that is hoped for.
    """
    told: dict[int | str, dict[str, Any]] = {success: {"model": model} if model else {}}
    told.update({status: {"description": "Not modified"} for status in statuses})
    told.update({status: {"model": each} for status, each in (more or {}).items()})
    told.update({status: problem_answer(status) for status in _ANYWHERE})
    return told


def problem_answer(status: int) -> dict[str, Any]:
    """How a problem is documented."""
    return {
        "description": _TOLD[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM_SCHEMA}}},
    }
