"""Pseudonyms, withheld values, and the audit log: each by itself."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from models.erasure import Pseudonyms
from streams.mcp_audit import DECLINED, OK, Audit, AuditError, Call
from streams.mcp_masking import (
    SHOWN_AT_MOST,
    Declined,
    Mask,
    NeverShown,
    Pages,
    clean,
    may_reach_somebody,
)

KEYED = Pseudonyms(b"a secret")
ADA = "ada@example.org"


def call(outcome: str = OK, tool: str = "customer", **arguments: Any) -> Call:
    return Call(tool, arguments, outcome, "", 1, 12)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_with_a_key_a_customer_has_one_pseudonym_in_every_session() -> None:
    assert Mask(KEYED).named(ADA) == Mask(KEYED).named(ADA)
    assert Mask(KEYED).named(ADA) != Mask(Pseudonyms(b"another")).named(ADA)
    assert Mask(KEYED).named("account:acme").startswith("account:")


def test_without_a_key_no_pseudonym_can_be_found_by_trying_ids() -> None:
    one, other = Mask(Pseudonyms()), Mask(Pseudonyms())
    unkeyed = f"customer:{Pseudonyms().of(ADA)[:16]}"
    assert len({one.named(ADA), other.named(ADA), unkeyed}) == 3
    assert not one.lasting


def test_only_a_pseudonym_that_was_shown_stands_for_somebody() -> None:
    mask, name = Mask(KEYED), Mask(KEYED).named(ADA)
    with pytest.raises(Declined, match="not shown in this session"):
        mask.meant(name)
    assert mask.named(ADA) == name
    assert mask.meant(name) == ADA
    assert mask.meant("Zoe" + chr(0x308)) == "Zoë"


def test_what_was_shown_longest_ago_is_forgotten_first() -> None:
    mask = Mask(KEYED)
    first, second = mask.named("0"), mask.named("1")
    for number in range(2, SHOWN_AT_MOST + 1):
        mask.named(str(number))
    assert mask.meant(second) == "1"
    with pytest.raises(Declined):
        mask.meant(first)


def test_two_customers_of_one_hash_have_two_pseudonyms() -> None:
    class Alike(Pseudonyms):
        def of(self, customer_id: str) -> str:
            return "0" * 16 + super().of(customer_id)[:16]

    mask = Mask(Alike(b"a secret"))
    one, other = mask.named("1"), mask.named("2")
    assert (mask.meant(one), mask.meant(other)) == ("1", "2")


@pytest.mark.parametrize(
    "attribute",
    ["email", "E-Mail", "email_sha256", "phone_2", "mobile", "whatsapp", "tel", "手机号"],
)
def test_no_option_shows_how_people_are_reached(attribute: str) -> None:
    with pytest.raises(NeverShown, match=f"--show {attribute}: .* leave it out"):
        Mask(KEYED, [attribute])


@pytest.mark.parametrize("attribute", ["region", "consent.email", "hotel", "till", "smsc"])
def test_other_attributes_may_be_shown(attribute: str) -> None:
    assert not Mask(KEYED, [attribute]).hides(attribute)
    assert Mask(KEYED).hides(attribute)


@pytest.mark.parametrize(
    ("value", "reaches"),
    [
        (ADA, True),
        ("write to ada@example.org!", True),
        ("+44 20 7946 0123", True),
        ("02079460123", True),
        (447_700_900_123, True),
        ("north", False),
        ("SW1A 1AA", False),
        ("2026-03-01", False),
        ("2026-03-01 7946", True),
        (1971, False),
        (120_000.0, False),
        (True, False),
    ],
)
def test_a_value_that_reaches_somebody_is_known_by_its_form(value: object, reaches: bool) -> None:
    assert may_reach_somebody(value) is reaches


def test_texts_are_cut_printable_and_without_addresses() -> None:
    assert clean({"a": [f"to {ADA}, or\nnobody", 3, None]}) == {
        "a": ["to masked, or\nnobody", 3, None]
    }
    assert clean("\x1b[2J") == "\\x1b[2J"
    assert len(clean("x" * 5_000)) == 1_001


def test_a_page_belongs_to_the_list_that_gave_it() -> None:
    pages = Pages()
    name = pages.named("rule/vip", "a cursor")
    assert name is not None
    assert "cursor" not in name
    assert pages.meant("rule/vip", name) == "a cursor"
    assert pages.named("rule/vip", None) is None
    with pytest.raises(Declined, match="begin again"):
        pages.meant("rule/other", name)


def test_the_audit_log_is_for_its_owner_alone_and_names_nobody(tmp_path: Path) -> None:
    file, mask = tmp_path / "audit.jsonl", Mask(KEYED)
    audit = Audit(file, mask, lambda: 1_700_000_000_000)
    audit.write(call(customer=ADA))
    audit.write(call(customer=mask.named(ADA)))
    audit.write(call(customer="half \ud800"))
    audit.write(call(tool="segments", kind="rule", days=30))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert lines(file)[0] == {
        "at": "2023-11-14T22:13:20.000Z",
        "tool": "customer",
        "arguments": {"customer": mask.named(ADA)},
        "outcome": "ok",
        "rows": 1,
        "duration_ms": 12,
    }
    assert lines(file)[1]["arguments"] == lines(file)[0]["arguments"]
    assert lines(file)[3]["arguments"] == {"kind": "rule", "days": 30}
    assert ADA not in file.read_text()


def test_of_a_call_that_was_not_answered_no_argument_is_noted_in_the_clear(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    odd: dict[str, Any] = {ADA: 1, "customer": [ADA], "name": ADA, "days": 447_700_900_123}
    Audit(file, Mask(KEYED), lambda: 0).write(call(DECLINED, **odd, when=f'profile.x == "{ADA}"'))
    told = lines(file)[0]["arguments"]
    assert ADA not in file.read_text()
    assert (told["customer"], told["days"], told["others"]) == ("masked", "masked", 1)
    assert told["name"].startswith("masked ")
    assert told["when"].startswith("masked ")


def test_the_audit_log_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    for _ in range(2):
        Audit(file, Mask(KEYED), lambda: 0).write(call())
    assert len(lines(file)) == 2


def test_an_audit_log_that_can_not_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="name a file that can be appended to"):
        Audit(tmp_path, Mask(KEYED), lambda: 0)
    with pytest.raises(
        AuditError, match=r"No space left on device.*nothing is answered without it"
    ):
        Audit(Path("/dev/full"), Mask(KEYED), lambda: 0).write(call())
