"""Stores that a run may copy, bring back to an older copy, or empty; and what lies before them.

The processes see a store through `Reached`: a point before and after each call, where others may
go first or the process may die, walks of two customers a script, and calls that fail, before or
after they took effect.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any, Protocol, cast

from streams.memory_store import MemoryStore
from streams.store import Change, Loaded, Meta, OutboxRow, Store, StoreUnavailable
from tests.simulation.stepping import point

WALKED_AT_ONCE = 2
_row_numbers = count()


def _no_wall() -> int:
    return 0


class Server(Store, Protocol):
    """A store, and what may befall it."""

    def copy(self) -> Any:
        """All that it holds now."""

    def fall_back(self, copy: Any) -> None:
        """Hold what a copy holds, and no more."""

    def wipe(self) -> None:
        """Hold nothing."""


class MemoryServer(MemoryStore):
    """A store in memory. Ids of outbox rows are never used twice, as a server's are not."""

    def __init__(self) -> None:
        super().__init__(wall_ms=_no_wall)
        self._row_ids: dict[int, list[bytes]] = {}
        self._empty = self.copy()

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        applied = await super().apply(partition, expected, change)
        if applied:
            ids = [b"%d" % next(_row_numbers) for _ in change.outbox]
            self._row_ids[partition] = [*self._row_ids.get(partition, ()), *ids]
        return applied

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        rows = await super().outbox(partition, count)
        ids = self._row_ids.get(partition, ())[:count]
        return [(id_, row) for id_, (_, row) in zip(ids, rows, strict=True)]

    async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
        ids = self._row_ids.get(partition, [])
        inner = zip(ids, await super().outbox(partition, len(ids)), strict=True)
        await super().outbox_delete(partition, [row[0] for id_, row in inner if id_ in row_ids])
        self._row_ids[partition] = [id_ for id_ in ids if id_ not in row_ids]

    def copy(self) -> bytes:
        return pickle.dumps({name: held for name, held in vars(self).items() if name != "_empty"})

    def fall_back(self, copy: bytes) -> None:
        vars(self).update(pickle.loads(copy))

    def wipe(self) -> None:
        self.fall_back(self._empty)


class Line:
    """What lies between the processes and the server.

    Attributes:
        failures: how many of the next calls fail.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.failures = 0

    def breaks(self) -> bool:
        """Whether it breaks here; half of the failures come after the call took effect."""
        if self.failures and self._rng.random() < 0.5:
            self.failures -= 1
            return True
        return False


class Reached:
    """A store as a process reaches it."""

    def __init__(self, store: Store, line: Line) -> None:
        self._store, self._line = store, line

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        return cast(Loaded, await self._call("due", partition, until_ms, min(limit, 2)))

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        return cast(Loaded, await self._call("walk", partition, cursor, min(count, 2)))

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any) -> Any:
            return await self._call(name, *args)

        return call

    async def _call(self, name: str, *args: Any) -> Any:
        await point()
        if self._line.breaks():
            raise StoreUnavailable("no answer")
        answer = await getattr(self._store, name)(*args)
        if self._line.breaks():
            raise StoreUnavailable("it did, and did not say so")
        await point()
        return answer


def reached(store: Store, line: Line) -> Store:
    """A store as a process reaches it."""
    return cast(Store, Reached(store, line))
