"""One event folded into what is known of a customer, who has been advanced to it.

Only the ledger, attributes, engagement and the lifecycle's effects change here; contribution, groups
and rule segments follow from them (`models/step.py`).

Enters: a state (None: nobody by that id), what was read, the clock, the policy. Leaves: an `Outcome`.
Forbidden here: topics, keys, offsets, the wall clock.
"""

from __future__ import annotations

from typing import NamedTuple

from models.accounts import memory_of
from models.alerts import Effect
from models.announce import announced
from models.basket import basket_of
from models.customer import (
    MAX_ENGAGEMENTS,
    MAX_SUM_MINOR,
    Attribute,
    CustomerState,
    Remembered,
    event_hash,
    matched,
    merged_attributes,
    merged_engagement,
    newer_write,
    order_hash,
    settle,
    tell_one,
    told,
    too_much,
)
from models.effects import Cause, EffectType, PublishChange, Why, ids_of
from models.events import (
    MAX_AMOUNT_MINOR,
    Engagement,
    Erasure,
    Profile,
    Purchase,
    Read,
    Reason,
    Refund,
    Rejected,
)
from models.ledger import Transition
from models.money import UnknownCurrency, in_reporting_currency
from models.policy import Policy
from models.population import Population, prior_gap_days


class Outcome(NamedTuple):
    """What one event did.

    Attributes:
        state: the new state; None if nobody is left (or ever was).
        effects: in the order in which they happened.
        rejected: why the event could not be used; the state is then only advanced.
        duplicate: the event had been folded before.
    """

    state: CustomerState | None
    effects: tuple[Effect, ...] = ()
    rejected: Rejected | None = None
    duplicate: bool = False


def fold(
    customer_id: str,
    state: CustomerState | None,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Outcome:
    """Fold one event into a state that has been advanced to it; see `step`.

    Only the ledger, the attributes and the lifecycle's effects: the rest follows from them.
    """
    match read.event:
        case Purchase() as event:
            order = order_hash(event.order_id) if event.order_id else 0
            prior = round(100 * prior_gap_days(policy.lifecycle, population))
            return _paid(customer_id, state, read, event, order, prior, clock_ms, policy)
        case Profile(attributes=attributes):
            return _described(customer_id, state, read, attributes)
        case Engagement() as engaged:
            return _engaged(customer_id, state, read, engaged)
        case Erasure():
            return _erased(customer_id, state, read)
        case Refund() as event:
            undoes = (
                order_hash(event.order_id)
                if event.order_id
                else event_hash(event.refunded_event_id or "")
            )
            return _paid(customer_id, state, read, event, undoes, 0, clock_ms, policy)
        case _:
            raise AssertionError("whom an event is about is settled in models/identity.py")


def _erased(customer_id: str, state: CustomerState | None, read: Read) -> Outcome:
    if state is None:
        return Outcome(None)
    cause = Cause.of_event(read.event_id, read.at_ms, Why.ERASURE)
    erased = PublishChange(
        EffectType.CUSTOMER_ERASED,
        customer_id,
        cause,
        before=state.standing,
        after=None,
        since_ms=read.at_ms,
        sequence=state.sequence + 1,
    )
    return Outcome(None, (erased,))


def _described(
    customer_id: str,
    before: CustomerState | None,
    read: Read,
    values: dict[str, bool | int | float | str | None],
) -> Outcome:
    """Write attributes; a person who was not known becomes a prospect."""
    written_by = event_hash(read.event_id)
    written = {name: Attribute(read.at_ms, written_by, value) for name, value in values.items()}
    state = before or CustomerState(known_since_ms=read.at_ms)
    attributes = merged_attributes(state.attributes, written)
    refusal = too_much(attributes)
    if refusal is not None:
        return Outcome(before, rejected=Rejected(Reason.INVALID, f"attributes: {refusal}"))
    state = state._replace(
        attributes=attributes, known_since_ms=min(state.known_since_ms, read.at_ms)
    )
    return Outcome(state) if before else _introduced(customer_id, state, read, Why.PROFILE)


def _engaged(
    customer_id: str, before: CustomerState | None, read: Read, event: Engagement
) -> Outcome:
    """Remember when somebody last did that, and their newest score."""
    state = before or CustomerState(known_since_ms=read.at_ms)
    engagement = merged_engagement(state.engagement, {event.type: read.at_ms})
    if len(engagement) > MAX_ENGAGEMENTS:
        detail = f"type: {len(engagement)} types; a customer has at most {MAX_ENGAGEMENTS}"
        return Outcome(before, rejected=Rejected(Reason.INVALID, detail))
    scored = None
    if event.score is not None:
        scored = Attribute(read.at_ms, event_hash(read.event_id), event.score)
    state = state._replace(
        engagement=engagement,
        satisfaction=newer_write(state.satisfaction, scored),
        known_since_ms=min(state.known_since_ms, read.at_ms),
    )
    return Outcome(state) if before else _introduced(customer_id, state, read, Why.ENGAGEMENT)


def _paid(
    customer_id: str,
    before: CustomerState | None,
    read: Read,
    event: Purchase | Refund,
    order: int,
    prior_centidays: int,
    clock_ms: int,
    policy: Policy,
) -> Outcome:
    """Fold a purchase or a refund: unless it is known or too late, remember and tell it."""
    state = before or CustomerState(known_since_ms=read.at_ms)
    hashed = event_hash(read.event_id)
    if state.knows(hashed):
        return Outcome(before, duplicate=True)
    if read.at_ms <= state.settled_through_ms:
        return Outcome(before, rejected=_too_late(state, read))
    try:
        amount = in_reporting_currency(
            event.amount_minor, event.currency, event.occurred_at, policy.business
        )
    except UnknownCurrency as error:
        return Outcome(before, rejected=Rejected(Reason.UNKNOWN_CURRENCY, str(error)))
    if amount > MAX_AMOUNT_MINOR:
        detail = f"amount_minor: {amount} in {policy.business.currency}; at most 10^15"
        return Outcome(before, rejected=Rejected(Reason.INVALID, detail))
    if state.current.spent_minor + state.current.refunded_minor + amount > MAX_SUM_MINOR:
        detail = "amount_minor: this customer's sums would no longer fit into 64 bits"
        return Outcome(before, rejected=Rejected(Reason.INVALID, detail))
    if isinstance(event, Purchase):
        basket = basket_of(event, policy.behaviour.kept)
        if amount != event.amount_minor:  # brought into the reporting currency
            basket = basket.worth(amount, event.amount_minor)
        new = Remembered(read.at_ms, hashed, order, amount, 0, True, prior_centidays, *basket)  # noqa: FBT003
    else:
        new = Remembered(read.at_ms, hashed, order, 0, amount, False, 0)  # noqa: FBT003
    if read.at_ms < state.known_since_ms:
        state = state._replace(known_since_ms=read.at_ms)
    outcome = _told_on(customer_id, state, new, read, clock_ms, policy)
    assert outcome.state is not None
    state = settle(outcome.state, policy, memory_of(customer_id, policy))
    return outcome if state is outcome.state else Outcome(state, outcome.effects)


def _too_late(state: CustomerState, read: Read) -> Rejected:
    behind_s = (state.settled_through_ms - read.at_ms) // 1000
    return Rejected(
        Reason.TOO_LATE,
        f"{behind_s} s older than what can still be put in its place; "
        "so much is remembered: time.remembered_days, and time.remembered_events",
    )


def _told_on(
    customer_id: str,
    state: CustomerState,
    new: Remembered,
    read: Read,
    clock_ms: int,
    policy: Policy,
) -> Outcome:
    before = state.remembered
    in_order = not before or before[-1] < new
    events = (*before, new) if in_order else tuple(sorted((*before, new)))
    view = matched(events, policy)
    is_newest = in_order and new.at_ms >= state.current.moved_ms
    if not is_newest or (view is not events and view[:-1] != matched(before, policy)):
        return _retold(customer_id, state, events, read, clock_ms, policy)
    ledger, moved = tell_one(state.current, view[-1], policy)
    state = state._replace(current=ledger, remembered=events)
    if state.sequence == 0:
        why = Why.PURCHASE if new.is_purchase else Why.REFUND
        return _introduced(customer_id, state, read, why)
    return Outcome(*announced(customer_id, state, moved))


def _retold(
    customer_id: str,
    state: CustomerState,
    events: tuple[Remembered, ...],
    read: Read,
    clock_ms: int,
    policy: Policy,
) -> Outcome:
    """Tell the timeline again with a late event, or a return, in its place.

    One effect says where the customer now stands, and names the earlier ones that were false. It
    speaks for every deadline up to the clock, so none of them can be published a second time.
    """
    until_ms = state.current.moved_ms
    _, old = told(state.settled, state.remembered, until_ms, policy)
    ledger, new = told(state.settled, events, clock_ms, policy)
    is_purchase, before = isinstance(read.event, Purchase), state.standing
    undone = any(each.undone for each in matched(state.remembered, policy) if each.is_purchase)
    state = state._replace(current=ledger, remembered=events)
    if is_purchase and not undone and _only_adds(read, old, new, until_ms):
        return Outcome(*announced(customer_id, state, new[len(old) :]))
    still_true = {each for transition in new for each in ids_of(customer_id, transition)}
    retracts = tuple(
        each
        for transition in old
        for each in ids_of(customer_id, transition)
        if each not in still_true
    )
    if state.standing == before and not retracts:
        return Outcome(state)
    why = Why.LATE_PURCHASE if is_purchase else Why.REFUND
    cause = Cause.of_event(read.event_id, read.at_ms, why)
    state = state._replace(sequence=state.sequence + 1)
    change = PublishChange(
        EffectType.LIFECYCLE_CHANGED,
        customer_id,
        cause,
        before,
        state.standing,
        state.lifecycle_since_ms,
        state.sequence,
        retracts,
    )
    return Outcome(state, (change,))


def _only_adds(
    read: Read, old: tuple[Transition, ...], new: tuple[Transition, ...], until_ms: int
) -> bool:
    """Whether a purchase was out of order only because a refund, which moves nobody, was newer.

    Not asked where a purchase was undone: its deadlines may have been published and taken back, and one
    of the same moment would have their id.
    """
    mine = event_hash(read.event_id)
    added = new[len(old) :]
    return (
        read.at_ms >= until_ms
        and new[: len(old)] == old
        and all(transition.event_hash in (None, mine) for transition in added)
    )


def _introduced(customer_id: str, state: CustomerState, read: Read, why: Why) -> Outcome:
    """The first effect of a customer who was not known before."""
    state = state._replace(sequence=1)
    change = PublishChange(
        EffectType.LIFECYCLE_CHANGED,
        customer_id,
        Cause.of_event(read.event_id, read.at_ms, why),
        before=None,
        after=state.standing,
        since_ms=state.lifecycle_since_ms,
        sequence=1,
    )
    return Outcome(state, (change,))
