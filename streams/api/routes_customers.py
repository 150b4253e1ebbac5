"""Routes about customers: one, some, those that fit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from models.calendar import day_of
from models.events import NotAnId, normalised_id
from models.past import NotKept, kept_since_ms
from models.sight import Sight
from streams import client_answers as answers
from streams import client_surveys as survey_answers
from streams.api import schemas
from streams.api.answering import documented, json_answer, parts_of
from streams.api.front import matches, named_id, nobody
from streams.api.parts import Answers
from streams.api.portraits import as_told
from streams.api.problems import BAD_VALUE, Problem, readable
from streams.api.rules import reasons
from streams.lookup import Found
from streams.messages import rfc3339
from streams.persons import NotYet
from streams.show import explanation

router = APIRouter(prefix="/v1", tags=["customers"])
CustomerId = Annotated[
    str, Path(description="any of the customer's ids", min_length=1, examples=["1228"])
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Limit = Annotated[int, Query(ge=1, le=1_000)]
NameAndValue = Annotated[str, Field(pattern="^[^:]+:")]
Cursor = Annotated[str, Query(max_length=1_000, description="`next` of the page before")]


async def found_now(request: Request, raw_id: str, its: Answers | None = None) -> Found:
    """The customer whom a path names.

    Args:
        request: asks.
        raw_id: percent-encoded.
        its: where to look; None: wherever is answered from now.

    Raises:
        Problem: 404.
    """
    parts = parts_of(request)
    lookup = (its or parts.answers).lookup
    found = await lookup.customer(named_id(raw_id), parts.clock())
    if found is None:
        raise nobody()
    return found


@router.get("/customers/{customer_id}", responses=documented(answers.Customer, 304))
async def customer(
    request: Request,
    customer_id: CustomerId,
    explain: Annotated[
        bool,
        Query(description="add why they stand where they stand, and are in which rule segments"),
    ] = False,
    as_of: Annotated[AwareDatetime | None, Query(description="as they stood then")] = None,
) -> Response:
    """Where a customer stands, now or at an earlier moment."""
    its = parts_of(request).answers  # of one policy, whatever is published meanwhile
    if not explain and as_of is None:
        shown = await its.portraits.of(named_id(customer_id))
        if shown is None:
            raise nobody()
        headers = {"etag": shown.etag.decode(), "cache-control": "private, no-cache"}
        if matches(request.scope["headers"], shown.etag):
            return Response(status_code=304, headers=headers)
        return Response(shown.body, media_type="application/json", headers=headers)
    found = await found_now(request, customer_id, its)
    body: dict[str, Any] = {}
    if as_of is not None:
        body["kept_since"] = rfc3339(kept_since_ms(found.state))
        found = _stood(its, found, as_of)
    found = await its.lookup.with_favourites(found)
    if explain:
        body["explanation"] = explanation(found, its.policy)
        body["rules"] = reasons(found, its.policy)
    return json_answer({**as_told(found, its.policy), **body})


def _stood(its: Answers, found: Found, as_of: AwareDatetime) -> Found:
    at_ms = (as_of - _EPOCH) // timedelta(milliseconds=1)  # exact, unlike a float of seconds
    try:
        return its.people.as_it_stood(found, at_ms)
    except NotKept as error:
        raise Problem(
            BAD_VALUE,
            f"as_of: this customer's past is kept since {rfc3339(error.since_ms)}",
            "ask for a later moment",
        ) from None


@router.get("/customers/{customer_id}/history", responses=documented(answers.History))
async def history(request: Request, customer_id: CustomerId) -> Response:
    """The newest changes that were published, oldest first."""
    its = parts_of(request).answers
    found = await found_now(request, customer_id, its)
    items = await its.lookup.history(found.customer_id)
    return json_answer({"customer_id": found.customer_id, "items": items})


@router.get("/customers/{customer_id}/next", responses=documented(survey_answers.NextCategories))
async def next_up(request: Request, customer_id: CustomerId) -> Response:
    """The categories that they have not bought in a year and are likeliest to try. Of the newest survey."""
    its = parts_of(request).answers
    found = await found_now(request, customer_id, its)
    sight = Sight(found.state, day_of(found.as_of_ms, its.policy.timezone), its.policy)
    items = await its.surveys.next_categories(sight)
    return json_answer({"customer_id": found.customer_id, "items": items})


@router.get("/customers/{customer_id}/timeline", responses=documented(answers.Timeline))
async def timeline(request: Request, customer_id: CustomerId) -> Response:
    """Remembered purchases, and the risk week by week."""
    its = parts_of(request).answers
    return json_answer(its.people.timeline(await found_now(request, customer_id, its)))


@router.get("/customers", responses=documented(schemas.SearchPage))
async def search(
    request: Request,
    prefix: Annotated[str, Query(max_length=256, description="that the id begins with")] = "",
    attribute: Annotated[
        list[NameAndValue] | None,
        Query(max_length=8, description="name:value, such as region:north; all must fit"),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Response:
    """Search all customers, some thousands a page, by id and attributes."""
    pairs = (each.partition(":") for each in attribute or ())
    wanted = {name: value for name, _, value in pairs}
    people = parts_of(request).answers.people
    return json_answer(await people.search(prefix, wanted, cursor, limit))


@router.post("/customers:batchGet", responses=documented(answers.AskedPage))
async def batch_get(request: Request, asked: schemas.Ids) -> Response:
    """Many customers at once, each or why there is none."""
    parts, items = parts_of(request), list[dict[str, Any]]()
    for some in batched(asked.ids):
        its = parts.answers
        items += await asyncio.gather(*(_one_of_many(its, each, parts.clock()) for each in some))
        await asyncio.sleep(0)  # who looks one customer up need not wait for a thousand
    return json_answer({"items": items})


def batched(ids: Sequence[str], size: int = 20) -> Iterator[Sequence[str]]:
    """So many at a time.

    >>> list(batched(["a", "b", "c"], 2))
    [['a', 'b'], ['c']]
    """
    return (ids[start : start + size] for start in range(0, len(ids), size))


async def _one_of_many(its: Answers, raw_id: str, now_ms: int) -> dict[str, Any]:
    try:
        found = await its.lookup.customer(normalised_id(raw_id), now_ms)
    except NotAnId as error:
        return {"id": readable(raw_id), "error": str(error)}
    if found is None:
        return {"id": raw_id, "error": nobody().detail}
    found = await its.lookup.with_favourites(found)
    return {"id": raw_id, "customer": as_told(found, its.policy)}


@router.delete(
    "/customers/{customer_id}", responses=documented(answers.Receipt, more={202: schemas.Pending})
)
async def erase(request: Request, customer_id: CustomerId) -> Response:
    """Have a person forgotten, with all their names."""
    try:
        receipt = await parts_of(request).persons.erase(named_id(customer_id))
    except NotYet as error:
        return json_answer({"status": "pending", "detail": str(error)}, status=202)
    return json_answer(receipt.as_json())
