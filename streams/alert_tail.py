"""Following new alerts: look by look, those that no look before has shown.

They stand on the shelf by when they were raised, which is not when they came in: one that comes late is
shown as well, as long as it is one of the newest few hundred.

Enters: the shelf. Leaves: alerts, oldest first. Forbidden here: the clock, waiting, printing.
"""

from __future__ import annotations

from streams.alert_entries import RAISED
from streams.alert_reads import AlertReads, Place, Seen
from streams.shelf import Shelf

PAGE = 500
KEPT = 10 * PAGE  # of those that were shown; what is older than all of them is shown no more


class Tail:
    """What has been shown.

    Args:
        shelf: to read.
        page: alerts that each look looks at; more only while all of them are new.
        kept: how many are remembered, at least a page.
    """

    def __init__(self, shelf: Shelf, page: int = PAGE, kept: int = KEPT) -> None:
        self._shelf, self._reads = shelf, AlertReads(shelf)
        self._page, self._kept = page, kept
        self._shown: set[Place] = set()
        self._floor: Place | None = None

    async def begin(self, count: int) -> list[Seen]:
        """The newest so many; all that are there by now count as shown.

        Raises:
            StoreUnavailable.
        """
        there = await self._places(None, self._kept)
        self._remember(set(there))
        return await self._seen(there[:count])

    async def look(self) -> list[Seen]:
        """Those that have come since; none if none have.

        Raises:
            StoreUnavailable: the next look shows them.
        """
        new: list[Place] = []
        before: Place | None = None
        while True:
            page = await self._places(before, self._page)
            unknown = [each for each in page if self._is_new(each)]
            new += unknown
            if not unknown or len(page) < self._page:
                break
            before = page[-1]
        found = await self._seen(new)
        self._remember(self._shown | set(new))
        return found

    async def _places(self, before: Place | None, count: int) -> list[Place]:
        found = await self._shelf.newest(RAISED, before, count)
        return [(at_ms, alert_id) for alert_id, at_ms in found]

    async def _seen(self, places: list[Place]) -> list[Seen]:
        found = [await self._reads.one(alert_id) for _, alert_id in reversed(places)]
        return [each for each in found if each is not None]

    def _is_new(self, place: Place) -> bool:
        return place not in self._shown and (self._floor is None or place > self._floor)

    def _remember(self, shown: set[Place]) -> None:
        newest = sorted(shown, reverse=True)[: self._kept]
        if len(newest) == self._kept:
            self._floor = newest[-1]
        self._shown = set(newest)
