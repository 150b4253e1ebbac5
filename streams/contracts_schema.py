"""JSON Schemas out of the types that read and write: no field of a contract is written twice.

Enters: a pydantic model, or a tuple with names. Leaves: a schema, Draft 2020-12, whose `$defs` are beside
it or hoisted into a document. Forbidden here: which message is what (`streams/contracts_messages.py`).

A word list that may grow is told as `x-extensible-enum`: whoever reads it must expect words that are not
there yet. An `enum` is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from models.events import MAX_ID_BYTES, normalised_id

JsonObject = dict[str, Any]
OPEN_WORDS = "x-extensible-enum"
_ID: JsonObject = {
    "minLength": 1,
    "maxLength": MAX_ID_BYTES,
    "description": f"1 to {MAX_ID_BYTES} bytes of UTF-8 in Unicode normal form C",
}


class _Contract(GenerateJsonSchema):
    """Titles only where a type has a name; named tuples as the objects that they are written as."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """See pydantic: a field's own name says as much."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """See pydantic; of what we write a default says nothing: the field is left out."""
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def function_after_schema(
        self, schema: core_schema.AfterValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """See pydantic; what an id may be is decided by a function."""
        made = super().function_after_schema(schema)
        return {**made, **_ID} if schema["function"]["function"] is normalised_id else made

    def named_tuple_schema(self, schema: core_schema.NamedTupleSchema) -> JsonSchemaValue:
        """See pydantic, which would make an array of it."""
        fields = {each["name"]: self.generate_inner(each["schema"]) for each in schema["fields"]}
        required = [
            each["name"] for each in schema["fields"] if each["schema"]["type"] != "default"
        ]
        made = {"type": "object", "title": schema["cls"].__name__, "properties": fields}
        return {**made, "required": required} if required else made


def schema_of(kind: Any, *, written: bool = False) -> JsonObject:
    """The schema of a type, its parts under `$defs`.

    Args:
        kind: a pydantic model, or whatever a `TypeAdapter` takes.
        written: as we write it; or else as we read it.
    """
    return TypeAdapter(kind).json_schema(
        schema_generator=_Contract, mode="serialization" if written else "validation"
    )


def words(known: Iterable[str]) -> JsonObject:
    """A word out of a list that may grow; for `json_schema_extra` of a field."""
    return {OPEN_WORDS: [str(each) for each in known]}


def hoisted(schema: JsonObject, prefix: str, into: JsonObject) -> JsonObject:
    """The schema with its parts moved into a document.

    Args:
        schema: as `schema_of` makes it.
        prefix: of references there, such as `#/components/schemas/`.
        into: where the parts go, by name.

    Raises:
        ValueError: two parts have one name and say different things.
    """
    moved = {name: each for name, each in schema.items() if name != "$defs"}
    for name, part in schema.get("$defs", {}).items():
        rewritten = _pointing_to(part, prefix)
        if into.setdefault(name, rewritten) != rewritten:
            raise ValueError(f"two schemas are called {name!r}: give one of the types another name")
    made: JsonObject = _pointing_to(moved, prefix)
    return made


def _pointing_to(value: Any, prefix: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: prefix + each.removeprefix("#/$defs/")
            if key == "$ref" and isinstance(each, str)
            else _pointing_to(each, prefix)
            for key, each in value.items()
        }
    return [_pointing_to(each, prefix) for each in value] if isinstance(value, list) else value
