"""The processes under fire: two workers, of which one is behind proxies, and a relay.

A supervisor's part is played here, too: whoever ends unasked is noted and started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from streams.patience import STOP_WITHIN_S
from streams.settings import Settings
from tests.support.installation import Installation, kill

RELAY = "relay"


class Ended(NamedTuple):
    """A process that ended when it should not have, or not as it should have.

    Attributes:
        name: of its log.
        code: with which it ended; None if it did not.
        asked: whether it had been told to stop.
    """

    name: str
    code: int | None
    asked: bool


class Fleet:
    """Processes by role; each start gets a log of its own, ROLE-NUMBER.log.

    Args:
        here: the installation.
        config: its policy.
        settings: of each role.
        directory: for logs.

    Attributes:
        ended: whoever ended badly.
        relay_deaths: how often the relay was killed, or ended by itself.
    """

    def __init__(
        self, here: Installation, config: Path, settings: Mapping[str, Settings], directory: Path
    ) -> None:
        self._here, self._config, self._directory = here, config, directory
        self._settings = dict(settings)
        self._running: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._starts = 0
        self.ended: list[Ended] = []
        self.relay_deaths = 0

    @property
    def workers(self) -> list[str]:
        """The roles that fold."""
        return sorted(set(self._settings) - {RELAY})

    def start(self, *roles: str) -> None:
        """Start, or start again."""
        for role in roles or self._settings:
            self._starts += 1
            name = f"{self._starts:03d}-{role}"
            command = RELAY if role == RELAY else "worker"
            log = self._directory / f"{name}.log"
            process = self._here.start(command, self._config, log, self._settings[role])
            self._running[role] = name, process

    def reads(self, role: str) -> bool:
        """Whether a worker has partitions to read, and says so."""
        log = self._directory / f"{self._running[role][0]}.log"
        return "reading from" in log.read_text("utf-8")

    def kill(self, role: str) -> None:
        """SIGKILL; another one takes its place."""
        kill(self._running[role][1])
        self.relay_deaths += role == RELAY
        self.start(role)

    def stop(self, *roles: str) -> None:
        """SIGTERM to all of these; who does not leave in time, or not well, is noted."""
        for role in roles:
            self._running[role][1].terminate()
        for role in roles:
            name, process = self._running[role]
            try:
                code: int | None = process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                code = None
                kill(process)
            if code != 0:
                self.ended.append(Ended(name, code, asked=True))

    def signal(self, role: str, number: signal.Signals) -> None:
        """Send a signal."""
        self._running[role][1].send_signal(number)

    def revive(self) -> None:
        """Note who ended unasked, and start them again."""
        for role, (name, process) in list(self._running.items()):
            if process.poll() is not None:
                self.ended.append(Ended(name, process.returncode, asked=False))
                self.relay_deaths += role == RELAY
                self.start(role)

    def pids(self) -> dict[str, int]:
        """Of those that run, by role."""
        return {role: process.pid for role, (_, process) in self._running.items()}


class Size(NamedTuple):
    """What a process takes.

    Attributes:
        rss_mb: memory.
        files: open file descriptors.
    """

    rss_mb: float
    files: int


def size_of(pid: int) -> Size | None:
    """What /proc says; None of a process that is gone."""
    place = Path("/proc", str(pid))
    try:
        pages = int((place / "statm").read_text().split()[1])
        return Size(
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20, sum(1 for _ in (place / "fd").iterdir())
        )
    except (OSError, IndexError):
        return None
