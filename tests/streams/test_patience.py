"""Waiting, and no longer than must be."""

from __future__ import annotations

import asyncio

from streams.patience import ended


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed, begun = 0, asyncio.Event()

    async def deaf_at_first() -> None:
        nonlocal swallowed
        begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(deaf_at_first())
    await begun.wait()
    await ended([task])
    assert (task.cancelled(), swallowed) == (True, 2)


async def test_what_has_failed_has_ended_and_nothing_is_nothing_to_wait_for() -> None:
    async def failing() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await ended([task])
    assert isinstance(task.exception(), ValueError)
    await ended([])
