"""What a fold came to, in one line: two folds with the same digest gave the same states and effects.

Of each customer: the sequence of effects, of each output topic by itself, and the state at the end. Of
each partition: the sketch. What customers come to is added up modulo 2^128, so the order between them
does not matter, nor who folded which partition. The hash is BLAKE2b (RFC 7693).

An effect counts with its type, id, time and body, not with the offsets in its headers: those say where
it was read, not what it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgpack

from streams.partition import NO_NONCE
from streams.store import OutboxRow, Store, all_states
from streams.topics import ALERTS, CHANGES

_TOLD = (CHANGES, ALERTS)
_MODULUS = 1 << 128
_HEADERS = ("ce_id", "ce_type", "ce_time")


class Digest(NamedTuple):
    """Of one partition, or of several together.

    Attributes:
        customers: who have a state.
        effects: how many were told, each id once.
        states: sum over the customers' states.
        told: sum over the customers' sequences of effects.
        sketches: by partition, 32 hex digits.
    """

    customers: int
    effects: int
    states: int
    told: int
    sketches: Mapping[int, str]

    @property
    def text(self) -> str:
        """All of it in 32 hex digits."""
        sketches = sorted(self.sketches.items())
        return _hash(repr((self.customers, self.states, self.told, sketches)).encode()).hex()

    def lines(self) -> dict[str, str | int]:
        """Its parts by name, to see where two differ."""
        return {
            "digest": self.text,
            "customers": self.customers,
            "effects": self.effects,
            "states": f"{self.states:032x}",
            "told": f"{self.told:032x}",
            **{f"sketch of {each}": text for each, text in sorted(self.sketches.items())},
        }


def together(parts: Iterable[Digest]) -> Digest:
    """Of partitions that were folded apart."""
    customers = effects = states = told = 0
    sketches: dict[int, str] = {}
    for each in parts:
        customers, effects = customers + each.customers, effects + each.effects
        states, told = (states + each.states) % _MODULUS, (told + each.told) % _MODULUS
        sketches.update(each.sketches)
    return Digest(customers, effects, states, told, sketches)


class Told:
    """Effects of the customers of a partition, as they come; forgets all but a hash of each sequence."""

    def __init__(self, chains: Mapping[tuple[str, bytes], bytes] | None = None) -> None:
        self._chains = dict(chains or {})
        self.count = 0

    def add(self, row: OutboxRow) -> bool:
        """One row, in order and once; answers whether it is an effect of a customer."""
        if row.topic not in _TOLD or row.key is None:
            return False
        headers = dict(row.headers)
        place = row.topic, row.key
        before = self._chains.get(place, b"")
        said = [headers.get(each, b"") for each in _HEADERS]
        self._chains[place] = _hash(msgpack.packb((before, said, row.value)))
        self.count += 1
        return True

    def total(self) -> int:
        """Sum over the sequences."""
        each = (_number(msgpack.packb((*place, chain))) for place, chain in self._chains.items())
        return sum(each) % _MODULUS

    def packed(self) -> bytes:
        """To be taken up later."""
        kept = [(*place, chain) for place, chain in self._chains.items()]
        return bytes(msgpack.packb((self.count, kept)))

    @classmethod
    def unpacked(cls, packed: bytes) -> Told:
        """The reverse."""
        count, kept = msgpack.unpackb(packed, use_list=False)
        found = cls({(topic, key): chain for topic, key, chain in kept})
        found.count = count
        return found


async def digest_of(store: Store, partitions: Iterable[int], told: Told) -> Digest:
    """Of what stands in a store, and of what was told until then.

    Args:
        store: to read.
        partitions: which.
        told: of their customers.

    Raises:
        StoreUnavailable.
    """
    states: dict[str, bytes] = {}
    sketches: dict[int, str] = {}
    for partition in partitions:
        states.update(await all_states(store, partition))
        whole = (await store.load(partition, (), NO_NONCE)).whole
        assert whole is not None
        sketches[partition] = of_sketch(whole.sketch)
    return Digest(len(states), told.count, of_states(states), told.total(), sketches)


def of_states(states: Mapping[str, bytes]) -> int:
    """Sum over customers."""
    return sum(_number(msgpack.packb(each)) for each in states.items()) % _MODULUS


def of_sketch(slots: Mapping[str, bytes]) -> str:
    """Of all slots that hold something; 32 hex digits."""
    return _hash(msgpack.packb(sorted(slots.items()))).hex()


def each_once(rows: Iterable[OutboxRow], known: set[bytes] | None = None) -> Iterator[OutboxRow]:
    """What stands in an output topic without what a relay has sent twice."""
    known = set() if known is None else known
    for row in rows:
        name = dict(row.headers).get("ce_id", b"")
        if name not in known:
            known.add(name)
            yield row


def differences(one: Digest, other: Digest) -> Sequence[str]:
    """The parts in which two differ."""
    first, second = one.lines(), other.lines()
    names = dict.fromkeys([*first, *second])
    return [each for each in names if first.get(each) != second.get(each) and each != "digest"]


def _hash(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=16).digest()


def _number(packed: bytes) -> int:
    return int.from_bytes(_hash(packed))
