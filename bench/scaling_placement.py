"""Where partitions, customers and events fall: Redis slots and nodes, partitions and workers. Pure.

Enters: how many of each, a random generator. Leaves: loads, and how many times the mean the most loaded place has. Forbidden here: a server, the clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from redis.crc import key_slot

from streams.keys import Keys
from streams.partitioner import partition_of

SLOTS = 16_384
Loads = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]


def slot_of(namespace: str, partition: int) -> int:
    """The Redis Cluster slot of all keys of a partition: CRC16 of the hash tag, mod 16,384."""
    return key_slot(Keys(namespace, partition).meta.encode())


def nodes_of(slots: npt.ArrayLike, nodes: int) -> Places:
    """The node of each slot, with contiguous ranges as `redis-cli --cluster create` cuts them.

    >>> nodes_of([0, 5460, 5461, 10922, 10923, 16383], 3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    ends = [round(SLOTS / nodes * (node + 1)) for node in range(nodes)]
    return np.searchsorted(ends, np.asarray(slots), side="right")


def skew(loads: Sequence[float] | Loads) -> float:
    """How many times the mean the most loaded place has.

    >>> skew([1, 1, 4])
    2.0
    """
    return float(max(loads) * len(loads) / sum(loads))


def by_node(loads: Sequence[float] | Loads, slots: Sequence[int], nodes: int) -> Loads:
    """What each node has of the loads of all partitions, where slots lie in contiguous ranges."""
    return added(nodes_of(slots, nodes), np.asarray(loads, np.float64), nodes)


def added(places: Places | Hashes, loads: Loads, count: int) -> Loads:
    """What each of so many places has of the loads."""
    return np.bincount(places, loads, minlength=count).astype(np.float64)


def dealt_out(loads: Sequence[float] | Loads, slots: Sequence[int], nodes: int) -> Loads:
    """What each node has if the slots in use are dealt out: the heaviest first, to whoever has least.

    Redis Cluster lets any node have any slot, so this needs no other tags (Graham 1969).
    """
    weights: defaultdict[int, float] = defaultdict(float)
    for slot, load in zip(slots, loads, strict=True):
        weights[slot] += float(load)
    held = [(0.0, node) for node in range(nodes)]
    heapify(held)
    for _, weight in sorted(weights.items(), key=lambda each: (-each[1], each[0])):
        least, node = held[0]
        heapreplace(held, (least + weight, node))
    return np.array([load for load, _ in held])


class Tags(NamedTuple):
    """How evenly partitions fall on nodes; each the most loaded node over the mean.

    Attributes:
        one: of one namespace.
        median: of many.
        worst: of many.
        best: of many: what looking for a good name would bring.
        empty: nodes without a partition, of the one namespace.
        dealt: with the slots in use dealt out.
    """

    one: float
    median: float
    worst: float
    best: float
    empty: int
    dealt: float


def tags(slots: Sequence[Sequence[int]], partitions: int, nodes: int) -> Tags:
    """How the hash tags of partitions fall on nodes.

    Args:
        slots: of each namespace, those of its partitions; the first namespace is the one.
        partitions: how many of them there are.
        nodes: of the cluster.
    """
    even = np.ones(partitions)
    found = [by_node(even, each[:partitions], nodes) for each in slots]
    skews = sorted(map(skew, found))
    dealt = skew(dealt_out(even, slots[0][:partitions], nodes))
    empty = int((found[0] == 0).sum())
    return Tags(skew(found[0]), skews[len(skews) // 2], skews[-1], skews[0], empty, dealt)


def hashed_counts(customers: int, partitions: int) -> Loads:
    """Customers of each partition, by the product's own partitioner, of ids that count upwards."""
    partition = partition_of.__wrapped__  # a cache would only be in the way
    found = (partition(f"customer-{each}", partitions) for each in range(customers))
    return np.bincount(np.fromiter(found, np.int64, customers), minlength=partitions).astype(float)


def drawn_hashes(customers: int, rng: np.random.Generator) -> Hashes:
    """Stand-ins for murmur2 of as many ids: uniform over the same 31 bits."""
    return rng.integers(0, 2**31, customers)


def event_shares(
    hashes: Hashes, exponent: float, partitions: int, largest: float = 0.0
) -> tuple[Loads, float]:
    """The share of all events that each partition has, and that of the busiest customer.

    Args:
        hashes: of the customers; the first is the busiest.
        exponent: of Zipf's law: the n-th busiest customer has events in proportion to n^-exponent.
        partitions: how many.
        largest: the share of one customer more, who has that much of all events.
    """
    activity = np.arange(1, len(hashes) + 1, dtype=np.float64) ** -exponent
    activity *= (1 - largest) / activity.sum()
    shares = added(hashes % partitions, activity, partitions)
    shares[0] += largest  # whichever it is
    return shares, max(largest, float(activity[0]))


def by_worker(shares: Loads, workers: int) -> Loads:
    """What each worker has if partitions are assigned in even, contiguous ranges."""
    return np.array([each.sum() for each in np.array_split(shares, workers)])
