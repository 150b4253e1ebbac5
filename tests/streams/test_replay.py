"""Recorded events into the log: in order, with a tick between the days in every partition."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.log import KafkaUnavailable, LogInspector
from streams.partitioner import partition_of
from streams.replay import BadSpeed, Published, Publisher, parse_speed
from streams.sources import SourceRecord
from streams.topics import LOG, TOPICS
from tests.real_parts import RealParts

PARTITIONS = 2
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_483_228_800_000  # 2017-01-01T00:00:00Z
UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
ALICE, BOB = "c0", "c1"  # of different partitions


def purchase(customer_id: str, at_ms: int) -> SourceRecord:
    return SourceRecord("purchase", customer_id, at_ms, b'{"at": %d}' % at_ms)


class Log:
    """The log on a broker, and what is written into it from now on."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._begin = self._ends()

    def publish(
        self, records: list[SourceRecord], speed: float = 0.0, zone: ZoneInfo = UTC
    ) -> Published:
        publisher = Publisher(Brokers(self.servers), PARTITIONS, zone)
        with closing(publisher):
            return publisher.publish(iter(records), speed, lambda _: None)

    def written(self, partition: int) -> list[str | int]:
        """Customer ids of events, and times of ticks."""
        tp = TopicPartition(LOG, partition)
        consumer = KafkaConsumer(bootstrap_servers=self.servers, enable_auto_commit=False)
        with closing(consumer):
            consumer.assign([tp])
            consumer.seek(tp, self._begin[partition])
            found: list[Any] = []
            while consumer.position(tp) < self._ends()[partition]:
                found += consumer.poll(timeout_ms=200).get(tp, ())
        return [told(each.key, each.value, dict(each.headers)) for each in found]

    def _ends(self) -> list[int]:
        extents = LogInspector(Brokers(self.servers)).extents(LOG, range(PARTITIONS))
        return [extents[each].end for each in range(PARTITIONS)]


def told(key: bytes | None, value: bytes, headers: dict[str, bytes]) -> str | int:
    if headers == {"kind": b"tick", "replay": b"true"}:
        assert key is None
        return int(json.loads(value)["at_ms"])
    assert headers == {"kind": b"purchase", "replay": b"true"}
    assert key is not None
    return key.decode()


@pytest.fixture(scope="module")
def servers(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = real_parts.broker(tmp_path_factory.mktemp("replay"))
    with broker:
        LogInspector(Brokers(broker.bootstrap_servers)).create(TOPICS, PARTITIONS, 1)
        yield broker.bootstrap_servers


@pytest.fixture
def log(servers: str) -> Log:
    return Log(servers)


@pytest.mark.parametrize(
    ("text", "speed"),
    [("0", 0.0), ("1", 1.0), ("60x", 60.0), (" 60x ", 60.0), ("0.5", 0.5), ("1440x", 1440.0)],
)
def test_a_speed_is_a_number_with_or_without_an_x(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "fast", "1e3", "60 x", "x60", "inf", "nan", "1,5", "60xx", "."]
)
def test_anything_else_is_no_speed_and_the_error_shows_some_that_are(text: str) -> None:
    with pytest.raises(BadSpeed, match=r"write 0 \(as fast as possible\), 1 or 60x"):
        parse_speed(text)


def test_the_customers_of_these_tests_live_in_different_partitions() -> None:
    assert [partition_of(each, PARTITIONS) for each in (ALICE, BOB)] == [0, 1]


def test_a_tick_stands_in_every_partition_behind_all_that_happened_the_day_before(
    log: Log,
) -> None:
    published = log.publish(
        [
            purchase(ALICE, START_MS),
            purchase(BOB, START_MS + HOUR_MS),
            purchase(ALICE, START_MS + 23 * HOUR_MS),
            purchase(BOB, START_MS + DAY_MS),
            purchase(ALICE, START_MS + 2 * DAY_MS + HOUR_MS),
        ]
    )
    second, third = START_MS + DAY_MS, START_MS + 2 * DAY_MS
    assert log.written(0) == [ALICE, ALICE, second, third, ALICE]
    assert log.written(1) == [BOB, second, BOB, third]
    assert published == Published(records=5, ticks=4, last_at_ms=START_MS + 2 * DAY_MS + HOUR_MS)


def test_days_without_events_are_passed_over_with_one_tick(log: Log) -> None:
    log.publish([purchase(ALICE, START_MS), purchase(ALICE, START_MS + 300 * DAY_MS + HOUR_MS)])
    assert log.written(0) == [ALICE, START_MS + 300 * DAY_MS, ALICE]
    assert log.written(1) == [START_MS + 300 * DAY_MS]


def test_a_day_begins_where_the_customers_live(log: Log) -> None:
    new_years_eve = START_MS - 2 * HOUR_MS  # 23 o'clock in Berlin
    log.publish([purchase(ALICE, new_years_eve), purchase(ALICE, START_MS)], zone=BERLIN)
    assert log.written(0) == [ALICE, START_MS - HOUR_MS, ALICE]


def test_an_event_that_comes_late_stays_where_it_stands_and_brings_no_tick(log: Log) -> None:
    records = [
        purchase(ALICE, START_MS + 5 * DAY_MS),
        purchase(BOB, START_MS),
        purchase(ALICE, START_MS + 5 * DAY_MS + HOUR_MS),
        purchase(ALICE, START_MS + 6 * DAY_MS),
    ]
    assert log.publish(records).ticks == PARTITIONS
    assert log.written(0) == [ALICE, ALICE, START_MS + 6 * DAY_MS, ALICE]
    assert log.written(1) == [BOB, START_MS + 6 * DAY_MS]


def test_thousands_of_events_keep_their_order(log: Log) -> None:
    names = [f"c{number}" for number in range(4_000)]
    log.publish([purchase(name, START_MS + n) for n, name in enumerate(names)])
    for partition in range(PARTITIONS):
        mine = [name for name in names if partition_of(name, PARTITIONS) == partition]
        assert log.written(partition) == mine


def test_nothing_to_replay_writes_nothing(log: Log) -> None:
    assert log.publish([]) == Published(records=0, ticks=0, last_at_ms=None)
    assert [log.written(0), log.written(1)] == [[], []]


def test_progress_is_told_now_and_then_and_at_the_end(servers: str) -> None:
    seen: list[int] = []
    with closing(Publisher(Brokers(servers), PARTITIONS, UTC)) as publisher:
        publisher.publish((purchase(ALICE, START_MS) for _ in range(1_100)), 0.0, seen.append)
    assert seen == [500, 1_000, 1_100]


def test_two_hours_at_36000_times_real_time_take_a_fifth_of_a_second(log: Log) -> None:
    records = [purchase(ALICE, START_MS + n * HOUR_MS) for n in range(3)]
    began_s = time.monotonic()
    log.publish(records, speed=36_000.0)
    assert time.monotonic() - began_s >= 0.2
    assert log.written(0) == [ALICE] * 3


def test_as_fast_as_possible_waits_for_nobody(log: Log) -> None:
    began_s = time.monotonic()
    log.publish([purchase(ALICE, START_MS + n * 3_650 * DAY_MS) for n in range(3)])
    assert time.monotonic() - began_s < 30


def test_a_record_that_kafka_refuses_ends_the_replay_with_the_reason(log: Log) -> None:
    huge = SourceRecord("purchase", ALICE, START_MS, bytes(5_000_000))
    with pytest.raises(KafkaUnavailable, match=r"not everything was written: .*TooLarge"):
        log.publish([purchase(ALICE, START_MS), huge, purchase(ALICE, START_MS)])
    assert log.written(0) == [ALICE]
