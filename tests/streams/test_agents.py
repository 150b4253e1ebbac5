"""The agent and what Faust is made to do for it: whole fetches in, acknowledged when folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import faust
import pytest
from faust.types import TP, EventT
from yarl import URL

from models.events import LogRecord
from streams.agents import FaustFetch, declare
from streams.batch_transport import Fetched, FetchSchema
from streams.lane import Lane
from streams.partition import Batch
from streams.topics import DEAD_LETTERS, INPUTS, LOG
from streams.transport import LANES, Consumer, StockConsumer, Transport
from tests.streams.good_ones import dead_letters
from tests.streams.lanes import Failing, Store, Watched, down, until
from tests.streams.logbook import (
    CUSTOMERS,
    PARTITION,
    START_MS,
    Logbook,
    contents,
    folded,
    header,
)

WHO = CUSTOMERS[0]
HERE = frozenset({LOG})
MINE, THEIRS = TP(LOG, PARTITION), TP("another.topic", PARTITION)


class _Reading:
    """A consumer without a broker: what it is assigned and what a fetch brings is given."""

    assigned: set[TP]
    brought: dict[TP, Sequence[Any]]
    sought: list[tuple[TP, int]]

    def _new_consumer_thread(self) -> Any:
        return SimpleNamespace(beacon=None)  # the real one makes an event loop of its own at once

    def assignment(self) -> set[TP]:
        return self.assigned

    async def seek(self, partition: TP, offset: int) -> None:
        self.sought.append((partition, offset))

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        return self.brought, None


class Reading(_Reading, Consumer):
    """One that delivers fetches."""


class StockReading(_Reading, StockConsumer):
    """One that delivers as Faust does."""

    def highwater(self, tp: TP) -> int:
        return len(self.brought[tp])


class Offline(Transport):
    """Makes such consumers."""

    Consumer: ClassVar[Any] = Reading


@pytest.fixture
def app() -> faust.App:
    """A Faust app that is never started."""
    one = faust.App(
        "test", broker="kafka://127.0.0.1:1", store="memory://", topic_allow_declare=False
    )
    one.transport = Offline([URL("kafka://127.0.0.1:1")], one)
    return one


class FakeEvent:
    """A Faust event."""

    def __init__(self, fetched: Fetched) -> None:
        self.value = fetched
        self.message = SimpleNamespace(partition=PARTITION, value=fetched)
        self.acks = 0

    def ack(self) -> None:
        self.acks += 1


def test_a_fetch_is_the_events_partition_and_value_and_acknowledges_the_event() -> None:
    fetched = Fetched(7, [Logbook().purchase(WHO, START_MS)])
    event = FakeEvent(fetched)
    fetch = FaustFetch(cast(EventT[Fetched], event))
    assert (fetch.partition, fetch.fetched) == (PARTITION, fetched)
    fetch.ack()
    assert event.acks == 1


def test_the_schema_hands_a_fetch_on_as_it_is(app: faust.App) -> None:
    fetched = Fetched(0, [])
    message = FakeEvent(fetched).message
    assert FetchSchema().loads_value(app, message) is fetched
    assert FetchSchema().loads_key(app, message) is None


class Agent:
    """`segment_customers` on a lane and a store, fed by hand."""

    def __init__(self, app: faust.App, store: Store) -> None:
        self.watched = Watched()
        declare(app, nothing, self.watched.lane, Watched().lane)
        self.store = store
        self.agent = cast(Any, app.agents["segment_customers"]).test_context()

    async def give(self, log: Logbook) -> None:
        """One fetch with the whole log, and what it says of the store."""
        self.watched.open(log, self.store)
        async with self.agent as agent:
            event = await agent.put(Fetched(0, log.records), partition=PARTITION, wait=False)
            await until(lambda: event.message.acked or bool(self.watched.crashes))


async def nothing() -> None:
    """A timer that does nothing."""


async def test_a_good_event_becomes_a_state(app: faust.App) -> None:
    log = Logbook()
    log.purchase(WHO, START_MS)
    agent = Agent(app, Store())
    await agent.give(log)
    found = await contents(agent.store)
    assert found.lifecycles == {WHO: "new"}
    assert found == await contents(await folded(log))


async def test_a_poison_event_becomes_a_dead_letter_and_holds_nobody_up(app: faust.App) -> None:
    log = Logbook()
    log.purchase(WHO, START_MS)
    log.append(b"\xff\x00{", START_MS, key=WHO)
    log.purchase(WHO, START_MS)
    agent = Agent(app, Store())
    await agent.give(log)
    found = await contents(agent.store)
    (letter,) = dead_letters(found)
    assert (letter.topic, letter.value) == (DEAD_LETTERS, b"\xff\x00{")
    assert header(letter, "error.reason") == "not_utf8"
    assert header(letter, "source.offset") == "1"
    assert found.state(WHO).current.purchases == 2
    assert (found.meta.offset, agent.watched.crashes) == (3, [])


async def test_the_agent_outlives_a_store_that_is_away(app: faust.App) -> None:
    log = Logbook()
    log.purchase(WHO, START_MS)
    agent = Agent(app, Failing(down(), down()))
    await agent.give(log)
    assert (await contents(agent.store)).lifecycles == {WHO: "new"}


def topics_of(app: faust.App) -> dict[str, list[str]]:
    """Which topics each agent reads."""
    channels = {name: cast(Any, agent).channel for name, agent in app.agents.items()}
    return {name: list(channel.topics) for name, channel in channels.items()}


async def test_the_learner_is_an_agent_of_its_own_topic_and_lane(app: faust.App) -> None:
    log, batches = Logbook(), Batches()
    log.purchase(WHO, START_MS)
    learning = Watched()
    lane: Lane[Batches] = Lane(learning._read_again, learning._crash)
    declare(app, nothing, Watched().lane, lane)
    assert topics_of(app) == {"segment_customers": [LOG], "learn_population": [INPUTS]}
    lane.open(0, batches)
    async with cast(Any, app.agents["learn_population"]).test_context() as agent:
        await agent.put(Fetched(0, log.records), partition=0, wait=False)
        await until(lambda: bool(batches.handled))
    assert batches.handled == [Batch(0, 1, log.records)]


class Batches:
    """A fold that only remembers."""

    def __init__(self) -> None:
        self.handled: list[Batch] = []
        self.tally: Counter[str] = Counter()

    async def handle(self, batch: Batch) -> None:
        self.handled.append(batch)


class Broker:
    """A consumer whose transport notes what it is asked."""

    def __init__(
        self,
        app: faust.App,
        resume: dict[TP, int] | Exception,
        reading: type[Reading | StockReading] = Reading,
    ) -> None:
        self.resume = resume
        self.asked: list[list[TP]] = []
        self.refusals: list[BaseException] = []
        transport = Offline([URL("kafka://127.0.0.1:1")], app)
        transport.topics, transport.resume_at = HERE, self._resume_at
        transport.refused = self._refused
        self.consumer = reading(transport, nothing, nothing, nothing)
        self.consumer.assigned = {MINE, THEIRS, TP(LOG, 0)}
        self.consumer.brought, self.consumer.sought = {}, []

    async def _resume_at(self, assigned: list[TP]) -> dict[TP, int]:
        self.asked.append(assigned)
        if isinstance(self.resume, Exception):
            raise self.resume
        return self.resume

    async def _refused(self, error: BaseException) -> None:
        self.refusals.append(error)

    async def fetch(self, *records: LogRecord) -> list[tuple[TP, Any]]:
        """What Faust gets of one fetch."""
        self.consumer.brought = {MINE: [as_fetched(each) for each in records]}
        return [each async for each in self.consumer.getmany(timeout=1.0)]


def as_fetched(record: LogRecord) -> SimpleNamespace:
    """A record as aiokafka hands it over."""
    return SimpleNamespace(
        topic=LOG,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp_ms,
        timestamp_type=1,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers.items()),
    )


def five_purchases() -> Logbook:
    log = Logbook()
    for number in range(5):
        log.purchase(WHO, START_MS + number)
    return log


async def test_a_fetch_is_one_message_that_stands_at_its_last_record(app: faust.App) -> None:
    broker, log = Broker(app, {}), five_purchases()
    ((tp, message),) = await broker.fetch(*log.records[:3])
    assert (tp, message.offset, message.partition) == (MINE, 2, PARTITION)
    assert message.value == Fetched(0, tuple(log.records[:3]))
    assert message.timestamp == (START_MS + 2) / 1000


async def test_a_fetch_begins_where_the_one_before_it_ended(app: faust.App) -> None:
    broker, log = Broker(app, {}), five_purchases()
    await broker.fetch(*log.records[:2])
    ((_, message),) = await broker.fetch(*log.records[3:])
    assert message.value == Fetched(2, tuple(log.records[3:]))


async def test_what_comes_first_after_a_seek_says_nothing_of_records_ahead_of_it(
    app: faust.App,
) -> None:
    """It may have been under way before reading was sent back, and no other fetch comes between."""
    broker, log = Broker(app, {MINE: 1}), five_purchases()
    await broker.consumer.perform_seek()
    ((_, under_way),) = await broker.fetch(*log.records[3:])
    assert under_way.value.from_offset == 3
    ((_, message),) = await broker.fetch(*log.records[1:3])
    assert message.value.from_offset == 1


async def test_a_fetch_that_overtook_the_seek_is_a_gap_to_the_fold_and_no_record_is_lost(
    app: faust.App,
) -> None:
    log, store, watched = five_purchases(), Store(), Watched()
    watched.open(log, store)
    broker = Broker(app, {MINE: 0})
    await broker.consumer.perform_seek()
    ((_, message),) = await broker.fetch(*log.records[3:])
    await watched.lane.put(FaustFetch(cast(EventT[Fetched], FakeEvent(message.value))))
    await until(lambda: watched.read_again == 1)
    assert store.offset == 0


async def test_the_stock_lane_hands_over_a_record_a_message_each_beginning_where_the_last_ended(
    app: faust.App,
) -> None:
    broker, log = Broker(app, {}, StockReading), five_purchases()
    messages = [message for _, message in await broker.fetch(*log.records[:2], *log.records[3:])]
    assert [message.offset for message in messages] == [0, 1, 3, 4]
    assert [message.value.from_offset for message in messages] == [0, 1, 2, 4]
    assert [message.value.records for message in messages] == [
        (log.records[each],) for each in (0, 1, 3, 4)
    ]


async def test_of_a_fetch_that_the_stock_lane_drops_half_way_the_rest_is_a_gap(
    app: faust.App,
) -> None:
    broker, log = Broker(app, {}, StockReading), five_purchases()
    broker.consumer.brought = {MINE: [as_fetched(each) for each in log.records[:3]]}
    messages = broker.consumer.getmany(timeout=1.0)
    await anext(messages)
    broker.consumer.flow_active = False
    assert [each async for each in messages] == []
    broker.consumer.flow_active = True
    ((_, message),) = await broker.fetch(log.records[3])
    assert message.value.from_offset == 1


def test_a_queue_that_is_full_takes_no_partition_out_of_what_is_asked_for(app: faust.App) -> None:
    consumer = Broker(app, {}).consumer
    consumer._active_partitions = {MINE}
    consumer.on_buffer_full(MINE)
    assert consumer._get_active_partitions() == {MINE}


async def test_a_fetch_without_records_is_no_message(app: faust.App) -> None:
    assert await Broker(app, {}).fetch() == []


async def test_reading_begins_at_the_stores_offsets_and_only_the_logs_partitions_are_asked_for(
    app: faust.App,
) -> None:
    broker = Broker(app, {TP(LOG, 0): 7, MINE: 42})
    await broker.consumer.perform_seek()
    assert broker.asked == [[TP(LOG, 0), MINE]]
    assert broker.consumer.sought == [(TP(LOG, 0), 7), (MINE, 42)]
    assert broker.refusals == []


async def test_while_flow_is_stopped_a_fetch_is_dropped_and_reading_is_begun_again(
    app: faust.App,
) -> None:
    broker, log = Broker(app, {MINE: 0}), five_purchases()
    broker.consumer.flow_active = False
    assert await broker.fetch(*log.records) == []
    assert broker.consumer.sought == [(MINE, 0)]


@pytest.mark.parametrize(
    ("acked", "offset"), [([], None), ([0], 1), ([2, 9, 41], 42), ([41, 2, 9], 42)]
)
async def test_what_is_committed_is_the_end_of_the_newest_fetch_that_was_acknowledged(
    app: faust.App, acked: list[int], offset: int | None
) -> None:
    consumer = Broker(app, {}).consumer
    consumer._acked[MINE] = list(acked)
    consumer._acked_index[MINE] = set(acked)
    assert consumer._new_offset(MINE) == offset
    assert consumer._new_offset(MINE) is None
    assert consumer._acked_index[MINE] == set()


@pytest.mark.parametrize(("lane", "consumer"), [("fast", Consumer), ("stock", StockConsumer)])
async def test_the_transport_knows_its_topics_where_reading_begins_and_whom_to_tell(
    app: faust.App, lane: str, consumer: type[Consumer]
) -> None:
    broker = Broker(app, {})
    transport = LANES[lane].for_store(
        *(app, [URL("kafka://127.0.0.1:1")], HERE),
        *(broker._resume_at, broker._refused, lambda: None),
    )
    assert transport.Consumer is consumer
    assert transport.topics == HERE
    assert await transport.resume_at([MINE]) == {}
    await transport.refused(ValueError())
    assert (broker.asked, len(broker.refusals)) == ([[MINE]], 1)
