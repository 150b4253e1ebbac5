"""The outlook: what is to be expected of one customer, as of the beginning of a customer-day.

Churn risk and value are functions of the state and of time, so they are worked out whenever they
are asked for. What lasts, the risk band and the value tier, is kept among the customer's groups
(`models/membership.py`).

Enters: a ledger, a customer-day, the policy, the population. Leaves: an `Outlook`; None for a
prospect, and before the population knows enough.
"""

from __future__ import annotations

from typing import NamedTuple

from models.calendar import day_of
from models.churn import EASE, RiskModels, Source, risk_within
from models.churn_features import features
from models.ledger import Ledger
from models.policy import OwnHorizon, Policy
from models.population import Population, prior_gap_days
from models.sample import SampledCustomer, sampled
from models.value import (
    FORECASTERS,
    Forecaster,
    Growth,
    ValueModel,
    discounted_value_minor,
    growth_of,
    lifetime_value_minor,
    spend_a_day_minor,
    usual_year_minor,
)

TIERS = ("low", "medium", "high")


class Stake(NamedTuple):
    """How likely a customer is lost, and what with them.

    Attributes:
        own_horizon_days: of this customer.
        own_risk: P(no purchase within it).
        usual_year_minor: what they spend in a year at their own rhythm.
        lifetime_value_minor: that × the years customers stay × P(a purchase within the horizon).
    """

    own_horizon_days: int
    own_risk: float
    usual_year_minor: float
    lifetime_value_minor: float

    @property
    def at_stake_minor(self) -> float:
        """A usual year × the risk of losing it."""
        return self.usual_year_minor * self.own_risk


class Outlook(NamedTuple):
    """What is to be expected of one customer. Money is minor units of the reporting currency.

    Attributes:
        at_day: as of the beginning of this customer-day, ordinal.
        horizon_days: of risk and forecasts.
        risk: P(no purchase within it).
        source: which model says so.
        stake: their own horizon, risk within it, and what is at stake.
        own_source: which model says so.
        expected_purchases: purchase days within the horizon, by the better forecaster.
        forecaster: which one that is.
        bgnbd_purchases: purchase days by BG/NBD.
        decayed_purchases: purchase days by the decayed rate.
        expected_spend_minor: within the horizon.
        next_expected_day: the last purchase and one rhythm, ordinal; may have passed.
        discounted_value_minor: lifetime value, later money worth less.
        growth: of spend a day, lately against over all; None in the first eight weeks.
    """

    at_day: int
    horizon_days: int
    risk: float
    source: Source
    stake: Stake
    own_source: Source
    expected_purchases: float
    forecaster: Forecaster
    bgnbd_purchases: float
    decayed_purchases: float
    expected_spend_minor: int
    next_expected_day: int
    discounted_value_minor: int
    growth: Growth | None

    @property
    def own_risk(self) -> float:
        """P(no purchase within the customer's own horizon)."""
        return self.stake.own_risk

    @property
    def own_horizon_days(self) -> int:
        """Of this customer."""
        return self.stake.own_horizon_days


def customer_of(ledger: Ledger, policy: Policy) -> SampledCustomer | None:
    """A ledger as models see it; None for a prospect."""
    if ledger.first_purchase_ms is None or not ledger.recent_days:
        return None
    return sampled(ledger, day_of(ledger.first_purchase_ms, policy.timezone))


def own_horizon_days(customer: SampledCustomer, rules: OwnHorizon) -> int:
    """So many of the customer's own cycles, within bounds."""
    cycles = round(rules.cycles * customer.cadence_centidays / 100)
    return min(max(cycles, rules.min_days), rules.max_days)


def stake_of(
    customer: SampledCustomer,
    at_day: int,
    policy: Policy,
    prior_days: float,
    risks: RiskModels,
    value: ValueModel,
) -> Stake | None:
    """How likely a customer is lost, and what with them; None if no model can tell yet."""
    days = own_horizon_days(customer, policy.outlook.own_horizon)
    model = risks.model(own=True)
    seen = features(customer, at_day, prior_days) if model else ()
    own_risk = risk_within(customer, at_day, days, model, value.purchases, seen)
    if own_risk is None:
        return None
    usual_year = usual_year_minor(customer, value)
    return Stake(days, own_risk, usual_year, lifetime_value_minor(usual_year, 1 - own_risk, value))


def outlook(
    ledger: Ledger, at_day: int, policy: Policy, population: Population | None
) -> Outlook | None:
    """What is to be expected of a customer.

    Args:
        ledger: the customer's, told up to that day.
        at_day: the customer-day at whose beginning is asked, ordinal; on the day of a purchase
            that purchase counts.
        policy: for the horizons.
        population: in force; None before the first.
    """
    customer = customer_of(ledger, policy)
    if customer is None or population is None:
        return None
    prior_days = prior_gap_days(policy.lifecycle, population)
    risks, value, rules = population.risk, population.value, policy.outlook
    at_day, days = max(at_day, customer.last_day), rules.horizon_days
    stake = stake_of(customer, at_day, policy, prior_days, risks, value)
    seen = features(customer, at_day, prior_days)
    within = risk_within(customer, at_day, days, risks.model(own=False), value.purchases, seen)
    if stake is None or within is None:
        return None
    forecasts: dict[Forecaster, float] = {
        name: forecast(customer, at_day, days, value) for name, forecast in FORECASTERS.items()
    }
    expected = forecasts[value.forecaster]
    spend = spend_a_day_minor(customer, value)
    stays = 1 - stake.own_risk
    discounted = discounted_value_minor(stake.usual_year_minor, stays, value, rules.discount_rate)
    return Outlook(
        at_day,
        days,
        within,
        risks.common_source,
        stake,
        risks.own_source,
        expected,
        value.forecaster,
        forecasts["bgnbd"],
        forecasts["decayed"],
        round(expected * spend),
        customer.last_day + round(customer.cadence_centidays / 100),
        round(discounted),
        growth_of(customer, at_day),
    )


def tier_of(stake: Stake, value: ValueModel, current: str | None) -> str:
    """The value tier, with inertia: who is in one leaves it only clearly below."""
    worth, (medium_from, high_from) = stake.lifetime_value_minor, value.tiers
    if worth >= high_from * (EASE if current == "high" else 1.0):
        return "high"
    return "medium" if worth >= medium_from * (EASE if current in TIERS[1:] else 1.0) else "low"
