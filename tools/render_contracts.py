"""contracts/ for people: docs/contracts-events.md and docs/contracts-http.md.

Enters: the AsyncAPI and the OpenAPI document, as committed. Leaves: Markdown, a table a message and a route.
`tools/render_docs.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.contract_rules import Side, resolved

ROOT = Path(__file__).resolve().parent.parent
Schema = Mapping[str, Any]
DAY_MS = 86_400_000
_DEEP = 3  # fields of fields of fields; what lies deeper is in the document
_BOUNDS = (
    *(("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}")),
    *(("exclusiveMaximum", "< {}"), ("maxItems", "at most {}")),
    *(("maxProperties", "at most {} names"), ("pattern", "`{}`"), ("format", "{}")),
)
_OF = {
    "input": "Written by producers, and by commands.",
    "output": "Written by the system, for others.",
    "internal": "Written and read by the system itself.",
}


def events_page(document: Schema) -> str:
    """Channels and messages."""
    lines = [
        "# Messages, field by field",
        "",
        "Generated from [asyncapi.json](../contracts/asyncapi.json); `make docs` renders it anew. What may",
        "change in it is told in [contracts.md](contracts.md), what it means in [events.md](events.md) and",
        "[alerts.md](alerts.md).",
    ]
    for name, channel in document["channels"].items():
        lines += ["", f"## {name}", "", *_channel(name, channel, document)]
    return "\n".join(lines) + "\n"


def _channel(name: str, channel: Schema, document: Schema) -> Iterator[str]:
    yield channel["description"]
    binding = channel.get("bindings", {}).get("kafka")
    told = {} if binding is None else _settings(binding)
    who = {each: _processes(name, each, document) for each in ("send", "receive")}
    told |= {"sent by": who["send"], "received by": who["receive"]}
    yield from ["", "| | |", "| --- | --- |"]
    yield from (f"| {key} | {value} |" for key, value in told.items() if value)
    groups = _grouped(channel, document)
    yield from _headers([each for group in groups for each in group], document)
    for messages in groups:
        yield from ["", *_messages(messages, document)]


def _headers(messages: list[Schema], document: Schema) -> Iterator[str]:
    """Those that messages have in common, told once."""
    alike: dict[tuple[str, ...], list[Schema]] = {}
    for each in messages:
        alike.setdefault(tuple(sorted(each["headers"].get("properties", {}))), []).append(each)
    for names, some in alike.items():
        if not names:
            continue
        whose = "all" if len(alike) == 1 else ", ".join(f"`{each['name']}`" for each in some)
        yield from ["", f"Headers of {whose}:"]
        headers = {**some[0]["headers"]["properties"]}
        for own in {"kind", "ce_type", "Content-Type"} & headers.keys():
            told = dict.fromkeys(str(each["headers"]["properties"][own]["const"]) for each in some)
            headers[own] = (
                {**headers[own], "const": " or ".join(told)}
                if len(told) < 3
                else {"type": "string", "description": "which message it is"}
            )
        yield from _table(
            "header", _fields({**some[0]["headers"], "properties": headers}, document)
        )


def _settings(binding: Schema) -> dict[str, str]:
    told = {"partitions": str(binding["partitions"])}
    for key, value in binding["topicConfiguration"].items():
        if key == "retention.ms":
            told["kept for"] = "ever" if value < 0 else f"{value // DAY_MS} days"
        else:
            told[key] = ", ".join(value) if isinstance(value, list) else str(value)
    return told


def _processes(channel: str, action: str, document: Schema) -> str:
    found = (
        each["tags"][0]["name"]
        for each in document["operations"].values()
        if each["channel"]["$ref"] == f"#/channels/{channel}" and each["action"] == action
    )
    return ", ".join(dict.fromkeys(found))


def _grouped(channel: Schema, document: Schema) -> list[list[Schema]]:
    """Messages with one body together."""
    groups: dict[str, list[Schema]] = {}
    for reference in channel["messages"].values():
        message = resolved(Side(reference, document)).schema
        same = [message["payload"], sorted(message["headers"].get("properties", {}))]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(message)
    return list(groups.values())


def _messages(messages: list[Schema], document: Schema) -> Iterator[str]:
    first = messages[0]
    names = ", ".join(f"`{each['name']}`" for each in messages)
    yield f"### {names}"
    yield ""
    kind = first["tags"][0]["name"]
    if len(messages) == 1:
        said = first["summary"].rstrip(".")
        yield f"{said[:1].upper()}{said[1:]}. {_OF[kind]}"
    else:
        yield from [_OF[kind], "", "| message | |", "| --- | --- |"]
        yield from (f"| `{each['name']}` | {each['summary']} |" for each in messages)
    key = first.get("bindings", {}).get("kafka", {}).get("key", {})
    if key.get("description"):
        yield from ["", f"Key: {key['description']}."]
    payload = first["payload"]
    if payload.get("type") == "array":
        yield from ["", f"A list; each is one of: {_said_elsewhere(payload['items'], document)}."]
    else:
        on_topic = "kafka" in first.get("bindings", {})
        deep = _DEEP if on_topic and kind != "internal" and "examples" in first else 0
        yield from _table("field", _fields(payload, document, deep=deep))
    if first["contentType"] != "application/json":
        yield from ["", f"The body is `{first['contentType']}`."]


def _said_elsewhere(schema: Schema, document: Schema) -> str:
    """By the names of messages that have these bodies."""
    known = {
        str(each["payload"].get("$ref")): each["name"]
        for each in document["components"]["messages"].values()
    }
    return ", ".join(f"`{known[each['$ref']]}`" for each in schema["anyOf"])


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Nothing of no rows."""
    lines = [f"| {' | '.join(_cell(each) for each in row)} |" for row in rows]
    return ["", f"| {title} | | type | |", "| --- | --- | --- | --- |", *lines] if lines else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _fields(
    schema: Schema, document: Schema, place: str = "", deep: int = _DEEP
) -> Iterator[tuple[str, ...]]:
    """Name, whether it is always there, type, description; depth first."""
    schema = resolved(Side(schema, document)).schema
    if schema.get("type") == "array":
        yield from _fields(schema["items"], document, f"{place}[]", deep)
        return
    for option in schema.get("anyOf", []):
        if place or "$ref" in option:
            yield from _fields(option, document, place, deep)
    for name, each in schema.get("properties", {}).items():
        path = f"{place}.{name}" if place else name
        always = "always" if name in schema.get("required", []) else ""
        about = each.get("description", "")
        yield f"`{path}`", always, type_of(each, document), about
        if place.count(".") < deep and deep:
            yield from _fields(each, document, path, deep)


def type_of(schema: Schema, document: Schema) -> str:
    """What a value may be, in words; of the API's shapes their names."""
    if "$ref" in schema and "openapi" in document:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    schema = resolved(Side(schema, document)).schema
    options = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if options:
        return " or ".join(dict.fromkeys(type_of(each, document) for each in options))
    if "const" in schema:
        return f"`{schema['const']}`"
    words = schema.get("enum")
    if words is not None:
        return ", ".join(f"`{each}`" for each in words)
    known = schema.get("x-extensible-enum")
    if known is not None:
        return f"{', '.join(f'`{each}`' for each in known)}, or a word to come"
    return _plain_type(schema, document)


def _plain_type(schema: Schema, document: Schema) -> str:
    kind = schema.get("type", "anything")
    others = schema.get("additionalProperties")
    if kind == "array":
        kind = f"list of {type_of(schema['items'], document)}"
    elif kind == "object" and isinstance(others, Mapping) and "properties" not in schema:
        kind = f"object of {type_of(others, document)}"
    told = [word.format(_number(schema[name])) for name, word in _BOUNDS if name in schema]
    if "maxLength" in schema:
        told.append(f"{schema.get('minLength', 0)}–{schema['maxLength']} characters")
    return ", ".join([kind, *told]) if isinstance(kind, str) else " or ".join(kind)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def http_page(document: Schema) -> str:
    """Routes, then shapes."""
    lines = [
        "# HTTP, route by route",
        "",
        "Generated from [openapi.json](../contracts/openapi.json); `make docs` renders it anew. What it means is",
        "told in [api.md](api.md), what may change in it in [contracts.md](contracts.md).",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += ["", f"## `{method.upper()} {path}`", "", *_route(operation, document)]
    lines += ["", "## Shapes"]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += ["", f"### {name}", "", (schema.get("description") or "").split("\n\n")[0]]
        rows = _table("field", _fields(schema, document, deep=0))
        lines += rows or ["", f"{type_of(schema, document).capitalize()}."]
    return "\n".join(lines) + "\n"


def _route(operation: Schema, document: Schema) -> Iterator[str]:
    yield (operation.get("description") or operation["summary"]).split("\n\n")[0]
    parameters = [
        (
            f"`{each['name']}` ({each['in']})",
            "always" if each.get("required") else "",
            type_of(each["schema"], document),
            each.get("description", ""),
        )
        for each in operation.get("parameters", [])
    ]
    yield from _table("parameter", parameters)
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield from ["", f"Body: {_shapes(body)}."]
    yield from ["", "| answer | | body |", "| --- | --- | --- |"]
    refused = []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if list(content) == ["application/problem+json"]:
            refused.append(f"{status} {answer['description']}")
        else:
            yield f"| {status} | {_cell(answer['description'])} | {_shapes(content)} |"
    if refused:
        yield from ["", f"Refused with a [problem](#problembody): {'; '.join(refused)}."]


def _shapes(content: Schema) -> str:
    """Media types, with the shape of each where it has a name."""
    told = []
    for kind, each in content.items():
        name = str(each.get("schema", {}).get("$ref", "")).rpartition("/")[2]
        told.append(f"`{kind}` [{name}](#{name.lower()})" if name else f"`{kind}`")
    return "; ".join(told)


def contract_pages() -> dict[str, str]:
    """Both pages, by path."""
    contracts = ROOT / "contracts"
    asyncapi, openapi = (
        json.loads((contracts / name).read_text("utf-8"))
        for name in ("asyncapi.json", "openapi.json")
    )
    return {
        "docs/contracts-events.md": events_page(asyncapi),
        "docs/contracts-http.md": http_page(openapi),
    }
