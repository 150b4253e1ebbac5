"""Server-sent events (WHATWG HTML, 9.2) as a reader has them: bytes enter, events leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class ServerSentEvent(NamedTuple):
    """One event.

    Attributes:
        name: what it is.
        cursor: the last `id` so far; empty before the first.
        text: its body.
    """

    name: str
    cursor: str
    text: str


class Seen:
    """The newest ids, to know repetitions by.

    Args:
        most: how many are remembered.
    """

    def __init__(self, most: int) -> None:
        self._ids: dict[str, None] = {}
        self._most = most

    def is_new(self, one: str) -> bool:
        """Whether an id comes for the first time; it is remembered from now on."""
        if one in self._ids:
            return False
        self._ids[one] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]
        return True


def events_in(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    r"""The events in bytes that are cut anywhere; one without an end is left out.

    >>> list(events_in([b"event: change\nid: 7\nda", b"ta: {}\n\n: still here\n\n"]))
    [ServerSentEvent(name='change', cursor='7', text='{}')]
    """
    name, cursor, texts = "message", "", list[str]()
    for line in _lines(chunks):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            cursor = value
        elif field == "data":
            texts.append(value)
        elif not line:
            if texts:
                yield ServerSentEvent(name, cursor, "\n".join(texts))
            name, texts = "message", []


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Ends are LF or CRLF only: JSON may hold whatever else Unicode counts as one."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
