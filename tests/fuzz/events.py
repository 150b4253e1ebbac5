"""Records of the log, as one string of bytes: kind, event id and addressee, NULs between, the body.

An empty header is left out; without the last NUL there is no value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from models.codec import decode_held, encode_held
from models.events import (
    Control,
    LogRecord,
    PolicyPublished,
    PopulationLearned,
    Read,
    Rejected,
    Tick,
    Tombstone,
    read_record,
)
from models.identity import meet
from streams.messages import Source, dead_letter_row, reroute_row, sent_on_row
from streams.topics import LOG
from tests.support.story import GROCERY, noon, purchase, tell

HEADERS = ("kind", "event-id", "customer-id")
SOURCE = Source("main", 3, 17, "policy")
NOW_MS = noon(10)
A_CUSTOMER = tell(*(purchase(f"p{day}", noon(day)) for day in range(3))).customer
BODY: dict[str, Any] = {
    "customer_id": "c1",
    "occurred_at": "2024-01-01T12:00:00.250+01:00",
    "event_id": "e1",
    "amount_minor": 1_999,
    "currency": "USD",
    "order_id": "o1",
    "refunded_event_id": "e0",
    "channel": "web",
    "items": [{"sku": "milk", "quantity": 1, "unit_price_minor": 99, "category": "dairy"}],
    "attributes": {"tier": "gold", "visits": 3, "share": 0.5, "member": True, "gone": None},
    "into": "c2",
    "merged_id": "c3",
    "via": ["c4"],
    "through_ms": noon(0),
    "at_ms": noon(0),
    "version": 1,
    "digest": "0" * 32,
}


class Refused(Exception):
    """It becomes a dead letter."""


def record(packed: bytes) -> LogRecord:
    """The record that these bytes stand for."""
    *headers, value = (
        [*packed.split(b"\0", 3), None][:4] if packed.count(b"\0") < 3 else packed.split(b"\0", 3)
    )
    named = {name: each for name, each in zip(HEADERS, headers, strict=False) if each}
    return LogRecord(3, 17, NOW_MS, b"c1", value, named)


def read(packed: bytes) -> tuple[LogRecord, Read | Control | Tombstone]:
    """Read it; a rejected one can be written down as a dead letter."""
    one = record(packed)
    found = read_record(one, LOG)
    if isinstance(found, Rejected):
        assert 0 < len(found.detail) <= 600
        dead_letter_row(one, found, SOURCE)
        raise Refused(found.detail)
    return one, found


def written(found: tuple[LogRecord, Read | Control | Tombstone]) -> bytes:
    """The record again, its body as the system itself would write it."""
    one, event = found
    headers = [one.headers.get(name, b"") for name in HEADERS]
    if isinstance(event, Tombstone):
        return b"\0".join(each for each in headers if each)
    body = event.event if isinstance(event, Read) else event
    return b"\0".join([*headers, body.model_dump_json().encode()])


def fold(found: tuple[LogRecord, Read | Control | Tombstone]) -> None:
    """Let it happen to somebody unknown, and to a customer."""
    one, read = found
    if isinstance(read, Tombstone | Tick | PolicyPublished | PopulationLearned):
        return
    reroute_row(one, read)
    for held in (None, A_CUSTOMER):
        clock_ms = max(read.at_ms, NOW_MS)
        met = meet(read.event.customer_id, held, read, -1, clock_ms, GROCERY, None)
        for each in met.sent:
            sent_on_row(one, each)
        if met.held is not None:
            assert decode_held(encode_held(met.held)) == met.held


def apart(packed: bytes) -> list[Any]:
    """Headers as texts, and the body's tree."""
    *headers, body = (*packed.split(b"\0", 3), b"null", b"null", b"null")[:4]
    return [*(each.decode() for each in headers), json.loads(body)]


def together(parts: list[Any], as_json: Callable[[Any], bytes]) -> bytes:
    """The reverse; a header that is no text is written out."""
    *headers, body = parts
    texts = (each if isinstance(each, str) else repr(each)[:500] for each in headers)
    return b"\0".join([*(each.encode("utf-8", "surrogatepass") for each in texts), as_json(body)])


def samples() -> list[bytes]:
    """One of each kind, and hostile ones."""
    kinds = ("purchase", "refund", "profile", "erasure", "merge", "transfer", "tick", "population")
    state = {"state": "AAEC/w=="}
    bodies = {"transfer": BODY | state}
    return [
        *(together([kind, "", "", bodies.get(kind, BODY)], _plain) for kind in kinds),
        together(["purchase", "sent-on", "c9", BODY], _plain),
        b"purchase",
        b"engagement\0\0\0{}",
        b"unheard of\0\0\0{}",
        b'tick\0\0\0{"at_ms":1e400}',
        b'profile\0\0\0{"customer_id":"\\ud800","occurred_at":"2024-01-01T00:00:00Z","attributes":{}}',
        b"purchase\0\0\0" + b"[" * 5_000,
    ]


def _plain(body: Any) -> bytes:
    return json.dumps(body).encode()
