"""The surveyor: takes a survey after each population, and at least every so often, and keeps it in Redis.

    look every LOOK_EVERY_S ── a newer population, a newer policy, or older than `every_s`? ──► take ──► keep

A survey takes most of a millisecond a customer, so at least `REST` times as long as it took passes before the
next one: whatever arrives, surveys take a twentieth of a core. Two surveyors do the same work twice
and keep the newer result. While Redis can't answer it waits and tries again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import redis.asyncio as aioredis

from models.codec import CorruptState, NewerSchema
from models.policy import Policy, PolicyError
from models.policy_record import PublishedPolicy, newest
from models.population import CorruptPopulation
from models.survey_codec import UnreadableSurvey
from streams.health import beating
from streams.kept_survey import Kept, described, keep, kept_head, kept_survey
from streams.lookup import NothingYet
from streams.metrics_survey import SurveyMeter
from streams.patience import rest
from streams.redis_store import RedisStore, connect
from streams.serving import serving
from streams.settings import Settings
from streams.store import Store, StoreUnavailable
from streams.surveying import policies_held, settled_population, take_survey
from streams.wall import wall_ms

LOOK_EVERY_S = 10.0
REST = 20.0  # × the time that a survey took
_PASSING = (
    StoreUnavailable,
    NothingYet,
    CorruptState,
    NewerSchema,  # a worker was upgraded before the surveyor
    CorruptPopulation,
    PolicyError,
)
logger = logging.getLogger(__name__)


class Surveyor:
    """Takes and keeps the surveys of one installation.

    Args:
        client: of its Redis.
        settings: say which installation, and perhaps which store.
        policy: of the file; holds until one was published.
        every_s: a survey that is older is taken anew.
        meter: is told of each.
        clock: the wall clock, ms.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        settings: Settings,
        policy: Policy,
        every_s: float,
        meter: SurveyMeter | None = None,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self._client, self._settings, self._policy = client, settings, policy
        self._every_s, self._clock = every_s, clock
        self._meter = meter or SurveyMeter()
        self._rests_until_s = 0.0

    async def look(self) -> bool:
        """Take a survey if one is due; whether one was taken.

        Raises:
            StoreUnavailable, NothingYet.
        """
        if time.monotonic() < self._rests_until_s:
            return False
        store = await self._store()
        held = await policies_held(store, self._policy)
        if not await self._is_due(store, held):
            return False
        return await self._take(store, held, await self._before()) is not None

    async def _is_due(self, store: Store, held: Sequence[PublishedPolicy]) -> bool:
        try:
            head = await kept_head(self._client, self._settings.namespace)
        except UnreadableSurvey as error:
            logger.warning("taking a new survey: %s", error)
            return True
        if head is None or self._clock() - head.taken_at_ms >= 1000 * self._every_s:
            return True
        known = head.moment.population, head.moment.policy
        return known != (await settled_population(store, self._policy), newest(held).policy.version)

    async def _take(
        self, store: Store, held: Sequence[PublishedPolicy], before: Kept | None
    ) -> Kept | None:
        """Take a survey of everybody and keep it; None if there is nobody.

        Raises:
            StoreUnavailable, CorruptState, NewerSchema, CorruptPopulation.
        """
        began_s = time.monotonic()
        together = before and before.taken.together
        catalogue = together.catalogue if together else ()
        taken = await take_survey(store, held, self._clock(), catalogue=catalogue)
        took_s = time.monotonic() - began_s
        self._rests_until_s = time.monotonic() + REST * took_s
        if taken.moment is None:
            return None
        kept = described(taken, self._clock(), newest(held).policy, before)
        size = await keep(self._client, self._settings.namespace, kept)
        customers = taken.survey.base.customers
        self._meter.took(customers, took_s, size, kept.taken_at_ms)
        logger.info("surveyed %d customers in %.1f s", customers, took_s)
        return kept

    def answered(self) -> None:
        """A look was answered."""
        self._meter.looked()

    def failed(self, why: str) -> None:
        """A look came to nothing."""
        self._meter.failed(why)

    async def now(self) -> Kept | None:
        """Take one of the store that serves, due or not; see `look`."""
        store = await self._store()
        return await self._take(
            store, await policies_held(store, self._policy), await self._before()
        )

    async def _store(self) -> Store:
        settings = self._settings
        name = settings.store or await serving(self._client, settings.namespace)
        return RedisStore(self._client, name)

    async def _before(self) -> Kept | None:
        try:
            return await kept_survey(self._client, self._settings.namespace)
        except UnreadableSurvey as error:
            logger.warning("taking a new survey: %s", error)
            return None


async def run_until(
    settings: Settings,
    policy: Policy,
    every_s: float,
    meter: SurveyMeter,
    stopping: Callable[[], asyncio.Event],
) -> None:
    """A surveyor of an installation, until told to stop.

    Args:
        settings: where Redis is.
        policy: of the file.
        every_s: a survey that is older is taken anew.
        meter: is told of each.
        stopping: gives the event that tells to stop, for the loop that runs.
    """
    client = connect(settings.redis_url.get_secret_value())
    try:
        async with beating(meter.health):
            await survey_until(Surveyor(client, settings, policy, every_s, meter), stopping())
    finally:
        await client.aclose()


async def survey_until(
    surveyor: Surveyor, stop: asyncio.Event, look_every_s: float = LOOK_EVERY_S
) -> None:
    """Look and look again, until told to stop.

    What can't be surveyed now is said once and tried again: one customer who can't be read here must not end
    those who can.
    """
    waiting = ""
    while not stop.is_set():
        try:
            await surveyor.look()
            surveyor.answered()
            waiting = ""
        except _PASSING as error:
            surveyor.failed(str(error))
            if str(error) != waiting:
                level = logging.INFO if isinstance(error, NothingYet) else logging.WARNING
                logger.log(level, "waiting: %s", error)
            waiting = str(error)
        await rest(stop, look_every_s)
