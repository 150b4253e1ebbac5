"""The contracts as a strict reader takes them: validators, and what a document says of a message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"


@cache
def contract(name: str) -> dict[str, Any]:
    """A committed document."""
    found: dict[str, Any] = json.loads((CONTRACTS / name).read_text("utf-8"))
    return found


def strict(schema: Any) -> Any:
    """The same schema, so that it lets no other field and no other word pass."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {
        key: each if key in {"required", "enum", "const", "default"} else strict(each)
        for key, each in schema.items()
    }
    if isinstance(schema.get("properties"), Mapping) and "type" in schema:
        made.setdefault("additionalProperties", False)
    if "x-extensible-enum" in schema:
        made["enum"] = schema["x-extensible-enum"]
    return made


def validator(schema: Mapping[str, Any], *, strictly: bool = True) -> Any:
    """Of a schema that stands by itself, or in the AsyncAPI document."""
    own = strict(schema) if strictly else schema
    whole = {"components": _components(strictly=strictly), **own}
    return Draft202012Validator(whole, format_checker=FormatChecker())


@cache
def _components(*, strictly: bool) -> Any:
    found = contract("asyncapi.json")["components"]
    return strict(found) if strictly else found


@cache
def of_message(channel: str, name: str, part: str) -> Any:
    """The strict validator of a message's `headers` or `payload`."""
    return validator(message(channel, name)[part])


def message(channel: str, name: str) -> dict[str, Any]:
    """As the document has it."""
    document = contract("asyncapi.json")
    reference = document["channels"][channel]["messages"][name]["$ref"]
    found: dict[str, Any] = document["components"]["messages"][reference.rpartition("/")[2]]
    return found


def faults(check: Any, value: Any) -> list[str]:
    """What is wrong with a value, with its place."""
    return [f"{each.json_path}: {each.message[:200]}" for each in check.iter_errors(value)]


def fields_of(schema: Mapping[str, Any], document: Mapping[str, Any], place: str = "") -> set[str]:
    """The paths of all fields that a schema names."""
    if "$ref" in schema:
        return fields_of(_pointed_at(document, schema["$ref"]), document, place)
    found = set[str]()
    for name, each in schema.get("properties", {}).items():
        found |= {f"{place}.{name}", *fields_of(each, document, f"{place}.{name}")}
    for each in schema.get("anyOf", []):
        found |= fields_of(each, document, place)
    if "items" in schema:
        found |= fields_of(schema["items"], document, f"{place}[]")
    return found


def _pointed_at(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


def told_in(value: Any, place: str = "") -> Iterator[str]:
    """The paths of all fields that a value has."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield f"{place}.{name}"
            yield from told_in(each, f"{place}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from told_in(each, f"{place}[]")


def references(value: Any) -> Iterator[str]:
    """All that a document points at."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)
