"""When an owner tells the log that time has passed, and when time stands still."""

from __future__ import annotations

import pytest

from models.policy import policy_from_preset
from streams.clock import source_delay_ms, source_is_silent, tick_to_write
from streams.store import Newest

POLICY = policy_from_preset("grocery", time={"max_source_silence_hours": 24})
HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS
NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def on_time(appended_ms: int) -> Newest:
    """An event written as it happened."""
    return Newest(appended_ms, appended_ms)


def test_a_deadline_that_has_passed_brings_a_tick_that_says_now() -> None:
    assert tick_to_write(NOW_MS, on_time(NOW_MS - HOUR_MS), NOW_MS - 1, POLICY) == NOW_MS


def test_a_deadline_that_falls_on_this_very_millisecond_has_come() -> None:
    assert tick_to_write(NOW_MS, on_time(NOW_MS - HOUR_MS), NOW_MS, POLICY) == NOW_MS


def test_a_deadline_that_has_not_come_brings_no_tick() -> None:
    assert tick_to_write(NOW_MS, on_time(NOW_MS - HOUR_MS), NOW_MS + 1, POLICY) is None


def test_where_nobody_has_a_deadline_no_tick_is_written() -> None:
    assert tick_to_write(NOW_MS, on_time(NOW_MS), None, POLICY) is None


def test_before_the_first_event_no_tick_is_written() -> None:
    assert tick_to_write(NOW_MS, None, NOW_MS - YEAR_MS, POLICY) is None


def test_a_pipeline_three_hours_late_sees_silence_three_hours_late() -> None:
    late = Newest(appended_ms=NOW_MS - HOUR_MS, at_ms=NOW_MS - 4 * HOUR_MS)
    there_ms = NOW_MS - 3 * HOUR_MS
    assert source_delay_ms(late) == 3 * HOUR_MS
    assert tick_to_write(NOW_MS, late, there_ms, POLICY) == there_ms
    assert tick_to_write(NOW_MS, late, there_ms + 1, POLICY) is None


def test_history_replayed_today_ages_at_todays_pace() -> None:
    replayed = Newest(appended_ms=NOW_MS - HOUR_MS, at_ms=NOW_MS - HOUR_MS - 9 * YEAR_MS)
    there_ms = NOW_MS - 9 * YEAR_MS
    assert tick_to_write(NOW_MS, replayed, there_ms, POLICY) == there_ms
    assert tick_to_write(NOW_MS, replayed, there_ms + 1, POLICY) is None


def test_a_producers_clock_that_runs_ahead_does_not_turn_the_delay_negative() -> None:
    ahead = Newest(appended_ms=NOW_MS, at_ms=NOW_MS + 200_000)
    assert source_delay_ms(ahead) == 0
    assert tick_to_write(NOW_MS, ahead, NOW_MS + 1, POLICY) is None


@pytest.mark.parametrize(
    ("silence_ms", "silent"), [(24 * HOUR_MS, False), (24 * HOUR_MS + 1, True)]
)
def test_a_source_is_silent_once_its_silence_is_longer_than_is_believable(
    silence_ms: int, silent: bool
) -> None:
    newest = on_time(NOW_MS - silence_ms)
    assert source_is_silent(NOW_MS, newest, POLICY) is silent
    assert (tick_to_write(NOW_MS, newest, NOW_MS - YEAR_MS, POLICY) is None) is silent


def test_a_source_that_brings_old_events_today_is_not_silent() -> None:
    assert not source_is_silent(NOW_MS, Newest(NOW_MS, NOW_MS - 9 * YEAR_MS), POLICY)
