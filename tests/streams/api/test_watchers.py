"""Streams by themselves: who may not watch any more, where one goes on, and faults nobody awaits."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from streams.api.streaming import Watchers
from streams.feed import BEGINNING, Feed, Told

NEWEST = "5-0"


class FakeFeed:
    """Holds nothing new behind its newest place; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.asked, self._failures = 0, failures
        self.went_on = asyncio.Event()

    async def oldest_and_newest(self) -> tuple[str, str]:
        self.asked += 1
        if self.asked <= self._failures:
            raise RuntimeError("a fault of ours")
        self.went_on.set()
        return BEGINNING, NEWEST

    async def after(self, cursor: str, count: int) -> list[Told]:
        return []


async def overview() -> dict[str, Any]:
    return {"live": True}


def watchers(feed: FakeFeed) -> Watchers:
    return Watchers(cast(Feed, feed), overview)


async def test_who_saw_no_change_yet_learns_from_the_overview_where_to_go_on() -> None:
    stream = watchers(FakeFeed()).changes(None, frozenset())
    frames = [await anext(stream), await anext(stream)]
    assert frames == [b"retry: 1000\n\n", b'event: overview\nid: 5-0\ndata: {"live":true}\n\n']
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_stream_ends_once_its_key_is_revoked() -> None:
    watching = watchers(FakeFeed())
    frames = [frame async for frame in watching.changes(None, frozenset(), lambda: False)]
    assert frames == [b"retry: 1000\n\n"]
    assert watching.watching == 0


async def test_a_fault_is_logged_and_the_feed_is_looked_at_again() -> None:
    feed = FakeFeed(failures=1)
    watching = watchers(feed)
    watching.watching = 1
    looking = asyncio.create_task(watching.run())
    await asyncio.wait_for(feed.went_on.wait(), 20)
    await watching.stop()
    await looking
