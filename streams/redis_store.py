"""The store's contract on Redis (or Valkey): Lua scripts around the keys of `streams/keys.py`.

Idempotent by absolute values; each call blocks for at most the client's socket time-out.
Every error of the connection, and a Redis that is full or can't save, is `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from importlib.resources import files
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import msgpack
import redis
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from models.label_names import read_name, slot_of
from streams.due_queue import Queue, queued
from streams.keys import META_FIELDS, NUMBERED, Keys, history_field
from streams.keys import newest as newest_key
from streams.keys import partitions as partitions_key
from streams.ordinals import BLOCK, Numbering, Numbers, ordinal_of, ordinals_in, state_of
from streams.packed_connection import packed_by_hiredis
from streams.redis_address import cluster_address
from streams.redis_answers import PLACES, cursor_of, meta_of, row_of, whole_of
from streams.redis_cluster import BlockingCluster, cluster
from streams.redis_commands import commands
from streams.store import (
    HISTORY_SLOTS,
    Change,
    Live,
    Loaded,
    Looked,
    Members,
    Meta,
    Newest,
    OutboxRow,
    Vitals,
)
from streams.unavailable import or_unavailable

MAX_CONNECTIONS = 64  # of one process
_FIELDS = (*META_FIELDS, NUMBERED)
_PIECE = 32_768  # bytes of a bitmap that are read at once: those of 262,144 customers
P = ParamSpec("P")
T = TypeVar("T")


def _or_unavailable(
    call: Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]]:
    @wraps(call)
    async def guarded(self: RedisStore, *args: P.args, **kwargs: P.kwargs) -> T:
        with or_unavailable():
            return await call(self, *args, **kwargs)

    return cast("Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]]", guarded)


class RedisStore:
    """A store on one Redis.

    It remembers of each partition the ordinals of those who were loaded or written last, with the nonce: whoever
    is written under that nonce has the same ones. Of others it asks before it writes.

    Args:
        client: made by `connect`; closed by whoever made it.
        namespace: separates installations on one Redis.
    """

    def __init__(self, client: aioredis.Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._keys: dict[int, Keys] = {}
        self._numbers: dict[int, Numbers] = {}
        self._queues: dict[int, Queue] = {}
        self._load = client.register_script(_script("load"))
        self._due = client.register_script(_script("due"))
        self._walk = client.register_script(_script("walk"))
        self._apply = client.register_script(_script("apply"))
        self._offer = client.register_script(_script("newest"))
        self._look = client.register_script(_script("look"))
        self._names = client.register_script(_script("names"))

    def keys(self, partition: int) -> Keys:
        """The keys of one partition."""
        if partition not in self._keys:
            self._keys[partition] = Keys(self._namespace, partition)
        return self._keys[partition]

    @_or_unavailable
    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        """See `Store.load`."""
        keys = self.keys(partition)
        meta, rows, states, *whole = await self._load(
            keys=[
                keys.meta,
                keys.customers,
                keys.outbox,
                keys.sketch,
                keys.population,
                keys.erased,
                keys.movement,
                keys.policy,
            ],
            args=[
                "" if known is None else "whole",
                known or b"",
                len(_FIELDS),
                *_FIELDS,
                *customer_ids,
            ],
        )
        loaded = self._loaded(partition, meta, rows, customer_ids, states)
        return loaded._replace(whole=whole_of(*whole)) if whole else loaded

    @_or_unavailable
    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        """See `Store.due`. All who are due are looked for once, and then come some at a time."""
        while True:
            queue = self._queues.get(partition)
            if queue is None or queue.until_ms != until_ms or not queue.ids:
                queue = self._queues[partition] = await self._all_due(partition, until_ms)
            queue = self._queues[partition] = queue._replace(offered=queue.ids[:limit])
            loaded = await self.load(partition, queue.offered)
            if loaded.meta.nonce == queue.nonce:
                return loaded
            del self._queues[partition]

    async def _all_due(self, partition: int, until_ms: int) -> Queue:
        keys = self.keys(partition)
        nonce, found = await self._due(
            keys=[keys.meta, keys.deadlines], args=[until_ms, keys.deadlines_in, keys.ids_in]
        )
        return queued(nonce or b"", until_ms, found)

    @_or_unavailable
    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        """See `Store.walk`."""
        keys, (giver, place) = self.keys(partition), divmod(cursor, PLACES)
        meta, rows, then, met, met_by = await self._walk(
            keys=[keys.meta, keys.customers, keys.outbox],
            args=[len(_FIELDS), *_FIELDS, place, count, giver],
        )
        loaded = self._loaded(partition, meta, rows, [id_.decode() for id_ in met[::2]], met[1::2])
        return loaded._replace(cursor=cursor_of(int(then), met_by))

    @_or_unavailable
    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """See `Store.apply`."""
        numbers = self._numbers.get(partition)
        if (
            numbers is None
            or numbers.nonce != expected.nonce
            or not numbers.knows(change.customers)
        ):
            meta = (await self.load(partition, list(change.customers))).meta
            if meta.nonce != expected.nonce:
                return False
            numbers = self._numbers[partition]
        numbering = Numbering(numbers)
        keys, args = commands(self.keys(partition), expected, change, numbering)
        applied = bool(await self._apply(keys=keys, args=args))
        queue = self._queues.pop(partition, None)
        if applied:
            self._numbers[partition] = numbering.after(change.meta.nonce)
            if queue is not None and queue.is_answered_by(expected, change):
                self._queues[partition] = queue.after(change.meta.nonce)
        return applied

    @_or_unavailable
    async def next_due_ms(self, partition: int) -> int | None:
        """See `Store.next_due_ms`."""
        first = await self._client.zrange(self.keys(partition).deadlines, 0, 0, withscores=True)
        return int(first[0][1]) if first else None

    @_or_unavailable
    async def population(self, partition: int) -> bytes | None:
        """See `Store.population`."""
        packed: Any = await self._client.get(self.keys(partition).population)
        return cast("bytes | None", packed)

    @_or_unavailable
    async def policy(self, partition: int) -> bytes | None:
        """See `Store.policy`."""
        packed: Any = await self._client.get(self.keys(partition).policy)
        return cast("bytes | None", packed)

    @_or_unavailable
    async def erased(self, partition: int, pseudonym: str) -> bytes | None:
        """See `Store.erased`."""
        packed: Any = await self._client.hget(self.keys(partition).erased, pseudonym)
        return cast("bytes | None", packed)

    @_or_unavailable
    async def history(self, partition: int, customer_id: str) -> list[bytes]:
        """See `Store.history`."""
        fields = [history_field(customer_id, slot) for slot in range(HISTORY_SLOTS)]
        kept: Any = await self._client.hmget(self.keys(partition).history, fields)
        return [each for each in kept if each is not None]

    @_or_unavailable
    async def sizes(self, partition: int, segments: Sequence[str]) -> list[int]:
        """See `Store.sizes`."""
        pipe = self._client.pipeline(transaction=False)
        for segment in segments:
            pipe.bitcount(self.keys(partition).members(segment))
        return [int(size) for size in await pipe.execute()]

    @_or_unavailable
    async def members(self, partition: int, segment: str, cursor: int, count: int) -> Members:
        """See `Store.members`; who leaves between the reading of bits and of ids is still there."""
        keys = self.keys(partition)
        found = await self._ordinals(keys.members(segment), cursor, count + 1)
        if not found:
            return Members([], 0)
        places = [part for each in found[:count] for part in divmod(each, BLOCK)]
        ids = await self._names(keys=[keys.customers], args=[keys.ids_in, *places])
        known = [each.decode() for each in ids if each is not None]
        return Members(known, found[count] if len(found) > count else 0)

    async def _ordinals(self, bitmap: str, cursor: int, count: int) -> list[int]:
        """The first ordinals in a bitmap from one on."""
        found: list[int] = []
        byte = cursor // 8
        while len(found) < count:
            bits: Any = await self._client.getrange(bitmap, byte, byte + _PIECE - 1)
            some = (each for each in ordinals_in(bits, 8 * byte) if each >= cursor)
            found += islice(some, count - len(found))
            byte += _PIECE
            if len(bits) < _PIECE:
                break
        return found

    @_or_unavailable
    async def is_member(self, partition: int, segment: str, customer_id: str) -> bool:
        """See `Store.is_member`."""
        keys = self.keys(partition)
        stored: Any = await self._client.hget(keys.customers, customer_id)
        ordinal = ordinal_of(stored)
        if ordinal is None:
            return False
        return bool(await self._client.getbit(keys.members(segment), ordinal))

    @_or_unavailable
    async def movement(self, partition: int) -> Mapping[str, bytes]:
        """See `Store.movement`."""
        days: Any = await self._client.hgetall(self.keys(partition).movement)
        return {day.decode(): packed for day, packed in days.items()}

    @_or_unavailable
    async def label_names(self, partition: int, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """See `Store.label_names`."""
        if not keys:
            return {}
        slots = [slot_of(each) for each in keys]
        found: Any = await self._client.hmget(self.keys(partition).sketch, slots)
        named = zip(keys, found, strict=True)
        return {key: read_name(packed) for key, packed in named if packed is not None}

    @_or_unavailable
    async def look(self, partition: int, customer_ids: Sequence[str]) -> Looked:
        """See `Store.look`."""
        keys = self.keys(partition)
        (offset, clock_ms, population), states, delay = await self._look(
            keys=[keys.meta, keys.customers, keys.live], args=list(customer_ids)
        )
        live = None if delay is None else Live(int(delay))
        known = [state_of(each) for each in states]
        return Looked(int(offset or 0), int(clock_ms or 0), int(population or 0), known, live)

    def _loaded(
        self,
        partition: int,
        fields: Sequence[bytes | None],
        rows: int,
        ids: Sequence[str],
        stored: Sequence[bytes | None],
    ) -> Loaded:
        """What a script answers; the ordinals are remembered."""
        *of_meta, given = fields
        meta, states, ordinals = meta_of(of_meta), dict[str, bytes](), dict[str, int | None]()
        for id_, each in zip(ids, stored, strict=True):
            ordinals[id_] = ordinal_of(each)
            if (state := state_of(each)) is not None:
                states[id_] = state
        self._numbers[partition] = Numbers(meta.nonce, int(given or 0), ordinals)
        return Loaded(meta, states, int(rows))

    @_or_unavailable
    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        """See `Store.outbox`."""
        rows: Any = await self._client.xrange(self.keys(partition).outbox, count=count)
        return [(row_id, row_of(fields[b"m"])) for row_id, fields in rows]

    @_or_unavailable
    async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
        """See `Store.outbox_delete`."""
        if row_ids:
            await self._client.xdel(self.keys(partition).outbox, *row_ids)

    @_or_unavailable
    async def set_live(self, partition: int, live: Live, ttl_ms: int) -> None:
        """See `Store.set_live`."""
        await self._client.set(self.keys(partition).live, live.source_delay_ms, px=ttl_ms)

    @_or_unavailable
    async def live(self, partition: int) -> Live | None:
        """See `Store.live`."""
        delay = await self._client.get(self.keys(partition).live)
        return None if delay is None else Live(int(delay))

    @_or_unavailable
    async def set_vitals(self, partition: int, vitals: Vitals, ttl_ms: int) -> None:
        """See `Store.set_vitals`."""
        await self._client.set(self.keys(partition).vitals, msgpack.packb(vitals), px=ttl_ms)

    @_or_unavailable
    async def vitals(self, partition: int) -> Vitals | None:
        """See `Store.vitals`."""
        packed: Any = await self._client.get(self.keys(partition).vitals)
        return None if packed is None else Vitals(*msgpack.unpackb(packed))

    @_or_unavailable
    async def offer_newest(self, newest: Newest) -> Newest:
        """See `Store.offer_newest`."""
        args = [newest.appended_ms, newest.at_ms, int(newest.replayed)]
        appended, at, replayed = await self._offer(keys=[newest_key(self._namespace)], args=args)
        return Newest(int(appended), int(at), bool(int(replayed)))

    @_or_unavailable
    async def unfit(self) -> str | None:
        """See `Store.unfit`. A Redis that does not tell its settings is trusted."""
        try:
            told: Any = await self._client.config_get("maxmemory-policy")
        except ResponseError:  # managed Redis may forbid CONFIG
            return None
        policy = next(iter(told.values()), "noeviction")
        policy = policy.decode() if isinstance(policy, bytes) else policy
        if policy == "noeviction":
            return None
        return (
            f"Redis has maxmemory-policy {policy}: an evicted state would be a lost customer; "
            "run: redis-cli CONFIG SET maxmemory-policy noeviction"
        )

    @_or_unavailable
    async def set_partitions(self, partitions: int) -> None:
        """See `Store.set_partitions`."""
        await self._client.set(partitions_key(self._namespace), partitions)

    @_or_unavailable
    async def partitions(self) -> int:
        """See `Store.partitions`."""
        return int(await self._client.get(partitions_key(self._namespace)) or 0)


def _script(name: str) -> str:
    return files("streams").joinpath("scripts", f"{name}.lua").read_text("utf-8")


def connect(url: str, timeout_s: float = 5.0) -> aioredis.Redis:
    """A client for `RedisStore`, of a server or a cluster; connects on first use. Retrying is left to the caller.

    Whoever finds all connections in use waits for one, no longer than for an answer.
    """
    if (address := cluster_address(url)) is not None:
        return cluster(address, timeout_s=timeout_s, max_connections=MAX_CONNECTIONS)
    pool = aioredis.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    packed_by_hiredis(pool)
    return aioredis.Redis.from_pool(pool)


def connect_blocking(url: str, timeout_s: float = 5.0) -> redis.Redis:
    """The same for the relay's feed, one call at a time; connects on first use."""
    if (address := cluster_address(url)) is not None:
        return cast(redis.Redis, BlockingCluster(address, timeout_s))
    return redis.Redis.from_url(url, socket_timeout=timeout_s)
