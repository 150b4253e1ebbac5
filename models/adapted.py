"""What all adapters share: ids of customers and events, and the settled record.

Enters: parts of foreign events. Leaves: an `Outcome`. Whatever is called `Normalised` has passed
`read_record`, so it can't become a dead letter for its shape. Forbidden here: the clock, chance.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from models.adapt_fields import Unusable, text_at
from models.events import MAX_ID_BYTES, Kind, LogRecord, Read, Reason, Rejected, read_record
from models.source_tables import Source

RECEIVED_AT = "x-received-at"  # header of the shell: when a body came in, RFC 3339
_NO_CLOCK_MS = 2**62  # whether an event is from the future is decided where it is read
_ANONYMOUS = re.compile(r"[a-z0-9][a-z0-9-]{0,31}:anonymous:")


class Normalised(NamedTuple):
    """One record for `customer-events.v1`.

    Attributes:
        kind: its header `kind`.
        customer_id: its key.
        event_id: follows from the source's own ids, so a repetition has the same one.
        value: JSON as docs/events.md has it.
        at_ms: when it happened, epoch milliseconds.
    """

    kind: Kind
    customer_id: str
    event_id: str
    value: bytes
    at_ms: int


class Ignored(NamedTuple):
    """Understood, and nothing for us."""

    detail: str


Outcome = Normalised | Ignored | Rejected


class Draft(NamedTuple):
    """A record before it is settled; fields that are None are left out."""

    kind: Kind
    fields: Mapping[str, Any]


class Origin(NamedTuple):
    """Where an event came from.

    Attributes:
        name: of the table `[sources.NAME]`.
        source: the table.
        headers: of the request or the record, names in lower case.
        body: as it was sent.
    """

    name: str
    source: Source
    headers: Mapping[str, str]
    body: bytes

    @property
    def scheme(self) -> str:
        """In front of derived ids: ids of a known format are its own, wherever they come in."""
        return self.name if self.source.source == "mapping" else self.source.source

    @property
    def received_at(self) -> str | None:
        """When the body came in, if the shell says so: for sources that tell no time."""
        return self.headers.get(RECEIVED_AT)

    @property
    def keeps_anonymous(self) -> bool:
        """Whether purchases of people whom nobody knows are kept."""
        return self.source.anonymous == "keep"


Make = Callable[[], Draft | Ignored]


def guarded(makes: Iterator[Make]) -> Iterator[Make]:
    """The makes of one event; where it can't be told what comes next, one that says why."""
    try:
        yield from makes
    except Unusable as error:
        yield partial(_raised, error)


def _raised(error: Unusable) -> Draft:
    raise error


def attempted(make: Make) -> Outcome:
    """Make a draft and settle it; what is unusable comes back as `Rejected`."""
    try:
        draft = make()
    except Unusable as error:
        return Rejected(Reason.INVALID, str(error)[:500])
    return draft if isinstance(draft, Ignored) else settled(draft)


def settled(draft: Draft) -> Normalised | Rejected:
    """A draft as a record, read once as the log will read it."""
    fields = {key: each for key, each in draft.fields.items() if each is not None}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=float)
    value = text.encode("utf-8", "backslashreplace")  # a lone surrogate stays the escape it was
    record = LogRecord(0, 0, _NO_CLOCK_MS, None, value, {"kind": draft.kind.encode()})
    read = read_record(record, "")
    if isinstance(read, Rejected):
        return read
    assert isinstance(read, Read)
    return Normalised(draft.kind, read.event.customer_id, read.event_id, value, read.at_ms)


def currency_at(origin: Origin, node: Any, *paths: str) -> str:
    """The currency at one of the paths, else the source's, in capitals.

    Raises:
        Unusable: neither says one.
    """
    if code := (text_at(node, *paths) or origin.source.currency):
        return code.upper()
    raise Unusable(f"{' or '.join(paths)}: missing; or set sources.{origin.name}.currency")


def customer_of(origin: Origin, known: str | None, anonymous: str | None) -> str:
    """Whom an event is of: the known id, else the anonymous one if such people are kept.

    Raises:
        Unusable: nobody is named, or only somebody unknown.
    """
    if known is not None:
        return known_id(origin, known)
    if anonymous is None:
        raise Unusable("names no customer, not even an anonymous one")
    if not origin.keeps_anonymous:
        raise Unusable(
            "names no known customer, and anonymous ones are dead letters here; to keep them, set "
            f'sources.{origin.name}.anonymous = "keep"'
        )
    return anonymous_id(origin, anonymous)


def known_id(origin: Origin, own: str) -> str:
    """The customer id of somebody whom the source knows.

    Raises:
        Unusable: it looks like one that stands for nobody known.
    """
    full = origin.source.customer_prefix + own
    if _ANONYMOUS.match(full):
        raise Unusable("a known customer's id must not begin like that of an anonymous one")
    return full


def anonymous_id(origin: Origin, own: str) -> str:
    """The customer id of somebody whom nobody knows yet."""
    return f"{origin.scheme}:anonymous:{own}"


def event_id(origin: Origin, *parts: str) -> str:
    """An id that follows from the source's own; of one that would be too long, a digest."""
    text = ":".join((origin.scheme, *parts))
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) * 3 <= MAX_ID_BYTES or (len(encoded) <= MAX_ID_BYTES and text.isascii()):
        return text
    return f"{origin.scheme}:{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"


def digest_of(origin: Origin, more: str = "") -> str:
    """Names a body that has no id of its own: the same bytes have the same."""
    return _digest(origin.body, more)


@lru_cache(maxsize=1)  # many events of one body may ask
def _digest(body: bytes, more: str) -> str:
    digest = hashlib.blake2b(body, digest_size=16)
    digest.update(more.encode("utf-8", "replace"))
    return digest.hexdigest()


def became_known(origin: Origin, anonymous: str, known: str, occurred_at: str | None) -> Draft:
    """The merge of somebody anonymous into whom they proved to be.

    Nothing happens if the anonymous id is another name of somebody already: a shared device never
    makes two persons one.

    Raises:
        Unusable: the known id can't be one.
    """
    fields = {
        "event_id": event_id(origin, "known", anonymous, known),
        "customer_id": anonymous_id(origin, anonymous),
        "into": known_id(origin, known),
        "occurred_at": occurred_at,
        "unless_taken": True,
    }
    return Draft(Kind.MERGE, fields)
