"""What a churn model looks at: a purchase history on one customer-day, as numbers.

The learner takes them when an epoch ends, a lookup when it is asked; both call `features`, so what
was learned of the ones holds for the others. Logarithms, because a gap of 4 days is to one of 2
what 60 is to 30.

Enters: a customer as the sample keeps them, a customer-day, the typical gap. Leaves: twelve finite
numbers. Forbidden here: labels, horizons, models, the clock.

The survival term is that of the Pareto type II law: a customer who buys at a rate drawn from a
Gamma distribution of shape k + x and scale k·G + tx stays silent for s days with probability
(1 + s / (k·G + tx))^-(k + x) (Hardie & Fader, "Applied probability models in marketing research";
Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 1, ch. 20).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import log, log1p, sqrt

from models.cadence import PRIOR_GAPS
from models.ledger import HALF_LIFE_DAYS
from models.sample import SampledCustomer

FEATURES: tuple[str, ...] = (
    "cadence",  # log of the mean gap in days, shrunk to the typical one
    "mean_spend",  # log of money a purchase day
    "total_spend",  # log of money ever
    "tenure",  # log of days since the first purchase
    "silence_for_rhythm",  # −log P(so long a silence | the customer's gaps): the survival term
    "silence_of_regulars",  # log silence × log purchase days
    "just_bought",  # 1 ÷ (1 + days of silence)
    "visits_lately",  # recent purchase days, each worth half after a fortnight
    "visits_this_week",  # the same, half after a week
    "rate_before",  # log of decayed purchase days a day, as of the last purchase
    "newest_gaps",  # log of the newest three gaps and the silence, against cadence
    "unevenness",  # spread of the recent gaps about cadence
)

LONGEST_SURVIVAL = 20.0  # beyond it, e^-20, nobody is more silent
NEWEST_GAPS = 3
LATELY_DAYS = 14.0  # half-life; its square is that of a week
GAP_VARIANCE = 0.7  # of log gaps, counted as two gaps seen before the customer's own
_MEAN_LIFE_DAYS = HALF_LIFE_DAYS / log(2)


def features(customer: SampledCustomer, at_day: int, prior_gap_days: float) -> tuple[float, ...]:
    """The numbers named in `FEATURES`, in that order.

    On the day of a purchase they are those of the day after: models learn at midnights, where
    no silence is shorter than a day.

    Args:
        customer: told up to that day.
        at_day: the customer-day at whose beginning is asked, ordinal.
        prior_gap_days: the typical gap, above 0.

    >>> weekly = SampledCustomer(100, 4, 8_000, 3_500, 7_000, 700, (100, 107, 114, 121))
    >>> seen = dict(zip(FEATURES, features(weekly, 128, 7.0), strict=True))
    >>> round(seen["silence_for_rhythm"], 3), seen["just_bought"], round(seen["newest_gaps"], 3)
    (0.912, 0.125, 0.182)
    """
    days, visits = customer.recent_days, customer.purchase_days
    last = days[-1]
    at_day = max(at_day, last + 1)
    silence, tenure = at_day - last, max(1, at_day - customer.first_day)
    span = max(0, last - customer.first_day)
    cadence = max(1, customer.cadence_centidays) / 100
    log_silence, log_cadence = log1p(silence), log(cadence)
    lately, this_week = _recent_visits(days, at_day)
    survival = (PRIOR_GAPS + visits - 1) * log1p(silence / (PRIOR_GAPS * prior_gap_days + span))
    return (
        log_cadence,
        log1p(customer.spend_minor / 100 / visits),
        log1p(customer.spend_minor / 100),
        log1p(tenure),
        min(LONGEST_SURVIVAL, survival),
        log_silence * log(visits),
        1 / (1 + silence),
        lately,
        this_week,
        _rate_before(customer.decayed_milli, span, prior_gap_days),
        _newest_gaps(days, at_day, cadence) - log_cadence,
        _unevenness(days, log_cadence),
    )


def _recent_visits(days: tuple[int, ...], at_day: int) -> tuple[float, float]:
    """Purchase days that count half after a fortnight, and after a week."""
    lately = this_week = 0.0
    for day in days:
        weight = 2.0 ** ((day - at_day) / LATELY_DAYS)
        lately += weight
        this_week += weight * weight
    return lately, this_week


def _rate_before(decayed_milli: int, span_days: int, prior_gap_days: float) -> float:
    """Log of decayed repeat purchases a decayed day, with the prior's two gaps."""
    repeats = max(0.0, decayed_milli / 1000 - 1)
    decayed_days = _MEAN_LIFE_DAYS * (1 - 2.0 ** (-span_days / HALF_LIFE_DAYS))
    return log((PRIOR_GAPS + repeats) / (PRIOR_GAPS * prior_gap_days + decayed_days))


def _newest_gaps(days: tuple[int, ...], at_day: int, cadence_days: float) -> float:
    """Log of the mean of the newest gaps and the silence, shrunk to the customer's own cadence."""
    gaps = min(NEWEST_GAPS, len(days) - 1)
    since = at_day - days[-1 - gaps]
    return log((PRIOR_GAPS * cadence_days + since) / (PRIOR_GAPS + gaps))


@lru_cache(maxsize=16_384)  # between two purchases it stays
def _unevenness(days: tuple[int, ...], log_cadence: float) -> float:
    """Standard deviation of the log gaps about their mean; both shrunk, the mean to cadence."""
    logs = [log(later - earlier) for earlier, later in pairwise(days)]
    weight = PRIOR_GAPS + len(logs)
    mean = (PRIOR_GAPS * log_cadence + sum(logs)) / weight
    squares = sum([(each - mean) * (each - mean) for each in logs])
    return sqrt((PRIOR_GAPS * GAP_VARIANCE + squares) / weight)
