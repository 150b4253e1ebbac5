"""States as they were last read or written here, kept beside their bytes.

A worker meets the same customers again and again, and nearly always with the very bytes that it
has written itself. Whoever else may have been at work: a state counts only while the bytes that were
loaded are those it is kept with, so nothing here can be out of date.

Enters: bytes. Leaves: what they say. Forbidden here: the store.
"""

from __future__ import annotations

from models.codec import Encoded, decode_held, encode_after, encode_held
from models.customer import Alias, CustomerState

KEPT_BYTES = 2**23  # of a partition, encoded; all that is kept takes some four times as much


class Decoded:
    """What was met last, up to a size; a partition has one.

    Args:
        kept_bytes: of encoded states, at most.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: dict[str, Encoded] = {}
        self._most, self._size = kept_bytes, 0

    def read(self, customer_id: str, packed: bytes) -> CustomerState | Alias:
        """What the bytes say; raises as `decode_held` does."""
        known = self._kept.get(customer_id)
        if known is not None and known.packed == packed:
            return known.state
        held = decode_held(packed)
        if isinstance(held, CustomerState):
            self._keep(customer_id, Encoded(held, packed))
        return held

    def written(self, customer_id: str, held: CustomerState | Alias) -> bytes:
        """The bytes of what is held from now on."""
        if isinstance(held, Alias):
            self.forget(customer_id)
            return encode_held(held)
        encoded = encode_after(self._kept.get(customer_id), held)
        self._keep(customer_id, encoded)
        return encoded.packed

    def forget(self, customer_id: str) -> None:
        """Nobody is held by that id any more."""
        known = self._kept.pop(customer_id, None)
        if known is not None:
            self._size -= len(known.packed)

    def _keep(self, customer_id: str, encoded: Encoded) -> None:
        self.forget(customer_id)
        self._kept[customer_id] = encoded
        self._size += len(encoded.packed)
        while self._size > self._most:
            self.forget(next(iter(self._kept)))
