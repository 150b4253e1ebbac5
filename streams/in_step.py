"""Keeps the partitions of a source's topic in step by event time, as far as they are in hand.

A customer's events may lie in several partitions. The fold puts late ones in their place, but not for
ever; a partition whose history was read months ahead of another's would leave the other's events too
late to count. So before a few records are sent, whoever is ahead waits for those that are behind:

    partition 0   March ─────► June   waits
    partition 1   March ──► April     goes on
    partition 2   (nothing in hand)   is not waited for

Whoever is furthest behind never waits, so somebody always goes on. Other processes are not seen here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

AHEAD_MS = 7 * 86_400_000  # the fold remembers 45 days of a customer, and 64 events


class Span(NamedTuple):
    """Event times of what is about to be sent, epoch milliseconds, both included."""

    first_ms: int
    last_ms: int

    @property
    def length_ms(self) -> int:
        """From the first to the last."""
        return self.last_ms - self.first_ms


def united(one: Span | None, other: Span | None) -> Span | None:
    """The span that holds both.

    >>> united(Span(1, 2), Span(4, 6)), united(None, Span(1, 2)), united(None, None)
    (Span(first_ms=1, last_ms=6), Span(first_ms=1, last_ms=2), None)
    """
    if one is None or other is None:
        return one or other
    return Span(min(one.first_ms, other.first_ms), max(one.last_ms, other.last_ms))


class InStep:
    """Shared by the folds of one topic."""

    def __init__(self) -> None:
        self._in_hand: dict[int, Span] = {}
        self._moved = asyncio.Event()

    @contextmanager
    def reading(self, partition: int) -> Iterator[None]:
        """For as long as the block lasts others may wait for this partition."""
        try:
            yield
        finally:
            self._in_hand.pop(partition, None)
            self._moved.set()

    async def turn(self, partition: int, span: Span) -> None:
        """Wait until nobody is far behind; only within `reading`.

        Args:
            partition: whose records are to be sent.
            span: of their events.
        """
        self._in_hand[partition] = span
        self._moved.set()
        while self._is_ahead(partition, span):
            self._moved.clear()
            await self._moved.wait()

    def _is_ahead(self, partition: int, span: Span) -> bool:
        others = [each.first_ms for key, each in self._in_hand.items() if key != partition]
        behind_ms = min(others, default=span.first_ms)
        return span.first_ms > behind_ms and span.last_ms > behind_ms + AHEAD_MS
