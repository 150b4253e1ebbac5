"""The assistant's server, asked by the SDK's own client: what it answers, what it withholds, that it only reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from streams.mcp_server import Allowed
from streams.mcp_what_if import Histories
from tests.streams.mcp_shop import (
    PEOPLE,
    SECRETS,
    McpShop,
    declined,
    filled,
    name,
    noted,
    told,
)
from tests.support.api_house import nowhere

# A call of every tool but what_if, which needs a history: test_mcp_stdio.py has it.
CALLS: dict[str, dict[str, Any]] = {
    "installation": {},
    "customer": {"customer": name(1)},
    "explain_customer": {"customer": name(0)},
    "segments": {"days": 49},
    "segment": {"name": "lifecycle/active"},
    "segment_members": {"name": "lifecycle/active", "limit": 100},
    "alert_report": {},
    "alerts": {"limit": 100},
    "lifecycle_flows": {"days": 49},
    "population_quality": {},
    "check_rule": {"rule_name": "few", "when": "purchases <= 8", "sample": 20},
}


@pytest.fixture(scope="module")
def shop(valkey_url: str) -> McpShop:
    return filled(McpShop("mcp", valkey_url))


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def reading_url(shop: McpShop) -> Iterator[str]:
    """The same Redis, as a user whom it lets write nothing."""
    with redis.Redis.from_url(shop.redis_url) as client:
        rights = ("~*", "+@all", "-@write", "-@admin", "-@dangerous")  # as docs/mcp.md has them
        client.execute_command("ACL", "SETUSER", "mcp", "on", ">pw", *rights)
        at = urlsplit(shop.redis_url)
        yield at._replace(netloc=f"mcp:pw@{at.hostname}:{at.port}").geturl()
        client.execute_command("ACL", "DELUSER", "mcp")


async def test_every_tool_answers_a_user_whom_redis_lets_write_nothing(
    shop: McpShop, audit: Path, reading_url: str
) -> None:
    with (
        redis.Redis.from_url(reading_url) as reader,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        reader.set("it", "works")
    async with shop.asked(audit, redis_url=reading_url) as client:
        tools = (await client.list_tools()).tools
        assert {each.name for each in tools} == {*CALLS, "what_if"}
        for tool, arguments in CALLS.items():
            await told(client, tool, **arguments)
        for each in (await client.list_resources()).resources:
            await client.read_resource(str(each.uri))
    assert {each["outcome"] for each in noted(audit)} == {"ok"}


async def test_tools_say_that_they_read_and_what_their_fields_mean(
    shop: McpShop, audit: Path
) -> None:
    async with shop.asked(audit) as client:
        tools = (await client.list_tools()).tools
    for each in tools:
        assert each.annotations is not None
        assert (each.annotations.read_only_hint, each.annotations.destructive_hint) == (True, False)
        assert each.description
        assert each.output_schema is not None
        for field in each.input_schema["properties"].values():
            assert "description" in field, each.name
    members = next(each for each in tools if each.name == "segment_members")
    assert members.output_schema is not None
    spent = members.output_schema["$defs"]["Member"]["properties"]["net_spend_minor"]
    assert spent["description"] == "minor units"


async def test_nothing_that_leaves_or_is_noted_tells_who_anybody_is(
    shop: McpShop, audit: Path
) -> None:
    everything: list[Any] = []
    async with shop.asked(audit) as client:
        for tool, arguments in CALLS.items():
            everything.append(await told(client, tool, **arguments))
        for number in range(PEOPLE):
            everything.append(await told(client, "customer", customer=name(number)))
            everything.append(await told(client, "explain_customer", customer=name(number)))
        everything.append(await declined(client, "customer", customer="Zelda, whoever that is"))
        segments = (await told(client, "segments"))["items"]
        everything += [await told(client, "segment", name=each["name"]) for each in segments]
    for text in (json.dumps(everything, ensure_ascii=False), json.dumps(noted(audit))):
        # The rule of the policy says which region it asks for; of nobody is it told.
        harmless = text.replace(r"profile.region == \"the-far-north\" or profile.vip", "")
        assert [each for each in SECRETS if each in harmless] == []


async def test_pages_list_every_member_once_by_a_name_that_can_be_asked_for(
    shop: McpShop, audit: Path
) -> None:
    answer: dict[str, Any] = {"next": ""}
    found: list[dict[str, Any]] = []
    async with shop.asked(audit) as client:
        while answer["next"] is not None:
            given = {"name": "friends", "limit": 7, "page": answer["next"]}
            answer = await told(client, "segment_members", **given)
            assert len(answer["items"]) <= 7
            found += answer["items"]
        states = {
            id_: (await told(client, "customer", customer=id_))["customer"] for id_ in shop.states
        }
        one = await told(client, "customer", customer=found[0]["customer"])
        other = "page: not one that this list gave in this session; begin again without it"
        assert await declined(client, "segment_members", name="friends", page="a1") == other
    friends = [id_ for id_, each in shop.states.items() if "friends" in each.rules]
    assert sorted(each["customer"] for each in found) == sorted(states[id_] for id_ in friends)
    assert answer["size"] == len(friends) > 7
    assert one["customer"] == found[0]["customer"]
    assert one["net_spend_minor"] == found[0]["net_spend_minor"]


async def test_a_customer_is_told_with_groups_risk_and_reasons(shop: McpShop, audit: Path) -> None:
    async with shop.asked(audit) as client:
        answer = await told(client, "customer", customer=name(5))
    assert answer["lifecycle"] == shop.states[name(5)].standing.lifecycle
    assert answer["purchase_days"] == 6  # every fourth day up to the twentieth
    assert answer["net_spend_minor"] == 6_000
    assert answer["churn_risk"]["probability"] > 0.5
    assert answer["churn_risk"]["reasons"][0]["en"].startswith("usually buys every 5 days")
    assert set(answer["attributes"].values()) == {"masked"}
    assert answer["age_band"] == "masked"


async def test_only_attributes_that_are_named_are_told_and_contacts_never(
    shop: McpShop, audit: Path
) -> None:
    shown = Allowed(shown=["region", "vip", "note", "till", "birth_year"])
    async with shop.asked(audit, shown) as client:
        answer = await told(client, "customer", customer=name(0))
        sentences = (await told(client, "explain_customer", customer=name(0)))["sentences"]
    assert answer["attributes"] == {
        "region": "the-far-north",
        "vip": True,
        "email": "masked",
        "telephone": "masked",
        "birth_year": 1971,
        "note": "masked",  # it holds an address
        "till": 0,
    }
    assert answer["age_band"] != "masked"
    assert any("profile.region is the-far-north" in each for each in sentences)


async def test_why_somebody_is_in_a_segment_that_reads_withheld_attributes_is_withheld(
    shop: McpShop, audit: Path
) -> None:
    async with shop.asked(audit) as client:
        sentences = (await told(client, "explain_customer", customer=name(0)))["sentences"]
    assert sentences[-1] == 'In "north"; why is withheld: its rule reads region, vip.'


async def test_what_kind_of_people_are_in_a_segment_is_told_without_withheld_attributes(
    shop: McpShop, audit: Path
) -> None:
    async with shop.asked(audit) as client:
        masked = (await told(client, "segment", name="north"))["persona"]
        few = await told(client, "segment", name="lifecycle/prospect")
    async with shop.asked(audit, Allowed(shown=["region"])) as client:
        shown = (await told(client, "segment", name="north"))["persona"]
    assert masked["name"]["en"] == "north"
    assert masked["evaluation"] == shown["evaluation"]
    assert not any("far-north" in each["en"] for each in masked["sentences"])
    assert any("far-north" in each["en"] for each in shown["sentences"])
    assert few["persona"] is None
    assert few["persona_missing"].startswith("fewer than 5 customers are in it")


async def test_a_rule_that_reads_what_is_withheld_is_not_tried_out(
    shop: McpShop, audit: Path
) -> None:
    asked = {"rule_name": "far", "when": 'profile.region == "the-far-north"'}
    by_name = {"rule_name": "far", "when": 'segment["north"] and spend >= 10'}
    in_force = {"rule_name": "north", "when": 'profile.region == "the-far-north" or profile.vip'}
    async with shop.asked(audit) as client:
        for each in (asked, by_name, in_force):
            why = await declined(client, "check_rule", **each)
            assert "whose values are withheld here" in why
    async with shop.asked(audit, Allowed(shown=["region"])) as client:
        found = await told(client, "check_rule", **asked)
    assert (found["of"], found["customers"], found["entering"]) == (PEOPLE, PEOPLE / 2, PEOPLE / 2)
    assert found["sample"][0]["conditions"][0]["value"] == "the-far-north"


async def test_a_setting_that_names_an_attribute_is_not_changed(shop: McpShop, audit: Path) -> None:
    async with shop.asked(audit) as client:
        why = await declined(client, "what_if", changes={"profiles.account": "email"})
        none = await declined(client, "what_if", changes={"lifecycle.new_days": 9})
    assert why.startswith("profiles.account: only settings under lifecycle, ")
    assert none.startswith("there is no history to replay")


async def test_alerts_are_told_by_pseudonym_and_counted(shop: McpShop, audit: Path) -> None:
    async with shop.asked(audit) as client:
        report = await told(client, "alert_report")
        first = await told(client, "alerts", limit=3)
        second = await told(client, "alerts", limit=3, page=first["next"])
        waiting = await told(client, "alerts", decision="waiting")
        customer = await told(client, "customer", customer=first["items"][0]["customer"])
        why = await declined(client, "alerts", rule="lat")
    assert report["total"]["raised"] > 6
    assert [each["name"] for each in report["rules"]] == ["slipping", "late", "back", "quiet"]
    keys = [(each["raised_at"], each["customer"], each["rule"]) for each in first["items"]]
    more = [(each["raised_at"], each["customer"], each["rule"]) for each in second["items"]]
    assert len({*keys, *more}) == 6
    assert min(keys)[0] >= max(more)[0]
    assert {each["decision"] for each in waiting["items"]} <= {"waiting"}
    assert customer["customer"] == first["items"][0]["customer"]
    assert why == "no alert rule by that name; did you mean late?"


async def test_what_can_not_be_answered_says_the_way_out_and_is_noted(
    shop: McpShop, audit: Path
) -> None:
    async with shop.asked(audit) as client:
        nobody = await declined(client, "customer", customer=1228)  # as models like to write ids
        unseen = await declined(client, "customer", customer="customer:0123456789abcdef")
        segment = await declined(client, "segment", name="lifecycle/activ")
        days = await declined(client, "segments", days=0)
        await declined(client, "no_such_tool", customer=name(1))
    assert nobody.startswith("nobody is known by that id")
    assert "segment_members" in unseen
    assert segment == "there is no such segment; did you mean lifecycle/active?"
    assert "greater than or equal to 1" in days
    lines = noted(audit)
    assert [each["outcome"] for each in lines] == ["declined"] * 5
    assert [each["tool"] for each in lines][-2:] == ["segments", "unknown tool"]
    assert lines[2]["arguments"]["name"].startswith("masked ")


async def test_a_call_that_can_not_be_noted_is_not_answered(shop: McpShop) -> None:
    async with shop.asked(Path("/dev/full")) as client:
        why = await declined(client, "customer", customer=name(1))
    assert why.startswith("the audit log /dev/full can't be written")


async def test_a_call_ends_when_its_time_is_over(shop: McpShop, audit: Path) -> None:
    async with shop.asked(audit, Allowed(lookup_s=0, what_if_s=0)) as client:
        for tool in ("segments", "check_rule"):
            why = await declined(client, tool, **CALLS[tool])
            assert why.startswith("this took longer than a call may")
    assert [each["outcome"] for each in noted(audit)] == ["too_long", "too_long"]


async def test_a_replay_leaves_the_server_free_and_ends_with_its_time(
    shop: McpShop, audit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begun = asyncio.create_subprocess_exec, list[asyncio.subprocess.Process]()

    async def noted_down(*args: Any, **how: Any) -> asyncio.subprocess.Process:
        begun.append(await begin(*args, **how))
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted_down)
    history = tmp_path / "shop.jsonl"
    os.mkfifo(history)  # nobody ever writes into it, so it is read for ever
    allowed = Allowed(histories=Histories({"shop.jsonl": str(history)}, 10), what_if_s=0.5)
    async with shop.asked(audit, allowed) as client:
        asked = asyncio.create_task(declined(client, "what_if", changes={"lifecycle.new_days": 9}))
        await told(client, "installation")
        why = await asked
    assert why.startswith("this took longer than a call may")
    assert [(each["tool"], each["outcome"]) for each in noted(audit)] == [
        ("installation", "ok"),
        ("what_if", "too_long"),
    ]
    (replay,) = begun
    assert await replay.wait() == -signal.SIGKILL
    assert not replays()


def replays() -> list[str]:
    """Processes below this one that replay."""
    found = []
    for each in Path("/proc/self/task").glob("*/children"):
        for child in each.read_text().split():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                found += [child] * ("mcp_trial" in Path("/proc", child, "cmdline").read_text())
    return found


async def test_a_fault_of_the_server_is_logged_without_what_it_says(
    shop: McpShop, audit: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError(name(0))

    monkeypatch.setattr("streams.lookup.Lookup.customer", broken)
    async with shop.asked(audit) as client:
        why = await declined(client, "customer", customer=name(0))
    assert why.startswith("the fault is the server's")
    assert "KeyError" in caplog.text
    assert name(0) not in caplog.text
    assert [(each["outcome"], each["why"]) for each in noted(audit)] == [("failed", "KeyError")]


async def test_a_redis_that_does_not_answer_is_said(shop: McpShop, audit: Path) -> None:
    async with shop.asked(audit, redis_url=nowhere()) as client:
        why = await declined(client, "installation")
    assert why.startswith("Redis: ")
