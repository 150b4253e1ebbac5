"""What may stand in the log, and the reason each unusable record is given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.events import (
    Control,
    Erasure,
    LogRecord,
    Profile,
    Purchase,
    Read,
    Reason,
    Refund,
    Rejected,
    Tick,
    Tombstone,
    encode_tick,
    normalised_id,
    read_record,
)
from tests.support.story import noon

TOPIC = "customer-events.v1"
PURCHASE = {
    "customer_id": "c1",
    "occurred_at": "2024-01-01T12:00:00Z",
    "amount_minor": 1_999,
    "currency": "EUR",
}
REFUND = {**PURCHASE, "order_id": "o1"}
PROFILE = {
    "customer_id": "c1",
    "occurred_at": "2024-01-01T12:00:00Z",
    "attributes": {"tier": "gold"},
}


def read(
    value: object, kind: str | None = "purchase", at_ms: int = noon(0), **headers: bytes
) -> Read | Control | Tombstone | Rejected:
    """Read one record that the broker appended at `at_ms`."""
    body = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    named = {} if kind is None else {"kind": kind.encode()}
    extra = {name.replace("_", "-"): header for name, header in headers.items()}
    return read_record(LogRecord(3, 41, at_ms, b"c1", body, {**named, **extra}), TOPIC)


def understood(value: object, kind: str = "purchase", **headers: bytes) -> Read:
    found = read(value, kind, noon(0), **headers)
    assert isinstance(found, Read), found
    return found


def refused(value: object, kind: str | None = "purchase") -> Rejected:
    found = read(value, kind)
    assert isinstance(found, Rejected), found
    return found


@pytest.mark.parametrize(
    ("kind", "value", "model"),
    [
        ("purchase", PURCHASE, Purchase),
        ("refund", REFUND, Refund),
        ("profile", PROFILE, Profile),
        ("erasure", {key: PURCHASE[key] for key in ("customer_id", "occurred_at")}, Erasure),
    ],
)
def test_each_kind_is_read_as_its_model(kind: str, value: object, model: type) -> None:
    found = understood(value, kind)
    assert type(found.event) is model
    assert (found.event.customer_id, found.at_ms) == ("c1", noon(0))


def test_a_tick_is_read_back_as_it_was_written() -> None:
    assert read(encode_tick(noon(0)), "tick") == Tick(at_ms=noon(0))


def test_a_record_without_a_value_is_a_tombstone_whatever_its_kind() -> None:
    assert read(None) == read(None, "nonsense") == read(None, None) == Tombstone()


@pytest.mark.parametrize(
    ("kind", "value", "reason", "detail"),
    [
        (None, PURCHASE, Reason.MISSING_KIND, "no header 'kind'"),
        (
            "bought",
            PURCHASE,
            Reason.UNKNOWN_KIND,
            "kind 'bought' is not one of engagement, erasure, merge, profile",
        ),
        ("policy", PURCHASE, Reason.INVALID, "number: Field required"),
        ("engagement", PURCHASE, Reason.INVALID, "type: Field required"),
        ("transfer", PURCHASE, Reason.INVALID, "merged_id: Field required"),
        ("merge", {**PURCHASE, "into": "c1"}, Reason.INVALID, "into: must be another id"),
        ("purchase", b"x" * 1_000_001, Reason.TOO_LARGE, "1000001 bytes; at most 1000000"),
        ("purchase", b'{"customer_id": "\xff"}', Reason.NOT_UTF8, "byte 17 is not valid UTF-8"),
        ("purchase", b'{"customer_id": "c1"', Reason.NOT_JSON, "Invalid JSON"),
        ("purchase", b"", Reason.NOT_JSON, "Invalid JSON"),
        ("purchase", [PURCHASE], Reason.INVALID, "(the whole value): Input should be an object"),
        ("refund", PURCHASE, Reason.INVALID, "a refund names order_id or refunded_event_id"),
        ("tick", {"at_ms": noon(1)}, Reason.FUTURE, "claims to have happened 86400 s after"),
        ("tick", {"at_ms": -1}, Reason.INVALID, "at_ms: "),
    ],
)
def test_each_unusable_record_is_given_its_reason(
    kind: str | None, value: object, reason: Reason, detail: str
) -> None:
    found = refused(value, kind)
    assert found.reason is reason
    assert detail in found.detail


def test_reasons_of_the_fold_are_reasons_too() -> None:
    assert {reason.value for reason in Reason} == {
        "missing_kind",
        "unknown_kind",
        "too_large",
        "not_utf8",
        "not_json",
        "invalid",
        "future",
        "too_late",
        "unknown_currency",
    }


@pytest.mark.parametrize("field", ["customer_id", "occurred_at", "amount_minor", "currency"])
def test_a_purchase_lacks_none_of_its_fields(field: str) -> None:
    found = refused({key: value for key, value in PURCHASE.items() if key != field})
    assert found == Rejected(Reason.INVALID, f"{field}: Field required")


def test_fields_that_nobody_knows_are_let_pass() -> None:
    assert understood({**PURCHASE, "loyalty": {"points": [1, 2]}}).event == Purchase.model_validate(
        understood(PURCHASE).event.model_dump()
    )


@pytest.mark.parametrize(
    "amount",
    [
        *(b"-1", b"1e400", b"NaN", b"Infinity", b"-Infinity", b"1000000000000000001", b"1" * 5_000),
        *(b"19.99", b"19.0", b"true", b'"1999"', b"null", b"[" * 900 + b"]" * 900, b"[" * 100_000),
    ],
)
def test_an_amount_is_a_plain_number_of_minor_units(amount: bytes) -> None:
    body = json.dumps(PURCHASE).encode().replace(b"1999", amount)
    assert refused(body).reason in (Reason.INVALID, Reason.NOT_JSON)


def test_the_largest_amount_is_ten_to_the_fifteenth() -> None:
    assert understood({**PURCHASE, "amount_minor": 10**15})
    assert refused({**PURCHASE, "amount_minor": 10**15 + 1}).detail.startswith("amount_minor: ")


@pytest.mark.parametrize(
    ("moment", "ms"),
    [
        ("2024-01-01T12:00:00Z", noon(0)),
        ("2024-01-01T12:00:00.250Z", noon(0) + 250),
        ("2024-01-01T13:30:00+01:30", noon(0)),
        ("2024-01-01T07:00:00-05:00", noon(0)),
        ("2024-01-01T11:59:59.999999Z", noon(0) - 1),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_event_time_is_a_moment_with_its_zone(moment: str, ms: int) -> None:
    assert understood({**PURCHASE, "occurred_at": moment}).at_ms == ms


@pytest.mark.parametrize(
    "moment",
    [
        *("2024-01-01T12:00:00", "2024-01-01", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"),
        *(
            "2024-02-30T00:00:00Z",
            "yesterday",
            "",
            1_704_110_400,
            "1704110400",
            1.5,
            None,
            True,
            {},
        ),
    ],
)
def test_anything_else_is_no_event_time(moment: Any) -> None:
    assert refused({**PURCHASE, "occurred_at": moment}).detail.startswith("occurred_at: ")


def test_an_event_may_run_five_minutes_ahead_of_its_record_and_no_more() -> None:
    assert isinstance(read(PURCHASE, at_ms=noon(0) - 300_000), Read)
    found = read(PURCHASE, at_ms=noon(0) - 300_001)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.FUTURE
    assert "check the producer's clock" in found.detail


def test_the_far_future_is_refused_before_its_deadlines_leave_the_calendar() -> None:
    assert refused({**PURCHASE, "occurred_at": "9899-12-31T23:59:59Z"}).reason == "future"
    assert refused({**PURCHASE, "occurred_at": "9900-01-01T00:00:00Z"}).reason == "invalid"
    assert refused({**PURCHASE, "occurred_at": "9999-12-31T23:59:59-23:59"}).reason == "invalid"
    assert refused({"at_ms": 2**53}, "tick").reason == "invalid"


@pytest.mark.parametrize("name", ["a\0b", "a\r\nb", "{b}:c", "😀", "é" * 128, " ", "*", "x" * 256])
def test_hostile_ids_of_a_bearable_length_are_ids_like_any_other(name: str) -> None:
    assert understood({**PURCHASE, "customer_id": name}).event.customer_id == name


@pytest.mark.parametrize("name", ["", "x" * 257, "é" * 129, "x" * 10_240, None, 7, ["c1"]])
def test_what_cannot_name_a_customer_is_refused(name: Any) -> None:
    assert refused({**PURCHASE, "customer_id": name}).detail.startswith("customer_id: ")


def test_one_name_has_one_spelling_in_either_normal_form() -> None:
    composed, decomposed = "Zoë", "Zoe\u0308"
    ids = {
        understood({**PURCHASE, "customer_id": n}).event.customer_id for n in (composed, decomposed)
    }
    assert ids == {composed}
    assert normalised_id("e\u0308" * 128) == "ë" * 128  # it is the normal form that counts


def test_half_a_surrogate_pair_is_no_name() -> None:
    assert refused(json.dumps(PURCHASE).replace("c1", "\\ud800").encode()).reason == "not_json"
    with pytest.raises(ValueError, match="valid Unicode"):
        normalised_id("\ud800")


def test_the_id_of_an_event_is_its_own_or_that_of_its_first_place_in_the_log() -> None:
    assert understood({**PURCHASE, "event_id": "e1"}, event_id=b"x/0/7").event_id == "e1"
    assert understood(PURCHASE, event_id=b"customer-events.v1/0/7").event_id == f"{TOPIC}/0/7"
    assert understood(PURCHASE).event_id == f"{TOPIC}/3/41"


def test_a_basket_keeps_its_lines() -> None:
    item = {"sku": "milk", "quantity": 2, "unit_price_minor": 99, "category": "dairy"}
    event = understood({**PURCHASE, "items": [item], "store": "7"}).event
    assert isinstance(event, Purchase)
    assert (event.items[0].sku, event.items[0].quantity, event.items[0].discount_minor) == (
        "milk",
        2,
        0,
    )


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("sku", ""), ("quantity", -1), ("quantity", 1.5), ("unit_price_minor", -1), ("sku", None)],
)
def test_a_wrong_line_is_named_by_its_place(field: str, wrong: object) -> None:
    item = {"sku": "milk", "quantity": 2, "unit_price_minor": 99, field: wrong}
    assert refused({**PURCHASE, "items": [item]}).detail.startswith(f"items.0.{field}: ")


@pytest.mark.parametrize(
    "attributes",
    [
        *(
            {"": 1},
            {"n" * 65: 1},
            {"a": "x" * 257},
            {"a": [1]},
            {"a": {}},
            {"a": 2**53 + 1},
            [],
            None,
        ),
        {f"a{n}": n for n in range(65)},
    ],
)
def test_attributes_are_few_short_and_plain(attributes: object) -> None:
    assert refused({**PROFILE, "attributes": attributes}, "profile").detail.startswith("attributes")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e400", b"-1e400"])
def test_an_attribute_is_no_infinity(number: bytes) -> None:
    body = json.dumps(PROFILE).encode().replace(b'"gold"', number)
    assert refused(body, "profile").reason is Reason.INVALID


@pytest.mark.parametrize("value", [True, False, 0, -(2**53), 0.5, "", "gold", None])
def test_an_attribute_keeps_its_value_and_type(value: object) -> None:
    event = understood({**PROFILE, "attributes": {"a": value}}, "profile").event
    assert isinstance(event, Profile)
    assert event.attributes["a"] == value
    assert type(event.attributes["a"]) is type(value)
