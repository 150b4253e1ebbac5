"""Answers that are remembered for a moment."""

from __future__ import annotations

import asyncio

import pytest

from streams.api.remembering import Remembered


class Question:
    """A question that is counted; answered once the gate is open."""

    def __init__(self) -> None:
        self.asked, self.gate = 0, asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return number


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_an_answer_holds_for_so_long_and_is_then_asked_for_again() -> None:
    clock, question = Clock(), Question()
    once = Remembered(clock).once
    question.gate.set()
    assert [await once("q", 2.0, question) for _ in range(3)] == [1, 1, 1]
    clock.now_s = 1.9
    assert await once("q", 2.0, question) == 1
    clock.now_s = 2.0
    assert await once("q", 2.0, question) == 2


async def test_questions_of_other_names_are_other_questions() -> None:
    question = Question()
    once = Remembered().once
    question.gate.set()
    assert [await once(name, 9.0, question) for name in "aba"] == [1, 2, 1]


async def test_those_who_ask_meanwhile_wait_for_the_same_answer() -> None:
    question = Question()
    once = Remembered().once
    asking = [asyncio.ensure_future(once("q", 9.0, question)) for _ in range(3)]
    await asyncio.sleep(0)
    question.gate.set()
    assert await asyncio.gather(*asking) == [1, 1, 1]


async def test_who_goes_away_leaves_the_answer_to_the_others() -> None:
    question = Question()
    once = Remembered().once
    one, other = (asyncio.ensure_future(once("q", 9.0, question)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    question.gate.set()
    assert await other == 1


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered() -> None:
    question = Question()
    question.error = RuntimeError("away")
    once = Remembered().once
    question.gate.set()
    asking = (once("q", 9.0, question) for _ in range(2))
    assert await asyncio.gather(*asking, return_exceptions=True) == [question.error] * 2
    question.error = None
    assert await once("q", 9.0, question) == 2


async def test_a_failure_that_nobody_waited_for_is_not_remembered_either() -> None:
    question = Question()
    question.error = RuntimeError("away")
    once = Remembered().once
    asking = asyncio.ensure_future(once("q", 9.0, question))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    question.gate.set()
    for _ in range(3):
        await asyncio.sleep(0)
    question.error = None
    assert await once("q", 9.0, question) == 2
