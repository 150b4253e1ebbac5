"""The composition root of a worker: builds everything, opens partitions.

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
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
from faust.types import TP
from yarl import URL

from models.erasure import Mark
from models.policy import Policy
from streams.agents import declare
from streams.belonging import why_refused
from streams.bodies import Bodies
from streams.chunk import LogIdentity
from streams.erasures import born_marks
from streams.lane import Lane
from streams.learning import LearnerFold
from streams.log import Extent, KafkaUnavailable, LogInspector, TopicFacts
from streams.logs import logging_config
from streams.partition import PartitionFold
from streams.patience import STOP_WITHIN_S, attempts
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.serving import LOOK_EVERY_S, Follower
from streams.serving import serving as serving_store
from streams.settings import Settings
from streams.store import LEARNER, Store, StoreUnavailable
from streams.timekeeper import Timekeeper, always
from streams.topics import ERASURES, INPUTS, LOG, POPULATIONS
from streams.transport import Consumer, transport_for

logger = logging.getLogger(__name__)


class Worker:
    """One worker process.

    Args:
        settings: where Kafka and Redis are.
        policy: the rules in force.
        store: None: Redis, as the settings say.
        serving: the store that serves the installation, unless the settings name one; "": the
            one of its own name.
    """

    def __init__(
        self, settings: Settings, policy: Policy, store: Store | None = None, serving: str = ""
    ) -> None:
        kept_in = settings.store or serving or settings.namespace
        self._settings, self._policy = settings, policy
        self._redis = connect(settings.redis_url.get_secret_value())
        self._store = store or RedisStore(self._redis, kept_in)
        self._inspector = LogInspector(settings.bootstrap_servers)
        self.failure: BaseException | None = None
        self.app = _faust_app(settings, kept_in)
        self.lane: Lane[PartitionFold] = Lane(self._read_again, self._fail)
        self.learning: Lane[LearnerFold] = Lane(self._read_again, self._fail)
        self._lanes: dict[str, Lane[Any]] = {LOG: self.lane, INPUTS: self.learning}
        self._bodies = Bodies(self._inspector)
        url = [URL(f"kafka://{server}") for server in settings.bootstrap_servers.split(",")]
        topics = frozenset(self._lanes)
        self.app.transport = transport_for(
            self.app, url, topics, self.resume_at, self._fail, self._let_go
        )
        keeper = Timekeeper(
            self.app,
            self._store,
            policy,
            settings.namespace,
            self.lane,
            self.learning,
            self._read_again,
            self._fail,
            partial(self._serves, kept_in) if settings.store else always,
        )
        declare(self.app, keeper.keep_time, self.lane, self.learning)
        if not settings.store:
            follower = Follower(self._redis, settings.namespace, kept_in, self._fail)
            self.app.timer(LOOK_EVERY_S, on_leader=False, name="follow")(follower.look)
        self.app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self.app.on_before_shutdown.connect(_stop_in_time)

    async def resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        """Open the partitions assigned; answers where reading begins. Waits for Kafka and Redis.

        Raises:
            Refused, TopicMissing: say why and what to do.
        """
        async for _ in attempts():
            try:
                return await self._open_all(assigned)
            except (StoreUnavailable, KafkaUnavailable) as error:
                logger.warning("waiting: %s", error)
        raise AssertionError("attempts never end")

    async def _open_all(self, assigned: list[TP]) -> dict[TP, int]:
        mine = {
            topic: [tp.partition for tp in assigned if tp.topic == topic] for topic in self._lanes
        }
        for topic, lane in self._lanes.items():
            for partition in set(lane.partitions) - set(mine[topic]):
                lane.close(partition)
        if not assigned:
            return {}
        if not self.lane.partitions:
            await asyncio.to_thread(self._require_topics)
        unfit = await self._store.unfit()
        if unfit is not None:
            raise Refused(unfit)
        log, inputs = await self._open_log(mine[LOG]), await self._open_inputs(mine[INPUTS])
        return {**log, **inputs}

    async def _open_log(self, partitions: list[int]) -> dict[TP, int]:
        if not partitions:
            return {}
        facts, extents = await asyncio.to_thread(self._ask_about, LOG, partitions)
        await self._store.set_partitions(facts.partitions)
        return {TP(LOG, each): await self._open(each, facts, extents[each]) for each in partitions}

    def _ask_about(self, topic: str, partitions: list[int]) -> tuple[TopicFacts, dict[int, Extent]]:
        return self._inspector.facts(topic), self._inspector.extents(topic, partitions)

    def _require_topics(self) -> None:
        """Without the learner's topics nobody would be assigned them, and nobody would notice.

        Without that of the erasures nothing would leave an outbox that holds one.
        """
        for topic in (INPUTS, POPULATIONS, ERASURES):
            partitions = self._inspector.facts(topic).partitions
            if partitions != 1:
                raise Refused(
                    f"topic {topic!r} has {partitions} partitions, it must have 1; delete it, and "
                    "run: segmenter topics create"
                )

    async def _open(self, partition: int, facts: TopicFacts, extent: Extent) -> int:
        meta = (await self._store.load(partition, ())).meta
        log = LogIdentity(
            self._settings.namespace,
            facts.topic_id,
            facts.partitions,
            partition,
            self._settings.pseudonyms,
        )
        refusal = why_refused(meta, facts, extent, partition, key_id=log.pseudonyms.key_id)
        if refusal is not None:
            raise Refused(refusal)
        probe = partial(self._records_exist, LOG)
        born_with = partial(self._erased_before, log)
        fold = PartitionFold(
            log, self._policy, self._store, probe, self._bodies, _new_nonce, born_with
        )
        fold.store_offset = meta.offset
        self.lane.open(partition, fold)
        logger.info("partition %d: reading from %d of %d", partition, meta.offset, extent.end)
        return meta.offset

    async def _erased_before(self, log: LogIdentity) -> dict[str, Mark]:
        return born_marks(await asyncio.to_thread(self._inspector.read_all, ERASURES), log)

    async def _open_inputs(self, partitions: list[int]) -> dict[TP, int]:
        """The learner's topic has one partition; its owner learns."""
        if not partitions:
            return {}
        facts, extents = await asyncio.to_thread(self._ask_about, INPUTS, partitions)
        learned_of = await asyncio.to_thread(self._inspector.facts, LOG)
        log = LogIdentity(
            self._settings.namespace, facts.topic_id, learned_of.partitions, partitions[0]
        )
        probe = partial(self._records_exist, INPUTS)
        meta, extent = (await self._store.load(LEARNER, ())).meta, extents[partitions[0]]
        refusal = why_refused(meta, facts, extent, partitions[0], INPUTS)
        if refusal is not None:
            raise Refused(refusal)
        fold = LearnerFold(log, self._policy, self._store, probe, _new_nonce, asyncio.to_thread)
        meta = await fold.look()
        self.learning.open(partitions[0], fold)
        logger.info("the learner: reading from %d of %d", meta.offset, extent.end)
        return {TP(INPUTS, partitions[0]): meta.offset}

    async def _records_exist(self, topic: str, partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(self._inspector.records_exist, topic, partition, start, end)

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

    async def _serves(self, kept_in: str) -> bool:
        return await serving_store(self._redis, self._settings.namespace) == kept_in

    def _let_go(self) -> None:
        for lane in self._lanes.values():
            for partition in lane.partitions:
                lane.close(partition)

    async def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        await self.app.crash(error)

    async def _revoked(self, _app: Any, *revoked: Any, **_: Any) -> None:
        for tp in itertools.chain(*revoked):
            if tp.topic in self._lanes:
                self._lanes[tp.topic].close(tp.partition)

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


def _new_nonce() -> bytes:
    return secrets.token_bytes(8)


async def _stop_in_time(*_: object, **__: object) -> None:
    """The batch in hand may be finished; after that the process ends, come what may."""
    signal.alarm(STOP_WITHIN_S)


def _faust_app(settings: Settings, kept_in: str) -> faust.App:
    return faust.App(
        f"{settings.group}-{kept_in}",
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
