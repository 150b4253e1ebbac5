"""A `Change` as the commands that scripts/apply.lua carries out: values only, prepared here.

Enters: what was loaded, the ordinals of those who are written, and the change. Leaves: the script's keys
and arguments. No I/O.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from models.codec import LISTED_SINCE
from streams.keys import META_FIELDS, NUMBERED, Keys, history_field
from streams.ordinals import BLOCK, Numbering, by_block, numbered
from streams.store import HISTORY_SLOTS, Change, CustomerWrite, Meta, OutboxRow

_CHUNK = 1_000  # arguments of one command; Lua's unpack fails at a few thousand
_DEADLINES, _BITS = "DEADLINES", "BITS"  # not Redis' own: see scripts/apply.lua
_NONE = ""


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
        """In their order, so that the same writes give the same ordinals."""
        names, numbering = self._names, self._numbering
        states, history, deadlines = list[Any](), list[Any](), list[Any]()
        ordinals, gone, forgotten = dict[str, int](), list[str](), list[str]()
        for id_, write in customers.items():
            if write.state is None:
                gone.append(id_)
                continue
            ordinals[id_] = ordinal = numbering.of(id_)
            states += (id_, numbered(ordinal, write.state))
            if write.due_ms is not None:
                deadlines += (ordinal // BLOCK, write.due_ms, ordinal % BLOCK)
            elif ordinal not in numbering.new:  # who is new has had none
                deadlines += (ordinal // BLOCK, _NONE, ordinal % BLOCK)
            for slot, packed in write.history or ():
                history += (history_field(id_, slot), packed)
            if write.history is None:
                forgotten.append(id_)
        self._chunked("HSET", names.customers, states)
        for block, places in by_block(numbering.new).items():
            ids = (numbering.new[block * BLOCK + place] for place in places)
            self._add("HSET", names.ids(block), _pairs(zip(places, ids, strict=True)))
        left = {i: each for i in gone if (each := numbering.taken(i)) is not None}
        for ordinal in left.values():
            deadlines += (ordinal // BLOCK, _NONE, ordinal % BLOCK)
        if deadlines:
            self._add(_DEADLINES, names.deadlines, deadlines)
        self._moves(customers, ordinals | left if left else ordinals)
        self._chunked("HSET", names.history, history)
        self._chunked("HDEL", names.customers, gone)
        for block, places in by_block(left.values()).items():
            self._add("HDEL", names.ids(block), places)
        bare = [*gone, *forgotten]
        slots = [history_field(i, slot) for i in bare for slot in range(HISTORY_SLOTS)]
        self._chunked("HDEL", names.history, slots)

    def _moves(self, customers: Mapping[str, CustomerWrite], ordinals: Mapping[str, int]) -> None:
        """Who has left is taken out before others enter. One without an ordinal was nowhere."""
        left: defaultdict[str, list[int]] = defaultdict(list)
        entered: defaultdict[str, list[int]] = defaultdict(list)
        for customer_id, write in customers.items():
            if (write.left or write.entered) and customer_id in ordinals:
                for segment in write.left:
                    left[segment].append(ordinals[customer_id])
                for segment in write.entered:
                    entered[segment].append(ordinals[customer_id])
        for value, moved in ((0, left), (1, entered)):
            for segment, bits in moved.items():
                self._add(_BITS, self._names.members(segment), [value, *bits])


def _pairs(pairs: Any) -> list[Any]:
    return [each for pair in pairs for each in pair]


def _packed(row: OutboxRow) -> bytes:
    packed: bytes = msgpack.packb((row.topic, row.key, row.value, list(row.headers), row.partition))
    return packed
