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
from typing import NamedTuple

import redis.asyncio as aioredis

from models.policy import Policy
from models.policy_record import PublishedPolicy
from models.survey_codec import UnreadableSurvey
from streams.kept_survey import Kept, keep, kept_survey
from streams.lookup import Lookup, NothingYet
from streams.metrics_survey import SurveyMeter
from streams.policies import in_force
from streams.redis_store import RedisStore, connect
from streams.serving import serving
from streams.settings import Settings
from streams.store import Store, StoreUnavailable
from streams.surveying import take_survey
from streams.wall import wall_ms

LOOK_EVERY_S = 10.0
REST = 20.0  # × the time that a survey took
logger = logging.getLogger(__name__)


class Known(NamedTuple):
    """What the newest survey is of, and when it was taken.

    Attributes:
        population: version.
        policy: version.
        taken_at_ms: wall clock.
    """

    population: int = 0
    policy: str = ""
    taken_at_ms: int = 0


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
        held = await in_force(store, self._policy)
        known = await self._known()
        now_ms = self._clock()
        population = await _population(store, self._policy)
        old = now_ms - known.taken_at_ms >= 1000 * self._every_s
        if not old and (known.population, known.policy) == (population, _newest(held).version):
            return False
        return await self.take(store, held) is not None

    async def take(self, store: Store, held: Sequence[PublishedPolicy]) -> Kept | None:
        """Take a survey of everybody and keep it; None if there is nobody.

        Raises:
            StoreUnavailable, CorruptState, NewerSchema, CorruptPopulation.
        """
        began_s = time.monotonic()
        taken = await take_survey(store, held, self._clock())
        took_s = time.monotonic() - began_s
        self._rests_until_s = time.monotonic() + REST * took_s
        if taken.moment is None:
            return None
        kept = Kept(taken, self._clock(), {})
        size = await keep(self._client, self._settings.namespace, kept)
        customers = taken.survey.base.customers
        self._meter.took(customers, took_s, size, kept.taken_at_ms)
        logger.info("surveyed %d customers in %.1f s", customers, took_s)
        return kept

    async def now(self) -> Kept | None:
        """The same, of the store that serves."""
        store = await self._store()
        return await self.take(store, await in_force(store, self._policy))

    async def _store(self) -> Store:
        settings = self._settings
        name = settings.store or await serving(self._client, settings.namespace)
        return RedisStore(self._client, name)

    async def _known(self) -> Known:
        try:
            kept = await kept_survey(self._client, self._settings.namespace)
        except UnreadableSurvey as error:
            logger.warning("taking a new survey: %s", error)
            return Known()
        if kept is None or kept.taken.moment is None:
            return Known()
        moment = kept.taken.moment
        return Known(moment.population, moment.policy, kept.taken_at_ms)


def _newest(held: Sequence[PublishedPolicy]) -> Policy:
    return max(held, key=lambda each: each.number).policy


async def _population(store: Store, policy: Policy) -> int:
    """The version that every partition has come to; 0 before the first.

    Raises:
        NothingYet: no worker has begun.
    """
    found = await Lookup(store, policy).populations()
    return min((each.version if each else 0 for each in found), default=0)


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
        await survey_until(Surveyor(client, settings, policy, every_s, meter), stopping())
    finally:
        await client.aclose()


async def survey_until(
    surveyor: Surveyor, stop: asyncio.Event, look_every_s: float = LOOK_EVERY_S
) -> None:
    """Look and look again, until told to stop."""
    waiting = ""
    while not stop.is_set():
        try:
            await surveyor.look()
            waiting = ""
        except (StoreUnavailable, NothingYet) as error:
            if str(error) != waiting:
                logger.warning("waiting: %s", error)
            waiting = str(error)
        await _rest(stop, look_every_s)


async def _rest(stop: asyncio.Event, rest_s: float) -> None:
    """Until the next look, or until told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), rest_s)
    except TimeoutError:
        return
