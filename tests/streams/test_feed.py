"""The feed: what Kafka has acknowledged is told, in order; who is erased disappears from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from models.effects import EffectType
from streams import feed as module
from streams.feed import BEGINNING, Feed, FeedingSender, Told
from streams.keys import feed as feed_key
from streams.redis_store import connect
from streams.store import OutboxRow, StoreUnavailable
from streams.topics import CHANGES, DEAD_LETTERS, LOG
from tests.support.api_feed import Kafka, changed, erased
from tests.support.settled_town import KEYED
from tests.support.terminal import NOWHERE


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as one:
        yield one


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def sender(kafka: Kafka, client: redis.Redis, namespace: str) -> FeedingSender:
    return FeedingSender(kafka, client, namespace, KEYED)


async def told(url: str, namespace: str) -> list[Told]:
    async with connect(url) as client:
        return await Feed(client, namespace).after(BEGINNING, 1_000)


async def bodies(url: str, namespace: str) -> list[dict[str, Any]]:
    return [json.loads(each.json) for each in await told(url, namespace)]


async def names(url: str, namespace: str) -> list[str]:
    return [each["customer_id"] for each in await bodies(url, namespace)]


async def test_a_change_is_told_as_the_api_tells_it(
    sender: FeedingSender, valkey_url: str, namespace: str
) -> None:
    assert sender.send([changed("c\u2028 1")]) == 1
    (one,) = await bodies(valkey_url, namespace)
    assert one == {
        "id": dict(changed("c\u2028 1").headers)["ce_id"].decode(),
        "type": "lifecycle.changed",
        "time": "2026-01-01T00:00:00.000Z",
        "customer_id": "c\u2028 1",
        "before": None,
        "after": {"lifecycle": "new", "flags": []},
        "since": "2026-01-01T00:00:00.000Z",
        "reason": "purchase",
        "cause": one["cause"],
        "sequence": 1,
        "retracts": [],
        "policy": "p1",
        "population": None,
    }


async def test_only_what_was_acknowledged_is_told(
    sender: FeedingSender, kafka: Kafka, valkey_url: str, namespace: str
) -> None:
    kafka.takes = 2
    assert sender.send([changed(each) for each in "abc"]) == 2
    assert await names(valkey_url, namespace) == ["a", "b"]


async def test_only_changes_are_told_and_no_erasure(
    sender: FeedingSender, kafka: Kafka, valkey_url: str, namespace: str
) -> None:
    rows = [
        OutboxRow(LOG, None, b"{}", [("kind", b"tick")]),
        OutboxRow(DEAD_LETTERS, b"a", b"{", [("error.reason", b"not_json")]),
        changed("a", 2, EffectType.CUSTOMER_ERASED),
        changed("b"),
    ]
    assert sender.send(rows) == len(kafka.sent) == 4
    assert [each.type for each in await told(valkey_url, namespace)] == ["lifecycle.changed"]


async def test_who_is_erased_disappears_with_every_change_that_names_them(
    sender: FeedingSender, valkey_url: str, namespace: str, client: redis.Redis
) -> None:
    merged = EffectType.CUSTOMER_MERGED
    sender.send([changed("a"), changed("card", 2, merged, into="a"), changed("b"), changed("a", 3)])
    assert await names(valkey_url, namespace) == ["a", "card", "b", "a"]
    sender.send([changed("a", 4), changed("a", 5, EffectType.CUSTOMER_ERASED), erased("a")])
    assert await names(valkey_url, namespace) == ["b"]
    rows: Any = client.xrange(feed_key(namespace))
    assert b'"a"' not in b"".join(value for _, fields in rows for value in fields.values())


async def test_who_comes_back_after_an_erasure_is_told_of_again(
    sender: FeedingSender, valkey_url: str, namespace: str
) -> None:
    sender.send([changed("a"), changed("b"), erased("a"), changed("c"), changed("a", 2)])
    assert await names(valkey_url, namespace) == ["b", "c", "a"]
    assert [each["sequence"] for each in await bodies(valkey_url, namespace)] == [1, 1, 2]


async def test_an_erasure_finds_its_changes_however_long_the_feed_is(
    sender: FeedingSender, valkey_url: str, namespace: str
) -> None:
    many = [changed("a" if n % 500 == 0 else "b", n) for n in range(1, 2_501)]
    sender.send(many)
    sender.send([erased("a")])
    async with connect(valkey_url) as client:
        kept = await Feed(client, namespace).after(BEGINNING, 10_000)
    assert len(kept) == 2_495
    assert {json.loads(each.json)["customer_id"] for each in kept} == {"b"}


async def test_the_feed_is_a_window_on_the_newest(
    sender: FeedingSender, client: redis.Redis, valkey_url: str, namespace: str
) -> None:
    for _ in range(11):
        sender.send([changed("a", n) for n in range(1, 1_101)])
    kept = client.xlen(feed_key(namespace))
    assert module.KEPT <= kept < 1.05 * module.KEPT
    async with connect(valkey_url) as one:
        feed = Feed(one, namespace)
        newest = [json.loads(each.json)["sequence"] for each in await feed.newest(3)]
        oldest, last = await feed.oldest_and_newest()
        assert newest == [1_100, 1_099, 1_098]
        assert (await feed.newest(1))[0].cursor == last
        assert (await feed.after(BEGINNING, 1))[0].cursor == oldest
        assert await feed.after(last, 10) == []


async def test_an_empty_feed_begins_and_ends_at_the_beginning(
    valkey_url: str, namespace: str
) -> None:
    async with connect(valkey_url) as client:
        assert await Feed(client, namespace).oldest_and_newest() == (BEGINNING, BEGINNING)


async def test_while_redis_is_away_nothing_more_is_sent_than_the_feed_can_be_told(
    kafka: Kafka, namespace: str
) -> None:
    with redis.Redis.from_url(f"redis://{NOWHERE}/0") as client:
        away = FeedingSender(kafka, client, namespace, KEYED)
        assert away.send([OutboxRow(CHANGES, b"a", b"{}", [("ce_type", b"customer.erased")])]) == 1
        assert away.send([changed("a")]) == 1
        with pytest.raises(StoreUnavailable):
            away.send([changed("b")])
    async with connect(f"redis://{NOWHERE}/0") as one:
        for ask in (Feed(one, namespace).newest(1), Feed(one, namespace).oldest_and_newest()):
            with pytest.raises(StoreUnavailable):
                await ask
