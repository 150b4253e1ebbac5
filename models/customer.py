"""What is remembered of one customer, and how it follows from their events in event time.

The timeline of a customer, oldest event left:

    ── settled ledger ──┤ remembered events, sorted by (time, id) ├── current ledger ──► clock
                        settled_through                            moved_ms

An event that is newer than all that was told goes onto `current`. A late one is put in its place
among the remembered events, and `current` is told again from `settled`: so the state does not
depend on the order of arrival. A purchase that was returned in full is left out of the telling.
An event's id is remembered exactly as long as it could still be put in its place.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from models.alert_memory import NO_ALERTS, AlertMemory, without_the_silence
from models.basket import Basket
from models.calendar import day_of
from models.ledger import Ledger, Standing, Transition
from models.policy import Memory, Policy
from models.rulebook import Seen
from models.sketch import Contribution

MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_CHARACTERS = 4_096  # names and values of one customer; 500 states fit one script
MAX_ENGAGEMENTS = 32  # types, of one customer
MAX_SUM_MINOR = 2**62  # of one customer; two merged still fit into 64 bits


class Remembered(NamedTuple):
    """One purchase or refund that can still be moved, undone or recognised.

    Attributes:
        at_ms: event time.
        event_hash: 64 bits of the event id.
        order_hash: 64 bits of the order id; of a refund: of the order or event it undoes;
            0 if none is named.
        spent_minor: of a purchase, reporting currency; 0 for a refund.
        refunded_minor: of a refund: its amount; 0 once its purchase was settled without it.
            Of a purchase: what refunds that have been settled gave back.
        is_purchase: False for a refund.
        prior_centidays: the typical gap that was known when the event was folded, in hundredths
            of a day: a population learned later moves no limit that was frozen here.
        items, discount_minor, categories, margin_minor, labels: of a purchase, its `Basket`.
    """

    at_ms: int
    event_hash: int
    order_hash: int
    spent_minor: int
    refunded_minor: int
    is_purchase: bool
    prior_centidays: int
    items: int = 0
    discount_minor: int = 0
    categories: bytes = b""
    margin_minor: int = 0
    labels: bytes = b""

    @property
    def undone(self) -> bool:
        """A purchase that was given back in full: it, its day and its gap never were."""
        return self.refunded_minor > 0 and self.refunded_minor >= self.spent_minor

    @property
    def basket(self) -> Basket:
        """What was in a purchase."""
        return Basket(
            self.items, self.discount_minor, self.categories, self.margin_minor, self.labels
        )

    def is_refunded_by(self, refund: Remembered, window_ms: int) -> bool:
        """Whether `refund` names this purchase, by its order or its event, and is near enough.

        A purchase further away may or may not have been settled, depending on what else arrived.
        """
        named = self.is_purchase and refund.order_hash in (self.order_hash, self.event_hash)
        return named and abs(refund.at_ms - self.at_ms) <= window_ms


_EVENT_HASH = itemgetter(Remembered._fields.index("event_hash"))  # quicker than by name
_IS_PURCHASE = itemgetter(Remembered._fields.index("is_purchase"))


class Attribute(NamedTuple):
    """One attribute of a profile: the newest write and when it was made (event time)."""

    at_ms: int
    event_hash: int
    value: bool | int | float | str | None


class Alias(NamedTuple):
    """An id that is only another name of a customer.

    Attributes:
        into: the id that stays; perhaps an alias itself by now.
        at_ms: when it was merged, event time.
    """

    into: str
    at_ms: int


class CustomerState(NamedTuple):
    """All that is kept of one customer.

    Attributes:
        known_since_ms: event time of the earliest event.
        current: the ledger as told so far.
        settled: the ledger before the first remembered event.
        settled_through_ms: no event at or before this can be put in its place any more; -1 if none.
        remembered: the events between the two ledgers.
        attributes: name → newest write.
        sequence: effects published so far.
        groups: what the population makes of them: RFM scheme → group, of the schemes that are
            published, and `cluster`, `tier` and `risk`; none before the first population.
        regroup_ms: when silence alone next may change a group; None if it does not.
        contribution: what the customer counts for in the partition's sketch; None: nothing.
        renew_ms: when the contribution is to be made anew; None while it is up to date.
        names: other ids of the same person → when they were merged into this one, event time.
        engagement: type → when they last did that, event time.
        satisfaction: the newest score of any engagement.
        rules: the rule segments that they are in, sorted.
        rules_ms: when time alone next may change that; None if it does not.
        rules_seen: what the last look at the rules has found.
        alerts: that were raised, and when the next one may be.
    """

    known_since_ms: int
    current: Ledger = Ledger()
    settled: Ledger = Ledger()
    settled_through_ms: int = -1
    remembered: tuple[Remembered, ...] = ()
    attributes: Mapping[str, Attribute] = MappingProxyType({})
    sequence: int = 0
    groups: Mapping[str, str] = MappingProxyType({})
    regroup_ms: int | None = None
    contribution: Contribution | None = None
    renew_ms: int | None = None
    names: Mapping[str, int] = MappingProxyType({})
    engagement: Mapping[str, int] = MappingProxyType({})
    satisfaction: Attribute | None = None
    rules: tuple[str, ...] = ()
    rules_ms: int | None = None
    rules_seen: Seen = Seen()
    alerts: AlertMemory = NO_ALERTS

    @property
    def standing(self) -> Standing:
        """Lifecycle state and flags, as told so far."""
        return self.current.standing

    @property
    def lifecycle_since_ms(self) -> int:
        """When the lifecycle state began, event time."""
        return self.current.since_ms or self.known_since_ms

    @property
    def newest_ms(self) -> int:
        """Event time of the newest thing that is known of the customer."""
        moments = [self.known_since_ms, self.settled_through_ms, *self.names.values()]
        moments += [each.at_ms for each in self.remembered]
        moments += [each.at_ms for each in self.attributes.values()]
        return max([*moments, *self.engagement.values()])

    @property
    def next_deadline_ms(self) -> int | None:
        """The one next moment at which time alone changes this customer."""
        due_ms = self.current.due_ms
        for each in (self.regroup_ms, self.renew_ms, self.rules_ms, self.alerts.due_ms):
            if each is not None and (due_ms is None or each < due_ms):
                due_ms = each
        return due_ms

    @property
    def bare(self) -> CustomerState:
        """What is known of the customer, without what population and rules make of it."""
        return self._replace(
            groups={},
            regroup_ms=None,
            contribution=None,
            renew_ms=None,
            rules=(),
            rules_ms=None,
            rules_seen=Seen(),
            alerts=without_the_silence(self.alerts),
        )

    def knows(self, event_hash: int) -> bool:
        """Whether this event was folded before, as far as ids are remembered."""
        return event_hash in map(_EVENT_HASH, self.remembered)


def event_hash(event_id: str) -> int:
    """64 bits that stand for an event id within one customer; never 0."""
    return _hash64(b"event", event_id)


def order_hash(order_id: str) -> int:
    """64 bits that stand for an order id within one customer; never 0."""
    return _hash64(b"order", order_id)


@lru_cache(maxsize=64)  # the fold asks for it, and then the effects
def _hash64(space: bytes, text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=space).digest()
    return int.from_bytes(digest) or 1


def told(
    ledger: Ledger, events: tuple[Remembered, ...], to_ms: int, policy: Policy
) -> tuple[Ledger, tuple[Transition, ...]]:
    """Tell all `events` in order on top of `ledger`, then let time pass up to `to_ms`."""
    transitions: list[Transition] = []
    for event in matched(events, policy):
        ledger, moved = tell_one(ledger, event, policy)
        transitions += moved
    ledger, moved = ledger.advance(to_ms, policy)
    return ledger, (*transitions, *moved)


def tell_one(
    ledger: Ledger, event: Remembered, policy: Policy
) -> tuple[Ledger, tuple[Transition, ...]]:
    """Advance to the event, then add it; refunds have been matched."""
    if not event.is_purchase or event.undone:
        back_minor = event.refunded_minor - event.spent_minor
        return ledger.give_back(back_minor, day_of(event.at_ms, policy.timezone)), ()
    ledger, due = ledger.advance(event.at_ms, policy)
    prior_gap_days = event.prior_centidays / 100
    ledger, moved = ledger.buy(
        event.at_ms, event.spent_minor, event.event_hash, prior_gap_days, policy, event.basket
    )
    return ledger.give_back(event.refunded_minor, ledger.recent_days[-1]), due + moved


def settle(state: CustomerState, policy: Policy, memory: Memory) -> CustomerState:
    """Move events that are too old, or too many, from the remembered ones into `settled`.

    Args:
        state: with at least one event remembered.
        policy: the rules in force.
        memory: how much is remembered.
    """
    events = state.remembered
    horizon_ms = events[-1].at_ms - memory.days * 86_400_000
    too_old = bisect_left(events, (horizon_ms,))
    done = max(too_old, len(events) - memory.events)
    if done <= 0:
        return state
    ledger, left = settled_first(state, done, policy)
    current, book = state.current, ledger.book.without_the_old(state.current.book)
    if book is not ledger.book:
        ledger = ledger._replace(book=book)
        again, _ = told(ledger, left, current.moved_ms, policy)
        current = current._replace(book=again.book)
    return state._replace(
        current=current,
        settled=ledger,
        settled_through_ms=max(state.settled_through_ms, events[done - 1].at_ms),
        remembered=left,
    )


def settled_first(
    state: CustomerState, done: int, policy: Policy
) -> tuple[Ledger, tuple[Remembered, ...]]:
    """The settled ledger with the first `done` remembered events told on top, and the others.

    A refund and its purchase that are torn apart stay settled between them.
    """
    ledger, view = state.settled, matched(state.remembered, policy)
    for event in view[:done]:
        ledger, _ = tell_one(ledger, event, policy)
    if view is state.remembered:
        return ledger, view[done:]
    left = list(state.remembered)
    for refund, bought in _pairs(state.remembered, policy):
        if bought < done <= refund:
            left[refund] = left[refund]._replace(refunded_minor=0)
        elif refund < done <= bought:
            back_minor = left[bought].refunded_minor + left[refund].refunded_minor
            left[bought] = left[bought]._replace(refunded_minor=back_minor)
    return ledger, tuple(left[done:])


def matched(events: tuple[Remembered, ...], policy: Policy) -> tuple[Remembered, ...]:
    """The events with each refund's amount moved to the purchase it undoes, if that is there."""
    if all(map(_IS_PURCHASE, events)):
        return events
    view = list(events)
    for refund, bought in _pairs(events, policy):
        amount_minor = events[refund].refunded_minor
        view[refund] = view[refund]._replace(refunded_minor=0)
        back_minor = view[bought].refunded_minor + amount_minor
        view[bought] = view[bought]._replace(refunded_minor=back_minor)
    return tuple(view)


def _pairs(events: tuple[Remembered, ...], policy: Policy) -> Iterator[tuple[int, int]]:
    """Places of each refund and of the earliest purchase that it names."""
    for place, refund in enumerate(events):
        if refund.is_purchase:
            continue
        for bought, event in enumerate(events):
            if event.is_refunded_by(refund, policy.time.remembered_ms):
                yield place, bought
                break


def merged_engagement(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Type by type the newer moment."""
    types = sorted(one.keys() | other.keys())
    return {name: max(one.get(name, -1), other.get(name, -1)) for name in types}


def newest_engagement(engagement: Mapping[str, int]) -> dict[str, int]:
    """As many types as a customer may have, the newest moments first."""
    kept = sorted(engagement, key=lambda each: (-engagement[each], each))[:MAX_ENGAGEMENTS]
    return {name: engagement[name] for name in sorted(kept)}


def newer_write(one: Attribute | None, other: Attribute | None) -> Attribute | None:
    """The newer of two; on the same millisecond the larger event hash."""
    known = [each for each in (one, other) if each is not None]
    return max(known, key=lambda each: (each.at_ms, each.event_hash), default=None)


def merged_attributes(
    one: Mapping[str, Attribute], other: Mapping[str, Attribute]
) -> dict[str, Attribute]:
    """Name by name the newest write; on the same millisecond the larger event hash."""
    merged = dict(one)
    for name, new in other.items():
        old = merged.get(name)
        if old is None or (old.at_ms, old.event_hash) < (new.at_ms, new.event_hash):
            merged[name] = new
    return {name: merged[name] for name in sorted(merged)}


def newest_attributes(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """As many as a customer may have, the newest writes first."""
    kept: dict[str, Attribute] = {}
    by_age = sorted(attributes.items(), key=lambda each: (-each[1].at_ms, each[0]))
    for name, each in by_age:
        if too_much({**kept, name: each}) is None:
            kept[name] = each
    return {name: kept[name] for name in sorted(kept)}


def too_much(attributes: Mapping[str, Attribute]) -> str | None:
    """What is too much about them for one customer; None if nothing is."""
    if len(attributes) > MAX_ATTRIBUTES:
        return f"{len(attributes)} names; a customer has at most {MAX_ATTRIBUTES}"
    characters = sum(len(name) + len(str(each.value)) for name, each in attributes.items())
    if characters > MAX_ATTRIBUTE_CHARACTERS:
        return f"{characters} characters; a customer has at most {MAX_ATTRIBUTE_CHARACTERS}"
    return None
