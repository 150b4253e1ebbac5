"""The hop from a source's topic into the log: nothing is lost, what is repeated changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
import redis.asyncio as aioredis

from models.adapters import Source, sources_from_toml
from models.events import LogRecord
from streams.in_step import InStep
from streams.log import Extent, KafkaUnavailable, TopicFacts
from streams.mute import Marks
from streams.normalising import Place, RedisOffsets, SourceFold, Stand, why_refused
from streams.partition import Batch, Seek
from streams.redis_store import connect
from streams.store import OutboxRow, StoreUnavailable
from streams.topics import DEAD_LETTERS, LOG

SHOP = sources_from_toml('[sources.shop]\nsource = "shopify"\n')["shop"]
PLACE = Place("main", "shop", "shop-orders", "id-1", 3)
HEADERS = {"X-Shopify-Topic": b"orders/create", "source.namespace": b"forged"}


def order(number: int) -> bytes:
    return json.dumps(
        {
            "id": number,
            "created_at": "2026-03-01T09:00:00Z",
            "currency": "USD",
            "total_price": "10.00",
            "customer": {"id": 1000 + number % 7},
            "line_items": [],
        }
    ).encode()


def record(offset: int, value: bytes | None = None) -> LogRecord:
    return LogRecord(3, offset, 0, b"any key", order(offset) if value is None else value, HEADERS)


def batch(start: int, end: int, records: Sequence[LogRecord] | None = None) -> Batch:
    return Batch(start, end, records or [record(each) for each in range(start, end)])


class Kafka:
    """Takes rows, and notes them; the next calls take only so many."""

    def __init__(self, *takes: int) -> None:
        self.rows: list[OutboxRow] = []
        self._takes = list(takes)

    def send(self, rows: Sequence[OutboxRow]) -> int:
        taken = self._takes.pop(0) if self._takes else len(rows)
        self.rows += rows[:taken]
        return taken

    def ids(self) -> list[str]:
        """Of the events in the log, in its order."""
        return [
            json.loads(each.value or b"")["event_id"] for each in self.rows if each.topic == LOG
        ]


class Offsets:
    """In memory; the next writes fail, before or after they are carried out."""

    def __init__(self) -> None:
        self.stands: dict[tuple[str, int], Stand] = {}
        self.fails: list[str] = []

    async def stand(self, topic: str, partition: int) -> Stand:
        return self.stands.get((topic, partition), Stand())

    async def move(self, topic: str, partition: int, stand: Stand) -> None:
        fault = self.fails.pop(0) if self.fails else ""
        if fault != "before":
            self.stands[topic, partition] = stand
        if fault:
            raise StoreUnavailable("Redis: connection refused")


class World:
    """What outlives a process: Kafka, the offsets; and which offsets the topic really has."""

    def __init__(self, *takes: int) -> None:
        self.kafka, self.offsets = Kafka(*takes), Offsets()
        self.asked: list[tuple[int, int, int]] = []
        self.gaps_are_real = True

    async def fold(self, source: Source = SHOP) -> SourceFold:
        """As a process that begins makes it."""
        stand = await self.offsets.stand(PLACE.topic, PLACE.partition)
        given = (PLACE, source, self.offsets, self.kafka, self._exist, stand.offset or 0)
        return SourceFold(*given, InStep())

    async def _exist(self, partition: int, start: int, end: int) -> bool:
        self.asked.append((partition, start, end))
        return self.gaps_are_real

    @property
    def offset(self) -> int | None:
        """As it stands in Redis."""
        return self.offsets.stands.get((PLACE.topic, PLACE.partition), Stand()).offset


def ids(start: int, end: int) -> list[str]:
    return [f"shopify:order:{each}" for each in range(start, end)]


async def test_events_go_into_the_log_by_customer_and_the_offset_follows() -> None:
    world = World()
    assert await (await world.fold()).handle(batch(0, 3)) is None
    assert [(each.topic, each.key) for each in world.kafka.rows] == [
        (LOG, b"1000"),
        (LOG, b"1001"),
        (LOG, b"1002"),
    ]
    assert all(each.headers == [("kind", b"purchase")] for each in world.kafka.rows)
    assert all(each.partition is None for each in world.kafka.rows)  # Kafka's own partitioner
    assert world.offsets.stands == {("shop-orders", 3): Stand(3, "id-1")}


async def test_what_cannot_be_used_is_a_dead_letter_as_it_was_and_the_next_record_follows() -> None:
    world = World()
    fold = await world.fold()
    poison = [b"", b"\xff", b"nonsense", b"[" * 50_000, b'{"id": 1e999}', b"\x00" * 70_000]
    records = [record(each, value) for each, value in enumerate(poison)]
    await fold.handle(batch(0, 7, [*records, record(6)]))
    letters = [each for each in world.kafka.rows if each.topic == DEAD_LETTERS]
    assert [each.value for each in letters] == [*poison[:5], b"\x00" * 65_536]
    assert {each.key for each in letters} == {b"any key"}
    headers = dict(letters[2].headers)
    assert headers.pop("error.detail")
    assert headers == {
        "X-Shopify-Topic": b"orders/create",
        "error.reason": b"not_json",
        "source.name": b"shop",
        "source.topic": b"shop-orders",
        "source.namespace": b"main",
        "source.partition": b"3",
        "source.offset": b"2",
    }
    assert dict(letters[5].headers)["value.bytes"] == b"70000"
    assert world.kafka.ids() == ["shopify:order:6"]
    assert fold.tally["dead_letters"] == 6
    assert world.offset == 7


async def test_a_dead_letter_of_a_source_never_mutes_one_of_the_log() -> None:
    world, marks = World(), Marks()
    await (await world.fold()).handle(batch(0, 1, [record(0, b"nonsense")]))
    (letter,) = world.kafka.rows
    marks.note(letter)
    ours = {"source.namespace": b"main", "source.partition": b"3", "source.offset": b"0"}
    of_the_log = OutboxRow(
        DEAD_LETTERS, b"c", b"x", [*ours.items(), ("source.topic", LOG.encode())]
    )
    assert not marks.published(of_the_log)
    marks.note(of_the_log)
    assert marks.published(of_the_log)


async def test_a_record_without_a_value_and_one_of_no_interest_are_counted_only() -> None:
    world = World()
    fold = await world.fold()
    other = record(1)._replace(headers={"x-shopify-topic": b"products/update"})
    await fold.handle(batch(0, 2, [record(0)._replace(value=None), other]))
    assert fold.tally == Counter(unread=1, ignored=1)
    assert (world.kafka.rows, world.offset) == ([], 2)


async def test_a_body_that_tells_no_time_happened_when_it_was_written_into_the_topic() -> None:
    world, fold_of = World(), sources_from_toml('[sources.web]\nsource = "ga4"\n')["web"]
    event = {"name": "purchase", "params": {"transaction_id": "t1", "value": 1, "currency": "USD"}}
    body = json.dumps({"user_id": "u1", "events": [event]}).encode()
    at_ms, never_ms = 1_772_359_200_000, 2**60
    told = record(0, body)._replace(timestamp_ms=at_ms, headers={"X-Received-At": b"2001-01-01"})
    untold = record(1, body)._replace(timestamp_ms=never_ms)
    await (await world.fold(fold_of)).handle(batch(0, 2, [told, untold]))
    bought, letter = world.kafka.rows
    assert json.loads(bought.value or b"")["occurred_at"] == "2026-03-01T10:00:00.000Z"
    assert letter.topic == DEAD_LETTERS


async def test_a_process_that_dies_between_sending_and_noting_repeats_and_never_skips() -> None:
    world = World()
    world.offsets.fails = ["before"]
    with pytest.raises(StoreUnavailable):
        await (await world.fold()).handle(batch(0, 3))
    assert world.offset is None
    await (await world.fold()).handle(batch(0, 5))
    assert world.kafka.ids() == ids(0, 3) + ids(0, 5)
    assert world.offset == 5


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_process_that_dies_while_kafka_has_taken_some_repeats_them(taken: int) -> None:
    world = World(taken)
    with pytest.raises(KafkaUnavailable, match=rf"source shop: Kafka took {taken} of 3 records"):
        await (await world.fold()).handle(batch(0, 3))
    assert world.offset is None
    await (await world.fold()).handle(batch(0, 3))
    assert world.kafka.ids() == ids(0, taken) + ids(0, 3)


async def test_a_process_that_dies_after_noting_repeats_nothing() -> None:
    world = World()
    world.offsets.fails = ["after"]
    with pytest.raises(StoreUnavailable):
        await (await world.fold()).handle(batch(0, 3))
    await (await world.fold()).handle(batch(0, 5))
    assert world.kafka.ids() == ids(0, 5)


async def test_while_redis_is_away_what_kafka_has_taken_is_not_sent_again() -> None:
    world = World()
    fold = await world.fold()
    world.offsets.fails = ["before"] * 3
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await fold.handle(batch(0, 3))
    assert await fold.handle(batch(0, 3)) is None
    assert (world.kafka.ids(), world.offset) == (ids(0, 3), 3)


async def test_a_long_batch_is_noted_bit_by_bit() -> None:
    world = World(200, 0)
    with pytest.raises(KafkaUnavailable):
        await (await world.fold()).handle(batch(0, 500))
    assert world.offset == 200
    await (await world.fold()).handle(batch(0, 500))
    assert (world.kafka.ids(), world.offset) == (ids(0, 500), 500)


async def test_a_batch_that_was_read_twice_is_sent_once() -> None:
    world = World()
    fold = await world.fold()
    for one in (batch(0, 3), batch(0, 3), batch(2, 5)):
        assert await fold.handle(one) is None
    assert world.kafka.ids() == ids(0, 5)


async def test_a_fetch_that_was_lost_on_its_way_is_read_again() -> None:
    world = World()
    fold = await world.fold()
    assert await fold.handle(batch(4, 6)) == Seek(0)
    assert (world.asked, world.kafka.rows, fold.tally["gaps"]) == ([(3, 0, 4)], [], 1)


async def test_a_hole_that_the_broker_left_is_passed_over() -> None:
    world = World()
    world.gaps_are_real = False
    assert await (await world.fold()).handle(batch(4, 6)) is None
    assert (world.kafka.ids(), world.offset) == (ids(4, 6), 6)


async def test_the_end_of_a_batch_counts_and_not_its_last_record() -> None:
    world = World()
    await (await world.fold()).handle(Batch(0, 9, [record(0), record(2)]))
    assert world.offset == 9


@pytest.mark.parametrize(
    ("stand", "facts", "extent", "said"),
    [
        (Stand(), TopicFacts("id-2", 4), Extent(5, 9), None),
        (Stand(7, "id-1"), TopicFacts("id-1", 4), Extent(5, 9), None),
        (Stand(2, "id-1"), TopicFacts("id-1", 4), Extent(5, 9), None),  # expired: told, and gone on
        (Stand(7, ""), TopicFacts("id-2", 4), Extent(5, 9), None),
        (Stand(7, "id-1"), TopicFacts("", 4), Extent(5, 9), None),
        (
            Stand(7, "id-1"),
            TopicFacts("id-2", 4),
            Extent(5, 9),
            "source shop: shop-orders was id-1 when it was last read, and is now id-2: it was deleted "
            "and made again; to read it from its beginning, run: segmenter sources rewind shop",
        ),
        (
            Stand(10, "id-1"),
            TopicFacts("id-1", 4),
            Extent(5, 9),
            "source shop: shop-orders, partition 3, was read to offset 10 and ends at 9: it has lost "
            "records; to read it from its beginning, run: segmenter sources rewind shop",
        ),
    ],
)
def test_a_topic_that_is_another_one_is_refused_with_the_way_out(
    stand: Stand, facts: TopicFacts, extent: Extent, said: str | None
) -> None:
    assert why_refused(stand, PLACE, facts, extent) == said


@pytest.fixture
async def offsets(
    valkey_url: str, namespace: str
) -> AsyncIterator[tuple[RedisOffsets, aioredis.Redis]]:
    async with connect(valkey_url) as client:
        yield RedisOffsets(client, namespace), client


async def test_offsets_stand_in_redis_under_a_key_of_the_namespace(
    offsets: tuple[RedisOffsets, aioredis.Redis], namespace: str
) -> None:
    kept, client = offsets
    assert await kept.stand("shop-orders", 3) == Stand()
    await kept.move("shop-orders", 3, Stand(7, "id-1"))
    await kept.move("shop-orders", 0, Stand(2))
    assert await kept.stand("shop-orders", 3) == Stand(7, "id-1")
    assert await kept.stand("shop-orders", 0) == Stand(2)
    assert await client.exists(f"seg:{namespace}:source:shop-orders") == 1
    assert await kept.forget("shop-orders")
    assert await kept.stand("shop-orders", 3) == Stand()
    assert not await kept.forget("shop-orders")
