"""The shelf's contract in dictionaries: the reference for tests.

Everything is lost with the process. Never blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from streams.shelf import Line, Put, Stand, Write, check


class _Queue:
    """A sorted set: who stands for which moment, and a heap in which those who left are skipped."""

    def __init__(self) -> None:
        self.at_ms: dict[str, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def put(self, member: str, at_ms: int | None) -> None:
        if at_ms is None:
            self.at_ms.pop(member, None)
        elif self.at_ms.get(member) != at_ms:
            self.at_ms[member] = at_ms
            heappush(self._heap, (at_ms, member.encode()))
        if len(self._heap) > 2 * len(self.at_ms) + 64:
            self._heap = [(at, member.encode()) for member, at in self.at_ms.items()]
            heapify(self._heap)

    def due(self, until_ms: int, count: int) -> list[tuple[str, int]]:
        found: dict[str, int] = {}
        while self._heap and self._heap[0][0] <= until_ms and len(found) < count:
            at_ms, encoded = heappop(self._heap)
            member = encoded.decode()
            if self.at_ms.get(member) == at_ms:
                found[member] = at_ms
        for member, at_ms in found.items():
            heappush(self._heap, (at_ms, member.encode()))
        return list(found.items())

    def newest(self, before: tuple[int, bytes] | None, count: int) -> list[tuple[str, int]]:
        places = sorted(((at, each.encode()) for each, at in self.at_ms.items()), reverse=True)
        below = [place for place in places if before is None or place < before]
        return [(encoded.decode(), at_ms) for at_ms, encoded in below[:count]]


class MemoryShelf:
    """A shelf in this process."""

    def __init__(self) -> None:
        self._stand = Stand()
        self._hashes: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)

    async def stand(self) -> Stand:
        """See `Shelf.stand`."""
        return self._stand

    async def get(self, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """See `Shelf.get`."""
        held = self._hashes[name]
        return [held.get(each) for each in fields]

    async def everything(self, name: str) -> dict[str, bytes]:
        """See `Shelf.everything`."""
        return dict(self._hashes[name])

    async def due(self, name: str, until_ms: int, count: int) -> list[tuple[str, int]]:
        """See `Shelf.due`."""
        return self._queues[name].due(until_ms, count)

    async def newest(
        self, name: str, before: tuple[int, str] | None, count: int
    ) -> list[tuple[str, int]]:
        """See `Shelf.newest`."""
        place = None if before is None else (before[0], before[1].encode())
        return self._queues[name].newest(place, count)

    async def length(self, name: str) -> int:
        """See `Shelf.length`."""
        return len(self._queues[name].at_ms)

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        """See `Shelf.write`."""
        check(writes)
        if expected[:2] != self._stand[:2]:
            return False
        for each in writes:
            if isinstance(each, Line):
                self._queues[each.name].put(each.member, each.at_ms)
            else:
                self._put(each)
        self._stand = new
        return True

    def _put(self, put: Put) -> None:
        if put.value is None:
            self._hashes[put.name].pop(put.field, None)
        else:
            self._hashes[put.name][put.field] = put.value
