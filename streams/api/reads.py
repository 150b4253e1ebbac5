"""A store that is asked often: what many callers want at once is asked for once.

Lookups of one partition that wait at the same time become one call. The number of partitions and the
population of each partition are remembered for a second. All else is passed on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from streams.api.remembering import Remembered
from streams.store import MAX_CUSTOMERS, Looked, Store

REMEMBERED_S = 1.0


class Reads:
    """The reading half of a store.

    Args:
        store: to ask.
        now_s: monotonic clock.
    """

    def __init__(self, store: Store, now_s: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._waiting: dict[int, dict[str, list[asyncio.Future[Looked]]]] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._remembered = Remembered(now_s)
        self._versions: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def partitions(self) -> int:
        """See `Store.partitions`; at most a second old."""
        return await self._remembered.once("partitions", REMEMBERED_S, self._store.partitions)

    async def population(self, partition: int) -> bytes | None:
        """See `Store.population`; at most a second old, and not older than what `look` has told."""
        ask = partial(self._store.population, partition)
        return await self._remembered.once(self._population_name(partition), REMEMBERED_S, ask)

    async def look(self, partition: int, customer_ids: Sequence[str]) -> Looked:
        """See `Store.look`; together with others who look at that moment."""
        if len(customer_ids) != 1:
            return self._noted(partition, await self._store.look(partition, customer_ids))
        future: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(partition, {})
        waiting.setdefault(customer_ids[0], []).append(future)
        if partition not in self._asking:
            self._asking[partition] = asyncio.create_task(self._ask(partition, waiting))
        return await future

    def _noted(self, partition: int, looked: Looked) -> Looked:
        """Another population in force is another question."""
        if self._versions.get(partition) != looked.population:
            self._remembered.forget(self._population_name(partition))
            self._versions[partition] = looked.population
        return looked

    def _population_name(self, partition: int) -> str:
        return f"population {self._versions.get(partition)} of {partition}"

    async def _ask(self, partition: int, waiting: dict[str, list[asyncio.Future[Looked]]]) -> None:
        """Answer all who wait, those included who come while the store is being asked."""
        try:
            while waiting:
                ids = list(waiting)[:MAX_CUSTOMERS]
                askers = {id_: waiting.pop(id_) for id_ in ids}
                try:
                    looked = self._noted(partition, await self._store.look(partition, ids))
                except Exception as error:  # noqa: BLE001 - each of them is told
                    _tell_all(askers, error)
                    continue
                for futures, state in zip(askers.values(), looked.states, strict=True):
                    _answer(futures, looked._replace(states=(state,)))
        finally:
            del self._asking[partition]


def _answer(futures: Sequence[asyncio.Future[Looked]], looked: Looked) -> None:
    for future in futures:
        if not future.done():  # whoever asked may have gone
            future.set_result(looked)


def _tell_all(askers: dict[str, list[asyncio.Future[Looked]]], error: Exception) -> None:
    for future in (each for futures in askers.values() for each in futures):
        if not future.done():
            future.set_exception(error)
