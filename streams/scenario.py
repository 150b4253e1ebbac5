"""A shop's rules tried out in a test: events as literals in, effects out, time at will.

    shop = Scenario(policy_from_toml(text))
    shop.purchase("ada", "2024-03-01", 25_00)
    shop.advance(days=60)
    assert shop.effects("ada")[-1] == "2024-04-30: lifecycle new → dormant (silence)"

It is the whole installation in memory, learner included (`streams/scenario_engine.py`), so what comes
out is what would stand in the topics. Everything happens at once.

Enters: literals, files of events. Leaves: effects, alerts, customers. Forbidden here: the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from models.codec import decode_held
from models.events import Item, Kind, normalised_id
from models.policy import Policy
from models.rule_names import nearest
from models.segments import all_segments, rule_segment, segments_by_kind
from streams.golden import golden_of
from streams.golden_files import Compare, compare
from streams.messages import rfc3339
from streams.scenario_customer import Customer, customer_of
from streams.scenario_effects import (
    Alert,
    Effect,
    Rejection,
    alert_of,
    effect_of,
    rejected_in_words,
    rejection_of,
    subjects,
)
from streams.scenario_engine import Engine
from streams.scenario_times import Moment, moment_ms, when_text
from streams.sources import SourceRecord, read_file
from streams.store import OutboxRow
from streams.topics import ALERTS, CHANGES, DEAD_LETTERS

HOUR_MS = 3_600_000


class EventRejected(AssertionError):
    """An event of the test could not be used: it would be a dead letter."""


class UnknownCustomer(LookupError):
    """Nobody is known by that id."""


class UnknownSegment(LookupError):
    """The policy has no such segment."""


class TimeGoesBack(ValueError):
    """Time was to go back, or not to move."""


class Scenario:
    """A shop in memory.

    Times are text, dates or datetimes: a date alone is noon of that day, a time without a zone is
    the shop's. Amounts are in minor units. Each event moves time on to its own moment; one that is
    older than `now` is late, and treated as such.

    Args:
        policy: the rules.
        head: how goldens of this scenario are made, a line each.
        find: where a file of that name is.
        golden: how it is compared.
    """

    def __init__(
        self,
        policy: Policy,
        head: Sequence[str] = (),
        find: Callable[[str | Path], Path] = Path,
        golden: Compare = compare,
    ) -> None:
        self.policy = policy
        self._engine = Engine(policy)
        self._head, self._find, self._golden = head, find, golden
        self._events = 0
        self._told: list[Effect | Alert] = []
        self._rejections: list[Rejection] = []
        self._rejecting = False

    def __repr__(self) -> str:
        when = "before its first event" if self._engine.now_ms is None else when_text(self.now)
        return f"<shop, {when}, customers: {len(self._engine.heard_of)}>"

    # time

    @property
    def now(self) -> datetime:
        """How late it is, in the time zone of the shop.

        Raises:
            TimeGoesBack: nothing has happened yet.
        """
        if self._engine.now_ms is None:
            raise TimeGoesBack('time has not begun: write an event, or advance(to="2024-03-01")')
        return datetime.fromtimestamp(self._engine.now_ms / 1000, self.policy.timezone)

    def advance(self, *, days: int = 0, hours: float = 0, to: Moment | None = None) -> None:
        """Let time pass; what is due by then happens, each at its own moment.

        Args:
            days: so many customer-days, to the same time of the day.
            hours: and so many hours.
            to: instead of these: a moment.

        Raises:
            TimeGoesBack: that would be no later than now.
        """
        if to is not None and (days or hours):
            raise TypeError("advance: either to, or days and hours")
        if to is not None:
            until_ms = moment_ms(to, self.policy.timezone)
        else:
            later = self.now + timedelta(days=days)
            until_ms = round(later.timestamp() * 1000 + hours * HOUR_MS)
        if self._engine.now_ms is not None and until_ms <= self._engine.now_ms:
            raise TimeGoesBack(
                f"it is {when_text(self.now)} already; time only goes on. A late event is written "
                "with its own time, and nothing else"
            )
        self._engine.pass_until(until_ms)
        self._collect()

    # events in

    def purchase(
        self,
        customer: str,
        at: Moment,
        amount_minor: int,
        *,
        currency: str | None = None,
        items: Iterable[Mapping[str, Any]] = (),
        order_id: str | None = None,
        channel: str | None = None,
        store: str | None = None,
        brand: str | None = None,
        payment_method: str | None = None,
        event_id: str | None = None,
    ) -> str:
        """A customer buys; fields as in docs/events.md. Answers the event's id.

        Raises:
            EventRejected: it can't be used.
        """
        body = {
            "amount_minor": amount_minor,
            "currency": currency or self.policy.business.currency,
            "items": [_item(each) for each in items],
            "order_id": order_id,
            "channel": channel,
            "store": store,
            "brand": brand,
            "payment_method": payment_method,
        }
        return self._write(Kind.PURCHASE, customer, at, body, event_id)

    def refund(
        self,
        customer: str,
        at: Moment,
        amount_minor: int,
        *,
        of: str | None = None,
        order_id: str | None = None,
        currency: str | None = None,
        event_id: str | None = None,
    ) -> str:
        """A customer gets money back, `of` a purchase (what it answered) or of an order."""
        body = {
            "amount_minor": amount_minor,
            "currency": currency or self.policy.business.currency,
            "refunded_event_id": of,
            "order_id": order_id,
        }
        return self._write(Kind.REFUND, customer, at, body, event_id)

    def profile(self, customer: str, at: Moment, /, **attributes: Any) -> str:
        """Something is told of a customer; None takes it back.

        Names that are no Python words are given so: `**{"consent.email": True}`.
        """
        return self._write(Kind.PROFILE, customer, at, {"attributes": attributes}, None)

    def engagement(
        self,
        customer: str,
        at: Moment,
        type: str,  # noqa: A002  # the field's name in docs/events.md
        *,
        score: float | None = None,
        event_id: str | None = None,
    ) -> str:
        """A customer does something without buying: "visit", "survey" and so on."""
        return self._write(Kind.ENGAGEMENT, customer, at, {"type": type, "score": score}, event_id)

    def erase(self, customer: str, at: Moment) -> str:
        """A customer asks to be forgotten."""
        return self._write(Kind.ERASURE, customer, at, {}, None)

    def merge(self, customer: str, at: Moment, *, into: str) -> str:
        """An id is only another name of a person; `into` is the one that stays."""
        return self._write(Kind.MERGE, customer, at, {"into": into}, None)

    def events(self, source: str | Path | Iterable[SourceRecord]) -> int:
        """Replay a file as `segmenter replay file` reads it, with a tick a day; answers how many events.

        Args:
            source: of .jsonl, .csv or .parquet; or records, such as `DATASETS["cdnow"].read()`.

        Raises:
            SourceError: a row can't be read.
            EventRejected: some can't be used.
        """
        records: Iterable[SourceRecord]
        records = read_file(self._find(source)) if isinstance(source, str | Path) else source
        count = self._engine.replay(records)
        self._collect()
        return count

    def _write(
        self, kind: Kind, customer: str, at: Moment, body: dict[str, Any], event_id: str | None
    ) -> str:
        at_ms = moment_ms(at, self.policy.timezone)
        self._events += 1
        named = event_id or f"event-{self._events}"
        told = {
            "event_id": named,
            "customer_id": customer,
            "occurred_at": rfc3339(at_ms),
            **{name: value for name, value in body.items() if value is not None},
        }
        self._engine.write(SourceRecord(kind, customer, at_ms, to_json(told)))
        self._collect()
        return named

    # what comes out

    def effects(
        self, customer: str | None = None, *, about: str | Collection[str] | None = None
    ) -> list[Effect]:
        """Changes of a customer, or of everybody, in the order in which they were published.

        Args:
            customer: None: everybody's.
            about: only those about "lifecycle", "segments", "rfm", "cluster", "risk", "tier" or "persons"
                (merged, forgotten), or several of these.

        Raises:
            UnknownCustomer: nothing was ever written of that id.
        """
        wanted = subjects(about)
        of_customer = (each for each in self._of(customer) if each.about in wanted)
        return [each for each in of_customer if isinstance(each, Effect)]

    def alerts(self, customer: str | None = None) -> list[Alert]:
        """Alerts, likewise: what stands in `churn-alerts.v1`, before anything is held back."""
        return [each for each in self._of(customer) if isinstance(each, Alert)]

    def _of(self, customer: str | None) -> list[Effect | Alert]:
        if customer is None:
            return self._told
        named = normalised_id(customer)
        found = [each for each in self._told if each.customer == named]
        if not found and named not in self._engine.heard_of:  # a misspelt id has no effects, ever
            raise UnknownCustomer(f"nothing was ever written of {customer!r}")
        return found

    def customer(self, customer: str) -> Customer:
        """A customer as of now.

        Raises:
            UnknownCustomer: nobody is known by that id.
        """
        found = self._engine.found(normalised_id(customer))
        if found is None:
            raise UnknownCustomer(f"nobody is known as {customer!r}: nothing was written of them")
        return customer_of(found, self.policy)

    def knows(self, customer: str) -> bool:
        """Whether anybody is known by that id."""
        return self._engine.found(normalised_id(customer)) is not None

    def segments(self) -> dict[str, list[str]]:
        """The members of every segment that there is, by its whole name: `rule/big-spenders`."""
        names = all_segments(self.policy, self._engine.population)
        found: dict[str, list[str]] = {name: [] for name in names}
        for customer, packed in sorted(self._engine.states().items()):
            for segment in segments_by_kind(customer, decode_held(packed)).values():
                found.setdefault(segment, []).append(customer)
        return found

    def segment(self, name: str) -> list[str]:
        """The members of one: a rule's name, or a whole name such as `lifecycle/dormant`.

        Raises:
            UnknownSegment: there is none of that name.
        """
        found, whole = self.segments(), name if "/" in name else rule_segment(name)
        if whole not in found:
            near = nearest(whole, found)
            rules = ", ".join(self.policy.segments) or "none"
            hint = f"did you mean {near!r}?" if near else f"rules of the policy: {rules}"
            raise UnknownSegment(f"there is no segment {whole!r}; {hint}")
        return found[whole]

    @contextmanager
    def rejected(self) -> Iterator[list[Rejection]]:
        """Within the block events may be rejected, and at least one must be; they are in the list.

        Raises:
            AssertionError: none was.
        """
        found = self._rejections = []
        self._rejecting = True
        try:
            yield found
        finally:
            self._rejecting = False
        if not found:
            raise AssertionError("nothing was rejected: every event of the block could be used")

    def _collect(self) -> None:
        """Take what has come out."""
        rejected = []
        for row in self._engine.taken():
            if row.topic == DEAD_LETTERS:
                rejected.append(rejection_of(row))
            else:
                self._tell(row)
        if self._rejecting:
            self._rejections += rejected
        elif rejected:
            raise EventRejected(rejected_in_words(rejected))

    def _tell(self, row: OutboxRow) -> None:
        if row.topic == CHANGES:
            self._told.append(effect_of(row, self.policy.timezone))
        elif row.topic == ALERTS:
            alert = alert_of(row, self.policy.timezone)
            self._told += [] if alert is None else [alert]

    # golden files

    def matches_golden(
        self,
        name: str | Path,
        *,
        about: str | Collection[str] | None = None,
        customers: Collection[str] | None = None,
    ) -> None:
        """Everything that has come out is what the golden file says.

        Args:
            name: of the file, beside the test or in a folder above it.
            about: as of `effects`, and "alerts"; None: everything.
            customers: with so many customers that nobody can read all: those who stand there line by
                line. Everybody is then counted by segment and week, and all effects by what they are.

        Raises:
            GoldenDiffers: it says something else, or there is none; the message says what.
            UnknownCustomer: nothing was ever written of one of these.
        """
        __tracebackhide__ = True
        for each in customers or ():
            self._of(each)
        wanted = subjects(about)
        told = golden_of([each for each in self._told if each.about in wanted], customers)
        self._golden(self._find(name), str(name), told, self._head)


def _item(given: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a basket; what the log would let pass is a misspelling in a test."""
    for name in given.keys() - Item.model_fields.keys():
        raise TypeError(f"an item has no {name!r}; it has {', '.join(Item.model_fields)}")
    return dict(given)
