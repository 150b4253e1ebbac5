"""Where Quix Streams lives: an environment of its own under the user's cache, made when it is first asked for.

It is no dependency of ours, and its own need not go with ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.running import Failed

QUIX = "quixstreams==3.28.1"
INSTALL_TIMEOUT_S = 300.0


def quix_python(cache: Path | None = None) -> Path:
    """The interpreter of that environment; blocks, half a minute the first time.

    Args:
        cache: the user's cache directory; None: as XDG_CACHE_HOME says, or ~/.cache.

    Raises:
        Failed: PyPI can't be reached, or it can't be installed.
    """
    home = (cache or _cache()) / "segmenter-bench" / QUIX.replace("==", "-")
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-compile", QUIX])
        ready.touch()
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        raise Failed(
            f"{QUIX} can't be installed from PyPI into an environment of its own; make PyPI "
            "reachable (a proxy: PIP_INDEX_URL), or leave this peer out: --peers faust,redis\n"
            + "\n".join(done.stderr.splitlines()[-5:])
        )
