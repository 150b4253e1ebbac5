"""One thing that `segmenter doctor` looked at, and the names of all of them.

The names are part of `doctor --json`, and the runbook (deploy/runbook.md) leads to them: none changes
its meaning.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from streams.topics import TOPICS

#: `partition N` beside these, for each that does not belong to the log
NAMES = (
    *("broker", "topics", *(f"topic {each.name}" for each in TOPICS)),
    *("kafka version", "replication", "log settings", "topic settings"),
    *("owners", "partitioner", "dead letters"),
    *("redis", "redis version", "redis maxmemory-policy", "redis memory"),
    *("redis appendonly", "redis saved", "redis replication", "clock", "hash key"),
    *("states", "lag", "workers", "source", "outbox", "outbox age"),
    *("policy", "population", "learner", "survey", "sources"),
    *("keys file", "endpoints file", "endpoints", "deliverer"),
)


class Check(NamedTuple):
    """One thing looked at.

    Attributes:
        name: of the thing.
        ok: whether it is as it must be.
        found: what it is.
        remedy: what to do, if it is not.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""

    @classmethod
    def bad(cls, name: str, found: str, remedy: str) -> Self:
        """Something to mend."""
        return cls(name, ok=False, found=found, remedy=remedy)

    @classmethod
    def good(cls, name: str, found: str) -> Self:
        """Something as it must be."""
        return cls(name, ok=True, found=found)

    @classmethod
    def of(cls, name: str, found: str, remedy: str = "") -> Self:
        """As it must be, unless there is something to do."""
        return cls(name, ok=not remedy, found=found, remedy=remedy)
