"""Every adapter: total, exact, and the same event always under the same ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.adapters import Ignored, Normalised, Source, normalise, sources_from_toml
from models.events import Kind, Reason, Rejected
from models.policy import PolicyError, policy_from_toml

SAMPLES = Path(__file__).resolve().parents[1] / "support" / "source_samples"
SHOP = Source(source="shopify")


def test_an_order_of_shopify_is_a_purchase() -> None:
    body = (SAMPLES / "shopify" / "orders_create.json").read_bytes()
    (record,) = normalise("shop", SHOP, body, {"x-shopify-topic": "orders/create"})
    assert isinstance(record, Normalised)
    assert record[:3] == (Kind.PURCHASE, "207119551", "shopify:order:450789469")


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", Reason.NOT_JSON), (b"\xff", Reason.NOT_UTF8), (b"[]", Reason.INVALID)],
)
def test_a_body_that_is_no_object_is_rejected(body: bytes, reason: Reason) -> None:
    (rejected,) = normalise("shop", SHOP, body, {})
    assert isinstance(rejected, Rejected)
    assert rejected.reason is reason


def test_what_moves_no_customer_is_ignored() -> None:
    assert normalise("shop", SHOP, b"{}", {"x-shopify-topic": "shop/update"}) == (
        Ignored("shop/update moves no customer"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sources.Shop]\nsource='shopify'", "s.toml: sources.Shop: a name takes"),
        ("[sources.shop]\nsource='x'", "s.toml: sources.shop.source: Input should be 'shopify'"),
        ("[sources.shop]\nsource='ga4'\nfoo=1", "s.toml: sources.shop.foo: unknown key; remove"),
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
