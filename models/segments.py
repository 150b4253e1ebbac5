"""The segments that a customer is in, by name: `kind/group`.

A customer is in one segment of each kind at most: one lifecycle state, each flag that is up, one
group of each published RFM scheme, one cluster, value tier and risk band, one field of the value grid,
level of attachment and stage; and in any number of rule segments. `rfm.` stands before a scheme's name,
because several schemes call groups like lifecycle states; `value.` before that of a scheme of value
tiers.

Enters: a state. Leaves: names. Forbidden here: membership over time, see `models/movement.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from models.accounts import is_account
from models.churn import BANDS
from models.customer import CustomerState
from models.ledger import Standing
from models.lifecycle import State
from models.membership import CLUSTER, RISK, TIER
from models.outlook import TIERS
from models.policy import Policy
from models.policy_segments import RuleSegment, Tier
from models.population import Population
from models.rfm import GROUP_NAMES
from models.stages import LABELS as STAGE_LABELS
from models.stages import STAGE, STAGES
from models.value_grid import ATTACHMENT, FIELD_NAMES, GRID, LEVELS
from models.value_grid import LABELS as GRID_LABELS
from models.value_tiers import VALUE

LIFECYCLE, FLAG, RFM, RULE = "lifecycle", "flag", "rfm.", "rule"
FLAGS = ("overdue", "won_back")
ACCOUNTS = "account."
_PLAIN = frozenset({CLUSTER, TIER, RISK, ATTACHMENT, GRID, STAGE})  # kinds that say it all
_LABELS: Mapping[str, tuple[str, str]] = {
    "lifecycle/prospect": ("Prospect", "潜在客户"),
    "lifecycle/new": ("New", "新客户"),
    "lifecycle/active": ("Active", "活跃客户"),
    "lifecycle/dormant": ("Dormant", "沉睡客户"),
    "lifecycle/churned": ("Churned", "流失客户"),
    "flag/overdue": ("Overdue", "逾期未复购"),
    "flag/won_back": ("Won back", "已召回客户"),
    "tier/low": ("Low value", "低价值客户"),
    "tier/medium": ("Medium value", "中价值客户"),
    "tier/high": ("High value", "高价值客户"),
    "risk/low": ("Low churn risk", "低流失风险"),
    "risk/elevated": ("Elevated churn risk", "中流失风险"),
    "risk/high": ("High churn risk", "高流失风险"),
    **GRID_LABELS,
    **STAGE_LABELS,
}


class Label(NamedTuple):
    """A segment's name for people."""

    en: str
    zh: str


def places_of(
    standing: Standing, groups: Mapping[str, str], rules: Iterable[str] = ()
) -> Mapping[str, str]:
    """Kind → segment. A flag, and a rule, is a kind of its own here: several may hold.

    >>> places_of(Standing(State.ACTIVE, overdue=True), {"quintile": "loyal"})
    {'lifecycle': 'lifecycle/active', 'overdue': 'flag/overdue', 'quintile': 'rfm.quintile/loyal'}
    """
    return _places(standing, tuple(groups.items()), tuple(rules))


@lru_cache(maxsize=16_384)  # many customers stand alike, and each is asked about again and again
def _places(
    standing: Standing, groups: tuple[tuple[str, str], ...], rules: tuple[str, ...]
) -> Mapping[str, str]:
    found = place_of_standing(standing)
    found.update((kind, named(kind, group)) for kind, group in groups)
    found.update((rule_segment(name), rule_segment(name)) for name in rules)
    return found


def segments_by_kind(customer_id: str, held: object) -> Mapping[str, str]:
    """Kind → segment of whoever an id stands for, as the lists of members have it.

    An id that is only another name is in none. Accounts have lists of their own: `account.` stands
    before the name, so that people are counted alone.
    """
    if not isinstance(held, CustomerState):
        return {}
    places = places_of(held.standing, held.groups, held.rules)
    prefix = list_of(customer_id)
    return {kind: f"{prefix}{each}" for kind, each in places.items()} if prefix else places


def list_of(customer_id: str) -> str:
    """What stands before the names of segments in whose lists an id is: nothing of people."""
    return ACCOUNTS if is_account(customer_id) else ""


def rule_segment(name: str) -> str:
    """The segment of a rule."""
    return f"{RULE}/{name}"


def place_of_standing(standing: Standing) -> dict[str, str]:
    """The lifecycle state, and the flags that are up."""
    found = {LIFECYCLE: f"{LIFECYCLE}/{standing.lifecycle.value}"}
    found.update((flag, f"{FLAG}/{flag}") for flag in standing.flags)
    return found


def named(kind: str, group: str) -> str:
    """The segment of one of a customer's groups."""
    if kind in _PLAIN or kind.startswith(VALUE):
        return f"{kind}/{group}"
    return f"{RFM}{kind}/{group}"


def segments_of(state: CustomerState) -> tuple[str, ...]:
    """The names of all segments that a customer is in."""
    return tuple(places_of(state.standing, state.groups, state.rules).values())


def all_segments(policy: Policy, population: Population | None) -> Iterator[str]:
    """The names of all segments that there are, in the order in which a reader expects them."""
    yield from (f"{LIFECYCLE}/{state.value}" for state in State)
    yield from (f"{FLAG}/{flag}" for flag in FLAGS)
    for scheme in policy.rfm.published:
        yield from (named(scheme, group) for group in GROUP_NAMES[scheme])
    if population is not None and population.clusters is not None:
        yield from (named(CLUSTER, str(each.id)) for each in population.clusters.clusters)
    yield from (named(TIER, tier) for tier in reversed(TIERS))
    yield from (named(RISK, band) for band in reversed(BANDS))
    for name, values in policy.value.items():
        yield from (named(f"{VALUE}{name}", tier) for tier in values.names)
    if policy.grid is not None:
        yield from (named(GRID, field) for field in FIELD_NAMES)
        yield from (named(ATTACHMENT, level) for level in reversed(LEVELS))
        yield from (named(STAGE, group) for group in STAGES if policy.grid.stage)
    yield from (rule_segment(name) for name in policy.segments)


def _given_by(policy: Policy, kind: str, group: str) -> RuleSegment | Tier | None:
    """What a policy says of a segment that somebody has defined."""
    if kind == RULE:
        return policy.segments.get(group)
    scheme = policy.value.get(kind.removeprefix(VALUE)) if kind.startswith(VALUE) else None
    return next((each for each in scheme.tiers if each.name == group), None) if scheme else None


def label_of(segment: str, policy: Policy | None = None) -> Label:
    """A segment's name for people, in English and simplified Chinese; a rule's as the policy has it.

    >>> label_of("cluster/3"), label_of("rfm.quintile/loyal")
    (Label(en='Cluster 3', zh='聚类 3'), Label(en='Loyal', zh='忠诚客户'))
    """
    if segment.startswith(ACCOUNTS):
        of = label_of(segment.removeprefix(ACCOUNTS), policy)
        return Label(f"{of.en} (accounts)", f"{of.zh} · 企业")
    if segment in _LABELS:
        return Label(*_LABELS[segment])
    kind, group = segment.split("/", 1)
    given = None if policy is None else _given_by(policy, kind, group)
    if given is not None:
        label = given.label or given.label_zh or group
        return Label(label, given.label_zh or label)
    if kind == CLUSTER:
        return Label(f"Cluster {group}", f"聚类 {group}")
    return Label(*GROUP_NAMES.get(kind.removeprefix(RFM), {}).get(group, (group, group)))
