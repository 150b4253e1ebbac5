"""Once a second, what the passing of time asks of a worker: ticks, an end to waiting, a watch.

For each partition that has been read to its end the owner notes so, and writes a tick if a
deadline has come or an epoch is over (`streams/clock.py`). The owner of the learner's topic writes
that a partition which has not reached the end of an epoch is not waited for any longer. Nothing
acts here: what is written acts when it has been read back.

What the looks bring is told to the meter, and each partition's vitals to the store, for lookups.

And each partition is watched: a worker in which one is stuck (`streams/watchdog.py`) ends, so that
whoever supervises it starts it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from models.calendar import start_of_day_ms
from models.events import REPLAY, Kind, encode_tick
from models.policy import Policy
from models.population import CorruptPopulation, decode_population, next_epoch_end
from streams.clock import source_delay_ms, source_is_silent, tick_to_write
from streams.lane import Lane
from streams.learning import LearnerFold, give_up_message
from streams.log import KafkaUnavailable
from streams.metrics_partition import seen
from streams.metrics_worker import WorkerMeter
from streams.partition import PartitionFold
from streams.store import LEARNER, Live, Loaded, Meta, Newest, Store, StoreUnavailable
from streams.topics import INPUTS, LOG
from streams.transport import Consumer
from streams.wall import wall_ms
from streams.watchdog import LEARNER_STUCK_AFTER_S, STUCK_AFTER_S, Stuck, Watchdog

LIVE_TTL_MS = 10_000  # the owner renews it every second
SEND_PATIENCE_S = 30.0  # Faust's producer would wait for 20 minutes; a tick sent twice is harmless
READ_AGAIN_PATIENCE_S = 0.3  # it goes on behind that: half of it would leave reading stopped
logger = logging.getLogger(__name__)


async def always() -> bool:
    """The only store of its installation serves."""
    return True


class Timekeeper:
    """Keeps time for the partitions of a worker.

    Args:
        app: the worker's, for its consumer and producer.
        store: where states are kept.
        policy: the rules in force until the log names others.
        namespace: of the installation.
        lane: of the log.
        learning: of the learner's topic.
        read_again: async: read from the store's offsets again, in mid-stream.
        crash: async: called with an error that retrying can't mend.
        may_write: async: whether this worker's store is the one that serves: one that is being
            built beside it keeps silent, as it may not know yet how late its source is.
        now_s: the monotonic clock.
        meter: told what was seen; one of its own if left out.
    """

    def __init__(
        self,
        app: faust.App,
        store: Store,
        policy: Policy,
        namespace: str,
        lane: Lane[PartitionFold],
        learning: Lane[LearnerFold],
        read_again: Callable[[], Awaitable[None]],
        crash: Callable[[BaseException], Awaitable[None]],
        may_write: Callable[[], Awaitable[bool]] = always,
        now_s: Callable[[], float] = time.monotonic,
        meter: WorkerMeter | None = None,
    ) -> None:
        self._app, self._store, self._given, self._namespace = app, store, policy, namespace
        self._lane, self._learning = lane, learning
        self._read_again, self._crash = read_again, crash
        self._source_was_silent = False
        self._may_write, self._now_s, self._watchdog = may_write, now_s, Watchdog()
        self._reading_again: asyncio.Future[None] | None = None
        self._meter = meter or WorkerMeter()

    @property
    def _policy(self) -> Policy:
        """In force in the partitions that are open here."""
        folds = (self._lane.fold(each) for each in self._lane.partitions)
        return next((fold.policy for fold in folds if fold is not None), self._given)

    async def keep_time(self) -> None:
        """Look at every partition that is open here."""
        looks = [
            self._patiently(f"partition {each}", self._keep_time_of(each))
            for each in self._lane.partitions
        ]
        looks += [
            self._patiently("the learner", self._end_waiting(each))
            for each in self._learning.partitions
        ]
        await asyncio.gather(*looks)  # a consumer that answers nobody holds them up only once
        await self._patiently("all partitions", self._watch())

    async def _patiently(self, whose: str, look: Awaitable[None]) -> None:
        try:
            await look
        except Stuck as error:
            logger.error("%s", error)  # noqa: TRY400 - where it was noticed says nothing
            await self._crash(error)
        except (StoreUnavailable, KafkaUnavailable, KafkaError, TimeoutError) as error:
            logger.warning("%s: time stands still: %s", whose, str(error) or type(error).__name__)
        except Exception as error:  # an error in a timer would end in silence
            logger.exception("%s: keeping time failed", whose)
            await self._crash(error)

    async def _keep_time_of(self, partition: int) -> None:
        fold = self._lane.fold(partition)
        if fold is None:  # taken away while an earlier partition was looked at
            return
        folded_to = fold.store_offset  # before asking: it may grow meanwhile
        await self._note_lag(partition, folded_to)
        loaded = await self._look(TP(LOG, partition), partition)
        meta = loaded.meta
        if self._lane.idle(partition) and meta.offset < folded_to:
            await self._fold_again(f"partition {partition}")
            return
        shared = await self._store.offer_newest(fold.newest or Newest(0, 0))
        due_ms = await self._store.next_due_ms(partition)
        at_end = await self._has_read_to_end(self._lane, TP(LOG, partition), fold.store_offset)
        live = at_end and shared.appended_ms > 0 and not self._is_silent(shared)
        await self._note(partition, loaded, shared, due_ms, live=live)
        if not live:
            return
        await self._store.set_live(partition, Live(source_delay_ms(shared)), LIVE_TTL_MS)
        epoch_ms = self._epoch_ends_ms(meta)
        due_ms = epoch_ms if due_ms is None else min(due_ms, epoch_ms)
        at_ms = tick_to_write(wall_ms(), shared, due_ms, self._policy)
        if at_ms is not None:
            headers = {"kind": Kind.TICK.value.encode()}
            if shared.replayed:  # behind a replay time is still the replay's
                headers[REPLAY] = b"true"
            await self._send(TP(LOG, partition), encode_tick(at_ms), headers)

    async def _note_lag(self, partition: int, folded_to: int) -> None:
        """Also while the store is away: it is then that one wants to know."""
        consumer = cast(Consumer, self._app.consumer)
        lag_records = await consumer.lag(TP(LOG, partition), folded_to)
        self._meter.log.behind(partition, lag_records)

    async def _note(
        self, partition: int, loaded: Loaded, shared: Newest, due_ms: int | None, *, live: bool
    ) -> None:
        """Tell what was seen, and how well the partition keeps up."""
        silent = self._source_was_silent
        self._meter.source_silent.set(silent)
        look = seen(loaded, shared, None if silent else due_ms, wall_ms(), live=live)
        vitals = self._meter.log.saw(partition, look, self._now_s())
        if vitals is not None:
            await self._store.set_vitals(partition, vitals, LIVE_TTL_MS)
        known = self._meter.population
        if loaded.meta.population > (known.version if known else 0):
            await self._note_population(partition)

    async def _note_population(self, partition: int) -> None:
        packed = await self._store.population(partition)
        if packed is not None:
            with suppress(CorruptPopulation):  # the fold says so, and refuses it
                self._meter.learned(decode_population(packed))

    async def _look(self, tp: TP, place: int) -> Loaded:
        """Where the store stands; noted by the watchdog, unless something is waited for.

        One partition that waits holds up the others: Faust hands all fetches over in one queue.
        """
        try:
            loaded = await self._store.load(place, ())
        except StoreUnavailable:
            self._watchdog.excuse(tp)
            raise
        if self._lane.waiting_for is None and self._learning.waiting_for is None:
            self._watchdog.look(tp, loaded.meta, self._now_s())
        else:
            self._watchdog.excuse(tp)
        return loaded

    async def _watch(self) -> None:
        """Ask the broker about partitions that have stood still for a while.

        Raises:
            Stuck: one of them does although it has records to read.
        """
        lanes: dict[TP, Lane[Any]] = {TP(LOG, each): self._lane for each in self._lane.partitions}
        lanes |= {TP(INPUTS, each): self._learning for each in self._learning.partitions}
        self._watchdog.keep(lanes)
        offsets = self._watchdog.to_ask_about()
        standing = [tp for tp in lanes if tp in offsets]
        if not standing:
            return
        consumer = cast(Consumer, self._app.consumer)
        try:
            ends = await consumer.ends(standing)
        except KafkaUnavailable:
            for tp in standing:
                self._watchdog.excuse(tp)
            raise
        await asyncio.gather(*(self._tell(lanes[tp], tp, offsets[tp], ends[tp]) for tp in standing))

    async def _tell(self, lane: Lane[Any], tp: TP, offset: int, end: int) -> None:
        consumer = cast(Consumer, self._app.consumer)
        unread = not lane.idle(tp.partition) or await consumer.has_unread(tp, offset, end)
        limit_s = STUCK_AFTER_S if tp.topic == LOG else LEARNER_STUCK_AFTER_S
        still_s = self._watchdog.tell(tp, unread=unread, stuck_after_s=limit_s)
        if still_s is not None:
            raise Stuck(
                f"{tp.topic}, partition {tp.partition} is stuck: the store has stood at offset "
                f"{offset} for {still_s:.0f} s, the log ends at {end}, and nothing is waited "
                "for; this worker ends, its supervisor should start it again"
            )

    def _epoch_ends_ms(self, meta: Meta) -> int:
        """When the epoch that goes on in a partition is over; 0 if none has begun."""
        if not meta.closed_day:
            return 0
        return start_of_day_ms(next_epoch_end(meta.closed_day, self._policy), self._policy.timezone)

    async def _end_waiting(self, partition: int) -> None:
        fold = self._learning.fold(partition)
        if fold is None:
            return
        folded_to = fold.store_offset
        meta = (await self._look(TP(INPUTS, partition), LEARNER)).meta
        if self._learning.idle(partition) and meta.offset < folded_to:
            await self._fold_again("the learner")
            return
        waiting = fold.waiting
        if waiting is None or not await self._has_read_to_end(
            self._learning, TP(INPUTS, partition), fold.store_offset
        ):
            return
        if wall_ms() - waiting.since_ms > self._policy.population.wait_minutes * 60_000:
            value, headers = give_up_message(self._namespace, waiting.as_of_day)
            await self._send(TP(INPUTS, partition), value, headers)

    def _is_silent(self, shared: Newest) -> bool:
        silent = source_is_silent(wall_ms(), shared, self._policy)
        if silent != self._source_was_silent:
            said = "no event in any partition; time stands still" if silent else "over"
            logger.warning("source_silent: %s", said)
            self._source_was_silent = silent
        return silent

    async def _fold_again(self, whose: str) -> None:
        """The store stands before what was written to it: emptied, or an older copy."""
        if self._reading_again is None or self._reading_again.done():
            logger.warning("%s: the store has lost what was folded", whose)
            self._reading_again = asyncio.ensure_future(self._read_again())
        done, _ = await asyncio.wait({self._reading_again}, timeout=READ_AGAIN_PATIENCE_S)
        for each in done:
            each.result()

    async def _has_read_to_end(self, lane: Lane[Any], tp: TP, folded_to: int) -> bool:
        consumer = cast(Consumer, self._app.consumer)
        return lane.idle(tp.partition) and await consumer.has_read_to_end(tp, folded_to)

    async def _send(self, tp: TP, value: bytes, headers: dict[str, bytes]) -> None:
        if not await self._may_write():
            return
        async with asyncio.timeout(SEND_PATIENCE_S):
            await self._app.producer.send_and_wait(
                tp.topic, None, value, tp.partition, None, headers
            )
