"""What an installation in memory has in its log, as a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.policy_record import policy_as_json
from models.population import digest_of, encode_population
from streams.log import Record
from streams.loop import Loop
from streams.recording import Entry, Head, Recording
from streams.recording_files import open_recording, write_recording
from streams.topics import ERASURES, LOG, POPULATIONS


def head_of(loop: Loop, key_id: str = "") -> Head:
    """Of all that stands in its log."""
    extents = tuple((0, len(each)) for each in loop.log)
    return Head("loop", "", key_id, extents, policy_as_json(loop.policy), 1_700_000_000_000)


def entries_of(loop: Loop) -> Iterator[Entry]:
    """Bodies, then the log."""
    for offset, population in enumerate(loop.populations):
        packed = encode_population(population)
        record = Record(offset, 0, digest_of(packed).encode(), packed, ())
        yield Entry(POPULATIONS, 0, record)
    erasures = [each for each in loop.effects if each.topic == ERASURES]
    for offset, row in enumerate(erasures):
        yield Entry(ERASURES, 0, Record(offset, 0, row.key, row.value, row.headers))
    for partition, log in enumerate(loop.log):
        for each in log:
            headers = list(each.headers.items())
            record = Record(each.offset, each.timestamp_ms, each.key, each.value, headers)
            yield Entry(LOG, partition, record)


def recorded(loop: Loop, path: Path, key_id: str = "") -> Recording:
    """In a file; the loop keeps its log."""
    write_recording(path, head_of(loop, key_id), entries_of(loop), lambda _count: None)
    found = open_recording(path)
    assert found is not None
    return found
