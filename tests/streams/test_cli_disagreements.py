"""The list where sales and purchases tell different stories, on the command line; and a field shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.brokers import Brokers
from streams.replay import Publisher
from streams.sources import SourceRecord
from tests.real_parts import RealParts
from tests.streams.logbook import DAY_MS, START_MS, rfc3339
from tests.streams.policy_shop import LATELY, PARTITIONS, PEOPLE, PRESET, PolicyShop, opened_shop

PLAN = '{name = "gold", from = 400}, {name = "silver", from = 100}, {name = "plain"}'
GRID = f"{PRESET}[value.plan]\ntiers = [{PLAN}]\n[grid]\nworth = 'plan'\n"
SAID = {PEOPLE[0]: "partner", PEOPLE[1]: "lost", LATELY[0]: "Lead", LATELY[1]: "friend"}


@pytest.fixture
def shop(
    real_parts: RealParts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    namespace: str,
) -> Iterator[PolicyShop]:
    """People who have not bought since the winter, but for two; of four of them sales say something."""
    monkeypatch.chdir(tmp_path)
    with opened_shop(real_parts, tmp_path, valkey_url, namespace) as shop:
        publisher = Publisher(Brokers(shop.servers), PARTITIONS, shop.given.timezone)
        publisher.publish(_said(), 0.0, lambda _: None)
        publisher.close()
        shop.read_on()
        yield shop


def _said() -> Iterator[SourceRecord]:
    at_ms = START_MS + 89 * DAY_MS
    for who, word in SAID.items():
        body = {
            "customer_id": who,
            "occurred_at": rfc3339(at_ms),
            "attributes": {"relationship_stage": word},
        }
        yield SourceRecord("profile", who, at_ms, json.dumps(body).encode())


def test_the_list_has_who_stands_elsewhere_than_sales_say_under_the_policy_in_force(
    shop: PolicyShop,
) -> None:
    run = shop.terminal.run
    without = run("segments", "disagreements")
    assert without.exit_code == 3
    assert "add a section [grid]" in without.err
    shop.write(GRID)
    assert run("policy", "publish", "--wait", "0").exit_code == 0
    shop.read_on()
    rows = run("segments", "disagreements", "--json").json
    assert [(row["customer_id"], row["said"], row["verdict"]) for row in rows] == [
        (PEOPLE[0], "partner", "ahead"),
        (LATELY[0], "Lead", "behind"),
        (LATELY[1], "friend", "unknown_word"),
    ]
    assert rows[0]["means"] == "active"
    assert rows[0]["observed"] == "churned"
    (behind,) = run("segments", "disagreements", "--verdict", "behind", "--json").json
    assert behind == rows[1]
    limited = run("segments", "disagreements", "--limit", "1")
    assert "partner" in limited.out
    assert "3 in all: --limit 0 prints them" in limited.err
    assert run("segments", "members", "stage/agrees", "--json").json == [PEOPLE[1]]
    shown = run("segments", "show", "grid/keep")
    assert "  action: Protect what works" in shown.out
    assert "persona" not in run("segments", "show", "lifecycle/churned", "--json").json
    assert run("segments", "survey").exit_code == 0
    churned = run("segments", "show", "lifecycle/churned", "--json").json
    assert (churned["persona"]["en"], churned["play"]["source"]) == (
        "A handful of customers (churned)",
        "default",
    )
    assert (
        "  to do: Spend nothing on single letters"
        in run("segments", "show", "lifecycle/churned").out
    )
    sizes = {each["segment"]: each["size"] for each in run("segments", "list", "--json").json}
    assert sizes["stage/ahead"] == 1
    assert sum(size for name, size in sizes.items() if name.startswith("grid/")) == 7
    told = run("customer", "get", LATELY[0], "--json").json["value_grid"]
    assert told["stage"]["verdict"] == "behind"
    assert told["attachment"]["points"] == sum(row["points"] for row in told["attachment"]["rows"])
    assert "sales say Lead" in run("customer", "get", LATELY[0]).out
