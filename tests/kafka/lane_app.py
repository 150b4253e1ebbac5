"""A Faust app of one agent in the test's own process: real Kafka, transport and lane, the test's folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import faust
from faust.types import TP

from streams.agents import _agent
from streams.faust_parts import faust_app
from streams.lane import Lane
from streams.partition import Batch, Seek
from streams.settings import Settings
from streams.topics import LOG
from streams.transport import Consumer, transport_of


class Stored(Protocol):
    """A fold that knows where reading begins."""

    tally: Counter[str]
    store_offset: int

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch."""


class LaneApp:
    """Reads all of the log's partitions.

    Args:
        settings: the broker, the group, and which lane.
        fold: makes the fold of a partition.
        fetch_bytes: of one partition, at most.

    Attributes:
        crashes: what would have ended a worker.
    """

    def __init__(
        self, settings: Settings, fold: Callable[[int], Stored], fetch_bytes: int = 1_048_576
    ) -> None:
        self._fold = fold
        self.crashes: list[BaseException] = []
        self.lane: Lane[Any] = Lane(self._read_again, self._crash)
        self.app: faust.App = faust_app(settings, settings.group)
        self.app.conf.consumer_max_fetch_size = fetch_bytes
        self.app.transport = transport_of(
            settings, self.app, frozenset({LOG}), self._resume_at, self._crash, self._let_go
        )
        _agent(self.app, "fold", {LOG: self.lane})

    def fetched_to(self, partition: int) -> int:
        """The end of all that Faust was given, be it on its way still."""
        consumer: Any = self.app.consumer
        assert isinstance(consumer, Consumer)
        return consumer._fetched_to.get(TP(LOG, partition), 0)

    async def _resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        offsets = {}
        for tp in assigned:
            fold = self._fold(tp.partition)
            self.lane.open(tp.partition, fold)
            offsets[tp] = fold.store_offset
        return offsets

    def _let_go(self) -> None:
        for partition in self.lane.partitions:
            self.lane.close(partition)

    async def _read_again(self) -> None:
        consumer: Any = self.app.consumer
        await consumer.read_again()

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)


@asynccontextmanager
async def running(app: LaneApp) -> AsyncIterator[LaneApp]:
    """It runs for as long as the block lasts."""
    await app.app.start()
    try:
        yield app
    finally:
        await app.app.stop()
