"""Events into the order in which they are read, without holding them all in memory.

Events come customer by customer. So many bytes of them are sorted at a time and put aside as a file;
then all files are merged. The order is total (moment, customer, place), so it does not depend on how
much is sorted at a time.

Enters: events in any order. Leaves: the same, ordered. Forbidden here: what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import IO

from streams.generating.mess import Event

BLOCK_BYTES = 48 << 20  # about 100,000 events, 80 MB with what Python adds
MOST_FILES = 128  # open at a time
_READ_S, _NUMBER, _PLACE, _OCCURRED_S = 12, 10, 8, 12  # digits, so that lines sort as numbers do
_NUMBERS = (_READ_S, _NUMBER, _PLACE, _OCCURRED_S)


def in_order(
    events: Iterable[Event], folder: Path, block_bytes: int = BLOCK_BYTES
) -> Iterator[Event]:
    """The events as they are read.

    Args:
        events: consumed before the first one is yielded.
        folder: for files that are put aside; whoever made it removes it.
        block_bytes: how much is sorted at a time.
    """
    files: list[Path] = []
    lines: list[bytes] = []
    size = 0
    for event in events:
        lines.append(_packed(event))
        size += len(lines[-1])
        if size >= block_bytes:
            _put_aside(sorted(lines), files, folder)
            lines, size = [], 0
    lines.sort()
    with ExitStack() as opened:
        yield from map(_unpacked, merge(lines, *_opened(files, opened)))


def _put_aside(lines: Iterable[bytes], files: list[Path], folder: Path) -> None:
    if len(files) >= MOST_FILES:
        _merged_into_one(files, folder)
    files.append(_written(lines, folder / f"block-{len(files)}"))


def _merged_into_one(files: list[Path], folder: Path) -> None:
    with ExitStack() as opened:
        whole = _written(merge(*_opened(files, opened)), folder / "merged")
    for each in files:
        each.unlink()
    files[:] = [whole.rename(folder / "block-0")]


def _written(lines: Iterable[bytes], path: Path) -> Path:
    with path.open("wb") as stream:
        stream.writelines(lines)
    return path


def _opened(files: list[Path], opened: ExitStack) -> list[IO[bytes]]:
    return [opened.enter_context(path.open("rb")) for path in files]


def _packed(event: Event) -> bytes:
    """A line that sorts as the event does; no JSON body has a line break in it."""
    read_s, number, place, occurred_s, kind, value = event
    return b"%012d%010d%08d%012d%s %s\n" % (
        *(read_s, number, place, occurred_s),
        *(kind.encode(), value),
    )


def _unpacked(line: bytes) -> Event:
    read_s, number, place, occurred_s = (
        int(line[sum(_NUMBERS[:each]) : sum(_NUMBERS[: each + 1])]) for each in range(4)
    )
    kind, _, value = line[sum(_NUMBERS) : -1].partition(b" ")
    return Event(read_s, number, place, occurred_s, kind.decode(), value)
