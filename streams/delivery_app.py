"""The composition root of a delivery process: `segmenter run delivery`.

The topic of alerts has one partition, so of several processes one delivers, and another takes over when
it dies. What it owns is built when the partition comes and closed when it goes (`streams/delivery.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from functools import partial
from typing import Any, cast

from faust.types import TP

from models.policy import Policy
from streams.agents import declare_delivery
from streams.alert_desk import DeskFold
from streams.delivery import Delivery, looked
from streams.endpoints import EndpointsFile
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
from streams.log import Extent, LogInspector, TopicFacts
from streams.metrics_delivery import DeliveryMeter
from streams.redis_store import connect
from streams.settings import Settings
from streams.topics import ALERTS
from streams.transport import transport_of
from streams.wall import wall_ms
from streams.webhook import HttpPoster

logger = logging.getLogger(__name__)


class DeliveryWorker:
    """One delivery process.

    Args:
        settings: where Kafka and Redis are, and the file of the endpoints.
        policy: the rules in force until one is published.
        meter: told what comes of alerts; one of its own if left out.
    """

    def __init__(
        self, settings: Settings, policy: Policy, meter: DeliveryMeter | None = None
    ) -> None:
        self._settings, self._policy = settings, policy
        self._redis = connect(settings.redis_url.get_secret_value())
        self._inspector = LogInspector(settings.brokers)
        self._endpoints = EndpointsFile(settings.endpoints_file)
        self._poster = HttpPoster()
        self._posting, self.meter = False, meter or DeliveryMeter()
        self.failure: BaseException | None = None
        self.delivery: Delivery | None = None
        self.app = faust_app(settings, f"{settings.group}-{settings.namespace}-delivery")
        self.lane: Lane[DeskFold] = Lane(partial(read_again, self.app), self._fail)
        self.app.transport = transport_of(
            settings, self.app, frozenset({ALERTS}), self.resume_at, self._fail, self._let_go
        )
        declare_delivery(self.app, self._look, self.lane)
        pulse(self.app, self.meter.health.beat)
        self.app.on_partitions_revoked.connect(cast(Any, self._revoked))
        self.app.on_before_shutdown.connect(stop_in_time)
        self.app.on_before_shutdown.connect(self._close)

    async def resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        """Take over the topic, if it is assigned; answers where reading begins. Waits for both.

        Raises:
            TopicMissing: says what to do.
        """
        return await opened_at_last(self._open, assigned)

    async def _open(self, assigned: list[TP]) -> dict[TP, int]:
        await self._close()
        if not assigned:
            return {}
        facts, extent = await asyncio.to_thread(self._ask)
        if not self._posting:
            await self._poster.__aenter__()
            self._posting = True
        delivery = Delivery(
            *(self._settings, self._policy, self._redis, self._endpoints.now),
            *(self._poster, wall_ms, self.meter),
        )
        offset = await delivery.open(facts.topic_id, extent.start, extent.end, self._exists)
        assert delivery.fold is not None
        self.delivery = delivery
        self.lane.open(0, delivery.fold)
        logger.info("delivery: reading from %d of %d", offset, extent.end)
        return {TP(ALERTS, 0): offset}

    def _ask(self) -> tuple[TopicFacts, Extent]:
        return self._inspector.facts(ALERTS), self._inspector.extents(ALERTS, [0])[0]

    async def _exists(self, partition: int, start: int, end: int) -> bool:
        return await asyncio.to_thread(self._inspector.records_exist, ALERTS, partition, start, end)

    async def _look(self) -> None:
        if self.delivery is None:
            if self.app.unassigned:  # another one delivers: it stands by
                self.meter.health.works()
            return
        waits_for = await looked(self.delivery, self._fail)
        if waits_for:
            self.meter.health.waits(waits_for)
        else:
            self.meter.health.works()

    def _let_go(self) -> None:
        self.lane.close(0)

    async def _close(self, *_: object, **__: object) -> None:
        self._let_go()
        delivery, self.delivery = self.delivery, None
        if delivery is not None:
            await delivery.close()

    async def _revoked(self, _app: Any, *revoked: Any, **_: Any) -> None:
        if any(tp.topic == ALERTS for tp in itertools.chain(*revoked)):
            await self._close()

    async def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        await crash_in_time(self.app, error)

    def run(self, log_level: str) -> None:
        """Run until a signal or a failure; does not return.

        Raises:
            SystemExit: 0 after SIGTERM or SIGINT.
            Refused, or whatever ended the process.
        """
        execute(self.app, log_level, lambda: self.failure)
