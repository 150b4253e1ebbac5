"""The shelf's contract on Redis (or Valkey): one Lua script, and plain reads.

Each call blocks for at most the client's socket time-out. Every error of the connection, and a
Redis that is full or can't save, is `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, cast

import redis.asyncio as aioredis

from streams.shelf import STAND, Line, Put, Stand, Write, check
from streams.unavailable import or_unavailable

_CHUNK = 1_000  # arguments of one command; Lua's unpack fails at a few thousand
_PAGE = 1_000  # fields or members of one answer
Command = tuple[str, str, list[Any]]


class ShelfKeys:
    """The keys of one shelf; NS is the namespace, `{NS/delivery}` the hash tag, E an endpoint.

    All are written by `apply.lua` alone, behind the same fence as a partition's. A store that is dropped after a rebuild takes all keys of
    `{STORE:…` with it, and an installation's first store has its name: hence the slash.

    | key | type | what | size |
    | --- | --- | --- | --- |
    | `seg:{NS/delivery}:stand` | hash | `Stand`: offset, nonce, topic_id | 3 fields |
    | `seg:{NS/delivery}:bodies` | hash | alert id → the event that is sent, JSON | while an endpoint holds it |
    | `seg:{NS/delivery}:holders` | hash | alert id → endpoints that hold it, packed | the same |
    | `seg:{NS/delivery}:endpoints` | hash | endpoint → its `Health`, packed | an endpoint |
    | `seg:{NS/delivery}:sending:E` | hash | alert id → its `Attempt`, packed | waiting and dead |
    | `seg:{NS/delivery}:queue:E` | zset | alert id → next attempt, ms | waiting |
    | `seg:{NS/delivery}:ends:E` | zset | alert id → when it is given up at the latest, ms | waiting |
    | `seg:{NS/delivery}:dead:E` | zset | alert id → when it was given up, ms | dead |
    | `seg:{NS/delivery}:NAME` | hash, zset | what the deciding part keeps under a name of its own | |
    """

    def __init__(self, namespace: str) -> None:
        self._tag = f"seg:{{{namespace}/delivery}}:"
        self.stand = self.named(STAND)

    def named(self, name: str) -> str:
        """The hash or sorted set of that name."""
        return self._tag + name


class RedisShelf:
    """A shelf on one Redis.

    Args:
        client: made by `redis_store.connect`; closed by whoever made it.
        namespace: separates installations on one Redis.
    """

    def __init__(self, client: aioredis.Redis, namespace: str) -> None:
        self._client = client
        self._keys = ShelfKeys(namespace)
        script = files("streams").joinpath("scripts", "apply.lua").read_text("utf-8")
        self._apply = client.register_script(script)

    async def stand(self) -> Stand:
        """See `Shelf.stand`."""
        with or_unavailable():
            found: Any = await self._client.hmget(self._keys.stand, list(Stand._fields))
        offset, nonce, topic_id = found
        return Stand(int(offset or 0), nonce or b"", (topic_id or b"").decode())

    async def get(self, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """See `Shelf.get`."""
        found: list[bytes | None] = []
        with or_unavailable():
            for start in range(0, len(fields), _PAGE):
                page = list(fields[start : start + _PAGE])
                answer: Any = await self._client.hmget(self._keys.named(name), page)
                found += answer
        return found

    async def everything(self, name: str) -> dict[str, bytes]:
        """See `Shelf.everything`."""
        found: dict[str, bytes] = {}
        cursor = 0
        with or_unavailable():
            while True:
                answer: Any = await self._client.hscan(self._keys.named(name), cursor, count=_PAGE)
                found |= {field.decode(): value for field, value in answer[1].items()}
                cursor = int(answer[0])
                if not cursor:
                    return found

    async def due(self, name: str, until_ms: int, count: int) -> list[tuple[str, int]]:
        """See `Shelf.due`."""
        return await self._range(name, "-inf", until_ms, byscore=True, offset=0, num=count)

    async def newest(
        self, name: str, before: tuple[int, str] | None, count: int
    ) -> list[tuple[str, int]]:
        """See `Shelf.newest`."""
        if before is None:
            return await self._range(name, 0, count - 1, desc=True)
        at_ms, member = before
        with or_unavailable():
            found: Any = await self._client.zrevrank(self._keys.named(name), member)
        if found is not None:
            rank = int(found)
            page = await self._range(name, rank, rank + count, desc=True)
            if page[:1] == [(member, at_ms)]:  # it has not moved meanwhile
                return page[1:]
        return await self._below(name, at_ms, member, count)

    async def _below(self, name: str, at_ms: int, member: str, count: int) -> list[tuple[str, int]]:
        """The newest below a member that has left: those of its moment are looked through."""
        found: list[tuple[str, int]] = []
        place, start = (at_ms, member.encode()), 0
        while len(found) < count:
            page = await self._range(
                name, at_ms, "-inf", desc=True, byscore=True, offset=start, num=_PAGE
            )
            found += [each for each in page if (each[1], each[0].encode()) < place]
            if len(page) < _PAGE:
                break
            start += _PAGE
        return found[:count]

    async def length(self, name: str) -> int:
        """See `Shelf.length`."""
        with or_unavailable():
            return int(await self._client.zcard(self._keys.named(name)))

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        """See `Shelf.write`. A Redis that is full still takes what frees memory."""
        check(writes)
        keys: dict[str, int] = {self._keys.stand: 1}
        args: list[Any] = [expected.offset, expected.nonce]
        for command, name, given in _commands(writes):
            index = keys.setdefault(self._keys.named(name), len(keys) + 1)
            for start in range(0, len(given), _CHUNK):
                chunk = given[start : start + _CHUNK]
                args += [command, index, len(chunk), *chunk]
        stand = [each for pair in zip(Stand._fields, new, strict=True) for each in pair]
        args += ["HSET", keys[self._keys.stand], len(stand), *stand]
        with or_unavailable():
            return bool(await self._apply(keys=list(keys), args=args))

    async def _range(
        self, name: str, begin: int | str, end: int | str, **how: Any
    ) -> list[tuple[str, int]]:
        with or_unavailable():
            found: Any = await self._client.zrange(
                self._keys.named(name), cast(Any, begin), cast(Any, end), withscores=True, **how
            )
        return [(member.decode(), int(score)) for member, score in found]


def _commands(writes: Sequence[Write]) -> Iterator[Command]:
    """Command, name and arguments; removals first.

    A script that has begun to write is not stopped by a full Redis, so what was delivered can
    always be taken out.
    """
    fields = {(each.name, each.field): each.value for each in writes if isinstance(each, Put)}
    lines = {(each.name, each.member): each.at_ms for each in writes if isinstance(each, Line)}
    adding: dict[tuple[str, str], list[Any]] = {}
    removing: dict[tuple[str, str], list[Any]] = {}
    for (name, field), value in fields.items():
        if value is None:
            removing.setdefault(("HDEL", name), []).append(field)
        else:
            adding.setdefault(("HSET", name), []).extend((field, value))
    for (name, member), at_ms in lines.items():
        if at_ms is None:
            removing.setdefault(("ZREM", name), []).append(member)
        else:
            adding.setdefault(("ZADD", name), []).extend((at_ms, member))
    for (command, name), args in (*removing.items(), *adding.items()):
        yield command, name, args
