"""How early an alert comes, at equal precision.

A spell is a silence: from a purchase day to the next one, or to the end of the data. A rule
alerts of a spell once, at the end of the first day on which its score reaches its threshold.

    real data         an alert is right if no purchase follows within the customer's own horizon;
                      if the data end sooner it is not judged. A spell is lost if its silence
                      outlasts the own horizon that stood when it began.
    synthetic         customers' deaths are known. An alert is right if the customer is dead by
                      then; a spell is lost if it was ended by death.

Of each rule the lowest threshold with the precision asked for is taken; of the fixed rule the
smallest number of days. Only spells that are followed for long enough count, so that a slow rule
is not cut off by the end of the data.

Lead is the mean of days from last purchase to alert over right alerts: those that somebody could act
upon. It is also given over lost spells that were alerted of, whether or not the alert was right by
then; since rules reach different spells, over those, too, that both reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from bench.science_metrics import Flags, Floats, Integers
from bench.science_purchases import Purchases

NEVER = 10**6  # days: no alert
THRESHOLDS, FINER = 200, 50
LEAST_JUDGED = 50  # alerts; below that a precision is noise


class Spells(NamedTuple):
    """One row a spell.

    Attributes:
        rows: the customers.
        begins: day of the purchase.
        ends: day of the next one; `NEVER` if none came.
        until: the last day on which the silence was seen.
        dies: day of death; `NEVER` where deaths are not known.
    """

    rows: Integers
    begins: Integers
    ends: Integers
    until: Integers
    dies: Integers


class Alerts(NamedTuple):
    """What a rule does at one threshold.

    Attributes:
        threshold: a score or a number of days.
        silence_days: of each spell, from last purchase to alert; `NEVER` without one.
        precision: right alerts ÷ judged alerts.
        judged: how many were judged.
        right_days: mean silence at the right ones, lost spell or not.
    """

    threshold: float
    silence_days: Integers
    precision: float
    judged: int
    right_days: float


class Lead(NamedTuple):
    """Two rules at equal precision; days from last purchase to alert, lost spells."""

    spells: int
    lost: int
    fixed: Alerts
    ours: Alerts
    fixed_days: float
    our_days: float
    fixed_reached: float
    our_reached: float
    fixed_days_both: float
    our_days_both: float


class Horizons(NamedTuple):
    """Own horizons, customers × days; the first column is `first_day`."""

    days: Floats
    first_day: int

    def at(self, spells: Spells, silence: Integers) -> Floats:
        """The own horizon in force so long after each spell began."""
        columns = spells.begins - self.first_day + np.where(silence < NEVER, silence, 0)
        found: Floats = self.days[spells.rows, np.minimum(columns, self.days.shape[1] - 1)]
        return found


def spells_of(
    purchases: Purchases, first_day: int, last_day: int, deaths: Integers | None = None
) -> Spells:
    """The spells that begin in [first_day, last_day]."""
    owners = np.repeat(np.arange(len(purchases.customers)), np.diff(purchases.starts))
    ends = np.append(purchases.days[1:], NEVER)
    ends[purchases.starts[1:] - 1] = NEVER
    kept = (purchases.days >= first_day) & (purchases.days <= last_day)
    dies = np.full(len(purchases.customers), NEVER) if deaths is None else deaths
    until = np.minimum(ends - 1, purchases.last_day)
    rows = owners[kept]
    return Spells(rows, purchases.days[kept], ends[kept], until[kept], dies[rows])


def first_reach(spells: Spells, scores: Floats, first_day: int, threshold: float) -> Integers:
    """Silence at the end of the first day of each spell on which the score reaches a threshold.

    Args:
        spells: beginning at `first_day` or later.
        scores: customers × days; NaN never reaches anything.
        first_day: of the first column.
        threshold: to be reached.
    """
    days = scores.shape[1]
    reached = scores >= threshold
    next_day = np.full((scores.shape[0], days + 1), NEVER)
    for day in range(days - 1, -1, -1):
        next_day[:, day] = np.where(reached[:, day], day, next_day[:, day + 1])
    found = next_day[spells.rows, spells.begins - first_day]
    silence = found + first_day - spells.begins
    return np.where(found + first_day <= spells.until, silence, NEVER)


def fixed_reach(spells: Spells, days: int) -> Integers:
    """The same for the rule: alert after so many silent days."""
    return np.where(spells.begins + days <= spells.until, days, NEVER)


def verdicts(spells: Spells, silence: Integers, horizons: Floats | None) -> tuple[Flags, Flags]:
    """Which alerts are judged, and which of them are right.

    Args:
        spells: all.
        silence: at the alert of each; `NEVER` without one.
        horizons: own horizon at each alert, days; None: deaths are known.
    """
    alerted = silence < NEVER
    at_day = spells.begins + silence
    if horizons is None:
        return alerted, alerted & (spells.dies <= at_day)
    end = int(spells.until.max())
    judged: Flags = alerted & (at_day + horizons <= end)
    right: Flags = judged & (spells.ends > at_day + horizons)
    return judged, right


def _alerts(
    spells: Spells, threshold: float, silence: Integers, horizons: Horizons | None
) -> Alerts:
    own = None if horizons is None else horizons.at(spells, silence)
    judged, right = verdicts(spells, silence, own)
    precision = float(right.sum() / judged.sum()) if judged.any() else 0.0
    return Alerts(threshold, silence, precision, int(judged.sum()), _mean(silence[right]))


def lost_spells(spells: Spells, horizons: Horizons | None) -> Flags:
    """Which spells are lost; see the top."""
    if horizons is None:
        died: Flags = (spells.ends == NEVER) & (spells.dies <= spells.until)
        return died
    own = horizons.at(spells, np.zeros_like(spells.begins))
    lost: Flags = spells.until - spells.begins > own
    return lost


def compared(
    spells: Spells, scores: Floats, first_day: int, precision: float, horizons: Horizons | None
) -> Lead:
    """The product's scores and the fixed rule, each at its first threshold of that precision."""
    lost = lost_spells(spells, horizons)
    fixed = _first(_fixed(spells, horizons), precision)
    ours = _first_by_score(spells, scores, first_day, precision, horizons)
    by_fixed, by_ours = (lost & (each.silence_days < NEVER) for each in (fixed, ours))
    both = by_fixed & by_ours
    return Lead(
        len(spells.rows),
        int(lost.sum()),
        fixed,
        ours,
        fixed_days=_mean(fixed.silence_days[by_fixed]),
        our_days=_mean(ours.silence_days[by_ours]),
        fixed_reached=float(by_fixed.sum() / lost.sum()),
        our_reached=float(by_ours.sum() / lost.sum()),
        fixed_days_both=_mean(fixed.silence_days[both]),
        our_days_both=_mean(ours.silence_days[both]),
    )


def _fixed(spells: Spells, horizons: Horizons | None) -> Iterator[Alerts]:
    longest = int((spells.until - spells.begins).max())
    for days in range(1, longest + 1):
        yield _alerts(spells, days, fixed_reach(spells, days), horizons)


def _by_score(
    spells: Spells,
    scores: Floats,
    first_day: int,
    horizons: Horizons | None,
    thresholds: Iterable[float],
) -> Iterator[Alerts]:
    for threshold in thresholds:
        silence = first_reach(spells, scores, first_day, threshold)
        yield _alerts(spells, threshold, silence, horizons)


def _first_by_score(
    spells: Spells, scores: Floats, first_day: int, precision: float, horizons: Horizons | None
) -> Alerts:
    """On a grid of quantiles, and again between the one found and the one before."""
    above = np.append(np.geomspace(0.8, 1e-5, THRESHOLDS), 0.0)  # shares: finer at the top
    coarse = np.unique(np.nanquantile(scores, 1 - above))
    found = _first(
        _by_score(spells, scores, first_day, horizons, coarse.tolist()), precision
    ).threshold
    before = coarse[max(0, int(np.searchsorted(coarse, found)) - 1)]
    fine = np.linspace(before, found, FINER + 1)[1:].tolist()
    return _first(_by_score(spells, scores, first_day, horizons, fine), precision)


def _first(rising: Iterable[Alerts], precision: float) -> Alerts:
    """The first with the precision; if none has it, the one that comes closest."""
    best = None
    for each in rising:
        if each.judged >= LEAST_JUDGED:
            best = each if best is None or each.precision > best.precision else best
            if each.precision >= precision:
                return each
    if best is None:
        raise ValueError("too few alerts could be judged: the data are too short")
    return best


def _mean(values: Integers) -> float:
    return float(values.mean()) if len(values) else float("nan")
