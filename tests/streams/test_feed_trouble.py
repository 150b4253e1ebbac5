"""The feed when Kafka acknowledges less, or Redis is away or full; and reading it on from a place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import redis

from models.effects import Cause, EffectType, PublishChange, Why
from models.erasure import Mark, Pseudonyms
from models.ledger import Standing
from models.lifecycle import State
from streams.feed import BEGINNING, KEPT, Feed, FeedingSender, is_cursor, place_of
from streams.local import LocalStore
from streams.messages import Source, change_row, erasure_row
from streams.outbox import relay_once
from streams.redis_store import connect
from streams.refusal import Refused
from streams.store import Change, Meta, OutboxRow, StoreUnavailable
from tests.real_parts import VALKEY, RealParts
from tests.streams.logbook import memory

KEYED = Pseudonyms(b"a key of the tests")
SOURCE = Source("ns", 0, 7, "policy", 3)
ADA, ABEL, CLEO = "ada@example.org", "abel\x00\r\n🛍️", "cleo"


def change(number: int, customer_id: str = CLEO, into: str = "") -> OutboxRow:
    """The customer's effect of that number, as the fold writes it."""
    kind = EffectType.CUSTOMER_MERGED if into else EffectType.LIFECYCLE_CHANGED
    cause = Cause.of_event(f"e{number}", 1_483_264_800_500 + number, Why.PURCHASE)
    effect = PublishChange(
        kind, customer_id, cause, None, Standing(State.ACTIVE), 5, number, into=into
    )
    return change_row(effect, SOURCE)


def erased(customer_id: str) -> OutboxRow:
    """The mark of someone who was erased."""
    return erasure_row(KEYED.of(customer_id), Mark(5, "aa"), KEYED.key_id, 4, SOURCE)


class FakeSender:
    """Acknowledges so many of each call; all when answers run out."""

    def __init__(self, *answers: int) -> None:
        self.sent: list[OutboxRow] = []
        self._answers = list(answers)

    def send(self, rows: Sequence[OutboxRow]) -> int:
        count = min(len(rows), self._answers.pop(0)) if self._answers else len(rows)
        self.sent += rows[:count]
        return count


class Broken:
    """A Redis whose connection is broken until it is mended."""

    def __init__(self, client: redis.Redis) -> None:
        self._client, self.is_broken = client, True

    def __getattr__(self, name: str) -> Any:
        if self.is_broken:
            raise redis.ConnectionError("broken")
        return getattr(self._client, name)


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as one:
        yield one


@pytest.fixture
async def feed(valkey_url: str, namespace: str) -> AsyncIterator[Feed]:
    async with connect(valkey_url) as one:
        yield Feed(one, namespace)


@pytest.fixture
def sender(client: redis.Redis, namespace: str) -> FeedingSender:
    return FeedingSender(FakeSender(), client, namespace, KEYED)


async def told(feed: Feed) -> list[int]:
    """The sequences of all changes in it, oldest first."""
    return [orjson.loads(each.json)["sequence"] for each in await feed.after(BEGINNING, 100_000)]


async def test_what_was_not_acknowledged_is_told_once_it_is(
    client: redis.Redis, namespace: str, feed: Feed
) -> None:
    rows = [change(number) for number in range(1, 6)]
    sender = FeedingSender(FakeSender(2, 0), client, namespace, KEYED)
    assert sender.send(rows) == 2
    assert sender.send(rows[2:]) == 0
    assert await told(feed) == [1, 2]
    assert sender.send(rows[2:]) == 3
    assert await told(feed) == [1, 2, 3, 4, 5]


async def test_a_mark_leaves_only_once_the_feed_has_forgotten_the_person(
    client: redis.Redis, namespace: str, feed: Feed
) -> None:
    broken, kafka = Broken(client), FakeSender()
    sender = FeedingSender(kafka, cast(redis.Redis, broken), namespace, KEYED)
    assert sender.send([change(1, ADA), erased(ADA), change(2)]) == 1
    assert kafka.sent == [change(1, ADA)]
    broken.is_broken = False
    assert sender.send([erased(ADA), change(2)]) == 2
    assert await told(feed) == [2]


async def test_a_mark_that_was_not_acknowledged_is_sent_again(
    client: redis.Redis, namespace: str, feed: Feed
) -> None:
    sender = FeedingSender(FakeSender(1, 0), client, namespace, KEYED)
    assert sender.send([change(1, ADA), erased(ADA)]) == 1
    assert sender.send([erased(ADA)]) == 1
    assert await told(feed) == []


async def test_an_erasure_takes_out_on_every_page_those_who_became_the_person_too(
    sender: FeedingSender, feed: Feed
) -> None:
    names = (ADA, CLEO, ABEL)
    rows = [
        change(number, names[number % 3], into=ADA if number % 6 == 5 else "")
        for number in range(1, 2_503)
    ]
    for start in range(0, len(rows), 1_000):
        sender.send(rows[start : start + 1_000])
    sender.send([erased(ADA)])
    left = await feed.after(BEGINNING, 10_000)
    assert len(left) == 834 + 417
    assert not any(ADA.encode() in each.json for each in left)
    sender.send([erased(ABEL)])
    assert len(await told(feed)) == 834


def test_a_relay_with_another_key_refuses_to_send_the_mark_of_an_erasure(
    client: redis.Redis, namespace: str
) -> None:
    kafka = FakeSender()
    sender = FeedingSender(kafka, client, namespace, Pseudonyms(b"another"))
    with pytest.raises(Refused, match="SEGMENTER_HASH_KEY"):
        sender.send([change(1, ADA), erased(ADA)])
    assert kafka.sent == [change(1, ADA)]


async def test_of_more_than_the_feed_holds_sent_at_once_the_newest_are_told(
    sender: FeedingSender, feed: Feed
) -> None:
    assert sender.send([change(number) for number in range(1, KEPT + 501)]) == KEPT + 500
    assert await told(feed) == list(range(501, KEPT + 501))


async def test_what_the_feed_could_not_take_is_told_later_and_never_sent_twice(
    client: redis.Redis, namespace: str, feed: Feed
) -> None:
    store, kafka, broken = memory(), FakeSender(), Broken(client)
    rows = [change(1), change(2, ADA)]
    assert await store.apply(0, Meta(), Change(Meta(1, b"n1"), {}, rows))
    sender = FeedingSender(kafka, cast(redis.Redis, broken), namespace, KEYED)
    assert (await relay_once(store, 0, sender)).sent.total() == 2
    assert await store.apply(0, Meta(1, b"n1"), Change(Meta(2, b"n2"), {}, [change(3)]))
    with pytest.raises(StoreUnavailable, match=r"^Redis: broken"):
        await relay_once(store, 0, sender)
    assert kafka.sent == rows
    broken.is_broken = False
    assert (await relay_once(store, 0, sender)).sent.total() == 1
    assert kafka.sent == [*rows, change(3)]
    assert await told(feed) == [1, 2, 3]


async def test_a_redis_that_is_full_is_told_nothing_and_the_outbox_empties_all_the_same(
    real_parts: RealParts, tmp_path: Path
) -> None:
    server = real_parts.server(VALKEY.name, tmp_path)
    assert isinstance(server, LocalStore)
    with server, redis.Redis.from_url(server.url) as client:
        sender = FeedingSender(FakeSender(), client, "ns", KEYED)
        sender.send([change(1, ADA), change(2)])
        client.config_set("maxmemory", 1)
        assert sender.send([change(3), erased(ADA)]) == 2
        client.config_set("maxmemory", 0)
        assert sender.send([change(4)]) == 1
        async with connect(server.url) as reader:
            assert await told(Feed(reader, "ns")) == [2, 4]


async def test_whoever_reads_on_from_a_place_misses_nothing_and_sees_nothing_twice(
    sender: FeedingSender, feed: Feed
) -> None:
    seen: list[int] = []
    place = BEGINNING
    for number in range(1, 40):
        sender.send([change(number)])
        if number % 3 == 0:
            while page := await feed.after(place, 2):
                seen += [orjson.loads(each.json)["sequence"] for each in page]
                assert place_of(page[-1].cursor) > place_of(place)
                place = page[-1].cursor
    assert seen == list(range(1, 40))


async def test_places_at_which_a_feed_begins_and_ends_move_with_an_erasure(
    sender: FeedingSender, feed: Feed
) -> None:
    sender.send([change(1, ADA), change(2), change(3), change(4, ADA)])
    places = [each.cursor for each in await feed.after(BEGINNING, 9)]
    assert await feed.oldest_and_newest() == (places[0], places[3])
    sender.send([erased(ADA)])
    assert await feed.oldest_and_newest() == (places[1], places[2])


async def test_feeds_of_two_namespaces_know_nothing_of_each_other(
    client: redis.Redis, namespace: str, sender: FeedingSender, feed: Feed
) -> None:
    FeedingSender(FakeSender(), client, f"{namespace}-other", KEYED).send([change(1)])
    sender.send([change(2)])
    assert await told(feed) == [2]


@pytest.mark.parametrize("text", ["0-0", "1764400000000-0", "18446744073709551-9"])
def test_a_place_is_two_numbers(text: str) -> None:
    assert is_cursor(text)


@pytest.mark.parametrize(
    "text", ["", "-", "+", "$", "12", "12-", "-12", "1-2-3", "1--2", "(1-0", "1-٣", "9" * 20 + "-0"]
)
def test_anything_else_is_no_place(text: str) -> None:
    assert not is_cursor(text)


def test_places_are_compared_as_numbers() -> None:
    assert place_of("1764400000000-9") < place_of("1764400000000-10") < place_of("17644000000000-0")
