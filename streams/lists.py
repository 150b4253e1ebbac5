"""Lists of customers, made elsewhere, into the log: an attribute of each one's profile.

    ids in a file ──► profile {attributes: {NAME: value}} ──► customer-events.v1

A rule then reads them as `profile.NAME`. The file has one id a line, or is a CSV whose header is
`customer_id` or `customer_id,value`. An event's id follows from the list's name, the file's content
and the customer, so sending one file twice does no harm.

Enters: a file. Leaves: events, or all that is wrong with it: nothing is sent before all of it is read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.events import AttributeName, AttributeValue, Kind, NotAnId, normalised_id
from models.policy import Policy
from streams.brokers import Brokers
from streams.log import KafkaUnavailable, LogInspector
from streams.messages import rfc3339
from streams.replay import Publisher
from streams.sources import SourceRecord
from streams.topics import LOG

HEADERS = (["customer_id"], ["customer_id", "value"])
T = TypeVar("T")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_NAME: TypeAdapter[str] = TypeAdapter(AttributeName)
_VALUE: TypeAdapter[AttributeValue] = TypeAdapter(AttributeValue)


class BadList(ValueError):
    """The list can't be used; the message names every line that is wrong."""


class ListFile(NamedTuple):
    """What a file says.

    Attributes:
        name: of the list, and so of the attribute.
        values: customer → value of the attribute; None takes it away.
        digest: of all that was read; names the upload.
    """

    name: str
    values: dict[str, AttributeValue]
    digest: str


def value_of(text: str) -> AttributeValue:
    """A value as somebody writes it.

    >>> [value_of(each) for each in ("true", "-2", "0.5", "007", "2026-01-31")]
    [True, -2, 0.5, '007', '2026-01-31']
    """
    if text in {"true", "false"}:
        return text == "true"
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def read_list(name: str, path: Path, value: str = "true", *, remove: bool = False) -> ListFile:
    """Read and check all of a file.

    Args:
        name: of the list.
        path: of the file.
        value: for all whose line has none.
        remove: take the attribute away from everybody in the file.

    Raises:
        BadList: names all that is wrong.
    """
    _checked(_NAME, name, "the list's name")
    _checked(_VALUE, value_of(value), "--value")
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadList(f"{path}: can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadList(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    values: dict[str, AttributeValue] = {}
    lines: dict[str, int] = {}
    faults: list[str] = []
    for line, cells, width in _rows(text):
        try:
            customer_id, written = _row(cells, width, value)
            given = None if remove else _checked(_VALUE, value_of(written), "value")
            if values.setdefault(customer_id, given) != given:
                raise BadList(f"{customer_id!r} has another value in line {lines[customer_id]}")
            lines.setdefault(customer_id, line)
        except (NotAnId, BadList) as error:
            faults.append(f"{path}: line {line}: {error}")
    if faults:
        raise BadList("\n".join(faults))
    if not values:
        raise BadList(f"{path}: no customers in it; write one id a line")
    content = hashlib.blake2b(raw, digest_size=16).hexdigest()
    return ListFile(name, values, _digest(name, value, remove, content))


def _rows(text: str) -> Iterator[tuple[int, list[str], int]]:
    """Line, cells, and how many cells there must be; lines that are blank are left out."""
    header = [cell.strip().lower() for cell in text.partition("\n")[0].split(",")]
    if header[0] != HEADERS[0][0]:
        for line, written in enumerate(text.splitlines(), 1):
            if written.strip():
                yield line, [each.strip() for each in written.split(",")], 1
        return
    if header not in HEADERS:
        raise BadList(f"line 1: the header must be customer_id or customer_id,value: {header}")
    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells, len(header)
    except csv.Error as error:
        raise BadList(f"line {reader.line_num}: {error}") from None


def _row(cells: list[str], width: int, value: str) -> tuple[str, str]:
    if len(cells) != width:
        remedy = "; values need a header: customer_id,value" if width == 1 else ""
        raise BadList(f"found {len(cells)} columns, expected {width}{remedy}")
    written = cells[1].strip() if width > 1 else value
    if not written:
        raise BadList("value: there is none; to take it away, upload with --remove")
    return normalised_id(cells[0]), written


def _checked(of: TypeAdapter[T], value: Any, what: str) -> T:
    try:
        return of.validate_python(value)
    except ValidationError as error:
        raise BadList(f"{what}: {error.errors()[-1]['msg']} (found {value!r:.80})") from None


def _digest(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def events_of(found: ListFile, at_ms: int) -> Iterator[SourceRecord]:
    """One event for each customer of a list.

    Args:
        found: the list.
        at_ms: event time of all of them.
    """
    for customer_id, value in found.values.items():
        body = {
            "customer_id": customer_id,
            "occurred_at": rfc3339(at_ms),
            "event_id": f"list-{_digest(found.digest, customer_id)}",
            "attributes": {found.name: value},
        }
        yield SourceRecord(Kind.PROFILE.value, customer_id, at_ms, json.dumps(body).encode())


def upload(
    brokers: Brokers, found: ListFile, policy: Policy, at_ms: int, progress: Callable[[int], None]
) -> int:
    """Write a list into the log, and wait until the broker has it; answers how many events.

    Args:
        brokers: of the cluster.
        found: the list.
        policy: for the shop's days.
        at_ms: event time, now.
        progress: told now and then how many were handed over.

    Raises:
        KafkaUnavailable: some may have been written; upload it again.
        TopicMissing.
    """
    partitions = LogInspector(brokers).facts(LOG).partitions
    publisher = Publisher(brokers, partitions, policy.timezone, marked=())
    try:
        return publisher.publish(events_of(found, at_ms), 0.0, progress).records
    except KafkaUnavailable as error:
        cause = str(error).partition("; run the replay again")[0]
        raise KafkaUnavailable(f"{cause}; upload it again: what was written counts once") from error
    finally:
        publisher.close()
