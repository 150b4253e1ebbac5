"""A customer of the past is what a lookup would have shown at that moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from models.codec import decode_held
from models.customer import CustomerState
from models.events import LogRecord
from streams.log import Record
from streams.loop import Loop
from streams.partitioner import partition_of
from streams.recording import NotARecording, Recording
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


def test_a_record_that_was_put_astray_moves_no_clock(recording: Recording) -> None:
    away = next(each for each in recording.records(0) if each.key is None)
    late = json.dumps(
        {
            "customer_id": next(f"x{n}" for n in range(99) if partition_of(f"x{n}", 3) != 0),
            "occurred_at": "2024-03-10T00:00:00Z",
            "amount_minor": 5,
            "currency": "USD",
        }
    )
    astray = away._replace(offset=0, value=late.encode(), headers={"kind": b"purchase"})

    class Behind(Recorded):
        def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
            found = super().records(partition, from_offset)
            shifted = (each._replace(offset=each.offset + 1) for each in found)
            return chain([astray], shifted) if partition == 0 else found

    who = next(f"c{n}" for n in range(60) if partition_of(f"c{n}", 3) == 0)
    plain, behind = (then(each, who, midnight(40)).found for each in (recording, Behind(recording)))
    assert plain is not None
    assert behind is not None
    assert behind.state.current == plain.state.current


class Recorded:
    """A recording that passes on another's."""

    def __init__(self, recording: Recording) -> None:
        self.name, self.head, self._recording = recording.name, recording.head, recording

    def bodies(self, topic: str) -> Iterator[Record]:
        return self._recording.bodies(topic)

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        return self._recording.records(partition, from_offset)


def test_a_recording_of_the_later_part_can_not_tell(recording: Recording) -> None:
    later = Recorded(recording)
    later.head = recording.head._replace(extents=((5, 9), (0, 9), (0, 9)))
    with pytest.raises(NotARecording, match="does not begin where the log began"):
        then(later, "c1", midnight(40))
