"""A rebuild beside running processes: nobody looks in vain, and no effect is lost or sent twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions

from models.codec import decode_held
from models.customer import CustomerState
from models.policy import Policy, policy_from_preset, policy_from_toml
from streams.local import LocalBroker, LocalStore
from streams.lookup import Lookup
from streams.processes import as_environment
from streams.rebuild import remembering_policy
from streams.redis_store import RedisStore, connect
from streams.serving import serving, serving_key
from streams.sources import SourceRecord
from streams.wall import wall_ms
from tests.kafka import conftest as kafka_parts
from tests.real_parts import BROKER, VALKEY, RealParts
from tests.support.installation import (
    CHANGES,
    DEAD_LETTERS,
    LOG,
    PATIENCE_S,
    Installation,
    wait_until,
)

pytestmark = pytest.mark.slow
POLICY = policy_from_preset("grocery")
CUSTOMERS = 40
START_MS = 1_772_323_200_000  # 2026-03-01T00:00Z


def purchases(first_day: int, end_day: int) -> list[SourceRecord]:
    """What customers of unlike rhythms buy on these days: one in ten days, to one in forty."""
    return [
        _purchase(f"c{customer}", day)
        for day in range(first_day, end_day)
        for customer in range(CUSTOMERS)
        if day % (10 + customer % 31) == customer % 10
    ]


def _purchase(customer_id: str, day: int) -> SourceRecord:
    at_ms = START_MS + day * 86_400_000 + 36_000_000
    body = {
        "event_id": f"{customer_id}-{day}",
        "customer_id": customer_id,
        "occurred_at": f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "amount_minor": 1_000 + day,
        "currency": "USD",
    }
    return SourceRecord("purchase", customer_id, at_ms, json.dumps(body).encode())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The preset's policy: every week teaches, and six weeks are remembered."""
    path = tmp_path / "segmenter.toml"
    path.write_text('preset = "grocery"\n', "utf-8")
    return path


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path, namespace: str) -> Iterator[Installation]:
    """An installation of its own for each test."""
    broker = real_parts.server(BROKER.name, tmp_path)
    store = real_parts.server(VALKEY.name, tmp_path)
    assert isinstance(broker, LocalBroker)
    assert isinstance(store, LocalStore)
    with broker, store:
        one = Installation(broker.bootstrap_servers, store.url, namespace, POLICY)
        try:
            yield one
        finally:
            one.close()


class Rebuild:
    """`segmenter rebuild …` for an installation."""

    def __init__(self, here: Installation, config: Path, *options: str) -> None:
        self._log = config.parent / "rebuild.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "--config", str(config), "rebuild", *options],
                env={**os.environ, **as_environment(here.settings)},
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Rebuild:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends its workers, too."""
        self.process.terminate()
        self.process.communicate()

    @property
    def said(self) -> str:
        """What stands on stderr so far."""
        return self._log.read_text("utf-8")

    def result(self) -> dict[str, Any]:
        """The JSON of a rebuild that has ended well."""
        printed, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.said
        return dict(json.loads(printed))


class Visitor:
    """Somebody who looks one customer up, again and again, as a command does."""

    def __init__(self, here: Installation, customer_id: str, policy: Policy = POLICY) -> None:
        self._settings, self._customer, self._policy = here.settings, customer_id, policy
        self._enough = threading.Event()
        self.found: list[tuple[str, int]] = []  # the store, and the purchases known there
        self.failures: list[BaseException | str] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._visit()), daemon=True)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(30)

    async def _visit(self) -> None:
        async with connect(self._settings.redis_url.get_secret_value()) as client:
            while not self._enough.wait(0.01):
                try:
                    store = await serving(client, self._settings.namespace)
                    look = Lookup(RedisStore(client, store), self._policy)
                    found = await look.customer(self._customer, wall_ms())
                except Exception as error:  # noqa: BLE001 - whatever it is, somebody was let down
                    self.failures.append(error)
                    return
                if found is None:
                    self.failures.append(f"nobody in {store}")
                else:
                    self.found.append((store, found.state.current.purchases))


def serves(here: Installation) -> str:
    """The store that serves."""
    found: Any = here.redis.hget(serving_key(here.settings.namespace), "store")
    return (found or here.settings.namespace.encode()).decode()


def like(here: Installation, namespace: str, policy: Policy, partitions: int) -> Installation:
    """Another view of the same servers: to see what stands in a store, or to publish."""
    redis_url = here.settings.redis_url.get_secret_value()
    return Installation(here.settings.bootstrap_servers, redis_url, namespace, policy, partitions)


def stop(process: subprocess.Popen[bytes]) -> None:
    """As a supervisor does."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def assert_equal_to_the_oracle(here: Installation, there: Installation) -> None:
    """States and sketches are those of the log; each effect went out once."""
    found, expected = there.when_settled()
    assert found.states == expected.states
    assert found.sketches == expected.sketches
    wanted = [dict(row.headers)["ce_id"] for row in expected.rows if row.topic == CHANGES]
    assert sorted(headers["ce_id"] for headers in found.changes) == sorted(wanted)
    sources = {headers["source.namespace"] for headers in found.changes}
    assert sources == {here.settings.namespace.encode()}
    again = dict.fromkeys(found.populations)  # a body that is sent twice takes its own place
    assert list(again) == expected.populations


def test_a_rebuild_beside_running_processes_moves_them_without_a_gap(
    here: Installation, config: Path, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    worker = here.start("worker", config, log)
    here.start("relay", config)
    here.publish(purchases(0, 60))
    here.wait_until_folded()
    to = f"{here.settings.namespace}-2"
    with Visitor(here, "c0") as visitor, Rebuild(here, config, "--to", to, "--json") as rebuild:
        here.publish(purchases(60, 75))
        wait_until(lambda: serves(here) == to)
        here.publish(purchases(75, 90))
        assert worker.wait(PATIENCE_S) == 1
        assert f"the installation has moved to {to}" in log.read_text("utf-8")
        here.start("worker", config)
        result = rebuild.result()
        there = like(here, to, POLICY, here.partitions)
        there.wait_until_folded()
    assert (result["attended"], result["sent_back"]) == (True, 0)
    assert result["dropped"] > 0
    assert visitor.failures == []
    assert {store for store, _ in visitor.found} == {here.settings.namespace, to}
    assert_equal_to_the_oracle(here, there)
    there.close()


def test_a_rebuild_that_was_stopped_goes_on_though_the_installation_is_down(
    here: Installation, config: Path
) -> None:
    both = here.start("all", config, config.parent / "all.log")
    here.publish(purchases(0, 60))
    here.wait_until_settled()
    stop(both)
    here.publish(purchases(60, 90))
    to = f"{here.settings.namespace}-2"
    with Rebuild(here, config, "--to", to) as first:
        wait_until(lambda: bool(here.redis.hget(serving_key(here.settings.namespace), "building")))
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(PATIENCE_S) == 1
        assert (
            f"stopped before the switch; {here.settings.namespace} serves as before" in first.said
        )
    with Rebuild(here, config, "--to", to, "--json") as second:
        wait_until(lambda: serves(here) == to)
        again = here.start("all", config, config.parent / "again.log")
        assert second.result()["attended"]
    there = like(here, to, POLICY, here.partitions)
    try:
        assert_equal_to_the_oracle(here, there)
    finally:
        stop(again)  # killed, it would leave its children behind
    there.close()


def test_a_worker_that_must_move_is_started_again_by_run_all(
    here: Installation, config: Path
) -> None:
    both = here.start("all", config, config.parent / "all.log")
    here.publish(purchases(0, 60))
    here.wait_until_folded()
    to = f"{here.settings.namespace}-2"
    here.redis.hset(serving_key(here.settings.namespace), mapping={"store": to})
    there = like(here, to, POLICY, here.partitions)
    try:
        assert_equal_to_the_oracle(here, there)
    finally:
        stop(both)
    there.close()


without_topics = kafka_parts.without_topics


@pytest.fixture
def on_kafka(without_topics: str, redis_url: str, namespace: str) -> Iterator[Installation]:
    """An installation on a broker that can add partitions to a topic."""
    one = Installation(without_topics, redis_url, namespace, POLICY, partitions=2)
    yield one
    one.close()


@pytest.mark.kafka
def test_a_log_that_was_given_more_partitions_is_refused_then_rebuilt_then_served(
    on_kafka: Installation, config: Path
) -> None:
    here, to = on_kafka, f"{on_kafka.settings.namespace}-2"
    first = here.start("worker", config)
    here.start("relay", config)
    here.publish(purchases(0, 60))
    here.wait_until_settled()
    stop(first)
    published = here.published(CHANGES)
    with closing(KafkaAdminClient(bootstrap_servers=here.settings.bootstrap_servers)) as admin:
        admin.create_partitions({LOG: NewPartitions(total_count=4)})
    wider = like(here, here.settings.namespace, POLICY, 4)
    wait_until(lambda: here.inspector.facts(LOG).partitions == 4)
    wider.publish(purchases(90, 150))  # more than six weeks, before what was there before

    refusing = here.start("worker", config)
    _, logged = refusing.communicate(timeout=PATIENCE_S)
    assert refusing.returncode == 1
    assert b"has 4 partitions, the states belong to 2" in logged

    with Rebuild(here, config, "--to", to, "--json") as rebuild:
        wait_until(lambda: serves(here) == to)
        remembering = policy_from_toml(remembering_policy(POLICY))
        there = like(here, to, remembering, 4)
        found, expected = there.when_settled()
        assert (found.states, found.sketches) == (expected.states, expected.sketches)
        assert here.published(DEAD_LETTERS) == []
        assert found.changes == published
        assert purchases_known(there) == bought([*purchases(0, 60), *purchases(90, 150)])

        here.start("worker", config)
        result = rebuild.result()
        assert result["attended"]
        assert result["sent_back"] > 0
    wider.publish(purchases(150, 160))
    everything = [*purchases(0, 60), *purchases(90, 160)]
    wait_until(lambda: purchases_known(there) == bought(everything))
    for each in (wider, there):
        each.close()


def bought(records: list[SourceRecord]) -> Counter[str]:
    """How many purchases of each customer are among these."""
    return Counter(each.customer_id for each in records)


def purchases_known(there: Installation) -> dict[str, int]:
    """How many purchases are known of each customer."""
    held = {id_.decode(): decode_held(packed) for id_, packed in there.states().items()}
    return {
        id_: each.current.purchases for id_, each in held.items() if isinstance(each, CustomerState)
    }
