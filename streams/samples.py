"""What samples of a source's events become: for `segmenter config check --sample`.

Enters: a file of JSON (one body, or a list of bodies) or of JSONL (a body a line). Leaves: each event
that comes of it, or why none does or no worker could use it. Bodies are cut out of the file as they
stand, so that numbers are those that the source wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from models.adapters import Ignored, Normalised, Outcome, Source, normalise
from models.currencies import minor_digits
from models.events import Reason
from models.money import UnknownCurrency, in_reporting_currency
from models.policy import Business

MAX_FILE_BYTES = 64_000_000
_BLANKS = " \t\r\n"


class NotASample(ValueError):
    """The file, or a header, can't be read; says where and what would be right."""


def samples_in(path: Path) -> list[bytes]:
    """The bodies that a file holds.

    Raises:
        NotASample.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NotASample(f"{path}: over {MAX_FILE_BYTES} bytes; a few events are enough")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise NotASample(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise NotASample(f"{path}: byte {error.start} is not valid UTF-8") from None
    found = list(_bodies(path, text))
    if not found:
        raise NotASample(f"{path}: holds no event")
    return [each.encode() for each in found]


def _bodies(path: Path, text: str) -> Iterator[str]:
    start = _past(text, 0, _BLANKS)
    if text[start : start + 1] == "[":
        try:
            _decoded(text, start)
        except ValueError as error:
            raise NotASample(f"{path}: not JSON: {error}") from None
        yield from _cut(text, start + 1, "]")
        return
    try:
        if _past(text, _decoded(text, start), _BLANKS) == len(text):
            yield text[start:].strip(_BLANKS)
            return
    except ValueError:
        pass  # no document, so a body a line: a bad one is told as what becomes of it
    yield from (
        line for line in text.split("\n") if line.strip(_BLANKS)
    )  # others may stand in JSON


def _cut(text: str, at: int, end: str) -> Iterator[str]:
    """The members of a list that is known to be one, as they stand."""
    at = _past(text, at, _BLANKS + ",")
    while text[at] != end:
        until = _decoded(text, at)
        yield text[at:until]
        at = _past(text, until, _BLANKS + ",")


def _decoded(text: str, start: int) -> int:
    """Where the value that begins there ends."""
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _past(text: str, at: int, blanks: str) -> int:
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def parsed_headers(given: Sequence[str]) -> dict[str, str]:
    """Headers by name, in lower case.

    >>> parsed_headers(["X-Shopify-Topic: orders/create"])
    {'x-shopify-topic': 'orders/create'}

    Raises:
        NotASample: one is not NAME:VALUE.
    """
    headers = {}
    for each in given:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise NotASample(f"--header {each}: write NAME:VALUE")
        headers[name.strip().lower()] = value.strip()
    return headers


def as_told(
    name: str,
    source: Source,
    bodies: Iterable[bytes],
    headers: Mapping[str, str],
    business: Business,
) -> list[dict[str, Any]]:
    """What becomes of each body, in order; a body may give several.

    Args:
        name: of the table `[sources.NAME]`.
        source: the table.
        bodies: as the source sends them.
        headers: sent along with each.
        business: whose rates decide whether a currency can be used.
    """
    return [
        {"sample": number, **(_without_rate(each, business) or _told(each))}
        for number, body in enumerate(bodies, start=1)
        for each in normalise(name, source, body, headers)
    ]


def _without_rate(each: Outcome, business: Business) -> dict[str, Any] | None:
    """What the worker would say of an amount that it can't bring into the policy's currency."""
    if not isinstance(each, Normalised) or "currency" not in (event := json.loads(each.value)):
        return None
    moment = datetime.fromtimestamp(each.at_ms / 1000, UTC)
    try:
        in_reporting_currency(event["amount_minor"], event["currency"], moment, business)
    except UnknownCurrency as error:
        return {
            "outcome": "rejected",
            "reason": Reason.UNKNOWN_CURRENCY.value,
            "why": f"currency: {error}",
        }
    return None


def _told(each: Outcome) -> dict[str, Any]:
    if isinstance(each, Normalised):
        event = json.loads(each.value)
        return {"outcome": "event", "kind": each.kind.value, "event": event}
    if isinstance(each, Ignored):
        return {"outcome": "ignored", "why": each.detail}
    return {"outcome": "rejected", "reason": each.reason.value, "why": each.detail}


def table_of(told: Sequence[Mapping[str, Any]]) -> Table:
    """The same, to be read."""
    table = Table(box=None)
    for each in ("sample", "becomes", "customer", "time", "amount", "id, or why not"):
        table.add_column(each, overflow="fold")
    for one in told:
        event = one.get("event")
        if event is None:
            cells = [one["outcome"], "", "", "", one["why"]]
        else:
            cells = [
                one["kind"],
                event["customer_id"],
                event["occurred_at"],
                _amount(event),
                event["event_id"],
            ]
        table.add_row(*map(Text, [str(one["sample"]), *cells]))
    return table


def _amount(event: Mapping[str, Any]) -> str:
    """In major units.

    >>> _amount({"amount_minor": 4990, "currency": "USD"}), _amount({"attributes": {}})
    ('49.90 USD', '')
    """
    if "amount_minor" not in event:
        return ""
    currency = event["currency"]
    return f"{Decimal(event['amount_minor']).scaleb(-minor_digits(currency))} {currency}"
