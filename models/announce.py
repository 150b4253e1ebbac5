"""Changes of one customer as effects, counting the customer's sequence on."""

from __future__ import annotations

from collections.abc import Iterable

from models.customer import CustomerState
from models.effects import Cause, EffectType, PublishChange, types_of
from models.ledger import Transition
from models.membership import CLUSTER, RISK, TIER, Regrouped

_TYPES = {
    CLUSTER: EffectType.CLUSTER_CHANGED,
    TIER: EffectType.VALUE_TIER_CHANGED,
    RISK: EffectType.RISK_CHANGED,
}


def announced(
    customer_id: str, state: CustomerState, transitions: Iterable[Transition]
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Turn steps on the timeline into effects."""
    effects: list[PublishChange] = []
    for moved in transitions:
        cause = Cause.of_transition(moved)
        for effect_type in types_of(moved):
            sequence = state.sequence + len(effects) + 1
            effects.append(
                PublishChange(
                    effect_type,
                    customer_id,
                    cause,
                    moved.before,
                    moved.after,
                    moved.since_ms,
                    sequence,
                )
            )
    if not effects:
        return state, ()
    return state._replace(sequence=state.sequence + len(effects)), tuple(effects)


def sorted_into(
    customer_id: str,
    state: CustomerState,
    moved: tuple[Regrouped, ...],
    at_ms: int,
    cause: Cause,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Turn changes of group, found at a moment of event time, into effects."""
    if not moved:
        return state, ()
    effects = tuple(
        PublishChange(
            _TYPES.get(each.kind, EffectType.RFM_CHANGED),
            customer_id,
            cause,
            each.before,
            each.after,
            at_ms,
            state.sequence + count,
            scheme="" if each.kind in _TYPES else each.kind,
        )
        for count, each in enumerate(moved, 1)
    )
    return state._replace(sequence=state.sequence + len(effects)), effects
