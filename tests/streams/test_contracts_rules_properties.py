"""Whatever schemas are drawn: where nothing breaks, no value that fitted before fits no more."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tools.contract_rules import READ, WRITTEN, Side, breaks

NAMES = ("a", "b", "c")
bounded = settings(max_examples=int(os.environ.get("EXAMPLES", "40")), deadline=None, database=None)


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


small = st.integers(-2, 3)
numbers = st.builds(
    lambda kind, more: {"type": kind, **more},
    st.sampled_from(["integer", "number"]),
    some({"minimum": small, "maximum": small, "exclusiveMinimum": small}),
)
texts = some(
    {
        "maxLength": st.integers(0, 3),
        "minLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^x", "y$"]),
    }
).map(lambda more: {"type": "string", **more})
words = st.lists(st.sampled_from(["x", "xy", 1, None]), min_size=1, unique=True).map(
    lambda known: {"enum": known}
)
leaves = st.one_of(
    *(numbers, texts, words, st.just({}), st.just({"type": "null"})),
    st.just({"type": ["string", "null"]}),
    st.just({"const": "x"}),
)


def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.builds(
        lambda fields, required, more: {
            "type": "object",
            "properties": fields,
            "required": required,
            **more,
        },
        some(dict.fromkeys(NAMES, inner)),
        st.lists(st.sampled_from(NAMES), unique=True),
        some({"additionalProperties": st.sampled_from([False, {"type": "integer"}])}),
    )
    lists = some({"items": inner, "maxItems": st.integers(0, 2)}).map(
        lambda more: {"type": "array", **more}
    )
    either = st.lists(inner, min_size=1, max_size=2).map(lambda options: {"anyOf": options})
    return st.one_of(objects, objects, lists, either)


schemas = st.recursive(leaves, grown, max_leaves=5)
values = st.recursive(
    st.sampled_from([None, 0, 1, -1, 2.5, "", "x", "xy", "xxxx", True]),
    lambda each: st.one_of(
        st.lists(each, max_size=2), st.dictionaries(st.sampled_from(NAMES), each, max_size=3)
    ),
    max_leaves=6,
)


def fits(schema: dict[str, Any], value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def names_only(schema: Any, value: Any) -> bool:
    """Whether a value has only fields that its schema names: of others nothing was promised."""
    if not isinstance(schema, dict):
        return True
    if "anyOf" in schema:
        return all(names_only(each, value) for each in schema["anyOf"])
    if isinstance(value, list):
        return all(names_only(schema.get("items", {}), each) for each in value)
    if isinstance(value, dict):
        named = schema.get("properties", {})
        return value.keys() <= named.keys() and all(
            names_only(named[k], v) for k, v in value.items()
        )
    return True


@bounded
@given(schemas, schemas, st.lists(values, min_size=1, max_size=12))
@example({"type": "integer", "minimum": 0}, {"type": "number"}, [0, 1])
def test_what_was_taken_is_taken_where_nothing_breaks(
    old: dict[str, Any], new: dict[str, Any], tried: list[Any]
) -> None:
    if not breaks(Side(old, old), Side(new, new), READ, "m"):
        for value in tried:
            if names_only(old, value) and fits(old, value):
                assert fits(new, value)


@bounded
@given(schemas, schemas, st.lists(values, min_size=1, max_size=12))
def test_what_is_written_now_fits_as_it_did_where_nothing_breaks(
    old: dict[str, Any], new: dict[str, Any], tried: list[Any]
) -> None:
    if not breaks(Side(old, old), Side(new, new), WRITTEN, "m"):
        for value in tried:
            if names_only(new, value) and fits(new, value):
                assert fits(old, value)


@bounded
@given(schemas)
def test_a_schema_that_stays_as_it_is_breaks_nobody(schema: dict[str, Any]) -> None:
    for direction in (READ, WRITTEN):
        assert breaks(Side(schema, schema), Side(schema, schema), direction, "m") == []
