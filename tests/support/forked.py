"""Many `segmenter …` processes one after the other: forked off one that has imported everything already.

Each runs the command from its beginning, in a process of its own, with its own settings and log; only Python's
imports, seconds on a busy machine, are made once. Run as a program it is the one that is forked.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.support.installation import wait_until


class Forked:
    """Starts and kills processes.

    Args:
        folder: for their logs.

    Attributes:
        count: how many were started.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.count = folder, 0
        self._pids: set[int] = set()

    def __enter__(self) -> Self:
        self._first = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self._pids):
            self.kill(pid)
        self._first.kill()
        self._first.communicate()

    def start(self, arguments: list[str], environment: Mapping[str, str]) -> int:
        """Start `segmenter ARGUMENTS`; answers its pid."""
        self.count += 1
        assert self._first.stdin is not None
        assert self._first.stdout is not None
        asked = [arguments, {**os.environ, **environment}, str(self.log_of(self.count))]
        self._first.stdin.write(json.dumps(asked) + "\n")
        self._first.stdin.flush()
        pid = int(self._first.stdout.readline())
        self._pids.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait for the end; it may have come already."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._pids.discard(pid)
        wait_until(lambda: not Path(f"/proc/{pid}").exists())

    def log_of(self, count: int) -> Path:
        """Of the so manyeth process."""
        return self._folder / f"{count:03}.log"

    def said(self) -> str:
        """What stands in the newest one's log."""
        path = self.log_of(self.count)
        return path.read_text("utf-8") if path.exists() else ""


def _serve() -> None:
    for each in ("streams.cli", "streams.app", "streams.delivery_app", "streams.processes"):
        importlib.import_module(each)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        arguments, environment, log = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(arguments, environment, log)
        print(pid, flush=True)


def _become(arguments: list[str], environment: dict[str, str], log: str) -> None:
    import streams.cli

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    nowhere: Any = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1):
        os.dup2(nowhere, each)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    sys.argv = ["segmenter", *arguments]
    streams.cli.main()
    os._exit(1)


if __name__ == "__main__":
    _serve()
