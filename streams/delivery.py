"""Delivery, while this process owns the topic of alerts: what comes in, what is decided, what goes out.

    DeskFold (streams/alert_desk.py) ── waiting ──► Desk (streams/alert_decisions.py) ── queues ──►
    Deliveries (streams/deliveries.py), one loop an endpoint ──► HttpPoster (streams/webhook.py)

Built when the partition is assigned, closed when it is taken away: all of it shares one `Hand`, so what
an owner of yesterday still wants to write is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

import redis.asyncio as aioredis

from models.customer import CustomerState
from models.policy import Policy, PolicyError
from models.policy_record import PublishedPolicy, decode_published
from streams.alert_decisions import Desk, Surroundings
from streams.alert_desk import DeskFold
from streams.alert_entries import WAITING
from streams.alert_reads import AlertReads
from streams.clock import source_is_silent
from streams.deliveries import Deliveries
from streams.endpoints import Endpoint
from streams.lookup import Lookup, NothingYet
from streams.metrics_delivery import DeliveryMeter
from streams.partition import GapProbe
from streams.patience import ended
from streams.policies import policies_in
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore
from streams.serving import serving
from streams.settings import Settings
from streams.shelf import Fenced, Hand, Shelf
from streams.store import Newest, StoreUnavailable, new_nonce
from streams.webhook import Poster

TELL_EVERY, CLEAR_AWAY_EVERY = 5, 3_600  # looks
logger = logging.getLogger(__name__)


class Delivery:
    """All that one owner of the topic does.

    Args:
        settings: where Redis is.
        policy: of the file; in force until one is published.
        client: of that Redis.
        endpoints: those that are configured now, by name.
        poster: makes the requests.
        now_ms: wall clock.
        meter: told what was seen.
        shelf: None: in that Redis.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        client: aioredis.Redis,
        endpoints: Callable[[], Mapping[str, Endpoint]],
        poster: Poster,
        now_ms: Callable[[], int],
        meter: DeliveryMeter | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._settings, self._given, self._client = settings, policy, client
        self._endpoints, self._now_ms = endpoints, now_ms
        self.policy = policy
        self.hand = Hand(shelf or RedisShelf(client, settings.namespace), new_nonce)
        self.desk = Desk(self.hand, endpoints, now_ms)
        self.deliveries = Deliveries(self.hand, poster, endpoints, now_ms)
        self.fold: DeskFold | None = None
        self._stop, self._loops = asyncio.Event(), dict[str, asyncio.Task[None]]()
        self._reads_to = 0
        self._looks, self._meter = 0, meter or DeliveryMeter()
        self._reads = AlertReads(self.hand.shelf)

    async def open(self, topic_id: str, begin: int, end: int, exists: GapProbe) -> int:
        """Take over; answers where reading begins.

        Args:
            topic_id: the broker's id of the topic.
            begin: its oldest offset: what is older has expired.
            end: its end.
            exists: see `DeskFold`.

        Raises:
            StoreUnavailable.
        """
        self._reads_to = end
        offset = await self._taken_over(topic_id, begin, end)
        self.fold = DeskFold(
            self._settings.namespace,
            topic_id,
            self.hand,
            exists,
            lambda: self.policy,
            self._endpoints,
            self._now_ms,
        )
        return offset

    async def _taken_over(self, topic_id: str, begin: int, end: int) -> int:
        """Write first, so that from here on the owner before writes nothing; it may be at it still."""
        while True:
            stand = await self.hand.reload()
            another = bool(stand.topic_id and topic_id and stand.topic_id != topic_id)
            offset = begin if another or stand.offset > end else max(begin, stand.offset)
            if offset != stand.offset and stand.nonce:
                logger.warning(
                    "the topic of alerts begins anew: reading from %d instead of %d; alerts that "
                    "are known already are passed over",
                    *(offset, stand.offset),
                )
            try:
                await self.hand.write([], offset, topic_id)
            except Fenced:
                continue
            return offset

    async def look(self) -> None:
        """Follow the policy, start and stop loops, decide what is due. Called once a second.

        Raises:
            StoreUnavailable, Fenced: next time, then.
        """
        self._keep_loops()
        if self.hand.fenced.is_set():  # by somebody who has put deliveries back into a queue
            await self.hand.reload()
            self.deliveries.ring()
        store = RedisStore(self._client, await self._served())
        await self._follow_policy(store)
        caught_up = self.hand.stand.offset >= self._reads_to  # what voids an alert stands behind it
        if caught_up and await self.desk.decide(await self._around(store)):
            self.deliveries.ring()
        self._looks += 1
        if self._looks % TELL_EVERY == 1:
            await self._tell()
        if self._looks % CLEAR_AWAY_EVERY == 0:
            while await self.desk.clear_away():
                pass

    async def _tell(self) -> None:
        waiting = await self.hand.shelf.length(WAITING)
        seen = await self._reads.endpoints(list(self._endpoints()))
        self._meter.saw(self.tally, waiting, seen)

    async def close(self) -> None:
        """Stop the loops; what they have sent and not written is sent again by the next owner."""
        self._stop.set()
        await ended(self._loops.values())
        self._loops.clear()
        self._meter.let_go(self.tally)

    @property
    def tally(self) -> Counter[str]:
        """What was folded and decided, by kind."""
        return self.desk.tally + (self.fold.tally if self.fold else Counter())

    def _keep_loops(self) -> None:
        for name in self._endpoints():
            task = self._loops.get(name)
            if task is not None and task.done() and not task.cancelled():
                task.result()  # a loop ends by itself only with an error
            if task is None or task.done():
                self._loops[name] = asyncio.create_task(self.deliveries.deliver(name, self._stop))

    async def _served(self) -> str:
        settings = self._settings
        return settings.store or await serving(self._client, settings.namespace)

    async def _follow_policy(self, store: RedisStore) -> None:
        """By the newest policy that any partition has taken over; the file's before the first."""
        packed = [each for each in await policies_in(store) if each is not None]
        try:
            known = [decode_published(each) for each in packed]
        except PolicyError as error:
            logger.error("the policy in force can't be used here: %s", error)  # noqa: TRY400
            return
        given = PublishedPolicy(0, self._given)
        self.policy = max(known, key=lambda each: each.number, default=given).policy

    async def _around(self, store: RedisStore) -> Surroundings:
        lookup, now_ms = Lookup(store, self.policy), self._now_ms()
        newest = await store.offer_newest(Newest(0, 0))
        silent = newest.appended_ms > 0 and source_is_silent(now_ms, newest, self.policy)

        async def customer(customer_id: str) -> CustomerState | None:
            try:
                found = await lookup.customer(customer_id, now_ms)
            except NothingYet:
                return None
            return None if found is None else found.state

        return Surroundings(self.policy, silent, customer)


async def looked(delivery: Delivery, crash: Callable[[BaseException], object]) -> str:
    """One look that does not end its timer: what will pass is waited for, all else is told.

    Returns:
        What is waited for; "": the look was answered.
    """
    try:
        await delivery.look()
    except (StoreUnavailable, Fenced) as error:
        logger.warning("deciding waits: %s", error)
        return str(error)
    except Exception as error:
        logger.exception("deciding failed")
        crashed = crash(error)
        if asyncio.iscoroutine(crashed):
            await crashed
        return "deciding failed"
    return ""
