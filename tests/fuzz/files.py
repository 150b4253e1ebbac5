"""Files that a user brings: JSONL and CSV of their own events."""

from __future__ import annotations

import csv as csv_module
import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from models.events import LogRecord, Reason, Rejected, read_record
from streams.messages import Source, dead_letter_row
from streams.sources import TEXT_COLUMNS, SourceRecord, read_file
from tests.support.story import noon

_FOLDER = TemporaryDirectory(prefix="fuzzed-files-")


def read(suffix: str) -> Callable[[bytes], list[SourceRecord]]:
    """A reader of files with that suffix."""
    path = Path(_FOLDER.name) / f"events{suffix}"

    def read_bytes(packed: bytes) -> list[SourceRecord]:
        path.write_bytes(packed)
        return list(read_file(path))

    return read_bytes


def written(records: list[SourceRecord]) -> bytes:
    """The same events as JSONL."""
    rows = ({"kind": each.kind, **json.loads(each.value)} for each in records)
    return b"\n".join(json.dumps(row).encode() for row in rows)


def written_as_csv(records: list[SourceRecord]) -> bytes:
    """The same events as CSV."""
    rows = [{"kind": each.kind, **json.loads(each.value)} for each in records]
    for row in rows:
        row |= {f"attributes.{name}": text for name, text in row.pop("attributes", {}).items()}
    columns = sorted({column for row in rows for column in row} | {"kind"})
    text = io.StringIO()
    writer = csv_module.DictWriter(text, columns, lineterminator="\n", quoting=csv_module.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def put_in(records: list[SourceRecord]) -> None:
    """What is written into the log from a file can be read there, or is refused for its content."""
    for each in records:
        headers = {"kind": each.kind.encode()}
        one = LogRecord(0, 0, noon(0), each.customer_id.encode(), each.value, headers)
        found = read_record(one, "log")
        if isinstance(found, Rejected):
            assert found.reason not in {Reason.NOT_UTF8, Reason.MISSING_KIND, Reason.UNKNOWN_KIND}
            dead_letter_row(one, found, Source("main", 0, 0, "policy"))


def jsonl() -> list[bytes]:
    """Purchases and a profile, and hostile lines."""
    rows = (
        b'{"customer_id":"c1","occurred_at":"2024-05-01T09:30:00.250+02:00","amount":"19.99",'
        b'"currency":"EUR","event_id":"e1","items":[{"sku":"a","quantity":1,"unit_price_minor":2}]}',
        b'{"kind":"profile","customer_id":7,"occurred_at":"2024-05-01T09:30:00Z",'
        b'"attributes":{"tier":"gold"},"attributes.city":"\xc5\x81\xc3\xb3d\xc5\xba"}',
        b'{"kind":"refund","customer_id":"c1","occurred_at":"2024-05-02T00:00:00Z",'
        b'"amount_minor":5,"currency":"JPY","order_id":"o1"}',
    )
    deep = b'{"kind":"profile","customer_id":"c","occurred_at":"2024-05-01T09:30:00Z","x":%b}'
    return [
        *rows,
        b"\n".join(rows),
        b'{"customer_id": 1e400}',
        deep % (b"[" * 900 + b"]" * 900),
        b'{"customer_id":%b}' % (b"[" * 900 + b"]" * 900),
        b'{"customer_id":"\\ud800","occurred_at":"2024-05-01T09:30:00Z","currency":"USD"}',
    ]


def csv() -> list[bytes]:
    """Purchases and a profile, and hostile cells."""
    return [
        b"customer_id,occurred_at,amount,currency\nc1,2024-05-01T09:30:00Z,19.99,EUR\n",
        b"kind,customer_id,occurred_at,attributes.tier\nprofile,c1,2024-05-01T09:30:00Z,gold\n",
        b'kind,customer_id,occurred_at,amount_minor,currency,order_id\nrefund,"c,\n1",'
        b"2024-05-01T09:30:00Z,100,JPY,o1\n",
        b"kind,customer_id,occurred_at,score\nengagement,c1,2024-05-01T09:30:00Z,0.5\n",
        b"customer_id,occurred_at\n" + b'"' + b"x" * 140_000,
        ",".join(TEXT_COLUMNS).encode(),
    ]
