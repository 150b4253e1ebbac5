"""A store whose calls on the hot path are timed.

Enters: a store. Leaves: the same store; the time of `load`, `due`, `walk` and `apply` is observed,
whether they succeed or fail. Forbidden here: changing what any call does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from prometheus_client import Histogram

from streams.store import Change, Loaded, Meta, Store


def timed(store: Store, seconds: Histogram) -> Store:
    """The store, observed.

    Args:
        store: any.
        seconds: a histogram with the label `call`.
    """
    return cast(Store, _Timed(store, seconds))


class _Timed:
    def __init__(self, store: Store, seconds: Histogram) -> None:
        self._store = store
        calls = ("load", "due", "walk", "apply")
        self._load, self._due, self._walk, self._apply = map(seconds.labels, calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        with self._load.time():
            return await self._store.load(partition, customer_ids, known)

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        with self._due.time():
            return await self._store.due(partition, until_ms, limit)

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        with self._walk.time():
            return await self._store.walk(partition, cursor, count)

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        with self._apply.time():
            return await self._store.apply(partition, expected, change)
