"""The delivery of alerts in memory: a topic, a desk on a shelf, endpoints, customers, and a clock that a
test moves.

What stands on the topic is what the core's effects become there (`streams/messages_alerts.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from models.alert_ledger import Key, Sums, counted
from models.alert_record import AlertRecord, Arm, Decision, decode_record
from models.alerts import AlertEffect, ClearAlert, Prospects, RaiseAlert, ResolveAlert
from models.calendar import day_of
from models.customer import Attribute, CustomerState
from models.effects import Cause, Why
from models.erasure import Pseudonyms
from models.events import Erasure, LogRecord, Read
from models.holdout import arm_of
from models.ledger import Ledger, Standing
from models.lifecycle import State
from models.policy import Policy
from models.policy_alerts import Kind
from streams.alert_decisions import Desk, Surroundings
from streams.alert_desk import DeskFold
from streams.alert_entries import ALERTS, WAITING
from streams.alert_reads import AlertReads
from streams.deliveries import Deliveries, dead, queue
from streams.endpoints import Endpoint
from streams.loop import no_records
from streams.memory_shelf import MemoryShelf
from streams.messages import Source
from streams.messages_alerts import alert_row, forgotten_row
from streams.partition import Batch
from streams.shelf import MAX_AT_MS, Hand, Line, Shelf, Stand, Write
from streams.store import OutboxRow
from tests.models.alert_shops import SLIPPING, policy
from tests.streams.posting import Passing, Receivers, always, endpoint, new_nonce
from tests.support.story import utc

START_MS = utc("2026-03-04 12:00")  # a Wednesday; the shop's days are those of UTC
NAMESPACE = "office"
KEYED = Pseudonyms(b"a secret")
ALL = 10**9


def rules(**named: Any) -> Policy:
    """A policy of these alert rules; nobody is held out, unless `alerts` says so."""
    others = {key: named.pop(key) for key in ("calendar", "business") if key in named}
    shared = {"holdout": 0.0, **named.pop("alerts", {})}
    return policy(named or {"slipping": SLIPPING}, alerts=shared, **others)


def names(arm: Arm, given: Policy, count: int) -> list[str]:
    """Customers who are in that half of the experiment."""
    every = (f"c{number}" for number in itertools.count())
    mine = (each for each in every if arm_of(each, given.alerts, KEYED) is arm)
    return list(itertools.islice(mine, count))


def customer(bought_ms: int | None = None, **attributes: Any) -> CustomerState:
    """As much of a state as the desk looks at; `consent_email` stands for `consent.email`."""
    told = {
        name.replace("consent_", "consent."): Attribute(0, 1, value)
        for name, value in attributes.items()
    }
    return CustomerState(0, current=Ledger(last_purchase_ms=bought_ms), attributes=told)


@dataclass
class Clock:
    """The wall clock."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        """Epoch milliseconds."""
        return self.now_ms

    def goes_to(self, moment: str) -> None:
        """It is so late now, UTC."""
        self.now_ms = utc(moment)

    def passes(self, **time: float) -> None:
        """So much later."""
        self.now_ms += round(timedelta(**time) / timedelta(milliseconds=1))


@dataclass
class Topic:
    """`churn-alerts.v1`.

    Attributes:
        policy: of whoever raises alerts.
        clock: says when what is written has happened, unless a test does.
        namespace: of the installation that writes.
    """

    policy: Policy
    clock: Clock
    namespace: str = NAMESPACE
    records: list[LogRecord] = field(default_factory=list)
    _sequence: Any = field(default_factory=lambda: itertools.count(1))
    _alerts: dict[str, RaiseAlert] = field(default_factory=dict)

    def raises(
        self,
        customer_id: str,
        rule: str = "slipping",
        stake_minor: int = 10_000,
        at_ms: int | None = None,
        *,
        kind: Kind | None = None,
        probability: float | None = 0.5,
        replayed: bool = False,
        **others: Any,
    ) -> str:
        """An alert; answers its id."""
        at_ms = self.clock() if at_ms is None else at_ms
        sequence = next(self._sequence)
        day = day_of(at_ms, self.policy.timezone)
        known, horizon_days = self.policy.alerts.rules.get(rule), others.get("horizon_days", 28)
        alert = RaiseAlert(
            rule=rule,
            kind=kind or (known.on if known else "churn.risk_raised"),
            customer_id=customer_id,
            cause=Cause(f"silence:{at_ms}:{sequence}", at_ms, Why.SILENCE),
            day=day,
            first_day=day,
            horizon_days=horizon_days,
            followed_days=min(365, horizon_days),
            prospects=None if probability is None else expected(probability, stake_minor, day),
            silence_days=others.get("silence_days", 20),
            churned_day=day + 30,
            standing=Standing(State.ACTIVE),
            groups={},
            segments=(),
            segment="",
            play=None,
            currency="USD",
            sequence=sequence,
        )
        self._alerts[alert.alert_id] = alert
        self._write(alert, replayed=replayed)
        return alert.alert_id

    def clears(self, alert_id: str, at_ms: int | None = None, *, replayed: bool = False) -> str:
        """A purchase has made an alert void; answers the id of what says so."""
        alert = self._alerts[alert_id]
        cause = Cause("bought", self.clock() if at_ms is None else at_ms, Why.PURCHASE)
        place = alert.rule, alert.customer_id, alert_id, cause, Why.PURCHASE
        cleared = ClearAlert(*place, next(self._sequence))
        self._write(cleared, replayed=replayed)
        return cleared.effect_id

    def resolves(
        self, alert_id: str, returned_day: int | None = None, days: int = 0, spent_minor: int = 0
    ) -> None:
        """The horizon of an alert has ended."""
        alert = self._alerts[alert_id]
        place = alert.rule, alert.customer_id, alert_id, self.clock(), returned_day
        self._write(ResolveAlert(*place, days, spent_minor, next(self._sequence)))

    def forgets(self, customer_id: str) -> None:
        """Somebody is erased."""
        at_ms = self.clock()
        erasure = Erasure(customer_id=customer_id, occurred_at=moment(at_ms))
        self._append(forgotten_row(customer_id, Read(erasure, "e", at_ms), self._source()))

    def again(self, place: int) -> None:
        """The same record once more, at the end: a relay has died."""
        self.records.append(self.records[place]._replace(offset=len(self.records)))

    def put(self, value: bytes | None, headers: Mapping[str, bytes]) -> None:
        """Anything."""
        place = len(self.records)
        self.records.append(LogRecord(0, place, self.clock(), b"?", value, headers))

    def batch(self, begin: int = 0, end: int | None = None) -> Batch:
        """What a reader gets between two offsets."""
        end = len(self.records) if end is None else end
        return Batch(begin, end, self.records[begin:end])

    def _write(self, effect: AlertEffect, *, replayed: bool = False) -> None:
        source = self._source()._replace(replayed=replayed)
        self._append(alert_row(effect, source, self.policy.alerts, KEYED))

    def _append(self, row: OutboxRow) -> None:
        self.put(row.value, dict(row.headers))

    def _source(self) -> Source:
        return Source(self.namespace, 0, len(self.records), "v1")


def expected(probability: float, stake_minor: int, day: int) -> Prospects:
    """What is to be expected of a customer of whom so much is at stake."""
    return Prospects(probability, "model", None, stake_minor / probability, day - 10, ())


def moment(at_ms: int) -> datetime:
    """As events hold it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC)


class Noted(Passing):
    """A shelf that knows all names that were ever written to."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self._names: dict[str, bool] = {}  # whether it is a sorted set

    async def write(self, expected: Stand, new: Stand, writes: Iterable[Write]) -> bool:
        """See `Shelf.write`."""
        writes = list(writes)
        self._names |= {each.name: isinstance(each, Line) for each in writes}
        return await super().write(expected, new, writes)

    async def contents(self) -> dict[str, dict[str, Any]]:
        """All there is, but for the stand and for names that hold nothing."""
        found: dict[str, dict[str, Any]] = {}
        for name, is_line in sorted(self._names.items()):
            held = self.due(name, MAX_AT_MS, ALL) if is_line else self.everything(name)
            found[name] = dict(await held)
        return {name: held for name, held in found.items() if held}


class AlertOffice:
    """A delivery process without Kafka and HTTP.

    Args:
        given: the policy in force; may be changed.
        endpoints: those that are configured; likewise.
        shelf: None: an empty one in memory.
        clock: None: one of its own.
        topic: None: an empty one.

    Attributes:
        customers: as they are known now.
        source_silent: whether no event has come for too long.
    """

    def __init__(
        self,
        given: Policy,
        endpoints: Iterable[Endpoint] = (endpoint("crm"),),
        shelf: Shelf | None = None,
        clock: Clock | None = None,
        topic: Topic | None = None,
    ) -> None:
        self.policy, self.clock = given, clock or Clock()
        self.endpoints = {each.name: each for each in endpoints}
        self.topic = topic or Topic(given, self.clock)
        self.noted = Noted(shelf or MemoryShelf())
        self.shelf: Shelf = self.noted
        self.customers: dict[str, CustomerState] = {}
        self.source_silent = False
        self.hand = Hand(self.shelf, new_nonce)
        place = NAMESPACE, "topic", self.hand, no_records
        self.fold = DeskFold(*place, lambda: self.policy, lambda: self.endpoints, self.clock)
        self.desk = Desk(self.hand, lambda: self.endpoints, self.clock)
        self.receivers = Receivers({each: always(200) for each in self.endpoints})
        self.receivers.takes_s = dict.fromkeys(self.endpoints, 0.0)
        self.deliveries = Deliveries(self.hand, self.receivers, lambda: self.endpoints, self.clock)
        self.reads = AlertReads(self.shelf)

    async def read(self) -> None:
        """Fold what has come since."""
        assert await self.fold.handle(self.topic.batch(self.hand.stand.offset)) is None

    async def decide(self) -> int:
        """Decide what is due; answers how many alerts were looked at."""
        around = Surroundings(self.policy, self.source_silent, self._customer)
        return await self.desk.decide(around)

    async def look(self) -> None:
        """Read, decide, deliver all that can be."""
        await self.read()
        await self.decide()
        await self.deliver()

    async def deliver(self) -> None:
        """Until nothing is due at any endpoint."""
        for name in self.endpoints:
            while any(await self.deliveries.round(name)):
                pass

    async def record(self, alert_id: str) -> AlertRecord:
        """One that must be there."""
        seen = await self.reads.one(alert_id)
        assert seen is not None, alert_id
        return seen.record

    async def decision(self, alert_id: str) -> Decision:
        """What was done about it."""
        return (await self.record(alert_id)).decision

    async def decisions(self) -> dict[str, list[str]]:
        """Decision, and what blocked → customers, in order."""
        found: dict[str, list[str]] = {}
        for each in await self.records():
            said = ":".join(filter(None, (each.decision.value, each.why)))
            found.setdefault(said, []).append(each.customer_id)
        return {said: sorted(ids) for said, ids in sorted(found.items())}

    async def records(self) -> list[AlertRecord]:
        """All that are kept."""
        held = await self.shelf.everything(ALERTS)
        return [decode_record(each) for each in held.values()]

    async def ledger_is_right(self, gone: Iterable[AlertRecord] = ()) -> None:
        """Its sums are those of the records, and of those that were there and are erased."""
        assert await self.reads.ledger() == counted([*await self.records(), *gone])

    async def ledger(self) -> dict[Key, Sums]:
        """The sums."""
        return await self.reads.ledger()

    async def waiting(self) -> dict[str, int]:
        """Alert id → when it is to be decided."""
        return dict(await self.shelf.due(WAITING, MAX_AT_MS, ALL))

    async def queued(self, name: str) -> list[str]:
        """What waits for an endpoint."""
        return [each for each, _ in await self.shelf.due(queue(name), MAX_AT_MS, ALL)]

    async def died(self, name: str) -> list[str]:
        """What an endpoint will not get."""
        return [each for each, _ in await self.shelf.due(dead(name), MAX_AT_MS, ALL)]

    async def _customer(self, customer_id: str) -> CustomerState | None:
        return self.customers.get(customer_id)


async def successor(office: AlertOffice, shelf: Shelf | None = None) -> AlertOffice:
    """The next process: only what is on the shelf and in the world is still there."""
    shelf = shelf or office.shelf
    one = AlertOffice(office.policy, office.endpoints.values(), shelf, office.clock, office.topic)
    one.customers, one.receivers = office.customers, office.receivers
    one.deliveries = Deliveries(one.hand, one.receivers, lambda: one.endpoints, one.clock)
    await one.hand.reload()
    return one


async def opened(given: Policy | None = None, *endpoints: Endpoint, **others: Any) -> AlertOffice:
    """One that has just begun."""
    office = AlertOffice(given or rules(), endpoints or (endpoint("crm"),), **others)
    await office.hand.reload()
    return office
