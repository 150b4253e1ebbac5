"""What a lane is given by Faust and by a store, without either: fakes, and a way to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from models.events import LogRecord
from streams.batch_transport import Fetched
from streams.lane import Lane
from streams.memory_store import MemoryStore
from streams.metrics_worker import WorkerMeter
from streams.partition import PartitionFold
from streams.store import Change, Loaded, Meta, StoreUnavailable
from tests.streams.logbook import PARTITION, Logbook, fold_of

PATIENCE_S = 10.0


async def until(condition: Callable[[], bool]) -> None:
    """Let everyone else go on until it holds; fails when patience ends."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - any condition, not one of ours
            await asyncio.sleep(0.001)


class FakeFetch:
    """What one fetch brought; notes when it is acknowledged."""

    def __init__(self, records: Sequence[LogRecord], partition: int = PARTITION) -> None:
        self.partition = partition
        self.fetched = Fetched(records[0].offset, records)
        self.acks = 0

    def ack(self) -> None:
        self.acks += 1


def fetches_of(log: Logbook, *lengths: int) -> list[FakeFetch]:
    """The log cut into fetches of so many records each."""
    fetches, start = [], 0
    for length in lengths:
        fetches.append(FakeFetch(log.records[start : start + length]))
        start += length
    return fetches


class Watched:
    """A lane, and what it has asked the worker for."""

    def __init__(self, meter: WorkerMeter | None = None) -> None:
        self.read_again = 0
        self.crashes: list[BaseException] = []
        told = (meter or WorkerMeter()).log
        self.lane: Lane[PartitionFold] = Lane(self._read_again, self._crash, told)

    async def _read_again(self) -> None:
        self.read_again += 1

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    def open(self, log: Logbook, store: MemoryStore) -> PartitionFold:
        """Begin to fold the log into the store."""
        fold = fold_of(log, store)
        self.lane.open(PARTITION, fold)
        return fold

    def waiting_for(self) -> str | None:
        """What keeps the lane from writing now."""
        return self.lane.waiting_for

    async def done(self, partition: int = PARTITION) -> None:
        """Wait until all that was put is in the store."""
        await until(lambda: self.lane.idle(partition))


class Store(MemoryStore):
    """A store that notes its offsets as they are written."""

    def __init__(self) -> None:
        super().__init__(wall_ms=lambda: 0)
        self.offsets: list[int] = []

    @property
    def offset(self) -> int:
        """Where it stands."""
        return self.offsets[-1] if self.offsets else 0

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        applied = await super().apply(partition, expected, change)
        if applied:
            self.offsets.append(change.meta.offset)
        return applied


class Failing(Store):
    """A store that fails the first calls: each error is raised once, the newest last."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        if self.errors:
            raise self.errors.pop(0)
        return await super().apply(partition, expected, change)


class Crowded(Store):
    """A store whose outbox looks too full for the first few looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        loaded = await super().load(partition, customer_ids, known)
        self.looks -= 1
        return loaded._replace(outbox_rows=10**9) if self.looks >= 0 else loaded


class Gated(Store):
    """A store that does not answer before its gate is opened.

    Args:
        written: whether what it was given stands in it while its answer is awaited.
    """

    def __init__(self, *, written: bool) -> None:
        super().__init__()
        self._written = written
        self.gate = asyncio.Event()
        self.waiting = False

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        if self._written:
            applied = await super().apply(partition, expected, change)
            await self._wait()
            return applied
        await self._wait()
        return await super().apply(partition, expected, change)

    async def _wait(self) -> None:
        self.waiting = True
        await self.gate.wait()


def down() -> StoreUnavailable:
    """What a store says that can't be reached."""
    return StoreUnavailable("Redis: connection refused")
