"""The ledger: what one customer's purchases, told in order of event time, add up to.

`Ledger` is a fold. `advance` lets time pass and fires the deadlines that come due, each stamped
with its own moment; `buy` adds a purchase; `give_back` lowers the net spend. All three return a
new ledger and the transitions they caused. Late events are not handled here: `models/customer.py`
rewinds to an earlier ledger and tells the story again.
"""

from __future__ import annotations

from typing import NamedTuple

from models.basket import NO_BASKET, Basket, united
from models.cadence import cadence_days
from models.calendar import day_of, start_of_day_ms
from models.daybook import Bought, Daybook, Totals
from models.lifecycle import DEADLINES, SILENT, Limits, State, Trigger, after, limits_for
from models.policy import Policy

DAYS_KEPT = 64  # recent purchase days, for merging two identities and for rhythm
MAX_DISCOUNT_MINOR = 2**62  # of one customer; two merged still fit into 64 bits
HALF_LIFE_DAYS = 56  # of what was bought: eight weeks ago counts half


class Standing(NamedTuple):
    """A customer's lifecycle state and the flags beside it."""

    lifecycle: State = State.PROSPECT
    overdue: bool = False
    won_back: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that are up, in a fixed order."""
        return tuple(
            name for name, up in (("overdue", self.overdue), ("won_back", self.won_back)) if up
        )


class Transition(NamedTuple):
    """One step on a customer's timeline.

    Attributes:
        at_ms: event time: of the purchase, or the deadline itself.
        trigger: what moved the customer.
        event_hash: of the purchase; None when a deadline came due.
        before: the standing until then.
        after: the standing from then on.
        since_ms: when the lifecycle state in `after` began.
    """

    at_ms: int
    trigger: Trigger
    event_hash: int | None
    before: Standing
    after: Standing
    since_ms: int

    @property
    def is_win_back(self) -> bool:
        """A purchase ended a silence that had counted as dormant or churned."""
        return self.trigger is Trigger.PURCHASE and self.before.lifecycle in SILENT


class Ledger(NamedTuple):
    """Sums and standing of one customer at one point of their timeline.

    Attributes:
        purchases: purchases that were not undone.
        spent_minor: their sum, minor units of the reporting currency.
        refunded_minor: given back, same unit; may exceed what was spent.
        first_purchase_ms: event time; None for a prospect.
        last_purchase_ms: event time; None for a prospect.
        older_days: distinct purchase days that are no longer listed in `recent_days`.
        recent_days: the newest distinct purchase days, ascending, ordinals.
        items: units bought, where purchases list them.
        itemised: purchases that do.
        discount_minor: taken off.
        categories: bits of the categories bought, see `models/basket.py`.
        decayed_days: purchase days, each worth half for every 56 days before the last one.
        decayed_spend_minor: money spent, weighted alike; what is given back lowers it as it lowers
            the net spend.
        cadence_days: as of the last purchase.
        limits: frozen at the last purchase; None for a prospect.
        new_until_day: the last customer-day of being new, frozen at the first purchase.
        standing: lifecycle and flags.
        since_ms: when the lifecycle state last changed; 0 for a prospect.
        moved_ms: the newest event or deadline told; an event before it is late.
        due_ms: the next moment at which time alone changes the standing; None if none does.
        due: what happens then.
        book: day by day, for a year.
    """

    purchases: int = 0
    spent_minor: int = 0
    refunded_minor: int = 0
    first_purchase_ms: int | None = None
    last_purchase_ms: int | None = None
    older_days: int = 0
    recent_days: tuple[int, ...] = ()
    items: int = 0
    itemised: int = 0
    discount_minor: int = 0
    categories: bytes = b""
    decayed_days: float = 0.0
    decayed_spend_minor: float = 0.0
    cadence_days: float = 0.0
    limits: Limits | None = None
    new_until_day: int = 0
    standing: Standing = Standing()
    since_ms: int = 0
    moved_ms: int = 0
    due_ms: int | None = None
    due: Trigger | None = None
    book: Daybook = Daybook()

    @property
    def net_spend_minor(self) -> int:
        """Spent less given back; negative for a refund without its purchase."""
        return self.spent_minor - self.refunded_minor

    @property
    def purchase_days(self) -> int:
        """Distinct customer-days with a purchase."""
        return self.older_days + len(self.recent_days)

    @property
    def sums(self) -> Totals:
        """What the ledger itself says of the columns of a daybook; of no day."""
        return Totals(
            purchase_days=self.purchase_days,
            purchases=self.purchases,
            spent_minor=self.spent_minor,
            refunded_minor=self.refunded_minor,
            items=self.items,
            discount_minor=self.discount_minor,
        )

    def advance(self, to_ms: int, policy: Policy) -> tuple[Ledger, tuple[Transition, ...]]:
        """Fire every deadline up to and including `to_ms` (event time), in order."""
        if self.due_ms is None or self.due_ms > to_ms:
            return self, ()
        ledger, fired = self, []
        while ledger.due_ms is not None and ledger.due_ms <= to_ms:
            ledger, transition = ledger._fire(policy)
            fired.append(transition)
        return ledger, tuple(fired)

    def _fire(self, policy: Policy) -> tuple[Ledger, Transition]:
        at_ms, trigger, before = self.due_ms, self.due, self.standing
        assert at_ms is not None
        assert trigger is not None
        lifecycle = after(before.lifecycle, trigger)
        if trigger is Trigger.OVERDUE:
            standing = before._replace(overdue=True)
        elif lifecycle in SILENT:  # silence speaks for itself: no flag beside it
            standing = Standing(lifecycle)
        else:
            standing = before._replace(lifecycle=lifecycle)
        since_ms = self.since_ms if lifecycle is before.lifecycle else at_ms
        ledger = self._replace(standing=standing, since_ms=since_ms, moved_ms=at_ms)
        moved = Transition(at_ms, trigger, None, before, standing, since_ms)
        return ledger.with_next_deadline(policy), moved

    def buy(
        self,
        at_ms: int,
        amount_minor: int,
        event_hash: int,
        prior_gap_days: float,
        policy: Policy,
        basket: Basket = NO_BASKET,
    ) -> tuple[Ledger, tuple[Transition, ...]]:
        """Add a purchase that is not older than anything told so far.

        Args:
            at_ms: event time; `advance` to it first.
            amount_minor: minor units of the reporting currency.
            event_hash: names the purchase in the transition.
            prior_gap_days: the typical gap, for the cadence.
            policy: for the limits; cadence and limits are frozen until the next purchase.
            basket: what was in it.
        """
        before, day = self.standing, day_of(at_ms, policy.timezone)
        lifecycle = after(before.lifecycle, Trigger.PURCHASE)
        won_back = before.lifecycle in SILENT
        same_day = bool(self.recent_days) and self.recent_days[-1] == day
        standing = Standing(lifecycle, won_back=won_back or (before.won_back and same_day))
        first_ms = at_ms if self.first_purchase_ms is None else self.first_purchase_ms
        first_day = day_of(first_ms, policy.timezone)
        days = self.recent_days if same_day else (*self.recent_days, day)
        older_days = self.older_days + max(0, len(days) - DAYS_KEPT)
        closed_gaps = older_days + len(days[-DAYS_KEPT:]) - 1
        cadence = cadence_days(prior_gap_days, closed_gaps, day - first_day)
        decay = decay_over(day - self.recent_days[-1]) if self.recent_days else 0.0
        limits = limits_for(cadence, policy.lifecycle)
        new_until_day = self.new_until_day or first_day + policy.lifecycle.new_days
        due_ms, due = next_deadline(standing, limits, day, new_until_day, policy)
        ledger = Ledger(  # by place: names take twice as long, and this is done for every purchase
            self.purchases + 1,
            self.spent_minor + amount_minor,
            self.refunded_minor,
            first_ms,
            at_ms,
            older_days,
            days[-DAYS_KEPT:],
            self.items + basket.items,
            self.itemised + (basket.items > 0),
            min(MAX_DISCOUNT_MINOR, self.discount_minor + basket.discount_minor),
            united(self.categories, basket.categories),
            self.decayed_days if same_day else self.decayed_days * decay + 1,
            self.decayed_spend_minor * decay + amount_minor,
            cadence,
            limits,
            new_until_day,
            standing,
            self.since_ms if lifecycle is before.lifecycle else at_ms,
            at_ms,
            due_ms,
            due,
            self.book.buy(Bought(day, amount_minor, *basket.counted)),
        )
        if standing == before:
            return ledger, ()
        moved = Transition(at_ms, Trigger.PURCHASE, event_hash, before, standing, ledger.since_ms)
        return ledger, (moved,)

    def give_back(self, amount_minor: int, day: int) -> Ledger:
        """Lower the net spend; not a purchase, not a visit, no transition.

        Args:
            amount_minor: minor units of the reporting currency.
            day: the customer-day on which it counts, ordinal.
        """
        if not amount_minor:
            return self
        net = self.net_spend_minor
        left = max(0, net - amount_minor) / net if net > 0 else 0.0
        return self._replace(
            refunded_minor=self.refunded_minor + amount_minor,
            decayed_spend_minor=self.decayed_spend_minor * left,
            book=self.book.give_back(day, amount_minor),
        )

    def with_next_deadline(self, policy: Policy) -> Ledger:
        """Work out the one next deadline from the frozen limits; only after a purchase."""
        assert self.limits is not None
        due_ms, due = next_deadline(
            self.standing, self.limits, self.recent_days[-1], self.new_until_day, policy
        )
        return self._replace(due_ms=due_ms, due=due)


def decay_over(days: int) -> float:
    """What is left of the weight of something bought so many days ago.

    >>> decay_over(0), decay_over(56)
    (1.0, 0.5)
    """
    weight: float = 2.0 ** (-days / HALF_LIFE_DAYS)
    return weight


def next_deadline(
    standing: Standing, limits: Limits, last_day: int, new_until_day: int, policy: Policy
) -> tuple[int | None, Trigger | None]:
    """The next moment at which time alone changes a standing, and what happens then.

    Args:
        standing: as it is now.
        limits: frozen at the last purchase.
        last_day: of the last purchase, ordinal.
        new_until_day: the last customer-day of being new, ordinal.
        policy: for the time zone.
    """
    day, due = 0, None
    for trigger in DEADLINES[standing.lifecycle]:
        if trigger is Trigger.NO_LONGER_NEW:
            last_good_day = new_until_day
        elif trigger is not Trigger.OVERDUE:
            last_good_day = last_day + (
                limits.churned_days if trigger is Trigger.CHURNED else limits.dormant_days
            )
        elif not standing.overdue:
            last_good_day = last_day + limits.overdue_days
        else:
            continue
        if due is None or last_good_day < day:
            day, due = last_good_day, trigger
    return (None if due is None else start_of_day_ms(day + 1, policy.timezone)), due
