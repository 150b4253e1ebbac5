"""Levels on the command line, from alerts that were raised and from a history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.streams.alert_desk_shop import FILE, Installation
from tests.streams.shoppers_file import shoppers


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str, namespace: str
) -> Installation:
    monkeypatch.chdir(tmp_path)
    return Installation(valkey_url, namespace, tmp_path)


# Levels.


def test_a_level_is_judged_by_the_alerts_that_were_raised(shop: Installation) -> None:
    for number in range(40):
        alert_id = shop.topic.raises(f"c{number}", probability=0.52 + number / 100)
        shop.topic.resolves(alert_id, None if number >= 10 else 738_950)
    shop.does(lambda office: office.read())
    told = shop.terminal.run("alerts", "tune", "--precision", ".75", "--json").json
    assert (told["rule"], told["level_now"], told["source"]) == (
        *("slipping", 0.5),
        "alerts that were raised",
    )
    assert told["curve"][0]["level"] == 0.5
    assert told["proposal"]["level"] == 0.5
    assert told["proposal"]["precision"]["value"] == 0.75
    ran = shop.terminal.run("alerts", "tune", "--precision", ".8")
    assert ran.exit_code == 0
    assert "below 0.5, the level in force, nothing is known" in ran.out
    assert ran.out.splitlines()[-4:] == [
        "[alerts.rules.slipping]",
        'on = "churn.risk_raised"',
        "level = 0.55",
        "daily_budget = 2",
    ]


def test_a_level_that_nothing_reaches_is_exit_code_1_with_the_curve(shop: Installation) -> None:
    for number in range(40):
        shop.topic.resolves(shop.topic.raises(f"c{number}"), 738_950)
    shop.does(lambda office: office.read())
    ran = shop.terminal.run("alerts", "tune", "--precision", ".9")
    assert ran.exit_code == 1
    assert "level  alerts a week" in ran.out
    assert "segmenter: from no level on is precision 0.9: the best is 0.000" in ran.err
    told = shop.terminal.run("alerts", "tune", "--precision", ".9", "--json")
    assert (told.exit_code, told.json["proposal"], told.json["toml"]) == (1, None, None)


def test_a_history_is_replayed_under_the_policy_of_the_file(shop: Installation) -> None:
    lines = [json.loads(each.value) | {"kind": "purchase"} for each in shoppers()]
    text = "".join(f"{json.dumps(each)}\n" for each in lines)
    (shop.folder / "shop.jsonl").write_text(text, "utf-8")
    ran = shop.terminal.run("alerts", "tune", "--budget", "3/day", "--on", "shop.jsonl", "--json")
    assert ran.exit_code == 0
    assert ran.json["asked"] == "21 a week"
    assert ran.json["proposal"]["alerts_a_week"] <= 21
    assert ran.json["observed"]["looked_at"] == "every midnight"
    short = shop.terminal.run(
        *("alerts", "tune", "--budget", "3/day", "--on", "shop.jsonl", "--days", "4")
    )
    assert (short.exit_code, "no risk can be told in this history" in short.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "say one of --budget 200/week, --precision .6"),
        (["--budget", "9/week", "--precision", ".5"], 2, "say one of --budget"),
        (["--budget", "many"], 2, "--budget: found 'many', write 200/week or 30/day"),
        (["--budget", "0/week"], 2, "--budget: found '0/week'"),
        (["--precision", ".5", "--horizon", "own"], 2, "--horizon is for a replay"),
        (["--precision", ".5", "--days", "9"], 2, "--days is for a replay"),
        (["--precision", ".5", "--rule", "late"], 2, "late tells of customer.overdue"),
        (["--precision", ".5", "--rule", "sliping"], 3, "did you mean slipping?"),
        (["--precision", ".5", "--rule", "zzz"], 3, "segmenter config show prints the rules"),
        (["--precision", ".5"], 3, "no alerts of slipping are kept; replay a history instead"),
        (["--precision", ".5", "--on", "nope.csv"], 1, "nope.csv: no such file"),
    ],
)
def test_what_cannot_be_tuned_is_said_with_the_way_out(
    shop: Installation, options: list[str], code: int, said: str
) -> None:
    ran = shop.terminal.run("alerts", "tune", *options)
    assert (ran.exit_code, ran.out) == (code, "")
    assert said in ran.err


def test_of_several_rules_one_must_be_named(shop: Installation) -> None:
    more = FILE + '[alerts.rules.gone]\non = "churn.risk_raised"\nlevel = 0.9\n'
    (shop.folder / "segmenter.toml").write_text(more, "utf-8")
    ran = shop.terminal.run("alerts", "tune", "--precision", ".5")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "several rules have a level: say --rule, one of slipping, gone" in ran.err
    (shop.folder / "segmenter.toml").write_text('preset = "grocery"\n', "utf-8")
    ran = shop.terminal.run("alerts", "tune", "--precision", ".5")
    assert (ran.exit_code, "no alert rule has a level" in ran.err) == (2, True)
