"""A store filled for the lookups bench: the Complete Journey, through the production fold."""

from __future__ import annotations

import asyncio
from itertools import takewhile

from models.policy import policy_from_preset
from streams.datasets import complete_journey
from streams.loop import Loop, replay
from streams.redis_store import RedisStore, connect

PARTITIONS = 4
DAY_MS = 86_400_000


def filled(url: str, namespace: str, days: int) -> list[str]:
    """Fold the first days of the year into a store; answers who is known then, sorted.

    Args:
        url: of an empty Redis or Valkey.
        namespace: of the installation.
        days: of the data.
    """
    return asyncio.run(_filled(url, namespace, days))


async def _filled(url: str, namespace: str, days: int) -> list[str]:
    records = list(complete_journey())
    end_ms = min(each.occurred_at_ms for each in records) + days * DAY_MS
    some = takewhile(lambda each: each.occurred_at_ms < end_ms, records)
    async with connect(url) as client:
        store = RedisStore(client, namespace)
        await store.set_partitions(PARTITIONS)
        loop = Loop(policy_from_preset("grocery"), PARTITIONS, store)
        await replay(loop, some)
        return sorted(await loop.states())
