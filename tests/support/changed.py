"""What effects say of where a customer goes, read once more: by kind of segments, in the order of telling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.effects import EffectType, PublishChange
from models.ledger import Standing
from models.member import Change, Member, member_of
from models.policy import Policy
from models.population import Population
from tests.support.story import CUSTOMER, Told

_GROUPS = {"cluster.changed": "cluster", "value_tier.changed": "tier", "risk.changed": "risk"}


def changes_of(effects: Iterable[PublishChange]) -> Iterator[Change]:
    """One of each kind that an effect moves."""
    for effect in effects:
        for kind, before, after in _moved(effect):
            if before != after:
                yield Change(effect.sequence, effect.cause.at_ms, kind, before, after)


def _moved(effect: PublishChange) -> Iterator[tuple[str, str | None, str | None]]:
    old, new = effect.before, effect.after
    match effect.type:
        case EffectType.LIFECYCLE_CHANGED:
            assert not isinstance(old, str)
            assert not isinstance(new, str)
            yield "lifecycle", _state(old), _state(new)
            for flag in ("overdue", "won_back"):
                yield flag, _flag(old, flag), _flag(new, flag)
        case EffectType.SEGMENT_ENTERED:
            yield effect.scheme, None, effect.scheme
        case EffectType.SEGMENT_EXITED:
            yield effect.scheme, effect.scheme, None
        case EffectType.RFM_CHANGED:
            names = (each and f"rfm.{effect.scheme}/{each}" for each in (old, new))
            yield effect.scheme, *names  # type: ignore[misc]
        case each if each in _GROUPS:
            kind = effect.scheme or _GROUPS[each]
            yield kind, *(group and f"{kind}/{group}" for group in (old, new))  # type: ignore[misc]


def _state(standing: Standing | None) -> str | None:
    return None if standing is None else f"lifecycle/{standing.lifecycle.value}"


def _flag(standing: Standing | None, flag: str) -> str | None:
    return f"flag/{flag}" if standing is not None and getattr(standing, flag) else None


def member_told(
    told: Told,
    at_ms: int,
    policy: Policy,
    population: Population | None = None,
    newest: int | None = None,
) -> Member:
    """A customer at the end of their story, with all that was told of them, or the newest effects only."""
    effects = told.effects if newest is None else told.effects[len(told.effects) - newest :]
    begins = len(effects) == len(told.effects)
    changes = tuple(changes_of(effects))
    return member_of(
        CUSTOMER, told.customer, at_ms, policy, population, changes, changes_begin=begins
    )
