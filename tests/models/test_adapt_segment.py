"""Segment: orders, traits without names, visits, and who is who."""

from __future__ import annotations

from typing import Any

import pytest

from models.adapters import Source
from tests.support.adapting import Json, outcomes, records, sample, told

SEGMENT = Source(source="segment")
KEEP = Source(source="segment", anonymous="keep")
BROWSER = "23adfd82-aa0f-45a7-a756-24f2a7a4c895"
KNOWN_NOW = (
    "merge",
    {
        "event_id": f"segment:known:{BROWSER}:u-1228",
        "customer_id": f"segment:anonymous:{BROWSER}",
        "into": "u-1228",
        "occurred_at": "2026-03-02T08:00:00Z",
        "unless_taken": True,
    },
)


def completed(**changed: Any) -> Json:
    return {**sample("segment", "order_completed"), **changed}


def ordered(**properties: Any) -> Json:
    return completed(properties={"order_id": "o-77", "currency": "USD", **properties})


def test_an_order_completed_is_a_purchase() -> None:
    assert told(outcomes(SEGMENT, completed())) == [
        (
            "purchase",
            {
                "event_id": "segment:order:o-77",
                "customer_id": "u-1228",
                "occurred_at": "2026-03-01T10:00:00.250Z",
                "amount_minor": 2750,
                "currency": "USD",
                "order_id": "o-77",
                "store": "Kiln online",
                "payment_method": "Visa",
                "items": [
                    {"sku": "45790-32", "quantity": 1, "unit_price_minor": 1900,
                     "category": "Ceramics", "brand": "Kiln"},
                    {"sku": "505bd767", "quantity": 2, "unit_price_minor": 175},
                ],
            },
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "amount_minor"),
    [
        ({"total": 27.5, "revenue": 25, "subtotal": 22.5}, 2750),
        ({"revenue": 25, "subtotal": 22.5}, 2500),
        ({"subtotal": "22.50"}, 2250),
        ({"total": 0, "revenue": 25}, 0),
    ],
)
def test_the_total_counts_else_the_revenue_else_the_subtotal(
    properties: Json, amount_minor: int
) -> None:
    ((_, fields),) = told(outcomes(SEGMENT, ordered(**properties)))
    assert fields["amount_minor"] == amount_minor


def test_an_order_without_id_is_told_apart_by_its_message() -> None:
    ((_, fields),) = told(outcomes(SEGMENT, ordered(order_id=None, total=5)))
    assert fields["event_id"] == "segment:message:022bb90c-bbac-11e4-8dfc-aa07a5b093db"


def test_each_refund_of_an_order_counts_and_a_cancellation_once() -> None:
    refunds = [
        {**ordered(total=5), "event": "Order Refunded", "messageId": f"m-{n}"} for n in (1, 2)
    ]
    called_off = {**ordered(total=27.5), "event": "Order Cancelled"}
    found = [told(outcomes(SEGMENT, each))[0] for each in (*refunds, called_off)]
    assert [(kind, each["event_id"], each["order_id"]) for kind, each in found] == [
        ("refund", "segment:refund:m-1", "o-77"),
        ("refund", "segment:refund:m-2", "o-77"),
        ("refund", "segment:cancelled:o-77", "o-77"),
    ]


def test_a_refund_without_an_amount_is_not_guessed() -> None:
    refund = {**ordered(), "event": "Order Refunded"}
    assert told(outcomes(SEGMENT, refund)) == [
        ("rejected", {"reason": "invalid", "detail": "properties.total: missing"})
    ]


def test_traits_become_attributes_without_what_names_a_person() -> None:
    ((kind, fields),) = told(outcomes(SEGMENT, sample("segment", "identify")))
    assert (kind, fields["event_id"]) == ("profile", "segment:message:7f1b-identify")
    assert fields["attributes"] == {
        "plan": "gold",
        "logins": 5,
        "score": 0.5,
        "vip": True,
        "coupon": None,
        "country": "CA",
        "region": "ON",
        "city": "Ottawa",
        "birth_year": 1984,
        "consent.email": True,
        "consent.sms": False,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("n" * 65, "x"), ("", "x"), ("many", 2**53), ("few", -1e300), ("t", "x" * 257)],
)
def test_a_trait_that_an_attribute_cannot_hold_stays_behind(name: str, value: Any) -> None:
    identify = {**sample("segment", "identify"), "traits": {name: value, "plan": "gold"}}
    ((_, fields),) = told(outcomes(SEGMENT, identify))
    assert fields["attributes"] == {"plan": "gold"}


@pytest.mark.parametrize(
    "name",
    [
        *("homePhone", "phone_2", "mobile_phone", "whatsapp_number", "surname", "given_name"),
        *("familyName", "displayName", "street_address", "addressLine1", "shipping_address"),
        *("email_2", "workEmail", "tax_id", "passport_number", "passwordHash", "maiden-name"),
    ],
)
def test_a_trait_that_names_a_person_stays_behind_however_it_is_called(name: str) -> None:
    traits = {
        name: "something of hers",
        "plan": "gold",
        "accepts_email": True,
        "phone_model": "X",
        "language": "fr",
    }
    ((_, fields),) = told(outcomes(SEGMENT, {**sample("segment", "identify"), "traits": traits}))
    assert fields["attributes"] == {
        "plan": "gold",
        "accepts_email": True,
        "phone_model": "X",
        "language": "fr",
    }


def test_text_that_is_no_unicode_is_rejected_as_it_would_be_in_the_log() -> None:
    ((kind, fields),) = told(outcomes(SEGMENT, ordered(order_id="\ud800", total=5)))
    assert (kind, fields["reason"]) == ("rejected", "not_json")


def test_an_identify_with_both_ids_makes_the_browsers_purchases_the_persons() -> None:
    assert told(outcomes(KEEP, sample("segment", "identify")))[1] == KNOWN_NOW
    assert (
        len(outcomes(SEGMENT, sample("segment", "identify"))) == 1
    )  # nothing was kept to be joined


def test_an_alias_of_a_known_id_is_a_merge() -> None:
    assert told(outcomes(SEGMENT, sample("segment", "alias"))) == [
        (
            "merge",
            {
                "event_id": "segment:alias:u-old-7:u-1228",
                "customer_id": "u-old-7",
                "into": "u-1228",
                "occurred_at": "2026-03-02T10:00:00Z",
            },
        )
    ]


def test_an_alias_of_the_browsers_id_is_what_an_identify_would_be() -> None:
    alias = {
        **sample("segment", "alias"),
        "previousId": BROWSER,
        "anonymousId": BROWSER,
        "timestamp": "2026-03-02T08:00:00Z",
    }
    assert told(outcomes(KEEP, alias)) == [KNOWN_NOW]
    assert told(outcomes(SEGMENT, alias)) == [("ignored", {"detail": "an alias of nobody known"})]


def test_where_an_alias_may_be_of_either_sort_it_is_both() -> None:
    found = told(outcomes(KEEP, sample("segment", "alias")))
    assert [(fields["customer_id"], fields.get("unless_taken")) for _, fields in found] == [
        ("u-old-7", None),
        ("segment:anonymous:u-old-7", True),
    ]


def test_a_batch_is_read_message_by_message() -> None:
    found = told(outcomes(SEGMENT, sample("segment", "batch")))
    assert [(kind, fields.get("type") or fields.get("detail")) for kind, fields in found] == [
        ("engagement", "visit"),
        ("engagement", "app_open"),
        ("engagement", "app_open"),
        ("ignored", "a track that is no order"),
        ("profile", None),
        ("rejected", "type: missing; send messages as Segment does"),
        ("ignored", "a visit of nobody known"),
    ]
    assert found[4][1]["attributes"] == {"account_id": "acme"}


def test_an_order_of_nobody_known_is_a_dead_letter_or_kept() -> None:
    assert told(outcomes(SEGMENT, completed(userId=None)))[0][0] == "rejected"
    (purchase,) = records(outcomes(KEEP, completed(userId="")))
    assert purchase.customer_id == f"segment:anonymous:{BROWSER}"


def test_the_time_is_the_messages_own() -> None:
    late = completed(timestamp=None, originalTimestamp="2026-03-01T09:59:59Z")
    ((_, fields),) = told(outcomes(SEGMENT, late))
    assert fields["occurred_at"] == "2026-03-01T09:59:59Z"


def test_two_shops_that_count_alike_are_kept_apart_by_a_prefix() -> None:
    apart = Source(source="segment", anonymous="keep", customer_prefix="b2b-")
    (purchase,) = records(outcomes(apart, completed()))
    assert purchase.customer_id == "b2b-u-1228"
    ((_, fields),) = told(outcomes(apart, sample("segment", "identify")))[1:]
    assert fields["into"] == "b2b-u-1228"


@pytest.mark.parametrize("known", ["segment:anonymous:x", "web-2:anonymous:"])
def test_nobody_known_can_pass_for_somebody_anonymous(known: str) -> None:
    ((kind, fields),) = told(outcomes(KEEP, completed(userId=known)))
    assert (kind, fields["detail"]) == (
        "rejected",
        "a known customer's id must not begin like that of an anonymous one",
    )
