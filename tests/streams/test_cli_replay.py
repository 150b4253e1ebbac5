"""Replays on the command line: of files, into memory and into a namespace of its own."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from models.policy import policy_from_preset
from streams.loop import replayed
from tests.streams.recorded_town import history
from tests.streams.shoppers_file import shoppers
from tests.support.recordings import recorded
from tests.support.terminal import Terminal

POLICY = 'preset = "grocery"\n'


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In a folder with a policy and a file of events."""
    monkeypatch.chdir(tmp_path)
    Path("segmenter.toml").write_text(POLICY, "utf-8")
    with Path("events.jsonl").open("wb") as out:
        for each in shoppers():
            out.write(each.value + b"\n")
    return Terminal({})


def test_a_file_of_events_is_replayed_in_memory(terminal: Terminal) -> None:
    told = terminal.run("replay", "file", "events.jsonl", "--json").json
    assert told["events"] == sum(1 for _ in shoppers())
    assert told["customers"] == 60
    assert told["populations_learned"] > 5
    assert told["changes"]["lifecycle.changed"] > 60
    assert len(told["digest"]) == 32
    shown = terminal.run("replay", "file", "events.jsonl").out
    assert f"digest         {told['digest']}" in shown
    assert "changes: lifecycle.changed" in shown


def test_a_replay_goes_on_from_its_snapshot(terminal: Terminal) -> None:
    whole = terminal.run("replay", "file", "events.jsonl", "--json").json
    lines = Path("events.jsonl").read_text("utf-8").splitlines(keepends=True)
    Path("events.jsonl").write_text("".join(lines[:300]), "utf-8")
    asked = ("replay", "file", "events.jsonl", "--snapshot", "kept", "--json")
    assert terminal.run(*asked).json["events"] == 300
    Path("events.jsonl").write_text("".join(lines), "utf-8")
    assert terminal.run(*asked).json == whole


def test_a_recording_brings_its_policy_with_it_unless_one_is_given(
    terminal: Terminal, tmp_path: Path
) -> None:
    loop = replayed(policy_from_preset("fashion"), 2, [*shoppers()][:200])
    path = recorded(loop, tmp_path / "log.jsonl.gz").name
    own = terminal.run("replay", "file", path, "--json").json
    given = terminal.run("--config", "segmenter.toml", "replay", "file", path, "--json").json
    assert own["events"] == given["events"] == 200
    assert own["populations_learned"] is None
    assert own["digest"] != given["digest"]


def test_a_part_of_a_file_and_some_customers(terminal: Terminal) -> None:
    asked = ("replay", "file", "events.jsonl", "--json")
    early = terminal.run(*asked, "--to", "2024-02-01").json
    late = terminal.run(*asked, "--from", "2024-02-01").json
    assert early["events"] + late["events"] == sum(1 for _ in shoppers())
    assert early["as_of"] == "2024-02-01T00:00:00.000Z"
    two = terminal.run(*asked, "--customers", "c1, c2").json
    assert two["customers"] == 2
    Path("who.txt").write_text("c1\nc2\n", "utf-8")
    assert terminal.run(*asked, "--customers", "@who.txt").json == two


def test_a_dry_run_reads_everything_and_says_what_would_not_do(terminal: Terminal) -> None:
    with Path("events.jsonl").open("a") as out:
        out.write('{"customer_id": "x", "occurred_at": "2024-03-01T00:00:00Z", "kind": "refund", ')
        out.write('"amount_minor": 5, "currency": "USD"}\n')
    told = terminal.run("replay", "file", "events.jsonl", "--dry-run", "--json").json
    assert told["kinds"]["refund"] == 1
    assert told["rejected"] == {"invalid": 1}
    assert told["customers"] == 60
    assert told["first"].startswith("2024-01-01T12:00")
    shown = terminal.run("replay", "file", "events.jsonl", "--dry-run").out
    assert "would be dead letters: invalid" in shown


def test_what_claims_to_lie_in_the_future_is_a_dead_letter(terminal: Terminal) -> None:
    line = '{"customer_id": "x", "occurred_at": "%s", "amount_minor": 5, "currency": "USD"}\n'
    lately = datetime.now(UTC) - timedelta(days=1)
    with Path("lately.jsonl").open("w") as out:
        out.write(line % lately.isoformat())
        out.write(line % "2199-01-01T00:00:00Z")
    told = terminal.run("replay", "file", "lately.jsonl", "--json").json
    assert (told["events"], told["dead_letters"]) == (1, {"future": 1})
    assert (told["as_of"] < "2199", told["ticks"]) == (True, 0)  # it moves no clock
    judged = terminal.run("replay", "file", "lately.jsonl", "--dry-run", "--json").json
    assert judged["rejected"] == {"future": 1}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--isolated", "x", "--dry-run"], "say one of --to-topic, --isolated, --dry-run"),
        (["--speed", "60x"], "--speed is for --to-topic"),
        (["--dry-run", "--snapshot", "s"], "--snapshot is for a replay into memory"),
        (["--from", "soon"], "--from: 'soon' is not a place in a log; write an offset such as"),
        (["--customers", "@nowhere"], "--customers: "),
        (["--to-topic", "--speed", "fast"], "--speed: 'fast' is not a speed"),
        (["--from", "5", "--to", "3"], "--to 3 is not behind --from 5"),
        (["--customers", ","], "--customers: nobody is named by ','"),
        (["--cores", "2"], "--cores is for a recording that is folded into memory"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    terminal: Terminal, asked: list[str], says: str
) -> None:
    ran = terminal.run("replay", "file", "events.jsonl", *asked)
    assert ran.exit_code == 2
    assert says in ran.err


def test_what_is_not_there_is_said(terminal: Terminal) -> None:
    ran = terminal.run("replay", "file", "events.csv")
    assert (ran.exit_code, "events.csv: no such file" in ran.err) == (1, True)
    ran = terminal.run("customer", "get", "ada", "--as-of", "2024-02-01", "--on", "events.jsonl")
    assert ran.exit_code == 2
    assert "events.jsonl is no recording; make one with: segmenter record FILE" in ran.err


def test_a_customer_of_the_past_stands_in_a_recording(terminal: Terminal, tmp_path: Path) -> None:
    loop = replayed(policy_from_preset("grocery"), 1, history())
    path = recorded(loop, tmp_path / "l.parquet")
    asked = ("customer", "get", "c3", "--on", path.name, "--json", "--as-of")
    early = terminal.run(*asked, "2024-01-20").json
    late = terminal.run(*asked, "2024-03-11T00:00:00Z").json
    assert (early["lifecycle"], early["as_of"]) == ("new", "2024-01-20T23:59:59.999Z")
    assert (late["lifecycle"], late["live"]) == ("dormant", False)
    ran = terminal.run(*asked, "2023-01-01")
    assert (ran.exit_code, "nobody was known by that id then" in ran.err) == (3, True)
    behind = terminal.run(*asked, f"{datetime.now(UTC):%Y-%m-%d}").json
    assert behind["as_of"] == terminal.run("replay", "file", path.name, "--json").json["as_of"]
    ran = terminal.run(*asked, "2199-01-01")
    assert (ran.exit_code, "2199-01-01 is still to come" in ran.err) == (2, True)
    ran = terminal.run(*asked, "yesterday")
    assert (ran.exit_code, "--as-of: 'yesterday' is not a moment" in ran.err) == (2, True)


def test_a_replay_apart_can_be_looked_at_and_is_taken_over_by_nobody(
    terminal: Terminal, redis_url: str, namespace: str
) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = redis_url
    apart = f"{namespace[:20]}-then"
    asked = ("replay", "file", "events.jsonl", "--isolated", apart)
    done = terminal.run(*asked, "--json")
    assert (
        done.json["digest"]
        == terminal.run("replay", "file", "events.jsonl", "--json").json["digest"]
    )
    seen = terminal.run("--namespace", apart, "customer", "get", "c3", "--json").json
    assert seen["lifecycle"] == "dormant"
    with closing(redis.Redis.from_url(redis_url)) as client:
        keys = client.keys(f"seg:{{{apart}:*:outbox")
        assert sum(client.xlen(each) for each in keys) == 0
    again = terminal.run(*asked)
    assert again.exit_code == 1
    assert (
        f"something was replayed there already; remove it with segmenter replay drop {apart}"
        in again.err
    )
    assert "keys" in terminal.run("replay", "drop", apart).out
    assert terminal.run("--namespace", apart, "customer", "get", "c3").exit_code == 1
    assert terminal.run("replay", "drop", apart).exit_code == 1


def test_an_installation_is_no_place_for_a_replay(
    terminal: Terminal, redis_url: str, namespace: str
) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = redis_url
    terminal.environment["SEGMENTER_NAMESPACE"] = namespace
    ran = terminal.run("replay", "file", "events.jsonl", "--isolated", namespace)
    assert ran.exit_code == 1
    assert "an installation has that name; choose another" in ran.err


def test_a_recording_apart_is_what_it_is_in_memory(
    terminal: Terminal, tmp_path: Path, redis_url: str, namespace: str
) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = redis_url
    loop = replayed(policy_from_preset("grocery"), 2, history())
    path, apart = recorded(loop, tmp_path / "l.parquet").name, f"{namespace[:20]}-then"
    asked = ("replay", "file", path, "--isolated", apart, "--json")
    assert terminal.run(*asked).json == terminal.run("replay", "file", path, "--json").json
    again = terminal.run(*asked)
    assert (again.exit_code, "was replayed there already" in again.err) == (1, True)
    terminal.run("replay", "drop", apart)


@pytest.mark.parametrize("name", ["*", "main}", "a?", "[a-z]*", "UPPER", ""])
def test_a_namespace_has_a_plain_name(
    terminal: Terminal, name: str, redis_url: str, namespace: str
) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = redis_url
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.hset(f"seg:{{{namespace}:0}}:meta", "offset", 1)
        ran = terminal.run("replay", "drop", name)
        assert (ran.exit_code, "can't name a namespace" in ran.err) == (1, True)
        assert client.exists(f"seg:{{{namespace}:0}}:meta")
    if name:
        ran = terminal.run("replay", "file", "events.jsonl", "--isolated", name)
        assert (ran.exit_code, "can't name a namespace" in ran.err) == (1, True)


def test_pieces_that_end_within_a_day_come_to_the_whole(terminal: Terminal) -> None:
    zone = '[business]\ntimezone = "Europe/Vienna"\n'
    Path("segmenter.toml").write_text(POLICY + zone, "utf-8")
    asked = ("replay", "file", "events.jsonl", "--json")
    whole = terminal.run(*asked).json
    for until in ("2024-01-20", "2024-02-10T12:00:00+01:00", "2024-03-01T00:30:00+01:00"):
        piece = terminal.run(*asked, "--snapshot", "kept", "--to", until).json
        assert piece["as_of"] <= until.ljust(20, "T")
    assert terminal.run(*asked, "--snapshot", "kept").json == whole


def test_pieces_of_a_file_with_late_events_come_to_the_whole(terminal: Terminal) -> None:
    lines = Path("events.jsonl").read_text("utf-8").splitlines(keepends=True)
    late = [*lines[:200], lines[203], *lines[200:203], *lines[204:]]  # three are late
    Path("events.jsonl").write_text("".join(late), "utf-8")
    asked = ("replay", "file", "events.jsonl", "--json")
    until = json.loads(lines[203])["occurred_at"]
    piece = terminal.run(*asked, "--snapshot", "kept", "--to", until).json
    assert piece["events"] == 200
    assert terminal.run(*asked, "--snapshot", "kept").json == terminal.run(*asked).json


def test_a_choice_of_nothing_is_told(terminal: Terminal) -> None:
    ran = terminal.run("replay", "file", "events.jsonl", "--customers", "nobody")
    assert "nothing was folded: check --from, --to and --customers" in ran.err
    ran = terminal.run("replay", "file", "events.jsonl", "--customers", "")
    assert (ran.exit_code, "--customers: nobody is named by ''" in ran.err) == (2, True)


def test_a_file_in_the_wrong_order_is_told(terminal: Terminal) -> None:
    lines = Path("events.jsonl").read_text("utf-8").splitlines(keepends=True)
    Path("events.jsonl").write_text("".join(reversed(lines)), "utf-8")
    assert (
        "events must stand in order of time" in terminal.run("replay", "file", "events.jsonl").out
    )


def test_time_may_go_by_up_to_a_day_that_is_still_to_come(terminal: Terminal) -> None:
    until = f"{datetime.now(UTC) + timedelta(days=200):%Y-%m-%d}"
    told = terminal.run("replay", "file", "events.jsonl", "--to", until, "--json").json
    assert (told["dead_letters"], told["as_of"][:10]) == ({}, until)


def test_offsets_hold_of_a_recording_however_it_is_read(terminal: Terminal, tmp_path: Path) -> None:
    loop = replayed(policy_from_preset("grocery"), 1, history())
    path = recorded(loop, tmp_path / "l.jsonl").name
    asked = ("replay", "file", path, "--from", "100", "--to", "110")
    assert terminal.run(*asked, "--dry-run", "--json").json["records"] == 10
    folded = terminal.run(*asked, "--json").json
    kinds = ("events", "ticks", "populations", "policies", "duplicates", "forgotten")
    assert sum(folded[each] for each in kinds) == 10
