"""Prospects of a small shop: who lives where the best customers live comes first."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from models.policy import policy_from_toml
from models.policy_record import PublishedPolicy
from streams.loop import Loop
from streams.prospects import Prospects, find_prospects
from streams.redis_store import RedisStore, connect
from streams.sources import SourceRecord
from streams.surveying import take_survey
from tests.support.story import noon
from tests.support.terminal import Ran, Terminal

RULES = """preset = "grocery"
[profiles]
account = "company"
[segments.best]
when = 'spend >= 100'
"""
POLICY = policy_from_toml(RULES, "policy.toml")
LIKE = "rule/best"


def profile(customer_id: str, **attributes: str | bool) -> SourceRecord:
    return record("profile", customer_id, attributes=attributes)


def record(kind: str, customer_id: str, **fields: object) -> SourceRecord:
    body = {
        "event_id": f"{kind}-{customer_id}",
        "customer_id": customer_id,
        "occurred_at": "2024-01-01T12:00:00Z",
        **fields,
    }
    return SourceRecord(kind, customer_id, noon(0), json.dumps(body).encode())


def buys(customer_id: str, amount_minor: int) -> SourceRecord:
    return record("purchase", customer_id, amount_minor=amount_minor, currency="USD")


def shop() -> list[SourceRecord]:
    """The best live in the north, the others in the south; consent and employer differ just as much."""
    found = []
    for number in range(60):
        best, who = number < 30, f"c{number:02}"
        north = best or number >= 55
        company = {"company": "best" if best else "others"}
        told = {"region": "north" if north else "south", "consent.sms": best, **company}
        found.append(profile(who, **told))
        found.append(buys(who, 50_000 if best else 500))
    found += [profile("p-north", region="north"), profile("p-south", region="south")]
    return [*found, profile("p-a", **{"consent.sms": True}), profile("p-b", region="nowhere")]


@pytest.fixture
async def loop() -> Loop:
    return await written(Loop(POLICY, 2), shop())


async def written(loop: Loop, events: list[SourceRecord]) -> Loop:
    for each in events:
        await loop.write(each)
    await loop.settle()
    await loop.store.set_partitions(2)
    return loop


async def found(loop: Loop, like: str = LIKE, limit: int = 0) -> Prospects:
    held = [PublishedPolicy(0, POLICY)] * 2
    survey = (await take_survey(loop.store, held, 0)).survey
    return await find_prospects(loop.store, held, 0, survey, like, limit)


async def test_who_resembles_the_best_comes_first_and_is_told_why(loop: Loop) -> None:
    told = await found(loop)
    assert (told.best, told.customers, told.prospects) == (30, 60, 4)
    assert [each.customer_id for each in told.people] == ["p-north", "p-a", "p-b", "p-south"]
    assert [each.percentile for each in told.people] == [75.0, 25.0, 25.0, 0.0]
    first, last = told.people[0].resemblance, told.people[-1].resemblance
    assert [(each.attribute, each.value) for each in first.reasons] == [("region", "north")]
    assert first.score > 0 > last.score
    assert set(told.weights) == {"region"}


async def test_of_the_most_alike_only_so_many_are_told(loop: Loop) -> None:
    told = await found(loop, limit=1)
    assert [each.customer_id for each in told.people] == ["p-north"]
    assert (told.people[0].percentile, told.prospects) == (75.0, 4)


async def test_of_a_segment_of_nobody_nothing_is_said(loop: Loop) -> None:
    told = await found(loop, like="tier/high")
    assert (told.best, told.weights) == (0, {})
    assert {each.resemblance.score for each in told.people} == {0.0}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    policy = tmp_path / "policy.toml"
    policy.write_text(RULES)
    return Terminal({"SEGMENTER_CONFIG": str(policy)})


def write(file: Path, events: list[SourceRecord]) -> str:
    rows = ({"kind": each.kind, **json.loads(each.value or b"{}")} for each in events)
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return str(file)


def test_the_command_ranks_them_from_a_file_of_events(terminal: Terminal, tmp_path: Path) -> None:
    events = write(tmp_path / "events.jsonl", shop())
    asked = ("segments", "prospects", "--events", events, "--like", "best")
    told = terminal.run(*asked, "--json").json
    assert [each["customer_id"] for each in told["items"]] == ["p-north", "p-a", "p-b", "p-south"]
    assert told["items"][0]["reasons"][0]["attribute"] == "region"
    lines = terminal.run(*asked, "--limit", "2").out.splitlines()
    assert lines[0] == "4 prospects beside 30 of 60 customers who are in rule/best"
    assert lines[1].startswith("  p-north  +0.")
    assert lines[2].endswith("nothing known speaks for or against")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("like", "said"),
    [
        (("--like", "bset"), "nobody is in a segment 'bset'; did you mean best?"),
        ((), "nobody is in tier/high yet; name another segment with --like"),
    ],
)
def test_without_best_customers_the_way_out_is_told(
    terminal: Terminal, tmp_path: Path, like: tuple[str, ...], said: str
) -> None:
    few = write(tmp_path / "few.jsonl", [buys("c1", 50_000)])
    ran = terminal.run("segments", "prospects", "--events", few, *like)
    assert (ran.exit_code, ran.err) == (3, f"segmenter: {said}\n")


def test_where_everybody_has_bought_it_is_told_how_prospects_come_about(
    terminal: Terminal, tmp_path: Path
) -> None:
    bought = write(tmp_path / "bought.jsonl", [buys("c1", 50_000)])
    ran = terminal.run("segments", "prospects", "--events", bought, "--like", "best")
    assert ran.out == "0 prospects beside 1 of 1 customers who are in rule/best\n"
    assert ran.err.startswith(
        "there are no prospects: nobody whose profile came without a purchase"
    )
    assert (ran.exit_code, len(ran.err.splitlines())) == (0, 1)


def test_where_nobody_has_been_heard_of_that_is_said(terminal: Terminal, tmp_path: Path) -> None:
    nobody = write(tmp_path / "nobody.jsonl", [])
    ran = terminal.run("segments", "prospects", "--events", nobody)
    assert ran.exit_code == 3
    assert "there is nobody to survey yet" in ran.err


async def test_by_a_kept_survey_prospects_of_today_are_ranked(
    terminal: Terminal, valkey_url: str, namespace: str
) -> None:
    def run(*command: str) -> Ran:
        where = {"SEGMENTER_REDIS_URL": valkey_url, "SEGMENTER_NAMESPACE": namespace}
        return Terminal({**terminal.environment, **where}).run("segments", *command)

    asked = ("prospects", "--like", LIKE, "--json")
    async with connect(valkey_url) as client:
        loop = await written(Loop(POLICY, 2, RedisStore(client, namespace)), shop())
        assert (await asyncio.to_thread(run, "survey")).exit_code == 0
        await written(loop, [profile("p-c", region="north"), profile("c60"), buys("c60", 500)])
    kept = await asyncio.to_thread(run, *asked)
    fresh = await asyncio.to_thread(run, *asked, "--fresh")
    assert "of the survey taken at" in kept.err
    assert "of the survey taken at" not in fresh.err
    assert [each["customer_id"] for each in kept.json["items"]][:2] == ["p-c", "p-north"]
    assert (kept.json["customers"], kept.json["prospects"]) == (60, 5)
    assert (fresh.json["customers"], fresh.json["prospects"]) == (61, 5)


def test_a_history_needs_no_fresh_look(terminal: Terminal) -> None:
    ran = terminal.run("segments", "prospects", "--events", "events.jsonl", "--fresh")
    assert ran.exit_code == 2
    assert "leave one" in ran.err
