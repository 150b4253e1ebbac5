"""What happens to one customer: time passes, then an event is folded.

    outcome = step(customer_id, state, read, clock_ms, policy, population)

`advance` fires the deadlines that have come due, each stamped with itself. `step` advances the
customer to the event, folds it, and advances on to the clock of the log: an event that was
overtaken by the clock but by no tick is told in its place, and nobody is called silent for the
time between the two. `populate` measures a customer against a new population. All three are
deterministic, and blind to how the log is cut into batches.

Enters: a state (None: nobody by that id), what was read, the clock, the policy, the population.
Leaves: the new state and effects. Forbidden here: topics, keys, offsets, the wall clock.
"""

from __future__ import annotations

from typing import NamedTuple

from models.announce import announced, sorted_into
from models.basket import basket_of
from models.customer import (
    MAX_SUM_MINOR,
    Attribute,
    CustomerState,
    Remembered,
    event_hash,
    matched,
    merged_attributes,
    order_hash,
    settle,
    tell_one,
    told,
    too_much,
)
from models.effects import Cause, EffectType, PublishChange, Why, ids_of
from models.events import (
    MAX_AMOUNT_MINOR,
    Erasure,
    Profile,
    Purchase,
    Read,
    Reason,
    Refund,
    Rejected,
)
from models.ledger import Transition
from models.membership import TIER, regrouped, renewed
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
    effects: tuple[PublishChange, ...] = ()
    rejected: Rejected | None = None
    duplicate: bool = False


def advance(
    customer_id: str,
    state: CustomerState,
    to_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Let time pass for one customer, up to and including `to_ms` (event time)."""
    effects: list[PublishChange] = []
    while (due_ms := state.next_deadline_ms) is not None and due_ms <= to_ms:
        state, fired = _fire(customer_id, state, due_ms, policy, population)
        effects += fired
    return state, tuple(effects)


def _fire(
    customer_id: str,
    state: CustomerState,
    due_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Do what is due at that moment: lifecycle first, then groups, then the contribution."""
    if state.current.due_ms == due_ms:
        ledger, fired = state.current.advance(due_ms, policy)
        state, effects = announced(customer_id, state._replace(current=ledger), fired)
        if TIER not in state.groups:
            return state, effects
        state, more = _looked_at(customer_id, state, due_ms, policy, population)
        return state, (*effects, *more)
    if state.regroup_ms == due_ms:
        return _looked_at(customer_id, state, due_ms, policy, population)
    return renewed(state, due_ms, policy), ()


def _looked_at(
    customer_id: str,
    state: CustomerState,
    due_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Groups at a deadline: a silence has grown, or what is usual is that of another state."""
    state, moved = regrouped(state, due_ms, policy, population)
    return sorted_into(customer_id, state, moved, due_ms, Cause.of_crossing(due_ms))


def populate(
    customer_id: str, state: CustomerState, clock_ms: int, policy: Policy, population: Population
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """Measure a customer against a new population; doing it twice changes nothing.

    Only groups change: limits were frozen at the last purchase.
    """
    state, moved = regrouped(state, clock_ms, policy, population)
    cause = Cause.of_population(population.as_of_day, clock_ms)
    return sorted_into(customer_id, state, moved, clock_ms, cause)


def step(
    customer_id: str,
    state: CustomerState | None,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Outcome:
    """Advance one customer to the event, fold it, and advance on to the log's clock.

    Args:
        customer_id: in normal form.
        state: what is known of the customer before.
        read: the event, with its id and time.
        clock_ms: the partition's clock at this offset, event time, this event included.
        policy: the rules in force.
        population: the one in force; None before the first.
    """
    due: tuple[PublishChange, ...] = ()
    if state is not None:
        state, due = advance(customer_id, state, min(read.at_ms, clock_ms), policy, population)
    before = None if state is None else state.current
    outcome = fold(customer_id, state, read, clock_ms, policy, population)
    folded, told = outcome.state, due + outcome.effects
    if folded is not None:
        if folded.current is not before:
            why = Why.PURCHASE if isinstance(read.event, Purchase) else Why.REFUND
            cause = Cause.of_event(read.event_id, read.at_ms, why)
            folded, moved = measured(customer_id, folded, cause, clock_ms, policy, population)
            told += moved
        folded, later = advance(customer_id, folded, clock_ms, policy, population)
        told += later
    return Outcome(folded, told, outcome.rejected, outcome.duplicate)


def measured(
    customer_id: str,
    state: CustomerState,
    cause: Cause,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> tuple[CustomerState, tuple[PublishChange, ...]]:
    """After the ledger has changed: lifecycle up to the clock, then contribution and groups."""
    ledger, fired = state.current.advance(clock_ms, policy)
    state, effects = announced(customer_id, state._replace(current=ledger), fired)
    state = renewed(state, clock_ms, policy)
    state, moved = regrouped(state, clock_ms, policy, population)
    state, more = sorted_into(customer_id, state, moved, clock_ms, cause)
    return state, (*effects, *more)


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
        case Erasure():
            return _erased(customer_id, state, read)
        case Profile(attributes=attributes):
            return _described(customer_id, state, read, attributes)
        case Purchase() as event:
            order = order_hash(event.order_id) if event.order_id else 0
            prior = round(100 * prior_gap_days(policy.lifecycle, population))
            return _paid(customer_id, state, read, event, order, prior, clock_ms, policy)
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
        basket = basket_of(event)
        if amount != event.amount_minor:  # brought into the reporting currency
            basket = basket.worth(amount, event.amount_minor)
        new = Remembered(read.at_ms, hashed, order, amount, 0, True, prior_centidays, *basket)  # noqa: FBT003
    else:
        new = Remembered(read.at_ms, hashed, order, 0, amount, False, 0)  # noqa: FBT003
    state = state._replace(known_since_ms=min(state.known_since_ms, read.at_ms))
    outcome = _told_on(customer_id, state, new, read, clock_ms, policy)
    assert outcome.state is not None
    return outcome._replace(state=settle(outcome.state, policy))


def _too_late(state: CustomerState, read: Read) -> Rejected:
    behind_s = (state.settled_through_ms - read.at_ms) // 1000
    return Rejected(
        Reason.TOO_LATE,
        f"{behind_s} s older than what can still be put in its place; "
        "raise time.remembered_days to accept such events",
    )


def _told_on(
    customer_id: str,
    state: CustomerState,
    new: Remembered,
    read: Read,
    clock_ms: int,
    policy: Policy,
) -> Outcome:
    events = tuple(sorted((*state.remembered, new)))
    why = Why.PURCHASE if new.is_purchase else Why.REFUND
    *earlier, last = matched(events, policy)
    changes_the_past = tuple(earlier) != matched(state.remembered, policy)
    if changes_the_past or new.at_ms < state.current.moved_ms:
        return _retold(customer_id, state, events, read, clock_ms, policy)
    ledger, moved = tell_one(state.current, last, policy)
    state = state._replace(current=ledger, remembered=events)
    if state.sequence == 0:
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
    state = state._replace(current=ledger, remembered=events)
    if is_purchase and _only_adds(read, old, new, until_ms):
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
    """Whether a purchase was out of order only because a refund, which moves nobody, was newer."""
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
