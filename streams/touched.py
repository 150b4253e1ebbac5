"""A customer while a chunk is folded: what is held of them, and what is to be written of that.

Enters: the bytes that were loaded, and what became of them. Leaves: a `CustomerWrite`.
Forbidden here: the store, records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.customer import Alias, CustomerState
from models.effects import PublishChange
from models.segments import segments_by_kind
from streams.decoded import Decoded
from streams.messages import pack_history
from streams.store import HISTORY_SLOTS, CustomerWrite


class Touched:
    """A customer while the chunk is folded."""

    def __init__(self, customer_id: str, packed: bytes | None, decoded: Decoded) -> None:
        self._id, self._decoded = customer_id, decoded
        self.first = self.held = None if packed is None else decoded.read(customer_id, packed)
        self.history: dict[int, bytes] = {}

    @property
    def state(self) -> CustomerState | None:
        """What is known of them, unless the id is only another name of somebody."""
        return None if isinstance(self.held, Alias) else self.held

    def places(self, held: CustomerState | Alias | None) -> Mapping[str, str]:
        """Kind → segment of what may be held by this id."""
        return segments_by_kind(self._id, held)

    def add(self, held: CustomerState | Alias | None, effects: Iterable[PublishChange]) -> None:
        """Something happened: what is held now, and the effects of it."""
        self.held = held
        for effect in effects:
            self.history[effect.sequence % HISTORY_SLOTS] = pack_history(effect)

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.held is not self.first

    def write(self, *, listed: bool) -> CustomerWrite:
        """What becomes of them; `listed`: the segments they were in list them."""
        held, before = self.held, self.places(self.first) if listed else {}
        after = self.places(held)
        left, entered = _only_in(before, after), _only_in(after, before)
        if held is None:
            self._decoded.forget(self._id)
            return CustomerWrite(None, None, left, ())
        packed = self._decoded.written(self._id, held)
        if isinstance(held, Alias):
            return CustomerWrite(packed, None, left, (), None)
        history = tuple(self.history.items())
        return CustomerWrite(packed, held.next_deadline_ms, left, entered, history)


def _only_in(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The segments of one that are not among those of the other."""
    if one == other:
        return []
    others = set(other.values())
    return [each for each in one.values() if each not in others]
