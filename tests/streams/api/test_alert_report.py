"""The report on alerts over HTTP, held against every alert, counted by hand."""

from __future__ import annotations

from collections import Counter
from statistics import mean
from typing import Any

import httpx

from models.alert_ledger import week_of
from models.alert_record import AlertRecord, Decision
from models.calendar import day_of
from models.intervals import Share, share_difference, share_interval
from streams.messages import rfc3339
from tests.support.alert_house import POLICY, AlertHouse
from tests.support.api_house import got

NOT_SENT = (Decision.BLOCKED, Decision.OVER_BUDGET)


def told_report(ask: httpx.Client, **query: Any) -> dict[str, Any]:
    report: dict[str, Any] = got(ask.get("/v1/alerts/report", params={"weeks": 53, **query}))
    return report


def of_rule(report: dict[str, Any], rule: str) -> dict[str, Any]:
    (figures,) = [each["figures"] for each in report["by_rule"] if each["rule"] == rule]
    return dict(figures)


def right(record: AlertRecord) -> bool:
    assert record.outcome is not None
    return record.outcome.returned_day is None


def shares(records: list[AlertRecord], decision: Decision) -> Share:
    """Who returned, of those whose outcome is known."""
    known = [each for each in records if each.decision is decision and each.outcome]
    return Share(sum(not right(each) for each in known), len(known))


def test_a_rules_figures_are_those_of_its_alerts(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    told = of_rule(told_report(ask_alerts), "late")
    mine = [each for each in alert_house.records if each.rule == "late"]
    known = [each for each in mine if each.outcome is not None]
    groups = {each["group"]: each for each in told["groups"]}
    decided = Counter(each.decision for each in mine)
    assert (told["raised"], told["resolved"]) == (len(mine), len(known))
    assert {name: each["raised"] for name, each in groups.items()} == {
        "treated": decided[Decision.SENT],
        "held_out": decided[Decision.HELD_OUT],
        "not_sent": sum(decided[each] for each in NOT_SENT),
    }
    share = Share(sum(map(right, known)), len(known))
    interval = share_interval(share)
    assert told["precision"] == {
        "hits": share.hits,
        "of": share.of,
        "value": round(share.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }
    silences = [each.silence_days for each in known if right(each) and each.silence_days]
    assert told["silence_days"] == round(mean(silences), 2)


def test_who_was_told_is_held_against_who_was_held_out(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    told = of_rule(told_report(ask_alerts), "late")
    mine = [each for each in alert_house.records if each.rule == "late"]
    treated, held_out = (shares(mine, each) for each in (Decision.SENT, Decision.HELD_OUT))
    interval = share_difference(treated, held_out)
    assert told["lift"]["won_back"] == {
        "value": round(treated.value - held_out.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }
    assert min(treated.of, held_out.of) >= 30
    verdict = told["verdict"]
    assert verdict["finding"] == "no_difference"
    assert verdict["says"] == {"en": "no difference can be seen", "zh": "看不出差异"}
    assert f"{held_out.value:.1%} of the held out" in verdict["why"]["en"]
    few = of_rule(told_report(ask_alerts), "back")["verdict"]
    assert few["finding"] == "too_few_held_out"


def test_weeks_are_iso_weeks_up_to_the_newest_with_alerts(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    decided = [each for each in alert_house.records if each.decision is not Decision.WAITING]
    weeks = Counter((each.rule, week_of(each.day)) for each in decided)
    whole = told_report(ask_alerts)
    assert {
        (each["rule"], each["week"]): each["figures"]["raised"] for each in whole["by_week"]
    } == weeks
    assert whole["total"]["raised"] == len(decided)
    two = told_report(ask_alerts, weeks=2)
    assert two["weeks"] == sorted({week for _, week in weeks})[-2:]
    assert two["total"]["raised"] == sum(
        n for (_, week), n in weeks.items() if week in two["weeks"]
    )
    assert len(got(ask_alerts.get("/v1/alerts/report"))["weeks"]) == 12


def test_one_rule_may_be_asked_for(ask_alerts: httpx.Client) -> None:
    whole, one = told_report(ask_alerts), told_report(ask_alerts, rule="late")
    assert [each["rule"] for each in one["by_rule"]] == ["late"]
    assert one["total"] == of_rule(whole, "late")
    assert {each["rule"] for each in one["by_week"]} == {"late"}
    for same in ("rules", "budgets", "endpoints", "weeks"):
        assert one[same] == whole[same]


def test_the_rules_of_the_policy_come_with_their_names(ask_alerts: httpx.Client) -> None:
    rules = {each["name"]: each for each in told_report(ask_alerts)["rules"]}
    assert list(rules) == ["slipping", "late", "back", "quiet"]
    assert rules["slipping"] == {
        "name": "slipping",
        "label": {"en": "Slipping away", "zh": "正在流失"},
        "kind": "churn.risk_raised",
        "level": 0.6,
        "channel": "email",
        "daily_budget": 2,
    }
    assert rules["late"]["label"] == {"en": "<b>Late</b>", "zh": "<b>Late</b>"}
    assert rules["back"]["label"] == {"en": "back", "zh": "已回归"}
    assert rules["quiet"]["channel"] is None


def test_the_places_of_today_are_told(ask_alerts: httpx.Client, alert_house: AlertHouse) -> None:
    today = day_of(alert_house.now_ms, POLICY.timezone)
    decided = Counter(
        (each.rule, each.decision)
        for each in alert_house.records
        if each.decided_ms and day_of(each.decided_ms, POLICY.timezone) == today
    )
    assert told_report(ask_alerts)["budgets"] == [
        {
            "rule": rule,
            "places": places,
            "taken": decided[rule, Decision.SENT] + decided[rule, Decision.HELD_OUT],
            "left_out": decided[rule, Decision.OVER_BUDGET],
        }
        for rule, places in (("slipping", 2), ("back", 5))
    ]
    assert decided["back", Decision.SENT] + decided["back", Decision.HELD_OUT] > 0


def test_receivers_are_told_by_name_and_health_and_never_by_address(
    ask_alerts: httpx.Client, alert_house: AlertHouse
) -> None:
    answer = ask_alerts.get("/v1/alerts/report")
    crm, gone, slow = got(answer)["endpoints"]
    told = [each for each in alert_house.records if each.decision is Decision.SENT]
    sent, void = Counter(each.rule for each in told), [each for each in told if each.retracted_ms]
    assert (crm["name"], crm["delivered"]) == ("crm", len(told) + len(void))  # void ones are told
    assert (crm["disabled"], crm["paused_until"], crm["dead"]) == (False, None, 0)
    assert (gone["name"], gone["disabled"], gone["waiting"]) == ("gone", True, sent["late"])
    assert (slow["name"], slow["disabled"], slow["delivered"]) == ("slow", False, 0)
    assert slow["paused_until"] > rfc3339(alert_house.now_ms)
    assert slow["dead"] > 0
    for secret in ("example.com", "https:", "as it is"):
        assert secret not in answer.text
