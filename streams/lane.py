"""The lane: how fetches of one topic that Faust hands to an agent become batches for a fold.

A fetch is what the broker gave for one partition at once (`streams/batch_transport.py`). The lane keeps
a queue for each partition, hands fetch by fetch to the partition's fold, and acknowledges when
the store has answered. Kafka's committed offset is a hint: reading begins at the store's offset.

While the store can't be written the lane waits and tries again, for as long as it takes; fetches
that arrive meanwhile are bounded by `MAX_WAITING`, then Faust stops fetching.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from streams.batch_transport import Fetched
from streams.log import KafkaUnavailable
from streams.metrics_worker import LaneMeter, WorkerMeter
from streams.partition import Batch, OutboxFull, Seek
from streams.patience import attempts
from streams.store import StoreUnavailable

MAX_WAITING = 2  # fetches of one partition, each at most a megabyte on the wire; more only age
logger = logging.getLogger(__name__)


class Fetch(Protocol):
    """What the lane needs of a Faust event."""

    @property
    def partition(self) -> int:
        """Whose records these are."""

    @property
    def fetched(self) -> Fetched:
        """What it brought."""

    def ack(self) -> None:
        """Tell Faust that it need not wait for this any more."""


class Fold(Protocol):
    """What becomes of the batches of one partition.

    Attributes:
        tally: what was folded, by kind.
    """

    tally: Counter[str]

    async def handle(self, batch: Batch) -> Seek | None:
        """Fold a batch; idempotent. Answers None, or where reading must resume.

        Raises:
            StoreUnavailable, OutboxFull, KafkaUnavailable: call again, later.
        """


FoldT = TypeVar("FoldT", bound=Fold)


class _Inbox(Generic[FoldT]):
    """Fetches of one partition that wait."""

    def __init__(self, partition: int, fold: FoldT) -> None:
        self.partition, self.fold = partition, fold
        self.fetches: deque[Fetch] = deque()
        self.busy = False
        self.waiting_for: str | None = None
        self.closed = False  # beside cancelling: redis-py on Python 3.11 may swallow that
        self.arrived = asyncio.Event()
        self.room = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Lane(Generic[FoldT]):
    """Hands batches to the folds of one topic's partitions that this worker owns.

    Args:
        read_again: async: make Faust read from the store's offsets again, in mid-stream.
        crash: called with an error that retrying can't mend; ends the worker.
        meter: told of partitions, batches and waiting; one of its own if left out.
    """

    def __init__(
        self,
        read_again: Callable[[], Awaitable[None]],
        crash: Callable[[BaseException], Awaitable[None]],
        meter: LaneMeter | None = None,
    ) -> None:
        self._read_again = read_again
        self._crash = crash
        self._meter = meter or WorkerMeter().log
        self._inboxes: dict[int, _Inbox[FoldT]] = {}

    def open(self, partition: int, fold: FoldT) -> None:
        """Begin, or begin again; what waited is dropped."""
        self.close(partition)
        inbox = self._inboxes[partition] = _Inbox(partition, fold)
        self._meter.opened(partition, fold)
        inbox.task = asyncio.create_task(self._pump(partition, inbox))

    def close(self, partition: int) -> None:
        """Stop; a batch in hand is given up half way, which harms nothing."""
        inbox = self._inboxes.pop(partition, None)
        if inbox is None:
            return
        inbox.closed = True
        self._meter.closed(partition)
        if inbox.task is not None and inbox.task is not asyncio.current_task():
            inbox.task.cancel()
        for fetch in inbox.fetches:
            fetch.ack()
        inbox.fetches.clear()
        inbox.room.set()

    @property
    def partitions(self) -> list[int]:
        """Those open here."""
        return sorted(self._inboxes)

    def fold(self, partition: int) -> FoldT | None:
        """The fold of a partition, if it is open."""
        inbox = self._inboxes.get(partition)
        return None if inbox is None else inbox.fold

    def idle(self, partition: int) -> bool:
        """Whether all that was handed over for a partition is in the store."""
        inbox = self._inboxes.get(partition)
        return inbox is not None and not inbox.busy and not inbox.fetches

    @property
    def waiting_for(self) -> str | None:
        """What keeps the batches of some partition from being written now; None if nothing does."""
        return next(filter(None, (each.waiting_for for each in self._inboxes.values())), None)

    async def put(self, fetch: Fetch) -> None:
        """Take one fetch; waits while too many of its partition wait."""
        inbox = self._inboxes.get(fetch.partition)
        if inbox is None:  # taken away meanwhile: the next owner reads it
            fetch.ack()
            return
        inbox.fetches.append(fetch)
        inbox.arrived.set()
        while len(inbox.fetches) >= MAX_WAITING:
            inbox.room.clear()
            await inbox.room.wait()

    async def _pump(self, partition: int, inbox: _Inbox[FoldT]) -> None:
        try:
            while not inbox.closed:
                await inbox.arrived.wait()
                inbox.arrived.clear()
                while inbox.fetches:
                    seek = await self._hand_over(inbox, inbox.fetches.popleft())
                    if seek is not None and not inbox.closed:
                        logger.warning("partition %d: reads again from %d", partition, seek.offset)
                        await self._read_again()
                        return
        except Exception as error:
            logger.exception("partition %d: the fold failed", partition)
            await self._crash(error)

    async def _hand_over(self, inbox: _Inbox[FoldT], fetch: Fetch) -> Seek | None:
        from_offset, records = fetch.fetched
        batch = Batch(from_offset, records[-1].offset + 1, records)
        inbox.busy = True
        inbox.room.set()
        try:
            seek = await self._handle_patiently(inbox, batch)
        finally:  # done, or given up: either way Faust must not wait for it
            fetch.ack()
        inbox.busy = seek is not None  # nothing is idle before it has been read again
        return seek

    async def _handle_patiently(self, inbox: _Inbox[FoldT], batch: Batch) -> Seek | None:
        async for _ in attempts():
            began_s = time.monotonic()
            try:
                seek = await inbox.fold.handle(batch)
            except (StoreUnavailable, OutboxFull, KafkaUnavailable) as error:
                if inbox.closed:
                    return None
                if self.waiting_for is None:
                    logger.warning("waiting: %s", error)
                inbox.waiting_for = str(error)
                self._meter.waits(inbox.partition)
                continue
            if inbox.waiting_for is not None:
                inbox.waiting_for = None
                if self.waiting_for is None:
                    logger.info("going on")
            if seek is None and not inbox.closed:
                self._meter.handled(inbox.partition, batch, time.monotonic() - began_s)
            return seek
        raise AssertionError("attempts never end")
