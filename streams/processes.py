"""The long-running processes behind `segmenter run`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

from models.policy import Policy
from streams.app import STOP_WITHIN_S, Worker
from streams.log import LogInspector
from streams.mute import TAILS, MutingSender, read_marks
from streams.outbox import KafkaSender, relay
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.store import LEARNER
from streams.topics import LOG

# States are trees without cycles: looking for garbage among them every 700 objects costs a tenth of
# a worker's time. Cycles are made by the libraries, a few a second.
COLLECT_EVERY = 50_000


def run_worker(settings: Settings, policy: Policy, log_level: str) -> None:
    """Run a worker until SIGTERM; does not return normally."""
    worker = Worker(settings, policy)
    gc.freeze()  # what was imported stays
    gc.set_threshold(COLLECT_EVERY, 10, 10)
    worker.run(log_level)


def run_relay(settings: Settings) -> None:
    """Run the relay until SIGTERM or SIGINT."""
    asyncio.run(_relay(settings))


async def _relay(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    servers = settings.bootstrap_servers
    inspector = LogInspector(servers)
    facts = await asyncio.to_thread(inspector.facts, LOG)
    marks = await asyncio.to_thread(read_marks, inspector, TAILS)
    client = connect(settings.redis_url.get_secret_value())
    sender = KafkaSender(servers)
    muting = MutingSender(sender, marks)
    places = [*range(facts.partitions), LEARNER]
    try:
        await relay(RedisStore(client, settings.namespace), places, muting, stop)
    finally:
        sender.close()
        await client.aclose()


class Children:
    """`segmenter run …` processes of this installation, started and stopped together.

    Args:
        environment: for the children; settings travel in it.
        options: command-line options before the command, such as `--config`.
    """

    def __init__(self, environment: Mapping[str, str], options: list[str]) -> None:
        self._environment = dict(environment)
        self._options = options
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *commands: str) -> None:
        """Start `run COMMAND` for each."""
        for command in commands:
            self._children[command] = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "streams.cli", *self._options, "run", command],
                env=self._environment,
                stdout=subprocess.DEVNULL,  # data is the parent's; logs go to stderr
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops them
            )

    def ended(self) -> str | None:
        """The first child that has ended, with its exit code; None while all run."""
        for command, child in self._children.items():
            if child.poll() is not None:
                return f"{command} ended with exit code {child.returncode}"
        return None

    def stop(self) -> dict[str, int]:
        """Ask all to stop, wait, and at last make them; answers the exit codes."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        codes = {}
        for command, child in self._children.items():
            try:
                codes[command] = child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                codes[command] = child.wait()
        return codes


def run_all(settings: Settings, options: list[str]) -> str:
    """Run worker and relay until a signal; answers what ended them."""
    children = Children({**os.environ, **as_environment(settings)}, options)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda _number, _frame: stop.set())
    children.start("worker", "relay")
    ended = None
    while ended is None and not stop.wait(0.5):
        ended = children.ended()
    codes = children.stop()
    if ended is None and any(codes.values()):
        return f"exit codes {codes}"
    return ended or ""


def as_environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a child."""
    values = settings.model_dump()
    values["redis_url"] = settings.redis_url.get_secret_value()
    return {f"SEGMENTER_{name.upper()}": str(value) for name, value in values.items()}
