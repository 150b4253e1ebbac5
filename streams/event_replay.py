"""A file of events through a whole installation in memory, day by day, learner and all.

A file has events and no control records. So time passes as in `streams/loop.py`: one tick at the start
of each customer-day, and populations are learned at the ends of epochs. What comes of it is told to
nobody; it is counted, and hashed into a digest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgpack

from models.calendar import start_of_day_ms
from streams.digest import Digest, Told, digest_of
from streams.loop import Loop
from streams.snapshot import NotThisReplay, Snapshot, Snapshots
from streams.sources import SourceRecord

NAME = "events"
KEPT_EVERY = 100_000  # events between two snapshots
PROGRESS_EVERY = 500


class Replayed(NamedTuple):
    """What a replay of events came to.

    Attributes:
        events: read from the input, those before a snapshot included.
        populations: learned.
        tally: what was folded, by kind; see `Folding.tally`.
        digest: of states, effects and sketches.
        last_day: the customer-day that it ends on, ordinal; None: no event.
        clock_ms: event time that it has come to.
    """

    events: int
    populations: int
    tally: Counter[str]
    digest: Digest
    last_day: int | None
    clock_ms: int


class EventReplay:
    """A replay of events.

    Args:
        loop: to fold them in.
        snapshots: where it goes on, and what it leaves; None: neither.
        progress: called now and then with the number of events read.
    """

    def __init__(
        self, loop: Loop, snapshots: Snapshots | None, progress: Callable[[int], None]
    ) -> None:
        self._loop, self._snapshots, self._progress = loop, snapshots, progress
        self._told, self._before = Told(), Counter[str]()
        self._read = self._kept = 0
        self._today: int | None = None
        self._last = b""  # the body that was read last

    async def run(self, records: Iterable[SourceRecord], until_day: int | None = None) -> Replayed:
        """Fold to the end.

        Args:
            records: the whole input, in order; what a snapshot has of it is passed over.
            until_day: let time pass to the end of this customer-day, ordinal; None: no further than
                the last event.

        Raises:
            SourceError: a record or a snapshot can't be used.
        """
        self._take_up()
        left = iter(records)
        self._require_same(deque(islice(left, self._read), maxlen=1))
        today = await self._loop.replay(self._noted(left), self._new_day, self._today)
        while today is not None and until_day is not None and today <= until_day:
            today += 1
            await self._new_day(today)
        self._today = today
        await self._loop.settle()
        self._drain()
        self._keep()
        self._progress(self._read)
        return await self._result()

    def _require_same(self, passed: Sequence[SourceRecord]) -> None:
        """What is passed over is what was read before."""
        if self._read and (not passed or passed[-1].value != self._last):
            raise NotThisReplay(
                f"the snapshot was made after {self._read} events, and the last of them is another one "
                "now; give the input that it was made of, with what came later behind it, or another "
                "folder"
            )

    def _noted(self, records: Iterable[SourceRecord]) -> Iterator[SourceRecord]:
        for each in records:
            yield each
            self._read, self._last = self._read + 1, each.value
            if self._read % PROGRESS_EVERY == 0:
                self._progress(self._read)

    async def _new_day(self, day: int) -> None:
        await self._loop.tick(start_of_day_ms(day, self._loop.policy.timezone))
        self._today = day
        self._drain()
        if self._read - self._kept >= KEPT_EVERY:
            self._keep()

    def _drain(self) -> None:
        for row in self._loop.effects:
            self._told.add(row)
        self._loop.effects.clear()

    def _take_up(self) -> None:
        found = self._snapshots and self._snapshots.read(NAME)
        if found:
            packed, self._read, self._last, self._today = msgpack.unpackb(found.store)
            self._loop.take(packed)
            self._told, self._before = Told.unpacked(found.told), Counter(found.tally)
            self._kept = self._read

    def _keep(self) -> None:
        if self._snapshots:
            stands = (self._loop.packed(), self._read, self._last, self._today)
            store = bytes(msgpack.packb(stands))
            tally = dict(self._tally())
            self._snapshots.write(NAME, Snapshot(store, self._told.packed(), tally))
            self._kept = self._read

    def _tally(self) -> Counter[str]:
        return sum((each.tally for each in self._loop.folds), self._before)

    async def _result(self) -> Replayed:
        loop, partitions = self._loop, range(self._loop.partitions)
        digest = await digest_of(loop.store, partitions, self._told)
        metas = [(await loop.store.load(each, ())).meta for each in partitions]
        clock_ms = max(each.clock_ms for each in metas)
        learned = len(loop.populations)
        return Replayed(self._read, learned, self._tally(), digest, self._today, clock_ms)
