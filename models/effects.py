"""What the core asks the shell to do, as values.

An effect's id is a hash of the customer, the type and its cause (an event's id, or a deadline),
so the same cause gives the same id in a replay, on another machine and after a crash; no offset,
partition or version is part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, Self

from models.customer import event_hash
from models.ledger import Standing, Transition
from models.lifecycle import Trigger


class EffectType(StrEnum):
    """The CloudEvents type."""

    LIFECYCLE_CHANGED = "lifecycle.changed"
    CUSTOMER_WON_BACK = "customer.won_back"
    RFM_CHANGED = "rfm.changed"
    CLUSTER_CHANGED = "cluster.changed"
    VALUE_TIER_CHANGED = "value_tier.changed"
    RISK_CHANGED = "risk.changed"
    ATTACHMENT_CHANGED = "attachment.changed"
    GRID_CHANGED = "grid.changed"
    STAGE_CHANGED = "stage.changed"
    SEGMENT_ENTERED = "segment.entered"
    SEGMENT_EXITED = "segment.exited"
    CUSTOMER_ERASED = "customer.erased"
    CUSTOMER_MERGED = "customer.merged"


OF_RULES = frozenset({EffectType.SEGMENT_ENTERED, EffectType.SEGMENT_EXITED})


class Why(StrEnum):
    """The `reason` of a change."""

    PURCHASE = "purchase"
    PROFILE = "profile"
    ENGAGEMENT = "engagement"
    REFUND = "refund"
    SILENCE = "silence"
    TENURE = "tenure"
    LATE_PURCHASE = "late_purchase"
    ERASURE = "erasure"
    MERGED = "merged"
    POPULATION = "population_updated"
    POLICY = "policy_updated"
    TIME = "time"  # a window rolled on, a silence or a tenure grew


_WHY_DUE = {
    Trigger.NO_LONGER_NEW: Why.TENURE,
    Trigger.OVERDUE: Why.SILENCE,
    Trigger.DORMANT: Why.SILENCE,
    Trigger.CHURNED: Why.SILENCE,
}


class Cause(NamedTuple):
    """What brought a change about.

    Attributes:
        key: names the cause within the customer; part of the effect's id.
        at_ms: event time: of the event, or the deadline itself.
        why: in a word.
    """

    key: str
    at_ms: int
    why: Why

    @classmethod
    def of_event(cls, event_id: str, at_ms: int, why: Why) -> Self:
        """An event was folded."""
        return cls(_event_key(event_hash(event_id)), at_ms, why)

    @classmethod
    def of_crossing(cls, at_ms: int) -> Self:
        """A silence grew past an edge of the population."""
        return cls(f"crossing:{at_ms}", at_ms, Why.SILENCE)

    @classmethod
    def of_population(cls, as_of_day: int, at_ms: int) -> Self:
        """A new population came into force; in a partition their days only grow."""
        return cls(f"population:{as_of_day}", at_ms, Why.POPULATION)

    @classmethod
    def of_time(cls, at_ms: int) -> Self:
        """A condition of a rule turned true or false by itself."""
        return cls(f"time:{at_ms}", at_ms, Why.TIME)

    @classmethod
    def of_policy(cls, number: int, at_ms: int) -> Self:
        """A new policy came into force; in a partition their numbers only grow."""
        return cls(f"policy:{number}", at_ms, Why.POLICY)

    @classmethod
    def of_transition(cls, transition: Transition) -> Self:
        """A step on the timeline: the purchase, or the deadline, that made it."""
        if transition.event_hash is not None:
            return cls(_event_key(transition.event_hash), transition.at_ms, Why.PURCHASE)
        key = f"deadline:{transition.trigger}:{transition.at_ms}"
        return cls(key, transition.at_ms, _WHY_DUE[transition.trigger])


def _event_key(hashed: int) -> str:
    return f"event:{hashed:016x}"


class PublishChange(NamedTuple):
    """Publish one change of one customer to `segment-changes.v1`.

    Attributes:
        type: the CloudEvents type.
        customer_id: whose change.
        cause: an event or a deadline.
        before: a standing, or the name of a group; None for a customer who was not known, or
            was in no group.
        after: the same; None for one who was erased or merged, or is in no group any more.
        since_ms: when `after` began, event time.
        sequence: counts the customer's effects from 1; a reader drops any that is not newer.
        retracts: ids of earlier effects that a late event has proved false.
        scheme: of the RFM group, or the rule segment entered or left; "" for other effects.
        into: of a customer who was merged: the id that stays; "" for other effects.
    """

    type: EffectType
    customer_id: str
    cause: Cause
    before: Standing | str | None
    after: Standing | str | None
    since_ms: int
    sequence: int
    retracts: tuple[str, ...] = ()
    scheme: str = ""
    into: str = ""

    @property
    def effect_id(self) -> str:
        """32 hex digits, unique to the cause."""
        return effect_id(self.customer_id, self.type, self.cause, self.scheme)


def effect_id(customer_id: str, effect_type: EffectType, cause: Cause, scheme: str = "") -> str:
    """Name an effect by what caused it."""
    kind = f"{effect_type}:{scheme}" if scheme else effect_type
    text = "\x1f".join((customer_id, kind, cause.key))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def types_of(transition: Transition) -> Iterator[EffectType]:
    """The effects that one step on a timeline is published as."""
    yield EffectType.LIFECYCLE_CHANGED
    if transition.is_win_back:
        yield EffectType.CUSTOMER_WON_BACK


def ids_of(customer_id: str, transition: Transition) -> Iterator[str]:
    """The ids of those effects."""
    cause = Cause.of_transition(transition)
    return (effect_id(customer_id, each, cause) for each in types_of(transition))
