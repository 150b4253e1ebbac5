"""The headers of our messages, typed: for the contracts, which are made from them.

Kafka's headers are bytes; here stands the text that they hold in UTF-8. Enters: nothing. Leaves: types
whose aliases are the headers' names. Forbidden here: writing a header (`streams/messages.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from models.events import ADDRESSEE, EVENT_ID, REPLAY, Kind, Reason
from streams.contracts_schema import words
from streams.topics import LOG

Digits = Annotated[str, Field(pattern="^[0-9]+$")]
Partition = Annotated[str, Field(pattern="^(-1|[0-9]+)$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Headers(BaseModel):
    """By the names that they have in Kafka, or in HTTP."""

    model_config = ConfigDict(populate_by_name=True)


class _Written(Headers):
    kind: str = Field(description="how to read the value")


class ProducedHeaders(_Written):
    """Of a record in the log."""

    event_id: str = Field(
        default="", alias=EVENT_ID, description="set by the system on records that it sends on"
    )
    customer_id: str = Field(
        default="", alias=ADDRESSEE, description="set by the system: whom the record is for"
    )
    replay: str = Field(
        default="", alias=REPLAY, description="written by a replay: nobody is alerted"
    )


class ControlHeaders(_Written):
    """Of a record that brings something into force."""

    replay: str = Field(default="", alias=REPLAY, description="it follows from a replay")


class PlaceHeaders(Headers):
    """Which record of the log a message comes from."""

    namespace: str = Field(alias="source.namespace", description="of the installation")
    partition: Partition = Field(alias="source.partition", description="-1: the learner's")
    offset: Digits = Field(alias="source.offset")


class CloudEventHeaders(PlaceHeaders):
    """CloudEvents 1.0, binary mode of the Kafka binding."""

    ce_specversion: Literal["1.0"]
    ce_id: Hash = Field(description="unique to the cause: drop one that you have seen")
    ce_type: str = Field(description="ignore those that you don't know")
    ce_source: str = Field(
        description="`/segmenter/NAMESPACE/TOPIC/PARTITION`",
        json_schema_extra={"format": "uri-reference"},
    )
    ce_time: str = Field(description="event time", json_schema_extra={"format": "date-time"})
    ce_subject: str = Field(description="the customer id")
    content_type: Literal["application/json"] = Field(alias="content-type")


class AlertHeaders(CloudEventHeaders):
    """The same of `churn-alerts.v1`."""

    replay: Literal["true"] = Field(
        default="true", alias=REPLAY, description="brought about by a replay: tell nobody"
    )


class _Unusable(Headers):
    reason: str = Field(alias="error.reason", json_schema_extra=words(Reason))
    detail: str = Field(alias="error.detail", description="in a sentence")
    value_bytes: Digits = Field(
        default="", alias="value.bytes", description="of a value that was cut: its size"
    )
    value_sha256: str = Field(
        default="",
        alias="value.sha256",
        description="of a value that was cut",
        json_schema_extra={"pattern": "^[0-9a-f]{64}$"},
    )
    headers_dropped: Digits = Field(
        default="", alias="headers.dropped", description="so many headers are missing"
    )


class DeadLetterHeaders(_Unusable, PlaceHeaders):
    """Beside the record's own."""

    topic: str = Field(alias="source.topic", json_schema_extra={"const": LOG})


class SourceDeadLetterHeaders(_Unusable):
    """Beside those of the record or the request."""

    name: str = Field(alias="source.name", description="of the table `[sources.NAME]`")
    topic: str = Field(alias="source.topic", description="a topic, or `/v1/ingest/NAME`")
    namespace: str = Field(alias="source.namespace", description="of the installation")
    partition: Digits = Field(default="", alias="source.partition", description="of a topic")
    offset: Digits = Field(default="", alias="source.offset", description="of a topic")


class BarrierHeaders(PlaceHeaders):
    """Of a sketch on its way to the learner."""

    kind: Literal["barrier"]
    content_type: Literal["application/msgpack"] = Field(alias="content-type")
    policy_digest: Hash = Field(default="", alias="policy.digest", description="of a published one")
    replay: str = Field(default="", alias=REPLAY, description="it follows from a replay")


class BodyHeaders(PlaceHeaders):
    """Of populations and erasures."""

    content_type: Literal["application/json"] = Field(alias="content-type")


class WebhookHeaders(Headers):
    """Standard Webhooks 1.0: https://www.standardwebhooks.com."""

    id: str = Field(
        alias="webhook-id",
        description="the same for each attempt: drop one that you have seen",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
    )
    timestamp: Digits = Field(alias="webhook-timestamp", description="of the attempt, seconds")
    signature: str = Field(
        default="", alias="webhook-signature", description="where the endpoint has a secret"
    )
    content_type: str = Field(alias="Content-Type")


class SignedHeaders(WebhookHeaders):
    """The same of an endpoint that is no person's."""

    signature: str = Field(
        alias="webhook-signature",
        description="`v1,` and Base64 of HMAC-SHA256 of id.timestamp.body; one a secret, parted by "
        "blanks: while a secret rotates there are two",
    )


def of_kind(kind: Kind, base: type[_Written]) -> type[BaseModel]:
    """Those of records of one kind."""
    return _with(base, "kind", kind.value, _title(kind.value, base))


def of_type(ce_type: str, base: type[CloudEventHeaders]) -> type[BaseModel]:
    """Those of CloudEvents of one type."""
    return _with(base, "ce_type", ce_type, _title(ce_type, base))


def of_content(content_type: str) -> type[BaseModel]:
    """Those of a webhook with such a body; only messages for people may go unsigned."""
    base = WebhookHeaders if content_type == "application/json" else SignedHeaders
    name = _title(content_type.replace("/", ".").replace("+", "."), base)
    return _with(base, "content_type", content_type, name)


def _with(base: type[Headers], field: str, value: str, title: str) -> type[BaseModel]:
    found = base.model_fields[field]
    made: Any = (Literal[value], Field(alias=found.alias, description=found.description))
    return create_model(title, __base__=base, __doc__=base.__doc__, **{field: made})


def _title(word: str, base: type[BaseModel]) -> str:
    parts = word.replace("_", ".").replace("-", ".").split(".")
    return "".join(map(str.capitalize, parts)) + base.__name__
