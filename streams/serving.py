"""Which store an installation is served from.

An installation (`Settings.namespace`) keeps its states in a store of its own name at first, and
after each rebuild (`streams/rebuild.py`) in another. Lookups ask at each command, the relay in
each round, a worker when it starts; a worker that runs ends once its store is left behind.

| key | type | what | writer | readers |
| --- | --- | --- | --- | --- |
| `seg:NS:serving` | hash | `Stores`; absent: NS serves itself | rebuild | all |
| `seg:STORE:attended` | string | expires; a worker will go on with that store | workers | rebuild |
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import redis.asyncio as aioredis

from streams.refusal import Refused
from streams.store import StoreUnavailable
from streams.unavailable import or_unavailable

LOOK_EVERY_S = 1.0
ATTENDED_FOR_MS = 5_000  # a worker renews it every second
_STORE, _BEFORE, _BUILDING = "store", "before", "building"


class Stores(NamedTuple):
    """The stores of one installation.

    Attributes:
        serving: whose states are looked up and kept up to date.
        before: served until the last switch, and not dropped yet; "" if there is none.
        building: being built, or given up half way; "" if there is none.
    """

    serving: str
    before: str = ""
    building: str = ""


class Moved(Refused):
    """The store that this worker keeps up to date is not the serving one any more."""


def serving_key(namespace: str) -> str:
    """Where an installation's stores are named."""
    return f"seg:{namespace}:serving"


def attended_key(store: str) -> str:
    """Where workers note that they will go on with a store."""
    return f"seg:{store}:attended"


async def stores(client: aioredis.Redis, namespace: str) -> Stores:
    """All stores of an installation.

    Raises:
        StoreUnavailable.
    """
    asked: Any = client.hmget(serving_key(namespace), [_STORE, _BEFORE, _BUILDING])
    with or_unavailable():
        serves, before, building = [(each or b"").decode() for each in await asked]
    return Stores(serves or namespace, before, building)


async def serving(client: aioredis.Redis, namespace: str) -> str:
    """The one that serves.

    Raises:
        StoreUnavailable.
    """
    return (await stores(client, namespace)).serving


async def begin(client: aioredis.Redis, namespace: str, to: str) -> str:
    """Note that a store is being built; answers its name, or that of one that has been before."""
    key = serving_key(namespace)
    with or_unavailable():
        await client.hsetnx(key, _BUILDING, to)
    return (await stores(client, namespace)).building


async def switch(client: aioredis.Redis, namespace: str, to: str) -> None:
    """From now on `to` serves; the one that did until now is the one before. Idempotent."""
    key = serving_key(namespace)
    before = await serving(client, namespace)
    if before == to:
        return
    with or_unavailable():
        async with client.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={_STORE: to, _BEFORE: before})
            pipe.hdel(key, _BUILDING)
            await pipe.execute()


async def forget(client: aioredis.Redis, namespace: str, store: str) -> None:
    """Forget a store that has been dropped; never the one that serves."""
    known = await stores(client, namespace)
    roles = {_BEFORE: known.before, _BUILDING: known.building}
    gone = [role for role, name in roles.items() if name == store]
    with or_unavailable():
        if gone:
            await client.hdel(serving_key(namespace), *gone)


async def is_installation(client: aioredis.Redis, name: str) -> bool:
    """Whether an installation of this name has ever moved, or begun to."""
    with or_unavailable():
        return bool(await client.exists(serving_key(name)))


async def remove(client: aioredis.Redis, store: str, beside: Sequence[str]) -> int:
    """Remove a store's keys and answers how many there were; takes two walks over all keys of Redis.

    On a cluster a key may go, during the first, to a node that has been walked over.

    Args:
        client: of the Redis that it is in.
        store: its name.
        beside: keys of the store that belong to no partition.
    """
    keys = [attended_key(store), *beside]
    removed = 0
    with or_unavailable():
        literally = re.sub(r"([*?\[\]\\])", r"\\\1", store)
        for _ in range(2):
            async for key in client.scan_iter(match=f"seg:{{{literally}:*", count=1_000):
                removed += await client.unlink(key)
        return removed + int(await client.unlink(*keys))


async def attended(client: aioredis.Redis, store: str) -> bool:
    """Whether a worker that will go on with this store has joined lately."""
    with or_unavailable():
        return bool(await client.exists(attended_key(store)))


class Follower:
    """Lets a worker follow the serving store: it ends when another one serves.

    Args:
        client: of the Redis that the stores are in.
        namespace: of the installation.
        store: that the worker keeps up to date.
        end: async: ends the worker with this error.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        namespace: str,
        store: str,
        end: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._client, self._namespace, self._store, self._end = client, namespace, store, end

    async def look(self) -> None:
        """Note that a worker is here, or end it. Called every `LOOK_EVERY_S`; never raises."""
        try:
            serves = await serving(self._client, self._namespace)
            if serves == self._store:
                with or_unavailable():
                    await self._client.set(attended_key(self._store), 1, px=ATTENDED_FOR_MS)
                return
        except StoreUnavailable:  # the lanes wait for it, and say so
            return
        await self._end(
            Moved(
                f"the installation has moved to {serves}; start this worker again, "
                "it will go on there"
            )
        )
