"""How many purchases may come of one customer within a horizon: not only the mean, but the spread.

Of a customer who is alive after x repeats, BG/NBD says that the rate is Gamma(r + x, alpha + t) and
the probability of leaving Beta(a, b + x), independently. At least k purchases come within H if the
rate brings as many and the customer stays after k − 1 of them:

    P(Y ≥ k | alive) = E[(1 − p)^(k−1)] · P(N ≥ k),   N negative binomial
                     = B(a, b + x + k − 1) / B(a, b + x) · I(H/(alpha + t + H); k, r + x)

with B the beta function and I the regularised incomplete one. Its sum over k is equation 10 of Fader,
Hardie & Lee (2005), which `models/bgnbd.py` has in closed form.

Enters: a model, histories as `models/bgnbd.py` has them. Leaves: means and variances. Forbidden here:
money, the clock, BLAS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln

from models.bgnbd import BgNbd, p_alive

Floats = npt.NDArray[np.float64]

_NEGLIGIBLE = 1e-12  # of a probability
_TERMS_AT_ONCE = 32
_MOST_TERMS = 100_000


def purchase_moments(
    model: BgNbd, x: npt.ArrayLike, tx: npt.ArrayLike, t: npt.ArrayLike, horizon: float
) -> tuple[Floats, Floats]:
    """Mean and variance of the purchases within the horizon, of each customer.

    Args:
        model: in the unit of time of `tx`, `t` and `horizon`.
        x: as in `models/bgnbd.py`, shape (n,); so are `tx` and `t`.
        tx: one for each customer.
        t: one for each customer.
        horizon: how far to look ahead from now.

    Returns:
        Both of shape (n,).
    """
    x, tx, t = np.broadcast_arrays(*(np.asarray(one, float) for one in (x, tx, t)))
    first, second = np.zeros(x.shape), np.zeros(x.shape)
    for begin in range(1, _MOST_TERMS, _TERMS_AT_ONCE):
        k = np.arange(begin, begin + _TERMS_AT_ONCE, dtype=np.float64)
        at_least = _at_least(model, x[:, None], t[:, None], horizon, k)
        first += at_least.sum(axis=1)
        second += (at_least * (2 * k - 1)).sum(axis=1)
        if not (at_least[:, -1] > _NEGLIGIBLE).any():
            break
    alive = p_alive(model, x, tx, t)
    mean = alive * first
    return mean, alive * second - mean**2


def _at_least(model: BgNbd, x: Floats, t: Floats, horizon: float, k: Floats) -> Floats:
    """P(Y ≥ k | alive)."""
    r, alpha, a, b = model
    staying = np.exp(betaln(a, b + x + k - 1) - betaln(a, b + x))
    return np.asarray(staying * betainc(k, r + x, horizon / (alpha + t + horizon)))
