"""What was published before is not published again: muting after a wipe or a rollback.

A store that was emptied, or rolled back, is folded anew, and the same effects come out of the log
a second time. They are known by where they came from: a partition's effects leave in the order of
the log, so everything at or below the highest source offset that stands in an output topic has
been published. At that very offset the ids decide, because one tick may cause many effects.

The marks are read from the tail of the output topics when a relay starts, and kept up as it sends.
Records that are routed to their own partition bear no mark: they are known by their event ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from streams.log import LogInspector
from streams.outbox import Sender
from streams.store import OutboxRow
from streams.topics import LOG

TAIL_RECORDS = 5_000  # of each partition; a longer walk may be repeated in part, under the same ids
POLL_MS = 200


class _Origin(NamedTuple):
    topic: str
    namespace: bytes
    partition: int


class _Place(NamedTuple):
    origin: _Origin
    offset: int
    effect_id: bytes


class Marks:
    """The highest source offset published of each origin, and the ids published at it."""

    def __init__(self) -> None:
        self._highest: dict[_Origin, int] = {}
        self._ids: dict[_Origin, set[bytes]] = {}

    def note(self, row: OutboxRow) -> None:
        """Remember that this row stands in its topic."""
        place = _place(row)
        if place is None:
            return
        highest = self._highest.get(place.origin, -1)
        if place.offset > highest:
            self._highest[place.origin] = place.offset
            self._ids[place.origin] = {place.effect_id}
        elif place.offset == highest:
            self._ids[place.origin].add(place.effect_id)

    def published(self, row: OutboxRow) -> bool:
        """Whether it stands there already."""
        place = _place(row)
        if place is None:
            return False
        highest = self._highest.get(place.origin, -1)
        if place.offset == highest:
            return place.effect_id in self._ids[place.origin]
        return place.offset < highest


class MutingSender:
    """Sends what was not published yet; the rest counts as sent.

    Args:
        sender: sends in order.
        marks: what has been published.
    """

    def __init__(self, sender: Sender, marks: Marks) -> None:
        self._sender, self._marks = sender, marks
        self.muted = 0

    def send(self, rows: Sequence[OutboxRow]) -> int:
        """See `Sender.send`."""
        fresh = [place for place, row in enumerate(rows) if not self._marks.published(row)]
        sent = self._sender.send([rows[place] for place in fresh])
        for place in fresh[:sent]:
            self._marks.note(rows[place])
        done = len(rows) if sent == len(fresh) else fresh[sent]
        self.muted += done - sent
        return done


def read_marks(inspector: LogInspector, servers: str, topics: Sequence[str]) -> Marks:
    """Read the tails of the output topics; blocks.

    Raises:
        TopicMissing, KafkaUnavailable.
    """
    marks = Marks()
    consumer: Any = KafkaConsumer(bootstrap_servers=servers.split(","), enable_auto_commit=False)
    with closing(consumer):
        for topic in topics:
            partitions = range(inspector.facts(topic).partitions)
            extents = inspector.extents(topic, partitions)
            ends = {TopicPartition(topic, each): extents[each].end for each in partitions}
            consumer.assign(list(ends))
            for tp, end in ends.items():
                consumer.seek(tp, max(extents[tp.partition].start, end - TAIL_RECORDS))
            _note_until(consumer, ends, marks)
    return marks


def _note_until(consumer: Any, ends: Mapping[Any, int], marks: Marks) -> None:
    while any(consumer.position(tp) < end for tp, end in ends.items()):
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            for each in records:
                marks.note(OutboxRow(each.topic, each.key, each.value, each.headers))


def _place(row: OutboxRow) -> _Place | None:
    if row.topic == LOG:  # a record that is only sent on: its headers are its producer's own
        return None
    headers = dict(row.headers)
    try:
        partition, offset = int(headers["source.partition"]), int(headers["source.offset"])
        origin = _Origin(row.topic, headers["source.namespace"], partition)
    except (KeyError, ValueError):  # not one of ours
        return None
    return _Place(origin, offset, headers.get("ce_id", b""))
