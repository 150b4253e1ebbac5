"""Alerts on the command line, on a shelf that a desk and its queues have filled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from models.alert_record import Decision
from streams.cli_alerts import DecisionName
from streams.shelf import Put
from tests.streams.alert_desk_shop import Filled, Installation
from tests.streams.alert_office import AlertOffice
from tests.support.terminal import NOWHERE, ROOT


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str, namespace: str
) -> Installation:
    monkeypatch.chdir(tmp_path)
    return Installation(valkey_url, namespace, tmp_path)


@pytest.fixture
def filled(shop: Installation) -> Filled:
    return Filled(shop.url, shop.namespace, shop.folder)


# Looking.


def test_the_newest_alerts_are_listed_newest_first(filled: Filled) -> None:
    told = filled.terminal.run("alerts", "list", "--json").json
    assert told[0]["customer_id"] == "c4"
    assert {each["customer_id"]: each["decision"] for each in told} == {
        **dict.fromkeys(("c1", "c2", "c4"), "sent"),
        "c3": "over_budget",
    }
    lines = filled.terminal.run("alerts", "list").out.splitlines()
    assert (len(lines), lines[0].split()[:2]) == (5, ["raised", "(UTC)"])
    assert lines[1].split()[2:4] == ["late", "c4"]
    assert lines[1].endswith(filled.ids["c4"])


@pytest.mark.parametrize(
    ("options", "who"),
    [
        (["--rule", "late"], {"c4"}),
        (["--decision", "over_budget"], {"c3"}),
        (["--customer", "c2"], {"c2"}),
        (["--customer", "c2", "--rule", "late"], set()),
        (["--customer", "c2", "--decision", "sent"], {"c2"}),
        (["--limit", "1"], {"c4"}),
        (["--customer", "nobody"], set()),
    ],
)
def test_only_some_are_listed_if_so_asked(
    filled: Filled, options: list[str], who: set[str]
) -> None:
    ran = filled.terminal.run("alerts", "list", *options, "--json")
    assert {each["customer_id"] for each in ran.json} == who
    if not who:
        ran = filled.terminal.run("alerts", "list", *options)
        assert (ran.exit_code, ran.out, ran.err) == (0, "", "no such alerts\n")


def test_every_decision_can_be_asked_for() -> None:
    assert get_args(DecisionName) == tuple(Decision)


def test_an_alert_is_shown_with_what_came_of_it(filled: Filled) -> None:
    alert_id = filled.ids["c2"]
    told = filled.terminal.run("alerts", "show", alert_id, "--json").json
    assert (told["id"], told["decision"], told["outcome"]["spent_minor"]) == (
        alert_id,
        "sent",
        4_990,
    )
    lines = filled.terminal.run("alerts", "show", alert_id).out.splitlines()
    assert lines[0] == "c2  churn.risk_raised  rule slipping"
    assert lines[-1] == f"  id {alert_id}"
    assert any(each.startswith("  void since a purchase on") for each in lines)


def test_an_alert_that_is_not_there_is_exit_code_3(shop: Installation) -> None:
    ran = shop.terminal.run("alerts", "show", "[red]x")
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err == "segmenter: no alert '[red]x' is kept; segmenter alerts list shows some\n"


def test_the_report_tells_what_alerts_come_to(filled: Filled) -> None:
    told = filled.terminal.run("alerts", "report", "--json").json
    (late, slipping) = told["by_rule"]
    assert (late["rule"], late["figures"]["raised"]) == ("late", 1)
    assert [each["raised"] for each in slipping["figures"]["groups"]] == [2, 0, 1]
    assert slipping["figures"]["precision"]["value"] == 0.5
    assert [each["rule"] for each in told["budgets"]] == ["slipping"]
    assert {each["name"] for each in told["endpoints"]} == {"busy", "crm", "gone"}
    out = filled.terminal.run("alerts", "report").out
    assert "slipping: too few held out to tell (0 have an outcome, 30 are needed)" in out
    assert "disabled: answered 410" in out
    assert "week" in filled.terminal.run("alerts", "report", "--rule", "slipping").out


def test_an_installation_without_alerts_says_so(shop: Installation) -> None:
    assert shop.terminal.run("alerts", "list", "--json").json == []
    ran = shop.terminal.run("alerts", "report")
    assert ran.exit_code == 0
    assert ran.out.startswith("no alert has been decided on in these weeks\n")


def test_new_alerts_are_followed_until_they_are_interrupted(filled: Filled) -> None:
    command = [sys.executable, "-m", "streams.cli", "alerts", "tail", "--json", "--last", "1"]
    environment = {**filled.terminal.environment, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["customer_id"] == "c4"
        filled.topic.raises("c5")
        filled.does(lambda office: office.read())
        assert json.loads(process.stdout.readline())["customer_id"] == "c5"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


# Trouble.


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["show", "x"],
        ["report"],
        ["tail"],
        ["endpoints"],
        ["enable", "crm"],
        ["resend", "crm"],
        ["tune", "--precision", ".5"],
    ],
)
def test_a_store_that_is_down_is_exit_code_4(shop: Installation, command: list[str]) -> None:
    shop.terminal.environment["SEGMENTER_REDIS_URL"] = f"redis://{NOWHERE}/0"
    ran = shop.terminal.run("alerts", *command)
    assert (ran.exit_code, ran.out) == (4, "")
    assert "segmenter: Redis: " in ran.err


def test_a_record_that_cannot_be_read_is_one_line(filled: Filled) -> None:
    async def spoil(office: AlertOffice) -> None:
        await office.hand.write([Put("alerts", filled.ids["c1"], b"nonsense")])

    filled.does(spoil)
    ran = filled.terminal.run("alerts", "list")
    assert (ran.exit_code, ran.out) == (1, "")
    assert "segmenter: 8 bytes are not an alert's record" in ran.err
