"""Shopify: orders are purchases, what an order gave back are refunds, customers are profiles."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from models.adapters import Normalised, Source
from tests.support.adapting import Json, outcomes, records, sample, told

SHOP = Source(source="shopify")
KEEP = Source(source="shopify", anonymous="keep")
CREATED = {"x-shopify-topic": "orders/create"}
UPDATED = {"x-shopify-topic": "orders/updated"}
WHEN = "2026-03-10T10:00:00Z"
PURCHASE = {
    "event_id": "shopify:order:450789469",
    "customer_id": "207119551",
    "occurred_at": "2026-03-01T09:59:30-05:00",
    "amount_minor": 10994,
    "currency": "USD",
    "order_id": "450789469",
    "channel": "web",
    "payment_method": "shopify_payments",
    "items": [
        {"sku": "MUG-BLUE", "quantity": 2, "unit_price_minor": 1999, "brand": "Kiln & Co",
         "discount_minor": 400},
        {"sku": "4264190", "quantity": 1, "unit_price_minor": 7396, "category": "Teaware",
         "brand": "Kiln & Co", "discount_minor": 0},
    ],
}  # fmt: skip


def refund(number: str, at: str, amount_minor: int) -> tuple[str, Json]:
    return "refund", {
        "event_id": f"shopify:refund:{number}",
        "customer_id": "207119551",
        "occurred_at": at,
        "amount_minor": amount_minor,
        "currency": "USD",
        "order_id": "450789469",
    }


def order(**changed: Any) -> Json:
    return {**sample("shopify", "orders_create"), **changed}


@pytest.mark.parametrize("topic", ["orders/create", "orders/paid"])
def test_an_order_is_a_purchase_in_the_shops_own_currency(topic: str) -> None:
    found = outcomes(SHOP, order(), {"x-shopify-topic": topic})
    assert told(found) == [("purchase", PURCHASE)]


def test_without_a_header_the_shape_tells_an_order() -> None:
    assert told(outcomes(SHOP, order())) == [("purchase", PURCHASE)]


def test_what_an_order_gave_back_is_told_transaction_by_transaction_that_moved_money() -> None:
    found = outcomes(SHOP, sample("shopify", "orders_updated"), UPDATED)
    assert told(found) == [
        refund("509562969", "2026-03-08T10:00:00-04:00", 1999),
        refund(
            "509562970", "2026-03-09T11:00:00-04:00", 1999
        ),  # 27.19 of 149.52 CAD: of 109.94 USD
        (
            "ignored",
            {"detail": "a refund that is pending; the order is sent again when it is settled"},
        ),
        ("ignored", {"detail": "a refund that moved no money"}),
    ]


def test_without_a_header_an_order_with_refunds_gives_both() -> None:
    body = order(refunds=sample("shopify", "orders_updated")["refunds"][:1])
    assert told(outcomes(SHOP, body)) == [
        ("purchase", PURCHASE),
        refund("509562969", "2026-03-08T10:00:00-04:00", 1999),
    ]


def test_a_whole_order_that_is_given_back_in_another_currency_is_given_back_to_the_cent() -> None:
    paid = {"kind": "refund", "status": "success", "amount": "149.52", "currency": "CAD"}
    body = order(refunds=[{"id": 5, "processed_at": WHEN, "transactions": [paid]}])
    assert told(outcomes(SHOP, body, UPDATED)) == [refund("5", WHEN, 10994)]


def test_parts_in_another_currency_come_to_the_whole() -> None:
    refunds = [
        {"id": n, "processed_at": WHEN, "transactions": [
            {"kind": "refund", "status": "success", "amount": "1.01", "currency": "CAD"}]}
        for n in (1, 2, 3)
    ]  # fmt: skip
    prices = {
        "shop_money": {"amount": "1.00", "currency_code": "USD"},
        "presentment_money": {"amount": "3.03", "currency_code": "CAD"},
    }
    found = told(outcomes(SHOP, order(refunds=refunds, total_price_set=prices), UPDATED))
    assert [fields["amount_minor"] for _, fields in found] == [33, 34, 33]


def test_an_order_of_many_refunds_in_another_currency_is_read_once_and_not_again_for_each() -> None:
    refunds = [
        {"id": n, "processed_at": WHEN, "transactions": [
            {"kind": "refund", "status": "success", "amount": "0.02", "currency": "CAD"}]}
        for n in range(3_000)
    ]  # fmt: skip
    began_s = time.process_time()
    found = records(outcomes(SHOP, order(refunds=refunds), UPDATED))
    assert time.process_time() - began_s < 6  # it was a minute
    given_back = sum(json.loads(each.value)["amount_minor"] for each in found)
    assert given_back == 4_412  # 60.00 of 149.52 CAD: of 109.94 USD


def test_a_refund_beyond_all_numbers_is_refused_and_the_next_is_read() -> None:
    paid = {"kind": "refund", "status": "success", "currency": "USD"}
    refunds = [
        {"id": n, "processed_at": WHEN, "transactions": [{**paid, "amount": amount}]}
        for n, amount in enumerate(("HUGE", "HUGE", "5.00"))
    ]
    body = json.dumps(order(refunds=refunds)).replace('"HUGE"', "9e999999").encode()
    (given_back, refused) = told(outcomes(SHOP, body, UPDATED))
    assert given_back == refund("2", WHEN, 500)
    assert refused[1]["detail"][:7] == "2 of th"


def test_a_currency_of_which_the_order_knows_no_rate_stays() -> None:
    paid = {"kind": "refund", "status": "success", "amount": "5.00", "currency": "EUR"}
    body = order(refunds=[{"id": 5, "processed_at": WHEN, "transactions": [paid]}])
    ((_, fields),) = told(outcomes(SHOP, body, UPDATED))
    assert (fields["amount_minor"], fields["currency"]) == (500, "EUR")


def test_an_order_that_is_updated_long_after_does_not_tell_its_old_refunds_again() -> None:
    body = {**sample("shopify", "orders_updated"), "updated_at": "2026-06-01T00:00:00Z"}
    details = [fields["detail"] for kind, fields in told(outcomes(SHOP, body, UPDATED))]
    assert details[:2] == ["a refund that earlier updates of the order have told"] * 2


def test_an_order_called_off_before_it_was_paid_is_taken_back_whole() -> None:
    found = outcomes(SHOP, sample("shopify", "orders_cancelled"), UPDATED)
    assert told(found)[0] == (
        "refund",
        {
            "event_id": "shopify:cancelled:450789470",
            "customer_id": "207119551",
            "occurred_at": "2026-03-03T09:30:00Z",
            "amount_minor": 4980,
            "currency": "JPY",
            "order_id": "450789470",
        },
    )


def test_an_order_called_off_after_it_was_paid_gives_back_what_its_refunds_say() -> None:
    body = {**sample("shopify", "orders_cancelled"), "financial_status": "refunded"}
    assert records(outcomes(SHOP, body, UPDATED)) == []


def test_updates_in_any_order_and_number_give_the_same_refunds() -> None:
    chance = random.Random(4)
    refunds = [
        {"id": n, "processed_at": WHEN, "transactions": [
            {"kind": "refund", "status": "success", "amount": f"{n}.05", "currency": "USD"}]}
        for n in range(1, 7)
    ]  # fmt: skip
    updates = [order(refunds=refunds[:n]) for n in range(7)] * 2
    chance.shuffle(updates)
    seen: dict[str, Normalised] = {}
    for update in updates:
        for each in records(outcomes(SHOP, update, UPDATED)):
            assert seen.setdefault(each.event_id, each) == each
    assert sorted(seen) == [f"shopify:refund:{n}" for n in range(1, 7)]


def test_a_refund_alone_says_how_it_would_be_understood() -> None:
    ((kind, fields),) = told(
        outcomes(SHOP, sample("shopify", "refunds_create"), {"x-shopify-topic": "refunds/create"})
    )
    assert kind == "rejected"
    assert "subscribe to orders/updated" in fields["detail"]


def test_a_refund_that_brings_its_customer_is_understood() -> None:
    body = {**sample("shopify", "refunds_create"), "order": {"customer": {"id": 207119551}}}
    found = outcomes(SHOP, body, {"x-shopify-topic": "refunds/create"})
    assert told(found) == [refund("509562969", "2026-03-08T10:00:00-04:00", 1999)]


def test_test_orders_count_only_where_they_are_wanted() -> None:
    assert told(outcomes(SHOP, order(test=True), CREATED)) == [
        ("ignored", {"detail": "a test order"})
    ]
    wanted = Source(source="shopify", test_events=True)
    assert len(records(outcomes(wanted, order(test=True), CREATED))) == 1


def test_a_purchase_at_the_till_by_nobody_known_is_a_dead_letter_that_says_how_to_keep_it() -> None:
    ((kind, fields),) = told(outcomes(SHOP, sample("shopify", "orders_create_pos"), CREATED))
    assert kind == "rejected"
    assert fields["detail"].endswith('to keep them, set sources.shopify.anonymous = "keep"')


def test_a_purchase_at_the_till_that_is_kept_joins_whom_it_proves_to_be_of() -> None:
    pos = sample("shopify", "orders_create_pos")
    (purchase,) = records(outcomes(KEEP, pos, CREATED))
    assert purchase.customer_id == "shopify:anonymous:450789471"
    known = {**pos, "customer": {"id": 207119551}, "updated_at": "2026-03-05T08:00:00+01:00"}
    assert told(outcomes(KEEP, known, UPDATED))[1:] == [
        (
            "merge",
            {
                "event_id": "shopify:known:450789471:207119551",
                "customer_id": "shopify:anonymous:450789471",
                "into": "207119551",
                "occurred_at": "2026-03-05T08:00:00+01:00",
                "unless_taken": True,
            },
        )
    ]


@pytest.mark.parametrize("topic", [{"x-shopify-topic": "orders/paid"}, {}])
def test_an_order_that_was_kept_without_a_name_and_comes_again_with_one_is_not_two_purchases(
    topic: dict[str, str],
) -> None:
    known = {**sample("shopify", "orders_create_pos"), "customer": {"id": 207119551}}
    purchase, merge = records(outcomes(KEEP, known, topic))
    assert (purchase.customer_id, purchase.event_id) == ("207119551", "shopify:order:450789471")
    assert (merge.kind, merge.customer_id) == ("merge", "shopify:anonymous:450789471")
    assert json.loads(merge.value)["into"] == "207119551"


def test_an_order_of_the_online_shop_merges_nobody() -> None:
    kinds = [kind for kind, _ in told(outcomes(KEEP, order(), UPDATED))]
    assert kinds == ["ignored"]


def test_a_customer_is_a_profile_without_name_mail_or_phone() -> None:
    found = outcomes(
        SHOP, sample("shopify", "customers_update"), {"x-shopify-topic": "customers/update"}
    )
    assert told(found) == [
        (
            "profile",
            {
                "event_id": "shopify:customer:207119551:2026-03-05T08:15:00-05:00",
                "customer_id": "207119551",
                "occurred_at": "2026-03-05T08:15:00-05:00",
                "attributes": {
                    "country": "CA",
                    "region": "ON",
                    "city": "Ottawa",
                    "tags": "newsletter, wholesale",
                    "consent.email": True,
                    "consent.sms": False,
                },
            },
        )
    ]


@pytest.mark.parametrize("tags", ["vip, mira.oak@example.com", "x" * 257, None, ["vip"]])
def test_tags_that_an_attribute_may_not_hold_are_left_out(tags: Any) -> None:
    body = {**sample("shopify", "customers_update"), "tags": tags}
    ((_, fields),) = told(outcomes(SHOP, body, {"x-shopify-topic": "customers/update"}))
    assert "tags" not in fields["attributes"]


def test_a_consent_that_comes_alone_is_a_profile() -> None:
    state = {"state": "unsubscribed", "consent_updated_at": "2026-03-06T09:00:00Z"}
    body = {"customer_id": 207119551, "email_marketing_consent": state}
    topic = {"x-shopify-topic": "customers_email_marketing_consent/update"}
    ((kind, fields),) = told(outcomes(SHOP, body, topic))
    assert (kind, fields["attributes"]) == ("profile", {"consent.email": False})


def test_who_is_redacted_is_erased_with_the_purchases_that_were_kept_without_a_name() -> None:
    headers = {"x-shopify-topic": "customers/redact", "x-shopify-triggered-at": WHEN}
    body = sample("shopify", "customers_redact")
    assert [each[:2] for each in records(outcomes(SHOP, body, headers))] == [
        ("erasure", "207119551")
    ]
    ids = [each.event_id for each in records(outcomes(KEEP, body, headers))]
    assert not any("207119551" in each for each in ids)  # they are kept: docs/erasure.md
    assert [each[:2] for each in records(outcomes(KEEP, body, headers))] == [
        ("erasure", "207119551"),
        ("erasure", "shopify:anonymous:450789469"),
        ("erasure", "shopify:anonymous:450789471"),
    ]


def merged(status: str | None) -> list[tuple[str, Json]]:
    body = {
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/2",
        "status": status,
    }
    headers = {"x-shopify-topic": "customers/merge", "x-shopify-triggered-at": WHEN}
    return told(outcomes(SHOP, body, headers))


@pytest.mark.parametrize("status", ["completed", "COMPLETED"])
def test_two_customers_whom_the_shop_made_one_are_one_here(status: str) -> None:
    ((kind, fields),) = merged(status)
    assert (kind, fields["customer_id"], fields["into"]) == ("merge", "1", "2")
    assert "unless_taken" not in fields


@pytest.mark.parametrize("status", ["failed", "in_progress", "requested"])
def test_customers_whom_the_shop_could_not_make_one_stay_two(status: str) -> None:
    assert merged(status) == [("ignored", {"detail": "a merge of customers that is not completed"})]


@pytest.mark.parametrize("status", [None, "", "done"])
def test_a_merge_of_which_nobody_says_that_it_is_completed_is_not_guessed(
    status: str | None,
) -> None:
    ((kind, fields),) = merged(status)
    assert (kind, fields["detail"][:8]) == ("rejected", "status: ")


def test_an_edit_of_an_order_tells_no_refund() -> None:
    edit = {"order_edit": {"id": 5, "order_id": 450789469, "line_items": {"removals": []}}}
    assert told(outcomes(SHOP, edit, {"x-shopify-topic": "orders/edited"})) == [
        ("ignored", {"detail": "orders/edited moves no customer"})
    ]


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (order(total_price_set=None, total_price="9.999"), CREATED,
         "total_price: 9.999 has more decimals than USD takes"),
        (order(total_price_set=None, total_price=None), CREATED, "total_price: missing"),
        (order(id=None), CREATED, "id: missing"),
        (order(line_items=[{"id": 1, "price": "1", "quantity": "few"}]), CREATED,
         "quantity: must be a number such as 19.90, found text"),
        (order(processed_at="yesterday"), CREATED,
         "occurred_at: Value error, must be RFC 3339 with a zone, such as 2026-03-01T10:00:00Z"),
        ({"hello": 1}, {},
         "neither an order nor a refund nor a customer; send the header X-Shopify-Topic"),
        (sample("shopify", "customers_redact"), {},
         "says no time; send the header X-Shopify-Triggered-At with it"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_names_the_field(body: Json, headers: Json, detail: str) -> None:
    assert told(outcomes(SHOP, body, headers)) == [
        ("rejected", {"reason": "invalid", "detail": detail})
    ]
