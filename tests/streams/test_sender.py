"""Rows on their way to Kafka: to which partition, in what order, and what counts as sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError

from models.events import MAX_VALUE_BYTES
from streams.brokers import Brokers
from streams.log import LogInspector
from streams.outbox import KafkaSender
from streams.store import OutboxRow
from streams.topics import CHANGES, LOG, POPULATIONS, Topic


def row(name: str, topic: str = CHANGES) -> OutboxRow:
    return OutboxRow(topic, b"c1", name.encode(), [("ce_id", name.encode())])


class FakeProducer:
    """Notes what is sent and what is waited for, in order; one value is never acknowledged."""

    def __init__(self, lost: bytes | None = None) -> None:
        self.story: list[str] = []
        self.partitions: list[int | None] = []
        self._lost = lost

    def partitions_for(self, _topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def send(self, _topic: str, *, value: bytes, partition: int | None, **_: object) -> FakeFuture:
        self.story.append(f"sent {value.decode()}")
        self.partitions.append(partition)
        error = KafkaTimeoutError("no answer") if value == self._lost else None
        return FakeFuture(self.story, value.decode(), error)

    def close(self, timeout: float) -> None:
        self.story.append("closed")


class FakeFuture:
    """The answer to one message, as KafkaProducer gives it."""

    def __init__(self, story: list[str], name: str, error: KafkaError | None) -> None:
        self._story, self._name, self._error = story, name, error

    def get(self, timeout: float) -> None:
        self._story.append(f"waited for {self._name}")
        if self._error is not None:
            raise self._error


class Sending(KafkaSender):
    """A sender without Kafka."""

    def __init__(self, *producers: FakeProducer) -> None:
        self._others = iter(producers)
        self._producer = self._opened()

    def _opened(self) -> FakeProducer:
        return next(self._others)


def test_a_population_is_acknowledged_before_what_stands_behind_it_is_sent() -> None:
    producer = FakeProducer()
    rows = [row("a"), row("population", POPULATIONS), row("b"), row("c")]
    assert Sending(producer).send(rows) == 4
    assert producer.story[:5] == [
        "sent a",
        "sent population",
        "waited for population",
        "sent b",
        "sent c",
    ]


def test_behind_a_population_that_is_not_acknowledged_nothing_is_sent() -> None:
    producer = FakeProducer(lost=b"population")
    rows = [row("a"), row("population", POPULATIONS), row("b"), row("c")]
    assert Sending(producer).send(rows) == 1
    assert [each for each in producer.story if each.startswith("sent")] == [
        "sent a",
        "sent population",
    ]


def test_of_rows_before_a_population_only_those_acknowledged_count() -> None:
    producer = FakeProducer(lost=b"a")
    assert Sending(producer).send([row("a"), row("population", POPULATIONS), row("b")]) == 0


def test_a_producer_that_fails_twice_in_a_row_is_not_used_any_more() -> None:
    fails, other = FakeProducer(lost=b"a"), FakeProducer()
    sender = Sending(fails, other)
    assert [sender.send([row(each)]) for each in "abaa"] == [0, 1, 0, 0]
    assert "closed" not in fails.story
    assert [sender.send([row(each)]) for each in "ab"] == [1, 1]
    assert fails.story[-1] == "closed"
    assert [each for each in other.story if each.startswith("sent")] == ["sent a", "sent b"]


def from_partition_7(topic: str) -> OutboxRow:
    headers = {"source.namespace": "main", "source.partition": "7", "source.offset": "1"}
    return OutboxRow(topic, b"c1", b"", [(name, each.encode()) for name, each in headers.items()])


def test_a_row_goes_to_the_partition_it_names_or_its_origins_or_its_keys() -> None:
    producer = FakeProducer()
    rows = [from_partition_7(CHANGES), from_partition_7(CHANGES)._replace(partition=2), row("a")]
    assert Sending(producer).send(rows) == 3
    assert producer.partitions == [7 % 4, 2, None]


def test_a_record_sent_on_goes_to_its_keys_partition_whatever_origin_its_producer_feigned() -> None:
    producer = FakeProducer()
    assert Sending(producer).send([from_partition_7(LOG)]) == 1
    assert producer.partitions == [None]


@pytest.fixture
def sender(bootstrap_servers: str) -> Iterator[KafkaSender]:
    LogInspector(Brokers(bootstrap_servers)).create([Topic("relayed", {})], 1, 1)
    with closing(KafkaSender(Brokers(bootstrap_servers))) as one:
        yield one


def relayed(bootstrap_servers: str) -> list[tuple[bytes | None, bytes | None, list[object]]]:
    """Every message of the topic: key, value, headers."""
    records = LogInspector(Brokers(bootstrap_servers)).read_all("relayed")
    return [(each.key, each.value, list(each.headers)) for each in records]


def test_kafka_is_sent_rows_in_order_with_keys_and_headers(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    before = len(relayed(bootstrap_servers))
    rows = [row(f"{number}", "relayed") for number in range(500)]
    rows.append(OutboxRow("relayed", None, b"nobody's", []))
    assert sender.send(rows) == 501
    sent = relayed(bootstrap_servers)[before:]
    assert sent[:-1] == [(b"c1", b"%d" % n, [("ce_id", b"%d" % n)]) for n in range(500)]
    assert sent[-1] == (None, b"nobody's", [])


def test_rows_before_one_that_kafka_refuses_are_sent_and_count(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    before = len(relayed(bootstrap_servers))
    huge = OutboxRow("relayed", b"c1", bytes(5_000_000), [])
    assert sender.send([row("a", "relayed"), row("b", "relayed"), huge, row("c", "relayed")]) == 2
    assert [value for _, value, _ in relayed(bootstrap_servers)[before:]] == [b"a", b"b"]


def test_a_record_as_large_as_is_read_can_be_sent_on(
    sender: KafkaSender, bootstrap_servers: str
) -> None:
    largest = OutboxRow("relayed", b"c1", b"x" * MAX_VALUE_BYTES, [("event-id", b"e" * 256)])
    assert sender.send([largest]) == 1
