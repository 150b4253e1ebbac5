"""`[sources.NAME]`: what may stand there, and that the documentation's examples may."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from models.adapters import Source, sources_from_toml
from models.policy import PolicyError, policy_from_toml
from tests.support.adapting import outcomes, told

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str) -> list[str]:
    """The blocks of code in docs/sources.md."""
    text = (ROOT / "docs" / "sources.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_example_of_the_documentation_becomes_what_it_says() -> None:
    body, becomes = blocks("json")
    source = sources_from_toml(blocks("toml")[1])["till"]
    assert told(outcomes(source, body.encode(), name="till")) == [("purchase", json.loads(becomes))]


def test_the_tables_in_the_documentation_and_the_configuration_say_the_same() -> None:
    configuration = (ROOT / "segmenter.toml").read_text()
    commented = configuration[configuration.index("# [sources.shop]") :].split("\n\n")[0]
    ours = sources_from_toml(re.sub("^# ", "", commented, flags=re.MULTILINE))["shop"]
    theirs = sources_from_toml(blocks("toml")[0])["shop"]
    assert ours.model_copy(update={"currency": ""}) == theirs


def test_a_source_has_the_usual_values_where_nothing_is_said() -> None:
    (source,) = sources_from_toml("[sources.shop]\nsource = 'shopify'").values()
    assert source == Source(
        source="shopify", topic="", secret_file="", anonymous="dead_letter",
        customer_prefix="", test_events=False, currency="", events=(),
    )  # fmt: skip
    assert sources_from_toml("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sources.Shop]\nsource='shopify'", "s.toml: sources.Shop: a name takes"),
        ("[sources.shop]\nsource='x'", "s.toml: sources.shop.source: Input should be 'shopify'"),
        ("[sources.shop]\n", "s.toml: sources.shop.source: Field required"),
        ("[sources.shop]\nsource='ga4'\nfoo=1", "s.toml: sources.shop.foo: unknown key; remove"),
        ("[sources.shop]\nsource='ga4'\ntopic='a b'", "s.toml: sources.shop.topic: String should"),
        ("[sources.shop]\nsource='ga4'\ncurrency='usd'", "s.toml: sources.shop.currency: String"),
        ("sources = 1", "s.toml: sources: Input should be a valid dictionary (found 1)"),
        ("[sources.stripe]\nsource='ga4'", "s.toml: sources.stripe: is the name of another"),
        ("[", "s.toml: not valid TOML"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_with_file_and_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        sources_from_toml(text, "s.toml")
    assert str(refusal.value).startswith(said)


def test_sources_are_no_part_of_the_policy() -> None:
    text = "[business]\ncurrency = 'EUR'\n"
    with_sources = policy_from_toml(text + "[sources.shop]\nsource='shopify'\n")
    assert with_sources.version == policy_from_toml(text).version
