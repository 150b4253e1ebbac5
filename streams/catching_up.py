"""How a store that is being built catches up with its log, and what becomes of its outbox.

Nothing of that store reaches Kafka before it serves. While another store serves the same log, what
that one's relay has sent is dropped from the new outbox, and what is not sent yet stays in it
(`Beside`). If the log has got more partitions nobody folds it meanwhile, and its customers must be
sent to their new partitions: then these records are sent, and all else is dropped (`Alone`).

Enters: stores, a sender. Leaves: one `Look` at a time. Forbidden here: processes, the terminal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from streams.origin import origin
from streams.outbox import Sender, relay_once
from streams.store import LEARNER, OutboxRow, Store
from streams.topics import ERASURES, LOG

ROWS = 1_000  # looked at in one go


class Look(NamedTuple):
    """What one look has found.

    Attributes:
        offsets: where the new store stands, by place.
        caught_up: whether it may serve.
    """

    offsets: Mapping[int, int]
    caught_up: bool


class CatchingUp(Protocol):
    """One way of catching up.

    Attributes:
        dropped: rows taken out of the new store's outboxes so far.
    """

    dropped: int

    async def look(self) -> Look:
        """Clear the outboxes of what must not be sent, and see where the store stands.

        Raises:
            StoreUnavailable, KafkaUnavailable: look again later.
        """


def gone(rows: Sequence[OutboxRow], sent_below: int, stands_at: int) -> int:
    """How many rows, from the oldest on, are known to have left another store's outbox.

    Rows stand in the order of the log. One that does not say which record it comes from was
    written together with the offset behind that record.

    Args:
        rows: the oldest ones, in order.
        sent_below: all that records below this offset have caused has been sent.
        stands_at: a store's offset, looked at after the rows.
    """
    for count in range(len(rows), 0, -1):
        source = origin(rows[count - 1])
        if stands_at <= sent_below if source is None else source.offset < sent_below:
            return count
    return 0


class Beside:
    """Beside a store that serves: caught up when it stands where that one stood a look ago.

    Args:
        serving: folded by its own workers, and relayed.
        built: the new one.
        places: partitions of the log, and the learner.
    """

    def __init__(self, serving: Store, built: Store, places: Sequence[int]) -> None:
        self._serving, self._built, self._places = serving, built, places
        self._sent_below = dict.fromkeys(places, 0)
        self._stood: dict[int, int] = {}
        self.dropped = 0

    async def look(self) -> Look:
        """See `CatchingUp.look`."""
        stood = self._stood
        self._stood = {place: await self._look_at_serving(place) for place in self._places}
        offsets = {place: await self._clear(place) for place in self._places}
        caught_up = bool(stood) and all(offsets[place] >= stood[place] for place in stood)
        return Look(offsets, caught_up)

    async def _look_at_serving(self, place: int) -> int:
        """Where it stands; notes how far its relay has come."""
        loaded = await self._serving.load(place, ())
        sent_below = 0
        if not loaded.outbox_rows:
            sent_below = loaded.meta.offset
        else:
            for _, oldest in await self._serving.outbox(place, 1):
                source = origin(oldest)
                sent_below = 0 if source is None else source.offset
        self._sent_below[place] = max(self._sent_below[place], sent_below)
        return loaded.meta.offset

    async def _clear(self, place: int) -> int:
        """Drop what has been sent; answers where the new store stands."""
        while True:
            waiting = await self._built.outbox(place, ROWS)
            stands_at = (await self._built.load(place, ())).meta.offset
            count = gone([row for _, row in waiting], self._sent_below[place], stands_at)
            await self._built.outbox_delete(place, [row_id for row_id, _ in waiting[:count]])
            self.dropped += count
            if count < ROWS:
                return stands_at


class _OnlyTo:
    """Sends what goes to these topics; the rest counts as sent."""

    def __init__(self, sender: Sender, topics: frozenset[str]) -> None:
        self._sender, self._topics = sender, topics

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`."""
        wanted = [place for place, row in enumerate(rows) if row.topic in self._topics]
        sent = self._sender.send([rows[place] for place in wanted]) if wanted else 0
        return len(rows) if sent == len(wanted) else wanted[sent]


class Alone:
    """On a log that nobody else folds: caught up at its end, with every customer's records at home.

    Args:
        built: the new store.
        places: partitions of the log, and the learner.
        ends: async: (offset by place) → where what is to be read there ends.
        sender: to Kafka.
    """

    def __init__(
        self,
        built: Store,
        places: Sequence[int],
        ends: Callable[[Mapping[int, int]], Awaitable[Mapping[int, int]]],
        sender: Sender,
    ) -> None:
        self._built, self._places, self._ask_ends = built, places, ends
        # Whoever is erased meanwhile must stay erased: that, too, is sent.
        self._back = _OnlyTo(sender, frozenset({LOG, ERASURES}))
        self._nowhere = _OnlyTo(sender, frozenset())
        self._ends: Mapping[int, int] = {}
        self.dropped = self.sent = 0

    async def look(self) -> Look:
        """See `CatchingUp.look`.

        The ends are those of the look before: what was sent back until then lies below them.
        """
        ends = self._ends
        waited = [await self._clear(place) for place in self._places]
        offsets = {place: (await self._built.load(place, ())).meta.offset for place in self._places}
        self._ends = await self._ask_ends(offsets)
        at_end = bool(ends) and all(offsets[place] >= end for place, end in ends.items())
        return Look(offsets, at_end and not any(waited))

    async def _clear(self, place: int) -> bool:
        """Send back into the log what belongs there, drop the rest; answers whether any waited."""
        sender = self._nowhere if place == LEARNER else self._back
        waited = False
        while (moved := await relay_once(self._built, place, sender)).waiting:
            done, waited = moved.sent.total(), True
            sent = 0 if place == LEARNER else moved.sent[LOG] + moved.sent[ERASURES]
            self.sent += sent
            self.dropped += done - sent
            if done < moved.waiting:
                break
        return waited
