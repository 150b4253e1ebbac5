"""Churn risk by logistic regression, frozen: what a population carries, and what a lookup asks.

    log-odds = intercept + Σ weight · (feature − mean) / scale

Enters: a model, a customer's features (`models/churn_features.py`). Leaves: a probability, and what
each feature adds to it. Forbidden here: learning (`models/risk_learner.py`), river, the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

LARGEST_LOG_ODDS = 30.0  # 1 - 1e-13: beyond it a float can no longer tell a risk from certainty


class RiskModel(NamedTuple):
    """Numbers of a logistic regression; all tuples are as long as the features are many.

    Attributes:
        intercept: log-odds of the average customer.
        weights: log-odds a standard deviation.
        means: of each feature, over the examples learned.
        scales: standard deviations, above 0.
    """

    intercept: float
    weights: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]


def contributions(model: RiskModel, features: Sequence[float]) -> tuple[float, ...]:
    """What each feature adds to the log-odds of the average customer; more is more at risk.

    Raises:
        ValueError: not the features that the model learned.

    >>> contributions(RiskModel(0.0, (2.0, -1.0), (1.0, 0.0), (0.5, 1.0)), (1.5, 3.0))
    (2.0, -3.0)
    """
    return tuple(
        weight * (feature - mean) / scale
        for weight, feature, mean, scale in zip(
            model.weights, features, model.means, model.scales, strict=True
        )
    )


def risk(model: RiskModel, features: Sequence[float]) -> float:
    """P(no purchase within the horizon that the model learned), above 0 and below 1.

    Raises:
        ValueError: not the features that the model learned.

    >>> round(risk(RiskModel(0.0, (2.0, -1.0), (1.0, 0.0), (0.5, 1.0)), (1.5, 3.0)), 3)
    0.269
    """
    log_odds = model.intercept
    for weight, feature, mean, scale in zip(
        model.weights, features, model.means, model.scales, strict=True
    ):
        log_odds += weight * (feature - mean) / scale
    return 1 / (1 + exp(-min(max(log_odds, -LARGEST_LOG_ODDS), LARGEST_LOG_ODDS)))
