"""`segmenter segments evaluate`, over a history and over an installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.real_parts import RealParts
from tests.streams.policy_shop import PolicyShop, opened_shop
from tests.support.terminal import Terminal

BEGAN = date(2024, 1, 1)
POLICY = """preset = "grocery"
[business]
currency = "EUR"
[segments.big]
label = "Big baskets"
label_zh = "大篮客户"
when = 'spend_365d >= 500'
[evaluation]
min_members = 3
min_known = 0.2
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight customers who buy weekly for eleven weeks, the first four of them much."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "segmenter.toml").write_text(POLICY, encoding="utf-8")
    lines = []
    for day in range(0, 78, 7):
        for number in range(8):
            moment = f"{BEGAN + timedelta(days=day)}T10:{number:02}:00Z"
            amount = (20_000 if number < 4 else 1_000) + 100 * number
            event = {"kind": "purchase", "event_id": f"{number}-{day}", "customer_id": f"c{number}"}
            money = {"occurred_at": moment, "amount_minor": amount, "currency": "EUR"}
            lines.append(json.dumps({**event, **money}))
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "first.jsonl").write_text(lines[-1] + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def terminal(house: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(house)
    return Terminal({"COLUMNS": "200"})


def evaluate(terminal: Terminal, *arguments: str) -> str:
    ran = terminal.run("segments", "evaluate", "--events", "events.jsonl", *arguments)
    assert ran.exit_code == 0, ran.err
    return ran.out


def test_a_segment_of_a_history_is_evaluated_with_reasons(terminal: Terminal) -> None:
    table, *reasons = evaluate(terminal, "big").split("\n\n")
    heading, row = table.splitlines()
    assert heading.split()[:3] == ["segment", "customers", "share"]
    assert row.split()[:6] == ["rule/big", "4", "50.0%", "92.9%", "20.0%", "100.0%"]
    assert row.rstrip().endswith("all met")
    assert reasons[0].splitlines()[0] == "rule/big  Big baskets"
    assert "stable: yes  4 of 4 who were in it 30 days ago are in it now: 100%" in reasons[0]
    assert "after 4 of 4 entries a purchase followed within 30 days: 100%" in reasons[0]


def test_the_same_in_chinese_and_as_json(terminal: Terminal) -> None:
    assert "大篮客户" in evaluate(terminal, "big", "--lang", "zh")
    (found,) = json.loads(evaluate(terminal, "rule/big", "--json"))
    assert found["label"] == {"en": "Big baskets", "zh": "大篮客户"}
    assert (found["customers"], found["share"], found["verdict"]) == (4, 0.5, "yes")
    assert found["staying"]["members_then"] == found["staying"]["stayed"] == 4
    assert (found["response"]["rate"], found["response"]["expected"]) == (1.0, 1.0)
    assert found["separation"]["number"] in found["separation"]["effects"]
    assert set(found["criteria"]) == {"measurable", "substantial", "stable", "distinguishable"}
    assert found["criteria"]["stable"]["reason_zh"].startswith("30 天前的 4 位成员中")


def test_segments_of_one_kind_are_asked_for(terminal: Terminal) -> None:
    only = json.loads(evaluate(terminal, "--kind", "lifecycle", "--kind", "rule", "--json"))
    assert [each["segment"] for each in only] == ["lifecycle/active", "rule/big"]


def test_a_name_that_is_none_is_answered_with_the_nearest(terminal: Terminal) -> None:
    ran = terminal.run("segments", "evaluate", "bog", "--events", "events.jsonl")
    assert ran.exit_code == 3
    assert ran.err == "segmenter: nobody is in a segment 'bog'; did you mean big?\n"


def test_a_kind_that_is_none_is_answered_with_those_there_are(terminal: Terminal) -> None:
    ran = terminal.run("segments", "evaluate", "--kind", "colour", "--events", "first.jsonl")
    assert ran.exit_code == 3
    none = "segmenter: nobody is in a segment of the kind 'colour'; there are lifecycle\n"
    assert ran.err == none


def test_names_and_kinds_are_not_asked_for_together(terminal: Terminal) -> None:
    ran = terminal.run("segments", "evaluate", "big", "--kind", "rule", "--events", "first.jsonl")
    assert (ran.exit_code, ran.out) == (2, "")
    assert ran.err == "segmenter: NAME asks for segments, --kind for all of a kind; leave one\n"


@pytest.fixture
def shop(
    real_parts: RealParts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    namespace: str,
) -> Iterator[PolicyShop]:
    monkeypatch.chdir(tmp_path)
    with opened_shop(real_parts, tmp_path, valkey_url, namespace) as shop:
        yield shop


def test_the_segments_of_an_installation_are_evaluated(shop: PolicyShop) -> None:
    found = shop.terminal.run("segments", "evaluate", "lifecycle/active", "--json")
    assert found.exit_code == 0, found.err
    assert found.json[0]["criteria"]["measurable"]["verdict"] == "no"
