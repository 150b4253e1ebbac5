"""`segmenter mcp` as an assistant starts it: a process of its own that speaks over stdio."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client

from models.policy import policy_from_preset
from streams.mcp_trial import run, told_without_words
from streams.redis_store import RedisStore, connect
from tests.streams.compared_shop import NOW
from tests.streams.mcp_shop import declined, noted, told
from tests.streams.shoppers_file import shoppers
from tests.support.terminal import Terminal

EVENTS = 440


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "shop.jsonl"
    file.write_text("".join(_lines()), "utf-8")
    return file


def _lines() -> Iterator[str]:
    for each in islice(shoppers(), EVENTS):
        yield json.dumps(json.loads(each.value) | {"kind": "purchase"}) + "\n"


def server(tmp_path: Path, redis_url: str, *options: str, **environment: str) -> Client:
    """A client of a server in a process of its own."""
    (tmp_path / "now.toml").write_text(NOW, "utf-8")
    around = Terminal({"SEGMENTER_REDIS_URL": redis_url, **environment}).environment
    command = ("-m", "streams.cli", "--config", "now.toml", "mcp", *options)
    root = str(Path(__file__).resolve().parents[2])
    return Client(
        StdioServerParameters(
            command=sys.executable,
            args=[*command],
            cwd=tmp_path,
            env={**around, "PYTHONPATH": root},
        ),
        mode="legacy",  # the handshake that most assistants still begin with; the other tests have the new one
    )


async def test_an_assistant_replays_a_past_under_another_policy_and_every_call_is_noted(
    tmp_path: Path, history: Path, valkey_url: str, namespace: str
) -> None:
    async with connect(valkey_url) as client:
        await RedisStore(client, namespace).set_partitions(1)
    audit = tmp_path / "audit.jsonl"
    options = ("--on", str(history), "--audit", str(audit))
    changes: dict[str, Any] = {
        "lifecycle.overdue.fixed_days": 9,
        "segments.big.when": "spend_90d >= 80",
    }
    async with server(tmp_path, valkey_url, *options, SEGMENTER_NAMESPACE=namespace) as client:
        found = await told(client, "what_if", changes=changes)
        state = await told(client, "installation")
        wrong = await declined(client, "what_if", changes={"lifecycle.overdue.cycle": 2})
        other = await declined(client, "what_if", changes=changes, history="/etc/passwd")
    assert (found["history"], found["events"]) == ("shop.jsonl", EVENTS)
    assert found["differs"]
    assert {each["key"] for each in found["settings"]} == {*changes}
    overdue = next(each for each in found["alerts"] if each["rule"] == "overdue")
    assert overdue["b"]["alerts"] > overdue["a"]["alerts"]
    examples = [each for move in found["moves"] for each in move["examples"]]
    assert examples
    assert all(each["customer"].startswith("customer:") for each in examples)
    ids = {each.customer_id for each in islice(shoppers(), EVENTS)}
    words = set(json.dumps([each["a"] + each["b"] for each in examples]).split())
    assert not words & ids
    assert state["histories"] == ["shop.jsonl"]
    assert "lifecycle.overdue.cycle" in wrong
    assert other == "no history by that name; there are: shop.jsonl"
    assert [each["outcome"] for each in noted(audit)] == ["ok", "ok", "declined", "declined"]
    assert "passwd" not in audit.read_text()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ("--show", "region,email"),
            "--show email: e-mail addresses and phone numbers are never shown",
        ),
        (("--on", "nowhere.jsonl"), "--on nowhere.jsonl: no such file, and no data set"),
        (("--audit", "no/such/audit.jsonl"), "--audit no/such/audit.jsonl: No such file"),
    ],
)
def test_an_option_that_can_not_be_used_ends_the_command(
    options: tuple[str, ...], why: str
) -> None:
    ran = Terminal({}).run("mcp", *options)
    assert ran.exit_code == 2
    assert why in ran.err


def test_without_the_extra_the_command_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    ran = Terminal({}).run("mcp")
    assert ran.exit_code == 2
    assert 'pip install "streaming-segmenter[mcp]"' in ran.err


def test_what_ends_a_replay_is_told_without_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "ada@example.org"
    try:
        raise KeyError(words)
    except KeyError as error:
        told_without_words(KeyError, error, error.__traceback__)
    err = capsys.readouterr().err
    assert err.startswith("KeyError\n")
    assert "test_mcp_stdio.py" in err
    assert words not in err


def test_a_history_that_is_too_long_is_not_replayed(history: Path) -> None:
    policy = policy_from_preset("grocery").model_dump(mode="json", by_alias=True)
    asked = {"a": policy, "b": policy, "names": ["a", "b"], "history": "shop", "on": str(history)}
    days = {"first_day": None, "last_day": None}
    answer = run({**asked, **days, "most_events": EVENTS - 1})
    assert answer["declined"].startswith(
        "the history has 440 events, and 439 are replayed here at most"
    )
