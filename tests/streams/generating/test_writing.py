"""Files of generated events: read back as they were meant, whole or not there at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from streams.generating.command import Files
from streams.generating.making import Count, as_record, lives_of, made
from streams.generating.mess import Event
from streams.generating.truth import truth_file
from streams.generating.writing import write_events
from streams.sources import SourceError, read_file
from tests.streams.generating.populations import SMALL, events_of, like_small, silent


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return events_of(SMALL, tmp_path_factory.mktemp("aside"))


@pytest.mark.parametrize("name", ["e.jsonl", "e.JSONL", "e.jsonl.gz", "e.parquet"])
def test_what_is_written_is_read_back(tmp_path: Path, events: list[Event], name: str) -> None:
    write_events(tmp_path / name, iter(events), SMALL.attributes)
    read = list(read_file(tmp_path / name))
    meant = [as_record(each) for each in events]
    assert [each[:-1] for each in map(astuple, read)] == [each[:-1] for each in map(astuple, meant)]
    for one, other in zip(read, meant, strict=True):
        body = json.loads(one.value)
        for item in body.get("items", ()):
            if not item.get("discount_minor"):
                item.pop("discount_minor", None)
        assert body == json.loads(other.value)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def astuple(record: object) -> tuple[object, ...]:
    return tuple(
        getattr(record, name) for name in ("kind", "customer_id", "occurred_at_ms", "value")
    )


@pytest.mark.parametrize("name", ["e.csv", "e.csv.gz"])
def test_csv_holds_all_but_baskets_and_types(
    tmp_path: Path, events: list[Event], name: str
) -> None:
    write_events(tmp_path / name, iter(events), SMALL.attributes)
    for one, event in zip(read_file(tmp_path / name), events, strict=True):
        body = json.loads(event.value)
        body.pop("items", None)
        if "attributes" in body:
            body["attributes"] = {
                each: value if isinstance(value, str) else str(value).lower()
                for each, value in body["attributes"].items()
            }
        assert json.loads(one.value) == body
        assert (one.kind, one.occurred_at_ms) == (event.kind, 1000 * event.occurred_s)


@pytest.mark.parametrize("name", ["e.jsonl.gz", "e.csv", "e.parquet"])
def test_the_same_events_give_the_same_bytes_under_any_name(
    tmp_path: Path, events: list[Event], name: str
) -> None:
    for each in (name, f"other-{name}"):
        write_events(tmp_path / each, iter(events), SMALL.attributes)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"other-{name}").read_bytes()


def test_a_file_that_is_not_written_to_its_end_is_not_there(
    tmp_path: Path, events: list[Event]
) -> None:
    def interrupted() -> Iterator[Event]:
        yield events[0]
        raise KeyboardInterrupt

    (tmp_path / "e.jsonl").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_events(tmp_path / "e.jsonl", interrupted(), {})
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_a_disk_that_fails_is_said_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken.jsonl").mkdir()
    with pytest.raises(SourceError, match=r"taken\.jsonl: Is a directory"):
        write_events(tmp_path / "taken.jsonl", iter(()), {})


@pytest.mark.parametrize(
    ("events", "truth", "said"),
    [
        ("e.txt", None, "e.txt: found '.txt', expected one of .jsonl, .csv, .parquet"),
        ("e.parquet.gz", None, "found '.gz', expected one of"),
        ("e.csv", "t.csv", "t.csv: found '.csv', expected one of .jsonl, .parquet"),
        ("nowhere/e.csv", None, "nowhere: no such folder"),
        ("there.csv", None, "there.csv is there already: another name, or --force to replace it"),
        ("e.jsonl", "e.jsonl", "e.jsonl: both events and truth, expected two files"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_anything_is_made(
    tmp_path: Path, events: str, truth: str | None, said: str
) -> None:
    (tmp_path / "there.csv").touch()
    of_truth = None if truth is None else tmp_path / truth
    files = Files(tmp_path / events, of_truth, replaces=False)
    with pytest.raises(SourceError) as refused:
        files.check()
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.parquet"])
def test_the_truth_has_the_population_and_every_customer(tmp_path: Path, name: str) -> None:
    population, count = like_small(customers=25), Count()
    with (
        truth_file(tmp_path / name, population) as truth,
        made(population, count, truth, tmp_path, silent) as events,
    ):
        assert sum(1 for _ in events) == count.events
    head, rows = read_truth(tmp_path / name)
    assert (head["seed"], head["customers"], head["hot"]) == (7, 25, 1)
    assert head["segments"][1]["purchases"] == {"r": 1.2, "alpha": 70.0, "a": 0.6, "b": 4.0}
    assert len(head["segments"][0]["day_factors"]) == population.days
    assert [each["customer_id"] for each in rows] == [f"c{each:07d}" for each in range(25)]
    lives = [life for life, _ in lives_of(population)]
    assert [each["purchases"] for each in rows] == [len(life.seconds) for life in lives]
    assert [each["left_at"] is not None for each in rows] == [life.left for life in lives]
    assert sum(each["spent_minor"] for each in rows) == count.spent_minor
    assert sum(each["late"] for each in rows) == count.late


def read_truth(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        return json.loads(table.schema.metadata[b"population"]), table.to_pylist()
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    head, *rows = (json.loads(line) for line in text.splitlines())
    return head["population"], rows
