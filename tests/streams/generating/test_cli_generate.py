"""`segmenter generate` as a person runs it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from streams.brokers import Brokers
from streams.generating.command import BadRate, paced, parse_rate
from streams.log import LogInspector
from streams.sources import SourceRecord, read_file
from streams.topics import TOPICS
from tests.real_parts import RealParts
from tests.streams.test_replay import PARTITIONS
from tests.streams.test_replay_mark import Written
from tests.support.terminal import NOWHERE, Terminal

HERE = Terminal({})
# Of 50 customers of seed 7 with all that can be asked for. It changes only when what is generated
# does; CHANGELOG.md then says so.
DIGEST = "c8c88b5045206409c9e9095c19a60fa0f4097173ea8fce8429a59ff0cbf83347"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def servers(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_parts.broker(tmp_path_factory.mktemp("generated")) as broker:
        LogInspector(Brokers(broker.bootstrap_servers)).create(TOPICS, PARTITIONS, 1)
        yield broker.bootstrap_servers


def test_the_same_seed_gives_the_same_bytes_on_any_machine(folder: Path) -> None:
    options = "--customers 50 --days 90 --seed 7 --hot 1 --refunds .05 --late .05 --duplicates .05"
    ran = HERE.run("generate", "e.jsonl", "--truth", "t.jsonl", *options.split())
    assert (ran.exit_code, ran.err) == (0, "")
    both = (folder / "e.jsonl").read_bytes() + (folder / "t.jsonl").read_bytes()
    assert hashlib.sha256(both).hexdigest() == DIGEST


def test_the_summary_counts_what_is_in_the_file(folder: Path) -> None:
    told = HERE.run("generate", "e.csv", "--customers", "40", "--refunds", "0.2", "--json").json
    kinds = [each.kind for each in read_file(folder / "e.csv")]
    assert len(kinds) == told["events"]
    for kind in ("purchase", "refund", "profile"):
        assert kinds.count(kind) == told[f"{kind}s"] > 0
    assert (told["written_to"], told["customers"], told["seed"]) == ("e.csv", 40, 1)
    ran = HERE.run("generate", "e.csv", "--customers", "40", "--refunds", "0.2", "--force")
    assert ran.out.startswith(
        f"{told['events']:,} events of 40 customers in e.csv, from 2024-01-01 to 2024-12-30, seed 1"
    )
    assert f"{told['purchases']:,}" in ran.out


def test_plain_customers_have_no_profiles_seasons_or_promotions(folder: Path) -> None:
    ran = HERE.run("generate", "e.jsonl", "--plain", "--customers", "9", "--truth", "t.jsonl")
    assert ran.exit_code == 0
    head = json.loads((folder / "t.jsonl").read_text().splitlines()[0])["population"]
    (segment,) = head["segments"]
    assert (segment["name"], set(segment["day_factors"]), head["promotions"]) == (
        "plain",
        {1.0},
        [],
    )
    shop = HERE.run("generate", "s.jsonl", "--no-seasons", "--no-promotions", "--truth", "s2.jsonl")
    assert shop.exit_code == 0
    head = json.loads((folder / "s2.jsonl").read_text().splitlines()[0])["population"]
    assert {each for segment in head["segments"] for each in segment["day_factors"]} == {1.0}
    assert len(head["segments"]) == 5


def test_a_population_like_a_file_is_shown_beside_it(folder: Path) -> None:
    HERE.run("generate", "one.jsonl", "--customers", "300", "--refunds", ".05")
    ran = HERE.run("generate", "two.jsonl", "--like", "one.jsonl", "--json")
    shown = ran.json["like"]
    assert shown["file"] == "one.jsonl"
    assert shown["fitted"]["customers"] == 300
    assert shown["generated"]["purchases"] == ran.json["purchases"]
    assert set(shown["fitted"]["purchasing"]) == {"r", "alpha", "a", "b"}
    table = HERE.run("generate", "three.jsonl", "--like", "one.jsonl").out
    for word in ("one.jsonl", "generated", "bought once", "BG/NBD alpha", "Gamma-Gamma v"):
        assert word in table
    assert sum(each.kind == "refund" for each in read_file(folder / "two.jsonl")) > 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "say where to: one of FILE, --to-topic"),
        (["e.csv", "--to-topic"], 2, "say where to: one of FILE, --to-topic"),
        (["e.csv", "--rate", "5/s"], 2, "--rate is for --to-topic"),
        (["--to-topic", "--rate", "fast"], 2, "'fast' is not a rate; write 0"),
        (["e.csv", "--like", "cdnow", "--plain"], 2, "say one of --like, --plain"),
        (["e.csv", "--hot", "2000"], 2, "no more hot ones than customers"),
        (["e.csv", "--days", "99999"], 2, "days is 99999, expected 1 to 36,600"),
        (["e.csv", "--like", "nope.csv"], 1, "nope.csv: no such file"),
        (["e.xls"], 1, "e.xls: found '.xls', expected one of .jsonl, .csv, .parquet"),
        (["--to-topic", "--days", "36000"], 2, "events of the future are dead letters: --start"),
    ],
)
def test_what_cannot_be_made_is_said_with_the_way_out(
    folder: Path, options: list[str], code: int, said: str
) -> None:
    ran = HERE.run("--bootstrap-servers", NOWHERE, "generate", *options)
    assert (ran.exit_code, ran.out) == (code, "")
    assert said in ran.err
    assert list(folder.iterdir()) == []


def test_what_goes_into_the_log_bears_the_mark_of_a_replay(folder: Path, servers: str) -> None:
    log = Written(servers)
    options = "--to-topic --customers 30 --days 40 --rate 5000/s --truth t.jsonl --json"
    told = HERE.run("--bootstrap-servers", servers, "generate", *options.split()).json
    assert told["written_to"] == "customer-events.v1"
    assert told["ticks"] >= 20 * PARTITIONS
    headers = log.headers()
    assert {each.get("replay") for each in headers} == {b"true"}
    assert {each["kind"] for each in headers} == {b"purchase", b"profile", b"tick"}
    assert len((folder / "t.jsonl").read_text().splitlines()) == 31


@pytest.mark.parametrize(
    ("text", "rate_s"), [("0", 0.0), ("500/s", 500.0), (" 30/min ", 0.5), ("2.5", 2.5)]
)
def test_a_rate_is_a_number_and_per_what(text: str, rate_s: float) -> None:
    assert parse_rate(text) == rate_s


@pytest.mark.parametrize("text", ["", "-1", "5/h", "fast", "1/s/s"])
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(BadRate, match="write 0 "):
        parse_rate(text)


def test_records_come_no_faster_than_the_rate() -> None:
    slept: list[float] = []
    clock = chain([10.0, 10.0, 10.1, 12.0], repeat(13.0))
    records = [SourceRecord("purchase", "c", each, b"{}") for each in range(4)]
    assert list(paced(iter(records), 2.0, lambda: next(clock), slept.append)) == records
    assert slept == pytest.approx([0.4])
    assert list(paced(iter(records), 0.0, lambda: next(clock), slept.append)) == records
    assert len(slept) == 1
