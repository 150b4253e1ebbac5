"""What the contract lets a producer send is what a worker reads, and what it doesn't is a dead letter."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from models.events import Kind, LogRecord, Reason, Rejected, read_record
from streams.contracts_examples import EVENTS
from streams.topics import LOG
from tests.support.contracted import contract, faults, message, validator

FAR_MS = 250_000_000_000_000  # written long after everything that happened
WHO = {"customer_id": "c1", "occurred_at": "2026-03-01T10:00:00Z"}
PAID = {**WHO, "amount_minor": 1_000, "currency": "USD"}
LINE = {"sku": "a", "quantity": 1, "unit_price_minor": 10}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("purchase", PAID),
    ("purchase", {**PAID, "occurred_at": "2026-03-01T10:00:00.123+05:30"}),
    ("purchase", {**PAID, "colour": "red"}),
    ("purchase", {**PAID, "event_id": None, "items": [{**LINE, "cost_minor": None}]}),
    ("purchase", {**PAID, "customer_id": "x" * 256}),
    ("refund", {**PAID, "order_id": "1"}),
    ("refund", {**PAID, "refunded_event_id": "o-1", "order_id": None}),
    ("profile", {**WHO, "attributes": {}}),
    ("profile", {**WHO, "attributes": {"a": 1, "b": 1.5, "c": "x", "d": True, "e": None}}),
    ("engagement", {**WHO, "type": "yoga"}),
    ("engagement", {**WHO, "type": "survey", "score": 8.5}),
    ("erasure", WHO),
    ("merge", {**WHO, "into": "c2"}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    ("purchase", WHO),
    ("purchase", {**PAID, "amount_minor": -1}),
    ("purchase", {**PAID, "amount_minor": 10.5}),
    ("purchase", {**PAID, "amount_minor": "1000"}),
    ("purchase", {**PAID, "amount_minor": 10**15 + 1}),
    ("purchase", {**PAID, "currency": "usd"}),
    ("purchase", {**PAID, "customer_id": ""}),
    ("purchase", {**PAID, "customer_id": "x" * 257}),
    ("purchase", {**PAID, "customer_id": 1228}),
    ("purchase", {**PAID, "occurred_at": "2026-03-01T10:00:00"}),
    ("purchase", {**PAID, "occurred_at": 1_772_359_200}),
    ("purchase", {**PAID, "items": [{**LINE, "quantity": -1}]}),
    ("purchase", {**PAID, "items": [{"sku": "a"}]}),
    ("purchase", {**PAID, "items": [LINE] * 2_001}),
    ("refund", PAID),
    ("refund", {**PAID, "order_id": None}),
    ("profile", WHO),
    ("profile", {**WHO, "attributes": {"a": {"b": 1}}}),
    ("profile", {**WHO, "attributes": {"": 1}}),
    ("profile", {**WHO, "attributes": {f"a{n}": n for n in range(65)}}),
    ("engagement", {**WHO, "type": ""}),
    ("engagement", {**WHO, "type": "survey", "score": "good"}),
    ("merge", WHO),
]


def fits(kind: str, event: dict[str, Any]) -> bool:
    """Whether the AsyncAPI document and the JSON Schema file let an event pass."""
    one, other = (faults(each, event) == [] for each in validators(kind))
    assert one == other
    return one


@cache
def validators(kind: str) -> list[Any]:
    """By the one document, and by the other."""
    both = message(LOG, kind)["payload"], contract(f"jsonschema/{LOG}/{kind}.json")
    return [validator(each, strictly=False) for each in both]


def read(kind: str, event: dict[str, Any]) -> Any:
    value = json.dumps(event).encode()
    return read_record(LogRecord(0, 0, FAR_MS, None, value, {"kind": kind.encode()}), LOG)


@pytest.mark.parametrize(("kind", "event"), GOOD)
def test_what_the_contract_lets_pass_is_read(kind: str, event: dict[str, Any]) -> None:
    assert fits(kind, event)
    assert not isinstance(read(kind, event), Rejected)


@pytest.mark.parametrize(("kind", "event"), BAD)
def test_what_the_contract_refuses_is_a_dead_letter(kind: str, event: dict[str, Any]) -> None:
    assert not fits(kind, event)
    rejected = read(kind, event)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.INVALID


@pytest.mark.parametrize("kind", list(Kind))
def test_the_example_of_a_kind_is_read(kind: Kind) -> None:
    event = dict(EVENTS[kind])
    assert fits(kind.value, event)
    assert not isinstance(read(kind.value, event), Rejected)
