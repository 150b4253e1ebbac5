"""A worker's timekeeper with its lane and store, beside a clock and a Kafka that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import faust
from faust.types import TP

from models.policy import Policy
from streams.lane import Lane
from streams.learning import LearnerFold
from streams.log import KafkaUnavailable
from streams.memory_store import MemoryStore
from streams.timekeeper import Timekeeper
from streams.topics import LOG
from tests.streams.lanes import FakeFetch, Watched
from tests.streams.logbook import PARTITION, POLICY, Logbook

HERE = TP(LOG, PARTITION)


class Kafka:
    """The consumer and the producer of a Faust app, and what the broker says of the log.

    Attributes:
        end: of every partition.
        position: where reading stands.
        away: whether nothing answers.
        ticks: written so far.
    """

    def __init__(self) -> None:
        self.end = self.position = 0
        self.away = False
        self.asked = 0
        self.ticks: list[bytes] = []

    async def has_read_to_end(self, tp: TP, folded_to: int) -> bool:
        return folded_to >= self.position == self.end

    async def lag(self, tp: TP, folded_to: int) -> int | None:
        return max(0, self.end - folded_to)

    async def ends(self, tps: Sequence[TP]) -> dict[TP, int]:
        self.asked += 1
        if self.away:
            raise KafkaUnavailable("Kafka: no answer")
        return dict.fromkeys(tps, self.end)

    async def has_unread(self, tp: TP, folded_to: int, end: int) -> bool:
        return folded_to < self.position or self.position < end

    async def send_and_wait(self, *message: object) -> None:
        self.ticks.append(cast(bytes, message[2]))


class Keeper:
    """A timekeeper that looks once a second of a clock of its own."""

    def __init__(self, store: MemoryStore, policy: Policy = POLICY) -> None:
        self.store, self.kafka, self.watched, self.log = store, Kafka(), Watched(), Logbook()
        self.now_s = 0.0
        self.learning: Lane[LearnerFold] = Lane(self.watched._read_again, self.watched._crash)
        self.keeper = Timekeeper(
            cast(faust.App, SimpleNamespace(consumer=self.kafka, producer=self.kafka)),
            store,
            policy,
            "main",
            self.watched.lane,
            self.learning,
            self.watched._read_again,
            self.watched._crash,
            now_s=lambda: self.now_s,
        )

    async def put(self) -> None:
        """Open the partition, and give it its log."""
        self.watched.open(self.log, self.store)
        self.kafka.end = self.kafka.position = self.log.end
        if self.log.records:
            await self.watched.lane.put(FakeFetch(self.log.records))

    async def fold(self) -> None:
        """Likewise, and wait until it is in the store."""
        await self.put()
        await self.watched.done()

    async def look(self) -> None:
        """Once, now."""
        await self.keeper.keep_time()

    async def watch_for(self, seconds: int) -> None:
        """Once a second."""
        for _ in range(seconds):
            self.now_s += 1
            await self.look()

    @property
    def crashes(self) -> list[str]:
        """Why the worker ends, in words."""
        return [str(each) for each in self.watched.crashes]
