"""The product's answers over the real path, gathered while a data set is replayed once.

Every event goes through the folds into a memory store, with a tick at each midnight, exactly as a
replay writes them; sketches go through the learner, and its populations back into the log. At
midnights the states are read from the store, and the product is asked what a lookup would ask.
Days count from the data set's first, 0; what is asked at the end of day T is asked at the midnight
that follows it.
"""

from __future__ import annotations

import asyncio
import time as wall
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

import numpy as np

from bench.science_purchases import Purchases
from bench.science_watched import Asked, Change, Daily, Watched, Week
from models.codec import decode_state
from models.outlook import Outlook, outlook
from streams.loop import Loop
from streams.sources import SourceRecord

NO_LABEL = -1


def watch(purchases: Purchases, records: Iterable[SourceRecord], asked: Asked) -> Watched:
    """Replay records and look."""
    began_s = wall.perf_counter()
    watcher = _Watcher(purchases, asked)
    asyncio.run(watcher.replay(records))
    return Watched(
        watcher.outlooks,
        watcher.daily,
        watcher.weeks,
        watcher.changes,
        wall.perf_counter() - began_s,
    )


class _Watcher:
    def __init__(self, purchases: Purchases, asked: Asked) -> None:
        self.asked, self.purchases = asked, purchases
        self.loop = Loop(asked.policy, asked.partitions)
        self.place = {customer: place for place, customer in enumerate(purchases.customers)}
        self.states: dict[int, tuple[bytes, Any]] = {}
        self.outlooks: dict[int, dict[int, Outlook]] = {}
        self.weeks: list[Week] = []
        self.changes: list[Change] = []
        self.vectors: dict[int, tuple[int, ...]] = {}
        self.daily = self._no_days() if asked.daily_from is not None else None

    def _no_days(self) -> Daily:
        first_day = self.asked.daily_from or 0
        shape = len(self.purchases.customers), self.purchases.last_day + 1 - first_day
        return Daily(first_day, np.full(shape, np.nan), np.full(shape, np.nan))

    async def replay(self, records: Iterable[SourceRecord]) -> None:
        """Every record, and a midnight after each day."""
        last = await self.loop.replay(records, self._midnight)
        if last is not None:
            await self._midnight(last + 1)

    async def _midnight(self, begins: int) -> None:
        """One tick, and a look at the end of the day before `begins` (an ordinal)."""
        start = datetime.combine(date.fromordinal(begins), time.min, self.asked.policy.timezone)
        await self.loop.tick(round(start.timestamp() * 1000))
        self.loop.effects.clear()
        day, asked = begins - 1 - self.purchases.first_day, self.asked
        weekly = asked.weekly_from is not None and begins % 7 == 1 and day >= asked.weekly_from
        since = asked.daily_from
        daily = since is not None and since <= day <= self.purchases.last_day
        if weekly or daily or day in asked.cutoffs:
            self._keep(await self.loop.states())
        elif asked.changes_of:
            self._keep(await self._noted())
        self._note_changes(day)
        if day in asked.cutoffs:
            self.outlooks[day] = dict(self._outlooks(begins))
        if daily:
            self._note_risks(day, begins)
        if weekly:
            self._note_week(day)

    async def _noted(self) -> dict[str, bytes]:
        """The states of those whose changes are noted, wherever they are."""
        ids = [self.purchases.customers[place] for place in sorted(self.asked.changes_of)]
        found: dict[str, bytes] = {}
        for partition in range(self.asked.partitions):
            found.update((await self.loop.store.load(partition, ids)).states)
        return found

    def _keep(self, states: dict[str, bytes]) -> None:
        """Decode the states that changed."""
        for customer, packed in states.items():
            place = self.place.get(customer)
            if place is not None and self.states.get(place, (b"",))[0] != packed:
                self.states[place] = packed, decode_state(packed)

    def _outlooks(self, at_day: int) -> Iterator[tuple[int, Outlook]]:
        population = self.loop.populations[-1] if self.loop.populations else None
        for place, (_, state) in self.states.items():
            found = outlook(state.current, at_day, self.asked.policy, population)
            if found is not None:
                yield place, found

    def _note_risks(self, day: int, begins: int) -> None:
        assert self.daily is not None
        column = day - self.daily.first_day
        for place, found in self._outlooks(begins):
            self.daily.risks[place, column] = found.own_risk
            self.daily.horizons[place, column] = found.own_horizon_days

    def _note_changes(self, day: int) -> None:
        for place in sorted(self.asked.changes_of & self.states.keys()):
            contribution = self.states[place][1].contribution
            if contribution is not None and self.vectors.get(place) != contribution.behaviour:
                self.vectors[place] = contribution.behaviour
                self.changes.append(Change(day, place, contribution.behaviour))

    def _note_week(self, day: int) -> None:
        population = self.loop.populations[-1] if self.loop.populations else None
        clustering = population and population.clusters
        if clustering is None:
            return
        counted = {
            place: state
            for place, (_, state) in sorted(self.states.items())
            if state.contribution is not None
        }
        labels = [int(each.groups.get("cluster", NO_LABEL)) for each in counted.values()]
        self.weeks.append(
            Week(
                day,
                np.array([*counted]),
                np.array([each.contribution.behaviour for each in counted.values()]),
                np.array(labels),
                {each.id: each.centroid for each in clustering.clusters},
            )
        )
