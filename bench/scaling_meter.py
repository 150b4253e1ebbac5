"""What something costs in CPU time: of this process, which does what a worker does, and of a Redis."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import redis


class Spent(NamedTuple):
    """CPU time, seconds."""

    worker_s: float = 0.0
    redis_s: float = 0.0

    def with_more(self, more: Spent) -> Spent:
        """Both together."""
        return Spent(self.worker_s + more.worker_s, self.redis_s + more.redis_s)


class Cost(NamedTuple):
    """What one kind of thing costs.

    Attributes:
        what: it is.
        times: how often it was done.
        customers: decoded for it, all times together.
        worker_us: CPU of one time.
        redis_us: likewise, of Redis.
    """

    what: str
    times: int
    customers: int
    worker_us: float
    redis_us: float

    @property
    def us_a_customer(self) -> float:
        """CPU of the worker for each customer it met; of a walk over a million, seconds."""
        return self.worker_us * self.times / max(1, self.customers)


class Meter:
    """Tells how much CPU something takes, here and at Redis.

    Args:
        client: of the Redis.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def now(self) -> Spent:
        """Since the beginning of both processes."""
        said: Any = self._client.info("cpu")
        used = said["used_cpu_user"] + said["used_cpu_sys"]
        return Spent(time.process_time(), float(used))

    def since(self, before: Spent) -> Spent:
        """Since a moment before."""
        now = self.now()
        return Spent(now.worker_s - before.worker_s, now.redis_s - before.redis_s)


def cost_of(what: str, times: int, spent: Spent, customers: int = 0) -> Cost:
    """The cost of something that was done so many times."""
    worker_us, redis_us = (1e6 * each / max(1, times) for each in spent)
    return Cost(what, times, customers, worker_us, redis_us)
