"""The client's questions about alerts, and lists without those who must not be written to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from streams.client import SegmenterError
from tests.streams.answering import PROBLEM, Api, ok, summary

ALERT_ID = "592a1d8c058772f12e5a22a48d1812d1"
ALERT: dict[str, Any] = {
    "id": ALERT_ID,
    "rule": "slipping",
    "kind": "churn.risk_raised",
    "customer_id": "1228",
    "raised_at": "2026-04-20T06:00:00.000Z",
    "day": "2026-04-20",
    "horizon_days": 28,
    "probability": 0.67,
    "at_stake_minor": 31474,
    "silence_days": 12,
    "arm": "treated",
    "decision": "sent",
    "why": None,
    "decided_at": "2026-04-20T12:00:00.000Z",
    "cleared_at": None,
    "outcome": {"returned": True, "returned_on": "2026-04-23", "purchase_days": 1,
                "spent_minor": 900},
    "event": None,
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "raised": 2,
    "resolved": 1,
    "groups": [],
    "precision": {"hits": 0, "of": 1, "value": 0.0, "low": 0.0, "high": 0.79},
    "precision_untreated": None,
    "silence_days": None,
    "lead_days": None,
    "calibration": None,
    "calibration_untreated": None,
    "lift": None,
    "verdict": {"finding": "too_few_held_out", "says": {"en": "too few", "zh": "太少"},
                "why": {"en": "0", "zh": "0"}},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "weeks": ["2026-W17"],
    "rules": [],
    "total": FIGURES,
    "by_rule": [{"rule": "slipping", "figures": FIGURES}],
    "by_week": [{"rule": "slipping", "week": "2026-W17", "figures": FIGURES}],
    "budgets": [{"rule": "slipping", "places": 20, "taken": 20, "left_out": 3}],
    "endpoints": [{"name": "crm", "delivered": 9, "waiting": 0, "dead": 0, "disabled": False,
                   "paused_until": None}],
}  # fmt: skip


def test_alerts_are_typed_and_read_page_by_page() -> None:
    api = Api(ok({"items": [ALERT], "next": "x"}), ok({"items": [], "next": None}))
    found = api.client().alerts("slipping", "sent", "a/b", page_size=1)
    assert api.asked == []
    (one,) = found
    assert one.raised_at == datetime(2026, 4, 20, 6, tzinfo=UTC)
    assert one.outcome is not None
    assert one.outcome.returned_on == date(2026, 4, 23)
    asked = "/v1/alerts?rule=slipping&decision=sent&customer_id=a%2Fb&limit=1"
    assert api.paths == [asked, f"{asked}&cursor=x"]


def test_one_alert_and_a_customers_are_asked_for_by_name() -> None:
    api = Api(ok(ALERT), ok({"customer_id": "1228", "items": [ALERT]}), ok(PROBLEM, 404))
    segmenter = api.client()
    one = segmenter.alert(ALERT_ID)
    assert one is not None
    assert segmenter.customer_alerts("..") == [one]
    assert segmenter.alert(ALERT_ID) is None
    assert segmenter.customer_alerts("nobody") == []
    assert api.paths[:2] == [f"/v1/alerts/{ALERT_ID}", "/v1/customers/%2E%2E/alerts"]


def test_the_report_is_typed() -> None:
    api = Api(ok(REPORT))
    segmenter = api.client()
    told = segmenter.alert_report("slipping", weeks=4)
    assert told.by_week[0].figures.precision is not None
    assert told.by_week[0].figures.precision.high == 0.79
    assert (told.budgets[0].left_out, told.endpoints[0].disabled) == (3, False)
    segmenter.alert_report()
    assert api.paths == ["/v1/alerts/report?rule=slipping&weeks=4", "/v1/alerts/report"]


def test_members_who_must_not_be_written_to_are_left_out_and_counted() -> None:
    left_out = {"suppressed": 1, "no_consent": 2, "too_often": 0, "held_out": 3}
    api = Api(
        ok({"items": [summary("1")], "next": "x", "left_out": left_out}),
        ok({"items": [], "next": None, "left_out": left_out}),
    )
    pages = list(api.client().member_pages("tier/high", 7, "leave_out", "email"))
    assert [[each.customer_id for each in page.items] for page in pages] == [["1"], []]
    assert pages[1].left_out is not None
    assert pages[1].left_out.held_out == 3
    asked = "/v1/segments/tier/high/members?limit=7&holdout=leave_out&for=email"
    assert api.paths == [asked, f"{asked}&cursor=x"]


def test_what_the_api_refuses_is_an_error() -> None:
    with pytest.raises(SegmenterError, match="400"):
        Api(ok(PROBLEM, 400)).client().alert_report(weeks=0)
