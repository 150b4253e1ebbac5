"""Fits: the positive parameters under which observations are the likeliest.

Enters: minus the mean log-likelihood with its slopes, both along the logarithms of the parameters.
Leaves: the parameters, by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995, SIAM J. Sci. Comput. 16).
Forbidden here: what is observed, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Loss = Callable[..., tuple[float, list[float]]]

_LOG_BOUND = 8.0  # parameters between 1/2981 and 2981
_STOPS = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}  # BG/NBD on CDNOW: 21 evaluations


def likeliest(loss: Loss, begin: Sequence[float] | Floats, *observed: Floats) -> list[float] | None:
    """The parameters, each between 1/2981 and 2981; None if the likelihood is not finite.

    Args:
        loss: of the logarithms of the parameters and `observed`; answers the loss and its slopes.
        begin: where to begin, logarithms.
        observed: handed on to `loss`.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, and lookups fit nothing

    best = minimize(
        loss,
        begin,
        args=observed,
        method="L-BFGS-B",
        jac=True,
        bounds=[(-_LOG_BOUND, _LOG_BOUND)] * len(begin),
        options=_STOPS,
    )
    parameters: list[float] = np.exp(best.x).tolist()
    return parameters if isfinite(best.fun) else None
