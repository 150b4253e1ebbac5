"""From purchases to webhooks in one process: a made-up shop lives for some months, and receivers verify.

The shop's log is folded as an installation folds it (`streams/loop.py`); what is told of customers is decided
and delivered by a clock that follows event time, over HTTP on loopback.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from random import Random
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from models.alert_ledger import Key, Sums
from models.alert_record import AlertRecord, Decision, decode_record
from models.calendar import day_of, start_of_day_ms
from models.codec import decode_state
from models.customer import CustomerState
from models.events import LogRecord
from models.policy import policy_from_preset
from streams.alert_decisions import Desk, Surroundings
from streams.alert_desk import DeskFold
from streams.alert_entries import ALERTS as RECORDS
from streams.alert_reads import AlertReads
from streams.deliveries import Deliveries
from streams.endpoints import Endpoint
from streams.loop import Loop, no_records
from streams.memory_shelf import MemoryShelf
from streams.partition import NO_NONCE, Batch
from streams.partitioner import partition_of
from streams.shelf import Hand
from streams.sources import SourceRecord
from streams.topics import ALERTS
from streams.webhook import HttpPoster
from tests.streams.posting import SECRET, new_nonce
from tests.support.story import DAY_MS, HOUR_MS, utc

START_MS = utc("2026-01-01 00:00")
CUSTOMERS, DAYS = 60, 110
NEWEST_TICK_MS = START_MS + (DAYS - 1) * DAY_MS + 22 * HOUR_MS
RULES: dict[str, Any] = {
    "late": {"on": "customer.overdue", "cool_down_days": 7},
    "leaving": {"on": "lifecycle.changed", "to": "dormant", "daily_budget": 1},
    "back": {"on": "customer.won_back", "channel": "email"},
}
POLICY = policy_from_preset(
    "grocery",
    clusters={"k": 4},
    alerts={"rules": RULES, "holdout": 0.4, "frequency_cap": 3, "consent_unknown": "allow"},
)


class Visit(NamedTuple):
    """A purchase."""

    customer_id: str
    day: int  # from 0
    amount_minor: int


def visits() -> list[Visit]:
    """Regular customers, of whom some pause for weeks and some stay away for good."""
    draw, found = Random(11), []
    for number in range(CUSTOMERS):
        gap, day = draw.uniform(2, 7), draw.uniform(0, 10)
        leaves, pauses = draw.uniform(30, 200), draw.uniform(25, 90)
        while day < min(DAYS, leaves):
            found.append(Visit(f"c{number:02}", int(day), draw.randint(500, 9_000)))
            day += draw.gammavariate(6, gap / 6)
            if day > pauses:
                day, pauses = day + draw.uniform(14, 40), 10_000.0
    return sorted(found, key=lambda each: (each.day, each.customer_id))


def purchase(place: int, visit: Visit) -> SourceRecord:
    at_ms = START_MS + visit.day * DAY_MS + 12 * HOUR_MS + place
    body = {
        "customer_id": visit.customer_id,
        "event_id": f"e{place}",
        "occurred_at": date.fromordinal(day_of(at_ms, POLICY.timezone)).isoformat() + "T12:00:00Z",
        "amount_minor": visit.amount_minor,
        "currency": "USD",
    }
    return SourceRecord("purchase", visit.customer_id, at_ms, json.dumps(body).encode())


class Receiver:
    """A server that verifies what it gets, and takes every fifth alert only when it comes again.

    Attributes:
        accepted: how often which event was taken, by endpoint; its body is the newest.
        refused: those that have been turned away once.
    """

    def __init__(self) -> None:
        self.accepted: dict[str, Counter[str]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, set[str]] = {}

    async def take(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        told = Webhook(SECRET).verify(body, dict(request.headers))
        events = told if isinstance(told, list) else [told]
        ids = [str(each["id"]) for each in events]
        refused = self.refused.setdefault(name, set())
        if not refused & {*ids} and any(int(each, 16) % 5 == 0 for each in ids):
            refused.update(ids)
            return web.Response(status=503)
        assert len(ids) > 1 or request.headers["webhook-id"] == ids[0]
        self.accepted.setdefault(name, Counter()).update(ids)
        self.events |= {each["id"]: each for each in events}
        return web.Response(status=204)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{name}", self.take)
        async with TestServer(app) as server:
            yield str(server.make_url("/"))


class Shop:
    """The installation, and who delivers its alerts.

    Args:
        url: where endpoints are.
        poster: makes the requests.
    """

    def __init__(self, url: str, poster: HttpPoster) -> None:
        self.loop, self.now_ms, self._told = Loop(POLICY, 2), 0, 0
        self.shelf, self.topic = MemoryShelf(), list[LogRecord]()
        self.endpoints = {
            each.name: each
            for each in (
                endpoint("crm", url),
                endpoint("bi", url, batch=10),
                endpoint("win-back", url, rules=["back"]),
            )
        }
        self.hand = Hand(self.shelf, new_nonce)
        known = (lambda: self.endpoints), (lambda: self.now_ms)
        place = "loop", "topic", self.hand, no_records
        self.fold = DeskFold(*place, lambda: POLICY, *known)
        self.desk = Desk(self.hand, *known)
        self.deliveries = Deliveries(self.hand, poster, *known)

    async def live(self) -> None:
        """Day by day; at eight rules with a budget choose."""
        await self.hand.reload()
        bought, place = visits(), 0
        for day in range(DAYS + 5):
            for clock_ms in (0, 8 * HOUR_MS, 9 * HOUR_MS, 22 * HOUR_MS):
                self.now_ms = START_MS + day * DAY_MS + clock_ms
                if day < DAYS:
                    await self.loop.tick(self.now_ms)
                await self._look()
            while place < len(bought) and bought[place].day == day:
                await self.loop.write(purchase(place, bought[place]))
                place += 1

    async def _look(self) -> None:
        rows = [row for row in self.loop.effects[self._told :] if row.topic == ALERTS]
        self._told = len(self.loop.effects)
        begin = len(self.topic)
        for each in rows:
            row = LogRecord(
                0, len(self.topic), self.now_ms, each.key, each.value, dict(each.headers)
            )
            self.topic.append(row)
        assert await self.fold.handle(Batch(begin, len(self.topic), self.topic[begin:])) is None
        await self.desk.decide(Surroundings(POLICY, source_silent=False, customer=self._customer))
        for name in self.endpoints:
            while any(await self.deliveries.round(name)):
                pass

    async def _customer(self, customer_id: str) -> CustomerState | None:
        partition = partition_of(customer_id, 2)
        loaded = await self.loop.store.load(partition, [customer_id], NO_NONCE)
        packed = loaded.states.get(customer_id)
        return None if packed is None else decode_state(packed)


def endpoint(name: str, url: str, **others: Any) -> Endpoint:
    told = {"secrets": [SECRET], "allow": ["127.0.0.1"], **others}
    return Endpoint.model_validate({"name": name, "url": url + name, **told})


class Lived(NamedTuple):
    """What is there at the end."""

    receiver: Receiver
    records: Mapping[str, AlertRecord]
    events: Mapping[str, dict[str, Any]]
    ledger: Mapping[Key, Sums]


async def _lived() -> Lived:
    receiver = Receiver()
    async with receiver.serving() as url, HttpPoster() as poster:
        shop = Shop(url, poster)
        await shop.live()
    held = await shop.shelf.everything(RECORDS)
    records = {each: decode_record(packed) for each, packed in held.items()}
    raised = {
        each.headers["ce_id"].decode(): json.loads(each.value or b"")
        for each in shop.topic
        if each.headers["ce_id"].decode() in records
    }
    return Lived(receiver, records, raised, await AlertReads(shop.shelf).ledger())


@pytest.fixture(scope="module")
def lived() -> Lived:
    """The shop, lived through once."""
    return asyncio.run(_lived())


def of(lived: Lived, *decisions: Decision) -> dict[str, AlertRecord]:
    return {i: each for i, each in lived.records.items() if each.decision in decisions}


def test_the_shop_has_something_of_everything(lived: Lived) -> None:
    rules = Counter(each.rule for each in lived.records.values())
    assert set(rules) == set(RULES)
    decisions = Counter(each.decision for each in lived.records.values())
    assert min(decisions[each] for each in (Decision.SENT, Decision.HELD_OUT)) > 20
    assert {Decision.OVER_BUDGET, Decision.BLOCKED, Decision.CLEARED} & set(decisions)
    assert all(lived.receiver.refused[name] for name in ("crm", "bi"))


def test_every_alert_that_was_sent_arrived_once_everywhere_it_was_wanted(lived: Lived) -> None:
    sent = of(lived, Decision.SENT)
    back = {each for each, record in sent.items() if record.rule == "back"}
    voids = set(lived.receiver.accepted["crm"]) - set(sent)
    for name, wanted in (("crm", {*sent}), ("bi", {*sent}), ("win-back", back)):
        got = lived.receiver.accepted[name]
        assert set(got) - voids == wanted
        assert set(got.values()) == {1}


def test_of_nobody_else_anything_arrived_and_what_was_void_was_told_as_such(lived: Lived) -> None:
    told = lived.receiver.events
    void = [each for each in told.values() if each["type"] == "churn.risk_cleared"]
    sent = of(lived, Decision.SENT)
    assert {each["id"] for each in told.values()} == {*sent, *(each["id"] for each in void)}
    retracted = {each["data"]["retracts"][0] for each in void}
    assert retracted == {each for each, record in sent.items() if record.retracted_ms}
    assert retracted


def test_what_arrives_says_of_whom_and_what_and_why(lived: Lived) -> None:
    for alert_id, record in of(lived, Decision.SENT).items():
        event = lived.receiver.events[alert_id]
        assert event["data"] == lived.events[alert_id]
        assert (event["subject"], event["type"]) == (record.customer_id, record.kind)
        assert event["data"]["arm"] == record.arm == "treated"
        assert event["data"]["says"].keys() == {"en", "zh"}


def test_no_bound_was_passed_on_any_day(lived: Lived) -> None:
    told = of(lived, Decision.SENT, Decision.HELD_OUT).values()
    days = Counter(_day(each) for each in told if each.rule == "leaving")
    assert set(days.values()) == {1}
    for customer_id in {each.customer_id for each in told}:
        mine = sorted(_day(each) for each in told if each.customer_id == customer_id)
        assert all(later - first >= 7 for first, later in zip(mine, mine[3:], strict=False))


def _day(record: AlertRecord) -> int:
    assert record.decided_ms is not None
    return day_of(record.decided_ms, POLICY.timezone)


def test_the_ledger_says_of_each_arm_how_many_came_back_as_counted_by_hand(lived: Lived) -> None:
    first_day = day_of(START_MS, POLICY.timezone)
    bought = {(each.customer_id, first_day + each.day) for each in visits()}
    counts: Counter[tuple[str, str, str]] = Counter()
    for alert_id, record in lived.records.items():
        event = lived.events[alert_id]
        begin, end = (
            date.fromisoformat(event[each]).toordinal() for each in ("counts_from", "counts_until")
        )
        group = {"sent": "treated", "held_out": "held_out"}.get(record.decision, "not_sent")
        counts[record.rule, group, "raised"] += 1
        if start_of_day_ms(end + 1, POLICY.timezone) + 2 * HOUR_MS > NEWEST_TICK_MS:
            continue
        counts[record.rule, group, "resolved"] += 1
        came = any((record.customer_id, day) in bought for day in range(begin, end + 1))
        counts[record.rule, group, "returned"] += came
    found: Counter[tuple[str, str, str]] = Counter()
    for key, sums in lived.ledger.items():
        for name in ("raised", "resolved", "returned"):
            found[key.rule, key.group, name] += getattr(sums, name)
    assert +found == +counts
    assert counts["late", "treated", "returned"] > 5
    assert counts["late", "held_out", "returned"] > 5
