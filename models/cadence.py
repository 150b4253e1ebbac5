"""A customer's own purchase rhythm, shrunk towards what is typical.

ĝ = (k·G + tx) / (k + x): the mean gap of a customer who closed x gaps in tx days, as if k
typical gaps G had been seen before (the posterior mean under a conjugate prior of weight k).
"""

from __future__ import annotations

PRIOR_GAPS = 2.0  # k: the typical gap counts as two of the customer's own


def cadence_days(prior_gap_days: float, closed_gaps: int, span_days: int) -> float:
    """Expected days between two purchase days.

    Args:
        prior_gap_days: G, the typical gap, in days.
        closed_gaps: x, distinct purchase days less one.
        span_days: tx, days from the first to the last purchase day.

    >>> cadence_days(72.0, 0, 0)
    72.0
    >>> cadence_days(72.0, 10, 72)
    18.0
    """
    return (PRIOR_GAPS * prior_gap_days + span_days) / (PRIOR_GAPS + closed_gaps)
