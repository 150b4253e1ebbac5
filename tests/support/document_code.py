"""Code that stands in the documents: fenced blocks with what is said of them, and shell lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import typer.main

from streams.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"], key=str)
_FENCE = re.compile(r"^(`{3,})(\S*)\s*$")
_MARK = re.compile(r"^<!-- (not run|names): (.+) -->$")
NOT_THERE_YET = ("MissingParameter", "NoArgsIsHelpError", "BadParameter")  # N stands for a number
SHELL = ("sh", "console", "bash")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: where it stands.
        line: of its first line, counted from 1.
        language: after the fence; "": none.
        text: without the fences.
        not_run: the reason why it is only read; "": it is run.
        names: that it takes as given.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str
    names: tuple[str, ...]

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in order; a mark stands on the line above the fence."""
    lines = page.read_text("utf-8").splitlines()
    fence, language, begin, mark = "", "", 0, ("", "")
    for number, line in enumerate(lines):
        found = _FENCE.match(line)
        if fence and line.strip() == fence:
            not_run, names = (text if kind == mark[0] else "" for kind, text in _both(mark[1]))
            text = "\n".join(lines[begin:number]) + "\n"
            yield Block(
                page, begin + 1, language, text, not_run, tuple(names.split(", ") if names else ())
            )
            fence = ""
        elif not fence and found:
            fence, language, begin = found[1], found[2], number + 1
            above = _MARK.match(lines[number - 1]) if number else None
            mark = (above[1], above[2]) if above else ("", "")


def _both(text: str) -> tuple[tuple[str, str], ...]:
    return ("not run", text), ("names", text)


def of(language: str) -> list[Block]:
    """All blocks in a language, of all pages."""
    return [each for page in PAGES for each in blocks(page) if each.language == language]


def shell_lines(page: Path) -> Iterator[tuple[str, str]]:
    """(place, line) of every command in shell blocks and in indented ones; continued lines are joined."""
    for block in blocks(page):
        if block.language in SHELL:
            joined = block.text.replace("\\\n", " ")
            yield from (
                (block.place, line.removeprefix("$ ")) for line in joined.splitlines() if line
            )
    for number, line in enumerate(_unfenced(page), start=1):
        if re.match(r" {4,}(\S*/)?segmenter ", line):
            yield f"{page.relative_to(ROOT)}:{number}", line.strip()


def inline_commands(page: Path) -> Iterator[tuple[str, str]]:
    """(place, command) of every `segmenter …` in a sentence."""
    for number, line in enumerate(_unfenced(page), start=1):
        for found in re.findall(r"`(segmenter [^`…]+)`", line):
            yield f"{page.relative_to(ROOT)}:{number}", found


def _unfenced(page: Path) -> Iterator[str]:
    """Each line; those of fenced blocks are empty."""
    inside = False
    for line in page.read_text("utf-8").splitlines():
        fence = line.startswith("```")
        inside ^= fence
        yield "" if inside or fence else line


@cache
def _segmenter() -> Any:
    return typer.main.get_command(app)


def refused(line: str, *, part: bool = False) -> str | None:
    """What `segmenter` has against a command line, without running it; None: nothing.

    Args:
        line: as it would be typed; a comment behind it is passed over.
        part: what is only not there yet is no fault; of `a|b`, the first is taken.
    """
    words = shlex.split(re.sub(r"\|\S+", "", line) if part else line, comments=True)
    command = _segmenter()
    context = None
    try:
        while True:
            context = command.make_context(command.name or "segmenter", words[1:], parent=context)
            if not hasattr(command, "commands"):
                return None
            left = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, left)
            words, command = [name, *rest], found
    except Exception as error:  # noqa: BLE001 - whatever the command line says is what is asked
        missing = part and type(error).__name__ in NOT_THERE_YET
        return None if missing else f"{type(error).__name__}: {getattr(error, 'message', error)}"
