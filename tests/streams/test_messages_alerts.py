"""Rows for `churn-alerts.v1`: what is told of a customer, word for word."""

from __future__ import annotations

import json
from datetime import date
from itertools import product
from typing import Any, get_args

import pytest

from models.alerts import AlertEffect, ClearAlert, Prospects, RaiseAlert, ResolveAlert
from models.effects import Cause, EffectType, PublishChange, Why, effect_id
from models.erasure import Pseudonyms
from models.holdout import arm_of
from models.ledger import Standing
from models.lifecycle import State
from models.policy_alerts import OF_SILENCE, Alerts, Kind, Play
from models.scores import RiskScore
from models.segments import rule_segment
from models.words import Reason
from streams.messages import Source, change_row
from streams.messages_alerts import alert_row, forgotten_row
from streams.origin import Origin, origin
from streams.store import OutboxRow
from streams.topics import ALERTS
from tests.support.story import CUSTOMER, erasure

MARCH_1 = date(2017, 3, 1).toordinal()
TWO_MS = 1_488_333_600_000  # 2017-03-01T02:00:00Z, when what came late has come
SOURCE = Source("main", 3, 41_872, "d2fffe021d92", population=7)
HALF = Alerts(holdout=0.5, holdout_salt="spring")
KEY = Pseudonyms(b"the installation's own")
CALLED = Play(action="Call, and ask", action_zh="致电询问", goal="a reason", owner="care")
LATELY = RiskScore(
    source="model",
    own=True,
    version=6,
    resolved_day=MARCH_1 - 3,
    customers=300,
    lost=100,
    predicted=0.345_678,
    auc=0.812_345,
    ece=0.012_345,
    log_loss=0.5,
    bins=(),
)
EXPECTED = Prospects(
    probability=0.612_345_678,
    source="model",
    calibration=LATELY,
    usual_year_minor=120_000.4,
    expected_day=MARCH_1 - 12,
    reasons=(
        Reason(2.345_678, "silent for 3 times as long as usual", "静默时间为平时的 3 倍"),
        Reason(0.5, "buys often", "购买频繁"),
    ),
)
RAISED = RaiseAlert(
    rule="at-risk",
    kind="churn.risk_raised",
    customer_id="Zoë 🛍️",
    cause=Cause(f"silence:{TWO_MS}", TWO_MS, Why.SILENCE),
    day=MARCH_1,
    first_day=MARCH_1,
    horizon_days=31,
    followed_days=31,
    prospects=EXPECTED,
    silence_days=19,
    churned_day=MARCH_1 + 44,
    standing=Standing(State.ACTIVE, overdue=True),
    groups={"tier": "high", "quintile": "at_risk"},
    segments=("gold", "vip"),
    segment="",
    play=CALLED,
    currency="EUR",
    sequence=9,
)
BOUGHT = Cause.of_event("p9", TWO_MS + 3_600_000, Why.PURCHASE)
CLEARED = ClearAlert("at-risk", "Zoë 🛍️", RAISED.alert_id, BOUGHT, Why.LATE_PURCHASE, 10)
RESOLVED = ResolveAlert(
    "at-risk", "Zoë 🛍️", RAISED.alert_id, TWO_MS, MARCH_1 + 4, 2, -350, sequence=11
)
ERASED = forgotten_row(CUSTOMER, erasure("e1", TWO_MS), SOURCE)


def row_of(
    effect: AlertEffect = RAISED, source: Source = SOURCE, alerts: Alerts = HALF
) -> OutboxRow:
    return alert_row(effect, source, alerts, KEY)


def body_of(effect: AlertEffect = RAISED, alerts: Alerts = HALF) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row_of(effect, alerts=alerts).value or b"")
    return told


def headers_of(row: OutboxRow) -> dict[str, bytes]:
    assert len(dict(row.headers)) == len(row.headers)
    return dict(row.headers)


def test_a_raised_alert_is_a_cloudevent_in_binary_mode_keyed_by_customer() -> None:
    row = row_of()
    assert (row.topic, row.key, row.partition) == (ALERTS, "Zoë 🛍️".encode(), None)
    assert headers_of(row) == {
        "ce_specversion": b"1.0",
        "ce_id": b"2397d9e0d2531f972a3ed998fe0f4bda",
        "ce_type": b"churn.risk_raised",
        "ce_source": b"/segmenter/main/customer-events.v1/3",
        "ce_time": b"2017-03-01T02:00:00.000Z",
        "ce_subject": "Zoë 🛍️".encode(),
        "content-type": b"application/json",
        "source.namespace": b"main",
        "source.partition": b"3",
        "source.offset": b"41872",
    }


def test_a_raised_alerts_body_says_what_why_how_likely_what_is_at_stake_and_what_to_do() -> None:
    assert body_of() == {
        "customer_id": "Zoë 🛍️",
        "rule": "at-risk",
        "kind": "churn.risk_raised",
        "says": {
            "en": "61% likely to buy nothing in the next 31 days",
            "zh": "未来 31 天内不再购买的概率为 61%",
        },
        "reason": "silence",
        "cause": "silence:1488333600000",
        "day": "2017-03-01",
        "horizon_days": 31,
        "followed_days": 31,
        "counts_from": "2017-03-01",
        "counts_until": "2017-03-31",
        "probability": 0.612346,
        "model": "model",
        "calibration": {
            "customers": 300,
            "predicted": 0.3457,
            "lost": 0.3333,
            "ece": 0.0123,
            "auc": 0.8123,
            "resolved_on": "2017-02-26",
        },
        "expected_on": "2017-02-17",
        "days_overdue": 12,
        "usual_year_minor": 120_000,
        "at_stake_minor": 73_482,
        "reasons": [
            {
                "factor": 2.346,
                "en": "silent for 3 times as long as usual",
                "zh": "静默时间为平时的 3 倍",
            },
            {"factor": 0.5, "en": "buys often", "zh": "购买频繁"},
        ],
        "currency": "EUR",
        "silence_days": 19,
        "churned_on": "2017-04-14",
        "lifecycle": "active",
        "flags": ["overdue"],
        "groups": {"quintile": "at_risk", "tier": "high"},
        "segments": ["gold", "vip"],
        "segment": None,
        "action": {
            "en": "Call, and ask",
            "zh": "致电询问",
            "goal": "a reason",
            "owner": "care",
        },
        "cancelled_by": {
            "en": "a purchase, also one that comes to light late: churn.risk_cleared is published",
            "zh": "任何购买都会取消预警，迟到的购买记录也一样，届时会发布 churn.risk_cleared",
        },
        "arm": "held_out",
        "holdout": {"share": 0.5, "salt": "spring"},
        "sequence": 9,
        "policy": "d2fffe021d92",
        "population": 7,
    }


def test_the_same_alert_gives_the_same_bytes_in_whatever_order_groups_were_joined() -> None:
    other_way_round = {"quintile": "at_risk", "tier": "high"}
    assert row_of(RAISED._replace(groups=other_way_round)) == row_of()


def test_whoever_entered_a_segment_and_of_whom_no_model_can_tell_is_told_of_without_figures() -> (
    None
):
    entered = RAISED._replace(
        kind="segment.entered",
        rule="welcome",
        cause=Cause.of_event("p1", TWO_MS, Why.PURCHASE),
        first_day=MARCH_1 + 1,
        prospects=None,
        silence_days=None,
        churned_day=None,
        standing=Standing(State.PROSPECT),
        groups={},
        segments=(),
        segment="vip",
        play=None,
    )
    told = body_of(entered)
    figures = ("probability", "model", "calibration", "expected_on", "days_overdue")
    assert {told[key] for key in (*figures, "usual_year_minor", "at_stake_minor")} == {None}
    assert {told[key] for key in ("silence_days", "churned_on", "action", "cancelled_by")} == {None}
    assert (told["reasons"], told["segments"], told["flags"], told["groups"]) == ([], [], [], {})
    assert (told["segment"], told["lifecycle"]) == ("vip", "prospect")
    assert (told["counts_from"], told["counts_until"]) == ("2017-03-02", "2017-04-01")
    assert told["says"] == {"en": "has entered the segment vip", "zh": "进入客群 vip"}
    assert told.keys() == body_of().keys()


def test_a_risk_that_nobody_has_judged_yet_has_no_calibration() -> None:
    unjudged = RAISED._replace(prospects=EXPECTED._replace(calibration=None))
    assert body_of(unjudged)["calibration"] is None
    all_came_back = LATELY._replace(lost=0, auc=None)
    judged = RAISED._replace(prospects=EXPECTED._replace(calibration=all_came_back))
    calibration = body_of(judged)["calibration"]
    assert (calibration["lost"], calibration["auc"]) == (0.0, None)


def test_who_was_not_expected_yet_is_not_overdue() -> None:
    early = RAISED._replace(prospects=EXPECTED._replace(expected_day=MARCH_1 + 2))
    told = body_of(early)
    assert (told["expected_on"], told["days_overdue"]) == ("2017-03-03", 0)


def test_an_action_without_chinese_says_the_same_in_both() -> None:
    told = body_of(RAISED._replace(play=Play(action="Call")))
    assert told["action"] == {"en": "Call", "zh": "Call", "goal": None, "owner": None}


def test_goal_and_owner_are_told_in_chinese_where_the_play_has_them() -> None:
    play = CALLED.model_copy(update={"goal_zh": "了解原因", "owner_zh": "客服"})
    told = body_of(RAISED._replace(play=play))["action"]
    assert (told["goal_zh"], told["owner_zh"]) == ("了解原因", "客服")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_is_told_in_both_languages_and_of_silences_what_would_make_it_void(
    kind: Kind,
) -> None:
    told = body_of(RAISED._replace(kind=kind, segment="vip"))
    assert headers_of(row_of(RAISED._replace(kind=kind)))["ce_type"] == kind.encode()
    assert len(told["says"]["en"]) > 20
    assert len(told["says"]["zh"]) >= 8
    assert (told["cancelled_by"] is not None) == (kind in OF_SILENCE)


def test_a_cleared_alert_names_the_one_it_retracts_and_the_purchase_that_did_it() -> None:
    row = row_of(CLEARED)
    assert (row.topic, row.key) == (ALERTS, "Zoë 🛍️".encode())
    headers = headers_of(row)
    assert (headers["ce_type"], headers["ce_time"]) == (
        b"churn.risk_cleared",
        b"2017-03-01T03:00:00.000Z",
    )
    assert headers["ce_id"] == CLEARED.effect_id.encode()
    assert body_of(CLEARED) == {
        "customer_id": "Zoë 🛍️",
        "rule": "at-risk",
        "retracts": [RAISED.alert_id],
        "reason": "late_purchase",
        "cause": BOUGHT.key,
        "sequence": 10,
        "policy": "d2fffe021d92",
        "population": 7,
    }


def test_a_resolved_alert_says_whether_they_returned_when_how_often_and_for_how_much() -> None:
    headers = headers_of(row_of(RESOLVED))
    assert (headers["ce_type"], headers["ce_time"]) == (
        b"alert.resolved",
        b"2017-03-01T02:00:00.000Z",
    )
    assert headers["ce_id"] == RESOLVED.effect_id.encode()
    assert body_of(RESOLVED) == {
        "customer_id": "Zoë 🛍️",
        "rule": "at-risk",
        "alert": RAISED.alert_id,
        "returned": True,
        "returned_on": "2017-03-05",
        "purchase_days": 2,
        "spent_minor": -350,
        "sequence": 11,
        "policy": "d2fffe021d92",
        "population": 7,
    }


def test_who_did_not_return_did_so_on_no_day() -> None:
    lost = body_of(RESOLVED._replace(returned_day=None, purchase_days=0, spent_minor=0))
    assert (lost["returned"], lost["returned_on"]) == (False, None)


def test_before_the_first_population_there_is_none() -> None:
    for effect in (RAISED, CLEARED, RESOLVED):
        row = row_of(effect, SOURCE._replace(population=0))
        assert json.loads(row.value or b"")["population"] is None


def test_whoever_keeps_alerts_is_told_that_somebody_was_erased_and_nothing_else_of_them() -> None:
    assert (ERASED.topic, ERASED.key) == (ALERTS, b"c1")
    assert ERASED.value == b'{"customer_id":"c1"}'
    headers = headers_of(ERASED)
    assert (headers["ce_type"], headers["ce_subject"]) == (b"customer.erased", b"c1")
    assert headers["ce_time"] == b"2017-03-01T02:00:00.000Z"
    assert headers["ce_id"] == b"9a1246ed1b7d655e6dcb40520eae733e"


def test_the_arm_is_the_one_that_the_holdout_draws() -> None:
    arms = set()
    for number in range(40):
        effect = RAISED._replace(customer_id=f"c{number}")
        arm = arm_of(f"c{number}", HALF, KEY)
        assert body_of(effect)["arm"] == arm.value
        arms.add(arm)
    assert len(arms) == 2


def test_without_a_holdout_everybody_is_treated() -> None:
    told = body_of(alerts=Alerts(holdout=0.0))
    assert (told["arm"], told["holdout"]) == ("treated", {"share": 0.0, "salt": "1"})


@pytest.mark.parametrize(
    "effect", [RAISED, CLEARED, RESOLVED], ids=lambda each: type(each).__name__
)
def test_what_a_replay_brings_about_says_so_and_is_else_the_same(effect: AlertEffect) -> None:
    told, replayed = row_of(effect), row_of(effect, SOURCE._replace(replayed=True))
    assert "replay" not in headers_of(told)
    assert headers_of(replayed) == {**headers_of(told), "replay": b"true"}
    assert replayed.value == told.value


def test_an_erasure_of_a_replay_says_so_too() -> None:
    replayed = forgotten_row(CUSTOMER, erasure("e1", TWO_MS), SOURCE._replace(replayed=True))
    assert "replay" not in headers_of(ERASED)
    assert headers_of(replayed) == {**headers_of(ERASED), "replay": b"true"}


def test_rows_tell_which_record_of_the_log_they_come_from() -> None:
    assert [origin(row) for row in (row_of(), ERASED)] == [
        Origin(ALERTS, b"main", 3, 41_872, RAISED.alert_id.encode()),
        Origin(ALERTS, b"main", 3, 41_872, headers_of(ERASED)["ce_id"]),
    ]


def test_an_alerts_id_is_that_of_customer_rule_and_cause() -> None:
    assert RAISED.alert_id == "2397d9e0d2531f972a3ed998fe0f4bda"  # published: it never changes
    others = (
        RAISED._replace(customer_id="c1"),
        RAISED._replace(rule="at-risk-2"),
        RAISED._replace(cause=RAISED.cause._replace(key=f"silence:{TWO_MS + 1}")),
    )
    assert len({RAISED.alert_id, *(each.alert_id for each in others)}) == 4
    assert RAISED._replace(day=MARCH_1 + 1, sequence=1, prospects=None).alert_id == RAISED.alert_id


def test_nothing_told_here_has_the_id_of_a_change_with_the_same_cause() -> None:
    read = erasure("p1", TWO_MS)
    causes = (RAISED.cause, Cause.of_event("p1", TWO_MS, Why.PURCHASE))
    schemes = ("", "quintile", rule_segment("vip"), "at-risk", "alert")
    changes = {
        effect_id(CUSTOMER, kind, cause, scheme)
        for kind, cause, scheme in product(EffectType, causes, schemes)
    }
    told = [headers_of(forgotten_row(CUSTOMER, read, SOURCE))["ce_id"].decode()]
    for cause in causes:
        alert = RAISED._replace(customer_id=CUSTOMER, cause=cause)
        named = (alert.rule, CUSTOMER, alert.alert_id)
        cleared = ClearAlert(*named, cause, Why.PURCHASE, 2)
        resolved = ResolveAlert(*named, TWO_MS, None, 0, 0, 3)
        told += [alert.alert_id, cleared.effect_id, resolved.effect_id]
    assert len(set(told)) == len(told) == 7
    assert changes.isdisjoint(told)


def test_an_erasure_is_told_to_both_topics_under_two_ids() -> None:
    read = erasure("e1", TWO_MS)
    change = PublishChange(
        EffectType.CUSTOMER_ERASED,
        CUSTOMER,
        Cause.of_event(read.event_id, read.at_ms, Why.ERASURE),
        before=Standing(),
        after=None,
        since_ms=TWO_MS,
        sequence=1,
    )
    assert headers_of(change_row(change, SOURCE))["ce_id"] != headers_of(ERASED)["ce_id"]
