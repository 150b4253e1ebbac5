"""Two identities turn out to be one: every field of `CustomerState` has a defined merge.

Events that both still remember are told again as one timeline, so a merge of two histories
within `time.remembered_days` equals one identity from the start. What has been settled is merged
by sums, and by the union of the recent purchase days; its standing is that of the identity that
bought last.
"""

from __future__ import annotations

from models.alert_memory import merged_alerts
from models.basket import united
from models.cadence import cadence_days
from models.calendar import day_of
from models.customer import (
    CustomerState,
    merged_attributes,
    merged_engagement,
    newer_write,
    newest_engagement,
    settled_first,
    told,
)
from models.daybook import united_books
from models.ledger import DAYS_KEPT, MAX_DISCOUNT_MINOR, Ledger, decay_over
from models.lifecycle import limits_for
from models.policy import Policy


def merged_states(
    one: CustomerState,
    other: CustomerState,
    clock_ms: int,
    prior_gap_days: float,
    policy: Policy,
) -> CustomerState:
    """The state of one customer who was known by two ids; commutative.

    It has no RFM groups and contributes to no sketch yet.

    Args:
        one: a state.
        other: the other; no event is expected in both, one that is counts once.
        clock_ms: the partition's clock, event time.
        prior_gap_days: the typical gap.
        policy: the rules in force.
    """
    through_ms = max(one.settled_through_ms, other.settled_through_ms)
    (one_settled, one_left), (other_settled, other_left) = (
        settled_first(each, sum(event.at_ms <= through_ms for event in each.remembered), policy)
        for each in (one, other)
    )
    settled = merged_ledgers(one_settled, other_settled, prior_gap_days, policy)
    settled = settled._replace(book=settled.book.without_the_old())
    known = {event.event_hash: event for event in sorted((*one_left, *other_left))}
    events = tuple(sorted(known.values()))
    current, _ = told(settled, events, clock_ms, policy)
    return CustomerState(
        known_since_ms=min(one.known_since_ms, other.known_since_ms),
        current=current,
        settled=settled,
        settled_through_ms=through_ms,
        remembered=events,
        attributes=merged_attributes(one.attributes, other.attributes),
        sequence=max(one.sequence, other.sequence),
        engagement=newest_engagement(merged_engagement(one.engagement, other.engagement)),
        satisfaction=newer_write(one.satisfaction, other.satisfaction),
        alerts=merged_alerts(one.alerts, other.alerts),
    )


def merged_ledgers(one: Ledger, other: Ledger, prior_gap_days: float, policy: Policy) -> Ledger:
    """Sums added, days united, standing of the one who bought last; commutative."""
    if one.last_purchase_ms is None or other.last_purchase_ms is None:
        bought = one if other.last_purchase_ms is None else other
        return bought._replace(
            refunded_minor=one.refunded_minor + other.refunded_minor,
            book=united_books(one.book, other.book),
        )
    newer = max(one, other, key=lambda each: (each.last_purchase_ms, each[:-1]))
    days = sorted({*one.recent_days, *other.recent_days})
    older_days = one.older_days + other.older_days + max(0, len(days) - DAYS_KEPT)
    days = days[-DAYS_KEPT:]
    first_ms = min(one.first_purchase_ms or 0, other.first_purchase_ms or 0)
    cadence = cadence_days(
        prior_gap_days,
        older_days + len(days) - 1,
        days[-1] - day_of(first_ms, policy.timezone),
    )
    return newer._replace(
        purchases=one.purchases + other.purchases,
        spent_minor=one.spent_minor + other.spent_minor,
        refunded_minor=one.refunded_minor + other.refunded_minor,
        first_purchase_ms=first_ms,
        older_days=older_days,
        recent_days=tuple(days),
        items=one.items + other.items,
        itemised=one.itemised + other.itemised,
        discount_minor=min(MAX_DISCOUNT_MINOR, one.discount_minor + other.discount_minor),
        categories=united(one.categories, other.categories),
        decayed_days=sum(decay_over(days[-1] - day) for day in days),
        decayed_spend_minor=sum(
            each.decayed_spend_minor * decay_over(days[-1] - each.recent_days[-1])
            for each in (one, other)
        ),
        cadence_days=cadence,
        limits=limits_for(cadence, policy.lifecycle),
        new_until_day=min(one.new_until_day, other.new_until_day),
        moved_ms=max(one.moved_ms, other.moved_ms),
        book=united_books(one.book, other.book),
    ).with_next_deadline(policy)
