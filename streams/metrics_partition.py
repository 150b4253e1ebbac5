"""One partition as its owner sees it: what was seen at the last look, and how well it keeps up.

Enters: what a look at the partition brought. Leaves: numbers in the units that are told.
Forbidden here: the clock, the store, Kafka.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import deque
from typing import NamedTuple, Protocol

from streams.clock import source_delay_ms
from streams.store import Loaded, Newest, Vitals

NEAR_END_RECORDS = 1_000  # behind the end: less than a second's work
PACE_LOOKS = 5  # one a second: events_per_s is of the last five
#: of a tally, what one record of the log each became
RECORDS = (
    "events",
    "duplicates",
    "forgotten",
    "rerouted",
    "tombstones",
    "ticks",
    "populations",
    "policies",
    "dead_letters",
)


class Tallied(Protocol):
    """A fold, as far as its tally goes."""

    tally: Tally[str]


class Seen(NamedTuple):
    """What a look at a partition brought; the names are those of the metrics.

    Attributes:
        watermark_lag_seconds: how far the partition's clock is behind the time at which the source
            stands; None before its first event.
        deadline_overdue_seconds: for how long the earliest deadline has been due.
        outbox_rows: that wait for the relay.
        live: whether it has been read to its end and time passes.
        population_version: in force there.
        looked_timestamp_seconds: when this was so, wall clock.
    """

    watermark_lag_seconds: float | None
    deadline_overdue_seconds: float
    outbox_rows: int
    live: bool
    population_version: int
    looked_timestamp_seconds: float


def seen(loaded: Loaded, shared: Newest, due_ms: int | None, now_ms: int, *, live: bool) -> Seen:
    """What a look brought, in the units that are told.

    Args:
        loaded: meta and outbox.
        shared: the newest event of any partition.
        due_ms: the partition's earliest deadline, event time; None: nothing can come due now.
        now_ms: wall clock.
        live: see `Seen`.

    >>> from streams.store import Meta
    >>> look = seen(Loaded(Meta(clock_ms=7_000), {}, 3), Newest(0, 0), 9_500, 10_000, live=True)
    >>> look.watermark_lag_seconds, look.deadline_overdue_seconds
    (3.0, 0.5)
    """
    meta, at_ms = loaded.meta, now_ms - source_delay_ms(shared)
    return Seen(
        max(0, at_ms - meta.clock_ms) / 1000 if meta.clock_ms else None,
        0.0 if due_ms is None else max(0, at_ms - due_ms) / 1000,
        loaded.outbox_rows,
        live,
        meta.population,
        now_ms / 1000,
    )


class Owned:
    """One partition while it is open here.

    Attributes:
        fold: of the partition.
        lag_records: at the last look; None: not known.
        seen: at the last look; None before it.
        freshness_ms: of the newest record folded near the end; -1: not known.
    """

    def __init__(self, fold: Tallied) -> None:
        self.fold = fold
        self.lag_records: int | None = None
        self.seen: Seen | None = None
        self.freshness_ms = -1
        self._pace: deque[tuple[float, int]] = deque(maxlen=PACE_LOOKS + 1)

    @property
    def near_end(self) -> bool:
        """Whether what is read now was written just now."""
        return self.lag_records is not None and self.lag_records <= NEAR_END_RECORDS

    def vitals(self, now_s: float) -> Vitals | None:
        """How well the owner keeps up, monotonic clock; None while the lag is not known."""
        records = sum(self.fold.tally[kind] for kind in RECORDS)
        self._pace.append((now_s, records))
        since_s, before = self._pace[0]
        per_s = (records - before) / (now_s - since_s) if now_s > since_s else 0.0
        if self.lag_records is None:
            return None
        return Vitals(self.lag_records, self.freshness_ms, records, per_s)
