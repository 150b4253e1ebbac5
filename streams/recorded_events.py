"""Events to be replayed, wherever they are: a data set, a file of events, a recording, the live log.

From a recording or the log only what producers wrote is taken: control records, and what the system sent
on, come about again by themselves. Partitions are merged by append time, so the order is that in which
an installation would have read them, give or take what partitions do side by side.

Enters: a name. Leaves: `Events`. Forbidden here: folding.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import dropwhile, islice
from pathlib import Path
from typing import NamedTuple

from models.events import EVENT_ID, MAX_FUTURE_MS, Kind, LogRecord, Read, read_record
from models.policy import Policy
from streams.datasets import DATASETS
from streams.messages import rfc3339
from streams.recorder import topic_recording
from streams.recording import Recording
from streams.recording_files import open_recording
from streams.refold import EVERYTHING, Chosen
from streams.settings import Settings
from streams.sources import SourceError, SourceRecord, count_records, read_file
from streams.span import Span
from streams.topics import LOG
from streams.wall import wall_ms

TOPIC = f"topic:{LOG}"
_OURS = {each.value for each in (Kind.TICK, Kind.POPULATION, Kind.POLICY, Kind.TRANSFER)}


class Events(NamedTuple):
    """Events in the order in which they are to be read.

    Attributes:
        name: of where they come from.
        total: how many there are, or a little fewer.
        read: gives them; each call begins anew.
        recording: what they stand in; None of events without a log.
    """

    name: str
    total: int
    read: Callable[[], Iterator[SourceRecord]]
    recording: Recording | None = None


def open_events(
    name: str, settings: Settings, policy: Policy, chosen: Chosen = EVERYTHING
) -> Events:
    """What stands there.

    Args:
        name: of a data set, of a file, or `topic:customer-events.v1`.
        settings: where the broker is, for the log.
        policy: of the file, likewise.
        chosen: which of them; of events without a log a moment is event time, an offset counts
            events from 0, and what is chosen is one piece of the file, whatever comes late in it.

    Raises:
        SourceError: there is nothing there, or it can't be read.
        KafkaUnavailable, TopicMissing: the log is asked for and can't be.
    """
    if name == TOPIC:
        source = topic_recording(settings, policy, chosen.span, wall_ms())
        return of_recording(source, chosen)
    if name in DATASETS:
        found = DATASETS[name]
        return Events(name, found.count_records(), lambda: _of_events(found.read(), chosen))
    path = Path(name)
    recording = open_recording(path)
    if recording is not None:
        return of_recording(recording, chosen)
    return Events(
        str(path.resolve()), count_records(path), lambda: _of_events(read_file(path), chosen)
    )


def none_ahead(records: Iterable[SourceRecord], now_ms: int) -> Iterator[SourceRecord]:
    """The records, none of which claims to lie in the future: time would pass up to there.

    Raises:
        SourceError: one does; names it.
    """
    for number, each in enumerate(records, 1):
        if each.occurred_at_ms > now_ms + MAX_FUTURE_MS:
            raise SourceError(
                f"event {number}: claims to have happened at {rfc3339(each.occurred_at_ms)}, which is "
                "still to come; correct its occurred_at, or take it out"
            )
        yield each


def of_recording(recording: Recording, chosen: Chosen) -> Events:
    """The events of a recording."""
    return Events(
        recording.name,
        recording.head.records,
        lambda: _events(recording, chosen),
        recording,
    )


def _events(recording: Recording, chosen: Chosen) -> Iterator[SourceRecord]:
    partitions = range(recording.head.partitions)
    parts = [chosen.of(recording.records(each)) for each in partitions]
    for record in heapq.merge(*parts, key=lambda each: each.timestamp_ms):
        event = _event(record)
        if event is not None:
            yield event


def _event(record: LogRecord) -> SourceRecord | None:
    """What a producer wrote; None of anything else, and of what can't be used."""
    kind = (record.headers.get("kind") or b"").decode("utf-8", "replace")
    if kind in _OURS or EVENT_ID in record.headers:
        return None
    read = read_record(record, LOG)
    if not isinstance(read, Read) or record.value is None:
        return None
    value = record.value if read.event.event_id else _named(record.value, read.event_id)
    return SourceRecord(kind, read.event.customer_id, read.at_ms, value)


def _named(value: bytes, event_id: str) -> bytes:
    """An event without an id keeps the one of its place in the log."""
    return json.dumps({**json.loads(value), "event_id": event_id}, ensure_ascii=False).encode()


def _of_events(records: Iterator[SourceRecord], chosen: Chosen) -> Iterator[SourceRecord]:
    """Those chosen, one piece of the file: from the first event at or behind `since` to the first behind."""
    span, customers, now_ms = chosen.span, chosen.customers, wall_ms()
    first_ms, last_ms = (None if each is None else each.at_ms for each in span)
    piece: Iterator[SourceRecord] = islice(records, *_rows(span))
    if first_ms is not None:
        piece = dropwhile(lambda each: each.occurred_at_ms < first_ms, piece)
    for each in piece:
        if last_ms is not None and last_ms <= each.occurred_at_ms <= max(now_ms, last_ms):
            return
        if customers is None or each.customer_id in customers:
            yield each


def _rows(span: Span) -> tuple[int | None, int | None]:
    since, until = span
    return since and since.offset, None if until is None else until.offset
