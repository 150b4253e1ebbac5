"""Every adapter: total, exact, and the same event always under the same ids."""

from __future__ import annotations

import time

import pytest

from models.adapters import Ignored, Normalised, Source, normalise
from models.events import Kind, Reason, Rejected
from tests.support.adapting import SAMPLES

SHOP = Source(source="shopify")


def test_an_order_of_shopify_is_a_purchase() -> None:
    body = (SAMPLES / "shopify" / "orders_create.json").read_bytes()
    (record,) = normalise("shop", SHOP, body, {"x-shopify-topic": "orders/create"})
    assert isinstance(record, Normalised)
    assert record[:3] == (Kind.PURCHASE, "207119551", "shopify:order:450789469")
    assert record.at_ms == 1_772_377_170_000  # 2026-03-01T09:59:30-05:00


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", Reason.NOT_JSON), (b"\xff", Reason.NOT_UTF8), (b"[]", Reason.INVALID)],
)
def test_a_body_that_is_no_object_is_rejected(body: bytes, reason: Reason) -> None:
    (rejected,) = normalise("shop", SHOP, body, {})
    assert isinstance(rejected, Rejected)
    assert rejected.reason is reason


def test_what_moves_no_customer_is_ignored() -> None:
    assert normalise("shop", SHOP, b"{}", {"x-shopify-topic": "shop/update"}) == (
        Ignored("shop/update moves no customer"),
    )


def test_what_would_be_rejected_in_the_log_is_rejected_here_with_the_same_words() -> None:
    body = b'{"id": 1, "customer": {"id": 2}, "processed_at": "2026-03-01T10:00:00Z", '
    body += b'"currency": "USD", "total_price": "-5.00", "line_items": []}'
    assert normalise("shop", SHOP, body, {}) == (
        Rejected(Reason.INVALID, "amount_minor: Input should be greater than or equal to 0"),
    )


def test_ids_too_long_for_an_event_are_named_by_a_digest() -> None:
    order = (
        b'{"type": "track", "event": "Order Completed", "userId": "u", "properties": {"total": 1, '
    )
    order += (
        b'"currency": "USD", "order_id": "'
        + b"x" * 250
        + b'"}, "timestamp": "2026-03-01T10:00:00Z"}'
    )
    (record,) = normalise("web", Source(source="segment"), order, {})
    assert isinstance(record, Normalised)
    assert record.event_id.startswith("segment:")
    assert len(record.event_id) == len("segment:") + 32


def test_a_body_is_one_dead_letter_however_many_of_its_events_cannot_be_used() -> None:
    page = b'{"type": "page", "userId": "u", "messageId": "m", "timestamp": "2026-03-01T10:00:00Z"}'
    body = b'{"batch": [{}, ' + page + b', {}, {"type": "group", "userId": "u"}]}'
    record, letter = normalise("web", Source(source="segment"), body, {})
    assert isinstance(record, Normalised)
    assert letter == Rejected(
        Reason.INVALID,
        "3 of the 4 events of this body: type: missing; send messages as Segment does; "
        "groupId: missing",
    )


def test_a_body_of_more_events_than_any_source_sends_is_refused_whole() -> None:
    body = b'{"batch": [' + b",".join([b"{}"] * 10_001) + b"]}"
    assert normalise("web", Source(source="segment"), body, {}) == (
        Rejected(Reason.INVALID, "more than 10000 events in one body; send them in several"),
    )


def test_a_body_of_which_many_events_are_named_by_a_digest_is_digested_once() -> None:
    headers = {
        "x-shopify-topic": "customers/redact",
        "x-shopify-triggered-at": "2026-03-10T10:00:00Z",
    }
    orders = b",".join([b"1"] * 9_000)
    body = b'{"customer": {"id": 7}, "note": "' + b"x" * 900_000 + b'", "orders_to_redact": ['
    began_s = time.process_time()
    found = normalise(
        "shop", Source(source="shopify", anonymous="keep"), body + orders + b"]}", headers
    )
    assert time.process_time() - began_s < 5  # it was half a minute
    assert len(found) == 9_001
