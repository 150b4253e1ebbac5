"""Records of alerts: with whom each is counted, and bytes that come back or are refused by name."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert_record import (
    SCHEMA_VERSION,
    AlertOutcome,
    AlertRecord,
    Arm,
    CorruptRecord,
    Decision,
    decode_record,
    encode_record,
    group,
)
from models.customer import MAX_SUM_MINOR

DAY = date(2026, 1, 28).toordinal()
RAISED = AlertRecord(
    alert_id="a1",
    rule="slipping",
    kind="risk",
    customer_id="käufer-7",
    raised_ms=1_769_558_400_000,
    day=DAY,
    horizon_days=28,
    probability_ppm=812_345,
    at_stake_minor=12_300,
    silence_days=19,
    churned_day=DAY + 71,
    arm=Arm.TREATED,
)
CAME_BACK = RAISED._replace(
    decision=Decision.SENT,
    decided_ms=1_769_560_000_000,
    retracted_ms=1_769_990_000_000,
    outcome=AlertOutcome(DAY + 5, 2, 4_550),
)

WHOLE = st.integers(0, 2**53)
RECORDS = st.builds(
    AlertRecord,
    alert_id=st.text(max_size=9),
    rule=st.text(max_size=9),
    kind=st.text(max_size=9),
    customer_id=st.text(max_size=9),
    raised_ms=WHOLE,
    day=st.integers(1, date.max.toordinal()),
    horizon_days=st.integers(1, 2**40),
    probability_ppm=st.none() | st.integers(0, 1_000_000),
    at_stake_minor=st.integers(-(2**53), 2**53),
    silence_days=st.none() | WHOLE,
    churned_day=st.none() | WHOLE,
    arm=st.sampled_from(Arm),
    decision=st.sampled_from(Decision),
    why=st.text(max_size=9),
    decided_ms=st.none() | WHOLE,
    retracted_ms=st.none() | WHOLE,
    outcome=st.none()
    | st.builds(AlertOutcome, st.none() | WHOLE, WHOLE, st.integers(-MAX_SUM_MINOR, MAX_SUM_MINOR)),
)
ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3)
) | st.binary(max_size=3)
ODDER = ODD | st.lists(ODD, max_size=4) | st.dictionaries(st.text(max_size=2), ODD, max_size=2)


@pytest.mark.parametrize(
    ("decision", "counted_with"),
    [
        (Decision.WAITING, None),
        (Decision.SENT, "treated"),
        (Decision.HELD_OUT, "held_out"),
        (Decision.OVER_BUDGET, "not_sent"),
        (Decision.BLOCKED, "not_sent"),
        (Decision.CLEARED, "not_sent"),
        (Decision.MUTED, "not_sent"),
        (Decision.TOO_OLD, "not_sent"),
    ],
)
@pytest.mark.parametrize("arm", Arm)
def test_an_alert_is_counted_by_what_was_done_about_it(
    arm: Arm, decision: Decision, counted_with: str | None
) -> None:
    assert group(RAISED._replace(arm=arm, decision=decision)) == counted_with


def test_a_record_is_an_array_that_begins_with_its_schema() -> None:
    assert msgpack.unpackb(encode_record(CAME_BACK)) == [
        *(1, "a1", "slipping", "risk", "käufer-7", 1_769_558_400_000, 739_644, 28, 812_345, 12_300),
        *(19, 739_715, "treated", "sent", "", 1_769_560_000_000, 1_769_990_000_000),
        [739_649, 2, 4_550],
    ]


@given(RECORDS)
def test_a_record_comes_back_as_it_was_from_the_same_bytes(record: AlertRecord) -> None:
    packed = encode_record(record)
    back = decode_record(packed)
    assert back == record
    assert type(back.arm) is Arm
    assert type(back.decision) is Decision
    assert encode_record(back) == packed


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": 0},
        {"day": date.max.toordinal() + 1},
        {"day": 1.5},
        {"day": True},
        {"day": "739644"},
        {"horizon_days": 0},
        {"probability_ppm": -1},
        {"probability_ppm": 1_000_001},
        {"silence_days": -1},
        {"customer_id": None},
        {"customer_id": b"c"},
        {"arm": "both"},
        {"arm": None},
        {"decision": "forgotten"},
        {"why": None},
        {"outcome": ()},
        {"outcome": 5},
        {"outcome": (None, 0)},
        {"outcome": (None, 0, None)},
        {"outcome": (None, 0, MAX_SUM_MINOR + 1)},
        {"outcome": ("5", 0, 0)},
    ],
)
def test_a_record_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    packed = msgpack.packb((SCHEMA_VERSION, *CAME_BACK._replace(**wrong)))
    with pytest.raises(CorruptRecord, match="bytes are not an alert's record"):
        decode_record(packed)


@pytest.mark.parametrize("schema", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_is_refused_by_name(schema: object) -> None:
    with pytest.raises(CorruptRecord, match="an alert has schema"):
        decode_record(msgpack.packb((schema, *CAME_BACK)))


@pytest.mark.parametrize("fields", [(), (1,), (1, *RAISED[:12]), (1, *RAISED, None)])
def test_too_few_and_too_many_fields_are_refused(fields: tuple[object, ...]) -> None:
    with pytest.raises(CorruptRecord):
        decode_record(msgpack.packb(fields))


def test_a_refusal_does_not_repeat_what_a_field_held() -> None:
    packed = msgpack.packb((SCHEMA_VERSION, *RAISED._replace(customer_id=["käufer-7"])))  # type: ignore[arg-type]
    with pytest.raises(CorruptRecord) as refused:
        decode_record(packed)
    assert "customer_id" in str(refused.value)
    assert "käufer-7" not in str(refused.value)


@given(
    st.binary(max_size=60)
    | ODDER.map(msgpack.packb)
    | st.lists(ODDER, min_size=17, max_size=17).map(lambda it: msgpack.packb([1, *it]))
    | st.tuples(st.integers(0, 16), ODDER).map(
        lambda at: msgpack.packb([1, *CAME_BACK[: at[0]], at[1], *CAME_BACK[at[0] + 1 :]])
    )
    | st.tuples(st.integers(0, 80), st.binary(min_size=1, max_size=2)).map(
        lambda at: encode_record(CAME_BACK)[: at[0]] + at[1] + encode_record(CAME_BACK)[at[0] + 1 :]
    )
)
def test_any_bytes_are_a_record_or_refused_by_name(packed: bytes) -> None:
    with suppress(CorruptRecord):
        record = decode_record(packed)
        assert decode_record(encode_record(record)) == record
