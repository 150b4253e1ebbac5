"""A customer within the population: their RFM groups, and what they contribute to its sketch.

Both follow from the ledger as it stands. Groups also follow from the silence and the population,
so they change at midnights of their own: `regroup_ms`. A contribution is made anew at most once a
customer-day: the first change of a day at once, further ones at the next midnight, `renew_ms`.

Enters: a state whose ledger has been told, a moment. Leaves: the state with groups and contribution
in keeping, and which groups changed.
"""

from __future__ import annotations

from typing import NamedTuple

from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.ledger import Ledger
from models.policy import Policy
from models.population import Population
from models.rfm import Rfm, changes_after, scored
from models.sketch import Contribution


class Regrouped(NamedTuple):
    """A customer left one group of a scheme for another; None: none."""

    scheme: str
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
        moved = tuple(Regrouped(scheme, group, None) for scheme, group in state.groups.items())
        return state._replace(groups={}, regroup_ms=None), moved
    groups: dict[str, str] = {}
    for scheme in policy.rfm.published:
        groups[scheme] = scored(scheme, rfm, population).group
    regroup_ms = _stays_until_ms(state.current, rfm, policy, population)
    if groups == state.groups:
        if regroup_ms == state.regroup_ms:
            return state, ()
        return state._replace(regroup_ms=regroup_ms), ()
    names = dict.fromkeys((*state.groups, *groups))
    before_after = ((each, state.groups.get(each), groups.get(each)) for each in names)
    moved = tuple(Regrouped(*each) for each in before_after if each[1] != each[2])
    return state._replace(groups=groups, regroup_ms=regroup_ms), moved


def _stays_until_ms(ledger: Ledger, rfm: Rfm, policy: Policy, population: Population) -> int | None:
    """When silence alone next changes a published group; None if it never does."""
    stays = [changes_after(scheme, rfm, population) for scheme in policy.rfm.published]
    longest = min((each for each in stays if each is not None), default=None)
    if longest is None:
        return None
    return start_of_day_ms(ledger.recent_days[-1] + longest + 1, policy.timezone)


def renewed(state: CustomerState, at_ms: int, policy: Policy) -> CustomerState:
    """Bring the contribution up to date, or note when that is to be done."""
    old, day = state.contribution, day_of(at_ms, policy.timezone)
    new = _contribution(state.current, day, policy)
    if (old and old[1:]) == (new and new[1:]):
        return state if state.renew_ms is None else state._replace(renew_ms=None)
    if old is not None and old.made_day >= day:
        return state._replace(renew_ms=start_of_day_ms(old.made_day + 1, policy.timezone))
    return state._replace(contribution=new, renew_ms=None)


def _contribution(ledger: Ledger, day: int, policy: Policy) -> Contribution | None:
    if ledger.first_purchase_ms is None:
        return None
    first_day = day_of(ledger.first_purchase_ms, policy.timezone)
    spend_minor = max(0, ledger.net_spend_minor)
    return Contribution(day, first_day, ledger.recent_days[-1], ledger.purchase_days, spend_minor)
