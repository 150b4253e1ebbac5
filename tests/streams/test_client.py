"""The client: typed answers, and patience where it may help."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from streams.client import LONGEST_WAIT_S, SegmenterError
from tests.streams.answering import (
    CUSTOMER,
    KEY,
    PROBLEM,
    SEGMENT,
    WRITTEN,
    Api,
    change,
    ok,
    summary,
)


def test_a_customer_is_typed() -> None:
    api = Api(ok(CUSTOMER))
    with api.client() as segmenter:
        customer = segmenter.customer("1228")
    assert customer is not None
    assert (customer.lifecycle, customer.flags) == ("dormant", ["overdue"])
    assert customer.as_of == datetime(2017, 3, 4, tzinfo=UTC)
    assert customer.rfm is not None
    assert customer.rfm["quintile"].group == "lost"
    assert customer.next_purchase is not None
    assert customer.next_purchase.days_overdue == 24
    assert api.paths == ["/v1/customers/1228"]
    assert api.asked[0].headers["X-API-Key"] == KEY


def test_a_field_that_is_new_does_no_harm() -> None:
    customer = Api(ok({**CUSTOMER, "mood": "sunny"})).client().customer("1228")
    assert customer is not None
    assert (customer.model_extra or {})["mood"] == "sunny"


def test_nobody_is_none() -> None:
    api = Api(ok({**PROBLEM, "status": 404}, 404))
    segmenter = api.client()
    assert segmenter.customer("1") is None
    assert segmenter.timeline("1") is None
    assert segmenter.segment("lifecycle/gone") is None
    assert segmenter.history("1") == []
    assert api.slept == []


def test_what_else_is_asked_of_a_customer_is_in_the_address() -> None:
    api = Api(ok(CUSTOMER))
    api.client().customer("1228", explain=True, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    assert api.paths == ["/v1/customers/1228?explain=true&as_of=2026-03-01T00%3A00%3A00%2B00%3A00"]


@pytest.mark.parametrize(
    ("customer_id", "part"),
    [("a/b?c#d%", "a%2Fb%3Fc%23d%25"), ("..", "%2E%2E"), ("a.b", "a.b"), ("客", "%E5%AE%A2")],
)
def test_an_id_is_one_part_of_the_address_whatever_stands_in_it(
    customer_id: str, part: str
) -> None:
    api = Api(ok(CUSTOMER))
    api.client().customer(customer_id)
    assert api.paths == [f"/v1/customers/{part}"]


def test_customers_are_asked_for_a_thousand_at_a_time_and_only_as_they_are_read() -> None:
    api = Api(
        ok({"items": [{"id": "0", "customer": CUSTOMER}]}),
        ok({"items": [{"id": "1000", "error": "nobody is known by that id"}]}),
    )
    found = api.client().customers(str(number) for number in range(1_001))
    assert api.asked == []
    first, second = found
    assert first.customer is not None
    assert (second.customer, second.error) == (None, "nobody is known by that id")
    assert [len(json.loads(each.content)["ids"]) for each in api.asked] == [1_000, 1]
    assert api.paths == ["/v1/customers:batchGet"] * 2


def test_a_search_goes_on_through_empty_pages_to_the_last() -> None:
    api = Api(
        ok({"items": [summary("12")], "next": "a+b", "searched": 4000}),
        ok({"items": [], "next": "c", "searched": 4000}),
        ok({"items": [summary("129")], "next": None, "searched": 9}),
    )
    found = api.client().search(prefix="12", attributes={"region": "north", "tier": "a:b"})
    assert [each.customer_id for each in found] == ["12", "129"]
    asked = "/v1/customers?prefix=12&attribute=region%3Anorth&attribute=tier%3Aa%3Ab"
    assert api.paths == [asked, f"{asked}&cursor=a%2Bb", f"{asked}&cursor=c"]


def test_members_are_read_page_by_page() -> None:
    api = Api(
        ok({"items": [summary("1")], "next": "x"}), ok({"items": [summary("2")], "next": None})
    )
    found = api.client().members("rfm.quintile/champions", page_size=1)
    assert [each.customer_id for each in found] == ["1", "2"]
    path = "/v1/segments/rfm.quintile/champions/members?limit=1"
    assert api.paths == [path, f"{path}&cursor=x"]


def test_segments_are_typed() -> None:
    as_of = {"as_of": "2017-03-04T00:00:00Z", "customers": 2460, "days": 7}
    day = {"on": "2017-03-03", "size": 812, "entered": 3, "left": 1}
    api = Api(ok({**as_of, "items": [SEGMENT]}), ok({**SEGMENT, **as_of, "by_day": [day]}))
    segmenter = api.client()
    (one,) = segmenter.segments(days=7).items
    same = segmenter.segment("lifecycle/active", days=7)
    assert (one.name, one.size, one.label.zh, one.by_day) == (
        "lifecycle/active",
        812,
        "活跃客户",
        None,
    )
    assert same is not None
    assert same.by_day is not None
    assert (same.by_day[0].on.isoformat(), same.by_day[0].left) == ("2017-03-03", 1)
    assert api.paths == ["/v1/segments?days=7", "/v1/segments/lifecycle/active?days=7"]


def test_membership_is_yes_or_no_but_a_misspelt_segment_is_an_error() -> None:
    body = {"customer_id": "1", "segment": "tier/high", "as_of": "2017-03-04T00:00:00Z"}
    api = Api(ok({**body, "member": True}), ok({**body, "member": False}), ok(PROBLEM, 404))
    segmenter = api.client()
    assert segmenter.is_member("tier/high", "1") is True
    assert segmenter.is_member("tier/high", "1") is False
    with pytest.raises(SegmenterError):
        segmenter.is_member("tier/hihg", "1")


def test_history_timeline_overview_and_changes_are_typed() -> None:
    entry: dict[str, Any] = {
        "sequence": 1,
        "type": "risk.changed",
        "at": "2017-03-01T00:00:00Z",
        "reason": "silence",
    }
    entry |= {"before": None, "after": {"group": "high"}, "since": "2017-03-01T00:00:00Z"}
    bought: dict[str, Any] = {"at": "2017-03-01T00:00:00Z", "kind": "refund", "amount_minor": 5}
    bought |= {"returned_minor": 0, "items": 0}
    timeline: dict[str, Any] = {"customer_id": "1", "currency": "USD", "as_of": bought["at"]}
    timeline |= {"kept_since": bought["at"], "purchases": [bought], "risk": []}
    overview: dict[str, Any] = {
        "namespace": "main", "as_of": None, "live": False, "customers": 0, "events_per_s": None,
        "lag": None, "freshness_ms": None, "source_delay_ms": None, "population": None,
        "policy": {"preset": "general", "version": "d2", "currency": "USD", "currency_digits": 2,
                   "timezone": "UTC"},
        "partitions": [],
    }  # fmt: skip
    api = Api(
        ok({"customer_id": "1", "items": [entry]}),
        ok(timeline),
        ok(overview),
        ok({"items": [change(2), change(1)]}),
    )
    segmenter = api.client()
    assert [each.type for each in segmenter.history("1")] == ["risk.changed"]
    then = segmenter.timeline("1")
    assert then is not None
    assert then.purchases[0].kind == "refund"
    assert segmenter.overview().policy.preset == "general"
    assert [each.cursor for each in segmenter.changes(limit=2)] == ["c-2", "c-1"]
    assert api.paths[-2:] == ["/v1/overview", "/v1/changes?limit=2"]


def test_an_event_keeps_its_id() -> None:
    api = Api(ok(WRITTEN, 202))
    assert api.client().send({"kind": "purchase", "event_id": "e-1"}).offset == 7
    assert json.loads(api.asked[0].content) == {"kind": "purchase", "event_id": "e-1"}


def test_an_event_without_an_id_is_given_one_that_stays_the_same_however_often_it_is_sent() -> None:
    api = Api(httpx.ReadTimeout("slow"), ok(PROBLEM, 503), ok(WRITTEN, 202))
    api.client().send({"kind": "purchase"})
    ids = [json.loads(each.content)["event_id"] for each in api.asked]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert len(ids[0]) == 32


def test_an_erasure_answers_with_a_receipt_or_with_not_yet() -> None:
    receipt = {
        "pseudonym": "ab12",
        "event_id": "erasure-1",
        "log": {"partition": 1, "offset": 2},
        "erased_through": "2017-03-01T00:00:00Z",
        "removed": {"state": True, "purchases": 3, "remembered": 2, "attributes": 1}
        | {"in_sketch": True, "names": 0},
    }
    api = Api(ok({"event_id": "erasure-1"}, 202), ok(receipt))
    segmenter = api.client()
    assert segmenter.erase("1") is None
    done = segmenter.erase("1")
    assert done is not None
    assert (done.log.offset, done.removed.purchases) == (2, 3)
    assert api.asked[0].method == "DELETE"
    assert api.asked[0].extensions["timeout"]["read"] == 20.0


def test_a_problem_is_an_error_with_all_that_it_says() -> None:
    api = Api(ok(PROBLEM, 400))
    with pytest.raises(SegmenterError) as raised:
        api.client().customer("1")
    error = raised.value
    assert (error.status, error.title, error.detail) == (
        400,
        "A value can't be read",
        "as_of: no date",
    )
    assert error.remedy == "write RFC 3339"
    assert str(error) == "400: A value can't be read: as_of: no date; write RFC 3339"
    assert (len(api.asked), api.slept) == (1, [])


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"[1]", b'"x"', b"\xff"])
def test_what_a_proxy_says_instead_is_an_error_by_its_status(body: bytes) -> None:
    with pytest.raises(SegmenterError, match=r"^403: Forbidden$"):
        Api(httpx.Response(403, content=body)).client().overview()


def test_an_answer_that_cannot_be_read_is_an_error_that_tells_no_values() -> None:
    wrong = {**CUSTOMER, "purchases": "secret"}
    with pytest.raises(SegmenterError, match=r"can't be read: Customer: purchases: ") as raised:
        Api(ok(wrong)).client().customer("1")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again_with_pauses_that_grow(status: int) -> None:
    api = Api(*[ok(PROBLEM, status) for _ in range(3)], ok(CUSTOMER))
    assert api.client().customer("1") is not None
    assert api.slept == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_a_broken_connection_is_tried_again(error: Exception) -> None:
    api = Api(error, ok(CUSTOMER))
    assert api.client().customer("1") is not None
    assert api.slept == [0.1]


def test_retry_after_is_kept_to_with_a_little_more() -> None:
    api = Api(httpx.Response(429, headers={"Retry-After": "7"}), ok(CUSTOMER))
    api.client().customer("1")
    assert api.slept == [7.1]


@pytest.mark.parametrize("after", ["soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "٣", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_left_out(after: str) -> None:
    headers = [(b"Retry-After", after.encode())]
    api = Api(httpx.Response(503, headers=headers), ok(CUSTOMER))
    api.client().customer("1")
    assert api.slept == [0.1]


def test_who_is_to_come_back_much_later_is_told_so_at_once() -> None:
    after_s = str(int(LONGEST_WAIT_S) + 1)
    api = Api(httpx.Response(503, headers={"Retry-After": after_s}))
    with pytest.raises(SegmenterError) as raised:
        api.client().overview()
    assert (raised.value.retry_after_s, api.slept) == (61.0, [])


def test_after_so_many_tries_the_last_trouble_is_told() -> None:
    api = Api(httpx.ConnectError("refused"))
    with pytest.raises(SegmenterError, match=r"^No answer: refused$") as raised:
        api.client(tries=3).overview()
    assert raised.value.status is None
    assert (len(api.asked), len(api.slept)) == (3, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500])
def test_what_does_not_pass_is_not_tried_again(status: int) -> None:
    api = Api(ok(PROBLEM, status))
    with pytest.raises(SegmenterError):
        api.client().overview()
    assert len(api.asked) == 1


def test_a_redirect_is_not_followed_with_the_key() -> None:
    api = Api(httpx.Response(307, headers={"Location": "http://elsewhere/"}))
    with pytest.raises(SegmenterError, match="307"):
        api.client().overview()
    assert len(api.asked) == 1


def test_neither_the_client_nor_its_errors_tell_the_key() -> None:
    segmenter = Api(httpx.ConnectError("refused")).client(tries=1)
    with pytest.raises(SegmenterError) as raised:
        segmenter.overview()
    assert KEY not in f"{segmenter!r}{vars(segmenter)!r}{raised.value!r}{raised.value.__cause__!r}"


def test_without_a_key_none_is_sent() -> None:
    api = Api(ok(CUSTOMER))
    api.client(api_key=None).customer("1")
    assert "X-API-Key" not in api.asked[0].headers
