"""Files of our own events."""

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.sources import (
    SourceError,
    SourceRecord,
    count_records,
    load_extra,
    read_file,
)

HEAD = "customer_id,occurred_at,amount_minor,currency"
PURCHASE = {
    "event_id": "e1",
    "customer_id": "c1",
    "occurred_at": "2024-05-01T09:30:00.250+02:00",
    "amount_minor": 1999,
    "currency": "EUR",
}


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def body(record: SourceRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.value)
    return found


def problem(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_file(path))
    return str(caught.value).removeprefix(str(path)).removeprefix(", ")


def test_a_jsonl_line_is_a_purchase_unless_it_says_otherwise(tmp_path: Path) -> None:
    refund = {**PURCHASE, "kind": "refund", "order_id": None}
    path = written(tmp_path / "e.jsonl", f"{json.dumps(PURCHASE)}\n\n{json.dumps(refund)}\n")
    first, second = read_file(path)
    assert (first.kind, second.kind) == ("purchase", "refund")
    assert (first.customer_id, first.occurred_at_ms) == ("c1", 1_714_548_600_250)
    assert body(first) == body(second) == PURCHASE
    assert count_records(path) == 2


def test_jsonl_keeps_nested_and_unknown_fields_and_unicode(tmp_path: Path) -> None:
    event = {**PURCHASE, "items": [{"sku": "茶", "quantity": 1, "unit_price_minor": 5}], "x": 1}
    (record,) = read_file(written(tmp_path / "e.ndjson", json.dumps(event)))
    assert body(record) == event
    assert "茶".encode() in record.value


@pytest.mark.parametrize("name", ["e.csv", "E.CSV.GZ", "e.csv.gz"])
def test_a_csv_row_leaves_out_empty_cells(tmp_path: Path, name: str) -> None:
    text = f"\ufeff{HEAD},store,kind\r\nc1,2024-05-01T09:30:00Z,1999,EUR,,\r\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if "gz" in name.lower() else text.encode())
    (record,) = read_file(path)
    assert record.kind == "purchase"
    assert body(record) == {
        "customer_id": "c1",
        "occurred_at": "2024-05-01T09:30:00Z",
        "amount_minor": 1999,
        "currency": "EUR",
    }
    assert count_records(path) == 1


def test_csv_attributes_become_a_profile(tmp_path: Path) -> None:
    text = "kind,customer_id,occurred_at,attributes.city,attributes.consent.email\n"
    text += 'profile,c1,2024-05-01T09:30:00Z,"Bad\nHomburg",\n'
    path = written(tmp_path / "p.csv", text)
    (record,) = read_file(path)
    assert record.kind == "profile"
    assert body(record)["attributes"] == {"city": "Bad\nHomburg"}
    assert count_records(path) == 1


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("19.99", "USD", 1999),
        ("19.9", "USD", 1990),
        ("-0.29", "EUR", -29),
        ("1200", "JPY", 1200),
        ("5", "CLP", 5),
        ("1.234", "KWD", 1234),
    ],
)
def test_a_decimal_amount_becomes_minor_units_of_its_currency(
    tmp_path: Path, amount: str, currency: str, minor: int
) -> None:
    text = f"customer_id,occurred_at,amount,currency\nc,2024-05-01T00:00:00Z,{amount},{currency}\n"
    (record,) = read_file(written(tmp_path / "e.csv", text))
    assert body(record)["amount_minor"] == minor
    assert "amount" not in body(record)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (",2024-05-01T00:00:00Z,1,USD", "column customer_id: found nothing"),
        ("c,2024-05-01,1,USD", "column occurred_at: found '2024-05-01', expected RFC 3339"),
        ("c,2024-05-01T00:00:00,1,USD", "column occurred_at: found '2024-05-01T00:00:00'"),
        ("c,2024-02-30T00:00:00Z,1,USD", "column occurred_at: found '2024-02-30T00:00:00Z'"),
        ("c,2024-05-01T00:00:00Z,1.5,USD", "column amount_minor: found '1.5', expected"),
        ("c,2024-05-01T00:00:00Z,,USD", "column amount_minor: found nothing"),
        ("c,2024-05-01T00:00:00Z,1,", "column currency: found nothing, expected an ISO 4217"),
        ("c,2024-05-01T00:00:00Z,1,usd", "column currency: found 'usd'"),
        ("c,2024-05-01T00:00:00Z,1", "found 3 cells, not 4"),
        ('c,"2024', "expected CSV, unexpected end of data"),
    ],
)
def test_a_bad_csv_row_is_named_by_line_and_column(
    tmp_path: Path, row: str, complaint: str
) -> None:
    path = written(tmp_path / "e.csv", f"{HEAD}\nc,2024-05-01T00:00:00Z,1,USD\n{row}\n")
    assert problem(path).startswith(
        f"line 3{':' if 'cells' in complaint or 'CSV' in complaint else ','} {complaint}"
    )


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"kind": "tick"}, "column kind: found 'tick', expected one of purchase, refund"),
        ({"amount": "1.00"}, "column amount: found '1.00', expected nothing beside"),
        ({"amount_minor": 1.5}, "column amount_minor: found 1.5"),
        ({"amount_minor": True}, "column amount_minor: found True"),
        ({"amount_minor": None, "amount": 19.99}, "column amount: found 19.99, expected text"),
        ({"amount_minor": None, "amount": "1.005"}, "column amount: found '1.005', expected text"),
        ({"customer_id": ""}, "column customer_id: found ''"),
        ({"customer_id": "\ud800"}, "column (any): found \"'utf-8' codec can't encode"),
        ({"x": float("nan")}, "column (any): found 'Out of range float values"),
        ({"attributes": "x", "attributes.y": 1}, "column (any): found"),
    ],
)
def test_a_bad_jsonl_row_is_named_by_line_and_field(
    tmp_path: Path, changed: dict[str, object], complaint: str
) -> None:
    path = written(tmp_path / "e.jsonl", json.dumps({**PURCHASE, **changed}))
    assert problem(path).startswith(f"line 1, {complaint}")


@pytest.mark.parametrize("line", ["{", "[1]", "null", "[" * 100_000])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "e.jsonl", f"{json.dumps(PURCHASE)}\n{line}\n")
    assert problem(path).startswith("line 2: expected an object, ")


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(HEAD.encode() + b"\nc\xff,,,\n")
    assert problem(tmp_path / "e.csv").startswith("line 2: expected UTF-8")


@pytest.mark.parametrize(
    ("header", "name"), [("customer_id,colour", "colour"), ("store,store", "store"), ("", "")]
)
def test_an_unknown_or_repeated_column_is_named(tmp_path: Path, header: str, name: str) -> None:
    path = written(tmp_path / "e.csv", header)
    assert problem(path).startswith(f"line 1: found column {name!r}, expected each once of")


def test_a_broken_gzip_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(PURCHASE).encode())
    (tmp_path / "e.jsonl.gz").write_bytes(whole[:-9])
    assert problem(tmp_path / "e.jsonl.gz").startswith("after line 0: ")


def test_parquet_rows_carry_typed_cells(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    columns = {
        "kind": ["purchase", "profile"],
        "customer_id": [41, 42],
        "occurred_at": pa.array([datetime(2024, 5, 1, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
        "amount": pa.array([Decimal("19.9900"), None], pa.decimal128(12, 4)),
        "currency": ["USD", None],
        "items": [[{"sku": "a", "quantity": 1, "unit_price_minor": 1999}], None],
        "attributes.born": [None, date(1990, 1, 2)],
        "attributes.vip": [None, True],
    }
    pq.write_table(pa.table(columns), path)
    purchase, profile = read_file(path)
    assert body(purchase) == {
        "customer_id": "41",
        "occurred_at": "2024-05-01T00:00:00Z",
        "currency": "USD",
        "amount_minor": 1999,
        "items": [{"sku": "a", "quantity": 1, "unit_price_minor": 1999}],
    }
    assert body(profile)["attributes"] == {"born": "1990-01-02", "vip": True}
    assert (profile.customer_id, profile.occurred_at_ms) == ("42", 1_714_521_600_000)
    assert count_records(path) == 2


def test_a_parquet_time_without_zone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    row = {**PURCHASE, "occurred_at": datetime(2024, 5, 1)}
    pq.write_table(pa.Table.from_pylist([row]), path)
    assert problem(path).startswith("row 1, column occurred_at: found '2024-05-01 00:00:00'")


def test_a_parquet_file_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"colour": ["red"]}), tmp_path / "e.parquet")
    assert "found column 'colour'" in problem(tmp_path / "e.parquet")


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "e.parquet", "not parquet")
    assert "Parquet" in problem(path)
    with pytest.raises(SourceError, match="Parquet"):
        count_records(path)


def test_a_score_in_csv_is_a_number(tmp_path: Path) -> None:
    text = "kind,customer_id,occurred_at,type,score\nengagement,c,2024-05-01T00:00:00Z,survey,9.5\n"
    (record,) = read_file(written(tmp_path / "e.csv", text))
    assert body(record)["score"] == 9.5


def test_a_big_file_is_read_a_row_at_a_time(tmp_path: Path) -> None:
    good = json.dumps(PURCHASE) + "\n"
    records = read_file(written(tmp_path / "e.jsonl", good * 3 + "broken"))
    assert [next(records).customer_id for _ in range(3)] == ["c1", "c1", "c1"]
    with pytest.raises(SourceError, match="line 4"):
        next(records)


@pytest.mark.parametrize("name", ["e.txt", "e.xlsx", "missing.csv"])
def test_an_unknown_suffix_or_missing_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        written(tmp_path / name, "")
    with pytest.raises(SourceError, match=name):
        read_file(tmp_path / name)


def test_a_missing_module_is_named_with_the_way_out() -> None:
    with pytest.raises(SourceError, match=r"no_such is not installed: pip install"):
        load_extra("no_such.module")
