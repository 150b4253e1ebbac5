"""Alerts over HTTP, held against the shelf and against every alert, counted by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from models.alert_record import AlertRecord, Arm, Decision, encode_record
from streams import client_alerts as answers
from streams.alert_entries import ALERTS, RAISED
from streams.alert_reads import PAGE, AlertReads, Wanted
from streams.api.alerts import LOOKS, AlertAnswers
from streams.client import Segmenter
from streams.memory_shelf import MemoryShelf
from streams.messages import rfc3339
from streams.shelf import Line, Put, Stand, Write
from tests.support.alert_house import NEW_NAME, ODD_IDS, OLD_NAME, POLICY, AlertHouse
from tests.support.api_house import Api, House, got, path, refused, settings, unnamed

NO_ALERT = "0123456789abcdef0123456789abcdef"
NOT_SENT = (Decision.BLOCKED, Decision.OVER_BUDGET)


def pages(ask: httpx.Client, limit: int, **query: str) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = ""
    while cursor is not None:
        page = got(ask.get("/v1/alerts", params={**query, "limit": limit, "cursor": cursor}))
        assert len(page["items"]) <= limit
        yield page["items"]
        cursor = page["next"]


def listed(ask: httpx.Client, limit: int = 100, **query: str) -> list[str]:
    return [each["id"] for page in pages(ask, limit, **query) for each in page]


def ids(records: list[AlertRecord]) -> list[str]:
    return [each.alert_id for each in records]


# The list.


@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_all_alerts_are_listed_newest_first_page_by_page(
    ask_alerts: httpx.Client, alert_house: AlertHouse, limit: int
) -> None:
    newest = alert_house.newest_first
    found = [each["id"] for page in islice(pages(ask_alerts, limit), 60) for each in page]
    assert found == ids(newest)[: len(found)]
    assert len(found) == min(60 * limit, len(newest))


def test_an_alert_says_what_was_foretold_what_was_decided_and_what_came_of_it(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    told = {each["id"]: each for page in pages(ask_alerts, 1_000) for each in page}
    for record in alert_house.records:
        each = told[record.alert_id]
        assert (each["rule"], each["kind"]) == (record.rule, record.kind)
        assert (each["customer_id"], each["arm"]) == (record.customer_id, record.arm)
        assert (each["decision"], each["why"]) == (record.decision, record.why or None)
        assert each["raised_at"] == rfc3339(record.raised_ms)
        assert each["at_stake_minor"] == record.at_stake_minor
        assert (each["outcome"] is None) == (record.outcome is None)
        assert (each["event"] is None) == (record.outcome is not None)
        if record.outcome is not None:
            assert each["outcome"]["returned"] == (record.outcome.returned_day is not None)
    events = [each["event"]["data"] for each in told.values() if each["event"]]
    assert {each["action"]["zh"] for each in events if each["action"]} == {"致电客户"}
    decisions = {each.decision for each in alert_house.records}
    assert decisions == {
        *(Decision.SENT, Decision.HELD_OUT, Decision.WAITING),
        *(Decision.BLOCKED, Decision.OVER_BUDGET),
    }


@pytest.mark.parametrize(
    "query",
    [
        {"rule": "slipping"},
        {"decision": "held_out"},
        {"rule": "late", "decision": "blocked"},
        {"rule": "gone"},
        {"decision": "muted"},
    ],
)
@pytest.mark.parametrize("limit", [3, 1_000])
def test_of_those_asked_for_all_are_listed_and_no_others(
    ask_alerts: httpx.Client, alert_house: AlertHouse, query: dict[str, str], limit: int
) -> None:
    expected = [
        each.alert_id
        for each in alert_house.newest_first
        if query.get("rule", each.rule) == each.rule
        and query.get("decision", each.decision) == each.decision
    ]
    assert listed(ask_alerts, limit, **query) == expected


@pytest.mark.parametrize("limit", [1, 1_000])
def test_a_customers_alerts_are_found_by_any_of_their_names(
    ask_alerts: httpx.Client, alert_house: AlertHouse, limit: int
) -> None:
    names = {OLD_NAME, NEW_NAME}
    theirs = [each for each in alert_house.newest_first if each.customer_id in names]
    assert {each.customer_id for each in theirs} == names
    for name in (OLD_NAME, NEW_NAME):
        assert listed(ask_alerts, limit, customer_id=name) == ids(theirs)
        told = got(ask_alerts.get(f"{path(name)}/alerts"))
        assert (told["customer_id"], [each["id"] for each in told["items"]]) == (
            *(NEW_NAME, ids(theirs)),
        )
    late = [each for each in theirs if each.rule == "late"]
    assert listed(ask_alerts, limit, customer_id=OLD_NAME, rule="late") == ids(late)


@pytest.mark.parametrize("who", ODD_IDS)
def test_whatever_an_id_holds_its_alerts_are_told(
    ask_alerts: httpx.Client, alert_house: AlertHouse, who: str
) -> None:
    expected = [each.alert_id for each in alert_house.newest_first if each.customer_id == who]
    told = got(ask_alerts.get(f"{path(who)}/alerts"))
    assert [each["id"] for each in told["items"]] == expected
    assert listed(ask_alerts, customer_id=who) == expected


@pytest.mark.parametrize("who", ["nobody", " ", "\x00", "x" * 256, "ö" * 200])
def test_nobody_has_no_alerts(ask_alerts: httpx.Client, who: str) -> None:
    assert listed(ask_alerts, customer_id=who) == []
    refused(ask_alerts.get(f"{path('nobody')}/alerts"), 404)


def test_one_alert_is_the_same_as_in_the_list(ask_alerts: httpx.Client) -> None:
    first = next(pages(ask_alerts, 1))[0]
    assert got(ask_alerts.get(f"/v1/alerts/{first['id']}")) == first
    assert refused(ask_alerts.get(f"/v1/alerts/{NO_ALERT}"), 404) == "no alert is kept by that id"


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("?limit=0", "limit"),
        ("?decision=posted", "decision"),
        ("?cursor=x", "cursor"),
        ("?cursor=WzEsImMxIiwwXQ", "cursor"),  # of a list of members
        ("?cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAsImEiXQ", "cursor"),
        ("?cursor=WzEsMl0", "cursor"),
        ("/report?weeks=0", "weeks"),
        ("/report?weeks=54", "weeks"),
        ("/x", "alert_id"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    ask_alerts: httpx.Client, where: str, named: str
) -> None:
    assert refused(ask_alerts.get(f"/v1/alerts{where}"), 400).startswith(f"{named}: ")


def record(number: int, rule: str) -> AlertRecord:
    alert_id = f"{number:032x}"
    return AlertRecord(
        *(alert_id, rule, "customer.overdue", "c", number, 739_000, 28, None, 0, 9, None),
        Arm.TREATED,
    )


async def full_shelf(count: int) -> MemoryShelf:
    """The oldest alert is of the rule `rare`, all others of `usual`."""
    shelf, stand = MemoryShelf(), Stand()
    for number in range(count):
        each = record(number, "usual" if number else "rare")
        writes: list[Write] = [Put(ALERTS, each.alert_id, encode_record(each))]
        writes.append(Line(RAISED, each.alert_id, each.raised_ms))
        new = Stand(number, b"%d" % number)
        assert await shelf.write(stand, new, writes)
        stand = new
    return shelf


def test_a_page_that_finds_too_few_says_where_the_next_one_looks_on() -> None:
    async def walked() -> list[list[int]]:
        shelf = await full_shelf(PAGE * LOOKS + 1)
        alerts, found = AlertAnswers(AlertReads(shelf), POLICY, lambda: 0), list[list[int]]()
        cursor = ""
        for _ in range(3):
            page = await alerts.page(Wanted("rare"), cursor, 5)
            found.append([int(each["id"], 16) for each in page["items"]])
            if page["next"] is None:
                return found
            cursor = page["next"]
        raise AssertionError(found)

    assert asyncio.run(walked()) == [[], [0]]


# Where there are none.


@pytest.fixture(params=["no worker has begun", "no alerts are delivered"])
def without(request: pytest.FixtureRequest, valkey_url: str, ask: httpx.Client) -> Iterator[Any]:
    """A client of an API whose shelf is empty."""
    if request.param == "no alerts are delivered":
        yield ask
        return
    with Api(settings("alerts-none", valkey_url)) as api, api.asked() as client:
        yield client


def test_where_nothing_was_ever_raised_answers_are_empty(without: httpx.Client) -> None:
    assert got(without.get("/v1/alerts")) == {"items": [], "next": None}
    refused(without.get(f"/v1/alerts/{NO_ALERT}"), 404)
    report = got(without.get("/v1/alerts/report"))
    for empty in ("weeks", "rules", "by_rule", "by_week", "budgets", "endpoints"):
        assert report[empty] == []
    total = report["total"]
    assert (total["raised"], total["precision"], total["lift"]) == (0, None, None)
    assert total["verdict"]["finding"] == "too_few_held_out"


def test_customers_of_a_shop_without_alerts_have_none(ask: httpx.Client, house: House) -> None:
    who = min(house.states)
    assert got(ask.get(f"{path(who)}/alerts")) == {"customer_id": who, "items": []}
    assert listed(ask, customer_id=who) == []


# As documented, and typed.


@pytest.mark.parametrize(
    ("where", "model"),
    [
        ("/v1/alerts?limit=1000", answers.AlertPage),
        ("/v1/alerts/report", answers.AlertReport),
        (f"{path(NEW_NAME)}/alerts", answers.AlertsOfCustomer),
    ],
)
def test_an_answer_has_all_that_its_model_says_and_nothing_else(
    ask_alerts: httpx.Client, where: str, model: Any
) -> None:
    answer = ask_alerts.get(where)
    read = TypeAdapter(model).validate_json(answer.content, strict=True)
    assert unnamed(read, got(answer)) == []


def test_the_typed_client_knows_alerts(alert_server: Api, alert_house: AlertHouse) -> None:
    newest: Mapping[str, AlertRecord] = {e.alert_id: e for e in alert_house.newest_first}
    with Segmenter(alert_server.url) as segmenter:
        found = list(segmenter.alerts(page_size=200))
        assert [each.id for each in found] == list(newest)
        held_out = segmenter.alerts(rule="late", decision="held_out", page_size=10)
        assert {newest[each.id].decision for each in held_out} == {Decision.HELD_OUT}
        one = segmenter.alert(found[0].id)
        assert one is not None
        assert one.raised_at.timestamp() * 1_000 == newest[one.id].raised_ms
        assert segmenter.alert(NO_ALERT) is None
        theirs = segmenter.customer_alerts(OLD_NAME)
        assert {each.customer_id for each in theirs} == {OLD_NAME, NEW_NAME}
        assert segmenter.customer_alerts("nobody") == []
        report = segmenter.alert_report(rule="late", weeks=53)
        assert [each.rule for each in report.by_rule] == ["late"]
        assert report.total.lift is not None
