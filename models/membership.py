"""A customer within the population: their groups, and what they contribute to its sketch.

Both follow from the ledger as it stands. Groups are those of the published RFM schemes, the
behaviour cluster, the value tier and the churn risk band. They also follow from the silence and the
population, so they are looked at again at midnights of their own, `regroup_ms`: when a silence
passes an edge of recency, and at multiples of the customer's own rhythm. A contribution is made
anew at most once a customer-day: the first change of a day at once, further ones at the next
midnight, `renew_ms`.

Enters: a state whose ledger has been told, a moment. Leaves: the state with groups and contribution
in keeping, and which groups changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from models.behaviour import behaviour_of
from models.calendar import day_of, start_of_day_ms
from models.churn import band_of
from models.clusters import cluster_of
from models.customer import CustomerState
from models.ledger import Ledger
from models.outlook import customer_of, stake_of, tier_of
from models.policy import Policy
from models.population import Population, prior_gap_days
from models.rfm import Rfm, changes_after, scored
from models.sketch import Contribution

CLUSTER, TIER, RISK = "cluster", "tier", "risk"
REVIEW_CYCLES = (1, 2, 3, 4, 6, 8, 12)  # × the rhythm; later, silence tells nothing new


class Regrouped(NamedTuple):
    """A customer left one group of a kind for another; None: none.

    Attributes:
        kind: an RFM scheme, `cluster`, `tier` or `risk`.
        before: the group until then.
        after: the group from then on.
    """

    kind: str
    before: str | None
    after: str | None


def rfm_of(ledger: Ledger, at_ms: int, policy: Policy) -> Rfm | None:
    """What is scored of a customer at a moment of event time; None for a prospect."""
    if not ledger.recent_days:
        return None
    silence_days = max(0, day_of(at_ms, policy.timezone) - ledger.recent_days[-1])
    return Rfm(silence_days, ledger.purchase_days, max(0, ledger.net_spend_minor))


def regrouped(
    state: CustomerState, at_ms: int, policy: Policy, population: Population | None
) -> tuple[CustomerState, tuple[Regrouped, ...]]:
    """Put a customer into the groups they belong to at a moment."""
    rfm = rfm_of(state.current, at_ms, policy)
    if population is None or rfm is None:
        if not state.groups and state.regroup_ms is None:
            return state, ()
        moved = tuple(Regrouped(kind, group, None) for kind, group in state.groups.items())
        return state._replace(groups={}, regroup_ms=None), moved
    day = day_of(at_ms, policy.timezone)
    groups: dict[str, str] = {
        each: scored(each, rfm, population).group for each in policy.rfm.published
    }
    groups.update(expected_groups(state, day, policy, population))
    look_again = REVIEW_CYCLES if TIER in groups else ()
    regroup_ms = _stays_until_ms(state.current, day, rfm, policy, population, look_again)
    if groups == state.groups:
        if regroup_ms == state.regroup_ms:
            return state, ()
        return state._replace(regroup_ms=regroup_ms), ()
    kinds = dict.fromkeys((*state.groups, *groups))
    before_after = ((each, state.groups.get(each), groups.get(each)) for each in kinds)
    moved = tuple(Regrouped(*each) for each in before_after if each[1] != each[2])
    return state._replace(groups=groups, regroup_ms=regroup_ms), moved


def expected_groups(
    state: CustomerState, day: int, policy: Policy, population: Population
) -> Iterator[tuple[str, str]]:
    """Cluster, tier and risk band, as far as the population can tell; each with inertia.

    Args:
        state: told up to that day; its groups are those that one stays in unless clearly out.
        day: the customer-day at whose beginning is asked, ordinal.
        policy: for the horizons.
        population: in force.
    """
    ledger, now = state.current, state.groups
    if population.clusters is not None:
        current = int(now[CLUSTER]) if CLUSTER in now else None
        yield CLUSTER, str(cluster_of(population.clusters, _behaviour(state), current))
    customer = customer_of(ledger, policy)
    if customer is None:
        return
    prior_days = prior_gap_days(policy.lifecycle, population)
    risks, value, at_day = population.risk, population.value, max(day, customer.last_day)
    stake = stake_of(customer, at_day, policy, prior_days, risks, value)
    if stake is None:
        return
    yield TIER, tier_of(stake, value, now.get(TIER))
    usual = risks.band(ledger.standing.lifecycle.value)
    if usual is not None:
        yield RISK, band_of(stake.own_risk, stake.at_stake_minor, usual, now.get(RISK))


def _behaviour(state: CustomerState) -> tuple[int, ...]:
    """As it is now: what the contribution says, unless that is to be renewed."""
    made = state.contribution
    if made is not None and state.renew_ms is None:
        return made.behaviour
    return behaviour_of(state.current)


def _stays_until_ms(
    ledger: Ledger,
    day: int,
    rfm: Rfm,
    policy: Policy,
    population: Population,
    cycles: Sequence[float],
) -> int | None:
    """When silence alone next may change a group; None if it never does.

    `cycles` are the multiples of the customer's rhythm at which risk and tier are reviewed.
    """
    last_day = ledger.recent_days[-1]
    stays = (changes_after(scheme, rfm, population) for scheme in policy.rfm.published)
    looks = [last_day + each + 1 for each in stays if each is not None]
    reviews = (last_day + ceil(each * ledger.cadence_days) for each in cycles)
    looks += [each for each in reviews if each > day][:1]
    return start_of_day_ms(min(looks), policy.timezone) if looks else None


def renewed(state: CustomerState, at_ms: int, policy: Policy) -> CustomerState:
    """Bring the contribution up to date, or note when that is to be done."""
    old, day = state.contribution, day_of(at_ms, policy.timezone)
    new = _contribution(state.current, day, policy)
    if (old and old.substance) == (new and new.substance):
        return state if state.renew_ms is None else state._replace(renew_ms=None)
    if old is not None and old.made_day >= day:
        return state._replace(renew_ms=start_of_day_ms(old.made_day + 1, policy.timezone))
    return state._replace(contribution=new, renew_ms=None)


def _contribution(ledger: Ledger, day: int, policy: Policy) -> Contribution | None:
    if ledger.first_purchase_ms is None:
        return None
    first_day = day_of(ledger.first_purchase_ms, policy.timezone)
    spend_minor = max(0, ledger.net_spend_minor)
    return Contribution(
        day,
        first_day,
        ledger.recent_days[-1],
        ledger.purchase_days,
        spend_minor,
        behaviour_of(ledger),
    )
