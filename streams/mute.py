"""What was published before is not published again: muting after a wipe or a rollback.

A store that was emptied, or rolled back, is folded anew, and the same effects come out of the log
a second time. They are known by where they came from: a partition's effects leave in the order of
the log, so everything at or below the highest source offset that stands in an output topic has
been published. At that very offset the ids decide, because one tick may cause many effects.

The marks are read from the tail of the output topics when a relay starts, and kept up as it sends.
Records that are routed to their own partition bear no mark: they are known by their event ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from streams.log import LogInspector
from streams.metrics import RelayMeter
from streams.origin import Origin, origin
from streams.outbox import Sender
from streams.store import OutboxRow
from streams.topics import ALERTS, CHANGES, DEAD_LETTERS, INPUTS

#: how much of each partition's tail is read; a longer walk may be repeated, under the same ids
TAILS = {CHANGES: 5_000, ALERTS: 20_000, DEAD_LETTERS: 5_000, INPUTS: 200}
_Place = tuple[str, bytes, int]  # topic, namespace, partition of the log


class Marks:
    """The highest source offset published of each origin, and the ids published at it."""

    def __init__(self) -> None:
        self._highest: dict[_Place, int] = {}
        self._ids: dict[_Place, set[bytes]] = {}

    def note(self, row: OutboxRow) -> None:
        """Remember that this row stands in its topic."""
        found = origin(row)
        if found is None:
            return
        place = _place(found)
        highest = self._highest.get(place, -1)
        if found.offset > highest:
            self._highest[place] = found.offset
            self._ids[place] = {found.effect_id}
        elif found.offset == highest:
            self._ids[place].add(found.effect_id)

    def published(self, row: OutboxRow) -> bool:
        """Whether it stands there already."""
        found = origin(row)
        if found is None:
            return False
        place = _place(found)
        highest = self._highest.get(place, -1)
        if found.offset == highest:
            return found.effect_id in self._ids[place]
        return found.offset < highest


def _place(one: Origin) -> _Place:
    return one.topic, one.namespace, one.partition


class MutingSender:
    """Sends what was not published yet; the rest counts as sent.

    Args:
        sender: sends in order.
        marks: what has been published.
        meter: told of what was sent, and what was not; one of its own if left out.
    """

    def __init__(self, sender: Sender, marks: Marks, meter: RelayMeter | None = None) -> None:
        self._sender, self._marks, self._meter = sender, marks, meter or RelayMeter()
        self.muted = 0

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`."""
        fresh = [place for place, row in enumerate(rows) if not self._marks.published(row)]
        sent = self._sender.send([rows[place] for place in fresh])
        for place in fresh[:sent]:
            self._marks.note(rows[place])
        done = len(rows) if sent == len(fresh) else fresh[sent]
        self.muted += done - sent
        self._meter.sent(Counter(rows[place].topic for place in fresh[:sent]), done - sent)
        return done


def read_marks(inspector: LogInspector, topics: Mapping[str, int]) -> Marks:
    """Read the tails of the output topics; blocks.

    Args:
        inspector: of the cluster.
        topics: how many of the newest records of each partition are read, by topic.

    Raises:
        TopicMissing, KafkaUnavailable.
    """
    marks = Marks()
    for topic, count in topics.items():
        partitions = range(inspector.facts(topic).partitions)
        for _, each in inspector.iter_tail(topic, partitions, count):
            marks.note(OutboxRow(topic, each.key, each.value, each.headers))
    return marks
