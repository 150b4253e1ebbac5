"""Real workers and a real relay on the embedded broker and Valkey, and what may happen to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from kafka import KafkaProducer

from models.policy import policy_from_preset
from streams.datasets import DATASETS
from streams.sources import SourceRecord
from tests.real_parts import RealParts
from tests.support.installation import CHANGES, DEAD_LETTERS, LOG, Installation, kill, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def purchases() -> list[SourceRecord]:
    """The first purchases of CDNOW's customers."""
    return list(islice(DATASETS["cdnow"].read(), 3_000))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A policy under which two weeks of silence matter."""
    path = tmp_path / "segmenter.toml"
    path.write_text('preset = "grocery"\n', "utf-8")
    return path


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path, namespace: str) -> Iterator[Installation]:
    """An installation of its own for each test."""
    broker = real_parts.broker(tmp_path)
    store = real_parts.store(tmp_path)
    with broker, store:
        one = Installation(
            broker.bootstrap_servers, store.url, namespace, policy_from_preset("grocery")
        )
        try:
            yield one
        finally:
            one.close()


def assert_equal_to_the_oracle(here: Installation) -> None:
    found, expected = here.when_settled()  # owners go on writing ticks while something is due
    assert found.states == expected.states
    wanted = [dict(row.headers)["ce_id"] for row in expected.rows if row.topic == CHANGES]
    assert sorted(set(wanted)) == sorted(wanted)
    assert {headers["ce_id"] for headers in found.changes} == set(wanted)


def test_purchases_become_states_and_changes_leave_for_kafka(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    worker, relay = here.start("worker", config), here.start("relay", config)
    here.publish(purchases)
    here.wait_until_folded()
    here.wait_until_relayed()
    assert_equal_to_the_oracle(here)
    ids = [headers["ce_id"] for headers in here.published(CHANGES)]
    assert len(ids) == len(set(ids))
    for process in (worker, relay):
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


def test_a_record_that_cannot_be_used_is_a_dead_letter_and_the_stream_goes_on(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    here.start("worker", config)
    here.start("relay", config)
    producer = KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)
    producer.send(LOG, key=b"1", value=b"\xff{", headers=[("kind", b"purchase")]).get(10)
    producer.close()
    here.publish(purchases[:50])
    here.wait_until_folded()
    here.wait_until_relayed()
    (letter,) = here.published(DEAD_LETTERS)
    assert letter["error.reason"] == b"not_utf8"
    assert letter["source.topic"] == LOG.encode()
    assert_equal_to_the_oracle(here)


def test_a_purchase_in_the_wrong_partition_is_routed_to_its_own(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    here.start("worker", config)
    here.start("relay", config)
    producer = KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)
    for record in purchases[:20]:
        producer.send(
            LOG,
            key=record.customer_id.encode(),
            value=record.value,
            headers=[("kind", b"purchase")],
            partition=0,
        )
    producer.close()
    customers = {record.customer_id.encode() for record in purchases[:20]}
    wait_until(lambda: set(here.states()) == customers)
    here.wait_until_folded()
    here.wait_until_relayed()
    assert_equal_to_the_oracle(here)


def test_a_killed_worker_leaves_nothing_wrong_behind(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    first, relay = here.start("worker", config), here.start("relay", config)
    here.publish(purchases[:1_500])
    wait_until(lambda: sum(here.offsets()) > 0)
    kill(first)
    kill(relay)
    here.publish(purchases[1_500:])
    here.start("worker", config)
    here.start("relay", config)
    here.wait_until_folded()
    here.wait_until_relayed()
    assert_equal_to_the_oracle(here)


def test_a_store_emptied_in_mid_stream_is_folded_anew_by_the_running_worker(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    worker = here.start("worker", config)
    here.start("relay", config)
    here.publish(purchases[:1_000])
    here.wait_until_folded()
    here.wait_until_relayed()
    here.redis.flushall()
    here.publish(purchases[1_000:2_000])
    here.wait_until_folded()
    here.wait_until_relayed()
    assert_equal_to_the_oracle(here)
    ids = [headers["ce_id"] for headers in here.published(CHANGES)]
    assert len(ids) == len(set(ids))  # what was published before the wipe was not sent again
    assert worker.poll() is None


def test_a_store_emptied_at_night_is_folded_anew_though_nothing_arrives(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    here.start("worker", config)
    here.publish(purchases[:500])
    here.wait_until_folded()
    here.redis.flushall()
    here.wait_until_folded()
    wait_until(lambda: here.states() == here.oracle().states)


def test_a_worker_refuses_states_of_another_log(
    here: Installation, config: Path, purchases: list[SourceRecord]
) -> None:
    first = here.start("worker", config)
    here.publish(purchases[:100])
    here.wait_until_folded()
    first.send_signal(signal.SIGTERM)
    assert first.wait(40) == 0
    for partition in range(2):
        here.redis.hset(here._keys(partition).meta, "topic_id", "another")
    second = here.start("worker", config)
    _, logged = second.communicate(timeout=60)
    assert second.returncode == 1
    assert b"was deleted and made again" in logged


HANGS = """
import asyncio
from streams.faust_parts import crash_in_time

class Hanging:
    async def crash(self, error):
        await asyncio.Event().wait()

asyncio.run(crash_in_time(Hanging(), RuntimeError("no way on"), within_s=0.2))
"""


def test_a_process_that_hangs_while_it_ends_by_an_error_ends_all_the_same() -> None:
    """So that its supervisor starts it again."""
    ended = subprocess.run([sys.executable, "-c", HANGS], check=False, timeout=60)
    assert ended.returncode == 1
