"""The AsyncAPI 3.0 document: servers, a channel a topic, messages, who sends and who receives.

Enters: messages (`streams/contracts_messages.py`) and topics (`streams/topics.py`). Leaves: the document, JSON.
Forbidden here: fields. References are within the document; its schemas are JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from models.events import Kind
from streams.contracts_messages import WEBHOOKS, Message, messages
from streams.contracts_schema import JsonObject, hoisted
from streams.settings import Settings
from streams.topics import (
    ALERTS,
    CHANGES,
    DEAD_LETTERS,
    ERASURES,
    INPUTS,
    LOG,
    POLICIES,
    POPULATIONS,
    TOPICS,
    Topic,
)

KAFKA_BINDING, HTTP_BINDING = "0.5.0", "0.3.0"
_SCHEMAS = "#/components/schemas/"
_ABOUT = {
    LOG: "Everything that happens, one ordered log a partition; states are a fold of it.",
    CHANGES: "What has changed of a customer, at least once.",
    ALERTS: "Of whom marketing is told, what clears it, what came of it.",
    DEAD_LETTERS: "What can't be used.",
    INPUTS: "Sketches on their way to the learner.",
    POPULATIONS: "Bodies of populations; a record of the log brings one into force.",
    POLICIES: "Bodies of policies; a record of the log brings one into force.",
    ERASURES: "Who was erased, for whoever folds the log from its beginning.",
}


class _Operation(NamedTuple):
    """What a process does with a channel.

    Attributes:
        process: of `segmenter run`; `publish` is `segmenter policy publish`.
        action: `send` or `receive`.
        channel: which.
        kinds: only these; empty: all of the channel.
    """

    process: str
    action: str
    channel: str
    kinds: Iterable[str] = ()


_WRITABLE = (Kind.PURCHASE, Kind.REFUND, Kind.PROFILE, Kind.ENGAGEMENT, Kind.MERGE, Kind.ERASURE)
_OPERATIONS = (
    _Operation("worker", "receive", LOG),
    _Operation("worker", "send", LOG, (Kind.TICK,)),
    _Operation("worker", "receive", INPUTS),
    _Operation("worker", "receive", POPULATIONS),
    _Operation("worker", "receive", POLICIES),
    _Operation("worker", "receive", ERASURES),
    _Operation("relay", "send", CHANGES),
    _Operation("relay", "send", ALERTS),
    _Operation("relay", "send", DEAD_LETTERS, ("dead-letter",)),
    _Operation("relay", "send", INPUTS),
    _Operation("relay", "send", POPULATIONS),
    _Operation("relay", "send", ERASURES),
    _Operation("relay", "send", LOG, (*_WRITABLE, Kind.TRANSFER, Kind.POPULATION)),
    _Operation("api", "send", LOG, _WRITABLE),
    _Operation("api", "send", DEAD_LETTERS, ("source-dead-letter",)),
    _Operation("normaliser", "send", LOG, _WRITABLE),
    _Operation("normaliser", "send", DEAD_LETTERS, ("source-dead-letter",)),
    _Operation("publish", "send", POLICIES),
    _Operation("publish", "send", LOG, (Kind.POLICY,)),
    _Operation("delivery", "receive", ALERTS),
    _Operation("delivery", "send", WEBHOOKS),
)


def asyncapi() -> JsonObject:
    """The document."""
    found, schemas = messages(), dict[str, Any]()
    described = {_name(each): _message(each, schemas) for each in found}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Segmenter",
            "version": "1",
            "description": "Purchases in, changes of segment and alerts out. A topic's name ends with "
            "the version of its messages; docs/contracts.md says what may change within it.",
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            **{each.name: _topic(each, found) for each in TOPICS},
            WEBHOOKS: _webhooks(found),
        },
        "operations": {
            f"{each.process}.{each.action}.{each.channel}": _operation(each, found)
            for each in _OPERATIONS
        },
        "components": {"schemas": dict(sorted(schemas.items())), "messages": described},
    }


def _servers() -> JsonObject:
    brokers = Settings.model_fields["bootstrap_servers"].default
    host = {"description": "of an endpoint in SEGMENTER_ENDPOINTS_FILE"}
    return {
        "kafka": {
            "host": brokers,
            "protocol": "kafka",
            "description": "SEGMENTER_BOOTSTRAP_SERVERS; this is the default",
        },
        "endpoint": {
            "host": "{host}",
            "protocol": "https",
            "description": "whoever receives webhooks",
            "variables": {"host": host},
        },
    }


def _topic(topic: Topic, found: Iterable[Message]) -> JsonObject:
    usual = Settings.model_fields["partitions"].default
    partitions = topic.partitions or usual
    how_many = "" if topic.partitions else f" As many partitions as the log: {usual} unless set."
    binding = {
        "partitions": partitions,
        "topicConfiguration": _configuration(topic.config),
        "bindingVersion": KAFKA_BINDING,
    }
    return {
        "address": topic.name,
        "description": _ABOUT[topic.name] + how_many,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": _listed(topic.name, found),
        "bindings": {"kafka": binding},
    }


def _configuration(config: Mapping[str, str]) -> JsonObject:
    """As the binding has it: numbers, and cleanup policies in a list."""
    made: JsonObject = dict(config)
    if "retention.ms" in made:
        made["retention.ms"] = int(made["retention.ms"])
    if "cleanup.policy" in made:
        made["cleanup.policy"] = made["cleanup.policy"].split(",")
    return made


def _webhooks(found: Iterable[Message]) -> JsonObject:
    return {
        "address": None,
        "description": "The URL of an endpoint. Sent at least once; retried for up to four days.",
        "servers": [{"$ref": "#/servers/endpoint"}],
        "messages": _listed(WEBHOOKS, found),
    }


def _listed(channel: str, found: Iterable[Message]) -> JsonObject:
    mine = (each for each in found if each.channel == channel)
    return {each.name: {"$ref": f"#/components/messages/{_name(each)}"} for each in mine}


def _operation(operation: _Operation, found: Iterable[Message]) -> JsonObject:
    channel, kinds = operation.channel, set(operation.kinds)
    mine = [each.name for each in found if each.channel == channel]
    names = [each for each in mine if each in kinds or not kinds]
    made = {
        "action": operation.action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
        "tags": [{"name": operation.process}],
    }
    if channel == WEBHOOKS:
        made["bindings"] = {"http": {"method": "POST", "bindingVersion": HTTP_BINDING}}
    return made


def _message(message: Message, schemas: JsonObject) -> JsonObject:
    body = hoisted(message.body, _SCHEMAS, schemas)
    title = body.get("title")
    if title is not None:  # one payload, many messages
        if schemas.setdefault(title, body) != body:
            raise ValueError(f"two schemas are called {title!r}: give one another name")
        body = {"$ref": _SCHEMAS + title}
    made: JsonObject = {
        "name": message.name,
        "title": message.name,
        "summary": message.summary,
        "contentType": message.content_type,
        "tags": [{"name": message.direction.value}],
        "headers": _untitled(hoisted(message.headers, _SCHEMAS, schemas)),
        "payload": body,
    }
    if message.channel != WEBHOOKS:
        key = {"type": "string", "description": message.key} if message.key else {"type": "null"}
        made["bindings"] = {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}}
    if message.example is not None:
        example = message.example
        made["examples"] = [{"headers": dict(example.headers), "payload": example.payload}]
    return made


def _untitled(headers: JsonObject) -> JsonObject:
    return {name: each for name, each in headers.items() if name != "title"}


def _name(message: Message) -> str:
    return f"{message.channel.removesuffix('.v1')}.{message.name}"
