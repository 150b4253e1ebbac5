"""`segmenter segments personas`, over a history."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.personas import persona_from_json
from tests.support.terminal import Terminal

BEGAN = date(2024, 1, 1)
POLICY = """preset = "grocery"
[business]
currency = "EUR"
[segments.big]
label = "Big spenders"
label_zh = "大额客户"
when = 'spend_365d >= 500'
[playbook.call]
action = "Call them"
action_zh = "电话回访"
owner = "store"
segments = ["rule/big"]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty customers for eleven weeks, the first half of whom spend much, on tea."""
    folder = tmp_path_factory.mktemp("personas")
    (folder / "segmenter.toml").write_text(POLICY, encoding="utf-8")
    rows = []
    for day in range(0, 78, 7):
        for number in range(50):
            big = number < 25
            amount = (20_000 if big else 1_000) + 10 * number
            item = {"sku": "s", "quantity": 1, "unit_price_minor": amount}
            rows.append(
                {
                    "kind": "purchase",
                    "event_id": f"{number}-{day}",
                    "customer_id": f"c{number}",
                    "occurred_at": f"{BEGAN + timedelta(days=day)}T10:{number:02}:00Z",
                    "amount_minor": amount,
                    "currency": "EUR",
                    "items": [{**item, "category": "Tea" if big else "Rice"}],
                }
            )
    lines = "\n".join(map(json.dumps, rows))
    (folder / "events.jsonl").write_text(lines + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def terminal(house: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(house)
    return Terminal({"COLUMNS": "200"})


def personas(terminal: Terminal, *arguments: str) -> str:
    ran = terminal.run("segments", "personas", "--events", "events.jsonl", *arguments)
    assert ran.exit_code == 0, ran.err
    return ran.out


def test_a_segment_is_told_in_words_with_its_play_and_its_card(terminal: Terminal) -> None:
    told = personas(terminal, "big")
    assert "Big spenders · Big-basket high-spending customers  rule/big" in told
    assert "Fill larger baskets: 201 EUR an order, 107 EUR overall." in told
    assert "What to do: Call them. Owner: store." in told
    assert "average order value" in told


def test_the_same_in_chinese_as_markdown(terminal: Terminal) -> None:
    told = personas(terminal, "--kind", "rule", "--lang", "zh", "--md")
    assert told.startswith("### 大额客户 · 高客单高消费客户\n")
    assert "| 客单价 | 201 欧元 | 107 欧元 |" in told


def test_json_has_the_numbers_behind_each_sentence(terminal: Terminal) -> None:
    (found,) = json.loads(personas(terminal, "rule/big", "--json"))
    sentences: list[dict[str, Any]] = found["sentences"]
    assert sentences[0]["numbers"] == {"size.share": 0.5, "size.spend_share": 0.936249}
    assert persona_from_json(found["persona"]).names == found["name"]
    assert found["play"]["source"] == "policy"


def test_a_segment_nobody_is_in_is_not_found_with_the_nearest_name(terminal: Terminal) -> None:
    ran = terminal.run("segments", "personas", "bigg", "--events", "events.jsonl")
    assert (ran.exit_code, ran.out) == (3, "")
    assert "did you mean big?" in ran.err


def test_a_kind_nobody_is_in_is_answered_with_the_nearest(terminal: Terminal) -> None:
    asked = ("--kind", "rule", "--kind", "clutser", "--events", "events.jsonl")
    ran = terminal.run("segments", "personas", *asked)
    assert (ran.exit_code, ran.out) == (3, "")
    assert "nobody is in a segment of the kind 'clutser'; did you mean cluster?" in ran.err


@pytest.mark.parametrize("both", [("big", "--kind", "rule"), ("--json", "--md")])
def test_of_two_things_that_exclude_each_other_one_is_to_be_left(
    terminal: Terminal, both: tuple[str, ...]
) -> None:
    ran = terminal.run("segments", "personas", *both, "--events", "events.jsonl")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "leave one" in ran.err
