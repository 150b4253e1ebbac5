"""Recordings in files: written once, front to back; read at any partition and offset.

Enters: entries in the order of `streams/recording.py`. Leaves: a file, or a `Recording`. A file has its
name only when it is whole: it is written beside it first. Forbidden here: Kafka, what a record means.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from models.events import LogRecord
from streams.log import Record
from streams.recording import (
    END,
    MARK,
    TOPICS,
    Entry,
    Head,
    NotARecording,
    Recording,
    decode_head,
    decode_line,
    encode_head,
    encode_line,
    log_record,
)
from streams.sources import SourceError, load_extra
from streams.topics import LOG

ROWS_A_GROUP = 10_000
SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


def write_recording(
    path: Path, head: Head, entries: Iterable[Entry], progress: Callable[[int], None]
) -> int:
    """Write a file; answers how many records. Blocks.

    Args:
        path: ends in one of `SUFFIXES`; replaced only by a whole one.
        head: of it.
        entries: bodies first, then the log, partition by partition.
        progress: called now and then with the number written.

    Raises:
        SourceError: another suffix, or the disk does not take it.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        count = _writer(path)(beside, head, _in_order(entries), progress)
        beside.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: can't be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return count


def _in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries, as readers rely on them; ValueError is a mistake of the caller's."""
    last = (0, -1, -1)
    for entry in entries:
        known = TOPICS.index(entry.topic) if entry.topic in TOPICS else -1
        place = (known, entry.partition, entry.record.offset)
        if place <= last:
            raise ValueError(f"{entry.topic}/{entry.partition}/{entry.record.offset}: not in order")
        last = place
        yield entry


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise SourceError(f"{path}: found {path.suffix!r}, a recording is one of {', '.join(SUFFIXES)}")


def _writer(path: Path) -> Callable[..., int]:
    return _write_parquet if _suffix(path) == ".parquet" else _write_lines


def _write_lines(
    path: Path, head: Head, entries: Iterable[Entry], progress: Callable[[int], None]
) -> int:
    count = 0
    zipped = path.name.removesuffix(".part").endswith(".gz")
    with gzip.open(path, "wb", 6) if zipped else path.open("wb") as out:
        out.write(encode_head(head) + b"\n")
        for count, entry in enumerate(entries, 1):
            out.write(encode_line(entry) + b"\n")
            if count % ROWS_A_GROUP == 0:
                progress(count)
        out.write(_end(count))
    progress(count)
    return count


def _end(count: int) -> bytes:
    """The last line; a file that was cut short has none."""
    return orjson.dumps({END: count}) + b"\n"


def _write_parquet(
    path: Path, head: Head, entries: Iterable[Entry], progress: Callable[[int], None]
) -> int:
    arrow, parquet = load_extra("pyarrow"), load_extra("pyarrow.parquet")
    schema = _schema(arrow).with_metadata({MARK: encode_head(head)})
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as out:
        for group in _groups(entries):
            out.write_table(_table(arrow, schema, group), row_group_size=len(group))
            count += len(group)
            progress(count)
    return count


def _schema(arrow: Any) -> Any:
    header = arrow.struct([("name", arrow.string()), ("value", arrow.binary())])
    return arrow.schema(
        [
            ("topic", arrow.string()),
            ("partition", arrow.int32()),
            ("offset", arrow.int64()),
            ("timestamp_ms", arrow.int64()),
            ("key", arrow.binary()),
            ("value", arrow.binary()),
            ("headers", arrow.list_(header)),
        ]
    )


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Never of two places, so that a reader of one need not look at another's."""
    group: list[Entry] = []
    for entry in entries:
        if group and (entry[:2] != group[0][:2] or len(group) == ROWS_A_GROUP):
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _table(arrow: Any, schema: Any, group: list[Entry]) -> Any:
    columns = [
        [each.topic for each in group],
        [each.partition for each in group],
        [each.record.offset for each in group],
        [each.record.timestamp_ms for each in group],
        [each.record.key for each in group],
        [each.record.value for each in group],
        [[{"name": name, "value": value} for name, value in each.record.headers] for each in group],
    ]
    arrays = [
        arrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=schema)


def open_recording(path: Path) -> Recording | None:
    """The recording in a file; None if it is a file of something else, such as plain events.

    Raises:
        SourceError: there is no such file, or it is a damaged recording.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _open_parquet(path)
    return _open_lines(path) if name.endswith((".jsonl", ".jsonl.gz")) else None


def _open_lines(path: Path) -> Recording | None:
    try:
        with _opened(path) as lines:
            first = lines.readline()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: {error}") from error
    if f'"{MARK}"'.encode() not in first[:100]:
        return None
    return _Lines(path, decode_head(str(path), first))


def _open_parquet(path: Path) -> Recording | None:
    parquet = load_extra("pyarrow.parquet")
    try:
        found = parquet.read_schema(path).metadata or {}
    except (OSError, ValueError) as error:  # Arrow's own errors are kinds of these
        raise SourceError(f"{path}: {error}") from error
    packed = found.get(MARK.encode())
    return None if packed is None else _Parquet(path, decode_head(str(path), packed))


def _opened(path: Path) -> IO[bytes]:
    zipped = path.name.lower().endswith(".gz")
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


class _Lines:
    """A recording in lines; each look reads the file from its beginning."""

    def __init__(self, path: Path, head: Head) -> None:
        self.name, self.head, self._path = str(path), head, path

    def bodies(self, topic: str) -> Iterator[Record]:
        """See `Recording.bodies`."""
        for entry in self._entries():
            if entry.topic == LOG:
                return
            if entry.topic == topic:
                yield entry.record

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        """See `Recording.records`."""
        for entry in self._entries():
            if entry.topic == LOG and entry.partition > partition:
                return
            here = entry.topic == LOG and entry.partition == partition
            if here and entry.record.offset >= from_offset:
                yield log_record(partition, entry.record)

    def _entries(self) -> Iterator[Entry]:
        number = 1
        try:
            with _opened(self._path) as lines:
                next(lines)
                for number, line in enumerate(lines, 2):
                    if line == _end(number - 2):
                        return
                    yield decode_line(self.name, number, line)
            raise NotARecording(f"{self.name}: it ends after line {number}; record it again")
        except (OSError, EOFError, zlib.error) as error:
            raise NotARecording(
                f"{self.name}, after line {number}: {error}; record it again"
            ) from None


class _Parquet:
    """A recording in Parquet; a look reads only the row groups that it is about."""

    def __init__(self, path: Path, head: Head) -> None:
        self.name, self.head, self._path = str(path), head, path

    def bodies(self, topic: str) -> Iterator[Record]:
        """See `Recording.bodies`."""
        yield from self._read(topic, 0, 0)

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        """See `Recording.records`."""
        for record in self._read(LOG, partition, from_offset):
            yield log_record(partition, record)

    def _read(self, topic: str, partition: int, from_offset: int) -> Iterator[Record]:
        parquet = load_extra("pyarrow.parquet")
        try:
            with parquet.ParquetFile(self._path) as source:
                for number in range(source.metadata.num_row_groups):
                    group = source.metadata.row_group(number)
                    at, last = _place(group), group.column(2).statistics.max
                    if at == (topic, partition) and last >= from_offset:
                        rows = _records(source.read_row_group(number))
                        yield from (each for each in rows if each.offset >= from_offset)
        except (OSError, ValueError, AttributeError, KeyError) as error:
            raise NotARecording(f"{self.name}: {error}; record it again") from error


def _place(group: Any) -> tuple[str, int]:
    return group.column(0).statistics.min, group.column(1).statistics.min


def _records(table: Any) -> Iterator[Record]:
    """Rows of one group; the headers' columns are read flat, which takes a quarter of the time."""
    table = table.combine_chunks()
    headers = table["headers"].combine_chunks()
    bounds, flat = headers.offsets.to_pylist(), headers.values
    names, values = flat.field("name").to_pylist(), flat.field("value").to_pylist()
    pairs = list(zip(names, values, strict=True))
    plain = [table[each].to_pylist() for each in ("offset", "timestamp_ms", "key", "value")]
    for place, (offset, at_ms, key, value) in enumerate(zip(*plain, strict=True)):
        yield Record(offset, at_ms, key, value, pairs[bounds[place] : bounds[place + 1]])
