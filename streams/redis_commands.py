"""A `Change` as the commands that scripts/apply.lua carries out: values only, prepared here.

Enters: what was loaded, the ordinals of those who are written, and the change. Leaves: the script's keys
and arguments. No I/O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgpack

from models.codec import LISTED_SINCE
from streams.keys import META_FIELDS, NUMBERED, Keys, history_field
from streams.ordinals import BLOCK, Numbering, bits_set, by_block, numbered
from streams.store import HISTORY_SLOTS, Change, CustomerWrite, Meta, OutboxRow

_CHUNK = 1_000  # arguments of one command; Lua's unpack fails at a few thousand
_FIRST, _UNLESS_ANY = "FIRST", "UNLESS_ANY"  # not Redis' own: see scripts/apply.lua


def commands(
    keys: Keys, expected: Meta, change: Change, numbering: Numbering
) -> tuple[list[str], list[Any]]:
    """Keys and arguments for apply.lua.

    Args:
        keys: of the partition.
        expected: what the fence compares.
        change: to be written.
        numbering: of all customers of the change, as of that moment; changed here.
    """
    return _Commands(keys, numbering).prepare(expected, change)


class _Commands:
    def __init__(self, keys: Keys, numbering: Numbering) -> None:
        self._names, self._numbering = keys, numbering
        self._keys: dict[str, int] = {keys.meta: 1}
        self._args: list[Any] = []

    def prepare(self, expected: Meta, change: Change) -> tuple[list[str], list[Any]]:
        self._args = [expected.offset, expected.nonce]
        self._customers(change.customers)
        if 0 < expected.schema < LISTED_SINCE:
            self._unlink_older(change)
        self._fields(self._names.sketch, change.sketch)
        self._fields(self._names.movement, change.movement)
        if change.population is not None:
            self._add("SET", self._names.population, [change.population])
        if change.policy is not None:
            self._add("SET", self._names.policy, [change.policy])
        self._chunked("HSET", self._names.erased, _pairs(change.erased.items()))
        for row in change.outbox:
            self._add("XADD", self._names.outbox, ["*", "m", _packed(row)])
        fields = zip((*META_FIELDS, NUMBERED), (*change.meta, self._numbering.given), strict=True)
        self._add("HSET", self._names.meta, _pairs(fields))
        return list(self._keys), self._args

    def _unlink_older(self, change: Change) -> None:
        """What an older schema kept of the segments that these customers are in, and of deadlines."""
        entered = (each for write in change.customers.values() for each in write.entered)
        older = [self._names.older_segment(each) for each in dict.fromkeys(entered)]
        if change.meta.schema >= LISTED_SINCE:
            older += self._names.older
        for key in older:
            self._add("UNLINK", key, [])

    def _fields(self, key: str, fields: Mapping[str, bytes | None]) -> None:
        """Write fields of a hash; None empties one."""
        kept = ((name, packed) for name, packed in fields.items() if packed is not None)
        self._chunked("HSET", key, _pairs(kept))
        self._chunked("HDEL", key, [name for name, packed in fields.items() if packed is None])

    def _index(self, key: str) -> int:
        return self._keys.setdefault(key, len(self._keys) + 1)

    def _add(self, command: str, key: str, args: Sequence[Any]) -> None:
        self._args += [command, self._index(key), len(args), *args]

    def _chunked(self, command: str, key: str, args: Sequence[Any]) -> None:
        for start in range(0, len(args), _CHUNK):
            self._add(command, key, args[start : start + _CHUNK])

    def _customers(self, customers: Mapping[str, CustomerWrite]) -> None:
        """Kept ones in their order, so that the same writes give the same ordinals."""
        names, numbering = self._names, self._numbering
        kept = {id_: write for id_, write in customers.items() if write.state is not None}
        gone = [id_ for id_ in customers if id_ not in kept]
        ordinals = {id_: numbering.of(id_) for id_ in kept}
        states = ((i, numbered(ordinals[i], w.state or b"")) for i, w in kept.items())
        self._chunked("HSET", names.customers, _pairs(states))
        for block, places in by_block(numbering.new).items():
            ids = (numbering.new[block * BLOCK + place] for place in places)
            self._add("HSET", names.ids(block), _pairs(zip(places, ids, strict=True)))
        left = {i: each for i in gone if (each := numbering.taken(i)) is not None}
        self._deadlines(kept, ordinals, left.values())
        self._moves(customers, ordinals | left)
        history = (
            (history_field(i, slot), packed)
            for i, w in kept.items()
            for slot, packed in w.history or ()
        )
        self._chunked("HSET", names.history, _pairs(history))
        self._chunked("HDEL", names.customers, gone)
        for block, places in by_block(left.values()).items():
            self._add("HDEL", names.ids(block), places)
        bare = [*gone, *(i for i, w in kept.items() if w.history is None)]
        slots = [history_field(i, slot) for i in bare for slot in range(HISTORY_SLOTS)]
        self._chunked("HDEL", names.history, slots)

    def _deadlines(
        self,
        kept: Mapping[str, CustomerWrite],
        ordinals: Mapping[str, int],
        gone: Iterable[int],
    ) -> None:
        """Set and take away deadlines; then of each block that was touched, tell the earliest."""
        due: defaultdict[int, list[int]] = defaultdict(list)
        ended = list(gone)
        for id_, write in kept.items():
            ordinal = ordinals[id_]
            if write.due_ms is not None:
                due[ordinal // BLOCK] += (write.due_ms, ordinal % BLOCK)
            elif ordinal not in self._numbering.new:  # who is new has had none
                ended.append(ordinal)
        without = by_block(ended)
        for block, pairs in due.items():
            self._add("ZADD", self._names.deadlines_of(block), pairs)
        for block, places in without.items():
            self._add("ZREM", self._names.deadlines_of(block), places)
        for block in due | without:
            source = self._index(self._names.deadlines_of(block))
            self._add(_FIRST, self._names.deadlines, [source, block])

    def _moves(self, customers: Mapping[str, CustomerWrite], ordinals: Mapping[str, int]) -> None:
        """Clear and set bits; a bitmap without any is removed."""
        left: defaultdict[str, list[int]] = defaultdict(list)
        entered: defaultdict[str, list[int]] = defaultdict(list)
        for customer_id, write in customers.items():
            ordinal = ordinals.get(customer_id)
            if ordinal is not None:
                for segment in write.left:
                    left[segment].append(ordinal)
                for segment in write.entered:
                    entered[segment].append(ordinal)
        for moved, value in ((left, 0), (entered, 1)):
            for segment, places in moved.items():
                self._chunked("BITFIELD", self._names.members(segment), bits_set(places, value))
        for segment in left:
            self._add(_UNLESS_ANY, self._names.members(segment), [])


def _pairs(pairs: Any) -> list[Any]:
    return [each for pair in pairs for each in pair]


def _packed(row: OutboxRow) -> bytes:
    packed: bytes = msgpack.packb((row.topic, row.key, row.value, list(row.headers), row.partition))
    return packed
