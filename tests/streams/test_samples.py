"""`segmenter config check --sample`: what events of a source become, before any of them counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import NOWHERE, Terminal

ORDER: dict[str, Any] = {
    "id": 7,
    "created_at": "2026-03-01T10:00:00+01:00",
    "currency": "USD",
    "total_price": "49.90",
    "customer": {"id": 1228},
    "line_items": [],
}
PURCHASE = {
    "event_id": "shopify:order:7",
    "customer_id": "1228",
    "occurred_at": "2026-03-01T10:00:00+01:00",
    "amount_minor": 4990,
    "currency": "USD",
    "order_id": "7",
}
CREATED = ("--header", "X-Shopify-Topic: orders/create")
SHOP = '[sources.shop]\nsource = "shopify"\n'


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """One in a folder with a source, and with neither broker nor store."""
    monkeypatch.chdir(tmp_path)
    Path("segmenter.toml").write_text(SHOP, "utf-8")
    return Terminal({"SEGMENTER_BOOTSTRAP_SERVERS": NOWHERE})


def sampled(terminal: Terminal, text: str, *more: str) -> Any:
    Path("sample").write_text(text, "utf-8")
    return terminal.run("config", "check", "--sample", "sample", *more)


def test_an_order_is_a_purchase_to_the_last_cent(terminal: Terminal) -> None:
    (found,) = sampled(terminal, json.dumps(ORDER), *CREATED, "--json").json
    assert (found["sample"], found["outcome"], found["kind"]) == (1, "event", "purchase")
    assert PURCHASE.items() <= found["event"].items()


def test_a_table_tells_kind_customer_time_and_amount(terminal: Terminal) -> None:
    ran = sampled(terminal, json.dumps(ORDER), *CREATED)
    (row,) = ran.out.splitlines()[1:2]
    assert row.split()[:3] == ["1", "purchase", "1228"]
    assert "49.90 USD" in ran.out
    assert ran.exit_code == 0


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_holds_a_sample_each(terminal: Terminal, indent: int | None) -> None:
    orders = [{**ORDER, "id": number} for number in (7, 8)]
    ran = sampled(terminal, json.dumps(orders, indent=indent), *CREATED, "--json")
    assert [each["event"]["event_id"] for each in ran.json] == [
        "shopify:order:7",
        "shopify:order:8",
    ]


def test_jsonl_holds_a_sample_a_line_and_a_broken_line_is_told_as_what_becomes_of_it(
    terminal: Terminal,
) -> None:
    ran = sampled(terminal, f"{json.dumps(ORDER)}\n\nnonsense\n", *CREATED, "--json")
    assert [(each["sample"], each["outcome"]) for each in ran.json] == [
        (1, "event"),
        (2, "rejected"),
    ]
    assert ran.exit_code == 1
    assert ran.err == "segmenter: 1 of 2 would be dead letters\n"


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x7f"])
def test_a_line_of_jsonl_ends_where_json_says_and_at_no_other_mark(
    terminal: Terminal, mark: str
) -> None:
    text = "\r\n".join(
        json.dumps({**ORDER, "id": number, "note": f"a{mark}b"}, ensure_ascii=False)
        for number in (7, 8)
    )
    ran = sampled(terminal, text, *CREATED, "--json")
    assert [each["event"]["event_id"] for each in ran.json] == [
        "shopify:order:7",
        "shopify:order:8",
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_number_is_read_as_it_was_written_and_never_as_a_float(
    terminal: Terminal, indent: int | None
) -> None:
    text = json.dumps([{**ORDER, "total_price": "PRICE"}], indent=indent)
    price = "9999999999999.000001"  # as a float it would be 9999999999999.0
    (found,) = sampled(terminal, text.replace('"PRICE"', price), *CREATED, "--json").json
    assert found["why"] == f"total_price: {price} has more decimals than USD takes"


@pytest.mark.parametrize(
    ("config", "more", "said"),
    [
        ("", (), "the file has no [sources.NAME] to read samples by"),
        (SHOP + SHOP.replace("shop]", "b]"), (), "say which with --source: shop, b"),
        (SHOP, ("--source", "web"), "no source web; there are shop"),
        (SHOP, ("--header", "nonsense"), "--header nonsense: write NAME:VALUE"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    terminal: Terminal, config: str, more: tuple[str, ...], said: str
) -> None:
    Path("segmenter.toml").write_text(config, "utf-8")
    ran = sampled(terminal, json.dumps(ORDER), *more)
    assert (ran.exit_code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


@pytest.mark.parametrize(
    ("text", "said"), [("", "holds no event"), ("[1,", "not JSON"), ("[" * 9_000, "not JSON")]
)
def test_a_file_that_holds_no_samples_is_refused(terminal: Terminal, text: str, said: str) -> None:
    ran = sampled(terminal, text)
    assert (ran.exit_code, said in ran.err) == (2, True)


@pytest.mark.parametrize(("valid_from", "exit_code"), [("2026-03-01", 0), ("2026-03-02", 1)])
def test_a_currency_that_the_workers_could_not_convert_is_told_before_it_is_a_dead_letter(
    terminal: Terminal, valid_from: str, exit_code: int
) -> None:
    rate = f'currency = "EUR"\nvalid_from = "{valid_from}"\nrate = "1.09"\n'
    Path("segmenter.toml").write_text(SHOP + "[[business.exchange_rates]]\n" + rate, "utf-8")
    ran = sampled(terminal, json.dumps({**ORDER, "currency": "EUR"}), *CREATED, "--json")
    assert ran.exit_code == exit_code
    if exit_code:
        assert (ran.json[0]["reason"], ran.json[0]["why"]) == (
            "unknown_currency",
            "currency: no rate from EUR to USD on 2026-03-01; "
            "add one under business.exchange_rates",
        )
