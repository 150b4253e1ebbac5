"""The contracts as documents: what others may rely on, generated from what reads and writes.

    asyncapi.json                          topics, messages, webhooks: AsyncAPI 3.0
    openapi.json                           the HTTP API: OpenAPI 3.1
    jsonschema/TOPIC/KIND.json             the body of one kind of message: Draft 2020-12

Enters: nothing. Leaves: documents by path, files. Forbidden here: a field, a route. What may change in them is
docs/contracts.md's matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streams.contracts_asyncapi import asyncapi
from streams.contracts_messages import JSON, WEBHOOKS, messages
from streams.contracts_schema import JsonObject

Documents = Mapping[str, JsonObject]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI, OPENAPI, JSONSCHEMA = FORMS = ("asyncapi", "openapi", "jsonschema")
WIDTH = 110  # characters of a line


def documents(form: str) -> Documents:
    """Those of one form, by path.

    Args:
        form: one of `FORMS`.
    """
    return _MADE[form]()


def text_of(document: JsonObject) -> str:
    """As it stands in a file: what is short on one line, all else a line a field."""
    return _laid_out(document, 0) + "\n"


def _laid_out(value: Any, depth: int) -> str:
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + 2 * depth <= WIDTH or not isinstance(value, dict | list):
        return short
    around, pad = ("{}" if isinstance(value, dict) else "[]"), "  " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_laid_out(each, depth + 1)}" for key, each in value.items()]
    else:
        parts = [_laid_out(each, depth + 1) for each in value]
    inner = f",\n{pad}".join(parts)
    return f"{around[0]}\n{pad}{inner}\n{'  ' * depth}{around[1]}"


def write(made: Documents, folder: Path) -> list[Path]:
    """Write documents under a folder; answers where, in order. Schemas of kinds that are gone are removed.

    Raises:
        OSError: it can't be written there.
    """
    written = []
    for name, document in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(document), "utf-8")
        written.append(path)
    kept = {folder / name for name in made}
    if any(name.startswith(f"{JSONSCHEMA}/") for name in made):
        for path in sorted((folder / JSONSCHEMA).rglob("*.json")):
            if path not in kept:
                path.unlink()
    return written


def _asyncapi() -> Documents:
    return {"asyncapi.json": asyncapi()}


def _openapi() -> Documents:
    from streams.api.app import documented_app  # noqa: PLC0415 - FastAPI takes a second

    return {"openapi.json": documented_app().openapi()}


def _jsonschema() -> Documents:
    made: dict[str, JsonObject] = {}
    for each in messages():
        if each.content_type == JSON or each.channel == WEBHOOKS:
            name = f"{each.channel}/{each.name}"
            about = {"$schema": DRAFT, "$id": f"urn:segmenter:{name.replace('/', ':')}"}
            summary = {"title": each.name, "description": each.summary}
            made[f"{JSONSCHEMA}/{name}.json"] = {**about, **each.body, **summary}
    return made


_MADE: Mapping[str, Callable[[], Documents]] = MappingProxyType(
    {ASYNCAPI: _asyncapi, OPENAPI: _openapi, JSONSCHEMA: _jsonschema}
)
