"""A small shop that an assistant asks about: people whom nobody may recognise, on a real Valkey.

Forty people buy every few days for seven weeks. Some ids are e-mail addresses and phone numbers, and every profile
tells things that must not leave. A desk decides on alerts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from mcp.client import Client

from models.codec import decode_held
from models.customer import CustomerState
from models.grid import with_value
from models.policy import policy_from_mapping
from models.policy_record import policy_as_json
from streams.feed import FeedingSender
from streams.mcp_audit import Audit
from streams.mcp_installation import Installation
from streams.mcp_masking import Mask
from streams.mcp_server import Allowed, Server
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.surveyor import Surveyor
from tests.support import alert_house
from tests.support.alert_house import BEGIN_MS, Delivering
from tests.support.api_house import PARTITIONS, Acknowledging, Shop, settings
from tests.support.settled_town import KEYED
from tests.support.story import DAY_MS, HOUR_MS

POLICY = policy_from_mapping(
    with_value(
        policy_as_json(alert_house.POLICY),
        "segments.north.when",
        'profile.region == "the-far-north" or profile.vip',
    ),
    "the shop",
)
USUAL = Allowed()
PEOPLE, DAYS = 40, 49
SECRETS = ("the-far-north", "the-deep-south", "@", "7946", "Zelda", "1971")  # of ids and profiles


def name(number: int) -> str:
    """Of somebody: every third id is an e-mail address, a phone number, a name."""
    odd = (f"person{number}@example.org", f"+44 20 7946 0{number:03}", f"Zelda {number}")
    return odd[number % 3]


def attributes(number: int) -> dict[str, Any]:
    """What a profile tells."""
    return {
        "region": ("the-far-north", "the-deep-south")[number % 2],
        "vip": number % 7 == 0,
        "email": f"person{number}@example.org",
        "telephone": f"+44 20 7946 0{number:03}",
        "birth_year": 1971,
        "note": f"write to Zelda at zelda{number}@example.org",
        "till": number % 4,
    }


@dataclass
class McpShop:
    """What is in the store.

    Attributes:
        namespace: of the installation.
        redis_url: where it is.
        now_ms: the wall clock, a moment after the last decision.
        states: every customer's, as written.
    """

    namespace: str
    redis_url: str
    now_ms: int = 0
    states: dict[str, CustomerState] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return settings(self.namespace, self.redis_url)

    @asynccontextmanager
    async def asked(
        self, audit: Path | None, allowed: Allowed = USUAL, redis_url: str = ""
    ) -> AsyncIterator[Client]:
        """A client of a server on it, in this process."""
        given = settings(self.namespace, redis_url or self.redis_url)
        mask = Mask(given.pseudonyms, [*allowed.shown])
        async with connect(given.redis_url.get_secret_value()) as client:
            installation = Installation(client, given, POLICY, lambda: self.now_ms)
            log = Audit(audit, mask, lambda: self.now_ms)
            async with Client(Server(installation, mask, log, allowed)) as one:
                yield one


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


async def declined(client: Client, tool: str, **arguments: Any) -> str:
    """Why a tool does not answer."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer.structured_content
    return "".join(getattr(each, "text", "") for each in answer.content)


def noted(audit: Path) -> list[Mapping[str, Any]]:
    """The lines of an audit log."""
    return [json.loads(line) for line in audit.read_text("utf-8").splitlines()]


def filled(shop: McpShop) -> McpShop:
    """Live through it all."""
    return asyncio.run(_filled(shop))


async def _filled(mine: McpShop) -> McpShop:
    async with connect(mine.redis_url) as client:
        with redis.Redis.from_url(mine.redis_url) as feeder:
            store, shelf = RedisStore(client, mine.namespace), RedisShelf(client, mine.namespace)
            await store.set_partitions(PARTITIONS)
            feeding = FeedingSender(Acknowledging(), feeder, mine.namespace, KEYED)
            shop = Shop(store, feeding, POLICY)
            mine.now_ms = await _lived(Delivering(shop, store, shelf))
        assert await Surveyor(client, mine.settings, POLICY, 0.0).now() is not None
        held = {id_: decode_held(packed) for id_, packed in (await shop.states()).items()}
    mine.states = {id_: each for id_, each in held.items() if isinstance(each, CustomerState)}
    return mine


async def _lived(delivering: Delivering) -> int:
    """Weeks of nights, mornings and purchases; every fifth person stops after three. Answers when they end."""
    shop = delivering.shop
    await delivering.hand.reload()
    for number in range(PEOPLE):
        shop.put("profile", name(number), BEGIN_MS, attributes=attributes(number))
    for day in range(DAYS):
        morning_ms = BEGIN_MS + day * DAY_MS
        await shop.tick(morning_ms + 3 * HOUR_MS)
        await delivering.folds()
        await delivering.decides(morning_ms + 8 * HOUR_MS)
        for number in range(PEOPLE - 1):  # the last one never buys
            if day % (3 + number % 4) == 0 and not (number % 5 == 0 and day > 20):
                shop.buy(name(number), morning_ms + 12 * HOUR_MS, f"order {day} of {number}")
        await shop.settle()
    await delivering.folds()
    return delivering.now_ms
