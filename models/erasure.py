"""Who was erased: a keyed hash of the id, and up to when nothing of them counts any more.

A person asks to be forgotten. What remains is a `Mark`: no event of that id that happened at or
before `through_ms` is ever folded again, whether it comes late, twice, or out of the log in a
rebuild. What the person does afterwards is a new beginning.

The hash is BLAKE2b with a key (RFC 7693), a message authentication code: without the key nobody can
find an id by trying. Forbidden here: ids in the clear, the clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple, Self

MAX_KEY_BYTES = 64  # BLAKE2b takes no longer one


class Pseudonyms:
    """Names for customers that only the key's holders can connect with an id.

    Args:
        key: secret, at most 64 bytes. Empty: the names can be found by trying ids.

    Attributes:
        key_id: tells keys apart without telling them; "" of the empty key.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self.key_id = self._hash(b"which key is this?", b"key-id", 4).hex() if key else ""

    def of(self, customer_id: str) -> str:
        """32 hex digits that stand for a customer where the id must not be written."""
        return self._hash(customer_id.encode(), b"customer", 16).hex()

    def sampled(self, customer_id: str) -> int:
        """64 bits that decide whether a customer is in the sample, and name them there."""
        return int.from_bytes(self._hash(customer_id.encode(), b"sample", 8))

    def drawn(self, text: str) -> int:
        """64 bits that decide whether a customer is held out of alerts."""
        return int.from_bytes(self._hash(text.encode(), b"holdout", 8))

    def _hash(self, text: bytes, person: bytes, size: int) -> bytes:
        return hashlib.blake2b(text, digest_size=size, key=self._key, person=person).digest()


class Removed(NamedTuple):
    """What an erasure took away; nothing of it says who it was.

    Attributes:
        state: whether there was one.
        purchases: that it counted.
        remembered: events that it listed.
        attributes: of the profile.
        in_sketch: whether the person counted in the sketch.
        names: other ids of the same person, erased likewise.
    """

    state: bool = False
    purchases: int = 0
    remembered: int = 0
    attributes: int = 0
    in_sketch: bool = False
    names: int = 0


class Mark(NamedTuple):
    """That someone was erased.

    Attributes:
        through_ms: nothing that happened at or before this counts any more, event time.
        event: which erasure, as 16 hex digits of its event id's hash.
        removed: what it took away.
        born_through_ms: up to when nothing counted already when the store's fold of the log began;
            -1: nobody had been erased by then.
    """

    through_ms: int
    event: str
    removed: Removed = Removed()
    born_through_ms: int = -1


class NotAMark(ValueError):
    """The bytes are not a mark."""


def encode_mark(mark: Mark) -> bytes:
    """JSON; the same bytes for the same mark."""
    return json.dumps({**mark._asdict(), "removed": mark.removed._asdict()}).encode()


def decode_mark(packed: bytes) -> Mark:
    """The reverse; fields of later versions are let pass.

    Raises:
        NotAMark: no mark, or one without its moment.
    """
    try:
        found = json.loads(packed)
        removed = {name: found.get("removed", {}).get(name, 0) for name in Removed._fields}
        born_ms = int(found.get("born_through_ms", -1))
        return Mark(int(found["through_ms"]), str(found["event"]), Removed(**removed), born_ms)
    except _NOT_ONE as error:
        raise NotAMark(f"{len(packed)} bytes are not an erasure: {error!r}") from error


_NOT_ONE = (
    *(ValueError, TypeError, KeyError, AttributeError, ArithmeticError),
    RecursionError,
)


class Marks:
    """The erasures of one partition; changed in place.

    Args:
        pseudonyms: names them.
        known: name → mark.

    Attributes:
        touched: the names marked since the last `take_changes`.
    """

    def __init__(self, pseudonyms: Pseudonyms, known: Mapping[str, Mark] | None = None) -> None:
        self._pseudonyms = pseudonyms
        self._known = dict(known or {})
        self.touched: set[str] = set()

    @classmethod
    def new(cls, pseudonyms: Pseudonyms, known: Mapping[str, Mark]) -> Self:
        """Those that a fold begins with; all are still to be written."""
        born = {n: each._replace(born_through_ms=each.through_ms) for n, each in known.items()}
        marks = cls(pseudonyms, born)
        marks.touched.update(born)
        return marks

    def through_ms(self, customer_id: str) -> int:
        """Up to when nothing of this id counts; -1 if it was never erased."""
        if not self._known:
            return -1
        mark = self._known.get(self._pseudonyms.of(customer_id))
        return -1 if mark is None else mark.through_ms

    def known(self, name: str) -> Mark:
        """The mark by that name."""
        return self._known[name]

    def add(self, customer_id: str, mark: Mark) -> str:
        """Note an erasure; of two of one person the later moment holds. Answers the name."""
        name = self._pseudonyms.of(customer_id)
        known = self._known.get(name)
        if known is not None:
            through_ms = max(known.through_ms, mark.through_ms)
            mark = mark._replace(through_ms=through_ms, born_through_ms=known.born_through_ms)
            if known.event == mark.event:  # read again, there was less to remove
                mark = mark._replace(removed=max(known.removed, mark.removed))
        self._known[name] = mark
        self.touched.add(name)
        return name

    def take_changes(self) -> dict[str, bytes]:
        """The touched ones, encoded, once."""
        changes = {name: encode_mark(self._known[name]) for name in sorted(self.touched)}
        self.touched.clear()
        return changes
