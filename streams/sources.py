"""Files of our own events, read one record at a time.

Enters: a path to JSONL, CSV (either may be gzipped) or Parquet. Leaves: `SourceRecord`s in the
file's own order, or a `SourceError` that says where the first bad row is, what stands there and
what was expected. Forbidden here: Kafka, Redis, the clock, skipping a row in silence.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from models.currencies import minor_digits

KINDS = ("purchase", "refund", "profile", "engagement", "erasure")  # the rest only we write
TEXT_COLUMNS = (
    *("kind", "event_id", "customer_id", "occurred_at", "currency", "order_id"),
    *("channel", "store", "brand", "payment_method", "type", "refunded_event_id"),
)
COLUMNS = (*TEXT_COLUMNS, "amount_minor", "amount", "score")
NESTED_COLUMNS = ("items", "attributes")  # not in CSV: a cell holds no list
ATTRIBUTE_PREFIX = "attributes."

MISSING = 'package {} is not installed: pip install "streaming-segmenter[demo]"'
OWN_COLUMNS = "segmenter convert makes events of a file with columns of its own"
ROWS_A_BATCH = 10_000
_QUOTED = re.compile(r'"[^"]*"')
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ][\d:]{8}(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
Row = dict[str, Any]


class SourceError(Exception):
    """Real input that cannot be read; the message names the place and the way out."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One event as it will enter the log."""

    kind: str  # "purchase", "refund", "profile", ...
    customer_id: str
    occurred_at_ms: int  # event time, epoch ms
    value: bytes  # the JSON body, our format


def load_extra(module: str) -> Any:
    """Import a module that only some inputs need; raises SourceError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise SourceError(MISSING.format(module.partition(".")[0])) from None


def read_file(path: Path) -> Iterator[SourceRecord]:
    """Read our own events, in file order, without holding the file in memory.

    Takes .jsonl, .ndjson, .csv (each also with .gz) and .parquet. `kind` is optional (default
    purchase). `amount`, a decimal string, may stand for `amount_minor`.

    Raises:
        SourceError: at once for a missing file or unknown suffix; while reading for a bad row.
    """
    return _records(path, _ROWS[_suffix(path)](path))


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows as they stand in a file, whatever its columns are called, each with its place.

    Takes what `read_file` takes. Cells of CSV are text; empty ones are None.

    Raises:
        SourceError: at once for a missing file or unknown suffix; while reading for a bad row.
    """
    rows = {**_ROWS, ".csv": _csv_rows, ".parquet": _parquet_rows}
    return rows[_suffix(path)](path)


def count_records(path: Path) -> int:
    """How many records `read_file` would give: Parquet's metadata, else one pass over lines."""
    suffix = _suffix(path)
    if suffix == ".parquet":
        with _parquet(path) as source:
            return int(source.metadata.num_rows)
    if suffix == ".csv":
        return max(0, sum(1 for _ in _csv_cells(path)) - 1)
    return sum(1 for _, line in _lines(path) if line.strip())


def _suffix(path: Path) -> str:
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    for suffix in _ROWS:
        if path.name.lower().endswith((suffix, suffix + ".gz")):
            return suffix
    raise SourceError(f"{path}: found {path.suffix!r}, expected one of {', '.join(_ROWS)}")


def _records(path: Path, rows: Iterator[tuple[str, Row]]) -> Iterator[SourceRecord]:
    for place, row in rows:
        try:
            yield _record(row)
        except SourceError as bad:
            raise SourceError(f"{path}, {place}, {bad}") from None


def _bad(column: str, found: object, expected: str) -> SourceError:
    shown = "nothing" if found is None else f"{found!r:.80}"
    return SourceError(f"column {column}: found {shown}, expected {expected}")


def _record(row: Row) -> SourceRecord:
    body = {column: cell for column, cell in row.items() if cell is not None}
    for column in TEXT_COLUMNS:
        if column in body or column in ("customer_id", "occurred_at"):
            body[column] = _text(column, body.get(column))
    kind = body.pop("kind", "purchase")
    if kind not in KINDS:
        raise _bad("kind", kind, "one of " + ", ".join(KINDS))
    _settle_numbers(body, money=kind in ("purchase", "refund"))
    return SourceRecord(kind, body["customer_id"], _epoch_ms(body["occurred_at"]), _encode(body))


def _settle_numbers(body: Row, *, money: bool) -> None:
    amount, minor, currency = body.get("amount"), body.get("amount_minor"), body.get("currency", "")
    if (money or amount or currency) and not re.fullmatch("[A-Z]{3}", currency):
        raise _bad("currency", currency or None, "an ISO 4217 code such as USD")
    if amount is not None and minor is not None:
        raise _bad("amount", amount, "nothing beside amount_minor")
    if amount is not None:
        body["amount_minor"] = _scaled("amount", body.pop("amount"), minor_digits(currency))
    elif (money or minor is not None) and type(minor) is not int:
        body["amount_minor"] = _scaled("amount_minor", minor, 0)
    if isinstance(body.get("score"), str):
        body["score"] = _scaled("score", body["score"], 6) / 10**6


def _scaled(column: str, cell: object, digits: int) -> int:
    text = format(cell.normalize(), "f") if isinstance(cell, Decimal) else cell
    pattern = r"-?[0-9]{1,15}" + rf"(\.[0-9]{{1,{digits}}})?" * (digits > 0)
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise _bad(column, cell, f"text of a number, {digits or 'no'} digits after the point")
    return int(Decimal(text).scaleb(digits))


def _text(column: str, cell: object) -> str:
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(cell, int | date) and not isinstance(cell, bool):
        return str(cell)  # an id kept as a number; a time without zone, refused where it is parsed
    if not isinstance(cell, str) or not cell:
        raise _bad(column, cell, "text that is not empty")
    return cell


def _epoch_ms(text: str) -> int:
    try:
        if _RFC_3339.fullmatch(text):
            since_epoch = datetime.fromisoformat(text.upper()) - datetime.fromtimestamp(0, UTC)
            return since_epoch // timedelta(milliseconds=1)
    except ValueError:
        pass  # the right shape, but no such date: the same answer
    raise _bad("occurred_at", text, "RFC 3339 with a zone, such as 2024-05-01T09:30:00Z")


def _encode(body: Row) -> bytes:
    cut = len(ATTRIBUTE_PREFIX)
    flat = {name[cut:]: body.pop(name) for name in [*body] if name.startswith(ATTRIBUTE_PREFIX)}
    try:
        if flat:
            body["attributes"] = {**body.get("attributes", {}), **flat}
        return _dumps(body, default=date.isoformat).encode()
    except (TypeError, ValueError) as error:
        raise _bad("(any)", str(error), "values that JSON in UTF-8 can hold") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            for line in stream:
                number += 1
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}, line {number}: expected UTF-8, {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}, after line {number}: {error}") from error


def _jsonl(path: Path) -> Iterator[tuple[str, Row]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError(f"found {row!r:.80}")
        except (TypeError, ValueError, RecursionError) as error:
            reason = str(error).replace("line 1 ", "")
            raise SourceError(f"{path}, line {number}: expected an object, {reason}") from None
        yield f"line {number}", row


def _csv_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    lines = (line for _, line in _lines(path))
    head = next(lines, "")
    reader = csv.reader(chain([head], lines), delimiter=_separator(head), strict=True)
    number = 1  # of the line a row begins on: a quoted cell may span several
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(f"{path}, line {number}: expected CSV, {error}") from None


def _csv(path: Path) -> Iterator[tuple[str, Row]]:
    _check_columns(path, _header(_csv_cells(path)), COLUMNS)
    return _csv_rows(path)


def _separator(head: str) -> str:
    """What stands between the names of the first line, most often: a comma, or what else programs write."""
    bare = _QUOTED.sub("", head)
    return max(",;\t|", key=bare.count)


def _header(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    return [name.strip() for name in next(rows, (1, []))[1]]


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    rows = _csv_cells(path)
    header = _header(rows)
    for number, cells in rows:
        if (count := len(cells)) != len(header):
            raise SourceError(f"{path}, line {number}: found {count} cells, not {len(header)}")
        yield f"line {number}", dict(zip(header, (c.strip() or None for c in cells), strict=True))


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    try:
        with load_extra("pyarrow.parquet").ParquetFile(path) as source:
            yield source
    except (OSError, ValueError) as error:  # Arrow's own errors are kinds of these
        raise SourceError(f"{path}: {error}") from error


def _own_parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with _parquet(path) as source:
        _check_columns(path, source.schema_arrow.names, COLUMNS + NESTED_COLUMNS)
    return _parquet_rows(path)


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with _parquet(path) as source:
        rows = chain.from_iterable(b.to_pylist() for b in source.iter_batches(ROWS_A_BATCH))
        yield from ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _check_columns(path: Path, found: list[str], known: tuple[str, ...]) -> None:
    for name in found or [""]:
        if found.count(name) > 1 or not (name in known or name.startswith(ATTRIBUTE_PREFIX)):
            expected = f"each once of {', '.join(known)}, {ATTRIBUTE_PREFIX}<name>"
            raise SourceError(
                f"{path}, line 1: found column {name!r}, expected {expected}; {OWN_COLUMNS}"
            )


_ROWS = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _own_parquet_rows}
