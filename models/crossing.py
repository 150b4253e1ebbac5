"""When a customer's risk will have grown to a level, if they buy nothing until then.

Risk is a function of the silence, and of nothing else that changes between two purchases: so the day
on which it crosses a level is known as soon as a purchase is folded, and is a deadline like any other.
The search looks at the last day, then doubles its stride and halves the last one, which finds the first
day where risk grows with silence, as it does for BG/NBD and for every model that has learned what silence
means.

Enters: a customer, a level a day. Leaves: a customer-day, or None. Forbidden here: the clock, the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

RiskOn = Callable[[int], float]  # customer-day, ordinal → P(no purchase within the horizon)
Run = tuple[int, int, float]  # first day, last day, the level that holds on these


def first_reached(risk_on: RiskOn, runs: Iterable[Run]) -> int | None:
    """The first day at whose beginning risk is at or above the level of that day.

    Args:
        risk_on: risk at the beginning of a day; grows with the silence.
        runs: days of one level each, ascending.

    >>> first_reached(lambda day: day / 100, [(1, 30, 0.5), (31, 90, 0.405)])
    41
    >>> first_reached(lambda _: 0.1, [(1, 9, 0.2)]) is None
    True
    """
    for first, last, level in runs:
        found = _within(risk_on, first, last, level)
        if found is not None:
            return found
    return None


def _within(risk_on: RiskOn, first: int, last: int, level: float) -> int | None:
    if risk_on(last) < level:
        return None
    below, stride = first - 1, 1
    while (day := min(first - 1 + stride, last)) < last and risk_on(day) < level:
        below, stride = day, 2 * stride
    while day - below > 1:
        middle = (below + day) // 2
        if risk_on(middle) >= level:
            day = middle
        else:
            below = middle
    return day


def runs_of(
    first_day: int, last_day: int, usual: float, changes: Iterable[tuple[int, int, float]]
) -> list[Run]:
    """Days of one level each: the usual one, but for periods that have their own.

    Args:
        first_day: ordinal.
        last_day: ordinal, included.
        usual: the level outside of periods.
        changes: first and last day of each period and the level in it; the first named counts.

    >>> runs_of(1, 9, 0.5, [(4, 5, 0.8), (6, 7, 0.9)])
    [(1, 3, 0.5), (4, 5, 0.8), (6, 7, 0.9), (8, 9, 0.5)]
    """
    periods = list(changes)
    edges = {first_day, last_day + 1}
    for begin, end, _ in periods:
        edges |= {each for each in (begin, end + 1) if first_day < each <= last_day}
    cuts = sorted(edges)
    return [(begin, after - 1, _level_on(begin, usual, periods)) for begin, after in pairwise(cuts)]


def _level_on(day: int, usual: float, periods: list[tuple[int, int, float]]) -> float:
    return next((level for begin, end, level in periods if begin <= day <= end), usual)
