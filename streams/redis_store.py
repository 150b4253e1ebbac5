"""The store's contract on Redis (or Valkey): Lua scripts around the keys of `streams/keys.py`.

Idempotent by absolute values; each call blocks for at most the client's socket time-out.
Every error of the connection, and a Redis that is full or can't save, is `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import wraps
from importlib.resources import files
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import msgpack
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams.keys import META_FIELDS, Keys, history_field
from streams.keys import newest as newest_key
from streams.keys import partitions as partitions_key
from streams.store import (
    HISTORY_SLOTS,
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Meta,
    Newest,
    OutboxRow,
    StoreUnavailable,
    Whole,
)

_CHUNK = 1_000  # arguments of one command; Lua's unpack fails at a few thousand
_PASSING = ("MISCONF", "NOREPLICAS", "BUSY")  # codes that redis-py has no exception for
P = ParamSpec("P")
T = TypeVar("T")


def _or_unavailable(
    call: Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]]:
    @wraps(call)
    async def guarded(self: RedisStore, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(self, *args, **kwargs)
        except (
            RedisConnectionError,
            RedisTimeoutError,
            BusyLoadingError,
            ReadOnlyError,
            OutOfMemoryError,
            ClusterDownError,  # MasterDownError is one
            TryAgainError,
            OSError,
        ) as error:
            raise StoreUnavailable(f"Redis: {error}") from error
        except ResponseError as error:
            if any(word in str(error) for word in _PASSING):
                raise StoreUnavailable(f"Redis: {error}") from error
            raise

    return cast("Callable[Concatenate[RedisStore, P], Coroutine[Any, Any, T]]", guarded)


class RedisStore:
    """A store on one Redis.

    Args:
        client: made by `connect`; closed by whoever made it.
        namespace: separates installations on one Redis.
    """

    def __init__(self, client: aioredis.Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._keys: dict[int, Keys] = {}
        self._load = client.register_script(_script("load"))
        self._due = client.register_script(_script("due"))
        self._walk = client.register_script(_script("walk"))
        self._apply = client.register_script(_script("apply"))
        self._offer = client.register_script(_script("newest"))

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
            ],
            args=[
                "" if known is None else "whole",
                known or b"",
                len(META_FIELDS),
                *META_FIELDS,
                *customer_ids,
            ],
        )
        loaded = _loaded(meta, rows, customer_ids, states)
        return loaded._replace(whole=_whole(*whole)) if whole else loaded

    @_or_unavailable
    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        """See `Store.due`."""
        keys = self.keys(partition)
        meta, rows, states, ids = await self._due(
            keys=[keys.meta, keys.customers, keys.outbox, keys.due],
            args=[len(META_FIELDS), *META_FIELDS, until_ms, limit],
        )
        return _loaded(meta, rows, [id_.decode() for id_ in ids], states)

    @_or_unavailable
    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        """See `Store.walk`."""
        keys = self.keys(partition)
        meta, rows, then, met = await self._walk(
            keys=[keys.meta, keys.customers, keys.outbox],
            args=[len(META_FIELDS), *META_FIELDS, cursor, count],
        )
        loaded = _loaded(meta, rows, [id_.decode() for id_ in met[::2]], met[1::2])
        return loaded._replace(cursor=int(then))

    @_or_unavailable
    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """See `Store.apply`."""
        keys, args = _Commands(self.keys(partition)).prepare(expected, change)
        return bool(await self._apply(keys=keys, args=args))

    @_or_unavailable
    async def next_due_ms(self, partition: int) -> int | None:
        """See `Store.next_due_ms`."""
        first = await self._client.zrange(self.keys(partition).due, 0, 0, withscores=True)
        return int(first[0][1]) if first else None

    @_or_unavailable
    async def population(self, partition: int) -> bytes | None:
        """See `Store.population`."""
        packed: Any = await self._client.get(self.keys(partition).population)
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
    async def cell_sizes(self, partition: int, cells: Sequence[str]) -> list[int]:
        """See `Store.cell_sizes`."""
        pipe = self._client.pipeline(transaction=False)
        for cell in cells:
            pipe.scard(self.keys(partition).cell(cell))
        return [int(size) for size in await pipe.execute()]

    @_or_unavailable
    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        """See `Store.outbox`."""
        rows: Any = await self._client.xrange(self.keys(partition).outbox, count=count)
        return [(row_id, _row(fields[b"m"])) for row_id, fields in rows]

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
    async def offer_newest(self, newest: Newest) -> Newest:
        """See `Store.offer_newest`."""
        appended, at = await self._offer(
            keys=[newest_key(self._namespace)], args=[newest.appended_ms, newest.at_ms]
        )
        return Newest(int(appended), int(at))

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


class _Commands:
    """A `Change` as commands for apply.lua: values only, prepared and checked here."""

    def __init__(self, keys: Keys) -> None:
        self._names = keys
        self._keys: dict[str, int] = {keys.meta: 1}
        self._args: list[Any] = []

    def prepare(self, expected: Meta, change: Change) -> tuple[list[str], list[Any]]:
        self._args = [expected.offset, expected.nonce]
        self._customers(change.customers)
        self._sketch(change.sketch)
        if change.population is not None:
            self._add("SET", self._names.population, [change.population])
        self._chunked("HSET", self._names.erased, _pairs(change.erased.items()))
        for row in change.outbox:
            self._add("XADD", self._names.outbox, ["*", "m", _packed(row)])
        fields = zip(META_FIELDS, change.meta, strict=True)
        self._add("HSET", self._names.meta, [each for pair in fields for each in pair])
        return list(self._keys), self._args

    def _sketch(self, slots: Mapping[str, bytes | None]) -> None:
        kept = ((slot, packed) for slot, packed in slots.items() if packed is not None)
        self._chunked("HSET", self._names.sketch, _pairs(kept))
        emptied = [slot for slot, packed in slots.items() if packed is None]
        self._chunked("HDEL", self._names.sketch, emptied)

    def _add(self, command: str, key: str, args: Sequence[Any]) -> None:
        index = self._keys.setdefault(key, len(self._keys) + 1)
        self._args += [command, index, len(args), *args]

    def _chunked(self, command: str, key: str, args: Sequence[Any]) -> None:
        for start in range(0, len(args), _CHUNK):
            self._add(command, key, args[start : start + _CHUNK])

    def _customers(self, customers: Mapping[str, CustomerWrite]) -> None:
        names = self._names
        kept = {id_: write for id_, write in customers.items() if write.state is not None}
        gone = [id_ for id_ in customers if id_ not in kept]
        self._chunked("HSET", names.customers, _pairs((i, w.state) for i, w in kept.items()))
        due = ((w.due_ms, i) for i, w in kept.items() if w.due_ms is not None)
        self._chunked("ZADD", names.due, _pairs(due))
        ended = [i for i, w in customers.items() if w.state is None or w.due_ms is None]
        self._chunked("ZREM", names.due, ended)
        for command, cell, ids in _moves(customers):
            self._chunked(command, names.cell(cell), ids)
        history = (
            (history_field(i, slot), packed)
            for i, w in kept.items()
            for slot, packed in w.history or ()
        )
        self._chunked("HSET", names.history, _pairs(history))
        self._chunked("HDEL", names.customers, gone)
        bare = [*gone, *(i for i, w in kept.items() if w.history is None)]
        slots = [history_field(i, slot) for i in bare for slot in range(HISTORY_SLOTS)]
        self._chunked("HDEL", names.history, slots)


def _moves(customers: Mapping[str, CustomerWrite]) -> Iterator[tuple[str, str, list[str]]]:
    left: dict[str, list[str]] = {}
    entered: dict[str, list[str]] = {}
    for customer_id, write in customers.items():
        if write.cell_before == write.cell_after:
            continue
        if write.cell_before is not None:
            left.setdefault(write.cell_before, []).append(customer_id)
        if write.cell_after is not None:
            entered.setdefault(write.cell_after, []).append(customer_id)
    yield from (("SREM", cell, ids) for cell, ids in left.items())
    yield from (("SADD", cell, ids) for cell, ids in entered.items())


def _pairs(pairs: Any) -> list[Any]:
    return [each for pair in pairs for each in pair]


def _packed(row: OutboxRow) -> bytes:
    packed: bytes = msgpack.packb((row.topic, row.key, row.value, list(row.headers), row.partition))
    return packed


def _row(packed: bytes) -> OutboxRow:
    return OutboxRow(*msgpack.unpackb(packed, use_list=False))


def _loaded(
    meta: Sequence[bytes | None],
    rows: int,
    ids: Sequence[str],
    states: Sequence[bytes | None],
) -> Loaded:
    known = zip(ids, states, strict=True)
    return Loaded(_meta(meta), {id_: state for id_, state in known if state is not None}, int(rows))


def _meta(fields: Sequence[bytes | None]) -> Meta:
    offset, nonce, clock_ms, topic_id, partitions, schema, *others = fields
    policy, population, closed, key_id = others
    return Meta(
        int(offset or 0),
        nonce or b"",
        int(clock_ms or 0),
        (topic_id or b"").decode(),
        int(partitions or 0),
        int(schema or 0),
        (policy or b"").decode(),
        int(population or 0),
        int(closed or 0),
        (key_id or b"").decode(),
    )


def _whole(slots: Sequence[bytes], population: bytes | None, erased: Sequence[bytes]) -> Whole:
    return Whole(_by_name(slots), population, _by_name(erased))


def _by_name(fields: Sequence[bytes]) -> dict[str, bytes]:
    names = (name.decode() for name in fields[::2])
    return dict(zip(names, fields[1::2], strict=True))


def _script(name: str) -> str:
    return files("streams").joinpath("scripts", f"{name}.lua").read_text("utf-8")


def connect(url: str, timeout_s: float = 5.0) -> aioredis.Redis:
    """A client for `RedisStore`; connects on first use. Retrying is left to the caller."""
    client: aioredis.Redis = aioredis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    return client
