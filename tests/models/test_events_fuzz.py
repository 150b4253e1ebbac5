"""Whatever the bytes: an event, a tick, a tombstone or a reason. Nothing raises."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.codec import decode_state, encode_state
from models.events import Kind, LogRecord, Read, Rejected, Tick, Tombstone, read_record
from models.step import step
from tests.support.histories import POLICIES, thoroughly
from tests.support.story import DAY_MS, noon

FULL = {
    "customer_id": "c1",
    "occurred_at": "2024-01-01T12:00:00Z",
    "event_id": "e1",
    "amount_minor": 1_999,
    "currency": "USD",
    "order_id": "o1",
    "refunded_event_id": "e0",
    "channel": "web",
    "items": [{"sku": "milk", "quantity": 1, "unit_price_minor": 99}],
    "attributes": {"tier": "gold"},
    "at_ms": noon(0),
}
HUGE = (10**15, 10**18, 2**63, -(2**63), 10**400, 1e308, float("nan"), float("inf"), -0.0)
MOMENTS = ("9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z", "2024-02-29T24:00:00Z", "1e400")

kinds = st.sampled_from(list(Kind)).map(lambda kind: kind.value.encode()) | st.binary(max_size=8)
headers = st.dictionaries(st.just("kind") | st.just("event-id"), kinds)
texts = st.text(max_size=8) | st.text(max_size=3).map(lambda text: text * 100)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
wrong = st.sampled_from((*HUGE, *MOMENTS)) | st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3)
)
mutations = st.dictionaries(st.sampled_from(list(FULL)) | texts, wrong, max_size=3)


def read(
    value: bytes | None, headers: dict[str, bytes], at_ms: int = noon(0)
) -> Read | Tick | Tombstone | Rejected:
    found = read_record(LogRecord(0, 0, at_ms, None, value, headers), "customer-events.v1")
    assert isinstance(found, Read | Tick | Tombstone | Rejected)
    if isinstance(found, Rejected):
        assert 0 < len(found.detail) <= 600
        found.detail.encode()
    return found


@thoroughly
@given(st.none() | st.binary(max_size=200), headers)
def test_any_bytes_are_read_or_refused(value: bytes | None, headers: dict[str, bytes]) -> None:
    read(value, headers)


@thoroughly
@given(st.sampled_from(list(Kind)), mutations, st.sampled_from(POLICIES))
def test_any_mutated_event_is_read_or_refused_and_what_is_read_can_be_folded(
    kind: Kind, mutated: dict[str, Any], policy: Any
) -> None:
    body = json.dumps({**FULL, **mutated}).encode("utf-8", "surrogatepass")
    found = read(body, {"kind": kind.value.encode()}, noon(0) + DAY_MS)
    if isinstance(found, Read):
        outcome = step(found.event.customer_id, None, found, noon(1), policy, None)
        assert outcome.rejected or outcome.state is None or _survives(outcome.state)


@thoroughly
@given(st.sampled_from(list(Kind)), st.data())
def test_any_damaged_bytes_are_read_or_refused(kind: Kind, data: st.DataObject) -> None:
    body = json.dumps(FULL).encode()
    begin = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(begin, min(len(body), begin + 20)))
    damaged = body[:begin] + data.draw(st.binary(max_size=6)) + body[end:]
    read(damaged, {"kind": kind.value.encode()})


def _survives(state: Any) -> bool:
    return bool(decode_state(encode_state(state)) == state)
