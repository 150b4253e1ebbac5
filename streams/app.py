"""The composition root of a worker: builds everything, opens partitions.

One `Worker` is one process. It owns the partitions that Faust assigns to it; for each of them it
looks at what the store says before reading begins, and refuses to go on rather than mix states
of different logs.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from functools import partial
from typing import Any, cast

from faust.types import TP

from models.erasure import Mark
from models.policy import Policy
from streams.agents import declare
from streams.belonging import why_refused
from streams.bodies import policy_bodies, population_bodies
from streams.chunk import LogIdentity
from streams.erasures import born_marks
from streams.faust_parts import (
    crash_in_time,
    execute,
    faust_app,
    opened_at_last,
    pulse,
    read_again,
    stop_in_time,
)
from streams.lane import Lane
from streams.learning import LearnerFold
from streams.log import Extent, LogInspector, TopicFacts
from streams.metrics_store import timed
from streams.metrics_worker import WorkerMeter
from streams.partition import PartitionFold
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.serving import LOOK_EVERY_S, Follower
from streams.serving import serving as serving_store
from streams.settings import Settings
from streams.store import LEARNER, Store, new_nonce
from streams.timekeeper import Timekeeper, always
from streams.topics import ALERTS, ERASURES, INPUTS, LOG, POLICIES, POPULATIONS
from streams.transport import transport_of

logger = logging.getLogger(__name__)
_OTHER_FILE = (
    "partition %d was folded under policy %s, this worker's file is %s: it holds for each customer "
    "from their next event on; to measure everybody by it, run: segmenter policy publish"
)


class Worker:
    """One worker process.

    Args:
        settings: where Kafka and Redis are.
        policy: the rules in force.
        store: None: Redis, as the settings say.
        serving: the store that serves the installation, unless the settings name one; "": the
            one of its own name.
        meter: told what is done; one of its own if left out.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        store: Store | None = None,
        serving: str = "",
        meter: WorkerMeter | None = None,
    ) -> None:
        kept_in = settings.store or serving or settings.namespace
        self._settings, self._policy = settings, policy
        self._redis = connect(settings.redis_url.get_secret_value())
        self._store = store or RedisStore(self._redis, kept_in)
        self.meter = meter or WorkerMeter()
        self._timed = timed(self._store, self.meter.store_s)
        self._inspector = LogInspector(settings.brokers)
        self.failure: BaseException | None = None
        self.app = faust_app(settings, f"{settings.group}-{kept_in}")
        again = partial(read_again, self.app)
        self.lane: Lane[PartitionFold] = Lane(again, self._fail, self.meter.log)
        self.learning: Lane[LearnerFold] = Lane(again, self._fail, self.meter.learning)
        self._lanes: dict[str, Lane[Any]] = {LOG: self.lane, INPUTS: self.learning}
        self._bodies = population_bodies(self._inspector)
        self._policies = policy_bodies(self._inspector)
        topics = frozenset(self._lanes)
        self.app.transport = transport_of(
            settings, self.app, topics, self.resume_at, self._fail, self._let_go
        )
        keeper = Timekeeper(
            self.app,
            self._store,
            policy,
            settings.namespace,
            self.lane,
            self.learning,
            again,
            self._fail,
            partial(self._serves, kept_in) if settings.store else always,
            meter=self.meter,
        )
        declare(self.app, keeper.keep_time, self.lane, self.learning)
        pulse(self.app, self._pulse)
        if not settings.store:
            follower = Follower(self._redis, settings.namespace, kept_in, self._fail)
            self.app.timer(LOOK_EVERY_S, on_leader=False, name="follow")(follower.look)
        self.app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self.app.on_before_shutdown.connect(stop_in_time)

    async def resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        """Open the partitions assigned; answers where reading begins. Waits for Kafka and Redis.

        Raises:
            Refused, TopicMissing: say why and what to do.
        """
        reads_from = await opened_at_last(self._open_all, assigned)
        self.meter.joined = True
        return reads_from

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

        Without those of alerts and erasures nothing would leave an outbox that holds one.
        """
        for topic in (ALERTS, INPUTS, POPULATIONS, POLICIES, ERASURES):
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
        if meta.policy not in {"", self._policy.version} and not await self._store.policy(
            partition
        ):
            logger.warning(_OTHER_FILE, partition, meta.policy, self._policy.version)
        probe = partial(self._records_exist, LOG)
        born_with = partial(self._erased_before, log)
        fold = PartitionFold(
            *(log, self._policy, self._timed, probe, self._bodies, new_nonce),
            *(born_with, self._policies),
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
        fold = LearnerFold(
            *(log, self._policy, self._store, probe, new_nonce, asyncio.to_thread),
            self._policies,
        )
        meta = await fold.look()
        self.learning.open(partitions[0], fold)
        logger.info("the learner: reading from %d of %d", meta.offset, extent.end)
        return {TP(INPUTS, partitions[0]): meta.offset}

    async def _records_exist(self, topic: str, partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(self._inspector.records_exist, topic, partition, start, end)

    async def _serves(self, kept_in: str) -> bool:
        return await serving_store(self._redis, self._settings.namespace) == kept_in

    def _let_go(self) -> None:
        for lane in self._lanes.values():
            for partition in lane.partitions:
                lane.close(partition)

    def _pulse(self) -> None:
        self.meter.joined = self.meter.joined or self.app.unassigned  # then it stands by
        self.meter.pulse()

    async def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        await crash_in_time(self.app, error)

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
        execute(self.app, log_level, lambda: self.failure)
