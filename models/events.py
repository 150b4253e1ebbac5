"""What may stand in the log: bytes in, an `Event` or a `Rejected` out.

The log is `customer-events.v1`. The record's header `kind` says how to read its value; the
value is JSON in UTF-8. Every record is either understood completely or rejected with a reason
from `Reason`; nothing raises. Times are event time in epoch milliseconds once read.
Forbidden here: the policy, the clock, the customer's state.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

MAX_VALUE_BYTES = 1_000_000  # Kafka takes 1,048,588 by default; room for headers of our own
MAX_ID_BYTES = 256  # after normalisation
MAX_FUTURE_MS = 5 * 60_000  # an event may run ahead of its own record by a skewed clock, no more
MAX_AMOUNT_MINOR = 10**15  # ten trillion in a two-digit currency; sums stay exact in 64 bits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9900, 1, 1, tzinfo=UTC)  # deadlines up to ten years on are still dates
_MILLISECOND = timedelta(milliseconds=1)
_LAST_MS = (_LAST - _EPOCH) // _MILLISECOND


class Reason(StrEnum):
    """Why a record became a dead letter. Part of the output contract."""

    MISSING_KIND = "missing_kind"
    UNKNOWN_KIND = "unknown_kind"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    INVALID = "invalid"
    FUTURE = "future"
    TOO_LATE = "too_late"
    UNKNOWN_CURRENCY = "unknown_currency"


class Rejected(NamedTuple):
    """A record that can't be used: why, in a word and in a sentence."""

    reason: Reason
    detail: str


class Tombstone(NamedTuple):
    """A record without a value. It means nothing here, and it is not an erasure."""


class NotAnId(ValueError):
    """The text can't name a customer."""


def normalised_id(text: str) -> str:
    """Bring an id into Unicode normal form C, so that one name has one spelling.

    >>> len("Zoe" + chr(0x308)), len(normalised_id("Zoe" + chr(0x308)))
    (4, 3)

    Raises:
        NotAnId: empty, or longer than 256 bytes.
    """
    if text.isascii() and 0 < len(text) <= MAX_ID_BYTES:  # has no other spelling
        return text
    try:
        size = len((text := unicodedata.normalize("NFC", text)).encode())
    except UnicodeEncodeError:
        raise NotAnId("an id must be valid Unicode text") from None
    if not 0 < size <= MAX_ID_BYTES:
        raise NotAnId(f"an id takes 1 to {MAX_ID_BYTES} bytes of UTF-8, found {size}")
    return text


Id = Annotated[str, AfterValidator(normalised_id)]
AmountMinor = Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT_MINOR)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Record(BaseModel):
    """Fields that no producer may misspell are checked; fields we don't know are let pass."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Item(_Record):
    """One line of a basket."""

    sku: Name
    quantity: Annotated[StrictInt, Field(ge=0, le=10**9)]
    unit_price_minor: AmountMinor
    category: str | None = None
    brand: str | None = None
    discount_minor: AmountMinor = 0
    cost_minor: AmountMinor | None = None


def _written_out(moment: object) -> object:
    """Let RFC 3339 pass; a number, in quotes or not, would be taken for Unix time."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and moment[4:5] == "-"):
        return moment
    raise ValueError("must be RFC 3339 with a zone, such as 2026-03-01T10:00:00Z")


OccurredAt = Annotated[AwareDatetime, Field(ge=_EPOCH, lt=_LAST), BeforeValidator(_written_out)]


class _CustomerEvent(_Record):
    customer_id: Id = Field(description="the record's key, too")
    occurred_at: OccurredAt = Field(description="event time, RFC 3339 with a zone")
    event_id: Id | None = Field(
        default=None, description="names the event; derived from its place in the log if missing"
    )

    @property
    def at_ms(self) -> int:
        """Event time in epoch milliseconds."""
        return (self.occurred_at - _EPOCH) // _MILLISECOND  # exact, unlike a float of seconds


class _Money(_CustomerEvent):
    amount_minor: AmountMinor = Field(description="in minor units of `currency`")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(description="ISO 4217")
    order_id: Id | None = None


class Purchase(_Money):
    """A customer paid for an order."""

    channel: Name | None = None
    store: Name | None = None
    brand: Name | None = None
    payment_method: Name | None = None
    items: Annotated[tuple[Item, ...], Field(max_length=2_000)] = ()


class Refund(_Money):
    """Money given back, for the order (`order_id`) or the purchase event it names."""

    refunded_event_id: Id | None = Field(
        default=None, description="the purchase's event_id, where there is no order_id"
    )

    @model_validator(mode="after")
    def _names_what_it_undoes(self) -> Self:
        if self.order_id is None and self.refunded_event_id is None:
            raise ValueError("a refund names order_id or refunded_event_id")
        return self


AttributeName = Annotated[str, Field(min_length=1, max_length=64)]
AttributeText = Annotated[StrictStr, Field(max_length=256)]
AttributeInt = Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
AttributeFloat = Annotated[StrictFloat, Field(gt=-(2**53), lt=2**53, allow_inf_nan=False)]
AttributeValue = StrictBool | AttributeInt | AttributeFloat | AttributeText | None


class Profile(_CustomerEvent):
    """What is known of a person; the last write by `occurred_at` wins, name by name."""

    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=64)]


class Engagement(_CustomerEvent):
    """Something that a customer did without buying: a visit, an app opened, a survey, support."""

    type: AttributeName = Field(description="visit, app_open, survey, support, or any other word")
    score: AttributeInt | AttributeFloat | None = Field(
        default=None, description="of a survey: how satisfied, in its own unit"
    )


class Erasure(_CustomerEvent):
    """The person asked to be forgotten."""

    through_ms: Annotated[StrictInt, Field(ge=0, lt=_LAST_MS)] | None = Field(
        default=None, description="only the system writes it: for another id of an erased person"
    )


class Merge(_CustomerEvent):
    """Two ids name one person: from now on `customer_id` is another name of `into`."""

    into: Id = Field(description="the id that stays")
    unless_taken: StrictBool = Field(default=False, description="not if it names somebody already")

    @model_validator(mode="after")
    def _names_two(self) -> Self:
        if self.into == self.customer_id:
            raise ValueError("into: must be another id than customer_id")
        return self


class Transfer(_CustomerEvent):
    """What was known by one id, on its way to the person's other one. Only the system writes it."""

    merged_id: Id = Field(description="the id that is now another name of customer_id")
    state: Base64Bytes | None = Field(
        default=None, description="encoded; left out of an id that was not known"
    )
    via: tuple[Id, ...] = Field(default=(), description="ids that it was sent on from")


class Tick(_Record):
    """Time has passed; written by a partition's owner, read back like any other record."""

    at_ms: Annotated[StrictInt, Field(ge=0, lt=_LAST_MS)]


class PopulationLearned(_Record):
    """A new population; its body stands in `populations.v1`. Written by the learner."""

    version: Annotated[StrictInt, Field(ge=1, le=2**53)]
    digest: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{32}$")]


class PolicyPublished(_Record):
    """A new policy; its body stands in `policies.v1`. Written by `segmenter policy publish`."""

    number: Annotated[StrictInt, Field(ge=1, le=2**53)]
    digest: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{32}$")]


class Kind(StrEnum):
    """The value of the header `kind`. The log's format is final."""

    PURCHASE = "purchase"
    REFUND = "refund"
    PROFILE = "profile"
    ENGAGEMENT = "engagement"
    ERASURE = "erasure"
    MERGE = "merge"
    TRANSFER = "transfer"
    TICK = "tick"
    POPULATION = "population"
    POLICY = "policy"


CustomerEvent = Purchase | Refund | Profile | Engagement | Erasure | Merge | Transfer
Control = Tick | PopulationLearned | PolicyPublished
Event = CustomerEvent | Control
MODELS: dict[str, type[Event]] = {
    Kind.PURCHASE: Purchase,
    Kind.REFUND: Refund,
    Kind.PROFILE: Profile,
    Kind.ENGAGEMENT: Engagement,
    Kind.ERASURE: Erasure,
    Kind.MERGE: Merge,
    Kind.TRANSFER: Transfer,
    Kind.TICK: Tick,
    Kind.POPULATION: PopulationLearned,
    Kind.POLICY: PolicyPublished,
}
_OFFERED = sorted({*MODELS} - {Kind.POPULATION, Kind.POLICY, Kind.TRANSFER})  # nobody else's
EVENT_ID = "event-id"  # headers of records that the system itself sends on: the id it was read by,
ADDRESSEE = "customer-id"  # and the customer it is for, if that is another than its own
REPLAY = "replay"  # of what a replay has written: nobody is told of what it brings about


class LogRecord(NamedTuple):
    """One record of the log, as it was read.

    Attributes:
        partition: of `customer-events.v1`.
        offset: its place in the partition.
        timestamp_ms: the broker's append time, epoch milliseconds.
        key: the customer id in UTF-8; None on control records.
        value: the body; None is a tombstone.
        headers: `kind`, of records sent on `event-id` and `customer-id`; `replay`.
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Read(NamedTuple):
    """A record understood: the event, its id, and its time (at most 5 min past its record's)."""

    event: CustomerEvent
    event_id: str
    at_ms: int


def read_record(record: LogRecord, topic: str) -> Read | Control | Tombstone | Rejected:
    """Read one record of the log; total: any bytes give one of them.

    Args:
        record: as fetched.
        topic: the log's name, part of a derived event id.
    """
    if (value := record.value) is None:
        return Tombstone()
    if len(value) > MAX_VALUE_BYTES:
        return Rejected(Reason.TOO_LARGE, f"{len(value)} bytes; at most {MAX_VALUE_BYTES} are read")
    model = _model_for(record.headers.get("kind"))
    if isinstance(model, Rejected):
        return model
    try:
        event = model.model_validate_json(value)
    except ValidationError as error:
        return _rejected(value, dict(error.errors(include_url=False)[0]))
    except (ValueError, RecursionError) as error:  # lone surrogates, absurd nesting
        return Rejected(Reason.INVALID, str(error)[:200])
    except OverflowError as error:
        return Rejected(Reason.INVALID, f"a number is out of range: {error}")
    if isinstance(event, (PopulationLearned, PolicyPublished)):
        return event
    at_ms = event.at_ms
    if at_ms > record.timestamp_ms + MAX_FUTURE_MS:
        return Rejected(
            Reason.FUTURE,
            f"claims to have happened {(at_ms - record.timestamp_ms) // 1000} s after it "
            "was written; check the producer's clock",
        )
    if isinstance(event, Tick):
        return event
    event_id = _event_id(event, record, topic)
    if (addressee := record.headers.get(ADDRESSEE)) is not None:
        try:
            customer_id = normalised_id(addressee.decode())
        except ValueError as error:
            return Rejected(Reason.INVALID, f"header {ADDRESSEE}: {error}"[:200])
        event = event.model_copy(update={"customer_id": customer_id})
    return Read(event, event_id, at_ms)


Reading = Callable[[LogRecord, str], Read | Control | Tombstone | Rejected]


def _model_for(kind: bytes | None) -> type[Event] | Rejected:
    if kind is None:
        return Rejected(
            Reason.MISSING_KIND, "no header 'kind'; send one, such as kind=purchase, on each record"
        )
    name = kind.decode("utf-8", "replace")[:64]
    if name in MODELS:
        return MODELS[name]
    return Rejected(Reason.UNKNOWN_KIND, f"kind {name!r} is not one of {', '.join(_OFFERED)}")


def _event_id(event: CustomerEvent, record: LogRecord, topic: str) -> str:
    if event.event_id is not None:
        return event.event_id
    rerouted = record.headers.get(EVENT_ID)
    if rerouted is not None:
        return rerouted.decode("utf-8", "replace")
    return f"{topic}/{record.partition}/{record.offset}"


def _rejected(value: bytes, error: Mapping[str, Any]) -> Rejected:
    try:
        value.decode()
    except UnicodeDecodeError as undecodable:
        return Rejected(Reason.NOT_UTF8, f"byte {undecodable.start} is not valid UTF-8")
    if error["type"] == "json_invalid":
        return Rejected(Reason.NOT_JSON, str(error["msg"]))
    key = ".".join(str(part)[:64] for part in error["loc"]) or "(the whole value)"
    return Rejected(Reason.INVALID, f"{key}: {error['msg']}"[:500])


def encode_population_learned(version: int, digest: str) -> bytes:
    """The body of the record that brings a population into force; header `kind: population`."""
    return json.dumps({"version": version, "digest": digest}).encode()


def encode_policy_published(number: int, digest: str) -> bytes:
    """The body of the record that brings a policy into force; header `kind: policy`."""
    return json.dumps({"number": number, "digest": digest}).encode()


def encode_tick(at_ms: int) -> bytes:
    """The body of a tick; its header is `kind: tick`."""
    return json.dumps({"at_ms": at_ms}).encode()


def encode_event(event: Merge | Transfer | Erasure) -> bytes:
    """The body of a record that the system itself writes for a customer."""
    return event.model_dump_json(exclude_none=isinstance(event, Erasure)).encode()
