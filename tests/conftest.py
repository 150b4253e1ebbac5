"""Fixtures for all tests: real parts once a session, and a store of each kind.

No test sees another's rows: each store has a namespace of its own, so nothing is flushed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis.asyncio as aioredis

from streams.local import LocalBroker, LocalStore
from streams.memory_store import MemoryStore
from streams.redis_store import RedisStore, connect
from streams.store import Store
from tests.real_parts import BROKER, CHROMIUM, KAFKA, PARTS, REDIS, VALKEY, RealParts, in_ci
from tests.support.apache_kafka import ApacheKafka
from tests.support.redis_cluster import RedisCluster

if TYPE_CHECKING:
    import httpx

    from tests.support.alert_house import AlertHouse
    from tests.support.api_house import Api, House  # its imports take a second

_REAL_PARTS = pytest.StashKey[RealParts]()
MEMORY = "memory"
WAITING_ENDS_AT = 0.8  # of all files; then those that compute have the cores for themselves


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run in which no part has been used."""
    config.stash[_REAL_PARTS] = RealParts(PARTS, must_be_there=in_ci())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells the one that began it what it has used."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["real_parts"] = session.config.stash[_REAL_PARTS].used


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Note what such a process has used."""
    parts = node.config.stash[_REAL_PARTS]
    for name in getattr(node, "workeroutput", {}).get("real_parts", ()):
        parts.note_used(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files whose tests wait for servers among those that compute.

    Processes take files in this order (see `make test`): at any time some wait while others compute,
    and none is left with a long file at the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [path for path in files if all(map(_waits, files[path]))]
    computing = [path for path in files if path not in waiting]
    places = {path: place / len(computing) for place, path in enumerate(computing)}
    # From the last to the first: those of all the system are the longest, and stand last.
    for place, path in enumerate(reversed(waiting)):
        places[path] = WAITING_ENDS_AT * place / len(waiting)
    items[:] = [item for path in sorted(files, key=places.__getitem__) for item in files[path]]


def _waits(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("kafka", "pages", "slow"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In CI, which may be stopped by its time limit, tell a failure when it happens."""
    if report.failed and in_ci() and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stdout.write(f"\n{report.nodeid}: {report.when}\n{report.longreprtext}\n")
        sys.stdout.flush()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """End the run, after all that pytest has to say, with what was real in it."""
    yield
    terminalreporter.section("real parts")
    for line in config.stash[_REAL_PARTS].report():
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def real_parts(pytestconfig: pytest.Config) -> RealParts:
    """For tests that start and stop a server of their own."""
    return pytestconfig.stash[_REAL_PARTS]


def _running_store(parts: RealParts, name: str, directory: Path) -> Iterator[str]:
    server = parts.server(name, directory)
    assert isinstance(server, LocalStore)
    with server:
        yield server.url


@pytest.fixture(scope="session")
def valkey_url(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Valkey from its wheel."""
    yield from _running_store(real_parts, VALKEY.name, tmp_path_factory.mktemp("valkey"))


@pytest.fixture(scope="session")
def redis_url(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The system's Redis 7."""
    yield from _running_store(real_parts, REDIS.name, tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="session")
def cluster(
    real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisCluster]:
    """Three nodes of the system's Redis 7 that share the slots. Nobody may stop one."""
    with RedisCluster(tmp_path_factory.mktemp("cluster"), real_parts.redis_server()) as running:
        yield running


@pytest.fixture(scope="session")
def bootstrap_servers(
    real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The embedded broker from its wheel."""
    server = real_parts.server(BROKER.name, tmp_path_factory.mktemp("broker"))
    assert isinstance(server, LocalBroker)
    with server:
        yield server.bootstrap_servers


@pytest.fixture(scope="session")
def apache_kafka(
    real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApacheKafka]:
    """A real Kafka. Its topics are every test's: delete them behind you."""
    server = real_parts.server(KAFKA.name, tmp_path_factory.mktemp("kafka"))
    assert isinstance(server, ApacheKafka)
    with server:
        yield server


@pytest.fixture(scope="session")
def kafka_servers(apache_kafka: ApacheKafka) -> str:
    """Where it answers."""
    return apache_kafka.bootstrap_servers


@pytest.fixture(scope="session")
def chromium(real_parts: RealParts) -> None:
    """For tests that open pages."""
    real_parts.need(CHROMIUM.name)


@pytest.fixture
def namespace() -> str:
    """One that no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture(params=[VALKEY.name, REDIS.name])
def server_name(request: pytest.FixtureRequest) -> str:
    """Each server that a store may stand on."""
    return str(request.param)


@pytest.fixture(params=[MEMORY, VALKEY.name, REDIS.name])
def store_url(request: pytest.FixtureRequest) -> str:
    """Where a store of each kind is: `MEMORY`, or a server's address."""
    if request.param == MEMORY:
        return MEMORY
    fixture = {VALKEY.name: "valkey_url", REDIS.name: "redis_url"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture
async def store(store_url: str, namespace: str) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    if store_url == MEMORY:
        yield MemoryStore(wall_ms=lambda: 0)
        return
    async with connect(store_url) as client:
        yield RedisStore(client, namespace)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for tests that Hypothesis calls many times."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="module", params=["valkey_url", "redis_url"])
def client(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[aioredis.Redis]:
    """A connection, in the runner's loop, to each server that a store may stand on."""
    one = connect(request.getfixturevalue(request.param))
    yield one
    runner.run(one.aclose())


@pytest.fixture(scope="session")
def house(valkey_url: str) -> House:
    """A filled shop for all tests that only ask; nobody writes into it."""
    from tests.support.api_house import House, filled

    return filled(House("house", valkey_url))


@pytest.fixture(scope="session")
def server(house: House) -> Iterator[Api]:
    """The API on it, without keys."""
    from tests.support.api_house import Api

    with Api(house.settings) as one:
        yield one


@pytest.fixture(scope="session")
def ask(server: Api) -> Iterator[httpx.Client]:
    """A client of that server."""
    with server.asked() as client:
        yield client


@pytest.fixture(scope="session")
def alert_house(valkey_url: str) -> AlertHouse:
    """A shop with alerts for all tests that only ask; nobody writes into it.

    Filled in a thread of its own: a browser that is open occupies the test's.
    """
    from tests.support.alert_house import AlertHouse, filled

    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(filled, AlertHouse("alerts", valkey_url)).result()


@pytest.fixture(scope="session")
def alert_server(alert_house: AlertHouse) -> Iterator[Api]:
    """The API on it, a moment after the last decision, without keys."""
    from tests.support.alert_house import POLICY
    from tests.support.api_house import Api

    with Api(alert_house.settings, POLICY, clock=lambda: alert_house.now_ms) as one:
        yield one


@pytest.fixture(scope="session")
def ask_alerts(alert_server: Api) -> Iterator[httpx.Client]:
    """A client of that server."""
    with alert_server.asked() as client:
        yield client
