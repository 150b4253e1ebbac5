"""How often somebody may ask: a token bucket for each caller.

A caller's name enters, the seconds to wait leave. A bucket holds what comes in two seconds, so a
moment may take twice the rate. In bounded memory: a bucket that has filled up again says nothing
that a new one would not, so it goes when room is needed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

BURST_S = 2.0
MAX_CALLERS = 10_000  # some 3 MB
_ROUNDING = 1e-9  # who waits as long as told must not fail by a rounding error


class _Bucket(NamedTuple):
    tokens: float
    at_s: float


class Limits:
    """Token buckets.

    While all `max_callers` buckets are in use, newcomers share one: nobody gets more by coming
    under many names.

    Args:
        rate_per_s: tokens a second for each caller; 0: no limit.
        now_s: a clock that never goes back.
        max_callers: how many buckets are kept.

    >>> seconds = iter([0.0, 0.0, 0.0])
    >>> limits = Limits(1, lambda: next(seconds))
    >>> [limits.take("checkout") for _ in range(3)]
    [0.0, 0.0, 1.0]
    """

    def __init__(
        self,
        rate_per_s: float,
        now_s: Callable[[], float] = time.monotonic,
        max_callers: int = MAX_CALLERS,
    ) -> None:
        self._rate_per_s, self._now_s, self._max_callers = rate_per_s, now_s, max_callers
        self._burst = max(1.0, BURST_S * rate_per_s)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the longest untouched first
        self._shared: _Bucket | None = None

    def take(self, caller: str, cost: float = 1) -> float:
        """Let a request pass, or say when to come back.

        Args:
            caller: a name or an address.
            cost: in tokens; one that no bucket could hold takes a full one.

        Returns:
            0.0 if it may pass; else the seconds until it might, and nothing was taken.
        """
        if not self._rate_per_s:
            return 0.0
        now_s, cost = self._now_s(), min(cost, self._burst)
        own = caller in self._buckets or self._room(now_s)
        tokens = self._tokens(self._buckets.get(caller) if own else self._shared, now_s)
        short = cost - tokens
        allowed = short <= _ROUNDING
        left = _Bucket(max(0.0, tokens - cost) if allowed else tokens, now_s)
        if own:
            self._buckets[caller] = left
            self._buckets.move_to_end(caller)
        else:
            self._shared = left
        return 0.0 if allowed else short / self._rate_per_s

    @property
    def callers(self) -> int:
        """How many have a bucket of their own."""
        return len(self._buckets)

    def _tokens(self, bucket: _Bucket | None, now_s: float) -> float:
        if bucket is None:
            return self._burst
        return min(self._burst, bucket.tokens + (now_s - bucket.at_s) * self._rate_per_s)

    def _room(self, now_s: float) -> bool:
        """Whether a newcomer gets a bucket; the oldest goes for it, if it is full."""
        if len(self._buckets) < self._max_callers:
            return True
        oldest = next(iter(self._buckets.values()))
        if self._tokens(oldest, now_s) < self._burst:
            return False
        self._buckets.popitem(last=False)
        return True
