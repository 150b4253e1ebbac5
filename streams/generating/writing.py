"""Events as files that `streams/sources.py` reads: JSONL, CSV, Parquet.

A file appears under its name when it is whole. CSV has no baskets, and its attributes are text: a
cell holds no list, and no type.

Enters: events in order. Leaves: a file. Forbidden here: the order, what is in the events.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from streams.generating.mess import Event
from streams.sources import ATTRIBUTE_PREFIX, ROWS_A_BATCH, SourceError, load_extra

SUFFIXES = (".jsonl", ".csv", ".parquet")
_PART = ".part"  # of a file that is not whole yet
_TEXT = ("kind", "event_id", "customer_id", "occurred_at", "currency", "order_id")
_LABELS = ("channel", "store", "brand", "payment_method")
_ITEM_NUMBERS = ("quantity", "unit_price_minor", "discount_minor")
Lines = Iterable[Event]
Attributes = Mapping[str, type]


def suffix_of(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """What kind of file is meant; each but Parquet may be gzipped.

    Raises:
        SourceError: another suffix.
    """
    name = path.name.lower()
    for suffix in suffixes:
        if name.endswith(suffix) or (suffix != ".parquet" and name.endswith(suffix + ".gz")):
            return suffix
    raise SourceError(f"{path}: found {path.suffix!r}, expected one of {', '.join(suffixes)}")


def write_events(path: Path, events: Lines, attributes: Attributes) -> None:
    """Write all of them; blocks.

    Args:
        path: its suffix says how.
        events: in the order in which they shall stand there.
        attributes: all that profiles may have, with their types: columns of CSV and Parquet.

    Raises:
        SourceError: another suffix, the file can't be written, or a package is missing.
    """
    write = {".jsonl": _write_jsonl, ".csv": _write_csv, ".parquet": _write_parquet}
    with whole(path) as part:
        write[suffix_of(path)](part, events, attributes)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what stands there afterwards is put in place of `path`.

    Raises:
        SourceError: the file can't be written.
    """
    part = path.with_name(f".{path.name}{_PART}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Callable[[bytes], object]]:
    """What writes to a file, gzipped if its name says so: the same bytes whenever it is written."""
    with path.open("wb") as stream:
        if not name.lower().endswith(".gz"):
            yield stream.write
            return
        with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as zipped:
            yield zipped.write


def _write_jsonl(path: Path, events: Lines, _attributes: Attributes) -> None:
    with opened(path, _name_of(path)) as write:
        for event in events:
            write(b'{"kind":"%s",%s\n' % (event.kind.encode(), event.value[1:]))


def _write_csv(path: Path, events: Lines, attributes: Attributes) -> None:
    columns = [*_TEXT, "amount_minor", *_LABELS, *(ATTRIBUTE_PREFIX + name for name in attributes)]
    with opened(path, _name_of(path)) as write:
        write((",".join(columns) + "\n").encode())
        for some in _batches(events):
            text = io.StringIO()
            rows = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
            rows.writerows({name: _cell(value) for name, value in row.items()} for row in some)
            write(text.getvalue().encode())


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(path: Path, events: Lines, attributes: Attributes) -> None:
    arrow, parquet = load_extra("pyarrow"), load_extra("pyarrow.parquet")
    schema = _schema(arrow, attributes)
    as_text = [ATTRIBUTE_PREFIX + name for name, kind in attributes.items() if kind is str]
    with parquet.ParquetWriter(path, schema) as writer:
        for some in _batches(events):
            for row in some:
                row.update({name: str(row[name]) for name in as_text if name in row})
            writer.write_batch(arrow.RecordBatch.from_pylist(some, schema))


def _schema(arrow: Any, attributes: Attributes) -> Any:
    kinds = {str: arrow.string(), bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
    text, whole_number = arrow.string(), arrow.int64()
    item = {"sku": text, "category": text, **dict.fromkeys(_ITEM_NUMBERS, whole_number)}
    return arrow.schema(
        [
            *((name, text) for name in _TEXT),
            ("amount_minor", whole_number),
            *((name, text) for name in _LABELS),
            ("items", arrow.list_(arrow.struct(list(item.items())))),
            *((ATTRIBUTE_PREFIX + name, kinds[kind]) for name, kind in attributes.items()),
        ]
    )


def _batches(events: Lines) -> Iterator[list[dict[str, Any]]]:
    rows = map(_row, events)
    while some := list(islice(rows, ROWS_A_BATCH)):
        yield some


def _row(event: Event) -> dict[str, Any]:
    """One row of a table; attributes side by side, and a discount on every line."""
    body = orjson.loads(event.value)
    flat = {ATTRIBUTE_PREFIX + name: value for name, value in body.pop("attributes", {}).items()}
    if "items" in body:
        body["items"] = [{"discount_minor": 0, **item} for item in body["items"]]
    return {"kind": event.kind, **body, **flat}


def _name_of(part: Path) -> str:
    return part.name.removesuffix(_PART)
