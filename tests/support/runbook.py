"""deploy/runbook.md in pieces: its sections, and the blocks of commands with how sure each is."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

RUNBOOK = Path(__file__).resolve().parents[2] / "deploy" / "runbook.md"
KINDS = {"tried", "parsed", "read"}
PATIENCE_S = 60
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """Commands.

    Attributes:
        kind: `tried`, `parsed` or `read`.
        name: of a procedure's step; "" of a look.
        script: the lines.
    """

    kind: str
    name: str
    script: str

    @property
    def commands(self) -> list[str]:
        """Line by line, without comments."""
        lines = (shlex.join(shlex.split(line, comments=True)) for line in self.script.splitlines())
        return [line for line in lines if line]


def text() -> str:
    """All of it."""
    return RUNBOOK.read_text("utf-8")


def sections(document: str) -> dict[str, str]:
    """Heading → what stands below it, up to the next one."""
    _, *parts = _SECTION.split(document)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def blocks(document: str) -> Iterator[Block]:
    """In their order."""
    for info, script in _BLOCK.findall(document):
        kind, _, name = info.removeprefix("sh ").partition("=")
        yield Block(kind, name, script)


def step(name: str) -> str:
    """The script of a procedure's step."""
    (found,) = [each.script for each in blocks(text()) if (each.kind, each.name) == ("tried", name)]
    return found


def run(script: str, environment: Mapping[str, str], folder: Path) -> str:
    """Run a script as a person would, in bash, and stop at the first fault; answers what it printed."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=PATIENCE_S,
    )
    assert ran.returncode == 0, f"{script}\n{ran.stdout}{ran.stderr}"
    return ran.stdout
