"""A `Change` as the commands that scripts/apply.lua carries out: values only, prepared here.

Enters: what was loaded, and the change. Leaves: the script's keys and arguments. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgpack

from models.codec import LISTED_SINCE
from streams.keys import META_FIELDS, Keys, history_field
from streams.store import HISTORY_SLOTS, Change, CustomerWrite, Meta, OutboxRow

_CHUNK = 1_000  # arguments of one command; Lua's unpack fails at a few thousand


def commands(keys: Keys, expected: Meta, change: Change) -> tuple[list[str], list[Any]]:
    """Keys and arguments for apply.lua."""
    return _Commands(keys).prepare(expected, change)


class _Commands:
    def __init__(self, keys: Keys) -> None:
        self._names = keys
        self._keys: dict[str, int] = {keys.meta: 1}
        self._args: list[Any] = []

    def prepare(self, expected: Meta, change: Change) -> tuple[list[str], list[Any]]:
        self._args = [expected.offset, expected.nonce]
        self._customers(change.customers)
        if 0 < expected.schema < LISTED_SINCE <= change.meta.schema:
            for cell in self._names.cells:
                self._add("UNLINK", cell, [])
        self._fields(self._names.sketch, change.sketch)
        self._fields(self._names.movement, change.movement)
        if change.population is not None:
            self._add("SET", self._names.population, [change.population])
        if change.policy is not None:
            self._add("SET", self._names.policy, [change.policy])
        self._chunked("HSET", self._names.erased, _pairs(change.erased.items()))
        for row in change.outbox:
            self._add("XADD", self._names.outbox, ["*", "m", _packed(row)])
        fields = zip(META_FIELDS, change.meta, strict=True)
        self._add("HSET", self._names.meta, [each for pair in fields for each in pair])
        return list(self._keys), self._args

    def _fields(self, key: str, fields: Mapping[str, bytes | None]) -> None:
        """Write fields of a hash; None empties one."""
        kept = ((name, packed) for name, packed in fields.items() if packed is not None)
        self._chunked("HSET", key, _pairs(kept))
        self._chunked("HDEL", key, [name for name, packed in fields.items() if packed is None])

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
        for command, segment, args in _moves(customers):
            self._chunked(command, names.segment(segment), args)
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


def _moves(customers: Mapping[str, CustomerWrite]) -> Iterator[tuple[str, str, list[Any]]]:
    """Commands, segments and arguments. Equal scores: a sorted set that can be read by id."""
    left: dict[str, list[Any]] = {}
    entered: dict[str, list[Any]] = {}
    for customer_id, write in customers.items():
        for segment in write.left:
            left.setdefault(segment, []).append(customer_id)
        for segment in write.entered:
            entered.setdefault(segment, []).extend((0, customer_id))
    yield from (("ZREM", segment, ids) for segment, ids in left.items())
    yield from (("ZADD", segment, pairs) for segment, pairs in entered.items())


def _pairs(pairs: Any) -> list[Any]:
    return [each for pair in pairs for each in pair]


def _packed(row: OutboxRow) -> bytes:
    packed: bytes = msgpack.packb((row.topic, row.key, row.value, list(row.headers), row.partition))
    return packed
