"""Gamma-Gamma: what a customer spends at a time, their own average drawn towards everybody's.

Enters: of each customer how many purchases, and what they spent on average. Leaves: three
parameters fitted to many customers, and from them what one will spend a purchase. Forbidden here:
time, frequency (the model holds where spend does not depend on it), BLAS.

The model (Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value",
brucehardie.com/notes/025; after Fader, Hardie & Lee 2005, "RFM and CLV", Journal of Marketing
Research 42): the amounts of a customer are Gamma(p, nu), their mean p/nu; nu is Gamma(q, v) over
customers.

The arguments of all functions:

    x            the purchases that the mean is of, at least 0. The published case (CDNOW, 946
                 customers) leaves out the first, so x is the repeats, as in BG/NBD. All purchases
                 are as good, if `mean_spend` is their mean; nobody then has x = 0.
    mean_spend   spent a purchase on average, in any unit of money; any finite number at x = 0

A purchase is what BG/NBD counts: if that is days with a purchase, amounts are a day's.
"""

from __future__ import annotations

from functools import partial
from math import inf, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from models.likelihood import likeliest

Floats = npt.NDArray[np.float64]


class GammaGamma(NamedTuple):
    """The parameters; all positive.

    Attributes:
        p: shape of a customer's amounts; the larger, the more one amount is like the next.
        q: shape of nu over customers; the larger, the more customers are alike. At 1 and below
            the tail is so long that the mean over customers is infinite.
        v: scale of nu, in the unit of money of the amounts that the model was fitted to.
    """

    p: float
    q: float
    v: float


def expected_spend_of(model: GammaGamma, x: float, mean_spend: float) -> float:
    """E[spend a purchase], in the unit of money of `model.v`; for one customer, in floats.

    Between the customer's own mean and everybody's, p·v/(q − 1), which it is at x = 0.

    Returns:
        Infinity where there is no mean, p·x + q ≤ 1: it needs q ≤ 1 and few purchases or none.

    Source: Fader & Hardie (2013), equation 5.

    >>> round(expected_spend_of(GammaGamma(p=6.25, q=3.74, v=15.44), 0, 0.0), 2)
    35.22
    >>> expected_spend_of(GammaGamma(p=6.25, q=0.9, v=15.44), 0, 0.0)
    inf
    """
    p, q, v = model
    weight = p * x + q - 1
    return p * (v + x * mean_spend) / weight if weight > 0 else inf


def expected_spend(model: GammaGamma, x: npt.ArrayLike, mean_spend: npt.ArrayLike) -> Floats:
    """`expected_spend_of` for arrays, which broadcast; the same to the bit."""
    each = np.vectorize(partial(expected_spend_of, model), otypes=[float])
    return np.asarray(each(x, mean_spend))


def log_likelihood(model: GammaGamma, x: npt.ArrayLike, mean_spend: npt.ArrayLike) -> Floats:
    """Of each customer's mean spend, x and spend above 0; its sum depends on the unit of money.

    Source: Fader & Hardie (2013), equation 1a: the density of the mean of x amounts.
    """
    p, q, v = model
    x, mean_spend = np.asarray(x, float), np.asarray(mean_spend, float)
    shapes = gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
    spend = (p * x - 1) * np.log(mean_spend) + p * x * np.log(x)
    total = (p * x + q) * np.log(v + x * mean_spend)
    return np.asarray(shapes + q * log(v) + spend - total)


def fitted(
    x: npt.ArrayLike, mean_spend: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> GammaGamma | None:
    """The parameters under which these amounts are the likeliest, by customers who spent.

    The unit of money does not matter. The same input gives the same bits on one machine.

    Args:
        x: as above, one for each customer.
        mean_spend: as above, one for each customer.
        weights: how many customers each one stands for, at least 0; 1 if left out.

    Returns:
        None if fewer than two customers have x and spend above 0, or one of them is infinite. A
        parameter at its bound, 1/2981 or 2981 (`v`: times the mean spend), says that the
        customers, or the amounts of each, are all alike.
    """
    x, mean_spend, weights = np.broadcast_arrays(
        *(np.asarray(one, float) for one in (x, mean_spend, 1.0 if weights is None else weights))
    )
    spent = (x > 0) & (mean_spend > 0) & (weights > 0)
    x, mean_spend, weights = x[spent], mean_spend[spent], weights[spent]
    if len(x) < 2 or not np.isfinite([x, mean_spend, weights]).all():
        return None
    shares = weights / weights.sum()
    unit = float((shares * mean_spend).sum())
    best = likeliest(_loss, [0.0] * 3, x, mean_spend / unit, shares)
    if best is None:
        return None
    model = GammaGamma(*best)
    return model._replace(v=model.v * unit)


def _loss(logs: Floats, x: Floats, mean_spend: Floats, shares: Floats) -> tuple[float, list[float]]:
    """Minus the mean log-likelihood, and its slopes along the logarithms of the parameters."""
    model = GammaGamma(*np.exp(logs).tolist())
    likelihood = log_likelihood(model, x, mean_spend)
    steepness = [
        -float((shares * slope).sum()) * value
        for slope, value in zip(_slopes(model, x, mean_spend), model, strict=True)
    ]
    return -float((shares * likelihood).sum()), steepness


def _slopes(model: GammaGamma, x: Floats, mean_spend: Floats) -> tuple[Floats, Floats, Floats]:
    """The derivatives of `log_likelihood` by p, q and v."""
    p, q, v = model
    total = v + x * mean_spend
    drawn = digamma(p * x + q) - np.log(total)
    return (
        x * (drawn - digamma(p * x) + np.log(x * mean_spend)),
        drawn - digamma(q) + log(v),
        q / v - (p * x + q) / total,
    )
