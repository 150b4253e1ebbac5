"""Labels as judges: what had been predicted of customers, against what came.

Enters: the labels that an epoch has released. Leaves: scores, and the forecasters' running errors.
Forbidden here: models, customers, the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.churn import Source
from models.scores import ForecastScore, RiskScore, risk_score
from models.snapshots import QUANTA, Label
from models.value import Forecaster

FORGETTING = 0.8  # of the bias: an epoch ago counts so much of now
ERRORS_FORGETTING = 0.5  # of the forecasters' errors: what was better long ago says little
CLEARLY_BETTER = 0.98  # below this share of BG/NBD's error the decayed rate takes over
_SOURCES: tuple[Source, ...] = ("model", "bgnbd")
_FEWEST_ACTUAL = 10.0  # purchase days before a bias is believed


class Errors(NamedTuple):
    """Resolved forecasts, decayed over epochs.

    Attributes:
        actual: purchase days that came.
        unbiased: purchase days by the decayed rate, before its bias.
        bgnbd: absolute error of BG/NBD.
        decayed: absolute error of the decayed rate.
    """

    actual: float = 0.0
    unbiased: float = 0.0
    bgnbd: float = 0.0
    decayed: float = 0.0

    @property
    def bias(self) -> float:
        """What came over what the decayed rate had forecast; 1 until enough came."""
        believed = self.actual >= _FEWEST_ACTUAL and self.unbiased > 0
        return self.actual / self.unbiased if believed else 1.0

    @property
    def forecaster(self) -> Forecaster:
        """The decayed rate if its error is clearly smaller; BG/NBD until they are known."""
        return "decayed" if self.decayed < CLEARLY_BETTER * self.bgnbd else "bgnbd"


def judged_risks(labels: Sequence[Label], day: int) -> Iterator[RiskScore]:
    """One score for each model and horizon that had predicted any of these customers."""
    for own in (False, True):
        mine = [each for each in labels if each.own is own]
        for source in _SOURCES:
            pairs = [(predicted / QUANTA, lost) for predicted, lost in _pairs(mine, source)]
            if pairs:
                version = max(each.snapshot.version for each in mine)
                yield risk_score(pairs, source, own, version, day)


def _pairs(labels: Sequence[Label], source: Source) -> Iterator[tuple[int, bool]]:
    for label in labels:
        predicted: int | None = getattr(_horizon(label), source)
        if predicted is not None:
            yield predicted, label.lost


def _horizon(label: Label) -> object:
    return label.snapshot.own if label.own else label.snapshot.common


def misses(labels: Sequence[Label]) -> list[float]:
    """Lost (1) or not (0) less the risk within the common horizon, by the model."""
    common = [each for each in labels if not each.own]
    return [lost - predicted / QUANTA for predicted, lost in _pairs(common, "model")]


def judged_forecasts(labels: Sequence[Label], day: int) -> Iterator[ForecastScore]:
    """A score of both forecasters, if these labels have forecasts."""
    mine = _forecast(labels)
    if not mine:
        return
    actual = [each.purchases for each in mine]
    bgnbd, decayed = ([each.snapshot.forecasts[n] / QUANTA for each in mine] for n in (0, 1))
    yield ForecastScore(
        max(each.snapshot.version for each in mine),
        day,
        len(mine),
        sum(actual),
        sum(bgnbd),
        sum(decayed),
        _absolute_error(actual, bgnbd),
        _absolute_error(actual, decayed),
    )


def _absolute_error(actual: Sequence[int], forecast: Sequence[float]) -> float:
    return sum(abs(came - told) for came, told in zip(actual, forecast, strict=True))


def renewed_errors(errors: Errors, labels: Sequence[Label]) -> Errors:
    """The running errors with these labels; what was before counts less."""
    mine = _forecast(labels)
    if not mine:
        return errors
    (score,) = judged_forecasts(labels, 0)
    unbiased = sum(each.snapshot.forecasts[2] for each in mine) / QUANTA
    return Errors(
        FORGETTING * errors.actual + score.actual,
        FORGETTING * errors.unbiased + unbiased,
        ERRORS_FORGETTING * errors.bgnbd + score.bgnbd_error,
        ERRORS_FORGETTING * errors.decayed + score.decayed_error,
    )


def _forecast(labels: Sequence[Label]) -> list[Label]:
    return [each for each in labels if not each.own and each.snapshot.forecasts]
