"""Whole fetches of a real log: how many wait, and that no partition waits for another one's end.

All by the order of offsets; nothing is timed. A fetch is small here, some sixteen records.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer

from streams.lane import MAX_WAITING
from streams.partition import Batch
from tests.kafka.conftest import Install
from tests.kafka.lane_app import LaneApp, running
from tests.streams.lanes import until
from tests.support.installation import LOG, Installation

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
RECORD_BYTES, FETCH_BYTES = 1_000, 20_000
QUEUED = 2  # by Faust; stream_buffer_maxsize


def write(here: Installation, partition: int, count: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)) as producer:
        for _ in range(count):
            producer.send(LOG, b"x" * RECORD_BYTES, partition=partition)


class Taken(NamedTuple):
    """A batch that was handed to the fold of a partition."""

    partition: int
    batch: Batch


def still(look: Callable[[], int]) -> Callable[[], bool]:
    """Whether it is above 0, and was the same at the last few hundred looks."""
    seen: deque[int] = deque(maxlen=300)

    def is_still() -> bool:
        seen.append(look())
        return len(seen) == seen.maxlen and min(seen) == max(seen) > 0

    return is_still


async def at_once(taken: Taken) -> None:
    """Folds that take no time."""


class Notes:
    """Folds of all partitions, which note what they are given, in one order.

    Args:
        work: awaited with each batch in hand.
    """

    def __init__(self, work: Callable[[Taken], Awaitable[None]] = at_once) -> None:
        self.taken: list[Taken] = []
        self._work = work

    def fold(self, partition: int) -> _Fold:
        """That of one partition."""
        return _Fold(self, partition)

    async def note(self, taken: Taken) -> None:
        self.taken.append(taken)
        await self._work(taken)

    def end(self, partition: int) -> int:
        """Of what was taken of it."""
        ends = [each.batch.next_offset for each in self.taken if each.partition == partition]
        return max(ends, default=0)


class _Fold:
    def __init__(self, notes: Notes, partition: int) -> None:
        self._notes, self._partition = notes, partition
        self.tally: Counter[str] = Counter()
        self.store_offset = 0

    async def handle(self, batch: Batch) -> None:
        assert batch.from_offset == self.store_offset
        await self._notes.note(Taken(self._partition, batch))
        self.store_offset = batch.next_offset


async def test_a_fold_that_stands_still_leaves_a_handful_of_fetches_waiting_and_no_more_is_fetched(
    install: Install,
) -> None:
    here, records, gate = install(1), 1_000, asyncio.Event()
    write(here, 0, records)

    async def stand_still(_taken: Taken) -> None:
        await gate.wait()

    notes = Notes(stand_still)
    app = LaneApp(here.settings, notes.fold, FETCH_BYTES)
    async with running(app):
        await until(still(lambda: app.fetched_to(0)))
        fetched_to = app.fetched_to(0)
        gate.set()
        await until(lambda: notes.end(0) == records)
    waited = [each for each in notes.taken if each.batch.next_offset <= fetched_to]
    assert len(waited) == 1 + MAX_WAITING + QUEUED + 1  # in hand; waits; queued; finds no room
    assert len(notes.taken) > 5 * len(waited)  # there was more to be had
    assert app.crashes == []


async def test_a_short_partition_does_not_wait_for_one_that_is_ten_times_as_long(
    install: Install,
) -> None:
    here, long, short, notes = install(2), 2_000, 200, Notes()
    write(here, 0, long)
    write(here, 1, short)
    app = LaneApp(here.settings, notes.fold, FETCH_BYTES)
    async with running(app):
        await until(lambda: (notes.end(0), notes.end(1)) == (long, short))
    order: list[Any] = [each.partition for each in notes.taken]
    shorts = order.count(1)
    before_its_last = order[: len(order) - order[::-1].index(1)].count(0)
    on_the_way = 2 * (1 + MAX_WAITING) + QUEUED + 1
    assert before_its_last <= shorts + on_the_way < order.count(0) / 4
    assert app.crashes == []
