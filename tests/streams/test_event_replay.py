"""A file of events through an installation in memory: whole, in parts, and up to a day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import day_of
from streams.digest import differences
from streams.event_replay import EventReplay, Replayed
from streams.loop import Loop
from streams.snapshot import NotThisReplay, Snapshots
from streams.sources import SourceRecord
from tests.streams.recorded_town import KEYED, POLICY, digest_of, history, town


def replayed(
    records: list[SourceRecord], folder: Path | None = None, until_day: int | None = None
) -> Replayed:
    loop = Loop(POLICY, 3, pseudonyms=KEYED)
    snapshots = None if folder is None else Snapshots(folder, {"input": "town"})
    replay = EventReplay(loop, snapshots, lambda _count: None)
    return asyncio.run(replay.run(records, until_day))


@pytest.fixture(scope="module")
def whole() -> Replayed:
    """All of the town's history at once."""
    return replayed(history())


def test_a_file_comes_to_what_an_installation_came_to(whole: Replayed) -> None:
    assert differences(whole.digest, digest_of(town())) == []
    assert whole.events == len(history())
    assert whole.populations == len(town().populations) > 5
    assert whole.tally["dead_letters:unknown_kind"] == 1


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(1, 900), max_size=3))
def test_a_file_in_parts_comes_to_the_same_as_at_once(
    whole: Replayed, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("snapshots")
    for cut in sorted(cuts):
        replayed(history()[:cut], folder)
    assert replayed(history(), folder) == whole


def test_time_goes_by_up_to_the_day_that_was_asked_for(whole: Replayed) -> None:
    assert whole.last_day is not None
    later = replayed(history(), until_day=whole.last_day + 100)
    assert later.last_day == whole.last_day + 101  # its first moment: the day before is over
    assert day_of(later.clock_ms, POLICY.timezone) == whole.last_day + 101
    churned = later.tally["effects:lifecycle.changed"] - whole.tally["effects:lifecycle.changed"]
    assert churned > 40
    assert later.digest.customers == whole.digest.customers


def test_an_empty_file_comes_to_nothing() -> None:
    nothing = replayed([], until_day=738_900)
    assert (nothing.events, nothing.last_day, nothing.clock_ms) == (0, None, 0)
    assert nothing.digest.customers == nothing.digest.effects == 0


def test_a_snapshot_of_another_input_is_refused(tmp_path: Path) -> None:
    replayed(history()[:50], tmp_path)
    loop, other = Loop(POLICY, 3), Snapshots(tmp_path, {"input": "village"})
    with pytest.raises(NotThisReplay, match="its input is town, of this replay village"):
        asyncio.run(EventReplay(loop, other, lambda _count: None).run(history()))


def test_an_input_that_has_changed_before_the_snapshot_is_refused(tmp_path: Path) -> None:
    replayed(history()[:50], tmp_path)
    with pytest.raises(
        NotThisReplay, match="made after 50 events, and the last of them is another"
    ):
        replayed(history()[1:], tmp_path)
    with pytest.raises(NotThisReplay, match="made after 50 events"):
        replayed([], tmp_path)
