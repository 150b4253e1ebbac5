"""What the compose file and the manifests start, started: as processes, with the environment of the file.

Kafka and Redis are the file's, too. Hosts, ports and folders are the test's, and secrets are made up; no
container is there: neither an engine nor a cluster. One installation for all of it, so the tests of
this file build on each other.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from streams.brokers import Brokers
from streams.local import HOST, free_port
from streams.log import LogInspector
from streams.probe import probed
from streams.topics import TOPICS, Topic
from tests.real_parts import KAFKA, REDIS, RealParts
from tests.support.composed import (
    ROOT,
    Started,
    composed,
    of_kind,
    orchestrated,
)
from tests.support.composed_servers import ComposedKafka, ComposedRedis
from tests.support.forked_in_place import Forks
from tests.support.installation import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.redis]

SOURCE_TOPIC = "shopify-orders"
SOURCE = f'\n[sources.shop]\nsource = "shopify"\ntopic = "{SOURCE_TOPIC}"\n'
READY_S = 90.0  # a dozen processes at once, on two busy cores


class Process:
    """One process of ours, started as its file has it.

    Args:
        started: what the file says.
        environment: with our hosts, ports and folders.
        folder: it is started in, as the image's is /app; its log goes there.
        forks: starts it.
    """

    def __init__(
        self, started: Started, environment: dict[str, str], folder: Path, forks: Forks
    ) -> None:
        self.name, self.grace_s, self._probe = started.name, started.grace_s, started.probe
        self.log = folder / f"{started.name}-{secrets.token_hex(2)}.log"
        self._told, self._forks = environment, forks
        self._pid = forks.start(started.arguments, environment, folder, self.log)

    def url(self, path: str) -> str:
        """Of its probes: at its own port for the API where the file says so, else beside metrics."""
        assert self._probe is not None
        port = "API" if self._probe[0] == 8080 else "METRICS"
        return f"http://{HOST}:{self._told[f'SEGMENTER_{port}_PORT']}{path}"

    @property
    def missing(self) -> str:
        """What its own health check says is missing; nothing: it is ready."""
        ended = self._forks.exit_code(self._pid)
        assert ended is None, f"{self.name}: {ended}: {self.log.read_text('utf-8')}"
        assert self._probe is not None
        well, said = probed(self.url(self._probe[1]))
        return "" if well else f"{self.name}: {said.strip()}"

    @property
    def alive(self) -> bool:
        """Whether its liveness probe says so."""
        return self._forks.exit_code(self._pid) is None and probed(self.url("/healthz"))[0]

    @property
    def exit_code(self) -> int:
        """Waits for it, no longer than it is given by its file."""
        return self._forks.wait(self._pid, self.grace_s)

    def metrics(self) -> str:
        """What it tells Prometheus."""
        url = f"http://{HOST}:{self._told['SEGMENTER_METRICS_PORT']}/metrics"
        return httpx.get(url, timeout=10).text

    def health_check(self) -> int:
        """The exit code of the health check's command, run as it stands but for the address."""
        assert self._probe is not None
        command = [sys.executable, "-m", "streams.probe", self.url(self._probe[1])]
        return subprocess.run(command, check=False, capture_output=True).returncode

    def terminate(self) -> None:
        """As an engine or a kubelet does it."""
        os.kill(self._pid, signal.SIGTERM)


class Shop:
    """One installation: everything of both files that runs for long, at once."""

    def __init__(
        self, folder: Path, kafka: ComposedKafka, store: ComposedRedis, forks: Forks
    ) -> None:
        self.folder, self.kafka, self.store, self._forks = folder, kafka, store, forks
        self._hash_key = secrets.token_hex(16)
        self.jobs: dict[str, int] = {}
        self.running: list[Process] = []
        (folder / "segmenter.toml").write_text(
            (ROOT / "segmenter.toml").read_text("utf-8") + SOURCE, "utf-8"
        )
        (folder / "orchestrated.toml").write_text(_policy("production") + SOURCE, "utf-8")
        (folder / "endpoints.toml").write_text("", "utf-8")

    @property
    def key(self) -> str:
        """What the job `keys` has made."""
        return (self.folder / "dashboard").read_text("utf-8").strip()

    def start(self, started: Started) -> Process:
        """Start one, in our place."""
        return Process(started, self._here(started.environment), self.folder, self._forks)

    def _here(self, told: dict[str, str]) -> dict[str, str]:
        ours = {
            "SEGMENTER_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "SEGMENTER_REDIS_URL": self.store.url,
            "SEGMENTER_HASH_KEY": self._hash_key,
            "SEGMENTER_CONFIG": str(self.folder / "orchestrated.toml"),
            "SEGMENTER_API_KEYS_FILE": str(self.folder / "api-keys"),
            "SEGMENTER_ENDPOINTS_FILE": str(self.folder / "endpoints.toml"),
            "SEGMENTER_METRICS_PORT": str(free_port()),
        }
        here = {key: ours.get(key, value) for key, value in told.items()}
        return {**here, "SEGMENTER_API_PORT": str(free_port())}

    def run_jobs(self) -> dict[str, int]:
        """Run all jobs of the compose file; their exit codes."""
        jobs = {each.name: self.start(self._moved(each)) for each in composed() if not each.probe}
        return {name: each.exit_code for name, each in jobs.items()}

    def _moved(self, each: Started) -> Started:
        """With the file that the key is written into in our folder."""
        moved = {"/keys/dashboard": str(self.folder / "dashboard")}
        return each._replace(arguments=[moved.get(word, word) for word in each.arguments])


def _policy(overlay: str) -> str:
    maps = of_kind(overlay, "ConfigMap")
    return next(str(each["data"]["segmenter.toml"]) for each in maps if "policy" in str(each))


def wait_until_ready(processes: list[Process]) -> None:
    """Until every health check says so; fails with what they say."""
    try:
        wait_until(lambda: not any(each.missing for each in processes), READY_S)
    except AssertionError:
        assert [each.missing for each in processes if each.missing] == []


@pytest.fixture(scope="module")
def shop(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Broker and store run, and the jobs have."""
    for part in (KAFKA, REDIS):
        real_parts.need(part.name)
    folder = tmp_path_factory.mktemp("app")
    with ExitStack() as stack:
        forks = stack.enter_context(Forks())  # imports while Kafka starts
        kafka = stack.enter_context(ComposedKafka(folder / "kafka"))
        store = stack.enter_context(ComposedRedis(folder / "redis", shutil.which("redis-server")))
        one = Shop(folder, kafka, store, forks)
        one.jobs = one.run_jobs()
        yield one


@pytest.fixture(scope="module")
def running(shop: Shop) -> list[Process]:
    """All that runs for long, started at once: two workers of the compose file, and so on."""
    assert shop.jobs == {"compose topics": 0, "compose keys": 0}
    LogInspector(Brokers(shop.kafka.bootstrap_servers)).create([Topic(SOURCE_TOPIC, {})], 2, 1)
    copies = [each for each in composed() for _ in range(each.copies)]
    long = [each for each in [*copies, *orchestrated("production")] if each.probe]
    shop.running = [shop.start(each) for each in long]
    return shop.running


def test_redis_refuses_writes_rather_than_forgets_and_keeps_a_log(shop: Shop) -> None:
    with redis.Redis.from_url(shop.store.url, decode_responses=True) as client:
        found = client.config_get("maxmemory*", "append*")
    assert found["maxmemory-policy"] == "noeviction"
    assert (found["appendonly"], found["appendfsync"]) == ("yes", "everysec")
    assert found["maxmemory"] == str(1536 * 1024 * 1024)


def test_the_jobs_end_well_and_may_run_again(shop: Shop) -> None:
    assert shop.jobs == {"compose topics": 0, "compose keys": 0}
    found, key = LogInspector(Brokers(shop.kafka.bootstrap_servers)), shop.key
    assert {each.name: found.facts(each.name).partitions for each in TOPICS} == {
        each.name: each.partitions or 4 for each in TOPICS
    }
    assert shop.run_jobs() == shop.jobs
    assert shop.key == key


def test_every_process_becomes_ready_by_its_own_health_check(running: list[Process]) -> None:
    assert len(running) == 13
    wait_until_ready(running)
    assert {each.name: each.health_check() for each in running} == {
        each.name: 0 for each in running
    }


def test_prometheus_is_answered_by_every_process_without_a_key(running: list[Process]) -> None:
    told = {each.name: each.metrics() for each in running}
    assert [name for name, text in told.items() if "process_cpu_seconds_total" not in text] == []
    assert "segmenter_api_requests_total" in told["compose api"]


def test_the_dashboard_opens_and_the_key_that_was_made_is_the_one_it_asks_for(
    shop: Shop, running: list[Process]
) -> None:
    page = next(each for each in running if each.name == "production segmenter-api")
    with httpx.Client(base_url=page.url(""), timeout=10) as client:
        assert client.get("/").status_code == 200
        assert client.get("/v1/segments").status_code == 401
        assert client.get("/v1/segments", headers={"X-API-Key": shop.key}).status_code == 200


def test_who_waits_for_redis_is_not_ready_and_is_not_killed_for_it(
    shop: Shop, running: list[Process]
) -> None:
    with redis.Redis.from_url(shop.store.url) as client:
        client.set("marker", "still here")
    shop.store.__exit__()
    waiting = [each for each in running if each.name.endswith(("relay", "api"))]
    assert len(waiting) == 4
    wait_until(lambda: all(each.missing for each in waiting), READY_S)
    assert [each.name for each in running if not each.alive] == []
    shop.store.__enter__()
    with redis.Redis.from_url(shop.store.url) as client:
        assert client.get("marker") == b"still here"
    wait_until_ready(running)


def test_every_process_stops_in_the_time_that_it_is_given(running: list[Process]) -> None:
    for each in running:
        each.terminate()
    assert {each.name: each.exit_code for each in running} == {each.name: 0 for each in running}
