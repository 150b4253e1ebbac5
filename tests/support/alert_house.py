"""A shop whose alerts are delivered: a store and a shelf on a real Redis, filled by the fold and the desk.

A hundred and sixty people buy every few days, fall silent, and come back or don't. Whom marketing is
told of, who is held out and what came of it is what the fold, the desk and the queues make of that. Of
the three receivers one takes everything, one has gone, and one does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import redis

from models.alert_record import AlertRecord, decode_record
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.events import LogRecord
from models.policy import policy_from_preset
from streams.alert_decisions import Desk, Surroundings
from streams.alert_desk import DeskFold
from streams.alert_entries import ALERTS as RECORDS
from streams.alert_entries import PEOPLE, person_of
from streams.deliveries import Deliveries
from streams.endpoints import Endpoint
from streams.feed import FeedingSender
from streams.lookup import Lookup
from streams.loop import no_records
from streams.partition import Batch
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.shelf import Hand
from streams.topics import ALERTS
from streams.webhook import Answer
from tests.support.api_house import PARTITIONS, Acknowledging, Shop, settings
from tests.support.settled_town import KEYED
from tests.support.story import DAY_MS, HOUR_MS

BEGIN_MS = 1_767_225_600_000 + 5 * HOUR_MS  # 2026-01-01, midnight in New York
DAYS, CROWD = 92, 160
POLICY = policy_from_preset(
    "grocery",
    business={"timezone": "America/New_York"},
    clusters={"k": 4},
    rfm={"published": []},
    segments={"friends": {"when": "purchases >= 3"}},
    playbook={"call": {"action": "Call them", "action_zh": "致电客户", "owner": "Care"}},
    alerts={
        "holdout": 0.4,
        "frequency_cap": 1,
        "rules": {
            "slipping": {
                "on": "churn.risk_raised",
                "level": 0.6,
                "channel": "email",
                "daily_budget": 2,
                "playbook": "call",
                "label": "Slipping away",
                "label_zh": "正在流失",
            },
            "late": {"on": "customer.overdue", "label": "<b>Late</b>"},
            "back": {"on": "customer.won_back", "daily_budget": 5, "label_zh": "已回归"},
            "quiet": {"on": "segment.exited", "segment": "friends"},  # nobody ever leaves it
        },
    },
)
ODD_IDS = ("a/b", "=1+1", "Zo\u00eb 🛍️", "客户/一", "..")
OLD_NAME, NEW_NAME = "card/7", "c007"
ENDPOINTS = {
    name: Endpoint.model_validate(
        {
            "name": name,
            "url": f"https://{name}.example.com/secret",
            "format": "slack",
            "rules": rules,
        }
    )
    for name, rules in (("crm", ["*"]), ("gone", ["late"]), ("slow", ["slipping"]))
}
_STATUS = {"crm": 200, "gone": 410, "slow": 503}


class Receivers:
    """Each answers the same to everything."""

    async def post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Answer:
        """See `Poster.post`."""
        return Answer(_STATUS[endpoint.name], "as it is")


@dataclass
class AlertHouse:
    """What is on the shelf, and who is in the store.

    Attributes:
        namespace: of the installation.
        redis_url: where it is.
        now_ms: the wall clock, a moment after the last decision.
        records: all alerts that are kept.
        told_ms: customer → when somebody was told of them.
        states: every customer's, as written.
    """

    namespace: str
    redis_url: str
    now_ms: int = 0
    records: list[AlertRecord] = field(default_factory=list)
    told_ms: dict[str, tuple[int, ...]] = field(default_factory=dict)
    states: dict[str, CustomerState] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return settings(self.namespace, self.redis_url)

    @property
    def newest_first(self) -> list[AlertRecord]:
        """As the API lists them."""
        return sorted(self.records, key=lambda each: (each.raised_ms, each.alert_id), reverse=True)


def name(number: int) -> str:
    """Of somebody of the crowd; the first have names that are hard to write."""
    return ODD_IDS[number] if number < len(ODD_IDS) else f"c{number:03}"


def attributes(number: int) -> dict[str, Any]:
    """What a profile tells: some may not be written to, some have not said."""
    told: dict[str, Any] = {} if number % 4 == 0 else {"consent.email": number % 7 != 0}
    return {**told, **({"do_not_contact": True} if number % 13 == 0 else {}), "number": number}


def purchase_days(number: int) -> list[int]:
    """When somebody buys, days since the beginning; every third comes back after a silence."""
    gap, visits = 3 + number % 5, 5 + number % 4
    regular = [number % 41 + gap * visit for visit in range(visits)]
    silence = 12 + number % 30
    return regular + ([regular[-1] + silence, regular[-1] + silence + 4] if number % 3 == 0 else [])


class Delivering:
    """The shop and its desk, day by day.

    Args:
        shop: on the store.
        store: the same.
        shelf: that the desk writes on.
    """

    def __init__(self, shop: Shop, store: RedisStore, shelf: RedisShelf) -> None:
        nonces = count(1)
        self.shop, self.now_ms = shop, BEGIN_MS
        self.hand = Hand(shelf, lambda: b"%d" % next(nonces))
        self._lookup = Lookup(store, POLICY)
        self._read_to = 0
        self._fold = DeskFold(
            *("loop", "", self.hand, no_records),
            *(lambda: POLICY, lambda: ENDPOINTS, lambda: self.now_ms),
        )
        self._desk = Desk(self.hand, lambda: ENDPOINTS, lambda: self.now_ms)
        self._deliveries = Deliveries(
            self.hand, Receivers(), lambda: ENDPOINTS, lambda: self.now_ms
        )

    async def folds(self) -> None:
        """Alerts that were published since come onto the desk."""
        rows = [each for each in self.shop.effects if each.topic == ALERTS]
        new = [
            LogRecord(0, place, self.now_ms, row.key, row.value, dict(row.headers))
            for place, row in enumerate(rows)
        ][self._read_to :]
        if new:
            assert await self._fold.handle(Batch(self._read_to, len(rows), new)) is None
            self._read_to = len(rows)

    async def decides(self, at_ms: int) -> None:
        """What is due is decided, and sent."""
        self.now_ms = at_ms
        await self._desk.decide(Surroundings(POLICY, False, self._customer))  # noqa: FBT003
        for each in ENDPOINTS:
            await self._deliveries.round(each)

    async def _customer(self, customer_id: str) -> CustomerState | None:
        found = await self._lookup.customer(customer_id, self.now_ms)
        return None if found is None else found.state


def filled(house: AlertHouse) -> AlertHouse:
    """Live through it all."""
    return asyncio.run(_filled(house))


async def _filled(house: AlertHouse) -> AlertHouse:
    async with connect(house.redis_url) as client:
        with redis.Redis.from_url(house.redis_url) as feeder:
            store, shelf = RedisStore(client, house.namespace), RedisShelf(client, house.namespace)
            await store.set_partitions(PARTITIONS)
            feeding = FeedingSender(Acknowledging(), feeder, house.namespace, KEYED)
            shop = Shop(store, feeding, POLICY)
            house.now_ms = await _lived(Delivering(shop, store, shelf))
        await shelf_into(house, shelf)
        held = {id_: decode_held(packed) for id_, packed in (await shop.states()).items()}
    house.states = {id_: each for id_, each in held.items() if isinstance(each, CustomerState)}
    assert [id_ for id_, each in held.items() if isinstance(each, Alias)] == [OLD_NAME]
    return house


async def shelf_into(house: AlertHouse, shelf: RedisShelf) -> None:
    """What is on the shelf now."""
    kept = await shelf.everything(RECORDS)
    house.records = [decode_record(each) for each in kept.values()]
    people = await shelf.everything(PEOPLE)
    house.told_ms = {id_: person_of(each).told_ms for id_, each in people.items()}


async def _lived(delivering: Delivering) -> int:
    """Three months of nights, mornings and purchases; the last one ends at noon. Answers when."""
    shop, crowd = delivering.shop, range(CROWD)
    await delivering.hand.reload()
    for number in crowd:
        shop.put("profile", name(number), BEGIN_MS, attributes=attributes(number))
    bought = [(day, number) for number in crowd for day in purchase_days(number)]
    orders: Mapping[int, list[int]] = {
        day: [number for on, number in bought if on == day] for day in range(DAYS)
    }
    for day, numbers in orders.items():
        morning_ms = BEGIN_MS + day * DAY_MS
        await shop.tick(morning_ms + 3 * HOUR_MS)
        delivering.now_ms = morning_ms + 3 * HOUR_MS
        await delivering.folds()
        await delivering.decides(morning_ms + 8 * HOUR_MS)
        for number in numbers:
            shop.buy(name(number), morning_ms + 12 * HOUR_MS, f"order {day} of {number}")
        if day == 75:
            shop.put("merge", OLD_NAME, morning_ms + 13 * HOUR_MS, into=NEW_NAME)
        if day < 20 and day % 4 == 0:
            shop.buy(OLD_NAME, morning_ms + 11 * HOUR_MS, f"card order {day}")
        await shop.settle()
        delivering.now_ms = morning_ms + 13 * HOUR_MS
        await delivering.folds()
    await delivering.decides(delivering.now_ms)
    return delivering.now_ms
