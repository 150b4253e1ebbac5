"""A file with columns of its own becomes a file of events, by a mapping; or says which row stands in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.adapters import sources_from_toml
from streams.converting import Converted, convert
from streams.sources import SourceError, read_file
from tests.support.terminal import Terminal

TILL = """\
[sources.till]
source = "mapping"
currency = "EUR"

[[sources.till.events]]
kind = "purchase"
when = { "$.Type" = "SALE" }
time = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"

[sources.till.events.fields]
event_id = "$.Receipt"
customer_id = "$['Customer No']"
occurred_at = "$.Date"
amount = "$.Total"
store = "$.Branch"
"""
ROWS = """\
Receipt,Customer No,Date,Total,Branch,Type
1001,C-17,01.03.2024 10:15,19.90,Mitte,SALE
1002,C-18,12.07.2024 09:00,3.00,,SALE
1003,C-18,12.07.2024 09:01,3.00,West,VOID
"""
BAD = "1004,C-18,12.07.2024 09:02,three,West,SALE\n"


def till(folder: Path, rows: str) -> tuple[Path, Path]:
    path = folder / "till.csv"
    path.write_text(rows, "utf-8")
    return path, folder / "events.jsonl"


def converted(paths: tuple[Path, Path]) -> Converted:
    return convert(*paths, "till", sources_from_toml(TILL, "shop.toml")["till"])


def test_each_row_becomes_the_event_that_its_table_says(tmp_path: Path) -> None:
    path, to = till(tmp_path, ROWS)
    assert converted((path, to)) == Converted(rows=3, events=2, ignored=1)
    first, second = read_file(to)
    assert (first.kind, first.customer_id) == ("purchase", "C-17")
    assert first.value == (
        b'{"event_id":"till:purchase:1001","customer_id":"C-17",'
        b'"occurred_at":"2024-03-01T09:15:00+00:00","store":"Mitte","amount_minor":1990,"currency":"EUR"}'
    )
    assert b"store" not in second.value  # an empty cell is not there
    assert b"2024-07-12T07:00:00+00:00" in second.value  # summer time


def test_a_row_that_can_not_be_used_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    path, to = till(tmp_path, ROWS + BAD)
    with pytest.raises(SourceError, match=r"till\.csv, line 5: .*\$\.Total.*see \[sources\.till\]"):
        converted((path, to))
    assert [each.name for each in tmp_path.iterdir()] == ["till.csv"]


def test_rows_that_can_not_be_used_are_passed_over_and_counted_if_one_says_so(
    tmp_path: Path,
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(TILL, "utf-8")
    path, to = till(tmp_path, ROWS + BAD + BAD)
    given: list[Any] = ["--config", config, "convert", path, to, "--source", "till"]
    refused = Terminal({}).run(*map(str, given))
    assert (refused.exit_code, to.exists()) == (1, False)
    assert "see [sources.till]; --skip passes such rows over" in refused.err
    ran = Terminal({}).run(*map(str, given), "--skip")
    assert (ran.exit_code, len([*read_file(to)])) == (0, 2)
    assert "2 of 5 rows can't be used and were passed over:\n  2 × amount ($.Total)" in ran.err
    assert "; the first: line 5" in ran.err
    assert "--skip" not in ran.err


def test_a_file_of_which_nothing_comes_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path, to = till(tmp_path, ROWS.replace("SALE", "Sale"))
    with pytest.raises(
        SourceError, match=r"nothing comes of its 3 rows \(3 by the conditions of \[sources\.till\]"
    ):
        converted((path, to))
    assert [each.name for each in tmp_path.iterdir()] == ["till.csv"]


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_columns_may_be_divided_by_another_sign(tmp_path: Path, sign: str) -> None:
    path, to = till(tmp_path, ROWS)
    converted((path, to))
    wanted = to.read_bytes()
    head, *rows = ROWS.splitlines()
    named = f'"{head.partition(",")[0]}",{head.partition(",")[2]}'
    path.write_text("\n".join([named, *rows]).replace(",", sign), "utf-8")
    converted((path, to))
    assert to.read_bytes() == wanted


GERMAN = """
[sources.till]
source = "mapping"
currency = "EUR"

[[sources.till.events]]
kind = "purchase"
sign = "+"
decimal = ","
time = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"

[sources.till.events.fields]
event_id = "$.Bon"
order_id = "$.Bon"
customer_id = "$.Kartennummer"
occurred_at = "$.Datum"
time_of_day = "$.Uhrzeit"
amount = "$.Betrag"

[[sources.till.events]]
kind = "refund"
sign = "-"
decimal = ","
time = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"

[sources.till.events.fields]
event_id = "$.Bon"
order_id = "$.Bon"
customer_id = "$.Kartennummer"
occurred_at = "$.Datum"
time_of_day = "$.Uhrzeit"
amount = "$.Betrag"
"""
BONS = """Kartennummer;Datum;Uhrzeit;Betrag;Bon
17;29.10.2024;14:05;1.012,90;1
18;29.10.2024;14:06;12;2
17;30.10.2024;9:00;-2,50;3
;30.10.2024;9:01;3,00;4
18;30.10.2024;9:02;3.5;5
;30.10.2024;9:03;4,00;6
"""


def test_a_german_till_is_read_as_it_is_and_each_reason_to_pass_over_is_counted(
    tmp_path: Path,
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(GERMAN, "utf-8")
    path, to = till(tmp_path, BONS)
    given = ["--config", config, "convert", path, to, "--source", "till", "--skip"]
    ran = Terminal({}).run(*map(str, given))
    assert ran.exit_code == 0
    events = [json.loads(line) for line in to.read_text("utf-8").splitlines()]
    told = [(each["kind"], each["customer_id"], each["amount_minor"]) for each in events]
    assert told == [("purchase", "17", 101_290), ("purchase", "18", 1_200), ("refund", "17", 250)]
    assert ran.err.splitlines() == [
        "segmenter: 3 of 6 rows can't be used and were passed over:",
        "  2 × customer_id: nothing stands at $.Kartennummer; see [sources.till]; the first: line 5",
        "  1 × amount ($.Betrag): is not written as 1.234,50, as decimal = ',' has it; see "
        "[sources.till]; the first: line 6",
    ]


def test_the_output_is_never_the_input(tmp_path: Path) -> None:
    path, _ = till(tmp_path, ROWS)
    with pytest.raises(SourceError, match=r"a name that ends in \.jsonl"):
        converted((path, path))
    assert path.read_text("utf-8") == ROWS


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [("till", 0, "2 events of 3 rows; 1 mean nothing to us"), ("tills", 2, "there is till")],
)
def test_the_command_says_what_came_of_it(
    tmp_path: Path, source: str, code: int, said: str
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(TILL, "utf-8")
    given: list[Any] = ["--config", config, "convert", *till(tmp_path, ROWS), "--source", source]
    ran = Terminal({}).run(*map(str, given))
    assert ran.exit_code == code, ran.err
    assert said in (ran.out or ran.err)
