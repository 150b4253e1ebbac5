"""How good predictions were, once time has told.

Each prediction is made before what it is about, and judged after (progressive validation). Enters:
predictions and outcomes of the customers whose horizon has ended. Leaves: a `RiskScore` or a
`ForecastScore`. Forbidden here: models, customers, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Literal, NamedTuple

BINS = 10  # of equal width; the usual reliability diagram
_FLOOR = 1e-6  # a certainty that fails costs no more than this many nats allow


class Bin(NamedTuple):
    """Predictions of about the same size, and what came of them."""

    customers: int
    predicted: float
    lost: float


class RiskScore(NamedTuple):
    """Predicted risks against who did not come back.

    Attributes:
        source: what made the predictions: `model` or `bgnbd`.
        own: whether the horizon was each customer's own.
        version: of the newest population that predicted any of them; 0: there was none.
        resolved_day: the end of the epoch in which the last of them was resolved, ordinal.
        customers: how many were judged.
        lost: how many did not come back within the horizon.
        predicted: mean risk.
        auc: probability that one who was lost had a higher risk than one who was not; None if all
            were of one kind.
        ece: expected calibration error: mean distance between predicted and actual share, in
            ten bins (Naeini, Cooper & Hauskrecht 2015).
        log_loss: mean, in nats.
        bins: the calibration table, ten of them.
    """

    source: Literal["model", "bgnbd"]
    own: bool
    version: int
    resolved_day: int
    customers: int
    lost: int
    predicted: float
    auc: float | None
    ece: float
    log_loss: float
    bins: tuple[Bin, ...]

    @property
    def gap(self) -> float:
        """Mean risk less the share that was lost; above 0: too pessimistic."""
        return self.predicted - self.lost / self.customers


class ForecastScore(NamedTuple):
    """Forecast purchase days against those that came, over one horizon.

    Attributes:
        version: of the population that forecast; 0: there was none.
        resolved_day: the end of the epoch in which they were resolved, ordinal.
        customers: how many were judged.
        actual: purchase days that came.
        bgnbd: purchase days that BG/NBD had forecast.
        decayed: purchase days that the decayed rate had forecast.
        bgnbd_error: sum of absolute errors over customers.
        decayed_error: the same.
    """

    version: int
    resolved_day: int
    customers: int
    actual: int
    bgnbd: float
    decayed: float
    bgnbd_error: float
    decayed_error: float


Pairs = Sequence[tuple[float, bool]]


def risk_score(
    pairs: Pairs, source: Literal["model", "bgnbd"], own: bool, version: int, resolved_day: int
) -> RiskScore:
    """Judge risks; `pairs` holds (risk, lost) of at least one customer."""
    customers = len(pairs)
    bins = tuple(_bins(pairs))
    return RiskScore(
        source,
        own,
        version,
        resolved_day,
        customers,
        sum(lost for _, lost in pairs),
        sum(risk for risk, _ in pairs) / customers,
        auc_of(pairs),
        sum(each.customers * abs(each.predicted - each.lost) for each in bins) / customers,
        sum(_loss(risk, lost) for risk, lost in pairs) / customers,
        bins,
    )


def _loss(risk: float, lost: bool) -> float:
    return -log(max(_FLOOR, risk if lost else 1 - risk))


def _bins(pairs: Pairs) -> Iterable[Bin]:
    members: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for pair in pairs:
        members[min(BINS - 1, int(BINS * pair[0]))].append(pair)
    for each in members:
        size = max(1, len(each))
        lost = sum(lost for _, lost in each)
        yield Bin(len(each), sum(risk for risk, _ in each) / size, lost / size)


def auc_of(pairs: Pairs) -> float | None:
    """Area under the ROC curve, ties counted half (Mann & Whitney 1947).

    >>> auc_of([(0.9, True), (0.5, True), (0.5, False), (0.1, False)])
    0.875
    """
    ranked = sorted(pairs)
    lost_total = sum(lost for _, lost in ranked)
    back_total = len(ranked) - lost_total
    if not lost_total or not back_total:
        return None
    wins, back_below, start = 0.0, 0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        lost = sum(lost for _, lost in ranked[start:end])
        back = end - start - lost
        wins += lost * (back_below + back / 2)
        back_below += back
        start = end
    return wins / (lost_total * back_total)
