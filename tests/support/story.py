"""Short ways to tell one customer's story: literal events in, a state and its effects out.

Day 0 is Monday, 1 January 2024. Times are epoch milliseconds, amounts US cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from models.alerts import AlertEffect, Effect, alerts_in, changes_in
from models.customer import CustomerState
from models.effects import PublishChange
from models.events import AttributeValue, Erasure, Item, Profile, Purchase, Read, Refund, Tick
from models.fold import Outcome
from models.policy import Policy, policy_from_preset
from models.population import Population
from models.step import advance, step

CUSTOMER = "c1"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAY_0_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GROCERY = policy_from_preset("grocery")  # a first-time buyer: overdue 12, dormant 25, churned 63


def midnight(day: int) -> int:
    """The beginning of a day, UTC."""
    return DAY_0_MS + day * DAY_MS


def noon(day: int) -> int:
    """The middle of a day, UTC."""
    return midnight(day) + 12 * HOUR_MS


def utc(text: str) -> int:
    """A moment written out, such as `2024-03-31 01:00`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def purchase(
    event_id: str,
    at_ms: int,
    amount_minor: int = 1_000,
    order: str | None = None,
    currency: str = "USD",
    items: Sequence[Item] = (),
) -> Read:
    """Someone paid."""
    event = Purchase(
        customer_id=CUSTOMER,
        occurred_at=_moment(at_ms),
        amount_minor=amount_minor,
        currency=currency,
        order_id=order,
        items=tuple(items),
    )
    return Read(event, event_id, at_ms)


def refund(
    event_id: str,
    at_ms: int,
    amount_minor: int = 1_000,
    order: str | None = None,
    of_event: str | None = None,
) -> Read:
    """Someone was given money back, for an order or for a purchase event."""
    event = Refund(
        customer_id=CUSTOMER,
        occurred_at=_moment(at_ms),
        amount_minor=amount_minor,
        currency="USD",
        order_id=order,
        refunded_event_id=of_event,
    )
    return Read(event, event_id, at_ms)


def profile(event_id: str, at_ms: int, **attributes: AttributeValue) -> Read:
    """Something about the person became known."""
    event = Profile(customer_id=CUSTOMER, occurred_at=_moment(at_ms), attributes=attributes)
    return Read(event, event_id, at_ms)


def erasure(event_id: str, at_ms: int) -> Read:
    """The person asked to be forgotten."""
    return Read(Erasure(customer_id=CUSTOMER, occurred_at=_moment(at_ms)), event_id, at_ms)


def tick(at_ms: int) -> Tick:
    """Time passed."""
    return Tick(at_ms=at_ms)


class Told(NamedTuple):
    """What came of a story."""

    state: CustomerState | None
    told: tuple[Effect, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def customer(self) -> CustomerState:
        """The state of a customer who must be there."""
        assert self.state is not None
        return self.state

    @property
    def effects(self) -> tuple[PublishChange, ...]:
        """Changes that are published."""
        return changes_in(self.told)

    @property
    def alerts(self) -> tuple[AlertEffect, ...]:
        """What is told of the customer, and what came of it."""
        return alerts_in(self.told)

    @property
    def lifecycle(self) -> str:
        """Lifecycle and flags in a word or two, such as `active+overdue`."""
        standing = self.customer.standing
        return "+".join((standing.lifecycle, *standing.flags))

    @property
    def changes(self) -> list[tuple[str, str, int]]:
        """Type, reason and event time of each effect."""
        return [(e.type.value, e.cause.why.value, e.cause.at_ms) for e in self.effects]

    @property
    def ids(self) -> list[str]:
        """The effects' ids, in order."""
        return [e.effect_id for e in self.effects]


def tell(
    *arrivals: Read | Tick,
    policy: Policy = GROCERY,
    state: CustomerState | None = None,
    population: Population | None = None,
) -> Told:
    """Feed arrivals in the order given; the clock is the newest of all that has arrived."""
    clock_ms = 0
    effects: list[Effect] = []
    outcomes: list[Outcome] = []
    for arrival in arrivals:
        clock_ms = max(clock_ms, arrival.at_ms)
        if isinstance(arrival, Read):
            outcomes.append(step(CUSTOMER, state, arrival, clock_ms, policy, population))
            state = outcomes[-1].state
            effects += outcomes[-1].effects
        elif state is not None:
            state, fired = advance(CUSTOMER, state, clock_ms, policy, population)
            effects += fired
    return Told(state, tuple(effects), tuple(outcomes))


def without_sequence(told: Told) -> CustomerState:
    """The state apart from what depends on what was said, and when it arrived, meanwhile."""
    return apart_from_arrival(told.customer)


def apart_from_arrival(state: CustomerState) -> CustomerState:
    """Without the count of effects and the contribution to the sketch, made day by day."""
    return state._replace(sequence=0, contribution=None, renew_ms=None)


def _moment(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)
