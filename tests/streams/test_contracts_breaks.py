"""What is a break and what is not, rule by rule, on contracts of a few lines."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tools.compare_contracts import (
    asyncapi_breaks,
    compared,
    openapi_breaks,
    release,
)
from tools.contract_rules import READ, WRITTEN, Side, breaks

TEXT, NUMBER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}
OLD: dict[str, Any] = {
    "type": "object",
    "properties": {"a": TEXT, "b": {"type": "integer", "minimum": 0}, "w": {"enum": ["x", "y"]}},
    "required": ["a"],
}


def changed(**properties: Any) -> dict[str, Any]:
    """The old schema with other fields; None: without."""
    fields = {**OLD["properties"], **properties}
    return {**OLD, "properties": {name: each for name, each in fields.items() if each is not None}}


def found(old: dict[str, Any], new: dict[str, Any], direction: str) -> list[str]:
    return breaks(Side(old, old), Side(new, new), direction, "m")


BREAKS_READING = [
    ({**OLD, "required": ["a", "b"]}, "m.b: is required now"),
    ({**changed(c=TEXT), "required": ["a", "c"]}, "m.c: is required now"),
    (changed(a=NUMBER), "m.a: string is no longer taken"),
    (changed(b=None), "m.b: is gone"),
    (changed(b={"type": "integer", "minimum": 1}), "m.b: minimum was 0, and is 1"),
    (changed(b={**NUMBER, "minimum": 0, "maximum": 9}), "m.b: maximum was nothing, and is 9"),
    (changed(a={**TEXT, "maxLength": 9}), "m.a: maxLength was nothing, and is 9"),
    (changed(a={**TEXT, "pattern": "^x"}), "m.a: pattern was nothing, and is ^x"),
    (changed(a={**TEXT, "format": "date"}), "m.a: format was nothing, and is date"),
    (changed(a={**TEXT, "enum": ["p"]}), "m.a: only some values are taken now"),
    (changed(w={"enum": ["x"]}), "m.w: 'y' is no longer taken"),
    (changed(w={"const": "x"}), "m.w: 'y' is no longer taken"),
    ({**OLD, "additionalProperties": False}, "m: other fields are no longer let pass"),
]
BREAKS_WRITING = [
    ({**OLD, "required": []}, "m.a: may be missing now"),
    (changed(a=None), "m.a: is gone"),
    (changed(b=None), "m.b: is gone"),
    (changed(a={"type": ["string", "integer"]}), "m.a: may be integer now"),
    (changed(a={"anyOf": [TEXT, NULL]}), "m.a: may be null now"),
    (changed(a={}), "m.a: may be anything now"),
    (changed(b={"type": "number", "minimum": 0}), "m.b: may be number now"),
    (changed(b=NUMBER), "m.b: minimum was 0, and is nothing"),
    (changed(b={"type": "integer", "minimum": -1}), "m.b: minimum was 0, and is -1"),
    (changed(w={"enum": ["x", "y", "z"]}), "m.w: may be 'z' now"),
    (changed(w=TEXT), "m.w: may be any value now, not one of a list"),
]
LETS_PASS = [
    (READ, changed(c=TEXT)),
    (READ, changed(a={"anyOf": [TEXT, NULL]})),
    (READ, changed(b={"type": "number"})),
    (READ, changed(w={"enum": ["x", "y", "z"]})),
    (READ, {**OLD, "required": []}),
    (WRITTEN, {**changed(c=TEXT), "required": ["a", "c"]}),
    (WRITTEN, {**OLD, "required": ["a", "b", "w"]}),
    (WRITTEN, changed(b={"type": "integer", "minimum": 5, "maximum": 9})),
    (WRITTEN, changed(w={"const": "y"})),
    (WRITTEN, changed(a={**TEXT, "description": "in other words", "maxLength": 3})),
]


@pytest.mark.parametrize(("new", "told"), BREAKS_READING)
def test_what_is_read_may_not_ask_for_more(new: dict[str, Any], told: str) -> None:
    assert told in found(OLD, new, READ)


@pytest.mark.parametrize(("new", "told"), BREAKS_WRITING)
def test_what_is_written_may_not_promise_less(new: dict[str, Any], told: str) -> None:
    assert told in found(OLD, new, WRITTEN)


@pytest.mark.parametrize(("direction", "new"), LETS_PASS)
def test_what_harms_nobody_is_let_pass(direction: str, new: dict[str, Any]) -> None:
    assert found(OLD, OLD, direction) == []
    assert found(OLD, new, direction) == []


def test_a_list_of_words_that_may_grow_may_grow_and_may_not_become_one_from_a_closed_list() -> None:
    open_list = {**TEXT, "x-extensible-enum": ["x"]}
    grown = {**TEXT, "x-extensible-enum": ["x", "y"]}
    assert found(open_list, grown, WRITTEN) == []
    assert found({**TEXT, "enum": ["x"]}, grown, WRITTEN) == [
        "m: may be any value now, not one of a list"
    ]


def test_a_field_more_breaks_those_who_let_no_other_field_pass() -> None:
    closed = {"additionalProperties": False}
    more = {**changed(c=TEXT), **closed}
    told = ["m.c: is new, and readers let no other field pass"]
    assert found({**OLD, **closed}, more, WRITTEN) == told
    assert found({**OLD, **closed}, more, READ) == []


def test_breaks_are_found_behind_references_in_lists_and_under_alternatives() -> None:
    def told(part: dict[str, Any]) -> dict[str, Any]:
        lists = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/P"}, NULL]}}
        return {"properties": {"l": lists}, "type": "object", "$defs": {"P": part}}

    assert found(told(OLD), told({**OLD, "required": []}), WRITTEN) == [
        "m.l[].a: may be missing now"
    ]
    assert found(told(OLD), told(OLD), WRITTEN) == []


def test_a_schema_that_contains_itself_is_compared_once() -> None:
    def tree(leaf: dict[str, Any]) -> dict[str, Any]:
        node = {"type": "object", "properties": {"leaf": leaf, "next": {"$ref": "#/$defs/N"}}}
        return {"$ref": "#/$defs/N", "$defs": {"N": node}}

    assert found(tree(TEXT), tree(TEXT), READ) == []
    assert found(tree(TEXT), tree(NUMBER), READ) == ["m.leaf: string is no longer taken"]


def test_what_holds_beside_alternatives_is_compared_too() -> None:
    either = [{"required": ["b"]}, {"required": ["w"]}]
    assert found(OLD, {**OLD, "anyOf": either}, READ) == ["m.b: is required now"]
    assert found({**OLD, "anyOf": either}, OLD, READ) == []


def asyncapi(direction: str = "output") -> dict[str, Any]:
    """One topic with one message."""
    message = {
        "contentType": "application/json",
        "tags": [{"name": direction}],
        "headers": {"type": "object", "properties": {"kind": TEXT}, "required": ["kind"]},
        "payload": OLD,
    }
    channel = {
        "address": "t.v1",
        "messages": {"m": {"$ref": "#/components/messages/m"}},
        "bindings": {"kafka": {"topicConfiguration": {"retention.ms": 1_000}}},
    }
    return {"channels": {"t.v1": channel}, "components": {"messages": {"m": message}}}


@pytest.mark.parametrize(
    ("direction", "new", "told"),
    [
        ("output", {**OLD, "required": []}, ["t.v1 m payload.a: may be missing now"]),
        ("output", {**OLD, "required": ["a", "b"]}, []),
        ("input", {**OLD, "required": []}, []),
        ("input", {**OLD, "required": ["a", "b"]}, ["t.v1 m payload.b: is required now"]),
        ("internal", {**OLD, "required": []}, ["t.v1 m payload.a: may be missing now"]),
        ("internal", {**OLD, "required": ["a", "b"]}, ["t.v1 m payload.b: is required now"]),
    ],
)
def test_whose_promise_a_message_is_decides_what_breaks_it(
    direction: str, new: dict[str, Any], told: list[str]
) -> None:
    changed_one = asyncapi(direction)
    changed_one["components"]["messages"]["m"]["payload"] = new
    assert asyncapi_breaks(asyncapi(direction), changed_one) == told


def test_a_topic_a_kind_a_header_or_days_of_retention_less_break() -> None:
    new = asyncapi()
    new["components"]["messages"]["m"]["headers"] = {"type": "object"}
    assert asyncapi_breaks(asyncapi(), new) == ["t.v1 m headers.kind: is gone"]
    new = asyncapi()
    new["channels"]["t.v1"]["messages"] = {}
    assert asyncapi_breaks(asyncapi(), new) == ["t.v1 m: the message is gone"]
    new["channels"] = {}
    assert asyncapi_breaks(asyncapi(), new) == ["t.v1: the channel is gone"]
    new = asyncapi()
    new["components"]["messages"]["m"]["contentType"] = "text/plain"
    assert asyncapi_breaks(asyncapi(), new) == [
        "t.v1 m: contentType was application/json, and is text/plain"
    ]
    for kept, told in ((500, ["t.v1: retention.ms was 1000, and is 500"]), (-1, []), (2_000, [])):
        new = asyncapi()
        new["channels"]["t.v1"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] = kept
        assert asyncapi_breaks(asyncapi(), new) == told


API: dict[str, Any] = {
    "paths": {
        "/v1/x": {
            "post": {
                "parameters": [{"in": "query", "name": "q", "schema": TEXT}],
                "requestBody": {"content": {"application/json": {"schema": OLD}}},
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": OLD}},
                        "headers": {"ETag": {"schema": TEXT}},
                    },
                    "404": {"description": "not known"},
                },
                "security": [{"key": []}, {"bearer": []}],
            }
        }
    }
}


def api(*steps: str, value: Any = None) -> dict[str, Any]:
    """The API with something else in one place of its route; without it, if nothing is given."""
    made = copy.deepcopy(API)
    place = made["paths"]["/v1/x"]["post"]
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    if value is None:
        del place[steps[-1]]
    return made


REQUIRED_Q = [{"in": "query", "name": "q", "schema": TEXT, "required": True}]
BODY = ("requestBody", "content", "application/json", "schema")
ANSWER = ("responses", "200", "content", "application/json", "schema")


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({"paths": {}}, "POST /v1/x: the route is gone"),
        (api("parameters", value=REQUIRED_Q), "POST /v1/x query q: is required now"),
        (api("parameters"), "POST /v1/x query q: is gone"),
        (api("requestBody", "required", value=True), "POST /v1/x: a body is required now"),
        (api(*BODY, value={**OLD, "required": ["a", "b"]}), "POST /v1/x body.b: is required now"),
        (api(*ANSWER, value=changed(a=None)), "POST /v1/x 200.a: is gone"),
        (api("responses", "404"), "POST /v1/x 404: the answer is gone"),
        (api("responses", "200", "headers"), "POST /v1/x 200: the header ETag is gone"),
        (api("responses", "200", "content"), "POST /v1/x 200: application/json is gone"),
        (api("security", value=[{"key": []}]), "POST /v1/x: bearer is no longer enough"),
    ],
)
def test_a_route_that_takes_less_or_answers_less_breaks(new: dict[str, Any], told: str) -> None:
    assert openapi_breaks(API, new) == [told]


@pytest.mark.parametrize(
    "new",
    [
        api(*ANSWER, value=changed(c=TEXT)),
        api(*BODY, value=changed(c=TEXT)),
        api("responses", "429", value={"description": "too many"}),
        api("security", value=[{"key": []}, {"bearer": []}, {}]),
        {"paths": {**API["paths"], "/v1/y": API["paths"]["/v1/x"]}},
    ],
)
def test_a_route_that_takes_more_or_answers_more_does_not(new: dict[str, Any]) -> None:
    assert openapi_breaks(API, new) == []


def test_releasing_makes_the_contracts_of_now_those_that_others_rely_on(tmp_path: Path) -> None:
    released = tmp_path / "released"
    for name, document in (("asyncapi.json", asyncapi()), ("openapi.json", API)):
        (tmp_path / name).write_text(json.dumps(document))
    release(released, tmp_path)
    assert compared(released, tmp_path) == {"asyncapi.json": [], "openapi.json": []}
    (tmp_path / "openapi.json").write_text(json.dumps({"paths": {}}))
    assert compared(released, tmp_path)["openapi.json"] == ["POST /v1/x: the route is gone"]
