"""What the API is made of: opened and closed in one place.

It follows the store that serves, and the policy in force there: once a second both are looked at, and
if either is another one, answers are made anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import redis.asyncio as aioredis

from models.policy import Policy, PolicyError
from models.policy_record import PublishedPolicy, decode_published
from streams.alert_reads import AlertReads
from streams.api.access import Access
from streams.api.alerts import AlertAnswers
from streams.api.board import Board
from streams.api.breakdown import Breakdowns
from streams.api.census import Census
from streams.api.exports import Exports
from streams.api.ingest import Ingest
from streams.api.keys import KeyRing
from streams.api.limits import Limits
from streams.api.metrics import ApiMeter
from streams.api.people import People
from streams.api.portraits import Portraits
from streams.api.reads import Reads
from streams.api.streaming import Watchers
from streams.api.surveys import Surveys
from streams.api.writing import Writer
from streams.feed import Feed
from streams.lookup import Lookup
from streams.patience import ended
from streams.persons import Persons
from streams.policies import policies_in
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore, connect
from streams.serving import LOOK_EVERY_S, serving
from streams.settings import Settings
from streams.source_config import NO_SOURCES, Sources
from streams.store import StoreUnavailable
from streams.wall import wall_ms

REDIS_TIMEOUT_S = 2.0  # who asks at a till does not wait longer
ERASE_WAIT_S = 10.0
logger = logging.getLogger(__name__)


class Answers:
    """What is asked of one store by one policy; another store or policy, other answers.

    Args:
        store: the one that serves.
        published: the policy in force; of number 0 if it is that of a file.
        settings: of the installation.
        told: alerts, which are not the store's.
        client: of the Redis that a survey is kept in.
        clock: the wall clock.
    """

    def __init__(
        self,
        store: RedisStore,
        published: PublishedPolicy,
        settings: Settings,
        told: AlertReads,
        client: aioredis.Redis,
        clock: Callable[[], int],
    ) -> None:
        self.store, self.published, self.policy = store, published, published.policy
        reads, policy, namespace = Reads(store), published.policy, settings.namespace
        self.lookup = Lookup(reads, policy)
        self.portraits = Portraits(reads, self.lookup, policy, clock)
        self.people = People(reads, self.lookup, policy, clock)
        self.board = Board(reads, self.lookup, policy, published.number, namespace, clock)
        self.census = Census(reads, self.lookup, self.board)
        self.breakdowns = Breakdowns(reads, self.lookup, policy, clock)
        self.alerts = AlertAnswers(told, policy, clock)
        self.exports = Exports(told, self.lookup, policy, settings.pseudonyms)
        self.surveys = Surveys(client, namespace, policy)


class Parts:
    """All parts of one API process.

    Args:
        settings: where Redis and Kafka are.
        policy: of the file; in force until one is published.
        client: of Redis.
        ring: the API keys.
        erase_wait_s: how long an erasure waits for a worker to act on it.
        clock: the wall clock.
        sources: whose webhooks are taken.

    Attributes:
        answers: of the serving store, by the policy in force.
        unreadable: why the policy in force can't be read here; "": it can.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        client: aioredis.Redis,
        ring: KeyRing,
        erase_wait_s: float = ERASE_WAIT_S,
        clock: Callable[[], int] = wall_ms,
        sources: Sources = NO_SOURCES,
    ) -> None:
        self.settings, self.client = settings, client
        self._given, self.unreadable = PublishedPolicy(0, policy), ""
        self._packed: frozenset[bytes | None] | None = None
        self.ring, self.access = ring, Access(ring, Limits(settings.api_rate_per_s))
        self.meter, self.clock = ApiMeter(), clock
        self.writer = Writer(settings.brokers)
        self.ingest = Ingest(
            *(sources, settings.namespace, self.writer, self.access, self.meter, clock)
        )
        self.feed = Feed(client, settings.namespace)
        self._told = AlertReads(RedisShelf(client, settings.namespace))
        self._served, self._erase_wait_s = settings.store or settings.namespace, erase_wait_s
        self.answers = self._answers(RedisStore(client, self._served), self._given)
        self.watchers = Watchers(self.feed, self._overview)

    async def _overview(self) -> dict[str, Any]:
        return await self.answers.board.overview()  # of whichever store serves by then

    def _answers(self, store: RedisStore, published: PublishedPolicy) -> Answers:
        return Answers(store, published, self.settings, self._told, self.client, self.clock)

    @property
    def policy(self) -> Policy:
        """In force, as far as was seen from here."""
        return self.answers.policy

    async def follow(self) -> None:
        """Look, now and then, which store serves, and by which policy; for ever."""
        while True:
            self.meter.health.beat()
            try:
                await self.look_who_serves()
                self._tell_health(begun=bool(await self.answers.store.partitions()))
            except StoreUnavailable:  # each request notices, and says so
                self.meter.health.waits("Redis does not answer")
            except Exception:  # nobody awaits this task: it would end in silence
                logger.exception("looking which store serves failed")
            await asyncio.sleep(LOOK_EVERY_S)

    def _tell_health(self, *, begun: bool) -> None:
        """As `/readyz` of the API's own port has it."""
        if self.unreadable:
            self.meter.health.waits("the policy in force can't be read here")
        elif not begun:
            self.meter.health.waits("no worker has begun on this namespace")
        else:
            self.meter.health.works()

    async def look_who_serves(self) -> None:
        """Answer from the serving store, by its policy, from now on.

        A policy that can't be read is logged, once; answers go on by the one before.

        Raises:
            StoreUnavailable.
        """
        serves = self.settings.store or await serving(self.client, self.settings.namespace)
        moved = serves != self._served
        store = RedisStore(self.client, serves) if moved else self.answers.store
        packed = await policies_in(store)
        if not moved and packed == self._packed:
            return
        published = await self._newest(packed)
        self._served, self._packed = serves, packed
        now = self.answers.published
        if moved or (published.number, published.digest) != (now.number, now.digest):
            logger.info("answering from %s by policy %d", serves, published.number)
            self.answers = self._answers(store, published)

    async def _newest(self, packed: frozenset[bytes | None]) -> PublishedPolicy:
        """The newest that any partition has taken over; the file's before the first."""
        bodies = [each for each in packed if each is not None]
        try:  # rules are compiled: of a thousand that takes a while
            known = [await asyncio.to_thread(decode_published, each) for each in bodies]
        except PolicyError as error:
            self.unreadable = str(error)
            logger.error("the policy in force can't be used here: %s", error)  # noqa: TRY400
            return self.answers.published
        self.unreadable = ""
        return max(known, key=lambda each: each.number, default=self._given)

    @property
    def persons(self) -> Persons:
        """Asks the log for one person."""
        settings = self.settings
        return Persons(
            self.answers.store, settings.brokers, settings.pseudonyms, self._erase_wait_s
        )

    async def stop_streams(self) -> None:
        """So that the server need not wait for those who watch."""
        await self.watchers.stop()


@asynccontextmanager
async def opened(
    settings: Settings,
    policy: Policy,
    ring: KeyRing,
    erase_wait_s: float = ERASE_WAIT_S,
    clock: Callable[[], int] = wall_ms,
    sources: Sources = NO_SOURCES,
) -> AsyncIterator[Parts]:
    """The parts, for as long as the block lasts; see `Parts`."""
    client = connect(settings.redis_url.get_secret_value(), REDIS_TIMEOUT_S)
    parts = Parts(settings, policy, client, ring, erase_wait_s, clock, sources)
    with suppress(StoreUnavailable):  # so that the first to ask is answered by the policy in force
        await parts.look_who_serves()
    tasks = [asyncio.create_task(each) for each in (parts.follow(), parts.watchers.run())]
    try:
        yield parts
    finally:
        await parts.stop_streams()
        await ended(tasks)
        await parts.writer.close()
        await client.aclose()


def ring_of(settings: Settings) -> KeyRing:
    """The keys that the settings name.

    Raises:
        KeysError: the file can't be used.
    """
    return KeyRing(Path(settings.api_keys_file) if settings.api_keys_file else None)
