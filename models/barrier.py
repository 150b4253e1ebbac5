"""A barrier: one partition's sketch at the end of an epoch, on its way to the learner.

Enters and leaves: bytes. Forbidden here: what is learned of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from operator import index
from typing import NamedTuple

import msgpack
from pydantic import TypeAdapter, ValidationError

from models.behaviour import BEHAVIOUR
from models.microclusters import LARGEST, check_entries
from models.population import decode_population, encode_population, learned
from models.sample import SampledCustomer
from models.sketch import Sketch, from_slots

_HASH_BITS = 64
_TOO_LARGE = 2**62
SCHEMA_VERSION = 2  # 2: micro-clusters, and of the sample what a churn model wants to know


class CorruptBarrier(ValueError):
    """The bytes are not a barrier."""


class Barrier(NamedTuple):
    """One partition's sketch at the end of an epoch.

    Attributes:
        partition: whose.
        partitions: how many there are.
        as_of_day: the customer-day that began when the epoch ended.
        slots: the sketch, encoded slot by slot.
    """

    partition: int
    partitions: int
    as_of_day: int
    slots: Mapping[str, bytes]


def encode_barrier(barrier: Barrier) -> bytes:
    """MessagePack; the same bytes for the same barrier."""
    slots = {slot: barrier.slots[slot] for slot in sorted(barrier.slots)}
    packed: bytes = msgpack.packb(
        (SCHEMA_VERSION, barrier.partition, barrier.partitions, barrier.as_of_day, slots)
    )
    return packed


def decode_barrier(packed: bytes) -> Barrier:
    """The reverse.

    Raises:
        CorruptBarrier: not a barrier, or one of another schema.
    """
    try:
        schema, partition, partitions, as_of_day, slots = msgpack.unpackb(packed)
        if schema != SCHEMA_VERSION:
            raise CorruptBarrier(f"a barrier has schema {schema}, known is {SCHEMA_VERSION}")
        partition, partitions, as_of_day = map(index, (partition, partitions, as_of_day))
        date.fromordinal(as_of_day)
        sketch = from_slots(slots)
        _check(sketch)
        if sketch.counts.keys() - {"level"}:  # that stays when everybody has gone
            population = learned(sketch, 1, as_of_day)  # or it would fail later, in an epoch
            decode_population(encode_population(population))  # of others, or where it is read
        return Barrier(partition, partitions, as_of_day, slots)
    except _NOT_ONE as error:
        raise CorruptBarrier(f"{len(packed)} bytes are not a barrier: {error!r}") from error


def _check(sketch: Sketch) -> None:
    """What would fail later, in an epoch of others: customers that nobody can be, odd sums."""
    if any(abs(each) > _TOO_LARGE for each in sketch.counts.values()):
        raise ValueError("a count does not fit into 64 bits")
    if not 0 <= sketch.counts.get("level", 0) <= _HASH_BITS:
        raise ValueError("a sample has no such level")
    if any(each >> _HASH_BITS for each in sketch.sample):
        raise ValueError("a customer of the sample has no such hash")
    rows = _ROWS.validate_python(list(sketch.sample.values()), strict=True)
    for row in rows:
        days = row.recent_days
        if not (days and list(days) == sorted({*days}) and row.first_day <= days[0]):
            raise ValueError(f"purchase days {row.first_day} … {days}")
        if row.purchase_days < len(days) or min(row[2:6]) < 0 or row.cadence_centidays < 1:
            raise ValueError(f"a customer of the sample is {row}")
        if max(row[:6]) >= _TOO_LARGE:
            raise ValueError("a customer of the sample does not fit into 64 bits")
        if any(abs(each) > LARGEST for each in row.behaviour):
            raise ValueError(f"a behaviour is {row.behaviour}")
        if len(row.behaviour) not in {0, len(BEHAVIOUR)}:
            raise ValueError(f"a behaviour of {len(row.behaviour)} dimensions")
    entries = sketch.micro.entries
    check_entries(entries, len(BEHAVIOUR))
    for name, (customers, _, *sums) in entries.items():
        if name.startswith("k") and any(abs(each) > LARGEST * customers for each in sums):
            raise ValueError(f"a micro-cluster of {customers} adds up to {sums}")


_ROWS = TypeAdapter(list[SampledCustomer])
_NOT_ONE = (
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    msgpack.UnpackException,
    ValidationError,
)
