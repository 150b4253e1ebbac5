"""What stands on the topic of alerts, read; and what nobody can read, passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert_record import AlertOutcome, AlertRecord, Arm, decode_record, encode_record
from models.events import LogRecord
from streams.alert_notices import Cleared, Forgotten, Notice, Raised, Resolved, read_notice
from tests.streams.alert_office import NAMESPACE, START_MS, Clock, Topic, names, rules

TODAY = 739_679  # 2026-03-04, ordinal
HALF = rules(alerts={"holdout": 0.5})


def topic() -> Topic:
    return Topic(rules(), Clock())


def read(record: LogRecord, namespace: str = NAMESPACE) -> Notice | None:
    return read_notice(record, namespace)


def raised(**others: Any) -> Raised:
    """An alert about Ann, as it is read."""
    on = topic()
    on.raises("ann", **others)
    notice = read(on.records[0])
    assert isinstance(notice, Raised)
    return notice


def test_an_alert_is_read_as_a_record_of_which_nothing_is_decided() -> None:
    on = topic()
    alert_id = on.raises("ann", "slipping", 12_345, horizon_days=28, silence_days=20)
    notice = read(on.records[0])
    assert isinstance(notice, Raised)
    assert notice.record == AlertRecord(
        alert_id=alert_id,
        rule="slipping",
        kind="churn.risk_raised",
        customer_id="ann",
        raised_ms=START_MS,
        day=TODAY,
        horizon_days=28,
        probability_ppm=500_000,
        at_stake_minor=12_345,
        silence_days=20,
        churned_day=TODAY + 30,
        arm=Arm.TREATED,
    )
    assert not notice.replayed


def test_what_is_told_is_the_cloud_event_whole() -> None:
    on = topic()
    alert_id = on.raises("Zoë 🛍️")
    notice = read(on.records[0])
    assert isinstance(notice, Raised)
    assert json.loads(notice.told) == {
        "specversion": "1.0",
        "id": alert_id,
        "type": "churn.risk_raised",
        "source": "/segmenter/office/customer-events.v1/0",
        "time": "2026-03-04T12:00:00.000Z",
        "subject": "Zoë 🛍️",
        "datacontenttype": "application/json",
        "data": json.loads(on.records[0].value or b""),
    }


def test_an_alert_of_which_no_model_can_tell_has_no_probability_and_nothing_at_stake() -> None:
    record = raised(kind="customer.won_back", probability=None).record
    assert (record.probability_ppm, record.at_stake_minor) == (None, 0)


def test_what_a_replay_brought_about_is_known_as_such() -> None:
    assert raised(replayed=True).replayed


@pytest.mark.parametrize("arm", list(Arm))
def test_the_arm_is_the_one_that_the_customer_is_in(arm: Arm) -> None:
    (name,) = names(arm, HALF, 1)
    on = Topic(HALF, Clock())
    on.raises(name)
    notice = read(on.records[0])
    assert isinstance(notice, Raised)
    assert notice.record.arm is arm


def test_what_clears_an_alert_names_it() -> None:
    on = topic()
    alert_id = on.raises("ann")
    event_id = on.clears(alert_id, START_MS + 5)
    notice = read(on.records[1])
    assert isinstance(notice, Cleared)
    assert notice[:4] == ("ann", event_id, (alert_id,), START_MS + 5)
    told = json.loads(notice.told)
    assert (told["id"], told["type"]) == (event_id, "churn.risk_cleared")


@pytest.mark.parametrize(
    "outcome", [AlertOutcome(None, 0, 0), AlertOutcome(TODAY + 3, 2, 4_500)], ids=["lost", "back"]
)
def test_what_came_of_an_alert_is_read(outcome: AlertOutcome) -> None:
    on = topic()
    alert_id = on.raises("ann")
    on.resolves(alert_id, *outcome)
    assert read(on.records[1]) == Resolved("ann", alert_id, outcome)


def test_who_is_erased_is_read() -> None:
    on = topic()
    on.forgets("ann")
    assert read(on.records[0]) == Forgotten("ann")


def test_another_installations_records_are_none_of_ours() -> None:
    on = topic()
    alert_id = on.raises("ann")
    on.clears(alert_id)
    on.resolves(alert_id)
    on.forgets("ann")
    assert [read(each, "another") for each in on.records] == [None] * 4


@given(at_ms=st.integers(0, 4_102_444_800_000))
def test_moments_are_read_to_the_millisecond(at_ms: int) -> None:
    assert raised(at_ms=at_ms).record.raised_ms == at_ms


# --- what nobody can read ---


def of_each_kind() -> list[LogRecord]:
    on = topic()
    alert_id = on.raises("ann")
    on.clears(alert_id)
    on.resolves(alert_id, TODAY + 1, 1, 500)
    on.forgets("ann")
    return on.records


def test_a_record_without_its_headers_or_its_body_is_passed_over() -> None:
    for record in of_each_kind():
        for name in ("source.namespace", "ce_type"):
            headers = {key: each for key, each in record.headers.items() if key != name}
            assert read(record._replace(headers=headers)) is None
            assert read(record._replace(headers={**headers, name: b"\xff"})) is None
        assert read(record._replace(headers={})) is None
        for body in (None, b"", b"\xff", b"{", b"[]", b"1", b"null", b"{}", b"[" * 100_000):
            assert read(record._replace(value=body)) is None


def changed(record: LogRecord, **body: Any) -> LogRecord:
    """With other fields in its body."""
    told = {**json.loads(record.value or b""), **body}
    return record._replace(value=json.dumps(told).encode())


BEYOND = 10**30
NEVER = float("inf")


@pytest.mark.parametrize(
    "body",
    [
        {"followed_days": 0},
        {"followed_days": -1, "horizon_days": -1},
        {"followed_days": BEYOND},
        {"followed_days": NEVER},
        {"horizon_days": NEVER},
        {"probability": 7},
        {"probability": -0.1},
        {"probability": NEVER},
        {"probability": float("nan")},
        {"probability": "0.5"},
        {"silence_days": "20"},
        {"silence_days": -1},
        {"silence_days": True},
        {"silence_days": BEYOND},
        {"at_stake_minor": BEYOND},
        {"at_stake_minor": NEVER},
        {"day": None},
        {"day": "yesterday"},
        {"day": "9999-99-99"},
        {"arm": "third"},
        {"customer_id": "\ud800"},
        {"rule": "\ud800"},
    ],
    ids=str,
)
def test_an_alert_that_could_not_be_kept_is_passed_over(body: dict[str, Any]) -> None:
    assert read(changed(of_each_kind()[0], **body)) is None


@pytest.mark.parametrize(
    "body",
    [
        {"spent_minor": BEYOND},
        {"spent_minor": -BEYOND},
        {"spent_minor": NEVER},
        {"purchase_days": BEYOND},
        {"returned_on": "never"},
        {"customer_id": "\ud800"},
    ],
    ids=str,
)
def test_an_outcome_that_could_not_be_kept_is_passed_over(body: dict[str, Any]) -> None:
    assert read(changed(of_each_kind()[2], **body)) is None


def test_an_erasure_of_somebody_who_can_have_no_id_is_passed_over() -> None:
    assert read(changed(of_each_kind()[3], customer_id="\ud800")) is None


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=5)
    | st.sampled_from(["2026-03-04", "held_out", "9999-12-31", "0001-01-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)
_fields = st.sampled_from(
    [
        "rule",
        "kind",
        "day",
        "horizon_days",
        "followed_days",
        "probability",
        "at_stake_minor",
        "silence_days",
        "churned_on",
        "arm",
        "customer_id",
        "retracts",
        "alert",
        "returned_on",
        "purchase_days",
        "spent_minor",
    ]
)


@given(which=st.integers(0, 3), body=st.dictionaries(_fields, _json, min_size=1, max_size=3))
def test_whatever_stands_there_is_a_notice_that_can_be_kept_or_none(
    which: int, body: dict[str, Any]
) -> None:
    notice = read(changed(of_each_kind()[which], **body))
    if notice is None:
        return
    _keepable[type(notice)](notice)


def _keeps_raised(notice: Any) -> None:
    record: AlertRecord = notice.record
    assert decode_record(encode_record(record)) == record
    assert record.customer_id.encode()
    assert json.loads(notice.told)["data"]


def _keeps_resolved(notice: Any) -> None:
    record = raised().record._replace(outcome=notice.outcome)
    assert decode_record(encode_record(record)) == record
    _keeps_ids(notice.alert_id, notice.customer_id)


def _keeps_ids(*ids: str) -> None:
    for each in ids:
        each.encode()


_keepable: dict[type, Callable[[Any], None]] = {
    Raised: _keeps_raised,
    Cleared: lambda notice: _keeps_ids(notice.customer_id, notice.event_id, *notice.alert_ids),
    Resolved: _keeps_resolved,
    Forgotten: lambda notice: _keeps_ids(notice.customer_id),
}


@given(
    at=st.text(max_size=40) | st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59"])
)
def test_a_time_that_is_none_is_passed_over(at: str) -> None:
    record = of_each_kind()[0]
    encoded = at.encode(errors="replace")
    notice = read(record._replace(headers={**record.headers, "ce_time": encoded}))
    assert notice is None or isinstance(notice, Raised)
