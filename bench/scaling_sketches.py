"""Barriers for the scaling bench: sketches of drawn customers, as an installation's partitions send them.

A few sketches are filled customer by customer through `Sketch.renew`, as the fold does it. Those of further partitions
have the sums and micro-clusters of one of these, and its sample under hashes drawn anew: filling a
thousand would take hours and come to the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from models.barrier import Barrier, encode_barrier
from models.behaviour import QUANTA
from models.sample import DAYS_SEEN, SampledCustomer
from models.sketch import Contribution, Sketch

AS_OF_DAY = 738_900 - 738_900 % 7 + 1  # a Monday
LOG_DAYS = 730  # how long ago the first customers came
FILLED = 4  # sketches that are filled customer by customer
_SAMPLE, _HASH_BITS = "h", 64
Slots = dict[str, bytes]


class Drawn(NamedTuple):
    """One customer: what they count for, and their row of the sample."""

    contribution: Contribution
    row: SampledCustomer


def drawn_customers(count: int, rng: np.random.Generator) -> Iterator[Drawn]:
    """Customers of a shop: purchase days are negative binomial, baskets log-normal.

    Args:
        count: how many.
        rng: of a seed.
    """
    rates = rng.gamma(0.8, 1 / 60, count)  # purchases a day, as in BG/NBD on groceries
    first_days = AS_OF_DAY - rng.integers(1, LOG_DAYS, count)
    means = np.exp(rng.normal(8.0, 0.8, count))  # minor units a purchase
    for rate, first, mean in zip(rates, first_days, means, strict=True):
        yield _drawn(float(rate), int(first), float(mean), rng)


def _drawn(rate: float, first: int, mean_minor: float, rng: np.random.Generator) -> Drawn:
    span = AS_OF_DAY - first
    further = first + rng.integers(1, span + 1, rng.poisson(rate * span))
    days = sorted({first, *(int(each) for each in further if each < AS_OF_DAY)})
    spend = round(mean_minor * len(days))
    cadence = (60 * 2 + days[-1] - first) / (2 + len(days) - 1)
    vector = (
        np.log(len(days)),
        np.log(cadence),
        np.log1p(mean_minor),
        rng.normal(1.8, 0.5),
        np.log1p(rng.integers(1, 30)),
        rng.beta(1, 8),
    )
    behaviour = tuple(round(QUANTA * float(each)) for each in vector)
    decay = sum(0.5 ** ((days[-1] - each) / 56) for each in days)
    row = SampledCustomer(
        first,
        len(days),
        spend,
        round(1000 * decay),
        round(mean_minor * decay),
        round(100 * cadence),
        tuple(days[-DAYS_SEEN:]),
        behaviour,
    )
    return Drawn(Contribution(AS_OF_DAY, first, days[-1], len(days), spend, behaviour), row)


def filled_sketch(customers: int, rng: np.random.Generator) -> Sketch:
    """A partition's sketch after so many customers have bought."""
    sketch = Sketch()
    for number, each in enumerate(drawn_customers(customers, rng)):
        sketch.renew(f"{rng.integers(2**63):016x}-{number}", None, each.contribution, each.row)
    return sketch


def filled_slots(customers: int, seed: int) -> list[Slots]:
    """The sums of `FILLED` partitions with so many customers each."""
    rng = np.random.default_rng(seed)
    return [filled_sketch(customers, rng).sums() for _ in range(FILLED)]


def rehashed(slots: Slots, rng: np.random.Generator) -> Slots:
    """The same sums with a sample of other customers, below the same threshold."""
    level = int(slots.get("level", b"0"))
    hashes = rng.integers(0, 2 ** (_HASH_BITS - level), len(slots), dtype=np.uint64)
    return {
        f"{_SAMPLE}{int(hashed):016x}" if slot.startswith(_SAMPLE) else slot: packed
        for (slot, packed), hashed in zip(slots.items(), hashes, strict=True)
    }


def barriers(
    filled: Sequence[Slots], partitions: int, as_of_day: int, seed: int
) -> Iterator[tuple[int, bytes]]:
    """Every partition's barrier of one epoch, encoded, with its partition.

    Each has the same sample in every epoch: the seed is the partition's own.
    """
    for partition in range(partitions):
        rng = np.random.default_rng([seed, partition])
        slots = rehashed(filled[partition % len(filled)], rng)
        yield partition, encode_barrier(Barrier(partition, partitions, as_of_day, slots))
