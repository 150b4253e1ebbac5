"""Cores that are broken in one place each. The simulation is worth what it says of them.

A mutant never changes production code: it stands between the fold and the store, or in place of the
rule where reading begins, or of the probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from streams.store import Change, Loaded, Meta, Store
from tests.simulation.processes import Core
from tests.simulation.stepping import point


class _Between:
    """Passes every call on; a mutant changes some."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def _meta(self, partition: int) -> Meta:
        return (await self._store.load(partition, ())).meta


class _Unfenced(_Between):
    async def apply(self, partition: int, _expected: Meta, change: Change) -> bool:
        return await self._store.apply(partition, await self._meta(partition), change)


class NoFence(Core):
    """Writes whatever has happened since it read."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _Unfenced(server))


class _OffsetCompared(_Between):
    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        stored = await self._meta(partition)
        if stored.offset != expected.offset:
            return False
        return await self._store.apply(partition, stored, change)


class OffsetOnly(Core):
    """Writes if the offset is what it read; a walk, which moves none, goes unseen."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _OffsetCompared(server))


class _TwoReads(_Between):
    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        states = (await self._store.load(partition, customer_ids)).states
        await point()
        return (await self._store.load(partition, (), known))._replace(states=states)


class SplitRead(Core):
    """Reads states, and then, in another call, offset and nonce."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _TwoReads(server))


class NoGapCheck(Core):
    """Believes that nothing was skipped."""

    def gap(self, has_records: bool) -> bool:
        return False


class _Believes(_Between):
    """An offset of its own, instead of the store's."""

    def __init__(self, store: Store, offset: int) -> None:
        super().__init__(store)
        self._offset = offset

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        return self._moved(await self._store.load(partition, customer_ids, known))

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        return self._moved(await self._store.due(partition, until_ms, limit))

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        return self._moved(await self._store.walk(partition, cursor, count))

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        stored = await self._meta(partition)
        if not await self._store.apply(partition, expected._replace(offset=stored.offset), change):
            return False
        self._offset = change.meta.offset
        return True

    def _moved(self, loaded: Loaded) -> Loaded:
        return loaded._replace(meta=loaded.meta._replace(offset=self._offset))


class KafkaAsTruth(Core):
    """Goes on where Kafka's committed offset says that it stands, and not where the store does."""

    def start(self, stored: int, committed: int) -> int:
        return committed

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _Believes(server, start))


class _OffsetFirst(_Between):
    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        if not await self._store.apply(partition, expected, Change(change.meta, {}, ())):
            return False
        await point()
        return await self._store.apply(partition, change.meta, change)


class OffsetFirst(Core):
    """Writes offset and nonce in a script of their own, before the rest."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _OffsetFirst(server))


class _RunsAhead(_Between):
    """What was counted for a write that was not carried out is still counted after it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._ahead: dict[str, bytes] = {}

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        applied = await self._store.apply(partition, expected, change)
        counted = {day: packed for day, packed in change.movement.items() if packed is not None}
        self._ahead = {} if applied else counted
        return applied

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        loaded = await self._store.load(partition, customer_ids, known)
        if loaded.whole is None:
            return loaded
        movement = {**loaded.whole.movement, **self._ahead}
        return loaded._replace(whole=loaded.whole._replace(movement=movement))


class MovementKept(Core):
    """Keeps in memory what it has counted, although the write was fenced."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _RunsAhead(server))


class _ForgetsPolicy(_Between):
    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        loaded = await self._store.load(partition, customer_ids, known)
        if loaded.whole is None:
            return loaded
        return loaded._replace(whole=loaded.whole._replace(policy=None))


class PolicyOfTheFile(Core):
    """Goes back to its own file's policy whenever it reads a partition anew."""

    def store(self, server: Store, start: int) -> Store:
        return cast(Store, _ForgetsPolicy(server))


MUTANTS: tuple[type[Core], ...] = (
    NoFence,
    OffsetOnly,
    SplitRead,
    NoGapCheck,
    KafkaAsTruth,
    OffsetFirst,
    MovementKept,
    PolicyOfTheFile,
)
