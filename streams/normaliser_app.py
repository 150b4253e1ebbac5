"""The composition root of a normaliser: `segmenter run normaliser`.

It reads the topics of all sources that have one, and writes into the log. Several share the
partitions through the consumer group; the offsets are those in Redis (`streams/normalising.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from faust.types import TP
from kafka.errors import KafkaError

from streams.agents import declare_normaliser
from streams.brokers import Brokers
from streams.faust_parts import (
    crash_in_time,
    execute,
    faust_app,
    opened_at_last,
    read_again,
    stop_in_time,
)
from streams.in_step import InStep
from streams.lane import Lane
from streams.log import Extent, LogInspector, TopicFacts, TopicMissing
from streams.metrics_normaliser import Behind, NormaliserMeter
from streams.normalising import Offsets, Place, RedisOffsets, SourceFold, why_refused
from streams.outbox import KafkaSender
from streams.redis_store import connect
from streams.refusal import Refused
from streams.settings import Settings
from streams.source_config import Sources, by_topic
from streams.store import OutboxRow
from streams.topics import DEAD_LETTERS, LOG
from streams.transport import Consumer, transport_of

FETCH_BYTES = 262_144  # of a partition at once: the less of it, the closer they keep in step
logger = logging.getLogger(__name__)


class NormaliserWorker:
    """One normaliser process.

    Args:
        settings: where Kafka and Redis are.
        sources: of the installation; at least one has a topic.
        meter: told what becomes of records; one of its own if left out.
        offsets: None: in Redis, as the settings say.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        meter: NormaliserMeter | None = None,
        offsets: Offsets | None = None,
    ) -> None:
        self._settings, self._sources = settings, sources
        self._names = by_topic(sources)
        self._offsets = offsets or RedisOffsets(
            connect(settings.redis_url.get_secret_value()), settings.namespace
        )
        self._inspector = LogInspector(settings.brokers)
        self._sender = LateSender(settings.brokers)
        self._closed = {topic: Counter[str]() for topic in self._names}
        self._folds: dict[TP, SourceFold] = {}
        self._in_step = {topic: InStep() for topic in self._names}
        self.meter = meter or NormaliserMeter(list(self._names.values()))
        self.failure: BaseException | None = None
        self.app = faust_app(settings, f"{settings.group}-{settings.namespace}-normaliser")
        self.app.conf.consumer_max_fetch_size = FETCH_BYTES
        again = partial(read_again, self.app)
        self.lanes: dict[str, Lane[SourceFold]] = {
            topic: Lane(again, self._fail) for topic in self._names
        }
        self.app.transport = transport_of(
            settings,
            self.app,
            frozenset(self.lanes),
            *(self.resume_at, self._fail, self._let_go),
        )
        declare_normaliser(self.app, self._look, self.lanes)
        self.app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self.app.on_before_shutdown.connect(stop_in_time)

    async def resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        """Open the partitions assigned; answers where reading begins. Waits for Kafka and Redis.

        Raises:
            Refused, TopicMissing: say why and what to do.
        """
        return await opened_at_last(self._open_all, assigned)

    async def _open_all(self, assigned: list[TP]) -> dict[TP, int]:
        self._let_go()
        found: dict[TP, int] = {}
        for topic in sorted(self._names):
            partitions = [tp.partition for tp in assigned if tp.topic == topic]
            if partitions:
                facts, extents = await asyncio.to_thread(self._ask_about, topic, partitions)
                for each in partitions:
                    found[TP(topic, each)] = await self._open(topic, each, facts, extents[each])
        return found

    def _ask_about(self, topic: str, partitions: list[int]) -> tuple[TopicFacts, dict[int, Extent]]:
        return self._inspector.facts(topic), self._inspector.extents(topic, partitions)

    async def _open(self, topic: str, partition: int, facts: TopicFacts, extent: Extent) -> int:
        name = self._names[topic]
        place = Place(self._settings.namespace, name, topic, facts.topic_id, partition)
        stand = await self._offsets.stand(topic, partition)
        refusal = why_refused(stand, place, facts, extent)
        if refusal is not None:
            raise Refused(refusal)
        offset = extent.start if stand.offset is None else max(stand.offset, extent.start)
        fold = SourceFold(
            *(place, self._sources[name], self._offsets, self._sender),
            *(partial(self._records_exist, topic), offset, self._in_step[topic]),
        )
        if stand.offset is not None and stand.offset < extent.start:
            fold.tally["expired"] += extent.start - stand.offset
            logger.error(_EXPIRED, name, topic, partition, stand.offset, extent.start)
        self._folds[TP(topic, partition)] = fold
        self.lanes[topic].open(partition, fold)
        logger.info("%s, %s/%d: reading from %d of %d", name, topic, partition, offset, extent.end)
        return offset

    async def _records_exist(self, topic: str, partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(self._inspector.records_exist, topic, partition, start, end)

    async def _look(self) -> None:
        """Tell the meter what became of records, and how far each partition is behind."""
        self.meter.health.beat()
        consumer = cast(Consumer, self.app.consumer)
        held = dict(self._folds)
        behind = [
            Behind(self._names[tp.topic], tp.partition, await consumer.lag(tp, fold.offset))
            for tp, fold in held.items()
        ]
        became = {self._names[topic]: self._became(topic) for topic in self._names}
        waiting = {
            self._names[t]: why for t, lane in self.lanes.items() if (why := lane.waiting_for)
        }
        self.meter.saw(became, behind, frozenset(waiting))
        if waiting:
            self.meter.health.waits("; ".join(waiting.values()))
        elif held or self.app.unassigned:  # or it stands by
            self.meter.health.works()

    def _became(self, topic: str) -> Counter[str]:
        open_here = (fold.tally for tp, fold in self._folds.items() if tp.topic == topic)
        return sum(open_here, self._closed[topic])

    def _let_go(self) -> None:
        for tp in list(self._folds):
            self._close(tp)

    def _close(self, tp: TP) -> None:
        fold = self._folds.pop(tp, None)
        if fold is not None:
            self.lanes[tp.topic].close(tp.partition)
            self._closed[tp.topic] = self._closed[tp.topic] + fold.tally

    async def _revoked(self, _app: Any, *revoked: Any, **_: Any) -> None:
        for tp in itertools.chain(*revoked):
            self._close(tp)

    async def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        await crash_in_time(self.app, error)

    def run(self, log_level: str) -> None:
        """Run until a signal or a failure; does not return.

        Raises:
            SystemExit: 0 after SIGTERM or SIGINT.
            Refused, or whatever ended the process.
        """
        try:
            execute(self.app, log_level, lambda: self.failure)
        finally:
            self._sender.close()


class LateSender:
    """Sends over one connection, opened when there is something to send; by any thread.

    Args:
        brokers: of the cluster.
    """

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._sender: KafkaSender | None = None
        self._opening = threading.Lock()

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `streams.outbox.Sender`."""
        if not rows:
            return 0
        try:
            with self._opening:
                self._sender = self._sender or KafkaSender(self._brokers)
        except KafkaError as error:
            logger.warning("Kafka at %s: %s", self._brokers, error)
            return 0
        return self._sender.send(rows)

    def close(self) -> None:
        """Close the connection; what is not acknowledged by then is read again by whoever is next."""
        if self._sender is not None:
            self._sender.close()


def require_topics(inspector: LogInspector, sources: Sources) -> None:
    """Fail at once, and in one line, if a topic is missing: Faust would wait for it in silence.

    Raises:
        TopicMissing: names topic, source and way out.
        KafkaUnavailable.
    """
    for topic in (LOG, DEAD_LETTERS):
        inspector.facts(topic)
    for topic, name in by_topic(sources).items():
        try:
            inspector.facts(topic)
        except TopicMissing:
            raise TopicMissing(
                f"source {name}: topic {topic!r} does not exist; create it, or correct "
                f"sources.{name}.topic (empty: the source comes over HTTP alone)"
            ) from None


_EXPIRED = (
    "source %s: %s, partition %d, was read to %d and now begins at %d: what stood between has expired "
    "unread; raise the topic's retention.ms, or run the normaliser all the time"
)
