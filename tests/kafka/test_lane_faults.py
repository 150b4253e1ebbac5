"""Workers join, leave, freeze and die while purchases go on; nothing of it shows in what they leave behind.

One of them reads as Faust delivers, a record at a time: both lanes may serve one group.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaProducer

from streams.datasets import DATASETS
from streams.patience import STOP_WITHIN_S
from streams.processes import as_environment
from streams.redis_store import RedisStore, connect
from streams.store import OutboxRow
from tests.kafka.conftest import Install
from tests.support.forked import Forked
from tests.support.installation import LOG, Installation, wait_until
from tests.support.oracle import Folded, folded

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 4
SESSION_S = 2.0  # a worker silent for that long loses its partitions
EVERYTHING = 10**9
_READS = re.compile(r"partition (\d+): reading from")


@contextmanager
def purchases_going_on(here: Installation) -> Iterator[None]:
    """A few hundred a second, for as long as the block lasts."""
    over = threading.Event()

    def send() -> None:
        servers = here.settings.bootstrap_servers
        with closing(KafkaProducer(bootstrap_servers=servers)) as producer:
            for each in DATASETS["cdnow"].read():
                headers = [("kind", each.kind.encode())]
                producer.send(LOG, each.value, each.customer_id.encode(), headers)
                if over.wait(0.004):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Crew:
    """Workers of one group, by name.

    Args:
        here: the installation.
        config: its policy.
        processes: starts them.
    """

    def __init__(self, here: Installation, config: Path, processes: Forked) -> None:
        self._here, self._config, self._processes = here, config, processes
        self._pids: dict[str, int] = {}
        self._logs: dict[str, Path] = {}

    def start(self, name: str, lane: str = "fast") -> None:
        update = {"session_timeout_s": SESSION_S, "lane": lane}
        environment = as_environment(self._here.settings.model_copy(update=update))
        arguments = ["--config", str(self._config), "run", "worker"]
        self._pids[name] = self._processes.start(arguments, environment)
        self._logs[name] = self._processes.log_of(self._processes.count)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self._pids[name], number)

    def kill(self, name: str) -> None:
        self._processes.kill(self._pids[name])

    def wait_for_the_end_of(self, name: str) -> None:
        wait_until(lambda: not Path(f"/proc/{self._pids[name]}").exists(), STOP_WITHIN_S)

    @contextmanager
    def begins_to_read(self, name: str, partitions: int) -> Iterator[None]:
        """What is done inside makes it read so many partitions anew, within the time that is given."""
        before = len(self._read(name))
        yield
        wait_until(lambda: len(set(self._read(name)[before:])) >= partitions)

    def _read(self, name: str) -> list[str]:
        log = self._logs.get(name)
        lines = log.read_text("utf-8").splitlines() if log and log.exists() else []
        return [found[1] for found in map(_READS.search, lines) if found]


def test_workers_that_join_leave_freeze_and_die_under_load_leave_what_one_fold_of_the_log_leaves(
    install: Install, config: Path
) -> None:
    here = install(PARTITIONS)
    with Forked(config.parent) as processes:
        crew = Crew(here, config, processes)
        with crew.begins_to_read("first", PARTITIONS):
            crew.start("first")
        with purchases_going_on(here):
            with crew.begins_to_read("second", 1):  # joins
                crew.start("second", lane="stock")
            with crew.begins_to_read("second", PARTITIONS):  # is left alone by one that is frozen
                crew.signal("first", signal.SIGSTOP)
            with crew.begins_to_read("first", 1):  # which comes back with old batches in its hands
                crew.signal("first", signal.SIGCONT)
            with crew.begins_to_read("first", PARTITIONS):  # takes over from one that leaves
                crew.signal("second", signal.SIGTERM)
            crew.wait_for_the_end_of("second")
            with crew.begins_to_read("third", 1):
                crew.start("third")
            with crew.begins_to_read("third", PARTITIONS):  # takes over from one that is killed
                crew.kill("first")
        wait_until(lambda: is_one_fold(here))


def is_one_fold(here: Installation) -> bool:
    """Whether states and effects are those of the log, byte for byte, each effect once and in order.

    No relay runs, so everything that was ever to leave still waits; ticks may go on.
    """
    here.wait_until_folded()
    expected = [folded(here.log, each) for each in range(PARTITIONS)]
    effects = [[without_body(row) for row in each.rows] for each in expected]
    return here.states() == states(expected) and asyncio.run(outboxes(here)) == effects


def states(partitions: list[Folded]) -> dict[bytes, bytes]:
    return {name: state for each in partitions for name, state in each.states.items()}


async def outboxes(here: Installation) -> list[list[OutboxRow]]:
    redis = connect(here.settings.redis_url.get_secret_value())
    store = RedisStore(redis, here.settings.namespace)
    waiting = [await store.outbox(each, EVERYTHING) for each in range(PARTITIONS)]
    await redis.aclose()
    return [[without_body(row) for _, row in rows] for rows in waiting]


def without_body(row: OutboxRow) -> OutboxRow:
    return row._replace(value=None, headers=tuple(row.headers))
