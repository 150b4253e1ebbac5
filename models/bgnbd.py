"""BG/NBD: how likely a customer still buys, and how often they will.

Enters: of each customer the repeats, the time of the last one, and how long they are known; all
in one unit of time. Leaves: four parameters fitted to many customers, and from them three figures
for one: that they are alive, that they stay silent, how often they come. Forbidden here: money,
the clock, BLAS (sums depend on its threads).

The model (Fader, Hardie & Lee 2005, "Counting Your Customers the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24): while alive a customer buys at random with a rate of
their own, Gamma(r, alpha) over customers; after each repeat they leave for good with a probability
of their own, Beta(a, b) over customers. So who never came back is alive for sure: P(alive) is 1 at
x = 0, and no order by it makes sense.

The arguments of all functions, in whatever unit of time `alpha` has:

    x         repeats: purchase days (or visits) after the first; whole, at least 0
    tx        from the first purchase to the last, 0 if x is 0
    t         from the first purchase until now, at least tx
    horizon   how far to look ahead from now, at least 0

Functions that end in `_of` take floats and cost a few µs, for a stream; the others take arrays,
which broadcast, and answer the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp, expm1, inf, isfinite, log, log1p
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, expit, gammaln, hyp2f1

from models.likelihood import likeliest

Floats = npt.NDArray[np.float64]

_LARGEST_EXPONENT = 700.0  # exp(710) is too large for a float
_NEAR = 1e-5  # of a = 1, where the closed form is 0/0: within 2e-8 of the figure on both sides
_SMALLEST_C = 1e-9  # of a + b + x − 1, which may be 0 at x = 0


class BgNbd(NamedTuple):
    """The parameters; all positive.

    Attributes:
        r: shape of the purchase rate over customers; r/alpha is its mean.
        alpha: its scale, in the unit of time of the histories it was fitted to.
        a: the larger, the more customers leave after a purchase: a/(a + b) on average.
        b: the larger, the fewer do.
    """

    r: float
    alpha: float
    a: float
    b: float


def p_alive_of(model: BgNbd, x: float, tx: float, t: float) -> float:
    """P(alive now), in [0, 1]; 1 at x = 0.

    Source: Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model".

    >>> round(p_alive_of(BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426), 2, 30.43, 38.86), 4)
    0.7266
    """
    r, alpha, a, b = model
    if x == 0:
        return 1.0
    log_odds_gone = log(a / (b + (x - 1))) + (r + x) * log1p((t - tx) / (alpha + tx))
    return 1 / (1 + exp(min(log_odds_gone, _LARGEST_EXPONENT)))


def p_no_purchase_of(model: BgNbd, x: float, tx: float, t: float, horizon: float) -> float:
    """P(no purchase within the horizon), in [0, 1]: gone already, or alive and silent.

    1 − P(alive)·(1 − ((alpha + t)/(alpha + t + H))^(r + x)): the rate of who is alive is
    Gamma(r + x, alpha + t).
    """
    log_silent = -(model.r + x) * log1p(horizon / (model.alpha + t))
    return 1 + p_alive_of(model, x, tx, t) * expm1(log_silent)


def expected_purchases_of(model: BgNbd, x: float, tx: float, t: float, horizon: float) -> float:
    """E[purchases within the horizon]; finite for all parameters within the bounds of `fitted`.

    Source: Fader, Hardie & Lee (2005), equation 10. At a = 1 only the closed form has a gap, not
    the figure: very near, this is the line between the values on both sides.
    """
    alive = p_alive_of(model, x, tx, t)
    if abs(model.a - 1) >= _NEAR:
        return alive * _if_alive(model, x, t, horizon)
    below = _if_alive(model._replace(a=1 - _NEAR), x, t, horizon)
    above = _if_alive(model._replace(a=1 + _NEAR), x, t, horizon)
    return alive * (below + (above - below) * (model.a - 1 + _NEAR) / (2 * _NEAR))


def _if_alive(model: BgNbd, x: float, t: float, horizon: float) -> float:
    """E[purchases | alive] = c/(a − 1)·(1 − ₂F₁(r + x, a − 1; c; −u)), u = H/(alpha + t)."""
    r, alpha, a, b = model
    u = horizon / (alpha + t)
    c = a + b + x - 1 if abs(a + b + x - 1) > _SMALLEST_C else _SMALLEST_C
    silence = _hypergeometric(r + x, a - 1, c, u)
    if isfinite(silence):
        return c / (a - 1) * (1 - silence)
    leaving = a / (a + b + x)  # a and r + x are in the hundreds: all customers leave alike
    return -expm1(-(r + x) * log1p(leaving * u)) / leaving


def _hypergeometric(k: float, e: float, c: float, u: float) -> float:
    """₂F₁(k, e; c; −u), k and u positive, by that transformation of Pfaff's which stays in range.

    The series is at most (1 + u)^min(k, e), so only out of range if both are in the hundreds.
    Source: Abramowitz & Stegun, 15.3.4 and 15.3.5.
    """
    power, other = (k, c - e) if k < e else (e, c - k)
    return exp(-power * log1p(u)) * float(hyp2f1(power, other, c, u / (1 + u)))


def _for_each(of_one: Callable[..., float], *columns: npt.ArrayLike) -> Floats:
    return np.asarray(np.vectorize(of_one, otypes=[float])(*columns))


def p_alive(model: BgNbd, x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """`p_alive_of` for arrays."""
    return _for_each(partial(p_alive_of, model), x, tx, t)


def p_no_purchase(
    model: BgNbd, x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike, horizon: npt.ArrayLike
) -> Floats:
    """`p_no_purchase_of` for arrays."""
    return _for_each(partial(p_no_purchase_of, model), x, tx, t, horizon)


def expected_purchases(
    model: BgNbd, x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike, horizon: npt.ArrayLike
) -> Floats:
    """`expected_purchases_of` for arrays."""
    return _for_each(partial(expected_purchases_of, model), x, tx, t, horizon)


def log_likelihood(model: BgNbd, x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """Of each customer's history; its sum depends on the unit of time.

    Source: Fader, Hardie & Lee (2005), equation 6, in the form ln A1 + ln A2 + ln(A3 + A4).
    """
    x, tx, t = (np.asarray(one, float) for one in (x, tx, t))
    log_alive, log_gone = _log_alive_and_gone(model, x, tx, t)
    return _log_purchases(model, x) + np.logaddexp(log_alive, log_gone)


def _log_purchases(model: BgNbd, x: Floats) -> Floats:
    """Ln A1 + ln A2: what does not depend on when they bought."""
    r, alpha, a, b = model
    rate = gammaln(r + x) - gammaln(r) + r * log(alpha)
    staying = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    return np.asarray(rate + staying)


def _log_alive_and_gone(model: BgNbd, x: Floats, tx: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Ln A3 and ln A4: still alive, or gone after the last purchase; nobody is gone at x = 0."""
    r, alpha, a, b = model
    log_gone = np.log(a / (b + np.maximum(x - 1, 0))) - (r + x) * np.log(alpha + tx)
    return -(r + x) * np.log(alpha + t), np.where(x > 0, log_gone, -inf)


def fitted(
    x: npt.ArrayLike,
    tx: npt.ArrayLike,
    t: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    start: BgNbd | None = None,
) -> BgNbd | None:
    """The parameters under which these histories are the likeliest.

    The unit of time does not matter. The same input gives the same bits on one machine.

    Args:
        x: as above; so are `tx` and `t`.
        tx: one for each customer.
        t: one for each customer.
        weights: how many customers each one stands for, at least 0; 1 if left out.
        start: where to begin, in the same unit of time; for instance the last fit.

    Returns:
        None if there is nothing to fit: fewer than two customers, no repeat, or a history that
        can't be (negative, not finite, last bought after now). A parameter at its bound, 1/2981
        or 2981 (`alpha`: times the mean `t`), says that the customers are all alike in it.
    """
    x, tx, t, weights = np.broadcast_arrays(
        *(np.asarray(one, float) for one in (x, tx, t, 1.0 if weights is None else weights))
    )
    if not _can_be_fitted(x, tx, t, weights):
        return None
    shares = weights / weights.sum()
    unit = float((shares * t).sum())
    begin = [0.0] * 4 if start is None else np.log(start._replace(alpha=start.alpha / unit))
    best = likeliest(_loss, begin, x, tx / unit, t / unit, shares)
    if best is None:
        return None
    model = BgNbd(*best)
    return model._replace(alpha=model.alpha * unit)


def _can_be_fitted(x: Floats, tx: Floats, t: Floats, weights: Floats) -> bool:
    possible = (x >= 0) & (x < inf) & (tx >= 0) & (tx <= t) & (t < inf)
    weighed = (weights >= 0) & (weights < inf)
    if not (possible & weighed).all():
        return False
    counted = weights > 0
    return bool(counted.sum() >= 2 and (x[counted] > 0).any() and (t[counted] > 0).any())


def _loss(
    logs: Floats, x: Floats, tx: Floats, t: Floats, shares: Floats
) -> tuple[float, list[float]]:
    """Minus the mean log-likelihood, and its slopes along the logarithms of the parameters."""
    model = BgNbd(*np.exp(logs).tolist())
    log_alive, log_gone = _log_alive_and_gone(model, x, tx, t)
    likelihood = _log_purchases(model, x) + np.logaddexp(log_alive, log_gone)
    slopes = _slopes(model, x, tx, t, expit(log_gone - log_alive))
    steepness = [
        -float((shares * slope).sum()) * value for slope, value in zip(slopes, model, strict=True)
    ]
    return -float((shares * likelihood).sum()), steepness


def _slopes(
    model: BgNbd, x: Floats, tx: Floats, t: Floats, gone: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """The derivatives of `log_likelihood` by r, alpha, a and b; `gone` is 1 − P(alive)."""
    r, alpha, a, b = model
    log_t = (1 - gone) * np.log(alpha + t) + gone * np.log(alpha + tx)
    per_t = (1 - gone) / (alpha + t) + gone / (alpha + tx)
    all_of_them = digamma(a + b) - digamma(a + b + x)
    return (
        digamma(r + x) - digamma(r) + log(alpha) - log_t,
        r / alpha - (r + x) * per_t,
        all_of_them + gone / a,
        all_of_them + digamma(b + x) - digamma(b) - gone / (b + np.maximum(x - 1, 0)),
    )
