"""At which probability to alert, read from silences that are known to the end.

A path is one silence, watched from its beginning: on each day that it was looked at, the probability
of no purchase within the horizon, and whether that came true. An alert at a level is raised on the
first day on which the probability reaches it, and only then: one silence, one alert at most.

    probability │          ┌──●           level .8: alert here, late and surely
                │     ●────┘
                │  ●──┘                    level .4: alert here, early and less so
                └──┴──┴────┴───► day

So with the level the volume falls, and each alert comes later; precision mostly rises, but need not.
A path that begins in the middle of a silence counts the alert it would long have raised; leave such
out, or the volume is overstated.

Enters: paths. Leaves: a curve, and a point of it. Forbidden here: customers, the policy, the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from models.intervals import Interval, Share, share_interval

DAYS_A_WEEK = 7
PERCENTS_PPM = tuple(range(10_000, 1_000_000, 10_000))
LEAST_JUDGED = 30  # below it the interval of a share of half reaches 17 points to both sides


class NoSuchLevel(ValueError):
    """Nothing on the curve does what was asked; says what the best can do."""


class Sighting(NamedTuple):
    """A silence, looked at on one day.

    Attributes:
        day: customer-day, ordinal.
        probability_ppm: of no purchase within the horizon, millionths.
        silence_days: since the last purchase.
        lost: whether no purchase came within the horizon of that day; None: not known yet.
    """

    day: int
    probability_ppm: int
    silence_days: int
    lost: bool | None


Path = Sequence[Sighting]


class Point(NamedTuple):
    """What alerts at a level would have come to.

    Attributes:
        level_ppm: from this probability on, millionths.
        alerts: silences that reach it.
        judged: of them, with a known outcome.
        right: of them, lost.
        alerts_a_week: alerts ÷ weeks observed.
        precision: right ÷ judged; None: none is judged.
        precision_interval: 95 % (Wilson); None likewise.
        silence_days: mean from the last purchase to the alert, over right ones; None: none is.
    """

    level_ppm: int
    alerts: int
    judged: int
    right: int
    alerts_a_week: float
    precision: float | None
    precision_interval: Interval | None
    silence_days: float | None


class _Counts(NamedTuple):
    alerts: int = 0
    judged: int = 0
    right: int = 0
    silence_days: int = 0

    def plus(self, other: _Counts) -> _Counts:
        return _Counts(*(mine + its for mine, its in zip(self, other, strict=True)))

    def negated(self) -> _Counts:
        return _Counts(*(-each for each in self))


def curve(
    paths: Iterable[Path], observed_days: int, levels: Iterable[int] = PERCENTS_PPM
) -> list[Point]:
    """What alerts at each level would have come to.

    Args:
        paths: each one silence, sightings ascending by day.
        observed_days: customer-days in which the sightings lie, those without any included.
        levels: probabilities, millionths.

    Returns:
        One point a level, ascending by level.

    Raises:
        ValueError: no day was observed, or the days of a path don't ascend.
    """
    if observed_days < 1:
        raise ValueError(f"{observed_days} days were observed; a volume a week needs at least one")
    ascending = sorted(set(levels))
    # An alert is counted at all levels from one index up to another: where the count steps up, and
    # where down again, is enough.
    steps = [_Counts()] * (len(ascending) + 1)
    for path in paths:
        for first, end, alert in _alerts(path, ascending):
            steps[first] = steps[first].plus(alert)
            steps[end] = steps[end].plus(alert.negated())
    counts = accumulate(steps[:-1], _Counts.plus)
    return [
        _point(level, each, observed_days) for level, each in zip(ascending, counts, strict=True)
    ]


def _alerts(path: Path, levels: Sequence[int]) -> Iterator[tuple[int, int, _Counts]]:
    """Each sighting that reaches levels for the first time: which, and what it counts for."""
    reached, day = 0, None
    for each in path:
        if day is not None and each.day <= day:
            raise ValueError(f"a path goes from day {day} to day {each.day}")
        day, end = each.day, bisect_right(levels, each.probability_ppm)
        if end > reached:
            right = each.lost is True
            judged = each.lost is not None
            yield reached, end, _Counts(1, judged, right, each.silence_days if right else 0)
            reached = end


def _point(level_ppm: int, counts: _Counts, observed_days: int) -> Point:
    alerts, judged, right, silence_days = counts
    share = Share(right, judged)
    return Point(
        level_ppm,
        alerts,
        judged,
        right,
        alerts * DAYS_A_WEEK / observed_days,
        share.value if judged else None,
        share_interval(share) if judged else None,
        silence_days / right if right else None,
    )


def for_budget(points: Sequence[Point], alerts_a_week: float) -> Point:
    """The lowest level whose volume fits: the earliest alerts that can be handled.

    Args:
        points: ascending by level.
        alerts_a_week: at most.

    Raises:
        NoSuchLevel: even the highest level raises more; names it and its volume.
    """
    for point in points:
        if point.alerts_a_week <= alerts_a_week:
            return point
    if not points:
        raise NoSuchLevel("the curve has no levels")
    best = points[-1]
    raise NoSuchLevel(
        f"no level raises {alerts_a_week:g} alerts a week or fewer: "
        f"at {_percent(best)} there are still {best.alerts_a_week:.1f}"
    )


def for_precision(
    points: Sequence[Point], precision: float, least_judged: int = LEAST_JUDGED
) -> Point:
    """The lowest level from which on precision holds: so are all above it that can be judged.

    Args:
        points: ascending by level.
        precision: right ÷ judged, at least; 0 to 1.
        least_judged: alerts; a level with fewer judged proves nothing, for or against.

    Raises:
        NoSuchLevel: there is none; names the level with the best precision.
    """
    telling = [point for point in points if point.judged >= max(1, least_judged)]
    if not telling:
        most = max((point.judged for point in points), default=0)
        raise NoSuchLevel(
            f"{least_judged} judged alerts are needed at a level, the most at any is {most}"
        )
    holding = None
    for point in reversed(telling):
        if point.right / point.judged < precision:
            break
        holding = point
    if holding is not None:
        return holding
    best = max(telling, key=lambda point: point.right / point.judged)
    raise NoSuchLevel(
        f"from no level on is precision {precision:g}: the best is "
        f"{best.right / best.judged:.3f}, at {_percent(best)}, of {best.judged} judged"
    )


def _percent(point: Point) -> str:
    return f"probability {point.level_ppm / 1_000_000:g}"
