"""A shop that is open: customers with histories in Redis, and the processes of an installation around them.

Event time goes on where those histories end, at the pace of the wall clock.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bench.load import Load
from bench.purchases import PARTITIONS
from bench.running import Servers, wait_for
from bench.throughput_rounds import on_store
from bench.town import BEGAN, Customers, Town, begin_at, settle
from models.policy import policy_from_toml
from streams.local import free_port
from streams.settings import Settings
from streams.topics import LOG
from tests.support.installation import Installation

NAMESPACE = "bench"
Running = tuple[subprocess.Popen[bytes], Path]


class Written(NamedTuple):
    """What a process of load has told.

    Attributes:
        written: purchases.
        seconds: in which.
    """

    written: int
    seconds: float


class Shop:
    """One installation.

    Args:
        servers: that run.
        toml: the policy.
    """

    def __init__(self, servers: Servers, toml: str) -> None:
        self._servers, self._number = servers, 0
        self._config = servers.directory / "segmenter.toml"
        self._config.write_text(toml, "utf-8")
        self.kafka, self.url = servers.kafka.bootstrap_servers, servers.redis.url
        self.here = Installation(
            self.kafka, self.url, NAMESPACE, policy_from_toml(toml), PARTITIONS
        )
        self._facts = self.here.inspector.facts(LOG)
        self.api_port = free_port()
        self.settings = self._settings()

    def settle(self, town: Town, customers: Customers) -> None:
        """Have these customers, in a Redis that is empty; see `bench/town.py`."""
        on_store(self.url, NAMESPACE, lambda store: settle(store, town, customers, self._facts))

    def _settings(self) -> Settings:
        """Those of a new consumer group: who was killed is missed in the old one for a while."""
        self._number += 1
        opened = {"api_port": self.api_port, "api_rate_per_s": 0, "group": f"shop-{self._number}"}
        return Settings.model_validate({**self.here.settings.model_dump(), **opened})

    @contextmanager
    def open(self, *commands: str) -> Iterator[list[Running]]:
        """`segmenter run` each of them, at the log's end, while the block lasts."""
        offsets, facts = dict(enumerate(self.here.ends())), self._facts
        on_store(self.url, NAMESPACE, lambda store: begin_at(store, offsets, facts))
        self.settings = self._settings()
        running = [self._start(each, place) for place, each in enumerate(commands)]
        try:
            if "api" in commands:
                wait_for(self._api_is_ready, "the API", running)
            yield running
        finally:
            for process, _ in running:
                process.kill()
                process.wait()

    def _start(self, command: str, place: int) -> Running:
        log = self._servers.directory / f"{command}-{self._number}-{place}.log"
        return self.here.start(command, self._config, log, self.settings), log

    def _api_is_ready(self) -> bool:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=5)) as c:
                c.request("GET", "/readyz")
                return c.getresponse().status == 200
        except OSError:
            return False

    def close(self) -> None:
        """End what still runs."""
        self.here.close()


def shift_ms(opens: datetime) -> int:
    """From the wall clock to an event time that is `opens` now."""
    return int((opens.timestamp() - time.time()) * 1000)


def after(days: int, **more: float) -> datetime:
    """So many days after the town began, and a little more.

    >>> after(1, hours=1).isoformat()
    '2024-03-05T01:00:00+00:00'
    """
    return BEGAN + timedelta(days=days, **more)


class Loading:
    """A process of bench/load.py, while the block lasts.

    Args:
        servers: of Kafka.
        load: what it writes.
    """

    def __init__(self, servers: str, load: Load) -> None:
        command = [sys.executable, "-m", "bench.load", servers, *map(str, load)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def __enter__(self) -> Loading:
        """It has begun already."""
        return self

    def wait(self) -> Written:
        """Until it has written all."""
        told, _ = self._process.communicate()
        return Written(**json.loads(told))

    def stop(self) -> Written:
        """Now."""
        self._process.terminate()
        return self.wait()

    def __exit__(self, *raised: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
