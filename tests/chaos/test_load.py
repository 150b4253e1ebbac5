"""The load of the chaos run: what a seed makes of real purchases."""

from __future__ import annotations

import json
from collections import Counter

from chaos.load import LAP_DAYS, later, with_extras
from models.events import LogRecord, Read, Rejected, read_record
from streams.sources import SourceRecord
from streams.topics import LOG

DAY_MS = 86_400_000


def shop(how_many: int) -> list[SourceRecord]:
    """Purchases of a cent each, a minute apart."""
    return [purchase(number) for number in range(how_many)]


def purchase(number: int) -> SourceRecord:
    body = {
        "event_id": f"e{number}",
        "customer_id": f"c{number % 50}",
        "occurred_at": f"2017-01-{1 + number // 1440 % 28:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z",
        "amount_minor": 1_000,
        "currency": "USD",
        "order_id": f"o{number}",
    }
    return SourceRecord("purchase", f"c{number % 50}", number * 60_000, json.dumps(body).encode())


def read(record: SourceRecord) -> object:
    headers = {"kind": record.kind.encode()}
    now_ms = 1_800_000_000_000
    return read_record(
        LogRecord(0, 0, now_ms, record.customer_id.encode(), record.value, headers), LOG
    )


def test_the_same_seed_gives_the_same_records_in_the_same_order() -> None:
    first, again, other = (list(with_extras(iter(shop(3_000)), seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_purchases_come_with_refunds_duplicates_poison_erasures_and_merges() -> None:
    sent = list(with_extras(iter(shop(20_000)), 7))
    kinds = Counter(type(each.event).__name__ for each in map(read, sent) if isinstance(each, Read))
    assert kinds["Purchase"] > 19_000
    assert min(kinds["Refund"], kinds["Erasure"]) >= 1
    assert any(isinstance(read(each), Rejected) for each in sent)
    merges = [json.loads(each.value) for each in sent if each.kind == "merge"]
    assert merges
    assert all(each["into"] != each["customer_id"] for each in merges)
    assert kinds["Profile"] > kinds["Merge"]
    assert kinds["Engagement"] > 100
    companies = [
        json.loads(each.value)["attributes"].get("account_id")
        for each in sent
        if each.kind == "profile"
    ]
    assert len(set(companies) - {None, ""}) > 1
    wanted = {each.value for each in shop(20_000)}
    times = Counter(each.value for each in sent if each.value in wanted)
    assert set(times.values()) == {1, 2}


def test_some_purchases_are_late_and_none_is_early() -> None:
    sent = [each for each in with_extras(iter(shop(20_000)), 7) if each.kind == "purchase"]
    newest_ms, late_by_ms = 0, []
    for each in sent:
        late_by_ms.append(newest_ms - each.occurred_at_ms)
        newest_ms = max(newest_ms, each.occurred_at_ms)
    assert max(late_by_ms) > DAY_MS
    assert sorted(late_by_ms)[len(sent) // 2] <= 0


def test_a_later_lap_is_whole_weeks_later_and_under_other_ids() -> None:
    moved = later(purchase(0), 2)
    assert moved.occurred_at_ms == 2 * LAP_DAYS * DAY_MS
    assert LAP_DAYS % 7 == 0
    body = json.loads(moved.value)
    assert (body["event_id"], body["order_id"]) == ("e0-2", "o0-2")
    assert body["occurred_at"] == "2018-12-30T00:00:00+00:00"
    assert (moved.customer_id, body["amount_minor"]) == ("c0", 1_000)
