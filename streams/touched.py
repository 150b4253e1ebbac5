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
    """A customer while the chunk is folded.

    Attributes:
        first: what was held when the chunk began.
        held: what is held now.
        places: kind → segment of what is held now.
        history: slot → packed effect.
    """

    def __init__(self, customer_id: str, packed: bytes | None, decoded: Decoded) -> None:
        self._id, self._decoded = customer_id, decoded
        self.first = self.held = None if packed is None else decoded.read(customer_id, packed)
        self._first_places = self.places = segments_by_kind(customer_id, self.held)
        self.history: dict[int, bytes] = {}

    @property
    def state(self) -> CustomerState | None:
        """What is known of them, unless the id is only another name of somebody."""
        return None if isinstance(self.held, Alias) else self.held

    def places_of(self, held: CustomerState | Alias | None) -> Mapping[str, str]:
        """Kind → segment of what may be held by this id next."""
        state = self.state
        if (
            state is not None
            and isinstance(held, CustomerState)
            and held.groups is state.groups
            and held.rules is state.rules
            and held.standing == state.standing
        ):
            return self.places
        return segments_by_kind(self._id, held)

    def add(self, held: CustomerState | Alias | None, effects: Iterable[PublishChange]) -> None:
        """Something happened: what is held now, and the effects of it."""
        self.places = self.places_of(held)
        self.held = held
        for effect in effects:
            self.history[effect.sequence % HISTORY_SLOTS] = pack_history(effect)

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.held is not self.first

    def write(self, *, listed: bool) -> CustomerWrite:
        """What becomes of them; `listed`: the segments they were in list them."""
        before, after = self._first_places if listed else {}, self.places
        left, entered = _only_in(before, after), _only_in(after, before)
        held = self.held
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
    if one is other:
        return []
    others = set(other.values())
    return [each for each in one.values() if each not in others]
