"""Whatever comes in: nothing raises, what goes on can be read, and the same has the same ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.adapters import RECEIVED_AT, Ignored, Normalised, Outcome, Source, normalise
from models.events import LogRecord, Read, Rejected, read_record
from tests.support.adapting import SAMPLES, till

TOPICS = (
    *("orders/create", "orders/updated", "refunds/create", "customers/update"),
    *("customers/redact", "customers/merge", "customers_email_marketing_consent/update", ""),
)
TRIGGERED = {"x-shopify-triggered-at": "2026-03-10T10:00:00Z"}
BODIES = [
    (path.parent.name, json.loads(path.read_bytes())) for path in sorted(SAMPLES.glob("*/*.json"))
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-03-01T10:00:00Z", "12.50", "USD", "-1", "\ud800", "x" * 300, 1e400])
)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


def source_of(kind: str, anonymous: str) -> Source:
    if kind == "till":
        return till(anonymous=anonymous)
    return Source.model_validate({"source": kind, "anonymous": anonymous, "currency": "USD"})


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    keys = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(keys):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A sample in which up to three values are gone or something else."""
    kind, body = draw(st.sampled_from(BODIES))
    body = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(body))
        if found:
            node, key = draw(st.sampled_from(found))
            if draw(st.booleans()):
                node[key] = draw(ANY)
            else:
                del node[key]
    return kind, body


def checked(kind: str, anonymous: str, body: bytes, topic: str) -> tuple[Outcome, ...]:
    source = source_of(kind, anonymous)
    headers = {**TRIGGERED, "x-shopify-topic": topic, RECEIVED_AT: "2026-03-04T10:00:09Z"}
    found = normalise(kind, source, body, headers)
    assert found == normalise(kind, source, body, headers)
    assert found
    for each in found:
        if isinstance(each, Normalised):
            record = LogRecord(0, 0, 2**60, each.customer_id.encode(), each.value,
                               {"kind": each.kind.encode()})  # fmt: skip
            read = read_record(record, "customer-events.v1")
            assert isinstance(read, Read)
            assert (read.event.customer_id, read.event_id) == (each.customer_id, each.event_id)
        else:
            assert isinstance(each, Ignored | Rejected)
            assert 0 < len(each.detail) <= 500
    return found


def as_json(body: Any) -> bytes:
    return json.dumps(body).replace("Infinity", "1e400").encode()


@given(mutated(), st.sampled_from(["keep", "dead_letter"]), st.sampled_from(TOPICS))
@settings(max_examples=100, deadline=None)
def test_samples_with_anything_in_them_are_understood_or_rejected(
    case: tuple[str, Any], anonymous: str, topic: str
) -> None:
    kind, body = case
    checked(kind, anonymous, as_json(body), topic)


@given(
    st.sampled_from(["shopify", "stripe", "segment", "ga4", "till"]),
    ANY | st.dictionaries(st.sampled_from(
        ["type", "data", "events", "batch", "line_items", "total_price", "refunds", "id"]), ANY),
    st.sampled_from(TOPICS),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_json_is_understood_or_rejected(kind: str, body: Any, topic: str) -> None:
    checked(kind, "keep", as_json(body), topic)


@given(st.binary(max_size=40))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_understood_or_rejected(body: bytes) -> None:
    checked("stripe", "keep", body, "")


def test_every_sample_gives_something() -> None:
    """Else the properties above might hold of rejections alone."""
    topics = {"orders_updated": "orders/updated", "customers_redact": "customers/redact"}
    for path in sorted(SAMPLES.glob("*/*.json")):
        found = checked(path.parent.name, "keep", path.read_bytes(), topics.get(path.stem, ""))
        expected = path.stem not in ("refunds_create", "payout_paid")
        assert any(isinstance(each, Normalised) for each in found) is expected, path.stem
