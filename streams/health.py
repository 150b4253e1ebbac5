"""What a process answers when it is probed: whether it is alive, and whether it is ready.

Enters: beats of its loop, and after each round whether all that it needs has answered. Leaves: why
it is not alive, or not ready; nothing if it is. Forbidden here: Kafka, the store, asking anyone.

Who waits for Kafka or Redis is alive: to start it again would help nobody. Not alive is only a
process whose loop stands still; a probe is answered by a thread, which would not notice by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

BEAT_EVERY_S = 1.0
HANGS_AFTER_S = 120.0  # the watchdog, which knows more, ends a worker after 70 s


class Health:
    """Told by the process, asked by the thread that answers probes.

    Args:
        now_s: the monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._beaten_s: float | None = None
        self._waits = "starting"

    def beat(self) -> None:
        """The loop goes round."""
        self._beaten_s = self._now_s()

    def works(self) -> None:
        """A round was done, and all that it needs has answered."""
        self._waits = ""

    def waits(self, why: str) -> None:
        """It could not do its work; it will try again."""
        self._waits = why

    def why_dead(self) -> str:
        """Why it must be started again; "": it need not. Before the first beat it is starting."""
        still_s = 0.0 if self._beaten_s is None else self._now_s() - self._beaten_s
        return f"the loop has stood still for {still_s:.0f} s" if still_s > HANGS_AFTER_S else ""

    def why_unready(self) -> str:
        """What is missing; "": it does its work."""
        return self.why_dead() or self._waits


@asynccontextmanager
async def beating(health: Health) -> AsyncIterator[None]:
    """The loop that runs beats for as long as the block lasts."""
    task = asyncio.create_task(_beat(health))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(BEAT_EVERY_S)
