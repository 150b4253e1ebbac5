"""A small shop that goes on while its dashboard is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Self

import redis

from models.policy import Policy
from streams.feed import FeedingSender
from streams.redis_store import RedisStore, connect
from tests.support.api_house import PARTITIONS, PLAIN_POLICY, Acknowledging, Shop
from tests.support.settled_town import KEYED
from tests.support.story import DAY_MS, HOUR_MS

BEGIN_MS = 1_767_225_600_000 + 5 * HOUR_MS  # 2026-01-01, midnight in New York


class LivingShop:
    """Purchases go through the fold into Redis, and what changes into the feed.

    The fold runs in a thread of its own: Playwright's loop occupies the one of the test.

    Args:
        redis_url: where Redis is.
        namespace: of the installation.
        policy: in force.
    """

    def __init__(self, redis_url: str, namespace: str, policy: Policy = PLAIN_POLICY) -> None:
        self._thread, self._loop = ThreadPoolExecutor(1), asyncio.Runner()
        self._feeder, self._client = redis.Redis.from_url(redis_url), connect(redis_url)
        store = RedisStore(self._client, namespace)
        feeding = FeedingSender(Acknowledging(), self._feeder, namespace, KEYED)
        self._shop, self._orders = Shop(store, feeding, policy), count(1)
        self._store = store

    def __enter__(self) -> Self:
        self._do(self._store.set_partitions(PARTITIONS))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._client.aclose())
        self._thread.submit(self._loop.close).result()
        self._thread.shutdown()
        self._feeder.close()

    def tells(self, customer_id: str, day: int, **attributes: Any) -> None:
        """A profile."""
        self._shop.put("profile", customer_id, _noon_ms(day), attributes=attributes)
        self._do(self._shop.settle())

    def sells_to(self, *customer_ids: str, day: int) -> None:
        """A purchase by each, at noon; the day is counted from 0."""
        for each in customer_ids:
            self._shop.buy(each, _noon_ms(day), f"order {next(self._orders)}")
        self._do(self._shop.settle())

    def wakes(self, day: int) -> None:
        """A day begins."""
        self._do(self._shop.tick(BEGIN_MS + day * DAY_MS))

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        self._thread.submit(self._loop.run, work).result()


def _noon_ms(day: int) -> int:
    return BEGIN_MS + day * DAY_MS + 12 * HOUR_MS
