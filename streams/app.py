"""The composition root of a worker: builds everything, opens partitions, keeps time.

One `Worker` is one process. It owns the partitions that Faust assigns to it; for each of them it
looks at what the store says before reading begins, and refuses to go on rather than mix states
of different logs.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import signal
import tempfile
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import TP
from yarl import URL

from models.events import Kind, encode_tick
from models.policy import Policy
from streams.agents import declare
from streams.chunk import LogIdentity
from streams.clock import source_delay_ms, source_is_silent, tick_to_write
from streams.lane import Lane
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicFacts
from streams.logs import logging_config
from streams.partition import PartitionFold
from streams.patience import attempts
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused, why_refused
from streams.settings import Settings
from streams.store import Live, Newest, Store, StoreUnavailable
from streams.topics import LOG
from streams.transport import Consumer, transport_for
from streams.wall import wall_ms

LIVE_TTL_MS = 10_000  # the owner renews it every second
STOP_WITHIN_S = 30
logger = logging.getLogger(__name__)


class Worker:
    """One worker process.

    Args:
        settings: where Kafka and Redis are.
        policy: the rules in force.
        store: None: Redis, as the settings say.
    """

    def __init__(self, settings: Settings, policy: Policy, store: Store | None = None) -> None:
        self._settings, self._policy = settings, policy
        self._redis = connect(settings.redis_url.get_secret_value())
        self._store = store or RedisStore(self._redis, settings.namespace)
        self._inspector = LogInspector(settings.bootstrap_servers)
        self._source_was_silent = False
        self.failure: BaseException | None = None
        self.app = _faust_app(settings)
        self.lane = Lane(self._read_again, self._fail)
        url = [URL(f"kafka://{server}") for server in settings.bootstrap_servers.split(",")]
        self.app.transport = transport_for(self.app, url, LOG, self.resume_at, self._fail)
        declare(self.app, self.lane, self.keep_time)
        self.app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self.app.on_before_shutdown.connect(_stop_in_time)

    async def resume_at(self, partitions: list[int]) -> dict[int, int]:
        """Open the partitions assigned; answers where reading begins. Waits for Kafka and Redis.

        Raises:
            Refused, TopicMissing: say why and what to do.
        """
        async for _ in attempts():
            try:
                return await self._open_all(partitions)
            except (StoreUnavailable, KafkaUnavailable) as error:
                logger.warning("waiting: %s", error)
        raise AssertionError("attempts never end")

    async def _open_all(self, partitions: list[int]) -> dict[int, int]:
        for partition in set(self.lane.partitions) - set(partitions):
            self.lane.close(partition)
        if not partitions:
            return {}
        unfit = await self._store.unfit()
        if unfit is not None:
            raise Refused(unfit)
        facts, extents = await asyncio.to_thread(self._ask_log, partitions)
        await self._store.set_partitions(facts.partitions)
        return {each: await self._open(each, facts, extents[each]) for each in partitions}

    def _ask_log(self, partitions: list[int]) -> tuple[TopicFacts, dict[int, Extent]]:
        return self._inspector.facts(LOG), self._inspector.extents(LOG, partitions)

    async def _open(self, partition: int, facts: TopicFacts, extent: Extent) -> int:
        meta = (await self._store.load(partition, ())).meta
        refusal = why_refused(meta, facts, extent, partition)
        if refusal is not None:
            raise Refused(refusal)
        log = LogIdentity(self._settings.namespace, facts.topic_id, facts.partitions, partition)
        fold = PartitionFold(
            log, self._policy, self._store, self._records_exist, lambda: secrets.token_bytes(8)
        )
        fold.store_offset = meta.offset
        self.lane.open(partition, fold)
        logger.info("partition %d: reading from %d of %d", partition, meta.offset, extent.end)
        return meta.offset

    async def _records_exist(self, partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(self._inspector.records_exist, LOG, partition, start, end)

    async def _read_again(self) -> None:
        """Make Faust read on from the store's offsets, in mid-stream.

        Seeking alone has no effect: records already fetched must be dropped first.
        """
        consumer = cast(Consumer, self.app.consumer)
        flow = self.app.flow_control
        consumer.stop_flow()
        flow.suspend()
        flow.clear()
        await consumer.wait_for_stopped_flow()
        await consumer.perform_seek()
        flow.resume()
        consumer.resume_flow()

    async def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        await self.app.crash(error)

    async def _revoked(self, _app: Any, *revoked: Any, **_: Any) -> None:
        for tp in itertools.chain(*revoked):
            if tp.topic == LOG:
                self.lane.close(tp.partition)

    async def keep_time(self) -> None:
        """Once a second: for each partition read to its end, say so, and tick if it is time."""
        for partition in self.lane.partitions:
            try:
                await self._keep_time_of(partition)
            except (StoreUnavailable, KafkaError, TimeoutError) as error:
                logger.warning("partition %d: time stands still: %s", partition, error)
            except Exception as error:  # an error in a timer would end in silence
                logger.exception("partition %d: keeping time failed", partition)
                await self._fail(error)

    async def _keep_time_of(self, partition: int) -> None:
        fold = self.lane.fold(partition)
        if fold is None:  # taken away while an earlier partition was looked at
            return
        if self.lane.idle(partition) and await self._was_rolled_back(partition, fold):
            logger.warning("partition %d: the store has lost what was folded", partition)
            await self._read_again()
            return
        shared = await self._store.offer_newest(fold.newest or Newest(0, 0))
        if not await self._has_read_to_end(partition, fold) or shared.appended_ms == 0:
            return
        now_ms = wall_ms()
        silent = source_is_silent(now_ms, shared, self._policy)
        if silent != self._source_was_silent:
            said = "no event in any partition; time stands still" if silent else "over"
            logger.warning("source_silent: %s", said)
            self._source_was_silent = silent
        if silent:
            return
        await self._store.set_live(partition, Live(source_delay_ms(shared)), LIVE_TTL_MS)
        due_ms = await self._store.next_due_ms(partition)
        at_ms = tick_to_write(now_ms, shared, due_ms, self._policy)
        if at_ms is not None:
            await self.app.producer.send_and_wait(
                LOG,
                None,
                encode_tick(at_ms),
                partition,
                None,
                {"kind": Kind.TICK.value.encode()},
            )

    async def _was_rolled_back(self, partition: int, fold: PartitionFold) -> bool:
        """Whether the store stands before what was written to it: emptied, or an older copy."""
        return (await self._store.load(partition, ())).meta.offset < fold.store_offset

    async def _has_read_to_end(self, partition: int, fold: PartitionFold) -> bool:
        consumer = cast(Consumer, self.app.consumer)
        return self.lane.idle(partition) and await consumer.has_read_to_end(
            TP(LOG, partition), fold.store_offset
        )

    def run(self, log_level: str) -> None:
        """Run until a signal or a failure; does not return.

        Raises:
            SystemExit: 0 after SIGTERM or SIGINT.
            Refused, or whatever ended the worker.
        """
        worker = faust.Worker(
            self.app,
            loglevel=log_level,  # of the handler: a higher one would hide our own
            redirect_stdouts=False,
            logging_config=logging_config(log_level),
            quiet=True,
            workdir=Path.cwd(),
        )
        try:
            worker.execute_from_commandline()
        except SystemExit:
            if self.failure is None:
                raise
        if self.failure is not None:
            raise self.failure


async def _stop_in_time(*_: object, **__: object) -> None:
    """The batch in hand may be finished; after that the process ends, come what may."""
    signal.alarm(STOP_WITHIN_S)


def _faust_app(settings: Settings) -> faust.App:
    return faust.App(
        f"{settings.group}-{settings.namespace}",
        broker=f"kafka://{settings.bootstrap_servers.replace(',', ';')}",
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_commit_interval=2.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        stream_buffer_maxsize=8,  # fetches, of all partitions together
        datadir=tempfile.gettempdir(),  # Faust wants one; nothing is kept in it
    )
