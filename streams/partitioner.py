"""Which partition a customer belongs to: Kafka's default partitioner, murmur2 of the key."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=65_536)
def partition_of(customer_id: str, partitions: int) -> int:
    """The partition of `customer-events.v1` that a customer's records belong to.

    >>> partition_of("1", 4)
    3
    """
    hashed: int = murmur2(customer_id.encode())
    return (hashed & 0x7FFFFFFF) % partitions
