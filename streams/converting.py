"""Somebody's own file into a file of our events, by one of the sources of `segmenter.toml`.

Enters: CSV, JSONL or Parquet with whatever columns it has, and a table `[sources.NAME]`. Leaves: JSONL that
every command takes which reads events. A row that can't be used ends it, and no file is left, unless the
caller takes such rows. Forbidden here: Kafka, Redis, the clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from models.adapters import Ignored, Normalised, Source, normalise
from models.events import Rejected
from streams.sources import KINDS, SourceError, rows_of


class Converted(NamedTuple):
    """What became of a file.

    Attributes:
        rows: read.
        events: written.
        ignored: rows that mean nothing to us, by the table's conditions.
        unusable: rows that the caller was told of instead.
    """

    rows: int
    events: int
    ignored: int
    unusable: int = 0


def ends_it(error: SourceError) -> None:
    """What is done about a row that can't be used, if nothing else is said.

    Raises:
        SourceError: the same, with the way out.
    """
    raise SourceError(f"{error}; --skip passes such rows over")


def convert(
    path: Path,
    to: Path,
    name: str,
    source: Source,
    told: Callable[[SourceError], None] = ends_it,
) -> Converted:
    """Read one file and write the other; an existing one is replaced.

    Args:
        path: whatever the source describes, a row an event of it.
        to: ends in .jsonl.
        name: of the table `[sources.NAME]`.
        source: the table.
        told: of each row that can't be used; if it returns, nothing comes of that row.

    Raises:
        SourceError: a row can't be used, no event comes of any, or `to` can't be written.
    """
    if to.suffix != ".jsonl" or to == path:
        raise SourceError(f"{to}: write a name that ends in .jsonl, and is not the input's")
    part = to.with_name(to.name + ".part")
    try:
        with part.open("wb") as file:
            rows = events = ignored = unusable = 0
            for place, row in rows_of(path):
                rows += 1
                try:
                    lines = [*_events(f"{path}, {place}", _body(row), name, source)]
                except SourceError as error:
                    told(error)
                    unusable += 1
                    continue
                file.writelines(lines)
                events, ignored = events + len(lines), ignored + (not lines)
        if not events:
            raise SourceError(
                f"{path}: nothing comes of its {rows:,} rows ({ignored:,} by the conditions of "
                f"[sources.{name}]); see its when, and the names of the columns"
            )
        part.replace(to)
    except OSError as error:
        raise SourceError(f"{to}: can't be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
    return Converted(rows, events, ignored, unusable)


def _events(place: str, body: bytes, name: str, source: Source) -> Iterator[bytes]:
    for outcome in normalise(name, source, body, {}):
        if isinstance(outcome, Rejected):
            raise SourceError(f"{place}: {outcome.detail}; see [sources.{name}]")
        if isinstance(outcome, Normalised):
            if outcome.kind not in KINDS:
                raise SourceError(f"{place}: a {outcome.kind} can't stand in a file of events")
            yield _line(outcome)
        else:
            assert isinstance(outcome, Ignored)


def _line(event: Normalised) -> bytes:
    text = json.dumps({"kind": event.kind, **json.loads(event.value)}, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _body(row: dict[str, Any]) -> bytes:
    """A row as its source would have sent it: what a cell does not hold is not there."""
    held = {name: cell for name, cell in row.items() if cell is not None}
    return json.dumps(held, ensure_ascii=False, default=_cell).encode("utf-8", "backslashreplace")


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise SourceError(f"a cell of kind {type(value).__name__} can't be read; write it as text")
