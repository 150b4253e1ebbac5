"""The ledger of alerts: ten of them counted by hand, and sums that any order of changes gives."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_ledger import (
    NOTHING,
    SCHEMA_VERSION,
    BinSums,
    CorruptWeek,
    Key,
    Sums,
    added,
    contribution,
    counted,
    decode_week,
    encode_week,
    moved,
    together,
    week_of,
)
from models.alert_record import GROUPS, AlertOutcome, AlertRecord, Arm, Decision

MONDAY = date(2026, 1, 26).toordinal()
WEDNESDAY = MONDAY + 2
EMPTY = BinSums()
LOST = AlertOutcome(None, 0, 0)


def alert(
    decision: Decision, percent: int | None, outcome: AlertOutcome | None = None, **rest: Any
) -> AlertRecord:
    fields: dict[str, Any] = {
        "alert_id": "a",
        "rule": "slipping",
        "kind": "risk",
        "customer_id": "c",
        "raised_ms": 0,
        "day": WEDNESDAY,
        "horizon_days": 28,
        "probability_ppm": None if percent is None else 10_000 * percent,
        "at_stake_minor": 5_000,
        "silence_days": None,
        "churned_day": None,
        "arm": Arm.TREATED,
        "decision": decision,
        "outcome": outcome,
        **rest,
    }
    return AlertRecord(**fields)


def back(after_days: int, spent_minor: int) -> AlertOutcome:
    return AlertOutcome(WEDNESDAY + after_days, 1, spent_minor)


def since(silence_days: int, churned_after: int) -> dict[str, int]:
    return {"silence_days": silence_days, "churned_day": WEDNESDAY + churned_after}


TEN = (
    alert(Decision.SENT, 90, LOST, **since(20, 10)),
    alert(Decision.SENT, 80, back(2, 1_000), **since(30, 20)),
    alert(Decision.SENT, 70, back(4, 3_000), **since(40, 25)),
    alert(Decision.SENT, 55, None, **since(10, 40)),
    alert(Decision.HELD_OUT, 90, LOST, **since(22, 14)),
    alert(Decision.HELD_OUT, 60, LOST, **since(24, 12)),
    alert(Decision.HELD_OUT, 85, back(6, 2_000), **since(26, 11)),
    alert(Decision.OVER_BUDGET, 40, LOST, **since(12, 30)),
    alert(Decision.BLOCKED, None, AlertOutcome(None, 0, -500)),
    alert(Decision.CLEARED, 95, back(0, 500), retracted_ms=1, **since(21, 9)),
)


def test_ten_alerts_add_up_to_what_is_counted_by_hand() -> None:
    treated, held_out, not_sent = (Key("slipping", "2026-W05", each) for each in GROUPS)
    assert counted(TEN) == {
        treated: Sums(
            raised=4,
            resolved=3,
            returned=2,
            spent_minor=4_000,
            spent_squared=10_000_000,
            days_to_return=6,
            silences=1,
            silence_days=20,
            leads=1,
            lead_days=10,
            bins=(
                *(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY),
                *(BinSums(1, 700_000, 0), BinSums(1, 800_000, 0), BinSums(1, 900_000, 1)),
            ),
        ),
        held_out: Sums(
            raised=3,
            resolved=3,
            returned=1,
            spent_minor=2_000,
            spent_squared=4_000_000,
            days_to_return=6,
            silences=2,
            silence_days=46,
            leads=2,
            lead_days=26,
            bins=(
                *(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, BinSums(1, 600_000, 1)),
                *(EMPTY, BinSums(1, 850_000, 0), BinSums(1, 900_000, 1)),
            ),
        ),
        not_sent: Sums(
            raised=3,
            resolved=3,
            returned=1,
            spent_minor=0,
            spent_squared=500_000,
            days_to_return=0,
            silences=1,
            silence_days=12,
            leads=1,
            lead_days=30,
            bins=(
                *(EMPTY, EMPTY, EMPTY, EMPTY, BinSums(1, 400_000, 1), EMPTY, EMPTY),
                *(EMPTY, EMPTY, BinSums(1, 950_000, 0)),
            ),
        ),
    }


def test_what_follows_from_the_sums_is_counted_right() -> None:
    everybody = together(counted(TEN).values())
    assert (everybody.resolved, everybody.returned, everybody.right) == (9, 4, 5)
    assert (everybody.predicted, everybody.predicted_ppm) == (8, 6_100_000)


def test_an_alert_that_nobody_decided_upon_is_not_counted() -> None:
    assert contribution(alert(Decision.WAITING, 90, LOST)) is None
    assert moved(None, alert(Decision.WAITING, 90, LOST)) == {}


@pytest.mark.parametrize("decision", [Decision.MUTED, Decision.TOO_OLD])
def test_an_alert_of_the_past_is_counted_with_those_that_were_not_sent(decision: Decision) -> None:
    (key,) = moved(None, alert(decision, 90, LOST))
    assert key.group == "not_sent"


def test_a_purchase_that_came_to_light_late_counts_as_a_return_retracted_or_not() -> None:
    before_the_alert = alert(Decision.SENT, 90, back(-2, 700))
    retracted = before_the_alert._replace(retracted_ms=1_769_990_000_000)
    assert contribution(retracted) == contribution(before_the_alert)
    assert counted([retracted])[Key("slipping", "2026-W05", "treated")] == Sums(
        raised=1,
        resolved=1,
        returned=1,
        spent_minor=700,
        spent_squared=490_000,
        days_to_return=-2,
        bins=(EMPTY,) * 9 + (BinSums(1, 900_000, 0),),
    )


@pytest.mark.parametrize(
    ("ppm", "place"), [(0, 0), (99_999, 0), (100_000, 1), (999_999, 9), (1_000_000, 9)]
)
def test_each_probability_has_one_bin(ppm: int, place: int) -> None:
    ((_, sums),) = counted([alert(Decision.SENT, 1, LOST, probability_ppm=ppm)]).items()
    assert [each.alerts for each in sums.bins].index(1) == place


def test_a_decision_and_an_outcome_move_the_ledger_by_what_they_change() -> None:
    waiting, sent = alert(Decision.WAITING, 90), alert(Decision.SENT, 90)
    treated = Key("slipping", "2026-W05", "treated")
    assert moved(None, waiting) == {}
    assert moved(waiting, sent) == {treated: Sums(raised=1)}
    assert moved(sent, sent._replace(outcome=LOST)) == {
        treated: Sums(resolved=1, bins=(EMPTY,) * 9 + (BinSums(1, 900_000, 1),))
    }


def test_another_decision_moves_an_alert_from_one_group_to_another() -> None:
    over, sent = alert(Decision.OVER_BUDGET, 90), alert(Decision.SENT, 90)
    assert moved(over, sent) == {
        Key("slipping", "2026-W05", "treated"): Sums(raised=1),
        Key("slipping", "2026-W05", "not_sent"): Sums(raised=-1),
    }


def test_what_changes_nothing_that_is_counted_moves_nothing() -> None:
    sent = alert(Decision.SENT, 90, LOST)
    assert moved(sent, sent._replace(decided_ms=5)) == {}


def test_a_group_without_alerts_leaves_the_ledger() -> None:
    sent = alert(Decision.SENT, 90, LOST)
    assert added(added({}, moved(None, sent)), moved(sent, None)) == {}


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 1, 25), "2026-W04"),
        (date(2026, 1, 26), "2026-W05"),
        (date(2024, 12, 30), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
        (date(1, 1, 1), "0001-W01"),
        (date.max, "9999-W52"),
    ],
)
def test_a_week_is_that_of_iso_8601(day: date, week: str) -> None:
    assert week_of(day.toordinal()) == week


OUTCOMES = st.none() | st.builds(
    AlertOutcome,
    st.none() | st.integers(WEDNESDAY - 3, WEDNESDAY + 28),
    st.integers(0, 3),
    st.integers(-(2**53), 2**53),
)
ALERTS = st.builds(
    alert,
    st.sampled_from(Decision),
    st.none() | st.integers(0, 100),
    OUTCOMES,
    rule=st.sampled_from(["slipping", "big_spender"]),
    day=st.integers(WEDNESDAY, WEDNESDAY + 9),
    silence_days=st.none() | st.integers(0, 99),
    churned_day=st.none() | st.integers(WEDNESDAY, WEDNESDAY + 99),
)
LIVES = st.lists(st.lists(st.none() | ALERTS, min_size=1, max_size=4), max_size=5)


@settings(deadline=None)
@given(LIVES, st.data())
def test_changes_in_any_order_add_up_to_what_the_final_records_count(
    lives: list[list[AlertRecord | None]], drawn: st.DataObject
) -> None:
    changes = [change for life in lives for change in zip([None, *life], life, strict=False)]
    ledger: dict[Key, Sums] = {}
    for before, after in drawn.draw(st.permutations(changes)):
        ledger = added(ledger, moved(before, after))
    assert ledger == counted(life[-1] for life in lives if life[-1] is not None)


@settings(deadline=None)
@given(st.lists(ALERTS, max_size=8))
def test_each_week_comes_back_as_it_was_from_the_same_bytes(records: list[AlertRecord]) -> None:
    ledger = counted(records)
    weeks = {week: encode_week(week, ledger) for week in {key.week for key in ledger}}
    found = [decode_week(packed) for packed in weeks.values()]
    assert {key: sums for each in found for key, sums in each.items()} == ledger
    assert all(encode_week(week, decode_week(packed)) == packed for week, packed in weeks.items())
    backwards = dict(reversed(ledger.items()))
    assert all(encode_week(week, backwards) == packed for week, packed in weeks.items())


def test_a_sum_beyond_64_bits_is_written_as_text() -> None:
    key = Key("slipping", "2026-W05", "treated")
    rich = Sums(raised=1, resolved=1, spent_minor=10**10, spent_squared=10**20)
    packed = encode_week("2026-W05", {key: rich})
    assert msgpack.unpackb(packed)[2][0][5:7] == [10**10, "100000000000000000000"]
    assert decode_week(packed) == {key: rich}


def test_a_week_without_alerts_is_an_entry_without_rows() -> None:
    assert decode_week(encode_week("2026-W05", {})) == {}


GOOD = Sums(raised=2, resolved=1, spent_minor=3, spent_squared=9, silences=1, silence_days=4)


def one_row(sums: Any = GOOD, rule: object = "slipping", group: object = "treated") -> bytes:
    return msgpack.packb((SCHEMA_VERSION, "2026-W05", [(rule, group, *sums)]))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        msgpack.packb(5),
        msgpack.packb(()),
        msgpack.packb((SCHEMA_VERSION, "2026-W05")),
        msgpack.packb((SCHEMA_VERSION, 202_605, [])),
        msgpack.packb((SCHEMA_VERSION, "2026-W5", [])),
        msgpack.packb((SCHEMA_VERSION, "2026-W54", [])),
        msgpack.packb((SCHEMA_VERSION, "2026-02", [])),
        msgpack.packb((SCHEMA_VERSION, "2026-W05", [()])),
        msgpack.packb((SCHEMA_VERSION, "2026-W05", 5)),
        one_row(rule=5),
        one_row(group="both"),
        one_row(group=None),
        one_row(GOOD[:-1]),
        one_row((*GOOD, 1)),
        one_row(GOOD._replace(bins=GOOD.bins[1:])),
        one_row(GOOD._replace(raised=0)),
        one_row(GOOD._replace(returned=2)),
        one_row(GOOD._replace(returned=1)),
        one_row(GOOD._replace(returned=-1)),
        one_row(GOOD._replace(spent_squared=8)),
        one_row(GOOD._replace(spent_squared=9.0)),  # type: ignore[arg-type]
        one_row(GOOD._replace(spent_squared="9")),  # type: ignore[arg-type]
        one_row(GOOD._replace(spent_squared="9" * 5_000)),  # type: ignore[arg-type]
        one_row(GOOD._replace(spent_squared=True)),
        one_row(GOOD._replace(leads=2)),
        one_row(GOOD._replace(bins=(BinSums(2, 0, 0), *GOOD.bins[1:]))),
        one_row(GOOD._replace(bins=(BinSums(1, 0, 2), *GOOD.bins[1:]))),
        one_row(GOOD._replace(bins=(BinSums(1, 1_000_001, 0), *GOOD.bins[1:]))),
    ],
)
def test_a_week_that_cannot_be_is_refused_by_name(packed: bytes) -> None:
    assert decode_week(one_row()) == {Key("slipping", "2026-W05", "treated"): GOOD}
    with pytest.raises(CorruptWeek, match="bytes are not a week of alerts"):
        decode_week(packed)


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_is_refused_by_name(schema: object) -> None:
    with pytest.raises(CorruptWeek, match="a week has schema"):
        decode_week(msgpack.packb((schema, "2026-W05", ())))


@given(
    st.binary(max_size=60)
    | st.tuples(st.integers(0, 90), st.binary(min_size=1, max_size=2)).map(
        lambda at: one_row()[: at[0]] + at[1] + one_row()[at[0] + 1 :]
    )
)
def test_any_bytes_are_a_week_or_refused_by_name(packed: bytes) -> None:
    with suppress(CorruptWeek):
        ledger = decode_week(packed)
        assert all(sums.right >= 0 for sums in ledger.values())
        assert {key.week for key in ledger} <= {msgpack.unpackb(packed)[1]}


def test_nothing_is_what_adds_nothing() -> None:
    sums = together(counted(TEN).values())
    assert sums.plus(NOTHING) == sums
    assert sums.minus(sums) == NOTHING
