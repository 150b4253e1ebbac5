"""An installation whose servers a test may ruin: worker and relay run, and their logs are read."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from streams.datasets import DATASETS
from streams.sources import SourceRecord
from tests.support.installation import CHANGES, LOG, PATIENCE_S, Installation, wait_until

PURCHASES = 60  # a slice: some days of them


class House:
    """One installation with a worker and a relay, and purchases in slices.

    Args:
        here: the installation.
        folder: for the policy and the logs.
    """

    def __init__(self, here: Installation, folder: Path) -> None:
        self.here, self._folder = here, folder
        self.config = folder / "segmenter.toml"
        self.config.write_text('preset = "grocery"\n', "utf-8")
        self._purchases = DATASETS["cdnow"].read()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *commands: str) -> None:
        for command in commands:
            log = self._folder / f"{command}.log"
            self._processes[command] = self.here.start(command, self.config, log)

    def pid(self, command: str) -> int:
        return self._processes[command].pid

    def stop(self, command: str, patience_s: float) -> int:
        """SIGTERM; answers the exit code."""
        self._processes[command].send_signal(signal.SIGTERM)
        return self._processes[command].wait(patience_s)

    def ends(self, command: str) -> int:
        """By itself; answers the exit code."""
        return self._processes[command].wait(PATIENCE_S)

    def log(self, command: str) -> str:
        return (self._folder / f"{command}.log").read_text("utf-8")

    def said(self, command: str) -> list[dict[str, Any]]:
        """What stands in its log, which is one JSON object a line and nothing else."""
        return [json.loads(line) for line in self.log(command).splitlines()]

    @contextmanager
    def says(self, words: str, command: str = "worker") -> Iterator[None]:
        """What is begun inside makes it say something within the time that is given."""
        before = self.log(command).count(words)
        yield
        wait_until(lambda: self.log(command).count(words) > before)

    def publish(self, purchases: int = PURCHASES) -> list[SourceRecord]:
        """The next slice, into the log."""
        mine = list(islice(self._purchases, purchases))
        self.here.publish(mine)
        return mine

    def send(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Purchases by key, as any producer might write them."""
        with closing(KafkaProducer(bootstrap_servers=self.here.settings.bootstrap_servers)) as to:
            for key, value in records:
                to.send(LOG, key=key.encode(), value=value, headers=[("kind", b"purchase")]).get(10)

    def is_as_it_must_be(self) -> None:
        """Once nothing moves: states are those of the log, effects are whole, both run still."""
        found, expected = self.here.when_settled()
        assert found.states == expected.states
        wanted = [dict(row.headers)["ce_id"] for row in expected.rows if row.topic == CHANGES]
        assert {headers["ce_id"] for headers in found.changes} == set(wanted)
        assert [each.poll() for each in self._processes.values()] == [None] * len(self._processes)


def purchase_of(customer_id: str) -> bytes:
    """Something bought in the middle of the other purchases."""
    money = {"amount_minor": 500, "currency": "USD", "occurred_at": "1997-01-02T12:00:00Z"}
    return json.dumps({"customer_id": customer_id, "event_id": customer_id, **money}).encode()
