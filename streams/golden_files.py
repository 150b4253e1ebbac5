"""Golden files on the disk: read, compared, written only where that is allowed.

Enters: what has happened. Leaves: nothing, or `GoldenDiffers`; where files are updated, a file.
Forbidden here: deciding whether they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from streams.golden import EFFECTS, Golden, as_text, parsed
from streams.golden_words import difference

UPDATE = "pytest --segmenter-update-golden"


class GoldenDiffers(AssertionError):
    """What has happened is not what the golden file says; the message says what differs."""


class Compare(Protocol):
    """How a golden file is held against what has happened; `compare`, or one that writes."""

    def __call__(self, path: Path, named: str, golden: Golden, head: Sequence[str]) -> None:
        """Path, the test's name for it, what has happened, and how it was made."""


def compare(path: Path, named: str, golden: Golden, head: Sequence[str]) -> None:
    """Hold what has happened against a file.

    Args:
        path: of the file.
        named: what the test calls it.
        golden: what has happened.
        head: how it was made; of no importance here.

    Raises:
        GoldenDiffers: it is not there, or says something else.
        GoldenUnreadable: it says nothing.
    """
    __tracebackhide__ = True
    del head
    if not path.is_file():
        raise GoldenDiffers(f"{named}: there is no such file yet; write it: {UPDATE}")
    differs = difference(parsed(path.read_text("utf-8"), named), golden)
    if differs is not None:
        raise GoldenDiffers(f"{named}: {differs}")


@dataclass
class Updating:
    """Writes golden files instead of comparing them.

    A file that this run has written is compared from then on: two tests may hold different roads
    against one file, and must arrive at the same.

    Attributes:
        wrote: called with each file that has changed.
        seen: those written or found right.
    """

    wrote: Callable[[Path], None]
    seen: set[Path] = field(default_factory=set)

    def __call__(self, path: Path, named: str, golden: Golden, head: Sequence[str]) -> None:
        """As `compare`, but the first to come writes."""
        __tracebackhide__ = True
        if path in self.seen:
            compare(path, named, golden, head)
            return
        text = as_text(golden, head)
        if path.is_file():
            there = path.read_text("utf-8", "replace")
            if there == text:
                self.seen.add(path)
                return
            if there and f"[{EFFECTS}]" not in there.splitlines():
                raise GoldenDiffers(f"{named} is no golden file, and stays as it is; name another")
        self.seen.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
        self.wrote(path)
