"""Churn risk beside its references, judged at several cut-offs.

Every customer with a purchase by the end of day T is judged; lost means no purchase in
(T, T + H]. The references know raw purchase days up to T only, the batch learner also the labels
that time had resolved by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import science_bgnbd as bgnbd
from bench.science_metrics import Flags, Floats, Judged
from bench.science_purchases import Known, Purchases, features, known_at, later_days

FIRST_SNAPSHOT_DAY = 28
SNAPSHOT_EVERY_DAYS = 7
CUSTOMERS_ALL_WEEKS = 5_000  # above that, each customer is in the training set every 8th week
THINNED = 8
# scikit-learn's defaults overfit, because neighbouring snapshots share customers: .867 on
# Complete Journey, 28 days, against .875 with these. A reference should be a strong one.
GENTLE = {"learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 200, "max_iter": 150}

SILENCE = "days since last purchase"
RELATIVE = "silence ÷ own gap"
DROPPED_OUT = "1 − P(alive)"
NO_PURCHASE = "BG/NBD P0(H)"
BOOSTED = "batch gradient boosting"
PROBABILITIES = (NO_PURCHASE, BOOSTED)  # the others only rank


class Setting(NamedTuple):
    """What is judged, and when.

    Attributes:
        purchases: the raw purchase days.
        horizon_days: H.
        cutoffs: days T, from the data set's first.
        seed: of the batch learner.
    """

    purchases: Purchases
    horizon_days: int
    cutoffs: tuple[int, ...]
    seed: int


def lost_after(purchases: Purchases, known: Known, horizon_days: npt.ArrayLike) -> Flags:
    """The labels: no purchase in (T, T + H]."""
    lost: Flags = later_days(purchases, known, horizon_days) == 0
    return lost


def references(setting: Setting) -> dict[str, list[Judged]]:
    """Each reference's scores at each cut-off."""
    found: dict[str, list[Judged]] = {}
    for cutoff in setting.cutoffs:
        known = known_at(setting.purchases, cutoff)
        lost = lost_after(setting.purchases, known, setting.horizon_days)
        for name, scores in _scores(setting, known):
            found.setdefault(name, []).append(Judged(known.rows, scores, lost))
    return found


def _scores(setting: Setting, known: Known) -> Iterator[tuple[str, Floats]]:
    yield SILENCE, known.silence
    yield RELATIVE, known.silence / known.cadence()
    history = known.repeats, known.span, known.age
    fit = bgnbd.fitted(*history)
    yield DROPPED_OUT, 1 - bgnbd.p_alive(fit, *history)
    yield NO_PURCHASE, bgnbd.p_none(fit, *history, setting.horizon_days)
    yield BOOSTED, boosted(setting, known)


def own_horizon_references(
    setting: Setting, horizons: Sequence[dict[int, int]]
) -> dict[str, list[Judged]]:
    """Scores and labels when each customer has a horizon of their own.

    Args:
        setting: as for `references`.
        horizons: at each cut-off, {place of a customer: days}.
    """
    found: dict[str, list[Judged]] = {}
    for cutoff, own in zip(setting.cutoffs, horizons, strict=True):
        known = known_at(setting.purchases, cutoff)
        days = np.array([own[row] for row in known.rows.tolist()], dtype=np.float64)
        lost = lost_after(setting.purchases, known, days)
        history = known.repeats, known.span, known.age
        none = bgnbd.p_none(bgnbd.fitted(*history), *history, days)
        ratio = known.silence / known.cadence()
        for name, scores in ((SILENCE, known.silence), (RELATIVE, ratio), (NO_PURCHASE, none)):
            found.setdefault(name, []).append(Judged(known.rows, scores, lost))
    return found


def boosted(setting: Setting, known: Known) -> Floats:
    """Risks by gradient boosting, fitted anew on all snapshots resolved by the cut-off.

    NaN, once, where no label of either class is known yet.
    """
    days = range(FIRST_SNAPSHOT_DAY, known.day - setting.horizon_days + 1, SNAPSHOT_EVERY_DAYS)
    snapshots = [_snapshot(setting.purchases, setting.horizon_days, day) for day in days]
    labels = np.concatenate([lost for _, lost in snapshots]) if snapshots else np.zeros(0, bool)
    if len(np.unique(labels)) < 2:
        return np.full(len(known.rows), np.nan)
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - takes seconds

    learner = HistGradientBoostingClassifier(random_state=setting.seed, **GENTLE)
    learner.fit(np.concatenate([rows for rows, _ in snapshots]), labels)
    risks: Floats = learner.predict_proba(features(setting.purchases, known))[:, 1]
    return risks


def _snapshot(purchases: Purchases, horizon_days: int, day: int) -> tuple[Floats, Flags]:
    """Features and labels of everyone known at a day, thinned where there are many."""
    known = known_at(purchases, day)
    rows, lost = features(purchases, known), lost_after(purchases, known, horizon_days)
    if len(purchases.customers) <= CUSTOMERS_ALL_WEEKS:
        return rows, lost
    kept = (known.rows + day // SNAPSHOT_EVERY_DAYS) % THINNED == 0
    return rows[kept], lost[kept]
