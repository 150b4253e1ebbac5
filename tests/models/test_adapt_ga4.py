"""GA4: purchases and refunds of a payload, and who its browser belongs to."""

from __future__ import annotations

from typing import Any

from models.adapters import RECEIVED_AT, Source
from tests.support.adapting import Json, outcomes, records, sample, told

GA4 = Source(source="ga4")
KEEP = Source(source="ga4", anonymous="keep")
BROWSER = "908899769.1600020018"


def payload(name: str = "purchase", *, params: Json | None = None, **changed: Any) -> Json:
    body = {**sample("ga4", name), **changed}
    if params is not None:
        body["events"] = [{"name": name, "params": {"currency": "USD", **params}}]
    return body


def test_a_payload_gives_its_purchase_and_ignores_the_rest() -> None:
    assert told(outcomes(GA4, payload())) == [
        ("ignored", {"detail": "an event that is neither purchase nor refund"}),
        (
            "purchase",
            {
                "event_id": "ga4:purchase:T-12345",
                "customer_id": "u-1228",
                "occurred_at": "2026-03-01T10:00:00.123456+00:00",
                "amount_minor": 3003,
                "currency": "USD",
                "order_id": "T-12345",
                "store": "Kiln online",
                "items": [
                    {"sku": "SKU-1", "quantity": 3, "unit_price_minor": 1001,
                     "category": "Ceramics", "brand": "Kiln", "discount_minor": 666},
                ],
            },
        ),
    ]  # fmt: skip


def test_an_item_without_a_discount_may_say_so() -> None:
    line = {"item_id": "SKU-1", "price": 10.01, "quantity": None, "discount": None}
    params = {"transaction_id": "T-1", "value": 10.01, "items": [line]}
    ((kind, fields), *_) = told(outcomes(GA4, payload(params=params)))
    assert (kind, fields["items"]) == (
        "purchase",
        [{"sku": "SKU-1", "quantity": 1, "unit_price_minor": 1001, "discount_minor": 0}],
    )


def test_a_value_that_was_left_out_is_the_sum_of_price_times_quantity() -> None:
    assert told(outcomes(GA4, payload("refund"))) == [
        (
            "refund",
            {
                "event_id": "ga4:refund:T-12345:2026-03-04T10:00:00+00:00:2002",
                "customer_id": "u-1228",
                "occurred_at": "2026-03-04T10:00:00+00:00",
                "amount_minor": 2002,
                "currency": "USD",
                "order_id": "T-12345",
            },
        )
    ]


def test_a_refund_of_nothing_named_is_not_guessed() -> None:
    ((kind, fields),) = told(outcomes(GA4, payload("refund", params={"transaction_id": "T-1"})))
    assert (kind, fields["detail"]) == ("rejected", "params.value: missing")


def test_two_refunds_of_one_order_in_one_payload_are_two() -> None:
    body = payload("refund")
    body["events"] = [
        {"name": "refund", "params": {"currency": "USD", "transaction_id": "T-1", "value": v}}
        for v in (5, 7)
    ]
    assert len({each.event_id for each in records(outcomes(GA4, body))}) == 2


def test_an_events_own_time_comes_before_the_payloads() -> None:
    body = payload(params={"transaction_id": "T-1", "value": 5})
    body["events"][0]["timestamp_micros"] = "1772359201000000"
    ((_, fields),) = told(outcomes(GA4, body))
    assert fields["occurred_at"] == "2026-03-01T10:00:01+00:00"


def test_without_a_time_the_moment_counts_at_which_it_came_in() -> None:
    body = payload("refund", timestamp_micros=None)
    ((kind, fields),) = told(outcomes(GA4, body))
    assert (kind, fields["detail"]) == (
        "rejected",
        "timestamp_micros: missing; send one with the payload",
    )
    ((_, fields),) = told(outcomes(GA4, body, {RECEIVED_AT: "2026-03-04T10:00:09Z"}))
    assert fields["occurred_at"] == "2026-03-04T10:00:09Z"
    ((_, again),) = told(outcomes(GA4, body, {RECEIVED_AT: "2026-03-04T10:00:15Z"}))
    assert again["event_id"] == fields["event_id"]


def test_a_browser_with_a_user_becomes_that_user_where_browsers_are_kept() -> None:
    alone = payload("refund", user_id=None)
    assert told(outcomes(GA4, alone))[0][0] == "rejected"
    assert records(outcomes(KEEP, alone))[0].customer_id == f"ga4:anonymous:{BROWSER}"
    assert told(outcomes(KEEP, payload("refund")))[1] == (
        "merge",
        {
            "event_id": f"ga4:known:{BROWSER}:u-1228",
            "customer_id": f"ga4:anonymous:{BROWSER}",
            "into": "u-1228",
            "occurred_at": "2026-03-04T10:00:00+00:00",
            "unless_taken": True,
        },
    )


def test_one_event_that_cannot_be_used_does_not_spoil_the_others() -> None:
    body = payload()
    body["events"].insert(1, {"name": "purchase", "params": {"currency": "USD", "value": 1}})
    assert [kind for kind, _ in told(outcomes(GA4, body))] == ["ignored", "rejected", "purchase"]


def test_a_currency_that_was_left_out_is_the_sources() -> None:
    body = payload(params={"transaction_id": "T-1", "value": 500, "currency": None})
    ((kind, fields),) = told(outcomes(GA4, body))
    assert (kind, fields["detail"]) == (
        "rejected",
        "params.currency: missing; or set sources.ga4.currency",
    )
    ((_, fields),) = told(outcomes(Source(source="ga4", currency="JPY"), body))
    assert (fields["amount_minor"], fields["currency"]) == (500, "JPY")


def test_a_body_without_events_is_rejected() -> None:
    ((kind, fields),) = told(outcomes(GA4, {"client_id": "1"}))
    assert (kind, fields["detail"]) == (
        "rejected",
        "events: missing; send payloads of the Measurement Protocol",
    )
