"""A namespace of its own in Redis for a replay, beside the installations that are live.

What is folded there bears the name of what it is a replay of in the place of the log's id, so no worker
takes it over, and its outbox stays empty, so no relay has anything to send. `segmenter --namespace NAME
customer get ID` and the dashboard look at it like at any other.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams import serving
from streams.belonging import REPLAY_OF
from streams.keys import newest, partitions
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.settings import NAME, Settings


@asynccontextmanager
async def isolated(settings: Settings, name: str) -> AsyncIterator[RedisStore]:
    """The store of a replay, for as long as the block lasts.

    Args:
        settings: where Redis is, and which installation is meant otherwise.
        name: of the namespace.

    Raises:
        Refused: an installation has that name.
        StoreUnavailable.
    """
    if not re.fullmatch(NAME, name):
        raise Refused(
            f"{name!r} can't name a namespace; write up to 32 lower-case letters, digits and hyphens"
        )
    client = connect(settings.redis_url.get_secret_value())
    try:
        store = RedisStore(client, name)
        known = await serving.stores(client, settings.namespace)
        if name in {settings.namespace, *known} or await serving.is_installation(client, name):
            raise Refused(f"--isolated {name}: an installation has that name; choose another")
        await _require_a_replay(store, name)
        yield store
    finally:
        await client.aclose()


async def _require_a_replay(store: RedisStore, name: str) -> None:
    for partition in range(await store.partitions()):
        meta = (await store.load(partition, ())).meta
        if meta.nonce and not meta.topic_id.startswith(REPLAY_OF):
            raise Refused(
                f"--isolated {name}: workers have written there, it is an installation; choose "
                "another name"
            )


async def drop(settings: Settings, name: str) -> int:
    """Remove a replay's namespace; answers how many keys it had.

    Raises:
        Refused: it is not one.
        StoreUnavailable.
    """
    client = connect(settings.redis_url.get_secret_value())
    try:
        async with isolated(settings, name) as store:
            if not await store.partitions():
                raise Refused(f"{name}: there is no replay of that name")
            return await serving.remove(client, name, [newest(name), partitions(name)])
    finally:
        await client.aclose()
