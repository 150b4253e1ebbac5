"""An installation in memory with an owner that is never late: records in, rows out, ticks in between.

Before each event, and at each midnight before that, a tick says how late it is; so everybody has come
to the moment of the event, and what is due is told at its own moment. Of a file's events only midnights
are ticked, as a replay does, and the last moment.

Nothing is awaited: all parts are in memory, so every step is run to its end at once, whether or not
there is an event loop around it.

Enters: records and moments. Leaves: rows, states. Forbidden here: the clock, what rows mean.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from models.calendar import day_of, start_of_day_ms
from models.events import (
    Control,
    LogRecord,
    Read,
    Rejected,
    Tombstone,
    read_record,
)
from models.policy import Policy
from models.population import Population
from streams.lookup import Found, Lookup
from streams.loop import Loop
from streams.sources import SourceRecord
from streams.store import OutboxRow

T = TypeVar("T")
_LAST_MS = 250_245_158_400_000  # the log takes events until then


class Engine:
    """Runs a loop of one partition.

    Args:
        policy: the rules.

    Attributes:
        now_ms: the newest moment, event time; None before the first event.
        heard_of: ids that events were written of, as they were written.
    """

    def __init__(self, policy: Policy) -> None:
        self._zone = policy.timezone
        self._loop = Loop(policy, 1, read=_read)
        self._lookup = Lookup(self._loop.store, policy)
        self.now_ms: int | None = None
        self.heard_of: set[str] = set()
        _done(self._loop.store.set_partitions(1))

    def pass_until(self, until_ms: int) -> None:
        """Let time go on to a moment after `now_ms`."""
        self._new_days(until_ms)
        _done(self._loop.tick(until_ms))
        self.now_ms = until_ms

    def write(self, record: SourceRecord) -> None:
        """One event, after time has gone on to it."""
        at_ms = record.occurred_at_ms
        if self.now_ms is None:
            self.now_ms = at_ms
        elif at_ms > self.now_ms:
            self.pass_until(at_ms)
        self._log(record)
        _done(self._loop.settle())

    def replay(self, records: Iterable[SourceRecord]) -> int:
        """Many events in their order, with ticks at midnights and at the end; answers how many."""
        count = 0
        for record in records:
            self._new_days(record.occurred_at_ms)
            self.now_ms = max(self.now_ms or 0, record.occurred_at_ms)
            self._log(record)
            count += 1
        if self.now_ms is not None:
            _done(self._loop.tick(self.now_ms))
        return count

    def _log(self, record: SourceRecord) -> None:
        self.heard_of.add(record.customer_id)
        _done(self._loop.write(record))

    def _new_days(self, until_ms: int) -> None:
        """Ticks at the midnights since `now_ms`."""
        if self.now_ms is None:
            return
        for day in range(day_of(self.now_ms, self._zone) + 1, day_of(until_ms, self._zone) + 1):
            _done(self._loop.tick(start_of_day_ms(day, self._zone)))

    def taken(self) -> list[OutboxRow]:
        """The rows that have left since the last call."""
        rows = [*self._loop.effects]
        self._loop.effects.clear()
        return rows

    @property
    def population(self) -> Population | None:
        """The newest one; None before the first."""
        return self._loop.populations[-1] if self._loop.populations else None

    def states(self) -> dict[str, bytes]:
        """Every customer's state, encoded."""
        return _done(self._loop.states())

    def found(self, customer_id: str) -> Found | None:
        """One customer as of now; None: nobody is known by that id."""
        return _done(self._lookup.customer(customer_id, self.now_ms or 0))


def _read(record: LogRecord, topic: str) -> Read | Control | Tombstone | Rejected:
    """As it is read in production, appended in the year 9900: a test may play in any year."""
    return read_record(record._replace(timestamp_ms=_LAST_MS), topic)


def _done(steps: Coroutine[Any, Any, T]) -> T:
    """Run to its end what never waits."""
    try:
        steps.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    steps.close()
    raise RuntimeError("something of the installation in memory waits for an event loop")
