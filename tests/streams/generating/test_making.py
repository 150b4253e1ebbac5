"""A population's events: the same for the same seed, whatever else differs."""

from __future__ import annotations

import doctest
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from models.events import LogRecord, Read, read_record
from streams.generating import command as command_module
from streams.generating import life as life_module
from streams.generating import population as population_module
from streams.generating.making import Count, as_record, lives_of
from streams.generating.mess import LATEST_S, REPEATED_WITHIN_S, Event
from streams.generating.population import BadPopulation, Mess
from tests.streams.generating.populations import SMALL, events_of, like_small

NO_MESS = Mess()


def of_customer(events: list[Event], number: int) -> list[tuple[int, str, bytes]]:
    return [(each.read_s, each.kind, each.value) for each in events if each.number == number]


def bodies(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in events if each.kind == kind]


def test_the_same_seed_gives_the_same_events_however_much_is_sorted_at_a_time(
    tmp_path: Path,
) -> None:
    at_once = events_of(SMALL, tmp_path)
    assert len(at_once) > 500
    assert events_of(SMALL, tmp_path, block_bytes=20_000) == at_once
    assert events_of(SMALL, tmp_path, block_bytes=1) == at_once  # a file for each, merged twice
    assert list(tmp_path.iterdir()) == []


def test_another_seed_gives_other_customers(tmp_path: Path) -> None:
    lives, others = (
        [life.seconds for life, _ in lives_of(like_small(seed=seed, customers=9, hot=0))]
        for seed in (7, 8)
    )
    assert all(one != other for one, other in zip(lives, others, strict=True))


def test_a_customer_is_the_same_in_a_population_of_any_size(tmp_path: Path) -> None:
    few, many = events_of(like_small(customers=5), tmp_path), events_of(SMALL, tmp_path)
    assert [of_customer(few, each) for each in range(5)] == [
        of_customer(many, each) for each in range(5)
    ]


def test_a_longer_span_only_adds_to_a_life() -> None:
    short = [life for life, _ in lives_of(like_small(days=120))]
    long = [life for life, _ in lives_of(SMALL)]
    for one, other in zip(short, long, strict=True):
        kept = len(one.seconds)
        assert other.seconds[:kept] == one.seconds
        assert other.amounts_minor[:kept] == one.amounts_minor
        assert other[3:6] == one[3:6]
        assert all(second >= 120 * 86_400 for second in other.seconds[kept:])
    assert sum(len(each.seconds) for each in long) > sum(len(each.seconds) for each in short)


def test_mess_moves_no_purchase(tmp_path: Path) -> None:
    clean = events_of(like_small(mess=NO_MESS), tmp_path)
    messy = events_of(SMALL, tmp_path)
    assert {each.value for each in clean if each.kind == "purchase"} == {
        each.value for each in messy if each.kind == "purchase"
    }
    late_only = events_of(like_small(mess=Mess(late=0.1)), tmp_path)
    assert len(late_only) == len(clean)


def test_without_mess_events_are_read_as_they_happen(tmp_path: Path) -> None:
    events = events_of(like_small(mess=NO_MESS), tmp_path)
    assert all(each.read_s == each.occurred_s for each in events)
    assert all(one.occurred_s <= other.occurred_s for one, other in pairwise(events))
    assert {each.kind for each in events} == {"purchase", "profile"}


def test_late_events_are_read_after_newer_ones_and_never_too_late(tmp_path: Path) -> None:
    count = Count()
    events = events_of(SMALL, tmp_path, count)
    assert all(one.read_s <= other.read_s for one, other in pairwise(events))
    newest, overtaken = 0, 0
    for each in events:
        overtaken += each.occurred_s < newest
        newest = max(newest, each.occurred_s)
        assert 0 <= each.read_s - each.occurred_s <= LATEST_S + REPEATED_WITHIN_S + 1
    assert overtaken >= count.late > 50


def test_a_repetition_has_the_id_and_the_bytes_of_the_first(tmp_path: Path) -> None:
    count = Count()
    events = events_of(SMALL, tmp_path, count)
    values = Counter(each.value for each in events)
    ids = Counter(json.loads(each.value)["event_id"] for each in events)
    assert sorted(values.values()) == sorted(ids.values())
    assert sum(each == 2 for each in values.values()) == count.duplicates > 50
    assert max(values.values()) == 2


def test_a_refund_names_an_order_and_gives_back_no_more_than_was_paid(tmp_path: Path) -> None:
    count = Count()
    events = events_of(SMALL, tmp_path, count)
    paid = {each["order_id"]: each for each in bodies(events, "purchase")}
    refunds = {each["event_id"]: each for each in bodies(events, "refund")}
    assert len(refunds) == count.refunds > 30
    for each in refunds.values():
        assert 0 < each["amount_minor"] <= paid[each["order_id"]]["amount_minor"]
        assert each["occurred_at"] > paid[each["order_id"]]["occurred_at"]


def test_lines_of_a_basket_cost_what_was_paid(tmp_path: Path) -> None:
    purchases = bodies(events_of(SMALL, tmp_path), "purchase")
    discounted = 0
    for each in purchases:
        lines = each["items"]
        off = [line.get("discount_minor", 0) for line in lines]
        listed = [line["quantity"] * line["unit_price_minor"] for line in lines]
        assert sum(listed) - sum(off) == each["amount_minor"]
        discounted += sum(off) > 0
    assert 0 < discounted < len(purchases) / 2


def test_every_event_can_be_read_from_the_log(tmp_path: Path) -> None:
    for each in events_of(SMALL, tmp_path):
        record = as_record(each)
        headers = {"kind": record.kind.encode()}
        key = record.customer_id.encode()
        read = read_record(LogRecord(0, 0, 2 * 10**12, key, record.value, headers), "log")
        assert isinstance(read, Read)
        assert read.event.customer_id == record.customer_id
        assert read.at_ms == record.occurred_at_ms == 1000 * each.occurred_s


def test_hot_customers_are_the_first_ones_and_never_leave() -> None:
    lives = [life for life, _ in lives_of(like_small(hot=2))]
    assert [life.hot for life in lives[:3]] == [True, True, False]
    assert all(500 < len(life.seconds) < 700 and not life.left for life in lives[:2])
    calm = [life for life, _ in lives_of(like_small(hot=0))]
    assert calm[2:] == lives[2:]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"days": 0}, "days is 0, expected 1 to 36,600"),
        ({"start": SMALL.start.replace(1950)}, "start is 1950-01-01, expected a day from"),
        ({"mess": Mess(late=1.5)}, "late is 1.5, expected a share from 0 to 1"),
        ({"hot": 61}, "no more hot ones than customers"),
        ({"hot_a_day": 0.0}, "hot customers buy 0 times a day"),
    ],
)
def test_a_population_that_cannot_be_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPopulation, match=said):
        replace(SMALL, **changed)


@pytest.mark.parametrize("module", [population_module, life_module, command_module])
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    ran = doctest.testmod(module)
    assert (ran.failed, ran.attempted > 0) == (0, True)
