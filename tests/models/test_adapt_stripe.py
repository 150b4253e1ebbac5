"""Stripe: charges are purchases; a running total of refunds becomes refunds that add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.adapt_stripe import stripe_minor
from models.adapters import Source
from tests.support.adapting import Json, outcomes, records, sample, told

STRIPE = Source(source="stripe")
KEEP = Source(source="stripe", anonymous="keep")


def changed(event: Json, *, kind: str = "", **charge: Any) -> Json:
    whole = {**event, "type": kind or event["type"]}
    return {**whole, "data": {**event["data"], "object": {**event["data"]["object"], **charge}}}


def succeeded(**charge: Any) -> Json:
    return changed(sample("stripe", "charge_succeeded"), **charge)


def refunded(before: int | None, total: int, **charge: Any) -> Json:
    event = changed(sample("stripe", "charge_refunded"), amount_refunded=total, **charge)
    event["data"]["previous_attributes"] = {} if before is None else {"amount_refunded": before}
    return event


def listed(*refunds: tuple[int, int], more: bool = False) -> Json:
    """A charge's list of refunds: (amount, created)."""
    items = [{"id": f"re_{n}", "amount": a, "created": at} for n, (a, at) in enumerate(refunds)]
    return {"data": items, "has_more": more}


def test_a_charge_that_succeeded_is_a_purchase() -> None:
    assert told(outcomes(STRIPE, succeeded())) == [
        (
            "purchase",
            {
                "event_id": "stripe:charge:ch_3QrT1oak",
                "customer_id": "cus_MiraOak",
                "occurred_at": "2026-03-01T10:00:00+00:00",
                "amount_minor": 10000,
                "currency": "USD",
                "order_id": "ch_3QrT1oak",
                "payment_method": "card",
            },
        )
    ]


def test_an_authorisation_is_a_purchase_once_it_is_captured_of_what_was_captured() -> None:
    (ignored,) = told(outcomes(STRIPE, succeeded(captured=False, amount_captured=0)))
    assert ignored == ("ignored", {"detail": "authorised, not captured: nothing is paid yet"})
    captured = changed(
        succeeded(amount_captured=6000, amount_refunded=4000), kind="charge.captured"
    )
    (purchase,) = records(outcomes(STRIPE, captured))
    assert purchase.event_id == "stripe:charge:ch_3QrT1oak"
    assert b'"amount_minor":6000' in purchase.value


def test_a_refund_is_the_step_from_the_total_before() -> None:
    assert told(outcomes(STRIPE, sample("stripe", "charge_refunded"))) == [
        (
            "refund",
            {
                "event_id": "stripe:refunded:ch_3QrT1oak:2500",
                "customer_id": "cus_MiraOak",
                "occurred_at": "2026-03-04T10:00:00+00:00",
                "amount_minor": 1500,
                "currency": "USD",
                "order_id": "ch_3QrT1oak",
            },
        )
    ]


def test_what_was_never_captured_is_not_given_back() -> None:
    charge = {"amount": 10000, "amount_captured": 6000}
    assert records(outcomes(STRIPE, refunded(0, 4000, **charge))) == []  # the rest of a capture
    (refund,) = records(outcomes(STRIPE, refunded(4000, 5000, **charge)))
    assert b'"amount_minor":1000' in refund.value
    assert records(outcomes(STRIPE, refunded(0, 10000, captured=False, amount_captured=0))) == []


def test_without_the_total_before_the_list_of_all_refunds_tells_it() -> None:
    refunds = listed((1000, 50), (1500, 60))
    (refund,) = records(outcomes(STRIPE, refunded(None, 2500, refunds=refunds)))
    assert refund == records(outcomes(STRIPE, refunded(1000, 2500)))[0]


@pytest.mark.parametrize(
    "refunds",
    [
        None,  # no list
        listed((1500, 60), more=True),  # not all of them
        listed((1500, 60)),  # not adding up
        listed((1000, 60), (1500, 60)),  # which was the last?
    ],
)
def test_where_the_total_before_cannot_be_told_nothing_is_guessed(refunds: Json | None) -> None:
    ((kind, fields),) = told(outcomes(STRIPE, refunded(None, 2500, refunds=refunds)))
    assert kind == "rejected"
    assert fields["detail"].startswith("data.previous_attributes.amount_refunded: missing, and")


@st.composite
def refund_events(draw: st.DrawFn) -> tuple[int, list[Json]]:
    """The events of one charge: each step with the total before, a whole list, or both."""
    steps = draw(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
    total, events, refunds = 0, list[Json](), list[tuple[int, int]]()
    for at, step in enumerate(steps):
        refunds.append((step, at))
        before = draw(st.sampled_from([total, None]))
        lists = before is None or draw(st.booleans())
        total += step
        more = {"refunds": listed(*draw(st.permutations(refunds)))} if lists else {}
        events.append(refunded(before, total, amount=30000, amount_captured=30000, **more))
    again = draw(st.lists(st.sampled_from(events), max_size=5))
    return total, draw(st.permutations([*events, *again]))


@given(refund_events())
@settings(max_examples=60, deadline=None)
def test_refunds_add_up_in_any_order_split_and_repetition(case: tuple[int, list[Json]]) -> None:
    total, events = case
    amounts: dict[str, int] = {}
    for event in events:
        ((kind, fields),) = told(outcomes(STRIPE, event))
        assert kind == "refund"
        assert (
            amounts.setdefault(fields["event_id"], fields["amount_minor"])
            == (fields["amount_minor"])
        )
    assert sum(amounts.values()) == total


@pytest.mark.parametrize(
    ("currency", "stripes", "ours"),
    [
        ("USD", 1000, 1000),
        ("JPY", 500, 500),
        ("KWD", 5120, 5120),
        ("ISK", 500, 5),  # no decimals, and counted in hundredths
        ("UGX", 500, 5),
        ("HUF", 1045, 1045),  # only payouts are whole
        ("TWD", 800, 800),
        ("MGA", 5, 500),  # counted whole by Stripe, in hundredths by ISO 4217
        ("IQD", 100, 1000),  # not among Stripe's; as the rest, in hundredths
    ],
)
def test_amounts_are_counted_as_stripe_does(currency: str, stripes: int, ours: int) -> None:
    assert stripe_minor(stripes, currency, "amount") == ours
    (purchase,) = records(
        outcomes(STRIPE, succeeded(currency=currency.lower(), amount_captured=stripes))
    )
    assert f'"amount_minor":{ours},"currency":"{currency}"'.encode() in purchase.value


def test_a_part_of_a_unit_that_a_currency_has_not_is_refused() -> None:
    ((kind, fields),) = told(outcomes(STRIPE, succeeded(currency="isk", amount_captured=501)))
    assert (kind, fields["detail"]) == (
        "rejected",
        "amount_captured: 501 has more decimals than ISK takes",
    )


def test_a_charge_without_customer_is_of_nobody_known_until_it_gets_one() -> None:
    assert told(outcomes(STRIPE, succeeded(customer=None)))[0][0] == "rejected"
    (purchase,) = records(outcomes(KEEP, succeeded(customer=None)))
    assert purchase.customer_id == "stripe:anonymous:ch_3QrT1oak"
    named = changed(sample("stripe", "charge_refunded"), kind="charge.updated")
    named["data"]["previous_attributes"] = {"customer": None}
    ((kind, fields),) = told(outcomes(KEEP, named))
    assert (kind, fields["customer_id"], fields["into"], fields["unless_taken"]) == (
        "merge",
        "stripe:anonymous:ch_3QrT1oak",
        "cus_MiraOak",
        True,
    )
    named["data"]["previous_attributes"] = {"description": None}
    assert records(outcomes(KEEP, named)) == []


def test_an_expanded_customer_is_the_same_customer() -> None:
    (purchase,) = records(outcomes(STRIPE, succeeded(customer={"id": "cus_MiraOak", "name": "M"})))
    assert purchase.customer_id == "cus_MiraOak"


def test_of_a_customer_only_the_place_is_kept() -> None:
    ((kind, fields),) = told(outcomes(STRIPE, sample("stripe", "customer_updated")))
    assert kind == "profile"
    assert fields["attributes"] == {"country": "CA", "region": "ON", "city": "Ottawa"}


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (sample("stripe", "payout_paid"), "payout.paid moves no customer"),
        ({**succeeded(), "livemode": False}, "a test event (livemode is false)"),
        (changed(sample("stripe", "customer_updated"), kind="customer.deleted"),
         "a customer deleted in Stripe is not an erasure; to forget one, erase them here"),
        (refunded(2500, 1000), "no more given back than before"),
    ],
)  # fmt: skip
def test_what_is_nothing_for_us_is_ignored_with_the_reason(event: Json, detail: str) -> None:
    assert told(outcomes(STRIPE, event)) == [("ignored", {"detail": detail})]


def test_test_events_count_where_they_are_wanted() -> None:
    wanted = Source(source="stripe", test_events=True)
    assert len(records(outcomes(wanted, {**succeeded(), "livemode": False}))) == 1
