"""What is usual among the customers of a sample: rates, years they stay, bands and tiers.

Enters: a sample of customers as of an epoch's end. Leaves: the numbers that one customer is
measured against. Forbidden here: learning, customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from models.churn import Band, RiskModels
from models.lifecycle import State, limits_for
from models.outlook import Stake, stake_of
from models.policy import Lifecycle, Policy
from models.sample import SampledCustomer
from models.value import (
    MAX_YEARS,
    YEAR_DAYS,
    ValueModel,
    decayed_repeats,
    exposure_days,
    history_of,
)

_HALF_A_LOSS = 0.5  # nobody was lost yet: that is no proof that nobody will be


def lifecycle_at(customer: SampledCustomer, at_day: int, rules: Lifecycle) -> State:
    """The lifecycle state as of the beginning of a day, by the cadence frozen last."""
    limits = limits_for(customer.cadence_centidays / 100, rules)
    silence = at_day - customer.last_day
    if silence > limits.churned_days:
        return State.CHURNED
    if silence > limits.dormant_days:
        return State.DORMANT
    return State.NEW if at_day <= customer.first_day + rules.new_days else State.ACTIVE


def daily_rate(sample: Iterable[SampledCustomer], at_day: int) -> float:
    """Repeat purchase days a customer and day, lately: ΣD / ΣE; 0 if nobody came back."""
    repeats = exposure = 0.0
    for customer in sample:
        repeats += decayed_repeats(customer, at_day)
        exposure += exposure_days(history_of(customer, at_day).tenure)
    return repeats / exposure if exposure else 0.0


def remaining_years(sample: Iterable[SampledCustomer], at_day: int, rules: Lifecycle) -> float:
    """How long customers stay on average: exposure ÷ losses, at most `MAX_YEARS`.

    The maximum-likelihood estimate of an exponential lifetime under censoring. Whoever is churned
    was lost one rhythm after the last purchase; the others are still there.
    """
    days, losses = 0.0, _HALF_A_LOSS
    for customer in sample:
        stayed = at_day - customer.first_day
        if lifecycle_at(customer, at_day, rules) is State.CHURNED:
            losses += 1
            lost_after = customer.last_day - customer.first_day + customer.cadence_centidays / 100
            stayed = min(stayed, ceil(lost_after))
        days += stayed
    return min(MAX_YEARS, max(1, days) / losses / YEAR_DAYS)


def bands_and_tiers(
    sample: Sequence[SampledCustomer],
    at_day: int,
    policy: Policy,
    prior_days: float,
    risks: RiskModels,
    value: ValueModel,
) -> tuple[tuple[Band, ...], tuple[int, int]]:
    """What is much risk, and much value, among these customers.

    Returns:
        A band for each lifecycle state that somebody is in; from which lifetime value on a
        customer is of the medium, and of the high tier.
    """
    stakes: dict[State, list[Stake]] = {}
    for customer in sample:
        stake = stake_of(customer, at_day, policy, prior_days, risks, value)
        if stake is not None:
            state = lifecycle_at(customer, at_day, policy.lifecycle)
            stakes.setdefault(state, []).append(stake)
    rules = policy.outlook
    bands = (_band(state, stakes[state], rules.high_share) for state in State if state in stakes)
    worth = [each.lifetime_value_minor for found in stakes.values() for each in found]
    shares = rules.high_share + rules.medium_share, rules.high_share
    medium_from, high_from = (_highest(worth, share) for share in shares)
    return tuple(bands), (medium_from, high_from)


def _band(state: State, stakes: Sequence[Stake], share: float) -> Band:
    base_rate = sum(each.own_risk for each in stakes) / len(stakes)
    high_from = _highest([each.at_stake_minor for each in stakes], share)
    return Band(state.value, len(stakes), base_rate, high_from)


def _highest(values: Sequence[float], share: float) -> int:
    """The least of the highest `share` of them, at least 1."""
    if not values:
        return 1
    ranked = sorted(values, reverse=True)
    last = min(len(ranked), max(1, round(share * len(ranked)))) - 1
    return max(1, round(ranked[last]))
