"""A customer within the population: their groups, and what they contribute to its sketch.

Both follow from the ledger as it stands. Groups are those of the published RFM schemes, the
behaviour cluster, the value tier, the churn risk band, a tier of each value scheme, and, with a value
grid, its field, the attachment and the stage. They also follow from the day and the population, so they
are looked at again at midnights of their own, `regroup_ms`: when a silence passes an edge of recency, at
multiples of the customer's own rhythm, and when what leaves a window moves a value across a cut or costs
a point of attachment. A contribution is made anew at most once a customer-day: the first change of a day
at once, further ones at the next midnight, `renew_ms`; and where value schemes measure windows, with
each population.

Enters: a state whose ledger has been told, a moment. Leaves: the state with groups and contribution
in keeping, and which groups changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import NamedTuple

from models.behaviour import behaviour_of
from models.calendar import day_of, start_of_day_ms
from models.churn import band_of
from models.clusters import cluster_of
from models.currencies import minor_digits
from models.customer import CustomerState
from models.ledger import Ledger
from models.outlook import Stake, customer_of, stake_of, tier_of
from models.policy import Policy
from models.population import Population, prior_gap_days
from models.rfm import Rfm, scored_until
from models.sight import Sight
from models.sketch import Contribution
from models.stages import STAGE, stage_of
from models.value_grid import on_the_grid
from models.value_tiers import (
    LIFETIME_VALUE,
    MEASURES,
    VALUE,
    by_share,
    cuts_of,
    placed,
    slots_of,
    worth_minor,
)

CLUSTER, TIER, RISK = "cluster", "tier", "risk"
REVIEW_CYCLES = (1, 2, 3, 4, 6, 8, 12)  # × the rhythm; later, silence tells nothing new


class Regrouped(NamedTuple):
    """A customer left one group of a kind for another; None: none.

    Attributes:
        kind: an RFM scheme, `cluster`, `tier`, `risk`, `attachment`, `grid`, `stage`, or `value.` and
            the name of a value scheme.
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
    """Put a customer into the groups they belong to at a moment.

    Without a population, or a purchase, there are none, but for tiers at fixed amounts, attachment, and
    the stage that sales see.
    """
    rfm = rfm_of(state.current, at_ms, policy)
    groups: dict[str, str] = {}
    looks: list[int] = []
    if rfm is not None and (population is not None or policy.value):
        day, stake = day_of(at_ms, policy.timezone), None
        if population is not None:
            stake = _stake_on(state.current, day, policy, population)
            last_day = state.current.recent_days[-1]
            for scheme in policy.rfm.published:
                score, stays_days = scored_until(scheme, rfm, population)
                groups[scheme] = score.group
                looks += () if stays_days is None else (last_day + stays_days + 1,)
            groups.update(_expected(state, population, stake))
            if TIER in groups:
                looks += _next_review(state.current, day)
        if policy.value:
            for kind, tier, until_day in _value_tiers(state, day, policy, population, stake):
                groups[kind] = tier
                looks += () if until_day is None else (until_day,)
    if policy.grid is not None:
        for kind, group, until_day in _on_the_grid(state, at_ms, policy, groups):
            groups[kind] = group
            looks += () if until_day is None else (until_day,)
    regroup_ms = start_of_day_ms(min(looks), policy.timezone) if looks else None
    if groups == state.groups:
        if regroup_ms == state.regroup_ms:
            return state, ()
        return state._replace(regroup_ms=regroup_ms), ()
    was = state.groups
    moved = tuple(
        [
            Regrouped(kind, was.get(kind), groups.get(kind))
            for kind in dict.fromkeys((*was, *groups))
            if was.get(kind) != groups.get(kind)
        ]
    )
    return state._replace(groups=groups, regroup_ms=regroup_ms), moved


def expected_groups(
    state: CustomerState, day: int, policy: Policy, population: Population
) -> dict[str, str]:
    """Cluster, tier and risk band, as far as the population can tell; each with inertia.

    Args:
        state: told up to that day; its groups are those that one stays in unless clearly out.
        day: the customer-day at whose beginning is asked, ordinal.
        policy: for the horizons.
        population: in force.
    """
    stake = _stake_on(state.current, day, policy, population)
    return _expected(state, population, stake)


def _expected(state: CustomerState, population: Population, stake: Stake | None) -> dict[str, str]:
    now, groups = state.groups, {}
    if population.clusters is not None:
        current = int(now[CLUSTER]) if CLUSTER in now else None
        groups[CLUSTER] = str(cluster_of(population.clusters, _behaviour(state), current))
    if stake is None:
        return groups
    groups[TIER] = tier_of(stake, population.value, now.get(TIER))
    usual = population.risk.band(state.standing.lifecycle)
    if usual is not None:
        groups[RISK] = band_of(stake.own_risk, stake.at_stake_minor, usual, now.get(RISK))
    return groups


def _stake_on(ledger: Ledger, day: int, policy: Policy, population: Population) -> Stake | None:
    """What is at stake at the beginning of a customer-day; None of a prospect, or if none can tell."""
    customer = customer_of(ledger, policy)
    if customer is None:
        return None
    prior_days, at_day = prior_gap_days(policy.lifecycle, population), max(day, customer.last_day)
    return stake_of(customer, at_day, policy, prior_days, population.risk, population.value)


def _value_tiers(
    state: CustomerState,
    day: int,
    policy: Policy,
    population: Population | None,
    stake: Stake | None,
) -> Iterator[tuple[str, str, int | None]]:
    """Kind and tier of each value scheme that can be told, and when time next may change it."""
    sight = Sight(state, day, policy)
    spreads = () if population is None else population.values
    scale = 10 ** minor_digits(policy.business.currency)
    for name, scheme in policy.value.items():
        worth = worth_minor(scheme, sight, stake and stake.lifetime_value_minor)
        cuts = cuts_of(scheme, spreads, scale)
        if worth is not None and cuts is not None:
            kind = f"{VALUE}{name}"
            yield kind, *placed(scheme, worth, cuts, state.groups.get(kind), sight)


def _on_the_grid(
    state: CustomerState, at_ms: int, policy: Policy, groups: Mapping[str, str]
) -> Iterator[tuple[str, str, int | None]]:
    """The groups that a value grid adds to others, and when time next may change them."""
    assert policy.grid is not None
    yield from on_the_grid(state, day_of(at_ms, policy.timezone), policy, policy.grid, groups)
    stage = stage_of(state, policy.grid)
    if stage is not None:
        yield STAGE, stage, None


def told_of_the_grid(before: CustomerState, after: CustomerState, policy: Policy) -> bool:
    """Whether what an event has told of somebody, without a purchase, is read by the grid."""
    grid = policy.grid
    if grid is None:
        return False
    said, also = (each.attributes.get(grid.stage) for each in (before, after))
    return said != also or before.engagement != after.engagement


def _behaviour(state: CustomerState) -> tuple[int, ...]:
    """As it is now: what the contribution says, unless that is to be renewed."""
    made = state.contribution
    if made is not None and state.renew_ms is None:
        return made.behaviour
    return behaviour_of(state.current)


def _next_review(ledger: Ledger, day: int) -> tuple[int, ...]:
    """The next day on which risk and tier are reviewed, if there is one."""
    last_day = ledger.recent_days[-1]
    for cycles in REVIEW_CYCLES:
        review_day = last_day + ceil(cycles * ledger.cadence_days)
        if review_day > day:
            return (review_day,)
    return ()


def renewed(
    state: CustomerState, at_ms: int, policy: Policy, population: Population | None
) -> CustomerState:
    """Bring the contribution up to date, or note when that is to be done."""
    old, day = state.contribution, day_of(at_ms, policy.timezone)
    new = _contribution(state, day, policy, population)
    if (old and old.substance) == (new and new.substance):
        return state if state.renew_ms is None else state._replace(renew_ms=None)
    if old is not None and old.made_day >= day:
        renew_ms = start_of_day_ms(old.made_day + 1, policy.timezone)
        return state if state.renew_ms == renew_ms else state._replace(renew_ms=renew_ms)
    return state._replace(contribution=new, renew_ms=None)


def remeasured(
    state: CustomerState, at_ms: int, policy: Policy, population: Population | None
) -> CustomerState:
    """Bring up to date what a customer counts for in value schemes: windows roll on by themselves.

    Whoever is due for renewal anyway waits for that: walks come to customers in any order, and in
    which micro-cluster one is counted must not follow from it.
    """
    old = state.contribution
    if old is None or state.renew_ms is not None or not (policy.value or old.values):
        return state
    return renewed(state, at_ms, policy, population)


def _contribution(
    state: CustomerState, day: int, policy: Policy, population: Population | None
) -> Contribution | None:
    ledger = state.current
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
        values=_slots(state, day, policy, population) if policy.value else (),
    )


def _slots(
    state: CustomerState, day: int, policy: Policy, population: Population | None
) -> tuple[str, ...]:
    """The slots of the sketch for what value schemes measure."""
    schemes = by_share(policy.value.values())
    stake = None
    if population is not None and MEASURES[LIFETIME_VALUE, 0] in schemes:
        stake = _stake_on(state.current, day, policy, population)
    sight = Sight(state, day, policy)
    return slots_of(schemes, sight, stake and stake.lifetime_value_minor)
