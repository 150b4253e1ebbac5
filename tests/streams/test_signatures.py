"""Who signs a webhook is believed; who does not, or signs something else, is not."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from streams.signatures import SIGNED_BY, fault_of

SECRET, OLD = b"whsec_new_secret", b"whsec_old_secret"
BODY = b'{"id": 1}'
NOW_MS = 1_700_000_000_500


def hexed(secret: bytes, signed: bytes, digest: str) -> str:
    return hmac.new(secret, signed, digest).hexdigest()


def shopify(secret: bytes = SECRET, body: bytes = BODY) -> dict[str, str]:
    right = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    return {"x-shopify-hmac-sha256": right}


def stripe(secret: bytes = SECRET, body: bytes = BODY, at_s: int = 1_700_000_000) -> dict[str, str]:
    right = hexed(secret, b"%d." % at_s + body, "sha256")
    return {"stripe-signature": f"t={at_s},v1={right},v0=abc"}


def segment(secret: bytes = SECRET, body: bytes = BODY) -> dict[str, str]:
    return {"x-signature": hexed(secret, body, "sha1")}


SIGNING = {"shopify": shopify, "stripe": stripe, "segment": segment}
each_source = pytest.mark.parametrize("source", sorted(SIGNING))


@pytest.mark.parametrize(
    ("source", "header"),
    [  # made by `openssl dgst -hmac hush-hush`
        ("shopify", "u+yq3fzysWYIHbXcZKb+QX4cvNa6ZTK/0OEKMwqKsEU="),
        ("segment", "eb1b7f48e5e20f862e056bf0b41377577eae56b8"),
        (
            "stripe",
            "t=1700000000,v1=82ca5cb10287fb9e7f6c2fc5d240e76a876050b5a7488e6a7f114e20fd241809",
        ),
    ],
)
def test_what_another_program_has_signed_is_right(source: str, header: str) -> None:
    headers = {SIGNED_BY[source].lower(): header}
    assert fault_of(source, BODY, headers, [b"hush-hush"], NOW_MS) is None


@each_source
def test_a_signature_of_this_body_is_right_under_any_secret_that_is_good(source: str) -> None:
    headers = SIGNING[source](OLD)
    assert fault_of(source, BODY, headers, [OLD], NOW_MS) is None
    assert fault_of(source, BODY, headers, [SECRET, OLD], NOW_MS) is None
    assert fault_of(source, BODY, headers, [OLD, SECRET], NOW_MS) is None


@each_source
def test_another_secret_another_body_or_no_secret_at_all_is_wrong(source: str) -> None:
    said = f"{SIGNED_BY[source]} is not that of this body under any secret"
    assert fault_of(source, BODY, SIGNING[source](OLD), [SECRET], NOW_MS) == said
    assert fault_of(source, BODY + b" ", SIGNING[source](), [SECRET], NOW_MS) == said
    assert fault_of(source, BODY, SIGNING[source](), [], NOW_MS) == said


@each_source
def test_a_missing_header_is_named(source: str) -> None:
    name = SIGNED_BY[source]
    assert fault_of(source, BODY, {}, [SECRET], NOW_MS) == f"there is no header {name}"


@each_source
@pytest.mark.parametrize("given", ["", "x", "ÿ\ud800", "t=1,v1=", "=" * 10_000, "t=,v1=,v1"])
def test_nonsense_is_wrong_and_raises_nothing(source: str, given: str) -> None:
    headers = {SIGNED_BY[source].lower(): given}
    assert fault_of(source, BODY, headers, [SECRET], NOW_MS) is not None


def test_one_of_several_stripe_signatures_is_enough() -> None:
    old, new = stripe(OLD)["stripe-signature"], stripe(SECRET)["stripe-signature"]
    both = {"stripe-signature": f"{old}, {new.partition(',')[2]}"}
    assert fault_of("stripe", BODY, both, [SECRET], NOW_MS) is None


def test_a_stripe_header_with_a_crowd_of_signatures_is_refused_unread() -> None:
    crowd = {"stripe-signature": stripe()["stripe-signature"] + ",v1=00" * 16}
    said = "Stripe-Signature has more than 16 signatures"
    assert fault_of("stripe", BODY, crowd, [SECRET], NOW_MS) == said


@pytest.mark.parametrize(
    ("off_s", "said"),
    [
        (-300, None),
        (-301, "Stripe-Signature was made 301 s from now by our clock; at most 300 s count"),
        (300, None),
        (301, "Stripe-Signature was made 301 s from now by our clock; at most 300 s count"),
    ],
)
def test_a_stripe_signature_counts_for_five_minutes(off_s: int, said: str | None) -> None:
    headers = stripe(at_s=1_700_000_000 + off_s)
    assert fault_of("stripe", BODY, headers, [SECRET], NOW_MS) == said


def test_another_time_than_the_signed_one_is_wrong() -> None:
    moved = stripe()["stripe-signature"].replace("t=1700000000", "t=1700000001")
    assert fault_of("stripe", BODY, {"stripe-signature": moved}, [SECRET], NOW_MS) is not None


@pytest.mark.parametrize(
    "given", ["v1=00", "t=1,t=2,v1=00", "t=x,v1=00", "t=1", f"t={'9' * 13},v1=0"]
)
def test_a_stripe_header_of_another_shape_is_said_to_be_one(given: str) -> None:
    said = "Stripe-Signature is not t=SECONDS,v1=SIGNATURE"
    assert fault_of("stripe", BODY, {"stripe-signature": given}, [SECRET], NOW_MS) == said


def test_what_is_wrong_says_nothing_of_the_secret_or_the_right_signature() -> None:
    for source, sign in SIGNING.items():
        (right,) = sign().values()
        said = fault_of(source, BODY + b"x", sign(), [SECRET], NOW_MS) or ""
        assert SECRET.decode() not in said
        assert right not in said
