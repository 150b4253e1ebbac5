"""When a partition is stuck: unread records, a store that stands still, and nothing that explains it.

Enters: once a second, where the store stands; now and then, whether the log holds more than that.
Leaves: whether the partition is stuck. Forbidden here: the clock, the store, Kafka.

Every write of the store changes its nonce, so a long walk that moves no offset is progress. A batch
in hand that writes nothing is not. While something is waited for knowingly (Redis, Kafka, the
relay) nobody is judged, and afterwards the time is counted from the beginning.

What is watched is not asked about itself: that the log holds more is the broker's word, had over a
connection of its own, and without that word there is no judgement. Lag is measured from where
reading stands, so a transaction's marker at the end of the log is no lag.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.store import Meta

Place = tuple[str, int]  # topic, partition

STUCK_AFTER_S = 60.0  # of unread records and a store that stands still
LEARNER_STUCK_AFTER_S = 600.0  # one step of learning may take seconds, and writes only at its end
ASK_EVERY_S = 10.0  # of standing still; a question takes 20 ms
LONGEST_GAP_S = 20.0  # between two looks: a worker that was frozen has not watched


class Stuck(RuntimeError):
    """Records wait, nothing moves, and nobody knows why: the worker must be started again."""


class Standing(NamedTuple):
    """How long a partition's store has stood still while it was watched.

    Attributes:
        offset: where the store stands.
        nonce: of its last write.
        looked_s: when it was last looked at, monotonic clock.
        still_s: for how long it has not moved.
        asked_s: `still_s` when the broker was last asked; 0 before the first time.
        unread_since_s: `still_s` when the broker first said that there is more; None: it has not.
    """

    offset: int
    nonce: bytes
    looked_s: float
    still_s: float = 0.0
    asked_s: float = 0.0
    unread_since_s: float | None = None


def looked(before: Standing | None, meta: Meta, at_s: float) -> Standing:
    """One more look; whatever was written since the last one begins all anew.

    >>> first = looked(None, Meta(offset=7, nonce=b"a"), at_s=100.0)
    >>> looked(first, Meta(offset=7, nonce=b"a"), at_s=101.0).still_s
    1.0
    >>> looked(first, Meta(offset=7, nonce=b"b"), at_s=101.0).still_s
    0.0
    """
    if before is None or (before.offset, before.nonce) != (meta.offset, meta.nonce):
        return Standing(meta.offset, meta.nonce, at_s)
    gap_s = min(at_s - before.looked_s, LONGEST_GAP_S)
    return before._replace(looked_s=at_s, still_s=before.still_s + gap_s)


def told(before: Standing, *, unread: bool) -> Standing:
    """The broker has said whether the log holds records that are not in the store."""
    since_s = before.still_s if before.unread_since_s is None else before.unread_since_s
    return before._replace(asked_s=before.still_s, unread_since_s=since_s if unread else None)


class Watchdog:
    """Remembers how each partition stands."""

    def __init__(self) -> None:
        self._standing: dict[Place, Standing] = {}

    def look(self, place: Place, meta: Meta, at_s: float) -> None:
        """Note where the store stands, monotonic clock; nothing is waited for there."""
        self._standing[place] = looked(self._standing.get(place), meta, at_s)

    def excuse(self, place: Place) -> None:
        """Something is waited for there; the time counts from the beginning again."""
        self._standing.pop(place, None)

    def keep(self, places: Iterable[Place]) -> None:
        """Forget all others: they are somebody else's now."""
        wanted = set(places)
        self._standing = {p: each for p, each in self._standing.items() if p in wanted}

    def to_ask_about(self) -> dict[Place, int]:
        """Where the broker must be asked: all that stand still, if one has for long; and offsets."""
        standing = self._standing
        if not any(each.still_s - each.asked_s >= ASK_EVERY_S for each in standing.values()):
            return {}
        return {place: each.offset for place, each in standing.items() if each.still_s > 0}

    def tell(self, place: Place, *, unread: bool, stuck_after_s: float) -> float | None:
        """Note the broker's answer; answers for how long the place is stuck, or None if it is not."""
        before = self._standing.get(place)
        if before is None:
            return None
        now = self._standing[place] = told(before, unread=unread)
        if now.unread_since_s is None or now.still_s - now.unread_since_s < stuck_after_s:
            return None
        return now.still_s
