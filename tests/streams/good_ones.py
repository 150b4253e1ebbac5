"""A bad record between two good ones: what must be said of it, and what must not be disturbed."""

from __future__ import annotations

import json
from typing import Any

from models.events import LogRecord, Reason
from streams.memory_store import MemoryStore
from streams.store import Change, Meta, OutboxRow
from streams.topics import DEAD_LETTERS, LOG
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    PARTITION,
    START_MS,
    Contents,
    Logbook,
    contents,
    fold_of,
    header,
    rfc3339,
)

GOOD, C1, C2, *_ = CUSTOMERS
AT = rfc3339(START_MS)


def body(**fields: Any) -> bytes:
    """A purchase, with some of it changed."""
    money = {"customer_id": C1, "occurred_at": AT, "amount_minor": 1_000, "currency": "USD"}
    return json.dumps(money | fields).encode()


class Noted(MemoryStore):
    """A store that notes what is applied."""

    def __init__(self) -> None:
        super().__init__(wall_ms=lambda: 0)
        self.changes: list[Change] = []

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        self.changes.append(change)
        return await super().apply(partition, expected, change)


async def between_good_ones(log: Logbook) -> Contents:
    """What a store holds once the log, and one more purchase, are folded.

    Whatever a script sends is about the records that it moves the offset past.
    """
    log.purchase(GOOD, START_MS + DAY_MS, event_id="last")
    store = Noted()
    assert await fold_of(log, store).handle(log.batch()) is None
    begun = 0
    for change in store.changes:
        for row in change.outbox:
            assert begun <= int(header(row, "source.offset") or begun) < change.meta.offset
        begun = change.meta.offset
    found = await contents(store)
    assert found.meta.offset == begun == log.end
    assert found.state(GOOD).current.purchases == 2
    return found


def with_a_good_one() -> Logbook:
    """A log that has begun well."""
    log = Logbook()
    log.purchase(GOOD, START_MS, event_id="first")
    return log


def dead_letters(found: Contents) -> list[OutboxRow]:
    """Those that wait to be sent."""
    return [row for row in found.rows if row.topic == DEAD_LETTERS]


async def the_dead_letter(log: Logbook, record: LogRecord, reason: Reason) -> OutboxRow:
    """The only one of a log between good ones, which tells all of its record."""
    found = await between_good_ones(log)
    (row,) = dead_letters(found)
    assert row.key == record.key
    assert {name: header(row, name) for name in ("error.reason", "source.topic")} == {
        "error.reason": reason.value,
        "source.topic": LOG,
    }
    assert header(row, "source.partition") == str(PARTITION)
    assert header(row, "source.offset") == str(record.offset)
    assert header(row, "error.detail")
    assert [each for each in row.headers if each[0] in record.headers] == [*record.headers.items()]
    return row
