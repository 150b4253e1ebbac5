"""`segmenter record`: what stands on a broker, as a recording; and a topic read as if it were one.

The cut is what stood in the log when recording began: records that are written meanwhile are not in it.
Bodies are read after that, so each that the log names is there. Where a store already has the marks of
those who were erased before the cut begins, a replay is born with them; marks that the recorded part
itself makes are made again when it is folded.

Blocks: each wait for the broker at most ten seconds without progress.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from models.events import LogRecord
from models.policy import Policy
from models.policy_record import policy_as_json
from streams.log import Extent, LogInspector, Record
from streams.recording import BODIES, Entry, Head, log_record
from streams.recording_files import write_recording
from streams.settings import Settings
from streams.span import Span
from streams.topics import LOG


class Recorded(NamedTuple):
    """What was recorded.

    Attributes:
        path: of the file.
        records: of the log.
        bodies: of populations, policies and erasures.
        partitions: of the log.
        bytes: of the file.
    """

    path: str
    records: int
    bodies: int
    partitions: int
    bytes: int


class TopicRecording:
    """The log on a broker, as a recording.

    Args:
        inspector: of the cluster.
        head: what of it is meant.
    """

    def __init__(self, inspector: LogInspector, head: Head) -> None:
        self.name, self.head, self._inspector = f"topic {LOG}", head, inspector

    def bodies(self, topic: str) -> Iterator[Record]:
        """See `Recording.bodies`."""
        yield from (each for each in self._inspector.read_all(topic) if each.value is not None)

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        """See `Recording.records`."""
        for record in self.as_they_stand(partition, from_offset):
            yield log_record(partition, record)

    def as_they_stand(self, partition: int, from_offset: int = 0) -> Iterator[Record]:
        """The same, with all headers."""
        start, end = self.head.extents[partition]
        wanted = {partition: Extent(min(end, max(start, from_offset)), end)}
        return (each for _, each in self._inspector.iter_between(LOG, wanted))


def topic_recording(
    settings: Settings, policy: Policy, span: Span, recorded_at_ms: int
) -> TopicRecording:
    """The log of an installation, as it stands now.

    Args:
        settings: where the broker is, and whose log.
        policy: of the file, in force until the log names another.
        span: what of it is meant.
        recorded_at_ms: wall clock.

    Raises:
        TopicMissing, KafkaUnavailable.
    """
    inspector = LogInspector(settings.brokers)
    facts = inspector.facts(LOG)
    extents = span.of_offsets(inspector.extents(LOG, range(facts.partitions)))
    if span.by_time:
        extents = {each: _narrowed(inspector, each, extents[each], span) for each in extents}
    head = Head(
        settings.namespace,
        facts.topic_id,
        settings.pseudonyms.key_id,
        tuple((extents[each].start, extents[each].end) for each in range(facts.partitions)),
        policy_as_json(policy),
        recorded_at_ms,
    )
    return TopicRecording(inspector, head)


def _narrowed(inspector: LogInspector, partition: int, extent: Extent, span: Span) -> Extent:
    """The offsets of what lies within moments: read, as not every broker can be asked."""
    within = span.of(each for _, each in inspector.iter_between(LOG, {partition: extent}))
    first = next(within, None)
    if first is None:
        return Extent(extent.end, extent.end)
    last = deque(within, maxlen=1)
    return Extent(first.offset, (last[0] if last else first).offset + 1)


def record(path: Path, source: TopicRecording, progress: Callable[[int], None]) -> Recorded:
    """Write a recording of a log.

    Args:
        path: of the file.
        source: what is recorded.
        progress: called now and then with the number of records written.

    Raises:
        SourceError, TopicMissing, KafkaUnavailable.
    """
    counted: dict[bool, int] = {True: 0, False: 0}

    def entries() -> Iterator[Entry]:
        for entry in _entries(source):
            counted[entry.topic == LOG] += 1
            yield entry

    write_recording(path, source.head, entries(), progress)
    size = path.stat().st_size
    return Recorded(str(path), counted[True], counted[False], source.head.partitions, size)


def _entries(source: TopicRecording) -> Iterator[Entry]:
    for topic in BODIES:
        for body in source.bodies(topic):
            yield Entry(topic, 0, body)
    for partition in range(source.head.partitions):
        for each in source.as_they_stand(partition):
            yield Entry(LOG, partition, each)
