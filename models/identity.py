"""Who an event is about: one person may have several ids, and may have been forgotten.

    met = meet(customer_id, held, read, erased_through_ms, clock_ms, policy, population)

Most events go straight on to `models/step.py`. A `merge` makes an id another name of a person: what
is known by it leaves, as a `transfer` record, for the id that stays, and so does every later event.
Names may form a chain; what is sent on follows it to its root. Nobody is asked on the way, so two
merges that cross may close a ring: then one transfer that has come back to its own id makes that
id the root again, the one that brings the smallest id of the ring, itself or among its names.

An erasure takes the person out with all their names, and leaves a `Mark` behind each. Asked for
again, it leaves alone who is known only since.

Enters: what is held by an id (a state, an alias, nothing), what was read. Leaves: what is held from
now on, effects, and records for other ids. Forbidden here: topics, partitions, the wall clock.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import timedelta
from typing import NamedTuple

from models.accounts import account_told, memory_of
from models.alerting import Passed, alerted
from models.alerts import Effect
from models.codec import CorruptState, decode_state, encode_state
from models.customer import (
    MAX_SUM_MINOR,
    Alias,
    CustomerState,
    event_hash,
    newest_attributes,
    settle,
)
from models.effects import Cause, EffectType, PublishChange, Why
from models.erasure import Mark, Removed
from models.events import (
    Erasure,
    Kind,
    Merge,
    Read,
    Reason,
    Rejected,
    Transfer,
    encode_event,
)
from models.merge import merged_states
from models.policy import Policy
from models.population import Population, prior_gap_days
from models.step import advance, measured, step

MAX_NAMES = 1_000  # of one person; each is up to 256 bytes of their state


class SentOn(NamedTuple):
    """A record to be written into the log for another id.

    Attributes:
        customer_id: whom it is for.
        event_id: that it is known by there.
        kind: None: the record that was read is sent on as it is.
        value: its body.
    """

    customer_id: str
    event_id: str
    kind: Kind | None = None
    value: bytes | None = None


class Met(NamedTuple):
    """What one event did.

    Attributes:
        held: by the id from now on; None: nothing.
        effects: in the order in which they happened.
        rejected: why the event could not be used.
        duplicate: it had been folded before.
        forgotten: it is older than the person's erasure and was left out.
        sent: records for other ids.
        mark: of an erasure.
    """

    held: CustomerState | Alias | None
    effects: tuple[Effect, ...] = ()
    rejected: Rejected | None = None
    duplicate: bool = False
    forgotten: bool = False
    sent: tuple[SentOn, ...] = ()
    mark: Mark | None = None


def meet(
    customer_id: str,
    held: CustomerState | Alias | None,
    read: Read,
    erased_through_ms: int,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Met:
    """Let an event happen to whoever an id stands for.

    Args:
        customer_id: in normal form.
        held: by that id.
        read: the event, with its id and time.
        erased_through_ms: up to when nothing of this id counts, event time; -1: never erased.
        clock_ms: the partition's clock, event time.
        policy: the rules in force.
        population: the one in force; None before the first.

    Raises:
        NewerSchema: what was transferred comes from a newer version of this software.
    """
    event = read.event
    if isinstance(event, Erasure):
        return _erased(
            customer_id, held, read, event, erased_through_ms, clock_ms, policy, population
        )
    if read.at_ms <= erased_through_ms:
        return _forgotten(customer_id, held, read, erased_through_ms)
    if isinstance(held, Alias):
        return _sent_on(customer_id, held, read, clock_ms, policy, population)
    if isinstance(event, Transfer):
        return _taken_in(customer_id, held, read, event, clock_ms, policy, population)
    if isinstance(event, Merge):
        return _merged_away(customer_id, held, read, event, clock_ms, policy, population)
    outcome = step(customer_id, held, read, clock_ms, policy, population)
    if outcome.rejected is not None or outcome.duplicate:
        return Met(*outcome)
    account_id = account_told(customer_id, outcome.state, event, policy)
    if account_id is None:
        return Met(outcome.state, outcome.effects)
    return Met(outcome.state, outcome.effects, sent=(SentOn(account_id, read.event_id),))


def _erased(
    customer_id: str,
    held: CustomerState | Alias | None,
    read: Read,
    event: Erasure,
    erased_through_ms: int,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Met:
    """Take out a person and what was known of them; their other names follow."""
    hashed = f"{event_hash(read.event_id):016x}"
    asked_before = read.at_ms <= erased_through_ms
    if event.through_ms is not None:  # this id was another name of someone who was erased
        if asked_before and isinstance(held, CustomerState):
            return Met(held, duplicate=True)
        older = isinstance(held, Alias) and held.at_ms <= event.through_ms
        mark = Mark(event.through_ms, hashed, Removed(names=int(older)))
        return Met(None if older else held, mark=mark)
    if isinstance(held, Alias):
        onward = () if asked_before else (SentOn(held.into, read.event_id),)
        return Met(held, sent=onward, mark=Mark(read.at_ms, hashed))
    if held is None or (asked_before and held.known_since_ms > read.at_ms):
        return Met(held, mark=Mark(read.at_ms, hashed))
    through_ms = max(read.at_ms, held.newest_ms)
    removed = Removed(
        state=True,
        purchases=held.current.purchases,
        remembered=len(held.remembered),
        attributes=len(held.attributes),
        in_sketch=held.contribution is not None,
        names=len(held.names.keys() - {customer_id}),
    )
    outcome = step(customer_id, held, read, clock_ms, policy, population)
    names = tuple(name for name in held.names if name != customer_id)
    sent = _erasures(names, read, through_ms)
    return Met(None, outcome.effects, sent=sent, mark=Mark(through_ms, hashed, removed))


def _erasures(names: tuple[str, ...], read: Read, through_ms: int) -> tuple[SentOn, ...]:
    return tuple(
        SentOn(
            name,
            _derived(read.event_id, name),
            Kind.ERASURE,
            encode_event(
                Erasure(customer_id=name, occurred_at=read.event.occurred_at, through_ms=through_ms)
            ),
        )
        for name in names
    )


def _forgotten(
    customer_id: str, held: CustomerState | Alias | None, read: Read, through_ms: int
) -> Met:
    """An event from before the erasure. Whoever was one with an erased person is erased, too.

    A merge makes an alias all the same, until the erasure follows: what was sent on the first time
    must not be counted here when the log is folded anew.
    """
    event = read.event
    if isinstance(event, Merge):
        since = timedelta(milliseconds=through_ms - read.at_ms)
        asked = Erasure(customer_id=event.into, occurred_at=event.occurred_at + since)
        event_id = _derived(read.event_id, event.into)
        follows = SentOn(event.into, event_id, Kind.ERASURE, encode_event(asked))
        if held is not None:
            return Met(held, forgotten=True, sent=(follows,))
        transfer = _transfer(customer_id, read, event, None)
        return Met(Alias(event.into, read.at_ms), forgotten=True, sent=(transfer, follows))
    if not isinstance(event, Transfer):
        return Met(held, forgotten=True)
    names, newest_ms = [event.merged_id], read.at_ms
    if event.state is not None:
        try:
            state = decode_state(event.state)
        except CorruptState as error:
            return Met(held, rejected=Rejected(Reason.INVALID, f"state: {error}"))
        names += state.names
        newest_ms = max(newest_ms, state.newest_ms)
    others = tuple(dict.fromkeys(each for each in names if each != event.customer_id))
    sent = _erasures(others, read, max(through_ms, newest_ms))
    if isinstance(held, Alias) and event.customer_id in names:  # round a ring and back
        held = None if held.at_ms <= through_ms else held
    return Met(held, forgotten=True, sent=sent)


def _sent_on(
    customer_id: str,
    alias: Alias,
    read: Read,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Met:
    """An event of an id that is only another name: it goes to where that points."""
    event = read.event
    if isinstance(event, Merge) and (event.into == alias.into or event.unless_taken):
        return Met(alias, duplicate=True)
    if not isinstance(event, Transfer):
        return Met(alias, sent=(SentOn(alias.into, read.event_id),))
    via = tuple(sorted({*event.via, customer_id}))
    if event.merged_id == customer_id and read.at_ms == alias.at_ms:  # round a ring and back
        try:
            if via[0] in _names_in(event):
                return _taken_in(customer_id, None, read, event, clock_ms, policy, population)
        except CorruptState as error:
            return Met(alias, rejected=Rejected(Reason.INVALID, f"state: {error}"))
    onward = event.model_copy(update={"customer_id": alias.into, "via": via})
    sent = SentOn(alias.into, read.event_id, Kind.TRANSFER, encode_event(onward))
    return Met(alias, sent=(sent,))


def _names_in(event: Transfer) -> set[str]:
    """The ids whose knowledge is transferred; no other transfer brings any of them."""
    names = () if event.state is None else decode_state(event.state).names
    return {event.merged_id, *names}


def _merged_away(
    customer_id: str,
    held: CustomerState | None,
    read: Read,
    event: Merge,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Met:
    """This id becomes another name; what is known by it leaves for the one that stays."""
    if event.into == customer_id:
        return Met(held, duplicate=True)
    if held is not None and event.into in held.names:
        detail = "into: is another name of this customer already; merge the other way round"
        return Met(held, rejected=Rejected(Reason.INVALID, detail))
    effects: tuple[Effect, ...] = ()
    packed = None
    if held is not None:
        until_ms = min(read.at_ms, clock_ms)
        held, effects = advance(customer_id, held, until_ms, policy, population)
        left = PublishChange(
            EffectType.CUSTOMER_MERGED,
            customer_id,
            Cause.of_event(read.event_id, read.at_ms, Why.MERGED),
            before=held.standing,
            after=None,
            since_ms=read.at_ms,
            sequence=held.sequence + 1,
            into=event.into,
        )
        effects = (*effects, left)
        packed = b64encode(encode_state(held.bare._replace(sequence=left.sequence)))
    sent = _transfer(customer_id, read, event, packed)
    return Met(Alias(event.into, read.at_ms), effects, sent=(sent,))


def _transfer(customer_id: str, read: Read, merge: Merge, packed: bytes | None) -> SentOn:
    """The record that takes what is known by an id to the one that stays."""
    transfer = Transfer(
        customer_id=merge.into,
        occurred_at=merge.occurred_at,
        merged_id=customer_id,
        state=packed,
    )
    event_id = _derived(read.event_id, customer_id)
    return SentOn(merge.into, event_id, Kind.TRANSFER, encode_event(transfer))


def _taken_in(
    customer_id: str,
    held: CustomerState | None,
    read: Read,
    event: Transfer,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> Met:
    """What was known by another id is added to what is known by this one."""
    if held is not None and event.merged_id in held.names:
        return Met(held, duplicate=True)
    try:
        other = CustomerState(read.at_ms) if event.state is None else decode_state(event.state)
    except CorruptState as error:
        return Met(held, rejected=Rejected(Reason.INVALID, f"state: {error}"))
    due: tuple[Effect, ...] = ()
    before = held
    if held is not None:
        held, due = advance(customer_id, held, min(read.at_ms, clock_ms), policy, population)
    one = held or CustomerState(other.known_since_ms)
    opens_a_ring = event.merged_id == customer_id
    refusal = None if opens_a_ring else _too_large(one, other)
    if refusal is not None:
        return Met(before, rejected=Rejected(Reason.INVALID, refusal))
    state = _united(one, other, clock_ms, policy, population)._replace(
        names={**one.names, **other.names, event.merged_id: read.at_ms}
    )
    if state.remembered:
        state = settle(state, policy, memory_of(customer_id, policy))
    cause = Cause.of_event(read.event_id, read.at_ms, Why.MERGED)
    effects: tuple[PublishChange, ...] = ()
    if held is None or state.standing != held.standing:
        state = state._replace(sequence=state.sequence + 1)
        effects = (
            PublishChange(
                EffectType.LIFECYCLE_CHANGED,
                customer_id,
                cause,
                before=None if held is None else held.standing,
                after=state.standing,
                since_ms=state.lifecycle_since_ms,
                sequence=state.sequence,
            ),
        )
    state, more = measured(customer_id, state, cause, clock_ms, policy, population)
    passed = Passed(min(read.at_ms, clock_ms), clock_ms, cause, anew=True)
    state, told = alerted(customer_id, state, effects + more, passed, policy, population)
    return Met(state, due + told)


def _united(
    one: CustomerState,
    other: CustomerState,
    clock_ms: int,
    policy: Policy,
    population: Population | None,
) -> CustomerState:
    """The state of both; groups, rules and place in the sketch are still those of `one`."""
    prior_days = prior_gap_days(policy.lifecycle, population)
    state = merged_states(one, other, clock_ms, prior_days, policy)
    return state._replace(
        attributes=newest_attributes(state.attributes),
        groups=one.groups,
        regroup_ms=one.regroup_ms,
        contribution=one.contribution,
        renew_ms=one.renew_ms,
        rules=one.rules,
        rules_ms=one.rules_ms,
        rules_seen=one.rules_seen,
    )


def _too_large(one: CustomerState, other: CustomerState) -> str | None:
    sums = sum(each.current.spent_minor + each.current.refunded_minor for each in (one, other))
    if sums > MAX_SUM_MINOR:
        return "state: the sums of both would no longer fit into 64 bits"
    if len(one.names) + len(other.names) >= MAX_NAMES:
        return f"merged_id: this customer has {len(one.names)} names; at most {MAX_NAMES}"
    return None


def _derived(event_id: str, name: str) -> str:
    """Names what follows from an event for one of a person's ids."""
    text = "\x1f".join((event_id, name))
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"follows").hexdigest()
