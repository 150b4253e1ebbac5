"""The contracts: generated, committed, whole, and nothing in them breaks who relies on the released ones."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from models.events import Kind
from streams.contracts import FORMS, documents, text_of, write
from streams.topics import TOPICS
from tests.support.contracted import CONTRACTS, contract, faults, of_message, references
from tests.support.terminal import Terminal
from tools.compare_contracts import compared
from tools.render_contracts import contract_pages

generated = cache(documents)
HOW = "run: segmenter schema all --out contracts"


@pytest.mark.parametrize("form", FORMS)
def test_the_committed_contracts_are_what_is_generated(form: str) -> None:
    for name, document in generated(form).items():
        path = CONTRACTS / name
        assert path.exists(), f"{name} is not committed; {HOW}"
        assert path.read_text("utf-8") == text_of(document), f"{name} is out of date; {HOW}"


def test_no_schema_is_committed_that_is_generated_no_more() -> None:
    committed = {
        str(each.relative_to(CONTRACTS)) for each in CONTRACTS.glob("jsonschema/**/*.json")
    }
    assert committed == set(generated("jsonschema")), HOW


def test_nothing_breaks_who_relies_on_the_released_contracts() -> None:
    broken = compared()
    assert broken == {"asyncapi.json": [], "openapi.json": []}, "docs/contracts.md says what to do"


def test_every_topic_is_a_channel_and_every_kind_a_message() -> None:
    channels = contract("asyncapi.json")["channels"]
    assert set(channels) == {each.name for each in TOPICS} | {"webhooks"}
    assert set(channels["customer-events.v1"]["messages"]) == {each.value for each in Kind}
    retention = channels["customer-events.v1"]["bindings"]["kafka"]["topicConfiguration"]
    assert retention == {"retention.ms": -1, "message.timestamp.type": "LogAppendTime"}


@pytest.mark.parametrize("name", ["asyncapi.json", "openapi.json"])
def test_every_reference_points_at_something(name: str) -> None:
    document = contract(name)
    for reference in set(references(document)):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_every_message_of_an_operation_is_one_of_its_channel_and_every_message_has_one() -> None:
    document = contract("asyncapi.json")
    sent_or_received = set()
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
            sent_or_received.add(message["$ref"])
    assert sent_or_received == {
        f"#/channels/{name}/messages/{kind}"
        for name, channel in document["channels"].items()
        for kind in channel["messages"]
    }


def test_every_example_is_what_its_own_message_says() -> None:
    document, seen = contract("asyncapi.json"), 0
    for name, channel in document["channels"].items():
        for kind, reference in channel["messages"].items():
            message = document["components"]["messages"][reference["$ref"].rpartition("/")[2]]
            for example in message.get("examples", []):
                headers = example["headers"]
                if name == "dead-letters.v1":  # the sender's own come with it
                    own = {"kind", "x-shopify-topic"}
                    headers = {key: each for key, each in headers.items() if key not in own}
                assert faults(of_message(name, kind, "headers"), headers) == []
                assert faults(of_message(name, kind, "payload"), example["payload"]) == []
                seen += 1
    assert seen == len(document["components"]["messages"]) - 3  # bodies that are long, or packed


def test_every_schema_file_is_a_schema_that_names_itself() -> None:
    names = set()
    for path in CONTRACTS.glob("jsonschema/**/*.json"):
        schema = json.loads(path.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
        names.add(schema["$id"])
    assert "urn:segmenter:customer-events.v1:purchase" in names
    assert len(names) == len(generated("jsonschema"))


def test_the_openapi_document_is_one() -> None:
    schemathesis.openapi.from_dict(contract("openapi.json")).validate()
    with pytest.raises(Exception, match="required property"):
        schemathesis.openapi.from_dict({"openapi": "3.1.0", "info": {}, "paths": {}}).validate()


def test_the_pages_about_the_contracts_have_every_message_and_every_route() -> None:
    events, http = contract_pages().values()
    for channel in contract("asyncapi.json")["channels"].values():
        assert [name for name in channel["messages"] if f"`{name}`" not in events] == []
    for path, methods in contract("openapi.json")["paths"].items():
        assert all(f"## `{method.upper()} {path}`" in http for method in methods)
    assert "| `amount_minor` | always | integer, ≥ 0, ≤ 1,000,000,000,000,000 |" in events
    assert "| `before.lifecycle` | always | `prospect`, `new`, `active`" in events


def test_the_command_prints_a_document_or_writes_files(tmp_path: Path) -> None:
    terminal = Terminal({})
    assert terminal.run("schema", "jsonschema").json.keys() == generated("jsonschema").keys()
    wrote = terminal.run("schema", "asyncapi", "--out", str(tmp_path), "--json").json
    assert wrote == {"written": [str(tmp_path / "asyncapi.json")]}
    assert json.loads((tmp_path / "asyncapi.json").read_text())["asyncapi"] == "3.0.0"
    (tmp_path / "plain").write_text("")
    assert terminal.run("schema", "asyncapi", "--out", str(tmp_path / "plain")).exit_code == 2


def test_schemas_of_kinds_that_are_gone_are_removed_when_schemas_are_written(
    tmp_path: Path,
) -> None:
    old = tmp_path / "jsonschema" / "customer-events.v1" / "old.json"
    other = tmp_path / "other.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    other.write_text("{}")
    write({"jsonschema/customer-events.v1/new.json": {"type": "object"}}, tmp_path)
    assert not old.exists()
    assert other.exists()
    assert (old.parent / "new.json").read_text() == '{"type": "object"}\n'


def test_a_document_is_laid_out_so_that_what_is_short_stands_on_a_line() -> None:
    long = {"a": {"type": "string"}, "b": ["x" * 60, "y" * 60], "c": {}}
    lines = text_of(long).splitlines()
    assert lines[1] == '  "a": {"type": "string"},'
    assert lines[3] == '    "' + "x" * 60 + '",'
    assert json.loads(text_of(long)) == long
