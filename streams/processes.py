"""The long-running processes behind `segmenter run`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Mapping, Sequence
from logging.config import dictConfig
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr
from redis.asyncio import Redis

from models.policy import Policy
from streams.collecting import collect_rarely
from streams.feed import FeedingSender
from streams.health import beating
from streams.log import LogInspector
from streams.logs import logging_config
from streams.metrics import RelayMeter, process_registry, serve
from streams.metrics_survey import SurveyMeter
from streams.mute import TAILS, MutingSender, read_marks
from streams.outbox import KafkaSender, Outbox, relay_all
from streams.patience import STOP_WITHIN_S, attempts
from streams.redis_store import RedisStore, connect, connect_blocking
from streams.serving import serving, stores
from streams.settings import Settings
from streams.store import LEARNER, StoreUnavailable
from streams.topics import LOG

if TYPE_CHECKING:
    from streams.source_config import Sources

# States are trees without cycles: looking for garbage among them every 700 objects costs a tenth of
# a worker's time. Cycles are made by the libraries, a few a second.
T = TypeVar("T")
logger = logging.getLogger(__name__)


def run_worker(settings: Settings, policy: Policy, log_level: str) -> None:
    """Run a worker until SIGTERM, or until another store serves; does not return normally."""
    dictConfig(logging_config(log_level))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # until Faust has its own
    from streams.app import Worker  # seconds of imports, which a relay need not wait for
    from streams.metrics_worker import WorkerMeter

    meter = WorkerMeter(process_registry())
    with serve(meter.registry, settings.metrics_host, settings.metrics_port, meter.health):
        served = _ask(_serving_at_last(settings))  # while it waits for Redis it can be probed
        worker = Worker(settings, policy, serving=served, meter=meter)
        collect_rarely()
        worker.run(log_level)


def run_delivery(settings: Settings, policy: Policy, log_level: str) -> None:
    """Decide alerts and send them, until SIGTERM; does not return normally."""
    dictConfig(logging_config(log_level))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # until Faust has its own
    from streams.delivery_app import DeliveryWorker
    from streams.metrics_delivery import DeliveryMeter

    meter = DeliveryMeter(process_registry())
    with serve(meter.registry, settings.metrics_host, settings.metrics_port, meter.health):
        DeliveryWorker(settings, policy, meter).run(log_level)


def run_normaliser(settings: Settings, sources: Sources, log_level: str) -> None:
    """Bring the events of sources into the log, until SIGTERM; does not return normally."""
    dictConfig(logging_config(log_level))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # until Faust has its own
    from streams.metrics_normaliser import NormaliserMeter
    from streams.normaliser_app import NormaliserWorker
    from streams.source_config import by_topic

    meter = NormaliserMeter(sorted(by_topic(sources).values()), process_registry())
    with serve(meter.registry, settings.metrics_host, settings.metrics_port, meter.health):
        NormaliserWorker(settings, sources, meter).run(log_level)


def run_surveyor(settings: Settings, policy: Policy, every_s: float) -> None:
    """Take surveys until SIGTERM or SIGINT."""
    from streams.surveyor import run_until  # imports what only surveys need

    meter = SurveyMeter(process_registry())
    with serve(meter.registry, settings.metrics_host, settings.metrics_port, meter.health):
        asyncio.run(run_until(settings, policy, every_s, meter, _told_to_stop))


def _told_to_stop() -> asyncio.Event:
    """Set once a signal asks the process to end; for the loop that runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


def run_relay(settings: Settings) -> None:
    """Run the relay until SIGTERM or SIGINT."""
    meter = RelayMeter(process_registry())
    with serve(meter.registry, settings.metrics_host, settings.metrics_port, meter.health):
        asyncio.run(_relay(settings, meter))


async def _relay(settings: Settings, meter: RelayMeter) -> None:
    stop = _told_to_stop()
    inspector = LogInspector(settings.brokers)
    facts = await asyncio.to_thread(inspector.facts, LOG)
    marks = await asyncio.to_thread(read_marks, inspector, TAILS)
    client = connect(settings.redis_url.get_secret_value())
    sender = KafkaSender(settings.brokers)
    watched = connect_blocking(settings.redis_url.get_secret_value())
    feeding = FeedingSender(sender, watched, settings.namespace, settings.pseudonyms)
    muting = MutingSender(feeding, marks, meter)
    outboxes = _Outboxes(client, settings, facts.partitions)
    try:
        async with beating(meter.health):
            await relay_all(outboxes.now, muting, stop, meter)
    finally:
        sender.close()
        watched.close()
        await client.aclose()


class _Outboxes:
    """Those of the store that serves, behind those of the one before it, if that is still there.

    Args:
        client: of the Redis that the stores are in.
        settings: say which installation, and perhaps which store.
        partitions: of the log.
    """

    def __init__(self, client: Redis, settings: Settings, partitions: int) -> None:
        self._client, self._settings, self._partitions = client, settings, partitions
        self._known: dict[str, RedisStore] = {}

    async def now(self) -> list[Outbox]:
        names = [self._settings.store]
        if not self._settings.store:
            found = await stores(self._client, self._settings.namespace)
            names = [each for each in (found.before, found.serving) if each]
        return [outbox for name in names for outbox in await self._of(name)]

    async def _of(self, name: str) -> list[Outbox]:
        store = self._known.setdefault(name, RedisStore(self._client, name))
        partitions = max(self._partitions, await store.partitions())
        return [(store, place) for place in (*range(partitions), LEARNER)]


async def _serving_at_last(settings: Settings) -> str:
    """The store that serves; waits for Redis."""
    async for _ in attempts():
        try:
            return await _serving_now(settings)
        except StoreUnavailable as error:
            logger.warning("waiting: %s", error)
    raise AssertionError("attempts never end")


async def _serving_now(settings: Settings) -> str:
    async with connect(settings.redis_url.get_secret_value()) as client:
        return settings.store or await serving(client, settings.namespace)


def _ask(question: Awaitable[T]) -> T:
    """Await something in a loop of its own; Faust makes itself another."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(question)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class Children:
    """`segmenter run …` processes of this installation, started and stopped together.

    Args:
        environment: for the children; settings travel in it.
        options: command-line options before the command, such as `--config`.
        metrics_port: of the first child; the others count on from it. 0: no child tells metrics.
    """

    def __init__(
        self, environment: Mapping[str, str], options: Sequence[str], metrics_port: int = 0
    ) -> None:
        self._environment = dict(environment)
        self._options, self._metrics_port = options, metrics_port
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *commands: str) -> None:
        """Start `run COMMAND` for each."""
        for command in commands:
            alike = sum(name.split(maxsplit=1)[0] == command for name in self._children)
            self._start(f"{command} {alike + 1}" if alike else command)

    def _start(self, name: str) -> None:
        command = name.split(maxsplit=1)[0]
        self._children[name] = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "streams.cli", *self._options, "run", command],
            env=self._environment_of(name),
            stdout=subprocess.DEVNULL,  # data is the parent's; logs go to stderr
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops them
        )

    def _environment_of(self, name: str) -> dict[str, str]:
        """With a port of its own for its metrics, the same when it is started again."""
        names = list(dict.fromkeys([*self._children, name]))
        port = self._metrics_port and self._metrics_port + names.index(name)
        return {**self._environment, "SEGMENTER_METRICS_PORT": str(port)}

    def ended(self) -> str | None:
        """The first child that has ended, with its exit code; None while all run."""
        for name, child in self._children.items():
            if child.poll() is not None:
                return f"{name} ended with exit code {child.returncode}"
        return None

    def replace_ended(self) -> None:
        """Start those that have ended anew."""
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                self._start(name)

    def stop(self) -> dict[str, int]:
        """Ask all to stop, wait, and at last make them; answers the exit codes."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        codes = {}
        for name, child in self._children.items():
            try:
                codes[name] = child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                codes[name] = child.wait()
        return codes


def run_all(settings: Settings, options: list[str], more: Sequence[str] = ()) -> str:
    """Run worker, relay, API, delivery and surveyor until a signal; answers what ended them.

    Args:
        settings: of the installation.
        options: of the command line, before the command.
        more: further commands to run, such as `normaliser`.

    The worker tells its metrics at the port that the settings name, the relay at the next one.

    A worker whose installation has moved to another store ends; it is started again, there.
    """
    environment = {**os.environ, **as_environment(settings)}
    children = Children(environment, options, settings.metrics_port)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda _number, _frame: stop.set())
    children.start("worker", "relay", "api", "delivery", "surveyor", *more)
    ended, served = None, _served(settings)
    while ended is None and not stop.wait(0.5):
        ended = children.ended()
        if ended is not None and served != (served := _served(settings)):
            children.replace_ended()
            ended = None
    codes = children.stop()
    stopped = {0, -signal.SIGTERM}  # one that was still starting has no handler yet
    if ended is None and not stopped.issuperset(codes.values()):
        return f"exit codes {codes}"
    return ended or ""


def _served(settings: Settings) -> str | None:
    """The store that serves; None if Redis can't say."""
    try:
        return _ask(_serving_now(settings))
    except StoreUnavailable:
        return None


def as_environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a child."""
    values = {
        name: each.get_secret_value() if isinstance(each, SecretStr) else str(each)
        for name, each in settings.model_dump().items()
    }
    return {f"SEGMENTER_{name.upper()}": value for name, value in values.items()}
