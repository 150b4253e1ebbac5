"""Every message that enters or leaves, by topic: headers, body, key, an example.

Enters: the types that read and write. Leaves: messages, for the AsyncAPI document and for JSON Schema files.
Forbidden here: fields (`streams/contracts_bodies.py`), the shape of a document (`streams/contracts_asyncapi.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from models.alerts import AlertType
from models.effects import EffectType
from models.events import MODELS, Kind
from models.policy_alerts import Kind as AlertKind
from streams import contracts_bodies as bodies
from streams import contracts_examples as examples
from streams import contracts_headers as headers
from streams.contracts_examples import Example
from streams.contracts_schema import JsonObject, schema_of
from streams.topics import (
    ALERTS,
    CHANGES,
    DEAD_LETTERS,
    ERASURES,
    INPUTS,
    LOG,
    POLICIES,
    POPULATIONS,
)

WEBHOOKS = "webhooks"  # no topic: where alerts are posted to
JSON = "application/json"


class Direction(StrEnum):
    """Whose promise a message is."""

    INPUT = "input"  # others write it, or it is kept: we go on reading what we have read
    OUTPUT = "output"  # we write it: consumers go on reading it
    INTERNAL = "internal"  # we write and read it, older and newer versions of us at a time


class Message(NamedTuple):
    """One kind of message.

    Attributes:
        name: the header `kind`, the `ce_type`, or what else tells it from the others of its channel.
        channel: the topic; or `WEBHOOKS`.
        direction: whose promise it is.
        summary: what it says.
        headers: a schema, its parts under `$defs`.
        body: likewise.
        key: of the record; empty: it has none.
        example: None of a body that is not JSON, or is long.
        content_type: of the body.
    """

    name: str
    channel: str
    direction: Direction
    summary: str
    headers: JsonObject
    body: JsonObject
    key: str
    example: Example | None = None
    content_type: str = JSON


SYSTEM = frozenset({Kind.TRANSFER, Kind.TICK, Kind.POPULATION, Kind.POLICY})
_CUSTOMER = "the customer id"
_DIGEST = "the digest of the body"
_ANYTHING: JsonObject = {"description": "the value as it was, of a large one the beginning"}
_PACKED: JsonObject = {
    "type": "string",
    "format": "binary",
    "description": "MessagePack; only the learner reads it (models/barrier.py)",
}
_REFUNDS: JsonObject = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string"}}}
        for name in ("order_id", "refunded_event_id")
    ]
}
_CHANGES: Mapping[EffectType, tuple[type[BaseModel], str]] = {
    EffectType.LIFECYCLE_CHANGED: (bodies.LifecycleChange, "another lifecycle state, or flags"),
    EffectType.CUSTOMER_WON_BACK: (
        bodies.LifecycleChange,
        "bought again after being dormant or churned",
    ),
    EffectType.RFM_CHANGED: (bodies.SchemeChange, "another RFM group of a scheme"),
    EffectType.CLUSTER_CHANGED: (bodies.GroupChange, "another cluster"),
    EffectType.VALUE_TIER_CHANGED: (bodies.TierChange, "another value tier"),
    EffectType.RISK_CHANGED: (bodies.GroupChange, "another band of churn risk"),
    EffectType.ATTACHMENT_CHANGED: (bodies.GroupChange, "another level of attachment"),
    EffectType.GRID_CHANGED: (bodies.GroupChange, "another field of the value grid"),
    EffectType.STAGE_CHANGED: (
        bodies.GroupChange,
        "what sales say of them agrees otherwise with what they do",
    ),
    EffectType.SEGMENT_ENTERED: (bodies.SegmentChange, "entered a rule segment"),
    EffectType.SEGMENT_EXITED: (bodies.SegmentChange, "left a rule segment"),
    EffectType.CUSTOMER_ERASED: (bodies.CustomerGone, "forgotten: sequence and ids end, too"),
    EffectType.CUSTOMER_MERGED: (bodies.CustomerMerged, "the id is another name of a person"),
}
_ABOUT: Mapping[AlertKind, str] = {
    "churn.risk_raised": "their risk has reached the rule's level",
    "customer.overdue": "silent for longer than is usual for them",
    "lifecycle.changed": "has become dormant, or churned",
    "customer.won_back": "has bought again after that",
    "segment.entered": "has entered a rule segment",
    "segment.exited": "has left a rule segment",
}


def messages() -> list[Message]:
    """All of them, channel by channel."""
    return [
        *_log(),
        *_changes(),
        *_alerts(),
        *_webhooks(),
        *_dead_letters(),
        _barrier(),
        _population(),
        _policy(),
        _erased(),
    ]


def _log() -> Iterator[Message]:
    for kind in Kind:
        control = kind in {Kind.TICK, Kind.POPULATION, Kind.POLICY}
        base = headers.ControlHeaders if control else headers.ProducedHeaders
        model = MODELS[kind]
        summary = (model.__doc__ or "").splitlines()[0]
        body = schema_of(model) | (_REFUNDS if kind is Kind.REFUND else {})
        direction = Direction.INTERNAL if kind in SYSTEM else Direction.INPUT
        carried = schema_of(headers.of_kind(kind, base), written=True)
        key, example = "" if control else _CUSTOMER, examples.event(kind)
        yield Message(kind.value, LOG, direction, summary, carried, body, key, example)


def _changes() -> Iterator[Message]:
    for kind in EffectType:
        model, summary = _CHANGES[kind]
        yield _cloud_event(kind, CHANGES, summary, model, examples.change(kind))


def _alerts() -> Iterator[Message]:
    for kind in get_args(AlertKind):
        example = examples.alert(kind)
        yield _cloud_event(kind, ALERTS, _ABOUT[kind], bodies.AlertRaised, example)
    others = (
        (AlertType.RISK_CLEARED, bodies.RiskCleared, examples.cleared()),
        (AlertType.RESOLVED, bodies.AlertResolved, examples.resolved()),
        (EffectType.CUSTOMER_ERASED, bodies.CustomerForgotten, examples.forgotten()),
    )
    for other, model, example in others:
        summary = (model.__doc__ or "").rstrip(".")
        yield _cloud_event(other, ALERTS, summary, model, example)


def _cloud_event(
    kind: str, topic: str, summary: str, model: type[BaseModel], example: Example
) -> Message:
    base = headers.CloudEventHeaders if topic == CHANGES else headers.AlertHeaders
    carried = schema_of(headers.of_type(str(kind), base), written=True)
    body = schema_of(model, written=True)
    return Message(str(kind), topic, Direction.OUTPUT, summary, carried, body, _CUSTOMER, example)


def _webhooks() -> Iterator[Message]:
    one: Any = bodies.AlertEvent | bodies.ClearedEvent | bodies.TestEvent
    shapes: tuple[tuple[str, Any, str], ...] = (
        ("alert", bodies.AlertEvent, "an alert, to an endpoint that takes one at a time"),
        ("cleared", bodies.ClearedEvent, "that it is void, to the same endpoints"),
        ("batch", list[one], "several of these, to an endpoint with `batch` above 1"),
        ("slack", bodies.SlackMessage, "for people, to an endpoint of the format `slack`"),
        ("test", bodies.TestEvent, "of `segmenter alerts test`"),
    )
    for name, model, summary in shapes:
        example = examples.webhook(name)
        content_type = example.headers["Content-Type"]
        carried = schema_of(headers.of_content(content_type), written=True)
        body = schema_of(model, written=True)
        given = (name, WEBHOOKS, Direction.OUTPUT, summary, carried, body, "")
        yield Message(*given, example, content_type)


def _dead_letters() -> Iterator[Message]:
    letters: tuple[tuple[str, type[BaseModel], str, str, Example], ...] = (
        (
            "dead-letter",
            headers.DeadLetterHeaders,
            "a record of the log that can't be used, as it was, with the reason",
            "of the record",
            examples.dead_letter(),
        ),
        (
            "source-dead-letter",
            headers.SourceDeadLetterHeaders,
            "a foreign event that can't be used, likewise; it bears `source.name`",
            "of the record; a webhook has none",
            examples.source_dead_letter(),
        ),
    )
    for name, model, summary, key, example in letters:
        carried = schema_of(model, written=True)
        given = (name, DEAD_LETTERS, Direction.OUTPUT, summary, carried, _ANYTHING, key)
        yield Message(*given, example, "application/octet-stream")


def _barrier() -> Message:
    carried = schema_of(headers.BarrierHeaders, written=True)
    summary = "a partition's sketch at the end of an epoch"
    given = (INPUTS, Direction.INTERNAL, summary, carried, _PACKED, "the partition's number")
    return Message("barrier", *given, content_type="application/msgpack")


def _population() -> Message:
    carried = schema_of(headers.BodyHeaders, written=True)
    body, summary = bodies.population_schema(), "what is typical of all customers"
    return Message("population", POPULATIONS, Direction.INTERNAL, summary, carried, body, _DIGEST)


def _policy() -> Message:
    body, summary = schema_of(bodies.PublishedBody), "a policy as it was published"
    key = "number/digest of the body"
    carried: JsonObject = {"type": "object"}
    return Message("policy", POLICIES, Direction.INPUT, summary, carried, body, key)


def _erased() -> Message:
    carried = schema_of(headers.BodyHeaders, written=True)
    body = schema_of(bodies.ErasedMark, written=True)
    given = (ERASURES, Direction.INTERNAL, "that someone was erased", carried, body)
    return Message("erased", *given, "NAMESPACE/keyed hash of the id", examples.erased())
