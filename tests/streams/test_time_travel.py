"""A customer of the past is what a lookup would have shown at that moment."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from models.codec import decode_held
from models.customer import CustomerState
from streams.loop import Loop
from streams.recording import Recording
from streams.time_travel import Then, customer_then
from tests.streams.recorded_town import KEYED, POLICY, history, town
from tests.support.recordings import recorded
from tests.support.story import DAY_0_MS, DAY_MS

FIRST_DAY = 738_886  # 2024-01-01


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Of the town, with its key."""
    return recorded(town(), tmp_path_factory.mktemp("log") / "log.parquet", KEYED.key_id)


@cache
def lived_until(day: int) -> dict[str, bytes]:
    """The states at a midnight, of a town that has come no further."""

    async def lived() -> dict[str, bytes]:
        loop = Loop(POLICY, 3, pseudonyms=KEYED)

        async def new_day(each: int) -> None:
            await loop.tick(DAY_0_MS + (each - FIRST_DAY) * DAY_MS)

        until_ms = DAY_0_MS + day * DAY_MS
        await loop.replay((e for e in history() if e.occurred_at_ms < until_ms), new_day)
        await loop.tick(until_ms)
        return await loop.states()

    return asyncio.run(lived())


def then(recording: Recording, customer_id: str, at_ms: int) -> Then:
    asked = customer_then(recording, customer_id, at_ms, POLICY, KEYED, lambda _count: None)
    return asyncio.run(asked)


def midnight(day: int) -> int:
    return DAY_0_MS + day * DAY_MS


@pytest.mark.parametrize("day", [8, 33, 60])
@pytest.mark.parametrize("customer_id", ["c1", "c5", "c9", "c20"])
def test_who_a_customer_was_at_a_midnight(recording: Recording, customer_id: str, day: int) -> None:
    found = then(recording, customer_id, midnight(day)).found
    lived = decode_held(lived_until(day)[customer_id])
    assert found is not None
    assert isinstance(lived, CustomerState)
    assert found.state.current == lived.current
    assert found.state.rules == lived.rules
    assert found.state.sequence == lived.sequence
    assert found.state.attributes == lived.attributes


def test_between_two_events_time_has_passed_for_them(recording: Recording) -> None:
    late = then(recording, "c3", midnight(70)).found
    assert late is not None
    assert late.state.current.standing.lifecycle.value == "dormant"
    assert late.as_of_ms == midnight(70)
    early = then(recording, "c3", midnight(20)).found
    assert early is not None
    assert early.state.current.standing.lifecycle.value == "new"


def test_nobody_was_known_before_their_first_event(recording: Recording) -> None:
    assert then(recording, "c6", midnight(0) - 1).found is None
    assert then(recording, "nobody", midnight(60)).found is None


def test_an_id_was_a_person_of_its_own_before_it_became_another_name(recording: Recording) -> None:
    before, after = then(recording, "c4", midnight(39)), then(recording, "c4", midnight(45))
    assert before.found is not None
    assert after.found is not None
    assert (before.found.customer_id, after.found.customer_id) == ("c4", "c5")
    assert after.found.asked_for == "c4"


def test_who_was_erased_since_is_nobody_at_any_time_before(recording: Recording) -> None:
    assert then(recording, "c7", midnight(30)).found is None
    since = then(recording, "c7", midnight(60)).found
    assert since is not None
    assert since.state.current.purchases == 1  # what they did afterwards is a new beginning
