"""Calls that end in time."""

from __future__ import annotations

import asyncio

import pytest

from streams.mcp_limits import Limits


async def answered() -> int:
    return 42


async def test_a_call_that_is_in_time_is_answered() -> None:
    assert await Limits().within(20, answered()) == 42


async def test_what_a_call_raises_is_raised() -> None:
    async def broken() -> None:
        raise KeyError("it")

    with pytest.raises(KeyError, match="it"):
        await Limits().within(20, broken())


async def test_a_call_that_lets_a_cancellation_pass_is_cancelled_again() -> None:
    cancelled, ended = [], asyncio.Event()

    async def deaf() -> None:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append("once more")
                    if len(cancelled) == 3:
                        raise
        finally:
            ended.set()

    limits = Limits()
    with pytest.raises(TimeoutError):
        await limits.within(0, deaf())
    await asyncio.wait_for(ended.wait(), 20)
    assert len(cancelled) == 3


async def test_whoever_stops_waiting_ends_the_call() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    limits = Limits()
    waiting = asyncio.create_task(limits.within(20, slow()))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait_for(ended.wait(), 20)
    assert waiting.cancelled()
