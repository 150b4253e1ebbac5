"""`segmenter …` processes in an environment and a folder of their own, and how they end.

As tests/support/forked.py: each runs the command from its beginning, but Python's imports are made
once. Here a process sees exactly the environment that it is given, and its exit code is told.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.support.forked import _become

_IMPORTED = ("cli", "app", "delivery_app", "normaliser_app", "surveyor", "api.server", "processes")


class Forks:
    """Starts processes, and waits for them; what still runs ends with the block."""

    def __enter__(self) -> Self:
        self._first = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_in_place"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._codes: dict[int, int | None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._codes:
            if self.exit_code(pid) is None:
                os.kill(pid, signal.SIGKILL)
        self._first.kill()
        self._first.communicate()

    def start(
        self, arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> int:
        """Start `segmenter ARGUMENTS` in a folder; answers its pid."""
        pid = int(self._ask("start", arguments, dict(environment), str(folder), str(log)))
        self._codes[pid] = None
        return pid

    def exit_code(self, pid: int) -> int | None:
        """How it ended; None: it runs."""
        if self._codes[pid] is None:
            self._codes[pid] = self._ask("look", pid)
        return self._codes[pid]

    def wait(self, pid: int, patience_s: float) -> int:
        """How it ends.

        Raises:
            TimeoutError: not within that time.
        """
        give_up_s = time.monotonic() + patience_s
        while (code := self.exit_code(pid)) is None:
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"process {pid} still runs after {patience_s:g} s")
            time.sleep(0.02)
        return code

    def _ask(self, *question: Any) -> Any:
        assert self._first.stdin is not None
        assert self._first.stdout is not None
        self._first.stdin.write(json.dumps(question) + "\n")
        self._first.stdin.flush()
        return json.loads(self._first.stdout.readline())


def _serve() -> None:
    for each in _IMPORTED:
        importlib.import_module(f"streams.{each}")
    for line in sys.stdin:
        verb, *given = json.loads(line)
        print(json.dumps(_started(*given) if verb == "start" else _looked(*given)), flush=True)


def _started(arguments: list[str], environment: dict[str, str], folder: str, log: str) -> int:
    pid = os.fork()
    if not pid:
        os.chdir(folder)
        try:
            _become(arguments, environment, log)
        except (
            SystemExit
        ) as ended:  # Python's own end would copy all that was imported, page by page
            os._exit(ended.code if isinstance(ended.code, int) else bool(ended.code))
        except BaseException:  # noqa: BLE001 - it is told, and the process ends
            traceback.print_exc()
            os._exit(1)
    return pid


def _looked(pid: int) -> int | None:
    with suppress(ChildProcessError):
        found, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None
    return None


if __name__ == "__main__":
    _serve()
