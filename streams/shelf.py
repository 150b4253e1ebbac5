"""The shelf's contract: what the delivery of alerts remembers in Redis, and the fence around it.

One topic with one partition is folded by one owner at a time. All that follows from it (the offset,
the alerts, each endpoint's queue) stands on one shelf, as fields of hashes and members of sorted
sets, and every `write` is one script: all of it, or nothing where offset or nonce have moved.

Reading is not fenced. Whoever takes the `stand` first, then reads, and then writes with that stand
as `expected` knows, if the write was carried out, that nothing was written in between: every write
brings a fresh nonce. Values are absolute.

Two versions keep this contract: `redis_shelf.RedisShelf` and `memory_shelf.MemoryShelf`. One suite
of tests, tests/contracts/test_shelf.py, holds them equal. A process writes through one `Hand`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

MAX_WRITES = 10_000  # in one script: others wait for its end
MAX_AT_MS = 2**53  # a sorted set's scores are doubles; up to here they hold every integer
STAND = "stand"  # the name of the stand's own hash
_UNKNOWN = "somebody else has written here, or nothing has been loaded yet: reload"


class Fenced(RuntimeError):
    """Somebody else has written, so what this process remembers is stale; see `Hand.reload`."""


class Stand(NamedTuple):
    """Where the fold stands.

    Attributes:
        offset: the next record of the topic to fold; 0 before the first.
        nonce: changes with every write.
        topic_id: of the topic that this is a fold of; "" before the first write.
    """

    offset: int = 0
    nonce: bytes = b""
    topic_id: str = ""


class Put(NamedTuple):
    """A field of a hash.

    Attributes:
        name: of the hash.
        field: which one.
        value: None takes it out.
    """

    name: str
    field: str
    value: bytes | None


class Line(NamedTuple):
    """A member of a sorted set.

    Attributes:
        name: of the sorted set; a hash of the same name can't be.
        member: who stands in line.
        at_ms: for which moment, epoch milliseconds, within ± `MAX_AT_MS`; None takes it out.
    """

    name: str
    member: str
    at_ms: int | None


Write = Put | Line


class Shelf(Protocol):
    """One installation's. Every call may raise `StoreUnavailable`."""

    async def stand(self) -> Stand:
        """Where the fold stands."""

    async def get(self, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """Fields of a hash, in the order asked for; None: there is none."""

    async def everything(self, name: str) -> dict[str, bytes]:
        """All fields of a hash, read page by page.

        Not of one moment, unless the stand is the same before and after.
        """

    async def due(self, name: str, until_ms: int, count: int) -> list[tuple[str, int]]:
        """The first so many members up to a moment, with theirs: by moment, then by UTF-8."""

    async def newest(
        self, name: str, before: tuple[int, str] | None, count: int
    ) -> list[tuple[str, int]]:
        """The last so many members, the last one first: the order of `due` from its other end.

        Args:
            name: of the sorted set.
            before: a moment and a member: only those that stand before it in that order, whether
                or not it is still there itself; None: from the end on.
            count: at least 1.
        """

    async def length(self, name: str) -> int:
        """How many members a sorted set has."""

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        """Write it all and answer True, or, if offset or nonce have moved, nothing and False.

        Of several writes to one field, or to one member, the last one counts.

        Raises:
            ValueError: more than `MAX_WRITES`, a moment that no score holds, or the stand's name.
            StoreUnavailable: and nobody knows whether it was carried out.
        """


def check(writes: Sequence[Write]) -> None:
    """Refuse what a script could not carry out: it has no rollback.

    Raises:
        ValueError: see `Shelf.write`.
    """
    if len(writes) > MAX_WRITES:
        raise ValueError(f"{len(writes)} writes at once; at most {MAX_WRITES} are one script")
    if STAND in {each.name for each in writes}:
        raise ValueError(f"{STAND} is the name of the stand itself; take another")
    moments = [each.at_ms for each in writes if isinstance(each, Line) and each.at_ms is not None]
    if moments and not -MAX_AT_MS <= min(moments) <= max(moments) <= MAX_AT_MS:
        raise ValueError(f"{min(moments)} to {max(moments)} is beyond what moments can be")


class HeldWrite(Protocol):
    """Writes while the hand is held; see `Hand.write`."""

    async def __call__(
        self, writes: Sequence[Write], offset: int | None = None, topic_id: str | None = None
    ) -> Stand:
        """See `Hand.write`."""


class Hand:
    """The one hand with which a process writes on its shelf.

    All of a process, the fold and each endpoint's loop, share one stand, so they take turns. What
    is read within a turn still holds when the turn writes: nobody here writes meanwhile, and if
    somebody elsewhere does, the write is refused.

    A refused write ends it for all of them: every turn raises `Fenced` until `reload`, which is for
    the fold alone to call, once it has dropped what it remembers. Otherwise it would write, with
    the new stand, what it had concluded from the old one. Others than the owner may write, too: each
    write, be it nothing, fences all other hands, so a new owner begins with one.

    Args:
        shelf: to write on.
        new_nonce: a value never used before, for each write.

    Attributes:
        fenced: set for as long as every turn raises `Fenced`; whoever reloads can wait for it.
    """

    def __init__(self, shelf: Shelf, new_nonce: Callable[[], bytes]) -> None:
        self.shelf = shelf
        self._new_nonce = new_nonce
        self._lock = asyncio.Lock()
        self._stand: Stand | None = None
        self._perhaps: Stand | None = None  # what a write that was never answered would have left
        self.fenced = asyncio.Event()
        self.fenced.set()

    @property
    def stand(self) -> Stand:
        """Where this process last knew the fold to stand.

        Raises:
            Fenced: it does not know.
        """
        if self._stand is None:
            raise Fenced(_UNKNOWN)
        return self._stand

    async def reload(self) -> Stand:
        """Take the shelf's stand as one's own; whatever was remembered is stale from here on.

        Raises:
            StoreUnavailable: the hand stays as it was.
        """
        async with self._lock:
            self._known(await self.shelf.stand())
            return self.stand

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[HeldWrite]:
        """Hold the hand: read, then write with what this yields. Nothing slow belongs in here.

        Raises:
            Fenced, StoreUnavailable: as `write`.
        """
        async with self._lock:
            await self._settle()
            yield self._write

    async def confirm(self) -> None:
        """Make sure, before anything is done that can't be undone, that nobody else has written.

        Raises:
            Fenced, StoreUnavailable: as `write`.
        """
        async with self._lock:
            if self._stand is not None:
                await self._compare()
            await self._settle()

    async def write(
        self, writes: Sequence[Write], offset: int | None = None, topic_id: str | None = None
    ) -> Stand:
        """Write in a turn of its own; idempotent only as far as the writes are.

        Args:
            writes: all or none of them.
            offset: the next record to fold; None leaves it.
            topic_id: None leaves it.

        Returns:
            The new stand.

        Raises:
            Fenced: nothing was written.
            StoreUnavailable: nobody knows; the next turn finds out, and `stand` then tells.
        """
        async with self.turn() as write:
            return await write(writes, offset, topic_id)

    async def _write(
        self, writes: Sequence[Write], offset: int | None = None, topic_id: str | None = None
    ) -> Stand:
        stand = self.stand
        new = Stand(
            stand.offset if offset is None else offset,
            self._new_nonce(),
            stand.topic_id if topic_id is None else topic_id,
        )
        self._perhaps = new
        self._known(new if await self.shelf.write(stand, new, writes) else None)
        return self.stand

    async def _settle(self) -> None:
        """Learn what became of a write that was never answered."""
        if self._perhaps is not None:
            await self._compare()
        if self._stand is None:
            raise Fenced(_UNKNOWN)

    async def _compare(self) -> None:
        stored = await self.shelf.stand()
        self._known(stored if stored in (self._stand, self._perhaps) else None)

    def _known(self, stand: Stand | None) -> None:
        self._stand, self._perhaps = stand, None
        if stand is None:
            self.fenced.set()
        else:
            self.fenced.clear()
