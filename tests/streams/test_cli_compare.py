"""`segmenter replay compare` as a person or a script runs it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from tests.streams.compared_shop import NEW, NOW
from tests.streams.shoppers_file import shoppers
from tests.support.terminal import Terminal

COMPARE = ("replay", "compare")
ON = ("--on", "shop.jsonl")
EVENTS = 440


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    files = {
        "now.toml": NOW,
        "new.toml": NEW,
        "tokyo.toml": f'{NOW}\n[business]\ntimezone = "Asia/Tokyo"\n',
        "odd.toml": NOW.replace("mode =", "mod ="),
        "shop.jsonl": "".join(_line(each.value) for each in islice(shoppers(), EVENTS)),
        "nonsense.jsonl": "this is no event\n",
        "ahead.jsonl": _line(next(shoppers()).value).replace("2024-01-01", "2199-01-01"),
        "empty.jsonl": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    return Terminal({})


def _line(value: bytes) -> str:
    return f"{json.dumps(json.loads(value) | {'kind': 'purchase'})}\n"


def test_a_comparison_is_printed_and_leaves_a_report_in_one_file(
    terminal: Terminal, tmp_path: Path
) -> None:
    ran = terminal.run(*COMPARE, "now.toml", "new.toml", *ON, "--html", "report.html")
    assert ran.exit_code == 0
    assert "A  now.toml (version " in ran.out
    assert f"on shop.jsonl: {EVENTS} events, 2024-01-01 to " in ran.out
    assert "lifecycle.overdue.fixed_days: 14.0 → 9.0" in ran.out
    assert "report: report.html" in ran.err
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "<svg" in report
    assert "Big &amp; loyal &lt;b&gt;" in report
    for asks in ("src=", "href=", "url(", "@import", "<script"):
        assert asks not in report


def test_what_differs_is_exit_code_5_if_the_same_was_expected(terminal: Terminal) -> None:
    ran = terminal.run(*COMPARE, "now.toml", "new.toml", *ON, "--expect-same", "--json")
    assert (ran.exit_code, ran.json["differs"]) == (5, True)
    assert "do not bring the same" in ran.err
    same = terminal.run(*COMPARE, "now.toml", "now.toml", *ON, "--expect-same", "--json")
    assert (same.exit_code, same.json["differs"], same.json["settings"]) == (0, False, [])


def test_days_are_chosen_by_date(terminal: Terminal) -> None:
    days = ("--from", "2024-01-10", "--to", "2024-01-14")
    ran = terminal.run(*COMPARE, "now.toml", "new.toml", *ON, *days, "--json")
    assert (ran.exit_code, ran.json["from"], ran.json["to"]) == (0, "2024-01-10", "2024-01-14")
    assert len(ran.json["days"]) == 5


def test_a_setting_is_swept(terminal: Terminal, tmp_path: Path) -> None:
    grid = ("--grid", "lifecycle.overdue.fixed_days=5,9")
    ran = terminal.run(
        *COMPARE, "now.toml", *grid, *ON, "--json", "--html", "r.html", "--lang", "zh"
    )
    assert ran.exit_code == 0
    assert [each["value"] for each in ran.json["points"]] == [5, 9]
    assert ran.json["now"] == 14.0
    report = (tmp_path / "r.html").read_text("utf-8")
    assert '<html lang="zh-CN">' in report
    assert "取值的影响" in report


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["now.toml", *ON], 2, "two policy files are compared, found 1; or say --grid KEY=…"),
        (["now.toml", "gone.toml", *ON], 2, "gone.toml: can't be read"),
        (["now.toml", "odd.toml", *ON], 2, "odd.toml: lifecycle.mod: unknown key"),
        (["now.toml", "tokyo.toml", *ON], 2, "business.timezone is 'UTC' in the one"),
        (["now.toml", "new.toml", "--on", "gone.jsonl"], 1, "gone.jsonl: no such file"),
        (["now.toml", "new.toml", "--on", "ahead.jsonl"], 1, "2199-01-01T12:00:00.000Z, which is"),
        (
            ["now.toml", "new.toml", *ON, "--html", "shop.jsonl"],
            2,
            "--html: shop.jsonl: a report is an .html file",
        ),
        (["now.toml", "new.toml", *ON, "--html", "no/r.html"], 2, "--html: no: no such folder"),
        (["now.toml", "new.toml", "--on", "nonsense.jsonl"], 1, "nonsense.jsonl, line 1"),
        (["now.toml", "new.toml", "--on", "empty.jsonl"], 1, "there is no event in it"),
        (
            ["now.toml", "new.toml", *ON, "--from", "2024-02-01", "--to", "2024-01-01"],
            2,
            "--to 2024-01-01 is before --from 2024-02-01",
        ),
        (["now.toml", "new.toml", *ON, "--grid", "lifecycle.new_days=1,2"], 2, "one policy file"),
        (
            ["now.toml", *ON, "--grid", "lifecycle.new_days"],
            2,
            "--grid: found 'lifecycle.new_days'",
        ),
        (
            ["now.toml", *ON, "--grid", "lifecycle.new_day=1,2"],
            2,
            "did you mean lifecycle.new_days?",
        ),
        (
            ["now.toml", *ON, "--grid", "lifecycle.overdue.fixed_days=9,99"],
            2,
            "now.toml with lifecycle.overdue.fixed_days = 99: lifecycle: overdue.fixed_days must be",
        ),
        (
            ["now.toml", *ON, "--grid", "business.currency=USD,EUR"],
            2,
            "business.currency is 'USD' in the one and 'EUR' in the other",
        ),
        (
            ["now.toml", *ON, "--grid", "lifecycle.new_days=1,2", "--expect-same"],
            2,
            "--expect-same is for two policies",
        ),
    ],
)
def test_what_can_not_be_done_says_why_and_what_to_do(
    terminal: Terminal, arguments: list[str], code: int, said: str
) -> None:
    ran = terminal.run(*COMPARE, *arguments)
    assert (ran.exit_code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
