"""A shop that the API is asked about: a store on a real Redis, filled by the fold, and a server.

Some hundred households of Complete Journey live through eleven weeks, and with them some
people whose ids are hard to write into a path, a spreadsheet or a sentence. What was told on the way
is kept, so that answers can be held against it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
import redis
from pydantic import BaseModel

from models.calendar import day_of, start_of_day_ms
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.policy import Policy, policy_from_preset
from models.population import Population
from models.segments import segments_by_kind
from streams.api.app import api
from streams.api.keys import KeyRing, create
from streams.api.server import Server, server_config
from streams.datasets import DATASETS
from streams.feed import FeedingSender
from streams.local import free_port
from streams.messages import rfc3339
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.source_config import NO_SOURCES, Sources
from streams.sources import SourceRecord
from streams.store import OutboxRow
from streams.surveyor import Surveyor
from streams.topics import CHANGES, ERASURES
from streams.wall import wall_ms
from tests.support.settled_town import KEYED, TwoPartitions
from tests.support.story import DAY_MS, HOUR_MS

PATIENCE_S = 20.0
HASH_KEY = "a secret"  # of `KEYED`
PLAIN = {
    "business": {"timezone": "America/New_York"},
    "clusters": {"k": 4},  # to choose k takes long
    "rfm": {"published": ["quintile", "china8"]},
}
RULES = {
    "regulars": {
        "when": "purchase_days_30d >= 4 and not overdue",
        "label": "Regulars",
        "label_zh": "常客",
        "description": "Four visits within thirty days.",
    },
    "quiet_spenders": {
        "when": "spend >= 100\nand silence_days > 20  # three weeks",
        "label": "Quiet spenders",
    },
    "north_or_vip": {"when": 'profile.region == "north" or profile.vip'},
    "friends": {
        "when": 'engagement["visit"].days_ago <= 60 and satisfaction >= 4',
        "label": "Friends of the house",
        "label_zh": "老朋友",
    },
    "golden_and_young": {"when": 'segment["value.spend/gold"] and age_band in ("19-24", "25-34")'},
    "nobody": {"when": "purchases > 1000000", "label": "<b>Nobody</b>"},
}
TIERS = [
    {"name": "gold", "from": 400},
    {"name": "silver", "from": 100.5},
    {"name": "bronze"},
]
# Without rules a purchase is one change, and what is told of it can be counted.
PLAIN_POLICY = policy_from_preset("grocery", **PLAIN)
POLICY = policy_from_preset("grocery", **PLAIN, segments=RULES, value={"spend": {"tiers": TIERS}})
PARTITIONS, ONE_IN, DAYS = 2, 9, 77
ODD_IDS = (
    *("a/b", "50%", "100%41", "?x=1&y#z", "nul\x00in", "line\r\nend", "..", " blank "),
    *("=1+1", "+49 30", "-5", "@home", "\tx", "\uff1dx", '"a","b"', "'quoted'"),
    *("Zo\u00eb 🛍️", "客户/一", "members", "\u202egnp"),
)
OLD_NAME, NEW_NAME = "card/4711", "Zo\u00eb & Söhne"


def waited(condition: Callable[[], bool], what: str = "it") -> None:
    """Wait until something holds; fails when patience ends."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s, f"{what} has not come about"
        threading.Event().wait(0.005)


class Api:
    """A server in a thread of its own, on a free port of the loopback interface.

    Args:
        settings: where Redis and Kafka are.
        policy: the rules in force.
        ring: the API keys; None: there are none.
        erase_wait_s: how long an erasure waits for a worker.
        clock: the wall clock.
        sources: whose webhooks are taken.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy = POLICY,
        ring: KeyRing | None = None,
        erase_wait_s: float = 0.0,
        clock: Callable[[], int] = wall_ms,
        sources: Sources = NO_SOURCES,
    ) -> None:
        given = (settings, policy, ring or KeyRing(None), erase_wait_s, clock, sources)
        self.front = api(*given)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = Server(server_config(self.front), self.front.stop_streams)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))
        self._thread.start()
        waited(lambda: self._server.started, "the server")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Stop the server; answers how long that took, in seconds."""
        began_s = time.monotonic()
        self._server.should_exit = True
        self._thread.join(3 * PATIENCE_S)  # what is under way may wait for a Kafka
        assert not self._thread.is_alive()
        self._listening.close()
        return time.monotonic() - began_s

    @contextmanager
    def asked(self, key: str | None = None) -> Iterator[httpx.Client]:
        """A client of it."""
        headers = {} if key is None else {"X-API-Key": key}
        with httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S) as client:
            yield client


def part(text: str) -> str:
    """As a part of a path; dots, too, or a client would take `..` for a step up."""
    return quote(text, safe="").replace(".", "%2E")


def path(customer_id: str) -> str:
    """Of a customer."""
    return f"/v1/customers/{part(customer_id)}"


def got(answer: httpx.Response, status: int = 200) -> Any:
    """The body of an answer."""
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int) -> str:
    """The detail of a problem."""
    body = got(answer, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (body["status"], body["type"][:10]) == (status, "/problems/")
    return str(body["detail"])


def unnamed(model: BaseModel, told: dict[str, Any], place: str = "") -> list[str]:
    """The fields of an answer that its model does not name, however deep."""
    names = {each.alias or name: name for name, each in type(model).model_fields.items()}
    found = [f"{place}.{name}" for name in told.keys() - names.keys()]
    for name, field_name in names.items():
        value, body = getattr(model, field_name), told.get(name)
        pairs: list[tuple[Any, Any]] = [(value, body)]
        if isinstance(value, list):
            pairs = list(zip(value, body or [], strict=True))
        elif isinstance(value, dict):
            pairs = [(each, (body or {})[key]) for key, each in value.items()]
        for one, its_body in pairs:
            if isinstance(one, BaseModel) and isinstance(its_body, dict):
                found += unnamed(one, its_body, f"{place}.{name}")
    return found


def settings(namespace: str, redis_url: str, **more: Any) -> Settings:
    """Of an installation in the house."""
    given = {"namespace": namespace, "redis_url": redis_url, "hash_key": HASH_KEY, **more}
    return Settings.model_validate({"api_rate_per_s": 0, **given})


def keys_file(path: Path, **scopes: Sequence[str]) -> dict[str, str]:
    """A file of keys; answers them by name."""
    return {name: create(path, name, each) for name, each in scopes.items()}


class Acknowledging:
    """Kafka, taking everything."""

    def send(self, rows: Sequence[OutboxRow]) -> int:
        return len(rows)


class Shop(TwoPartitions):
    """An installation on Redis whose effects go into the feed as the relay would write them.

    Args:
        store: kept in Redis.
        feeding: writes the feed.
        policy: in force; one without rules tells one change of a purchase.
    """

    def __init__(
        self, store: RedisStore, feeding: FeedingSender, policy: Policy = PLAIN_POLICY
    ) -> None:
        super().__init__(policy, store, partitions=PARTITIONS)
        self._feeding, self._fed = feeding, 0

    async def settle(self) -> None:
        await super().settle()
        rows, self._fed = self.effects[self._fed :], len(self.effects)
        assert self._feeding.send(rows) == len(rows)

    def record(self, each: SourceRecord) -> None:
        """One event into its partition."""
        body = json.loads(each.value)
        del body["customer_id"], body["occurred_at"]
        self.put(each.kind, each.customer_id, each.occurred_at_ms, **body)


@dataclass
class House:
    """What is in the store, and what was told on the way.

    Attributes:
        namespace: of the installation.
        redis_url: where it is.
        states: every customer's, as written.
        aliases: other names → whom they stand for.
        clock_ms: of both partitions.
        sizes: customer-day → lifecycle state → customers at its end.
        changes: bodies of all changes that were published, with their ids; oldest first.
        populations: all that were learned.
    """

    namespace: str
    redis_url: str
    states: dict[str, CustomerState] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    clock_ms: int = 0
    sizes: dict[int, dict[str, int]] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    populations: list[Population] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return settings(self.namespace, self.redis_url)

    @property
    def today(self) -> int:
        """The customer-day of the clock."""
        return day_of(self.clock_ms, POLICY.timezone)

    def members(self, segment: str) -> list[str]:
        """Who is in it."""
        return sorted(id_ for id_ in self.states if segment in self.segments(id_))

    def segments(self, customer_id: str) -> list[str]:
        """Where somebody is."""
        return [*segments_by_kind(customer_id, self.states[customer_id]).values()]


def filled(house: House) -> House:
    """Live through it all."""
    return asyncio.run(_filled(house))


async def _filled(house: House) -> House:
    zone = POLICY.timezone
    async with connect(house.redis_url) as client:
        with redis.Redis.from_url(house.redis_url) as feeder:
            store = RedisStore(client, house.namespace)
            await store.set_partitions(PARTITIONS)
            feeding = FeedingSender(Acknowledging(), feeder, house.namespace, KEYED)
            shop = Shop(store, feeding, POLICY)
            for day, records in groupby(_events(), lambda each: day_of(each.occurred_at_ms, zone)):
                for each in records:
                    shop.record(each)
                await shop.settle()
                house.sizes[day] = await _sizes(store)
                house.clock_ms = start_of_day_ms(day + 1, zone)
                await shop.tick(house.clock_ms)
        assert await Surveyor(client, house.settings, POLICY, 0.0).now() is not None
        held = {id_: decode_held(packed) for id_, packed in (await shop.states()).items()}
    house.states = {id_: each for id_, each in held.items() if isinstance(each, CustomerState)}
    house.aliases = {id_: each.into for id_, each in held.items() if isinstance(each, Alias)}
    house.changes = [_told(row) for row in shop.effects if row.topic == CHANGES]
    house.populations = shop.populations
    assert not [row for row in shop.effects if row.topic not in {CHANGES, ERASURES}]
    return house


async def _sizes(store: RedisStore) -> dict[str, int]:
    """Lifecycle states, counted from the customers themselves."""
    found: Counter[str] = Counter()
    for partition in range(PARTITIONS):
        cursor = -1
        while cursor:
            walked = await store.walk(partition, max(0, cursor), 500)
            cursor = walked.cursor
            held = map(decode_held, walked.states.values())
            found.update(
                each.standing.lifecycle for each in held if isinstance(each, CustomerState)
            )
    return {str(name): count for name, count in found.items()}


def _told(row: OutboxRow) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in row.headers}
    named = {"id": headers["ce_id"], "type": headers["ce_type"], "time": headers["ce_time"]}
    return {**named, **json.loads(row.value or b"")}


def _events() -> list[SourceRecord]:
    """Of everybody, day by day."""
    journey = DATASETS["complete-journey"].read()
    first = next(journey)
    until_ms = first.occurred_at_ms + DAYS * DAY_MS
    read = [first, *takewhile(lambda each: each.occurred_at_ms < until_ms, journey)]
    households = [each for each in read if not int(each.customer_id) % ONE_IN]
    odd = [event for number, id_ in enumerate(ODD_IDS) for event in _visits(id_, number, first)]
    pair = [*_visits(OLD_NAME, 3, first), *_visits(NEW_NAME, 4, first)]
    merge = _event("merge", OLD_NAME, first.occurred_at_ms + 60 * DAY_MS, into=NEW_NAME)
    return sorted([*households, *odd, *pair, merge], key=lambda each: each.occurred_at_ms)


def _visits(customer_id: str, number: int, first: SourceRecord) -> Iterator[SourceRecord]:
    """Somebody who comes every few days, for a while; every fourth only leaves their address."""
    region = "north" if number % 2 else "south"
    attributes = {"region": region, "vip": number % 3 == 0, "visits": number}
    if number % 5 == 0:
        attributes["birth_year"] = 1990 + number
    yield _event("profile", customer_id, first.occurred_at_ms, attributes=attributes)
    if number % 2:
        visited_ms = first.occurred_at_ms + (30 + number) * DAY_MS
        yield _event("engagement", customer_id, visited_ms, type="visit", score=number % 4 + 2)
    for visit in range(0 if number % 4 == 0 else 2 + number % 7):
        at_ms = first.occurred_at_ms + visit * (3 + number % 5) * DAY_MS + number * HOUR_MS
        paid = {"amount_minor": 1_000 + 100 * number, "currency": "USD"}
        order = f"order {visit} of {number}"
        yield _event("purchase", customer_id, at_ms, order_id=order, event_id=order, **paid)
        if visit == 1 and number % 5 == 0:
            yield _event("refund", customer_id, at_ms + DAY_MS, order_id=order, **paid)


def _event(kind: str, customer_id: str, at_ms: int, **fields: Any) -> SourceRecord:
    body = {"customer_id": customer_id, "occurred_at": rfc3339(at_ms), **fields}
    return SourceRecord(kind, customer_id, at_ms, json.dumps(body).encode())


def nowhere() -> str:
    """A Redis that is not there."""
    return f"redis://127.0.0.1:{free_port()}/0"
