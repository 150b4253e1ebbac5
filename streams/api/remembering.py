"""Answers that are remembered for a moment: many who ask at once cost as little as one.

What enters is a name, and how to find the answer; what leaves is an answer that is new enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Remembered:
    """The newest answers.

    Args:
        now_s: monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._answers: dict[str, tuple[float, asyncio.Future[Any]]] = {}

    async def once(self, name: str, for_s: float, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, if it is new enough; those who ask meanwhile wait for the same one.

        Args:
            name: of the question.
            for_s: how long an answer holds, from when it was asked for.
            ask: async: finds the answer.

        Raises:
            Exception: what `ask` raised. A failure is not remembered.
        """
        until_s, answer = self._answers.get(name, (0.0, None))
        if answer is None or (answer.done() and self._now_s() >= until_s):
            answer = asyncio.ensure_future(ask())
            answer.add_done_callback(partial(self._forget_failed, name))
            self._answers[name] = self._now_s() + for_s, answer
        if answer.done():
            return cast(T, answer.result())
        return cast(T, await asyncio.shield(answer))  # whoever goes away leaves it to the others

    def forget(self, name: str) -> None:
        """Another answer is known to hold by now."""
        self._answers.pop(name, None)

    def _forget_failed(self, name: str, answer: asyncio.Future[Any]) -> None:
        failed = answer.cancelled() or answer.exception() is not None
        if failed and self._answers.get(name, (0.0, None))[1] is answer:
            del self._answers[name]
