"""A customer's rule segments: brought into keeping with what is known of them.

Enters: a state, a moment, the policy. Leaves: the state with its memberships, and who entered what.
Rules are evaluated only where something that they read may have changed. After a purchase that is what
purchases change, and what is known of the labels that were bought; the rest was seen at the look before,
and `rules_ms` says until when it stays.
"""

from __future__ import annotations

from typing import NamedTuple

from models.calendar import day_of, start_of_day_ms
from models.customer import CustomerState
from models.daybook import unpacked_labels
from models.policy import Policy
from models.rulebook import Places


class Resorted(NamedTuple):
    """A customer entered, or left, one rule segment.

    Attributes:
        segment: the rule's name.
        entered: else left.
    """

    segment: str
    entered: bool


def ruled(
    state: CustomerState, at_ms: int, policy: Policy
) -> tuple[CustomerState, tuple[Resorted, ...]]:
    """Put a customer into the rule segments they belong to at a moment of event time."""
    book = policy.rulebook
    if not book and not state.rules and state.rules_ms is None:
        return state, ()
    return _put_into(state, book.places(state, day_of(at_ms, policy.timezone), policy), policy)


def ruled_after_purchase(
    before: CustomerState, state: CustomerState, at_ms: int, policy: Policy
) -> tuple[CustomerState, tuple[Resorted, ...]]:
    """The same after a purchase: only what it can have changed is looked at, where that is known.

    Args:
        before: the customer until then.
        state: with the purchase.
        at_ms: the moment.
        policy: in force.
    """
    labels = _bought_alone(before, state, at_ms) if policy.rulebook else None
    if labels is not None:
        day = day_of(at_ms, policy.timezone)
        places = policy.rulebook.places_after(state, day, policy, before.rules_seen, labels)
        if places is not None:
            return _put_into(state, places, policy)
    return ruled(state, at_ms, policy)


def _bought_alone(before: CustomerState, state: CustomerState, at_ms: int) -> list[bytes] | None:
    """The labels of a purchase, if nothing else has changed; None if more may have.

    More may have if it was the first, or is not the newest, if a rule is due by then, if money was
    given back, or if old labels were forgotten.
    """
    now, then = state.current, before.current
    same = now.first_purchase_ms == then.first_purchase_ms is not None
    due = before.rules_ms is not None and before.rules_ms <= at_ms
    if not same or due or before.known_since_ms != state.known_since_ms:
        return None
    if now.refunded_minor != then.refunded_minor or now.purchases != then.purchases + 1:
        return None
    if not _nothing_forgotten(before, state):
        return None
    if not all(each.is_purchase for each in state.remembered):  # a return may be another's by now
        return None
    newest = state.remembered[-1]
    if before.remembered[-1:] == (newest,):  # what was bought is older
        return None
    return [key for key, _ in unpacked_labels(newest.labels)]


def _nothing_forgotten(before: CustomerState, state: CustomerState) -> bool:
    """Whether all labels that were known are known still, with all that was settled of them."""
    pairs = ((before.current, state.current), (before.settled, state.settled))
    return all(old.book.labels.keys() <= new.book.labels.keys() for old, new in pairs)


def _put_into(
    state: CustomerState, places: Places, policy: Policy
) -> tuple[CustomerState, tuple[Resorted, ...]]:
    segments, until_day, seen = places
    rules_ms = None if until_day is None else start_of_day_ms(until_day, policy.timezone)
    if segments == state.rules:
        if rules_ms == state.rules_ms and seen == state.rules_seen:
            return state, ()
        return state._replace(rules_ms=rules_ms, rules_seen=seen), ()
    left = (Resorted(each, False) for each in state.rules if each not in segments)  # noqa: FBT003
    entered = (Resorted(each, True) for each in segments if each not in state.rules)  # noqa: FBT003
    now = state._replace(rules=segments, rules_ms=rules_ms, rules_seen=seen)
    return now, (*left, *entered)


def to_be_looked_at(state: CustomerState, at_ms: int, policy: Policy) -> CustomerState:
    """Note that something which rules read has changed at a deadline: they follow at the same."""
    if not policy.rulebook or state.rules_ms == at_ms:
        return state
    return state._replace(rules_ms=at_ms)
