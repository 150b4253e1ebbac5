"""`segmenter segments report` as a person or a script runs it."""

from __future__ import annotations

import csv
import io
import json
import os
from itertools import islice
from pathlib import Path
from string import Formatter

import pytest

from streams.report_base_words import WORDS
from tests.streams.shoppers_file import shoppers
from tests.support.terminal import Terminal

REPORT = ("segments", "report")
OF = ("--events", "shop.jsonl")
EVENTS = 60
PROFILE = {
    "kind": "profile",
    "event_id": "p",
    "customer_id": "c1",
    "occurred_at": "2024-01-02T00:00:00Z",
    "attributes": {"region": "=2+3", "note": "a|b\n<c>"},
}


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    bought = [json.loads(each.value) | {"kind": "purchase"} for each in islice(shoppers(), EVENTS)]
    lines = "".join(f"{json.dumps(each)}\n" for each in (PROFILE, *bought))
    (tmp_path / "shop.jsonl").write_text(lines, "utf-8")
    (tmp_path / "policy.toml").write_text('preset = "grocery"\n', "utf-8")
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "history.csv").write_text("kind,customer_id\n", "utf-8")
    return Terminal({})


def test_a_report_is_markdown_unless_something_else_is_said(terminal: Terminal) -> None:
    ran = terminal.run(*REPORT, *OF)
    assert ran.exit_code == 0
    assert ran.out.startswith("# What the base is made of\n\nAs of 2024-01-")
    assert "| segment | customers | share |" in ran.out
    assert "Nothing has been learned of the base yet" in ran.out
    assert "a\\|b\\\\n&lt;c>" in ran.out


def test_what_could_not_be_used_is_told_with_the_way_out(
    terminal: Terminal, tmp_path: Path
) -> None:
    told = [json.loads(line) for line in (tmp_path / "shop.jsonl").read_text("utf-8").splitlines()]
    lines = (json.dumps(each | {"currency": "EUR"}) + "\n" for each in told[1:])
    (tmp_path / "shop.jsonl").write_text("".join(lines), "utf-8")  # the policy's are dollars
    ran = terminal.run(*REPORT, *OF)
    assert (ran.exit_code, ran.out) == (3, "")
    *_, left_out, nobody = ran.err.splitlines()
    assert left_out == (
        f"{EVENTS} events are left out: unknown_currency; no rate from EUR to USD on 2024-01-01; "
        "add one under business.exchange_rates"
    )
    assert nobody.startswith("segmenter: there is nobody to survey yet")
    prospects = terminal.run("segments", "prospects", *OF)
    assert left_out in prospects.err


def test_as_json_it_has_tables_with_the_units_of_their_columns(terminal: Terminal) -> None:
    told = terminal.run(*REPORT, *OF, "--format", "json", "--top", "3").json
    assert (told["currency"], told["window_days"], told["moved_days"]) == ("USD", 365, 30)
    [lifecycle] = [each for each in told["tables"] if each["name"] == "segments.lifecycle"]
    assert {"name": "spend_365d", "unit": "money", "naming": "ours"} in lifecycle["columns"]
    assert told["labels"]["lifecycle/new"] == {"en": "New", "zh": "新客户"}
    customers = told["tables"][0]["rows"][0][1]
    assert sum(row[1] for row in lifecycle["rows"]) == customers > 10
    assert "There are only" in told["notes"][0]


def test_as_csv_it_is_one_row_a_number_and_no_spreadsheet_works_anything_out(
    terminal: Terminal, tmp_path: Path
) -> None:
    ran = terminal.run(*REPORT, *OF, "--out", "report.csv", "--by", "profile.region")
    assert (ran.exit_code, ran.out) == (0, "")
    assert ran.err.endswith("report: report.csv\n")
    written = (tmp_path / "report.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbftable,row,row_name,column,column_name,unit,value\r\n")
    rows = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"))))
    [cell] = [each for each in rows if each["table"] == "cross.region" and not each["row"]][1:2]
    assert (cell["row_name"], cell["column"], cell["value"]) == ("everybody", "'=2+3", "1")
    cells = [text for each in rows for text in each.values()]
    assert not [each for each in cells if each.startswith(("=", "+", "-", "@"))]


def test_as_a_page_it_is_one_file_that_asks_for_nothing(terminal: Terminal, tmp_path: Path) -> None:
    ran = terminal.run(*REPORT, *OF, "--out", "report.html", "--lang", "zh")
    assert ran.exit_code == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert '<html lang="zh-CN">' in page
    assert "default-src 'none'" in page
    for asks in ("src=", "url(", "@import", "<script"):
        assert asks not in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "html"), "a page needs a file: add --out report.html"),
        (("--format", "csv", "--out", "r.html"), "--out: r.html: a report as csv is a .csv file"),
        (("--out", "r.xlsx"), "--out: r.xlsx: a report ends in .html, .md, .csv, .json"),
        (("--out", "nowhere/r.md"), "--out: nowhere: no such folder"),
        (("--out", "folder.md"), "--out: folder.md is no file; name another"),
        (("--out", f"{'r' * 253}.md"), "can't be written: File name too long"),
        (("--by", "regoin"), "did you mean region? there are: "),
        (("--by", "segment.vip"), "nothing is known of customers that is called 'segment.vip'"),
    ],
)
def test_what_can_not_be_is_said_with_the_way_out(
    arguments: tuple[str, ...], says: str, terminal: Terminal
) -> None:
    ran = terminal.run(*REPORT, *OF, *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert says in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        (*REPORT, "--events", "history.csv", "--out", "history.csv"),
        ("--config", "policy.toml", *REPORT, *OF, "--format", "md", "--out", "link.md"),
    ],
)
def test_what_is_read_is_not_written_over(
    arguments: tuple[str, ...], terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "policy.toml")
    ran = terminal.run(*arguments)
    assert ran.exit_code == 2
    assert "is read from; name another file" in ran.err
    assert (tmp_path / "policy.toml").read_text("utf-8") == 'preset = "grocery"\n'


@pytest.mark.parametrize("place", ["folder.md", "/proc/report.md"])
def test_where_nothing_can_be_written_nobody_is_looked_at(place: str, terminal: Terminal) -> None:
    ran = terminal.run(*REPORT, "--events", "no-such-history.jsonl", "--out", place)
    assert ran.exit_code == 2
    assert f"--out: {place}" in ran.err
    assert "no-such-history" not in ran.err


def test_a_write_that_fails_leaves_the_report_that_was_there(
    terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "report.md").write_text("earlier", "utf-8")
    (tmp_path / f".report-{os.getpid()}.md").mkdir()  # what is written first goes there
    ran = terminal.run(*REPORT, *OF, "--out", "report.md")
    assert ran.exit_code == 2
    assert "--out: report.md can't be written" in ran.err
    assert (tmp_path / "report.md").read_text("utf-8") == "earlier"


def test_a_report_takes_the_place_of_an_earlier_one_behind_a_link_and_with_its_rights(
    terminal: Terminal, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.md"
    earlier.write_text("earlier", "utf-8")
    earlier.chmod(0o640)
    (tmp_path / "report.md").symlink_to(earlier)
    assert terminal.run(*REPORT, *OF, "--out", "report.md").exit_code == 0
    assert earlier.read_text("utf-8").startswith("# What the base")
    assert earlier.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "report.md").is_symlink()
    assert [*tmp_path.glob(".report*")] == []


def test_where_nobody_has_been_heard_of_there_is_no_report(terminal: Terminal) -> None:
    ran = terminal.run(*REPORT, "--events", "empty.jsonl")
    assert ran.exit_code == 3
    assert ran.out == ""


def test_both_languages_put_the_same_into_each_sentence() -> None:
    for key, both in WORDS.items():
        english, chinese = (
            {name for _, name, _, _ in Formatter().parse(each) if name} for each in both
        )
        assert english == chinese, key
    assert len(WORDS) > 80
