"""A rebuild beside running processes: nobody looks in vain, and no effect is lost or sent twice."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions

from models.policy import Policy, policy_from_toml
from streams.lookup import Lookup
from streams.rebuild import remembering_policy
from streams.redis_store import RedisStore, connect
from streams.serving import serving, serving_key
from streams.wall import wall_ms
from tests.hazards.rebuilds import (
    POLICY,
    Rebuild,
    bought,
    installed,
    like,
    purchases,
    purchases_known,
    serves,
    stop,
)
from tests.kafka import conftest as kafka_parts
from tests.real_parts import RealParts
from tests.support.installation import (
    CHANGES,
    DEAD_LETTERS,
    LOG,
    PATIENCE_S,
    Installation,
    wait_until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The preset's policy: every week teaches, and six weeks are remembered."""
    path = tmp_path / "segmenter.toml"
    path.write_text('preset = "grocery"\n', "utf-8")
    return path


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path, namespace: str) -> Iterator[Installation]:
    """An installation of its own for each test."""
    with installed(real_parts, tmp_path, namespace, POLICY) as one:
        yield one


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
