"""Whether a store may be built, and whether one may go.

An installation has at most three stores: the one that serves, the one before it until that is
dropped, and one that is being built. No other store is ever written to or removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import redis.asyncio as aioredis

from streams import serving
from streams.keys import newest, partitions
from streams.log import LogInspector
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.settings import Settings
from streams.store import LEARNER, Meta
from streams.topics import LOG


class Plan(NamedTuple):
    """A rebuild that may begin.

    Attributes:
        namespace: of the installation.
        before: the store that serves.
        to: the one that is built.
        partitions: of the log.
        alone: the log has got more partitions: nobody can fold it onto the store that serves.
        added: those that it has got.
    """

    namespace: str
    before: str
    to: str
    partitions: int
    alone: bool
    added: range = range(0)

    @property
    def places(self) -> list[int]:
        """Partitions of the log, and the learner."""
        return [*range(self.partitions), LEARNER]


async def make_plan(settings: Settings, client: aioredis.Redis, inspector: LogInspector) -> Plan:
    """See whether and how `settings.store` can be built.

    Raises:
        Refused: says why not, and what to do.
        TopicMissing, KafkaUnavailable, StoreUnavailable.
    """
    namespace, to = settings.namespace, settings.store
    known = await serving.stores(client, namespace)
    _require_room(namespace, to, known)
    facts = await asyncio.to_thread(inspector.facts, LOG)
    places = range(facts.partitions)
    if known.building != to and await _is_somebodys(client, to, [*places, LEARNER]):
        raise Refused(f"{to} holds something that is not of {namespace}; name another store")
    extents = await asyncio.to_thread(inspector.extents, LOG, places)
    metas = await _metas(RedisStore(client, known.serving), places)
    begun = {place: meta for place, meta in metas.items() if meta.nonce}
    if not begun:
        raise Refused(
            f"{known.serving} holds nothing yet: its workers fold the whole log by themselves; "
            "run: segmenter run all"
        )
    for place, meta in begun.items():
        another = meta.topic_id and facts.topic_id and meta.topic_id != facts.topic_id
        if another or meta.offset > extents[place].end:
            raise Refused(
                f"partition {place}: {known.serving} is not a fold of this log, and what was sent "
                "of another one can't be told from what is new; point namespace at an empty one"
            )
    had = min(meta.partitions for meta in begun.values())
    added = range(had, facts.partitions)
    return Plan(namespace, known.serving, to, facts.partitions, had != facts.partitions, added)


def _require_room(namespace: str, to: str, known: serving.Stores) -> None:
    if to == known.serving:
        raise Refused(f"{to} is the store that serves {namespace}; name another one")
    if known.before:
        raise Refused(
            "the store before the last rebuild is still there; run first: "
            f"segmenter rebuild --drop {known.before}"
        )
    if known.building not in {"", to}:
        raise Refused(another_is_unfinished(known.building))


def another_is_unfinished(building: str) -> str:
    """What to do about it."""
    return (
        f"a rebuild into {building} is unfinished; go on with it: segmenter rebuild --to {building}; "
        f"or give it up: segmenter rebuild --drop {building}"
    )


async def _is_somebodys(client: aioredis.Redis, store: str, places: Sequence[int]) -> bool:
    """Whether a store holds anything, or is the name of an installation that serves elsewhere."""
    kept = RedisStore(client, store)
    begun = any(meta.nonce for meta in (await _metas(kept, places)).values())
    return begun or bool(await kept.partitions()) or await serving.is_installation(client, store)


async def _metas(store: RedisStore, places: Sequence[int]) -> dict[int, Meta]:
    return {place: (await store.load(place, ())).meta for place in places}


class Dropped(NamedTuple):
    """A store that is no more.

    Attributes:
        store: its name.
        keys: how many there were.
    """

    store: str
    keys: int

    @property
    def said(self) -> str:
        """For people."""
        return f"{self.store} is dropped: {self.keys} keys"


async def run_drop(settings: Settings) -> Dropped:
    """Remove `settings.store`, which does not serve; idempotent.

    Raises:
        Refused: it serves, is not of this installation, or holds what has not been sent.
    """
    async with connect(settings.redis_url.get_secret_value()) as client:
        return await drop(client, settings.namespace, settings.store)


async def drop(client: aioredis.Redis, namespace: str, store: str) -> Dropped:
    """See `run_drop`."""
    known = await serving.stores(client, namespace)
    if store == known.serving:
        raise Refused(f"{store} is the store that serves {namespace}; it can't be dropped")
    if store not in {known.before, known.building}:
        raise Refused(f"{namespace} knows no store {store} that could be dropped")
    kept = RedisStore(client, store)
    if store == known.before:
        places = [*range(await kept.partitions()), LEARNER]
        waiting = sum([(await kept.load(place, ())).outbox_rows for place in places])
        if waiting:
            raise Refused(
                f"{waiting} effects of {store} wait for the relay; let it send them first"
            )
    keys = await serving.remove(client, store, [newest(store), partitions(store)])
    await serving.forget(client, namespace, store)
    return Dropped(store, keys)
