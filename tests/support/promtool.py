"""promtool, Prometheus' own checker: which one, and how it is asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from streams.local import LocalServerError

REMEDY = "apt-get install prometheus, or any promtool on the PATH"
TIMEOUT_S = 120


def version() -> str:
    """Of Prometheus' own checker.

    Raises:
        LocalServerError: there is none.
    """
    found = shutil.which("promtool")
    if found is None:
        raise LocalServerError("no promtool on the PATH")
    ran = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return " ".join((ran.stdout + ran.stderr).split()[:3]).rstrip(",")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it; its answer, whatever it is."""
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
