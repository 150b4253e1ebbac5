"""Trying again: pauses that grow, with jitter, for as long as it takes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
CANCEL_AGAIN_S = 0.1
STOP_WITHIN_S = 30  # of a signal: the batch in hand may be finished


async def rest(stop: asyncio.Event, rest_s: float) -> None:
    """For so long, or until told to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), rest_s)


async def attempts() -> AsyncIterator[None]:
    """Now, and again after each pause; never ends by itself."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until each has ended; what they raise is left to whoever asks them.

    Again and again: redis-py 8.1 may swallow a cancellation that reaches it within a command, and the task goes on.
    """
    left = set(tasks)
    while left:
        for each in left:
            each.cancel()
        done, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
        await asyncio.gather(*done, return_exceptions=True)  # none is "never retrieved"
