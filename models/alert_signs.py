"""What alert rules look at: how long a silence must last for them, and what is to be expected.

Enters: a ledger, the policy, the population. Leaves: customer-days by rule, `Prospects`, and whether
a customer is one of those a rule is about. Forbidden here: effects, the clock.
"""

from __future__ import annotations

from collections.abc import Set

from models.alerts import Prospects
from models.amounts import money
from models.calendar import day_of
from models.churn import risk_within
from models.churn_features import features
from models.crossing import first_reached, runs_of
from models.currencies import minor_digits
from models.customer import CustomerState
from models.ledger import Ledger
from models.lifecycle import State
from models.membership import TIER
from models.outlook import customer_of, own_horizon_days
from models.policy import Policy
from models.policy_alerts import OF_SILENCE, OVERDUE, RISK_RAISED, AlertRule
from models.population import Population, prior_gap_days
from models.sample import SampledCustomer
from models.scores import RiskScore
from models.value import usual_year_minor
from models.words import reasons

# The states that somebody who stays silent is in, now or later.
_IN_TURN = (State.NEW, State.ACTIVE, State.DORMANT, State.CHURNED)
_STILL_TO_COME = {state: frozenset(_IN_TURN[place:]) for place, state in enumerate(_IN_TURN)}


def reached_days(
    ledger: Ledger, policy: Policy, population: Population | None, told: Set[str] = frozenset()
) -> dict[str, int]:
    """Rule of a silence → the customer-day at whose beginning it will have lasted long enough.

    Rules that it never will be are left out, and those that can't tell of this silence any more.

    Args:
        ledger: the customer's; of it, purchases and lifecycle state are looked at.
        policy: with the rules.
        population: in force; None before the first.
        told: rules that have told of this silence.
    """
    if ledger.limits is None:
        return {}
    still, found = _STILL_TO_COME[ledger.standing.lifecycle], {}
    for name, rule in policy.alerts.rules.items():
        if rule.on in OF_SILENCE and name not in told and not still.isdisjoint(rule.of_lifecycles):
            day = _reached(name, rule, ledger, policy, population)
            if day is not None:
                found[name] = day
    return found


def _reached(
    name: str, rule: AlertRule, ledger: Ledger, policy: Policy, population: Population | None
) -> int | None:
    limits, last_day = ledger.limits, ledger.recent_days[-1]
    assert limits is not None
    if rule.on == RISK_RAISED:
        return _risk_reached(name, rule, ledger, policy, population)
    if rule.on == OVERDUE:
        return last_day + limits.overdue_days + 1
    dormant = rule.to == "dormant"
    return last_day + (limits.dormant_days if dormant else limits.churned_days) + 1


def _risk_reached(
    name: str, rule: AlertRule, ledger: Ledger, policy: Policy, population: Population | None
) -> int | None:
    customer = customer_of(ledger, policy)
    if customer is None or population is None or not _can_tell(rule, population):
        return None
    assert rule.level is not None
    assert ledger.limits is not None
    usual_year = usual_year_minor(customer, population.value)
    needed_minor = least_at_stake_minor(rule, policy)
    if needed_minor and usual_year <= needed_minor:
        return None
    least = needed_minor / usual_year if needed_minor else 0.0
    first, last = customer.last_day + 1, customer.last_day + ledger.limits.churned_days
    runs = runs_of(first, last, rule.level, _periods(name, first, last, policy))
    at_least = [(begin, end, max(level, least)) for begin, end, level in runs]
    prior_days = prior_gap_days(policy.lifecycle, population)
    days = horizon_days(rule, customer, policy)
    model = population.risk.model(own=rule.horizon == "own")

    def risk_on(day: int) -> float:
        seen = features(customer, day, prior_days) if model else ()
        risk = risk_within(customer, day, days, model, population.value.purchases, seen)
        assert risk is not None
        return risk

    return first_reached(risk_on, at_least)


def _periods(name: str, first: int, last: int, policy: Policy) -> list[tuple[int, int, float]]:
    """When the calendar changes a rule's level."""
    return [
        (*span, period.levels[name])
        for period in policy.calendar
        if name in period.levels
        for span in period.spans(first, last)
    ]


def _can_tell(rule: AlertRule, population: Population) -> bool:
    """Whether any model says something of the rule's horizon."""
    model = population.risk.model(own=rule.horizon == "own")
    return model is not None or population.value.purchases is not None


def least_at_stake_minor(rule: AlertRule, policy: Policy) -> float:
    """What must be at stake, in minor units."""
    return float(rule.min_at_stake * 10 ** minor_digits(policy.business.currency))


def horizon_days(rule: AlertRule, customer: SampledCustomer | None, policy: Policy) -> int:
    """What the probability is for, and how long the alert is followed up."""
    outlook = policy.outlook
    if rule.horizon == "common":
        return outlook.horizon_days
    if customer is None:
        return outlook.own_horizon.max_days
    return own_horizon_days(customer, outlook.own_horizon)


def prospects_on(
    day: int, rule: AlertRule, ledger: Ledger, policy: Policy, population: Population | None
) -> Prospects | None:
    """What is to be expected at the beginning of a customer-day; None if no model can tell."""
    customer = customer_of(ledger, policy)
    if customer is None or population is None or not _can_tell(rule, population):
        return None
    day = max(day, customer.last_day)
    own = rule.horizon == "own"
    model, prior_days = population.risk.model(own), prior_gap_days(policy.lifecycle, population)
    source = population.risk.own_source if own else population.risk.common_source
    currency, days = policy.business.currency, horizon_days(rule, customer, policy)
    seen = features(customer, day, prior_days) if model else ()
    told = reasons(customer, day, model, seen, lambda minor: money(minor, currency))
    risk = risk_within(customer, day, days, model, population.value.purchases, seen)
    assert risk is not None
    return Prospects(
        risk,
        source,
        _lately(population, source, own=own),
        usual_year_minor(customer, population.value),
        customer.last_day + round(customer.cadence_centidays / 100),
        tuple(told),
    )


def _lately(population: Population, source: str, *, own: bool) -> RiskScore | None:
    """How good a model's newest resolved predictions were."""
    scores = [
        each for each in population.measured.risks if each.source == source and each.own is own
    ]
    return max(scores, key=lambda each: each.resolved_day, default=None)


def is_about(rule: AlertRule, state: CustomerState) -> bool:
    """Whether a customer is, now, one of those that a rule tells of, whatever is at stake."""
    if state.standing.lifecycle.value not in rule.of_lifecycles:
        return False
    if rule.tiers and state.groups.get(TIER) not in rule.tiers:
        return False
    return not rule.segments or not set(rule.segments).isdisjoint(state.rules)


def is_worth_it(rule: AlertRule, prospects: Prospects | None, policy: Policy) -> bool:
    """Whether as much is at stake as a rule asks for."""
    if not rule.min_at_stake:
        return True
    least_minor = least_at_stake_minor(rule, policy)
    return prospects is not None and prospects.at_stake_minor >= least_minor * (1 - 1e-9)


def silence_of(ledger: Ledger, at_ms: int, policy: Policy) -> int | None:
    """Customer-days since the last purchase; None without one."""
    if not ledger.recent_days:
        return None
    return max(0, day_of(at_ms, policy.timezone) - ledger.recent_days[-1])
