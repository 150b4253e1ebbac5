"""Purchases and spend to expect, beside BG/NBD fitted on everyone at the cut-off.

What comes is purchase days, and spend, in (T, T + H].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench import science_bgnbd as bgnbd
from bench.science_metrics import Floats, correlation, mean_absolute_error, mean_of
from bench.science_purchases import Known, Purchases, known_at, later_days, later_spend
from bench.science_watched import Outlooks

BGNBD = "BG/NBD, fitted at the cut-off"
SPEND = "BG/NBD × own mean spend"


class Forecast(NamedTuple):
    """Means over cut-offs.

    Attributes:
        error: mean absolute error.
        correlation: Pearson's, with what came.
        total_ratio: all that was forecast ÷ all that came.
    """

    error: float
    correlation: float
    total_ratio: float


def forecasts(
    purchases: Purchases, horizon_days: int, cutoffs: tuple[int, ...], outlooks: Outlooks | None
) -> dict[str, Forecast]:
    """Of purchase days."""
    found: dict[str, list[Forecast]] = {}
    for cutoff in cutoffs:
        known = _with_outlook(known_at(purchases, cutoff), outlooks)
        actual = later_days(purchases, known, horizon_days)
        scores = {BGNBD: expected_by_bgnbd(known, horizon_days)}
        if outlooks is not None:
            own = [outlooks[cutoff][row] for row in known.rows.tolist()]
            scores["product"] = np.array([each.expected_purchases for each in own])
            scores["product's BG/NBD"] = np.array([each.bgnbd_purchases for each in own])
            scores["product's decayed rate"] = np.array([each.decayed_purchases for each in own])
        _judge(found, scores, actual)
    return _means(found)


def spends(
    purchases: Purchases, horizon_days: int, cutoffs: tuple[int, ...], outlooks: Outlooks | None
) -> dict[str, Forecast]:
    """Of spend, in units of the currency."""
    found: dict[str, list[Forecast]] = {}
    for cutoff in cutoffs:
        known = _with_outlook(known_at(purchases, cutoff), outlooks)
        mean_spend = known.spend_minor / (known.repeats + 1) / 100
        scores = {SPEND: expected_by_bgnbd(known, horizon_days) * mean_spend}
        if outlooks is not None:
            own = outlooks[cutoff]
            spend = [own[row].expected_spend_minor / 100 for row in known.rows.tolist()]
            scores["product"] = np.array(spend)
        _judge(found, scores, later_spend(purchases, known, horizon_days) / 100)
    return _means(found)


def _with_outlook(known: Known, outlooks: Outlooks | None) -> Known:
    """Without customers of whom the product says nothing, so that all forecast the same ones."""
    if outlooks is None:
        return known
    kept = np.isin(known.rows, [*outlooks[known.day]])
    return Known(
        known.day,
        known.rows[kept],
        known.repeats[kept],
        known.span[kept],
        known.age[kept],
        known.spend_minor[kept],
    )


def expected_by_bgnbd(known: Known, horizon_days: int) -> Floats:
    """Purchase days expected of each customer."""
    history = known.repeats, known.span, known.age
    return bgnbd.expected(bgnbd.fitted(*history), *history, horizon_days)


def _judge(found: dict[str, list[Forecast]], scores: dict[str, Floats], actual: Floats) -> None:
    for name, forecast in scores.items():
        total_ratio = float(forecast.sum() / max(1.0, actual.sum()))
        error = mean_absolute_error(forecast, actual)
        judged = Forecast(error, correlation(forecast, actual), total_ratio)
        found.setdefault(name, []).append(judged)


def _means(found: dict[str, list[Forecast]]) -> dict[str, Forecast]:
    return {name: Forecast(*map(mean_of, zip(*each, strict=True))) for name, each in found.items()}
