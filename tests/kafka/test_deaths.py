"""Workers die, stop and freeze while real purchases stream in and populations are learned.

Nothing is lost, nothing invented: states, sketches, effects and populations are those of the log.
"""

from __future__ import annotations

import signal
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from streams.app import STOP_WITHIN_S
from streams.datasets import DATASETS
from streams.outbox import RELAY_BATCH
from streams.sources import SourceRecord
from tests.kafka.conftest import Install
from tests.support.installation import CHANGES, Installation, kill, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 4
PURCHASES = 24_000
SLICE = PURCHASES // 6
EPOCHS = 50  # days in those purchases, more or less


@pytest.fixture(scope="module")
def purchases() -> list[SourceRecord]:
    """The first of the Complete Journey's households."""
    return list(islice(DATASETS["complete-journey"].read(), PURCHASES))


class Story:
    """Processes by name, each with a log of its own, and the purchases in slices."""

    def __init__(self, here: Installation, config: Path, purchases: list[SourceRecord]) -> None:
        self._here, self._config = here, config
        self._slices = [purchases[i : i + SLICE] for i in range(0, len(purchases), SLICE)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: str = "worker") -> subprocess.Popen[bytes]:
        log = self._config.parent / f"{name}.log"
        self._processes[name] = self._here.start(command, self._config, log)
        return self._processes[name]

    def has_joined(self, name: str) -> None:
        """Wait until the worker has partitions to read."""
        log = self._config.parent / f"{name}.log"
        wait_until(lambda: "reading from" in log.read_text("utf-8"))

    def publish(self) -> None:
        """The next slice."""
        self._here.publish(self._slices.pop(0))

    def publish_and_wait_for_the_middle(self) -> None:
        """The next slice; some of it is folded and most is not."""
        before = sum(self._here.offsets())
        self.publish()
        wait_until(lambda: sum(self._here.offsets()) > before)

    def stop(self, *names: str) -> None:
        """Everybody ran to this moment, and stops when asked to."""
        for name in names:
            assert self._processes[name].poll() is None, name
            self._processes[name].send_signal(signal.SIGTERM)
        codes = {name: self._processes[name].wait(STOP_WITHIN_S) for name in names}
        assert not any(codes.values()), codes

    def nothing_is_left_to_publish(self) -> None:
        assert not self._slices


def test_states_and_effects_are_those_of_the_log_whatever_dies(
    install: Install, config: Path, purchases: list[SourceRecord]
) -> None:
    here = install(PARTITIONS)
    story = Story(here, config, purchases)
    relay = story.start("relay", "relay")
    first, second = story.start("first"), story.start("second")
    story.publish_and_wait_for_the_middle()

    story.publish_and_wait_for_the_middle()
    kill(first)
    third = story.start("third")
    story.publish()
    here.wait_until_folded()

    story.publish_and_wait_for_the_middle()
    second.send_signal(signal.SIGTERM)
    assert second.wait(STOP_WITHIN_S) == 0
    story.start("fourth")
    story.has_joined("fourth")
    here.wait_until_folded()

    story.publish_and_wait_for_the_middle()
    third.send_signal(signal.SIGSTOP)
    here.wait_until_folded()  # by the fourth alone, once the third's session is over
    kill(relay)
    story.start("second relay", "relay")
    story.publish_and_wait_for_the_middle()
    third.send_signal(signal.SIGCONT)  # it goes on with the batch in its hands
    story.nothing_is_left_to_publish()
    found, expected = here.when_settled()
    assert found.states == expected.states
    assert found.sketches == expected.sketches
    assert len(expected.populations) > EPOCHS
    assert sorted(set(found.populations)) == sorted(expected.populations)
    wanted = [dict(row.headers)["ce_id"] for row in expected.rows if row.topic == CHANGES]
    assert len(wanted) == len(set(wanted))
    sent = [headers["ce_id"] for headers in found.changes]
    assert set(sent) == set(wanted)
    assert len(sent) - len(wanted) <= RELAY_BATCH  # one relay died once
    story.stop("third", "fourth", "second relay")
