"""Routes about alerts: the newest, one, a customer's, and what they come to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from models.alert_record import Decision
from models.events import NotAnId, normalised_id
from streams import client_alerts as answers
from streams.alert_reads import Wanted
from streams.api.answering import documented, json_answer, parts_of
from streams.api.parts import Answers
from streams.api.problems import NOT_FOUND, Problem
from streams.api.routes_customers import Cursor, CustomerId, Limit, found_now
from streams.lookup import Found

router = APIRouter(prefix="/v1", tags=["alerts"])
MAX_WEEKS = 53  # a year
Rule = Annotated[
    str, Query(max_length=64, description="only of this rule", examples=["slipping-away"])
]
AlertId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="its CloudEvent's id")]


@router.get("/alerts", responses=documented(answers.AlertPage))
async def alerts(
    request: Request,
    rule: Rule = "",
    decision: Annotated[
        Decision | None, Query(description="only those with which this was done")
    ] = None,
    customer_id: Annotated[
        str, Query(max_length=256, description="only of this customer, by any of their ids")
    ] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response:
    """Alerts, newest first, two thousand looked at a page."""
    parts = parts_of(request)
    its, names = parts.answers, None
    if customer_id:
        names = await _names(its, customer_id, parts.clock())
    wanted = Wanted(rule, decision)
    return json_answer(await its.alerts.page(wanted, cursor, limit, names))


@router.get("/alerts/report", responses=documented(answers.AlertReport))
async def report(
    request: Request,
    rule: Rule = "",
    weeks: Annotated[
        int, Query(ge=1, le=MAX_WEEKS, description="ISO weeks, up to the newest with alerts")
    ] = 12,
) -> Response:
    """Whether alerts were right, and whether they bring anybody back; places and receivers today."""
    return json_answer(await parts_of(request).answers.alerts.report(rule, weeks))


@router.get("/alerts/{alert_id}", responses=documented(answers.Alert))
async def alert(request: Request, alert_id: AlertId) -> Response:
    """One alert."""
    found = await parts_of(request).answers.alerts.one(alert_id)
    if found is None:
        raise Problem(NOT_FOUND, "no alert is kept by that id")
    return json_answer(found)


@router.get("/customers/{customer_id}/alerts", responses=documented(answers.AlertsOfCustomer))
async def of_customer(request: Request, customer_id: CustomerId) -> Response:
    """All alerts that are kept of a customer, newest first."""
    its = parts_of(request).answers
    found = await found_now(request, customer_id, its)
    items = await its.alerts.of_customer(_all_names(found))
    return json_answer({"customer_id": found.customer_id, "items": items})


async def _names(its: Answers, raw_id: str, now_ms: int) -> list[str]:
    """All names of a customer; what can't be anybody's name is nobody's."""
    try:
        customer_id = normalised_id(raw_id)
    except NotAnId:
        return []
    found = await its.lookup.customer(customer_id, now_ms)
    return [customer_id] if found is None else _all_names(found)


def _all_names(found: Found) -> list[str]:
    """Who was merged may have been told of by another name."""
    return sorted({found.customer_id, *found.state.names})
