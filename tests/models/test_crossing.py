"""The day on which a risk will have grown to a level: the first of all days, in few looks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.crossing import Run, first_reached, runs_of
from tests.support.histories import thoroughly

levels = st.floats(0.01, 0.99)


class Risk:
    """Grows with the silence; counts who asks.

    Args:
        first_day: of the silence.
        by_day: the risk at the beginning of each day.
    """

    def __init__(self, first_day: int, by_day: Sequence[float]) -> None:
        self._first_day, self._by_day = first_day, by_day
        self.asked: list[int] = []

    def __call__(self, day: int) -> float:
        self.asked.append(day)
        return self.on(day)

    def on(self, day: int) -> float:
        """Without being counted; a day outside of the silence has none."""
        assert day >= self._first_day
        return self._by_day[day - self._first_day]


@st.composite
def risks_and_runs(draw: st.DrawFn) -> tuple[Risk, list[Run]]:
    """A risk that grows in steps, and runs of one level each, one behind the other."""
    lengths = draw(st.lists(st.integers(1, 60), min_size=1, max_size=8))
    first = draw(st.integers(1, 800_000))
    steps = draw(st.dictionaries(st.integers(0, sum(lengths) - 1), st.floats(0, 0.5), max_size=12))
    grown = accumulate(steps.get(day, 0.0) for day in range(sum(lengths)))
    ends = list(accumulate(lengths, initial=first))
    runs = [(begin, begin + n - 1, draw(levels)) for begin, n in zip(ends, lengths, strict=False)]
    return Risk(first, list(grown)), runs


@thoroughly
@given(risks_and_runs())
def test_the_day_found_is_the_first_of_all_days(drawn: tuple[Risk, list[Run]]) -> None:
    risk, runs = drawn
    reached = (
        day
        for first, last, level in runs
        for day in range(first, last + 1)
        if risk.on(day) >= level
    )
    assert first_reached(risk, runs) == next(reached, None)


@thoroughly
@given(risks_and_runs())
def test_no_day_is_asked_twice_or_outside_of_the_runs(drawn: tuple[Risk, list[Run]]) -> None:
    risk, runs = drawn
    first_reached(risk, runs)
    assert len(set(risk.asked)) == len(risk.asked)
    assert all(runs[0][0] <= day <= runs[-1][1] for day in risk.asked)


def test_within_ten_years_a_day_is_found_in_two_dozen_looks() -> None:
    days = 3_650
    for crossing in (1, 2, 100, 1_999, days - 1, days):
        risk = Risk(1, [float(day >= crossing) for day in range(1, days + 1)])
        assert first_reached(risk, [(1, days, 0.5)]) == crossing
        assert len(risk.asked) <= 24


@pytest.mark.parametrize(
    ("level", "day"), [(0.1, 1), (0.25, 2), (0.25000001, 3), (0.5, 3), (0.75, None)]
)
def test_a_level_is_reached_on_the_day_whose_risk_is_at_or_above_it(
    level: float, day: int | None
) -> None:
    assert first_reached(Risk(1, [0.1, 0.25, 0.5]), [(1, 3, level)]) == day


def test_a_period_with_a_higher_level_puts_the_day_off_until_it_is_over() -> None:
    risk = Risk(1, [day / 100 for day in range(1, 61)])
    assert first_reached(risk, [(1, 60, 0.3)]) == 30
    assert first_reached(risk, runs_of(1, 60, 0.3, [(25, 40, 0.9)])) == 41


def test_a_period_with_a_lower_level_brings_the_day_forward() -> None:
    risk = Risk(1, [day / 100 for day in range(1, 61)])
    assert first_reached(risk, runs_of(1, 60, 0.3, [(12, 20, 0.1)])) == 12


def test_without_days_nothing_is_reached() -> None:
    assert first_reached(Risk(1, []), []) is None
    assert runs_of(5, 4, 0.5, [(1, 9, 0.8)]) == []


def naive_level(day: int, usual: float, changes: Sequence[Run]) -> float:
    """The first period named in which the day lies, else the usual level."""
    for begin, end, level in changes:
        if begin <= day <= end:
            return level
    return usual


periods = st.lists(
    st.tuples(st.integers(-20, 140), st.integers(0, 60), levels).map(
        lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
    ),
    max_size=6,
)


@thoroughly
@given(st.integers(1, 60), st.integers(0, 80), levels, periods)
def test_runs_cover_each_day_once_with_the_level_of_that_day(
    first: int, days: int, usual: float, changes: list[Run]
) -> None:
    last = first + days
    runs = runs_of(first, last, usual, changes)
    covered = [day for begin, end, _ in runs for day in range(begin, end + 1)]
    assert covered == list(range(first, last + 1))
    begins = [begin for begin, _, _ in runs]
    for day in covered:
        _, _, level = runs[bisect_right(begins, day) - 1]
        assert level == naive_level(day, usual, changes)


def test_of_two_periods_that_overlap_the_first_named_counts() -> None:
    assert runs_of(1, 9, 0.5, [(3, 6, 0.8), (5, 8, 0.9)]) == [
        (1, 2, 0.5),
        (3, 4, 0.8),
        (5, 6, 0.8),
        (7, 8, 0.9),
        (9, 9, 0.5),
    ]


def test_a_period_that_begins_before_and_ends_after_is_cut_to_the_days_asked_for() -> None:
    assert runs_of(10, 12, 0.5, [(1, 99, 0.8)]) == [(10, 12, 0.8)]
