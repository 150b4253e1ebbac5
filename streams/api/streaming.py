"""Changes as they happen: server-sent events out of the feed, resumable from any place in it.

One task reads the feed for all who watch. Each watcher has a place of their own; who falls behind, or
comes back, reads on from there. See https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson

from streams.feed import Feed, Told, place_of
from streams.lookup import NothingYet
from streams.store import StoreUnavailable

LOOK_EVERY_S = 0.05
OVERVIEW_EVERY_S = 1.0
TROUBLE_PAUSE_S = 1.0
PAGE = 500
RETRY_MS = 1_000
MAX_STREAMS = 1_000  # of one process
logger = logging.getLogger(__name__)


def always() -> bool:
    """Nobody is sent away."""
    return True


class Watchers:
    """Wakes those who watch whenever the feed has grown.

    Args:
        feed: to read.
        overview: async: what the status bar shows.
    """

    def __init__(self, feed: Feed, overview: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._feed, self._overview = feed, overview
        self._newest = ""
        self._grown = asyncio.Condition()
        self._stopped = False
        self.watching = 0

    async def run(self) -> None:
        """Look at the feed while anybody watches, until `stop`."""
        while not self._stopped:
            pause_s = LOOK_EVERY_S
            if self.watching:
                try:
                    _, newest = await self._feed.oldest_and_newest()
                    if newest != self._newest:
                        await self._tell(newest)
                except StoreUnavailable:  # each watcher notices, and says so
                    pause_s = TROUBLE_PAUSE_S
                except Exception:  # nobody awaits this task: it would end in silence
                    logger.exception("looking at the feed failed")
                    pause_s = TROUBLE_PAUSE_S
            await asyncio.sleep(pause_s)

    async def _tell(self, newest: str) -> None:
        async with self._grown:
            self._newest = newest
            self._grown.notify_all()

    async def stop(self) -> None:
        """End all streams, so that the server can stop."""
        self._stopped = True
        await self._tell(self._newest)

    async def changes(
        self,
        cursor: str | None,
        types: frozenset[str],
        still_allowed: Callable[[], bool] = always,
    ) -> AsyncIterator[bytes]:
        """The lines of one stream.

        Args:
            cursor: of the last change that was seen; None: from now on.
            types: of changes; empty: all.
            still_allowed: asked once a second; the stream ends if not.
        """
        yield b"retry: %d\n\n" % RETRY_MS
        self.watching += 1
        try:
            oldest, newest = await self._feed.oldest_and_newest()
            seen = place_of(newest if cursor is None else cursor)
            if not place_of(oldest) <= seen <= place_of(newest):  # behind the newest: it has gone
                yield b"event: gap\ndata: {}\n\n"
            place = newest if cursor is None or seen > place_of(newest) else cursor
            async for piece in self._follow(place, types, still_allowed):
                yield piece
        except StoreUnavailable:
            yield b'event: trouble\ndata: {"detail":"the store does not answer; come back"}\n\n'
        finally:
            self.watching -= 1

    async def _follow(
        self, place: str, types: frozenset[str], still_allowed: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        overview_at_s = loop.time()
        while not self._stopped:
            for told in await self._feed.after(place, PAGE):
                place = told.cursor
                if not types or told.type in types:
                    yield _change(told)
            if loop.time() >= overview_at_s:
                overview_at_s = loop.time() + OVERVIEW_EVERY_S
                if not still_allowed():
                    return
                yield await self._overview_event(place)
            await self._until_grown(place, overview_at_s - loop.time())

    async def _overview_event(self, place: str) -> bytes:
        """With the place that was come to: who saw no change yet can go on from there, too."""
        try:
            overview = await self._overview()
        except NothingYet:
            return b"id: %s\n: nothing yet\n\n" % place.encode()
        return b"event: overview\nid: %s\ndata: %s\n\n" % (place.encode(), orjson.dumps(overview))

    async def _until_grown(self, place: str, timeout_s: float) -> None:
        """Until the feed has something behind a place, or time is up."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)), self._grown:
                await self._grown.wait_for(
                    lambda: (
                        self._stopped
                        or (self._newest != "" and place_of(self._newest) > place_of(place))
                    )
                )
        except TimeoutError:
            return


def _change(told: Told) -> bytes:
    return b"event: change\nid: %s\ndata: %s\n\n" % (told.cursor.encode(), told.json)
