"""What the labels are called that daybooks keep: the names of categories, brands, channels, stores.

A daybook (`models/daybook.py`) keeps 48 bits of a label's hash, because a customer has many labels and
many customers have the same ones. Here each name stands once for a whole partition, first come, up to
`MAX_NAMES`; it is a slot of the partition's sketch, `w` and the label's key in hex. Nothing follows from
a name: a label without one counts like any other.

Enters: purchases that were folded, in the order of the log. Leaves: key → name. Forbidden here: customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from models.daybook import DIMENSIONS, label_key
from models.events import Purchase

MAX_NAMES = 4_096  # of a partition
MAX_NAME_CHARACTERS = 256  # what is longer is cut
NAME = "w"  # what the slots of names begin with
_OF_ITEMS = {"category": attrgetter("category"), "brand": attrgetter("brand")}


class LabelNames:
    """The names that a partition knows; changed in place.

    Args:
        texts: label key → name.

    Attributes:
        texts: likewise.
        touched: the keys of names learned since the last `take_changes`.
    """

    def __init__(self, texts: Mapping[bytes, str] | None = None) -> None:
        self.texts = dict(texts or {})
        self.touched: set[bytes] = set()
        self._seen: dict[str, set[str | None]] = {each: {None, ""} for each in DIMENSIONS}
        for key, text in self.texts.items():
            self._seen[DIMENSIONS[key[0]]].add(text)

    def learn(self, purchase: Purchase, kept: Sequence[str]) -> None:
        """Note what the labels of a purchase are called; cheap where all are known.

        Args:
            purchase: that was folded.
            kept: the dimensions whose labels are written down.
        """
        if len(self.texts) >= MAX_NAMES:
            return
        for dimension in kept:
            seen = self._seen[dimension]
            of_item = _OF_ITEMS.get(dimension)
            named: set[str | None] = (
                {of_item(each) for each in purchase.items} if of_item else set()
            )
            if not named - {None, ""}:
                named = {getattr(purchase, dimension, None)}
            if not named <= seen:
                self._add(dimension, [each for each in named - seen if each])

    def _add(self, dimension: str, texts: Iterable[str]) -> None:
        for text in sorted(texts):  # the same ones on every machine, if not all find room
            key = label_key(dimension, text)
            if key not in self.texts and len(self.texts) < MAX_NAMES:
                self.texts[key] = text[:MAX_NAME_CHARACTERS]
                self.touched.add(key)
            if len(text) <= MAX_NAME_CHARACTERS and key in self.texts:
                self._seen[dimension].add(text)

    def take_changes(self) -> dict[str, bytes | None]:
        """The slots of the names learned since the last time, once."""
        changes: dict[str, bytes | None] = {
            slot_of(key): packed_name(self.texts[key]) for key in sorted(self.touched)
        }
        self.touched.clear()
        return changes

    def slots(self) -> dict[str, bytes]:
        """All of them, encoded."""
        return {slot_of(key): packed_name(text) for key, text in self.texts.items()}


def slot_of(key: bytes) -> str:
    """Where a label's name stands in the sketch.

    >>> slot_of(bytes([0, 1, 2, 3, 4, 5, 255]))
    'w000102030405ff'
    """
    return NAME + key.hex()


def key_in(slot: str) -> bytes:
    """The reverse."""
    return bytes.fromhex(slot[len(NAME) :])


def packed_name(text: str) -> bytes:
    """UTF-8; what can't be written so is a question mark."""
    return text.encode("utf-8", "replace")


def read_name(packed: bytes) -> str:
    """The reverse."""
    return packed.decode("utf-8", "replace")
