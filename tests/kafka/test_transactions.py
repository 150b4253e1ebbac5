"""What producers' transactions leave in the log: records that never were, and markers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from models.events import Kind
from streams.datasets import DATASETS
from streams.partitioner import partition_of
from streams.sources import SourceRecord
from tests.kafka.conftest import Install
from tests.support.installation import LOG, Installation, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 2


@pytest.fixture
def here(install: Install) -> Installation:
    return install(PARTITIONS)


@pytest.fixture
def producer(here: Installation) -> Iterator[KafkaProducer]:
    """One that writes in transactions."""
    one = KafkaProducer(
        bootstrap_servers=here.settings.bootstrap_servers, transactional_id=here.settings.namespace
    )
    one.init_transactions()
    yield one
    one.close()


def purchases(start: int, stop: int) -> list[SourceRecord]:
    """Of CDNOW."""
    return list(islice(DATASETS["cdnow"].read(), start, stop))


def send(producer: Any, records: list[SourceRecord]) -> None:
    for record in records:
        headers = [("kind", record.kind.encode())]
        producer.send(LOG, key=record.customer_id.encode(), value=record.value, headers=headers)
    producer.flush()


def customers(records: list[SourceRecord]) -> set[bytes]:
    return {record.customer_id.encode() for record in records}


def a_purchase_in(partition: int, day: str) -> SourceRecord:
    customer = next(
        name for name in map("c{}".format, count()) if partition_of(name, PARTITIONS) == partition
    )
    body = {
        "event_id": f"{customer}-{day}",
        "customer_id": customer,
        "occurred_at": f"{day}T12:00:00Z",
        "amount_minor": 500,
        "currency": "USD",
    }
    return SourceRecord("purchase", customer, 0, json.dumps(body).encode())


def is_live(here: Installation) -> bool:
    """Whether every partition counts as read to its end."""
    return all(here.redis.exists(here._keys(each).live) for each in range(PARTITIONS))


def ticks(here: Installation) -> int:
    return sum(headers.get("kind") == Kind.TICK.value.encode() for headers in here.published(LOG))


def test_what_was_committed_is_folded_and_what_was_aborted_never_was(
    here: Installation, producer: Any, config: Path
) -> None:
    first, last = purchases(0, 200), purchases(400, 600)
    wanted = customers(first) | customers(last)
    aborted = [each for each in purchases(200, 400) if not customers([each]) & wanted]
    here.start("worker", config)
    for records, end in (
        (first, producer.commit_transaction),
        (aborted, producer.abort_transaction),
        (last, producer.commit_transaction),
    ):
        producer.begin_transaction()
        send(producer, records)
        end()
    assert aborted
    wait_until(lambda: set(here.states()) == wanted)
    wait_until(lambda: here.states() == here.oracle().states)  # ticks go on meanwhile


@pytest.mark.parametrize("last", ["committed", "aborted"])
def test_a_marker_at_the_end_does_not_hold_time_up(
    here: Installation, producer: Any, config: Path, last: str
) -> None:
    producer.begin_transaction()
    send(producer, [a_purchase_in(0, "2017-01-01")])
    time.sleep(0.05)  # the newest event, by which the source's delay is known, is December's
    send(producer, [a_purchase_in(1, "2017-12-01")])
    producer.commit_transaction()
    if last == "aborted":
        producer.begin_transaction()
        send(producer, [a_purchase_in(0, "2018-01-01"), a_purchase_in(1, "2018-01-01")])
        producer.abort_transaction()
    assert sum(here.ends()) > 2
    here.start("worker", config)
    wait_until(lambda: is_live(here))
    wait_until(lambda: ticks(here) > 0)  # January's customer is due
    wait_until(lambda: here.states() == here.oracle().states)


def test_behind_an_open_transaction_time_stands_still_until_it_ends(
    here: Installation, producer: Any, config: Path
) -> None:
    settled = [a_purchase_in(0, "2017-01-01"), a_purchase_in(1, "2017-12-01")]
    producer.begin_transaction()
    send(producer, settled)
    producer.commit_transaction()
    producer.begin_transaction()
    send(producer, [a_purchase_in(0, "2017-02-01"), a_purchase_in(1, "2017-12-02")])
    here.start("worker", config)
    wait_until(lambda: set(here.states()) == customers(settled))
    time.sleep(3)  # three looks at the clock
    assert not any(here.redis.exists(here._keys(each).live) for each in range(PARTITIONS))
    producer.commit_transaction()
    wait_until(lambda: is_live(here))
    wait_until(lambda: here.states() == here.oracle().states)


def test_the_tail_is_read_past_markers_and_without_waiting_for_an_open_transaction(
    here: Installation, producer: Any
) -> None:
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        send(producer, [a_purchase_in(0, "2017-01-01")])
        end()
    assert len(here.inspector.tail(LOG, [0], 10)[0]) == 2  # and two markers
    producer.begin_transaction()
    send(producer, [a_purchase_in(0, "2017-01-02")])
    producer.flush()
    assert len(here.inspector.tail(LOG, [0], 10)[0]) == 3
    producer.abort_transaction()
