"""A live run on Apache Kafka, with a kill and a rebalance, recorded: its replay has the same digest."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from models.policy import policy_from_toml
from streams.policies import publish
from streams.processes import as_environment
from streams.sources import SourceRecord
from tests.kafka.conftest import Install
from tests.streams.recorded_town import history
from tests.support.installation import Installation, kill, wait_until
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
RUNS = 3
OWNS = b"reading from"  # in a worker's log, for each partition that it is given
POLICY = """
preset = "grocery"

[alerts.rules.overdue]
on = "customer.overdue"
cool_down_days = 7
"""


class Live:
    """An installation under a load, with a log of its processes."""

    def __init__(self, here: Installation, config: Path) -> None:
        self.here, self._config, self._logs = here, config, list[Path]()
        self._workers: list[subprocess.Popen[bytes]] = []
        self.start("relay")

    def start(self, command: str) -> subprocess.Popen[bytes]:
        self._logs.append(self._config.parent / f"{command} {len(self._logs)}.log")
        return self.here.start(command, self._config, self._logs[-1])

    def run(self, records: list[SourceRecord]) -> None:
        """Two workers fold them; one is killed half way, and another one comes."""
        while len(self._workers) < 2:
            self._workers.append(self.start("worker"))
        wait_until(lambda: all(OWNS in log.read_bytes() for log in self._logs[-2:]))
        half, stood = len(records) // 2, self.here.offsets()
        self.here.publish(records[:half])
        wait_until(lambda: self.here.offsets() != stood)
        kill(self._workers.pop(0))
        self._workers.append(self.start("worker"))
        self.here.publish(records[half:])
        self.here.wait_until_settled()

    def told(self, *arguments: str) -> dict[str, Any]:
        """What `segmenter … --json` answers."""
        ran = Terminal(as_environment(self.here.settings)).run(*arguments, "--json")
        assert ran.exit_code == 0, ran.err
        return dict(ran.json)


def test_a_live_run_with_a_kill_and_a_rebalance_replays_to_the_same_digest(
    install: Install, config: Path, tmp_path: Path
) -> None:
    """Three times out of three, with a policy published in between."""
    config.write_text(POLICY, "utf-8")
    live = Live(install(3), config)
    given = ("--config", str(config))
    records = history()
    size = len(records) // RUNS
    again: dict[str, Any] = {}
    for number in range(RUNS):
        if number == 1:
            changed = policy_from_toml(POLICY + '[segments.many]\nwhen = "purchases >= 8"\n')
            publish(live.here.settings.brokers, changed, now_ms=0)
        live.run(records[number * size : (number + 1) * size])
        file = str(tmp_path / f"run-{number}.parquet")
        recorded = live.told(*given, "record", file)
        lived = live.told(*given, "digest")
        again = live.told("replay", "file", file)
        assert recorded["records"] >= again["events"] > number * size
        assert again["digest"] == lived["digest"], (lived, again)
        assert again["effects"] == lived["effects"] > 0
    assert again["policies"] == 3  # one in each partition
    assert again["changes"]["segment.entered"] > 0
    assert sum(again["alerts"].values()) > 0
