"""The store's contract in dictionaries: the reference for tests, replays and simulation.

Everything is lost with the process. Never blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgpack

from models.label_names import read_name, slot_of
from streams.store import (
    Change,
    CustomerWrite,
    Live,
    Loaded,
    Looked,
    Members,
    Meta,
    Newest,
    OutboxRow,
    Vitals,
    Whole,
)


class _Partition:
    def __init__(self) -> None:
        self.meta = Meta()
        self.states: dict[str, bytes] = {}
        self.due: dict[str, int] = {}
        self.ordinals: dict[str, int] = {}  # who was first written before whom
        self.numbered = 0
        self.segments: defaultdict[str, set[str]] = defaultdict(set)
        self.history: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
        self.outbox: dict[bytes, OutboxRow] = {}
        self.rows_written = 0
        self.live: tuple[Live, int] | None = None
        self.vitals: tuple[Vitals, int] | None = None
        self.sketch: dict[str, bytes] = {}
        self.population: bytes | None = None
        self.policy: bytes | None = None
        self.erased: dict[str, bytes] = {}
        self.movement: dict[str, bytes] = {}
        self.walking: list[str] = []

    def loaded(self, customer_ids: Sequence[str]) -> Loaded:
        known = {id_: self.states[id_] for id_ in customer_ids if id_ in self.states}
        return Loaded(self.meta, known, len(self.outbox))

    def write(self, customer_id: str, write: CustomerWrite) -> None:
        for segment in write.left:
            self.segments[segment].discard(customer_id)
        if write.state is None:
            self.states.pop(customer_id, None)
            self.due.pop(customer_id, None)
            self.ordinals.pop(customer_id, None)
            self.history.pop(customer_id, None)
            return
        if customer_id not in self.ordinals:
            self.ordinals[customer_id] = self.numbered
            self.numbered += 1
        self.states[customer_id] = write.state
        if write.due_ms is None:
            self.due.pop(customer_id, None)
        else:
            self.due[customer_id] = write.due_ms
        for segment in write.entered:
            self.segments[segment].add(customer_id)
        if write.history is None:
            self.history.pop(customer_id, None)
        elif write.history:
            self.history[customer_id].update(write.history)

    def packed(self) -> bytes:
        """All but notes that expire and a walk under way."""
        outbox = [(row_id, *row) for row_id, row in self.outbox.items()]
        segments = {name: sorted(members) for name, members in self.segments.items()}
        customers = (self.states, self.due, self.ordinals, segments, dict(self.history))
        whole = (self.sketch, self.population, self.policy, self.erased, self.movement)
        written = (self.rows_written, self.numbered)
        fields = (tuple(self.meta), customers, outbox, written, whole)
        return bytes(msgpack.packb(fields))

    @classmethod
    def unpacked(cls, packed: bytes) -> _Partition:
        """The reverse."""
        found = cls()
        meta, customers, outbox, written, whole = msgpack.unpackb(
            packed, use_list=False, strict_map_key=False
        )
        found.rows_written, found.numbered = written
        found.states, found.due, found.ordinals, segments, history = customers
        found.sketch, found.population, found.policy, found.erased, found.movement = whole
        found.meta = Meta(*meta)
        found.segments.update({name: set(members) for name, members in segments.items()})
        found.history.update(history)
        found.outbox = {row_id: OutboxRow(*row) for row_id, *row in outbox}
        return found


def _write_fields(held: dict[str, bytes], fields: Mapping[str, bytes | None]) -> None:
    """As `HSET` and `HDEL` do; None empties a field."""
    for name, packed in fields.items():
        if packed is None:
            held.pop(name, None)
        else:
            held[name] = packed


class MemoryStore:
    """A store in this process.

    Args:
        wall_ms: the wall clock, for notes that expire.
    """

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._partitions: defaultdict[int, _Partition] = defaultdict(_Partition)
        self._newest: Newest | None = None
        self._partition_count = 0

    def packed(self, partition: int) -> bytes:
        """A partition as it stands; `take` reads it."""
        return self._partitions[partition].packed()

    def take(self, partition: int, packed: bytes) -> None:
        """Put a partition in the place of what is there."""
        self._partitions[partition] = _Partition.unpacked(packed)

    async def load(
        self, partition: int, customer_ids: Sequence[str], known: bytes | None = None
    ) -> Loaded:
        """See `Store.load`."""
        held = self._partitions[partition]
        loaded = held.loaded(customer_ids)
        if known is None or known == held.meta.nonce:
            return loaded
        whole = Whole(
            *(dict(held.sketch), held.population, dict(held.erased), dict(held.movement)),
            held.policy,
        )
        return loaded._replace(whole=whole)

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        """See `Store.due`; the earliest first, then by the bytes of their ids."""
        held = self._partitions[partition]
        due = sorted((ms, id_.encode()) for id_, ms in held.due.items() if ms <= until_ms)
        return held.loaded([id_.decode() for _, id_ in due[:limit]])

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        """See `Store.walk`; in the order of their ids."""
        held = self._partitions[partition]
        if not cursor:
            held.walking = sorted(held.states)
        end = cursor + count
        met = held.loaded(held.walking[cursor:end])
        return met._replace(cursor=end if end < len(held.walking) else 0)

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        """See `Store.apply`."""
        held = self._partitions[partition]
        if (held.meta.offset, held.meta.nonce) != (expected.offset, expected.nonce):
            return False
        for customer_id, write in change.customers.items():
            held.write(customer_id, write)
        for row in change.outbox:
            held.rows_written += 1
            held.outbox[b"%d" % held.rows_written] = row
        _write_fields(held.sketch, change.sketch)
        _write_fields(held.movement, change.movement)
        if change.population is not None:
            held.population = change.population
        if change.policy is not None:
            held.policy = change.policy
        held.erased.update(change.erased)
        held.meta = change.meta
        return True

    async def next_due_ms(self, partition: int) -> int | None:
        """See `Store.next_due_ms`."""
        return min(self._partitions[partition].due.values(), default=None)

    async def population(self, partition: int) -> bytes | None:
        """See `Store.population`."""
        return self._partitions[partition].population

    async def policy(self, partition: int) -> bytes | None:
        """See `Store.policy`."""
        return self._partitions[partition].policy

    async def erased(self, partition: int, pseudonym: str) -> bytes | None:
        """See `Store.erased`."""
        return self._partitions[partition].erased.get(pseudonym)

    async def history(self, partition: int, customer_id: str) -> list[bytes]:
        """See `Store.history`."""
        return list(self._partitions[partition].history.get(customer_id, {}).values())

    async def sizes(self, partition: int, segments: Sequence[str]) -> list[int]:
        """See `Store.sizes`."""
        return [len(self._partitions[partition].segments.get(each, ())) for each in segments]

    async def members(self, partition: int, segment: str, cursor: int, count: int) -> Members:
        """See `Store.members`."""
        held = self._partitions[partition]
        ids = held.segments.get(segment, ())
        numbers = sorted((held.ordinals[each], each) for each in ids)
        rest = [each for each in numbers if each[0] >= cursor]
        more = rest[count : count + 1]
        return Members([id_ for _, id_ in rest[:count]], rest[count - 1][0] + 1 if more else 0)

    async def is_member(self, partition: int, segment: str, customer_id: str) -> bool:
        """See `Store.is_member`."""
        return customer_id in self._partitions[partition].segments.get(segment, ())

    async def movement(self, partition: int) -> Mapping[str, bytes]:
        """See `Store.movement`."""
        return dict(self._partitions[partition].movement)

    async def label_names(self, partition: int, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """See `Store.label_names`."""
        sketch = self._partitions[partition].sketch
        slots = ((key, slot_of(key)) for key in keys)
        return {key: read_name(sketch[slot]) for key, slot in slots if slot in sketch}

    async def look(self, partition: int, customer_ids: Sequence[str]) -> Looked:
        """See `Store.look`."""
        held = self._partitions[partition]
        offset, clock_ms, population = held.meta.offset, held.meta.clock_ms, held.meta.population
        states = [held.states.get(each) for each in customer_ids]
        return Looked(offset, clock_ms, population, states, await self.live(partition))

    async def outbox(self, partition: int, count: int) -> list[tuple[bytes, OutboxRow]]:
        """See `Store.outbox`."""
        return list(self._partitions[partition].outbox.items())[:count]

    async def outbox_delete(self, partition: int, row_ids: Sequence[bytes]) -> None:
        """See `Store.outbox_delete`."""
        for row_id in row_ids:
            self._partitions[partition].outbox.pop(row_id, None)

    async def set_live(self, partition: int, live: Live, ttl_ms: int) -> None:
        """See `Store.set_live`."""
        self._partitions[partition].live = (live, self._wall_ms() + ttl_ms)

    async def live(self, partition: int) -> Live | None:
        """See `Store.live`."""
        note = self._partitions[partition].live
        return note[0] if note is not None and self._wall_ms() < note[1] else None

    async def set_vitals(self, partition: int, vitals: Vitals, ttl_ms: int) -> None:
        """See `Store.set_vitals`."""
        self._partitions[partition].vitals = (vitals, self._wall_ms() + ttl_ms)

    async def vitals(self, partition: int) -> Vitals | None:
        """See `Store.vitals`."""
        note = self._partitions[partition].vitals
        return note[0] if note is not None and self._wall_ms() < note[1] else None

    async def offer_newest(self, newest: Newest) -> Newest:
        """See `Store.offer_newest`."""
        if self._newest is None or self._newest[:2] < newest[:2]:
            self._newest = newest
        return self._newest

    async def unfit(self) -> str | None:
        """See `Store.unfit`."""
        return None

    async def set_partitions(self, partitions: int) -> None:
        """See `Store.set_partitions`."""
        self._partition_count = partitions

    async def partitions(self) -> int:
        """See `Store.partitions`."""
        return self._partition_count
