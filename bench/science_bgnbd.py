"""BG/NBD, written a second time: the reference that forecasts and risks are held against.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2). It
shares nothing with the product's own, so that a fault in one shows as a difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

Floats = npt.NDArray[np.float64]
LOG_BOUND = 8.0  # of each parameter, time in units of the mean age
NEAR_ONE = 1e-6  # E[Y] has a removable singularity at a = 1


class Fit(NamedTuple):
    """Parameters; alpha in the unit of time that was fitted."""

    r: float
    alpha: float
    a: float
    b: float


def log_likelihood(fit: Fit, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Of each customer; eq. 6 of the paper, in logarithms.

    Args:
        fit: the parameters.
        x: repeat purchases.
        tx: time of the last one, from the first purchase.
        age: time observed since the first purchase.
    """
    r, alpha, a, b = fit
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    repeated = np.maximum(x, 1)
    gone = betaln(a + 1, b + repeated - 1) - betaln(a, b) - (r + x) * np.log(alpha + tx)
    total: Floats = common + np.where(x > 0, np.logaddexp(alive, gone), alive)
    return total


def fitted(x: Floats, tx: Floats, age: Floats) -> Fit:
    """Maximum likelihood over the logarithms of the parameters."""
    unit = max(float(age.mean()), 1e-9)

    def loss(logs: Floats) -> float:
        return -float(log_likelihood(_fit(logs), x, tx / unit, age / unit).mean())

    bounds = [(-LOG_BOUND, LOG_BOUND)] * 4
    found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=bounds)
    fit = _fit(found.x)
    return fit._replace(alpha=fit.alpha * unit)


def _fit(logs: Floats) -> Fit:
    return Fit(*(float(each) for each in np.exp(logs)))


def p_alive(fit: Fit, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Probability of not having dropped out; 1 for customers without a repeat purchase."""
    r, alpha, a, b = fit
    odds = a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + tx)) ** (r + x)
    alive: Floats = 1 / (1 + np.where(x > 0, odds, 0.0))
    return alive


def p_none(fit: Fit, x: Floats, tx: Floats, age: Floats, horizon: float | Floats) -> Floats:
    """Probability of no purchase within the horizon."""
    quiet = ((fit.alpha + age) / (fit.alpha + age + horizon)) ** (fit.r + x)
    none: Floats = 1 - p_alive(fit, x, tx, age) * (1 - quiet)
    return none


def expected(fit: Fit, x: Floats, tx: Floats, age: Floats, horizon: float | Floats) -> Floats:
    """Expected purchases within the horizon; eq. 10, its series after Euler's transformation."""
    r, alpha, a, b = fit
    a = 1 + NEAR_ONE if abs(a - 1) < NEAR_ONE else a
    z = horizon / (alpha + age + horizon)
    series = hyp2f1(a - 1 + b - r, a - 1, a + b + x - 1, z) * (1 - z) ** (a - 1 - r - x)
    quiet = ((alpha + age) / (alpha + age + horizon)) ** (r + x)
    purchases: Floats = (a + b + x - 1) / (a - 1) * (1 - quiet * series)
    return purchases * p_alive(fit, x, tx, age)
