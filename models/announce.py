"""Changes of one customer as effects, counting the customer's sequence on."""

from __future__ import annotations

from collections.abc import Iterable

from models.customer import CustomerState
from models.effects import Cause, EffectType, PublishChange, Why, types_of
from models.ledger import Transition
from models.membership import CLUSTER, RISK, TIER, Regrouped
from models.ruling import Resorted
from models.segments import rule_segment
from models.stages import STAGE
from models.value_grid import ATTACHMENT, GRID
from models.value_tiers import VALUE

_TYPES = {
    CLUSTER: EffectType.CLUSTER_CHANGED,
    TIER: EffectType.VALUE_TIER_CHANGED,
    RISK: EffectType.RISK_CHANGED,
    ATTACHMENT: EffectType.ATTACHMENT_CHANGED,
    GRID: EffectType.GRID_CHANGED,
    STAGE: EffectType.STAGE_CHANGED,
}
_ROLL_ON = frozenset({ATTACHMENT, GRID, STAGE})


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
        [
            PublishChange(
                _type_of(each.kind),
                customer_id,
                _cause_of(each.kind, cause),
                each.before,
                each.after,
                at_ms,
                state.sequence + count,
                scheme="" if each.kind in _TYPES else each.kind,
            )
            for count, each in enumerate(moved, 1)
        ]
    )
    return state._replace(sequence=state.sequence + len(effects)), effects


def _type_of(kind: str) -> EffectType:
    if kind.startswith(VALUE):
        return EffectType.VALUE_TIER_CHANGED
    return _TYPES.get(kind, EffectType.RFM_CHANGED)


def _cause_of(kind: str, cause: Cause) -> Cause:
    """A scheme of value tiers counts over a window that rolls on, silence or not; so does a grid."""
    rolls_on = kind in _ROLL_ON or kind.startswith(VALUE)
    return Cause.of_time(cause.at_ms) if rolls_on and cause.why is Why.SILENCE else cause


def resorted(
    customer_id: str,
    state: CustomerState,
    moved: tuple[Resorted, ...],
    at_ms: int,
    cause: Cause,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Turn entries to and exits from rule segments, at a moment of event time, into effects."""
    if not moved:
        return state, ()
    effects = tuple(
        PublishChange(
            EffectType.SEGMENT_ENTERED if entered else EffectType.SEGMENT_EXITED,
            customer_id,
            cause,
            None if entered else segment,
            segment if entered else None,
            at_ms,
            state.sequence + count,
            scheme=rule_segment(segment),
        )
        for count, (segment, entered) in enumerate(moved, 1)
    )
    return state._replace(sequence=state.sequence + len(effects)), effects
