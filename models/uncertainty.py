"""How sure a fit is: intervals of its parameters, and of figures that follow from them.

A fit's logarithms scatter about the true ones like a normal variable whose covariance is the inverse
of the observed information, that is of minus the second derivatives of the log-likelihood (Efron &
Hinkley 1978, Assessing the accuracy of the maximum likelihood estimator, Biometrika 65). A figure that
follows from the parameters scatters as far as its slopes carry that (Oehlert 1992, A note on the delta
method, The American Statistician 46). What has not happened yet scatters on its own as well: its
variance is added. All of it holds for many customers, and if the model is right; a parameter at its
bound has no such interval.

Enters: a log-likelihood of logarithms of parameters, and where it is highest. Leaves: intervals.
Forbidden here: what was observed, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.intervals import CONFIDENCE, Interval

Floats = npt.NDArray[np.float64]
Figure = Callable[[Floats], float]

_STEP = 1e-3  # of a logarithm: differences lose 6 of 16 digits, and bend by 1e-7 of themselves


class Scatter(NamedTuple):
    """A fit, and how far it may be off.

    Attributes:
        logs: logarithms of the fitted parameters, shape (n,).
        covariance: of the logarithms, shape (n, n).
    """

    logs: Floats
    covariance: Floats


def scatter_of(log_likelihood: Figure, parameters: Sequence[float]) -> Scatter | None:
    """How far the parameters of a fit may be off.

    Args:
        log_likelihood: of all observations together, of the logarithms of parameters, shape (n,).
        parameters: positive, where it is highest.

    Returns:
        None if it is not curved downwards there: a parameter at its bound, or too little observed.
    """
    logs = np.log(np.asarray(parameters, float))
    information = -_second_derivatives(log_likelihood, logs)
    try:
        np.linalg.cholesky(information)
        return Scatter(logs, np.asarray(np.linalg.inv(information), np.float64))
    except np.linalg.LinAlgError:
        return None


def parameter_interval(scatter: Scatter, place: int, confidence: float = CONFIDENCE) -> Interval:
    """Of one parameter; positive.

    >>> one = Scatter(np.log([2.0]), np.array([[0.01]]))
    >>> tuple(round(bound, 3) for bound in parameter_interval(one, 0))
    (1.644, 2.433)
    """
    reach = _two_sided(confidence) * sqrt(scatter.covariance[place, place])
    middle = float(scatter.logs[place])
    return Interval(exp(middle - reach), exp(middle + reach))


def figure_interval(scatter: Scatter, figure: Figure, confidence: float = CONFIDENCE) -> Interval:
    """Of a positive figure that follows from the parameters, such as a mean rate; positive.

    Args:
        scatter: of the fit.
        figure: of the logarithms of parameters.
        confidence: share of samples whose interval covers the truth.
    """
    reach = _two_sided(confidence) * sqrt(_variance(scatter, lambda logs: log(figure(logs))))
    middle = log(figure(scatter.logs))
    return Interval(exp(middle - reach), exp(middle + reach))


def forecast_interval(
    scatter: Scatter, forecast: Figure, variance: float, confidence: float = CONFIDENCE
) -> Interval:
    """Of what will come, or is hidden: a sum over customers, each with chances of their own.

    Args:
        scatter: of the fit.
        forecast: expectation of the sum, of the logarithms of parameters.
        variance: of the sum about its expectation, were the parameters known.
        confidence: share of samples whose interval covers what comes.
    """
    reach = _two_sided(confidence) * sqrt(_variance(scatter, forecast) + variance)
    middle = forecast(scatter.logs)
    return Interval(middle - reach, middle + reach)


def _variance(scatter: Scatter, figure: Figure) -> float:
    """Of a figure, by its slopes."""
    slopes = np.array(
        [
            (figure(scatter.logs + step) - figure(scatter.logs - step)) / (2 * _STEP)
            for step in _STEP * np.eye(len(scatter.logs))
        ]
    )
    return float((scatter.covariance * slopes[:, None] * slopes[None, :]).sum())


def _second_derivatives(figure: Figure, logs: Floats) -> Floats:
    """By central differences."""
    steps = _STEP * np.eye(len(logs))
    found = np.empty((len(logs), len(logs)))
    for row, one in enumerate(steps):
        for column, other in enumerate(steps[: row + 1]):
            bent = figure(logs + one + other) + figure(logs - one - other)
            bent -= figure(logs + one - other) + figure(logs - one + other)
            found[row, column] = found[column, row] = bent / (4 * _STEP**2)
    return found


def _two_sided(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
