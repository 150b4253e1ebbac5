"""Deadlines as people poll them by hand: a sorted set in Redis, and one write for each customer who is due.

A thousand are taken at a time; each customer's hash is written, and then the deadline removed, a call each. Every tenth of
a second, when nothing is due, it looks again.
"""

from __future__ import annotations

import time
from typing import Any

import redis

DUE = "poller:due"
CUSTOMER = "poller:{}"
AT_ONCE = 1_000
LOOK_EVERY_S = 0.1
FILL_AT_ONCE = 10_000


def filled(url: str, pending: int, due: int, due_ms: int) -> None:
    """So many deadlines, the first `due` of them at `due_ms`, the others a second apart after it."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        for begin in range(0, pending, FILL_AT_ONCE):
            numbers = range(begin, min(pending, begin + FILL_AT_ONCE))
            later = {f"c{n}": due_ms + 1000 * max(0, n - due + 1) for n in numbers}
            client.zadd(DUE, later)


def polled(url: str, now_ms: int, count: int) -> list[float]:
    """Poll until so many have been due; answers the seconds from the call to each one's new state."""
    began_s, took_s = time.perf_counter(), list[float]()
    with redis.Redis.from_url(url) as client:
        while len(took_s) < count:
            ids: Any = client.zrangebyscore(DUE, "-inf", now_ms, start=0, num=AT_ONCE)
            for each in ids:
                name = CUSTOMER.format(each.decode())
                client.hset(name, mapping={"state": "dormant", "since_ms": now_ms})
                client.zrem(DUE, each)
                took_s.append(time.perf_counter() - began_s)
            if not ids:
                time.sleep(LOOK_EVERY_S)
    return took_s
