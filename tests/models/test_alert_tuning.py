"""Levels: a curve counted by hand, and levels that do what was asked where the next does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_tuning import (
    NoSuchLevel,
    Path,
    Point,
    Sighting,
    curve,
    for_budget,
    for_precision,
)

LOST, BACK = True, False
# Four silences in four weeks, looked at weekly: (day, probability, days of silence, lost).
BY_HAND: tuple[Path, ...] = (
    (
        Sighting(1, 300_000, 7, BACK),
        Sighting(8, 600_000, 14, LOST),
        Sighting(15, 900_000, 21, LOST),
    ),
    (Sighting(1, 500_000, 5, BACK), Sighting(8, 400_000, 12, BACK)),
    (
        Sighting(8, 200_000, 9, LOST),
        Sighting(15, 700_000, 16, LOST),
        Sighting(22, 650_000, 23, None),
    ),
    (Sighting(22, 800_000, 30, None),),
)
LEVELS = (200_000, 500_000, 700_000, 900_000, 950_000)


def figures(point: Point) -> tuple[int, int, int, float, float | None, float | None]:
    return (
        *(point.alerts, point.judged, point.right),
        *(point.alerts_a_week, point.precision, point.silence_days),
    )


def right_of(level_ppm: int, right: int, judged: int) -> Point:
    return Point(level_ppm, judged, judged, right, 1.0, right / judged, None, None)


def test_an_alert_is_raised_on_the_first_day_that_reaches_the_level() -> None:
    assert {point.level_ppm: figures(point) for point in curve(BY_HAND, 28, LEVELS)} == {
        200_000: (4, 3, 1, 1.0, 1 / 3, 9.0),
        500_000: (4, 3, 2, 1.0, 2 / 3, 15.0),
        700_000: (3, 2, 2, 0.75, 1.0, 18.5),
        900_000: (1, 1, 1, 0.25, 1.0, 21.0),
        950_000: (0, 0, 0, 0.0, None, None),
    }


def test_an_unknown_outcome_is_counted_and_not_judged() -> None:
    (point,) = curve([BY_HAND[3]], 7, [800_000])
    assert figures(point) == (1, 0, 0, 1.0, None, None)
    assert point.precision_interval is None


def test_precision_comes_with_its_interval() -> None:
    interval = curve(BY_HAND, 28, [500_000])[0].precision_interval
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2077, 0.9385)


def test_levels_are_given_in_any_order_and_once_each() -> None:
    assert curve(BY_HAND, 28, reversed(LEVELS + LEVELS)) == curve(BY_HAND, 28, LEVELS)


def test_no_silences_raise_no_alerts() -> None:
    assert [figures(point) for point in curve([], 28, [500_000])] == [(0, 0, 0, 0.0, None, None)]
    assert curve([()], 28, [500_000]) == curve([], 28, [500_000])


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="0 days were observed"):
        curve(BY_HAND, 0)
    with pytest.raises(ValueError, match="from day 8 to day 1"):
        curve([tuple(reversed(BY_HAND[1]))], 28)


def test_the_budget_buys_the_lowest_level_that_fits() -> None:
    points = curve(BY_HAND, 28, LEVELS)
    assert for_budget(points, 1).level_ppm == 200_000
    assert for_budget(points, 0.99).level_ppm == 700_000
    assert for_budget(points, 0.75).level_ppm == 700_000
    assert for_budget(points, 0.2).level_ppm == 950_000


def test_a_budget_and_a_precision_that_are_met_exactly_are_met() -> None:
    silences = [(Sighting(day, 500_000, 9, LOST),) for day in range(60)]
    assert for_budget(curve(silences, 30, [500_000]), 14).alerts == 60
    assert for_precision([right_of(500_000, 7, 100)], 0.07).level_ppm == 500_000


def test_a_budget_that_nothing_fits_is_told_what_the_highest_level_needs() -> None:
    with pytest.raises(NoSuchLevel, match=r"at probability 0\.7 there are still 0\.8"):
        for_budget(curve(BY_HAND, 28, LEVELS[:3]), 0.5)
    with pytest.raises(NoSuchLevel, match="no levels"):
        for_budget([], 5)


def test_precision_is_had_from_the_lowest_level_on_that_keeps_it() -> None:
    points = curve(BY_HAND, 28, LEVELS)
    assert for_precision(points, 0.3, least_judged=1).level_ppm == 200_000
    assert for_precision(points, 0.6, least_judged=1).level_ppm == 500_000
    assert for_precision(points, 1.0, least_judged=1).level_ppm == 700_000


def test_a_level_below_one_that_fails_is_not_chosen() -> None:
    points = [right_of(*each) for each in [(1, 70, 100), (2, 50, 100), (3, 65, 100), (4, 80, 90)]]
    assert for_precision(points, 0.6).level_ppm == 3


def test_a_level_with_few_judged_proves_nothing_for_or_against() -> None:
    points = [right_of(1, 30, 60), right_of(2, 36, 60), right_of(3, 0, 29)]
    assert for_precision(points, 0.6).level_ppm == 2
    with pytest.raises(NoSuchLevel, match=r"30 judged alerts .* the most at any is 29"):
        for_precision(points[2:], 0.6)
    with pytest.raises(NoSuchLevel, match="the most at any is 0"):
        for_precision([], 0.6)


def test_a_precision_that_cannot_be_had_is_told_the_best_that_can() -> None:
    points = [right_of(400_000, 30, 60), right_of(500_000, 45, 60), right_of(600_000, 40, 60)]
    with pytest.raises(NoSuchLevel, match=r"the best is 0\.750, at probability 0\.5, of 60 judged"):
        for_precision(points, 0.9)


SIGHTINGS = st.tuples(st.integers(0, 20), st.integers(0, 99), st.sampled_from([True, False, None]))
PATHS = st.lists(
    st.lists(SIGHTINGS, max_size=6).map(
        lambda seen: tuple(
            Sighting(7 * place, 50_000 * twentieths, silence, lost)
            for place, (twentieths, silence, lost) in enumerate(seen)
        )
    ),
    max_size=12,
)
TWENTIETHS = tuple(range(50_000, 1_000_001, 50_000))


@settings(deadline=None)
@given(PATHS)
def test_the_curve_is_that_of_looking_for_each_alert_at_each_level(paths: list[Path]) -> None:
    for point in curve(paths, 28, TWENTIETHS):
        reaching = [[s for s in path if s.probability_ppm >= point.level_ppm] for path in paths]
        alerts = [sightings[0] for sightings in reaching if sightings]
        right = [each.silence_days for each in alerts if each.lost]
        judged = sum(each.lost is not None for each in alerts)
        assert (point.alerts, point.judged, point.right) == (len(alerts), judged, len(right))
        assert point.silence_days == (sum(right) / len(right) if right else None)


@settings(deadline=None)
@given(PATHS)
def test_the_volume_falls_as_the_level_rises(paths: list[Path]) -> None:
    volumes = [point.alerts_a_week for point in curve(paths, 28, TWENTIETHS)]
    assert volumes == sorted(volumes, reverse=True)


@settings(deadline=None)
@given(PATHS, st.floats(0, 3))
def test_the_level_of_a_budget_fits_and_the_next_lower_does_not(
    paths: list[Path], budget: float
) -> None:
    points = curve(paths, 28, TWENTIETHS)
    try:
        chosen = for_budget(points, budget)
    except NoSuchLevel:
        assert all(point.alerts_a_week > budget for point in points)
        return
    assert chosen.alerts_a_week <= budget
    place = points.index(chosen)
    assert place == 0 or points[place - 1].alerts_a_week > budget


@settings(deadline=None)
@given(PATHS, st.sampled_from([0.25, 0.5, 0.6, 0.75, 1.0]), st.integers(1, 4))
def test_precision_holds_from_its_level_on_and_not_at_the_next_lower(
    paths: list[Path], precision: float, least_judged: int
) -> None:
    points = curve(paths, 28, TWENTIETHS)
    telling = [point for point in points if point.judged >= least_judged]
    holds = [point.right / point.judged >= precision for point in telling]
    try:
        chosen = for_precision(points, precision, least_judged)
    except NoSuchLevel:
        assert not holds or not holds[-1]
        return
    place = telling.index(chosen)
    assert all(holds[place:])
    assert place == 0 or not holds[place - 1]
