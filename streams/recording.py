"""A recording: a part of the log as it stands on a broker, in one file, with the bodies it names.

What a partition was folded from is in it byte for byte, control records and all, so folding it again
gives the same states and effects: `streams/refold.py`. A file begins with a head; then come the bodies
(`populations.v1`, `policies.v1`, `erasures.v1`), then the log, partition by partition.

    .jsonl, .jsonl.gz   a line a record; for reading by eye, and small
    .parquet            a row a record, a row group never of two partitions; for all else

Enters and leaves: `Entry`, and the `Head`. Forbidden here: files, Kafka, what a record means.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from models.events import LogRecord
from models.policy import Policy
from streams.log import Record
from streams.sources import SourceError
from streams.topics import ERASURES, LOG, POLICIES, POPULATIONS

FORMAT = 1
MARK = "segmenter_recording"
END = "segmenter_recording_end"  # of a file of lines, with how many there were
BODIES = (POPULATIONS, POLICIES, ERASURES)
TOPICS = (*BODIES, LOG)


class Head(NamedTuple):
    """What is to be known of a recording as a whole.

    Attributes:
        namespace: of the installation that reads the log.
        topic_id: the broker's id of the log; "" where it has none.
        key_id: of the hash key in use when it was recorded; "" of none.
        extents: of each partition, the first offset recorded and the one after the last.
        policy: of the file, as JSON: in force until the log names another.
        recorded_at_ms: wall clock.
    """

    namespace: str
    topic_id: str
    key_id: str
    extents: tuple[tuple[int, int], ...]
    policy: Mapping[str, Any]
    recorded_at_ms: int

    @property
    def partitions(self) -> int:
        """Of the log."""
        return len(self.extents)

    @property
    def records(self) -> int:
        """Offsets of the log that it spans; a little more than there are records."""
        return sum(end - start for start, end in self.extents)


class Entry(NamedTuple):
    """One record of one of the topics."""

    topic: str
    partition: int
    record: Record


class Recording(Protocol):
    """A recording that can be read, as often as is liked and at any place.

    Attributes:
        name: for messages.
        head: of it.
    """

    name: str
    head: Head

    def bodies(self, topic: str) -> Iterator[Record]:
        """What stood in a compacted topic, oldest first."""

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        """A partition of the log, from an offset on, in order; memory does not grow with it."""


class NotARecording(SourceError):
    """A file that should be one, and is not, or of a newer version."""


def encode_head(head: Head) -> bytes:
    """JSON, one line."""
    return json.dumps({MARK: FORMAT, **head._asdict()}, ensure_ascii=False).encode()


def decode_head(name: str, packed: bytes) -> Head:
    """The reverse.

    Raises:
        NotARecording: names the file.
    """
    try:
        fields = json.loads(packed)
        version = fields.pop(MARK)
        if version != FORMAT:
            raise NotARecording(
                f"{name}: a recording of format {version!r:.20}, known is {FORMAT}; use a version "
                "of segmenter at least as new as the one that recorded it"
            )
        extents = tuple((int(start), int(end)) for start, end in fields.pop("extents"))
        head = Head(extents=extents, **fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, NotARecording):
            raise
        raise NotARecording(
            f"{name}: not a recording; make one with: segmenter record FILE"
        ) from None
    if not head.extents or any(not 0 <= start <= end for start, end in head.extents):
        raise NotARecording(f"{name}: its head is damaged; record it again")
    return head


def policy_of(recording: Recording) -> Policy:
    """The one of the file when it was recorded.

    Raises:
        NotARecording: this version does not know all that it says.
    """
    try:
        return Policy.model_validate(recording.head.policy)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise NotARecording(
            f"{recording.name}: its policy can't be read: {key}: {first['msg']}; give one with --config"
        ) from None


def encode_line(entry: Entry) -> bytes:
    """One entry as JSON; bytes that are not UTF-8 stand in base64."""
    record = entry.record
    return orjson.dumps(
        {
            "topic": entry.topic,
            "partition": entry.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "key": _as_text(record.key),
            "value": _as_text(record.value),
            "headers": [[name, _as_text(value)] for name, value in record.headers],
        }
    )


def decode_line(name: str, number: int, line: bytes) -> Entry:
    """The reverse.

    Raises:
        NotARecording: names file and line.
    """
    try:
        fields = orjson.loads(line)
        headers: list[Any] = [(each, _as_bytes(value)) for each, value in fields["headers"]]
        record = Record(
            int(fields["offset"]),
            int(fields["timestamp_ms"]),
            _as_bytes(fields["key"]),
            _as_bytes(fields["value"]),
            headers,
        )
        return Entry(fields["topic"], int(fields["partition"]), record)
    except (ValueError, TypeError, KeyError) as error:
        raise NotARecording(
            f"{name}, line {number}: not a recorded record ({type(error).__name__}: {error}); the "
            "file is cut short or damaged: record it again"
        ) from None


def log_record(partition: int, record: Record) -> LogRecord:
    """As a worker sees it."""
    return LogRecord(
        partition,
        record.offset,
        record.timestamp_ms,
        record.key,
        record.value,
        dict(record.headers),
    )


def _as_text(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _as_bytes(told: Any) -> bytes | None:
    if told is None:
        return None
    if isinstance(told, str):
        return told.encode()
    return base64.b64decode(told["base64"], validate=True)
