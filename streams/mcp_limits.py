"""Calls that end in time, whatever they wait for.

A cancellation may be lost on its way: of 120 that reached a client of redis-py 8.1 in the midst of 50 questions, 48 to
66 were, and it went on asking. So a call is a task of its own, is left behind when its time is
over, and is cancelled again until it has ended.

Enters: a call, and how long it may take. Leaves: its answer, or `TimeoutError`. Forbidden here: what is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from streams.patience import ended

T = TypeVar("T")


class Limits:
    """Keeps the calls that were left behind until they have ended."""

    def __init__(self) -> None:
        self._ending: set[asyncio.Task[None]] = set()

    async def within(self, limit_s: float, call: Coroutine[Any, Any, T]) -> T:
        """The answer of a call.

        Raises:
            TimeoutError: it takes longer.
        """
        task = asyncio.create_task(call)
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            if not task.done():
                self._end(task)
        if not task.done():
            raise TimeoutError
        return task.result()

    def _end(self, task: asyncio.Task[T]) -> None:
        ending = asyncio.create_task(ended([task]))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
