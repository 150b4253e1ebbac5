"""`segmenter` as a person or a script runs it: a folder, an environment, what was printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from streams.cli import app

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "127.0.0.1:1"  # a port that nobody listens on


class Ran(NamedTuple):
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stands on stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


class Terminal:
    """Runs `segmenter …`, in this process or in one of its own.

    Args:
        environment: on top of the machine's, which says nothing of ours.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        around = {k: v for k, v in os.environ.items() if not k.upper().startswith("SEGMENTER_")}
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            around.pop(name, None)
        self.environment = {**around, **environment}

    def run(self, *arguments: str) -> Ran:
        """In this process; what it doesn't expect is raised."""
        ended = CliRunner().invoke(
            app, arguments, env={**_cleared(), **self.environment}, prog_name="segmenter"
        )
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ran(ended.exit_code, ended.stdout, ended.stderr)

    def spawn(self, *arguments: str, **environment: str) -> Ran:
        """In a process of its own."""
        ended = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            env={**self.environment, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)


def _cleared() -> dict[str, str | None]:
    return {name: None for name in os.environ if name.upper().startswith("SEGMENTER_")}
