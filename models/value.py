"""What a customer is worth: purchases and spend to expect, lifetime value, growth.

Two forecasters compete: BG/NBD (`models/bgnbd.py`), and a decayed rate, which knows nothing of a
customer but how much they bought lately and does better on steady shoppers. Which is used decides
the error that their resolved forecasts had (`models/experience.py`).

Enters: a customer as the sample keeps them, a customer-day, what the population teaches. Leaves:
numbers. Money is minor units of the reporting currency. Forbidden here: the policy, the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, log
from typing import Literal, NamedTuple

from models.bgnbd import BgNbd, expected_purchases_of, p_alive_of, p_no_purchase_of
from models.gamma_gamma import GammaGamma, expected_spend_of
from models.ledger import HALF_LIFE_DAYS, decay_over
from models.sample import SampledCustomer

Forecaster = Literal["bgnbd", "decayed"]
Growth = Literal["rising", "steady", "falling"]

YEAR_DAYS = 365
PRIOR_REPEATS = 0.3  # the population's rate counts as so many decayed repeats of the customer's own
MAX_YEARS = 5.0  # nobody is expected to stay longer: no log tells more
GROWS_FROM, FALLS_BELOW = 1.25, 0.8  # of lately over all: a quarter more, or a fifth less


class ValueModel(NamedTuple):
    """What a population teaches about value.

    Attributes:
        purchases: how often customers buy and when they leave, in days; None: not known yet.
        spend: how much they spend on a purchase day; None: not known yet.
        daily_rate: repeat purchase days a customer and day, lately.
        bias: what came, over what the decayed rate had forecast.
        forecaster: the one with the smaller error on what has been resolved.
        remaining_years: how long customers are expected to stay.
        tiers: from which lifetime value on a customer is of the medium, and of the high tier.
    """

    purchases: BgNbd | None = None
    spend: GammaGamma | None = None
    daily_rate: float = 0.0
    bias: float = 1.0
    forecaster: Forecaster = "bgnbd"
    remaining_years: float = MAX_YEARS
    tiers: tuple[int, int] = (0, 0)


class History(NamedTuple):
    """A purchase history as BG/NBD sees it, days: repeats, last repeat, and now, since the first."""

    repeats: int
    last_repeat: int
    tenure: int


def history_of(customer: SampledCustomer, at_day: int) -> History:
    """As of the beginning of a customer-day; the day of the first purchase is day 0."""
    first = customer.first_day
    last = customer.last_day - first
    return History(customer.purchase_days - 1, last, max(last, at_day - first))


def no_purchase(customer: SampledCustomer, at_day: int, days: int, model: BgNbd) -> float:
    """P(no purchase in the next `days`), by BG/NBD."""
    return p_no_purchase_of(model, *history_of(customer, at_day), days)


def exposure_days(tenure_days: int) -> float:
    """Days of a tenure, weighted as purchases are: ∫ 2^(−t / half-life) dt."""
    return HALF_LIFE_DAYS / log(2) * (1 - decay_over(tenure_days))


def decayed_repeats(customer: SampledCustomer, at_day: int) -> float:
    """Repeat purchase days, weighted as of a day."""
    span, silence = customer.last_day - customer.first_day, max(0, at_day - customer.last_day)
    return max(0.0, customer.decayed_milli / 1000 - decay_over(span)) * decay_over(silence)


def by_bgnbd(customer: SampledCustomer, at_day: int, days: int, value: ValueModel) -> float:
    """Purchase days expected in the next `days`: E[Y(H)]."""
    if value.purchases is None:
        return 0.0
    return expected_purchases_of(value.purchases, *history_of(customer, at_day), days)


def by_decayed_rate(customer: SampledCustomer, at_day: int, days: int, value: ValueModel) -> float:
    """Purchase days expected in the next `days`: the rate lately × P(alive) × what it missed.

    The rate is the posterior mean of a gamma prior with the population's mean and `PRIOR_REPEATS`
    repeats behind it.
    """
    if value.purchases is None or value.daily_rate <= 0:
        return 0.0
    history = history_of(customer, at_day)
    rate = (PRIOR_REPEATS + decayed_repeats(customer, at_day)) / (
        PRIOR_REPEATS / value.daily_rate + exposure_days(history.tenure)
    )
    return rate * days * p_alive_of(value.purchases, *history) * value.bias


FORECASTERS: dict[Forecaster, Callable[[SampledCustomer, int, int, ValueModel], float]] = {
    "bgnbd": by_bgnbd,
    "decayed": by_decayed_rate,
}


def spend_a_day_minor(customer: SampledCustomer, value: ValueModel) -> float:
    """What the customer is expected to spend on a purchase day.

    Their own mean, shrunk to the population's by Gamma-Gamma; x counts all purchase days.
    """
    mean_minor = customer.spend_minor / customer.purchase_days
    if value.spend is None:
        return mean_minor
    expected_minor = expected_spend_of(value.spend, customer.purchase_days, mean_minor)
    return expected_minor if isfinite(expected_minor) else mean_minor


def usual_year_minor(customer: SampledCustomer, value: ValueModel) -> float:
    """What the customer spends in a year if they go on buying at their own rhythm."""
    rhythm_days = max(1.0, customer.cadence_centidays / 100)
    return YEAR_DAYS / rhythm_days * spend_a_day_minor(customer, value)


def lifetime_value_minor(usual_year: float, stays: float, value: ValueModel) -> float:
    """A usual year × the years customers stay × the chance that this one has not left."""
    return usual_year * stays * value.remaining_years


def discounted_value_minor(
    usual_year: float, stays: float, value: ValueModel, discount_rate: float
) -> float:
    """The same with later money worth less: customers leave at a constant rate, money decays.

    ∫ e^(−λt) e^(−δt) dt = 1 / (λ + δ), λ = 1 / years that customers stay, δ = ln(1 + rate).
    """
    return usual_year * stays / (1 / value.remaining_years + log(1 + discount_rate))


def growth_of(customer: SampledCustomer, at_day: int) -> Growth | None:
    """Whether a customer spends more a day lately than over all; None in the first eight weeks.

    It falls when gaps grow, when baskets shrink, and while they are silent.
    """
    tenure = at_day - customer.first_day
    if tenure < HALF_LIFE_DAYS or not customer.spend_minor:
        return None
    silence = max(0, at_day - customer.last_day)
    lately = customer.decayed_spend_minor * decay_over(silence) / exposure_days(tenure)
    ratio = lately / (customer.spend_minor / tenure)
    if ratio >= GROWS_FROM:
        return "rising"
    return "falling" if ratio < FALLS_BELOW else "steady"
