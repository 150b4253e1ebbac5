"""Coroutines driven by hand: who takes the next step is the simulator's choice, not a loop's.

An actor runs until its next `point`, where others may go first, or where it may die. Nothing waits
for a socket or a clock, so a run depends on its seed alone.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

T = TypeVar("T")


@types.coroutine
def point() -> Generator[None, None, None]:
    """Others may go first."""
    yield


class Actor:
    """A process of the installation.

    Args:
        life: what it does until it is killed.
    """

    def __init__(self, life: Coroutine[Any, Any, None]) -> None:
        self._life = life

    def step(self) -> None:
        """Run to the next point."""
        self._life.send(None)

    def kill(self) -> None:
        """Die where it stands."""
        self._life.close()


class _Threads:
    """As much of an event loop as `asyncio.to_thread` asks for: a thread is a point either side."""

    def run_in_executor(
        self, _executor: None, call: Callable[..., T], *args: Any
    ) -> Coroutine[Any, Any, T]:
        return self._called(call, args)

    async def _called(self, call: Callable[..., T], args: tuple[Any, ...]) -> T:
        await point()
        answer = call(*args)
        await point()
        return answer


@contextmanager
def driven_by_hand() -> Iterator[None]:
    """In here coroutines find what they need of a running loop."""
    with _running(cast(asyncio.AbstractEventLoop, _Threads())):
        yield


@contextmanager
def no_loop_running() -> Iterator[None]:
    """In here a loop may be run to the end of one call."""
    with _running(None):
        yield


@contextmanager
def _running(loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)  # made for those who write loops
    try:
        yield
    finally:
        asyncio._set_running_loop(before)


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine to which no point matters."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return cast(T, stop.value)
