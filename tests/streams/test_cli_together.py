"""What goes with what and what may come next, on the command line; and which survey commands read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from streams.loop import Loop
from streams.redis_store import RedisStore, connect
from streams.surveyed_events import fold_events
from tests.streams.test_surveying import event, shop_policy
from tests.support.terminal import Terminal

PEOPLE = tuple(f"p{number}" for number in range(8))
RULE = """preset = "grocery"
[segments.tea]
when = 'category["TEA"].spend_365d >= 10'
"""


def basket(customer_id: str, day: int, *categories: str) -> dict[str, object]:
    lines = [
        {"sku": each, "quantity": 1, "unit_price_minor": 500, "category": each}
        for each in categories
    ]
    return {
        "event_id": f"{customer_id}-{day}",
        "amount_minor": 500 * len(lines),
        "currency": "USD",
        "items": lines,
    }


# Everybody buys tea with milk; the first six rice on another day, and the first five salt with it.
BASKETS = [
    *((each, day, ("TEA", "MILK")) for each in PEOPLE for day in (0, 7, 14)),
    *((each, 20, ("RICE", "SALT") if n < 5 else ("RICE",)) for n, each in enumerate(PEOPLE[:6])),
]
STORY = [
    event("purchase", who, day, **basket(who, day, *what))
    for who, day, what in sorted(BASKETS, key=lambda each: each[1])
]


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A file of events, and no installation."""
    monkeypatch.chdir(tmp_path)
    Path("segmenter.toml").write_text(RULE, "utf-8")
    lines = [{"kind": "purchase", **json.loads(each.value)} for each in STORY]
    Path("events.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")
    return Terminal({"COLUMNS": "200"})


@pytest.fixture
def shop(history: Terminal, valkey_url: str, namespace: str) -> Terminal:
    """An installation that the events went through."""

    async def fold() -> None:
        async with connect(valkey_url) as client:
            loop = Loop(shop_policy(), 2, RedisStore(client, namespace))
            await fold_events(loop, STORY, lambda _: None)
            await loop.store.set_partitions(2)

    asyncio.run(fold())
    return Terminal(
        {
            "COLUMNS": "200",
            "SEGMENTER_REDIS_URL": valkey_url,
            "SEGMENTER_NAMESPACE": namespace,
        }
    )


def test_what_goes_together_most_days_stands_first(history: Terminal) -> None:
    ran = history.run("segments", "together", "--events", "events.jsonl")
    assert ran.exit_code == 0, ran.err
    heading, first, *_ = ran.out.splitlines()
    assert heading.split()[:4] == ["bought", "with", "days", "customers"]
    # 24 of 30 shopping days; whoever bought the one bought the other
    assert {*first.split()[:2]} == {"MILK", "TEA"}
    assert first.split()[2:] == ["24", "8", "80.0%", "100.0%", "100.0%", "×1.25", "×1.00"]


def test_the_pairs_of_a_segment_as_json(history: Terminal) -> None:
    ran = history.run(
        "segments", "together", "tea", "--events", "events.jsonl", "--limit", "2", "--json"
    )
    told = ran.json
    assert told["shopping_days"] == 30
    assert told["certain"] is True
    assert [{each["one"], each["other"]} for each in told["pairs"]] == [
        {"TEA", "MILK"},
        {"RICE", "SALT"},
    ]


def test_a_segment_that_nobody_is_in_is_named_with_the_nearest(history: Terminal) -> None:
    ran = history.run("segments", "together", "rule/teas", "--events", "events.jsonl")
    assert ran.exit_code == 3
    assert "did you mean rule/tea?" in ran.err


def test_a_history_needs_no_fresh_look(history: Terminal) -> None:
    ran = history.run("segments", "together", "--events", "events.jsonl", "--fresh")
    assert ran.exit_code == 2
    assert "leave one" in ran.err


def test_who_buys_no_salt_may_begin_to_and_is_told_why(shop: Terminal) -> None:
    told = shop.run("customer", "next", "p5", "--json").json
    assert [each["category"] for each in told] == ["SALT"]
    assert "RICE" in told[0]["because"]
    assert shop.run("customer", "next", "p5").out.startswith("SALT  because of ")
    assert shop.run("customer", "next", "p0").out == ""


def test_a_kept_survey_is_read_until_a_fresh_look_is_asked_for(shop: Terminal) -> None:
    assert "--fresh" not in shop.run("segments", "together").err  # none is kept: one was taken
    kept = shop.run("segments", "survey", "--json").json
    assert (kept["customers"], kept["population"]) == (8, 2)
    assert "of the survey taken at" in shop.run("segments", "together").err
    assert "of the survey taken at" not in shop.run("segments", "together", "--fresh").err
    assert shop.run("segments", "survey").out.startswith("surveyed 8 customers in ")


def test_under_another_policy_everybody_is_looked_at_anew(shop: Terminal) -> None:
    """A survey of other rules knows nobody in the new ones."""
    assert shop.run("segments", "survey").exit_code == 0
    Path("segmenter.toml").write_text(RULE.replace("tea", "infusions"), "utf-8")
    ran = shop.run("segments", "together")
    assert ran.exit_code == 0
    assert "another policy has come into force" in ran.err


def test_nobody_can_be_surveyed_before_anybody_has_come(
    history: Terminal, valkey_url: str, namespace: str
) -> None:
    settings = {"SEGMENTER_REDIS_URL": valkey_url, "SEGMENTER_NAMESPACE": namespace}
    for command in ("survey", "together"):
        ran = Terminal(settings).run("segments", command)
        assert ran.exit_code != 0
        assert "no worker has begun" in ran.err
