"""What would change for sixty shoppers: sizes, customers with why, alerts; windows; nothing at all."""

from __future__ import annotations

import asyncio
from datetime import date
from io import StringIO
from itertools import islice

import pytest
from rich.console import Console

from models.alert_pairs import KINDS
from models.comparing import Window
from models.policy import policy_from_toml
from streams.compare import Asked, NothingToCompare, Party, compared, why_not_together
from streams.compare_json import compared_as_json
from streams.show_compare import compared_shown
from streams.show_sweep import swept_shown
from tests.streams.compared_shop import NEW, NOW, curve, found, told
from tests.streams.shoppers_file import DAYS, PEOPLE, shoppers

FEW = 150  # events, where few will do


def shown(what: object) -> str:
    text = StringIO()
    Console(width=200, file=text).print(what)
    return text.getvalue()


def test_each_segment_has_a_size_for_every_day_and_all_customers_are_in_a_lifecycle() -> None:
    says = told()
    lives = [each for each in says["segments"] if each["segment"].startswith("lifecycle/")]
    for side in "ab":
        by_day = zip(*(each["series"][side] for each in lives), strict=True)
        totals = [sum(each) for each in by_day]
        assert totals == sorted(totals)
        assert totals[-1] == PEOPLE
    assert len(says["days"]) == len(says["segments"][0]["series"]["a"]) == DAYS
    assert (says["from"], says["to"]) == (says["days"][0], says["days"][-1])


def test_the_moves_of_customers_add_up_to_the_change_of_sizes() -> None:
    says = told()
    for each in says["segments"]:
        name, moves = each["segment"], says["customers"]["moves"]
        entered = sum(move["customers"] for move in moves if move["b"] == name)
        left = sum(move["customers"] for move in moves if move["a"] == name)
        assert each["b"] - each["a"] == entered - left, name


def test_why_is_told_under_both_policies() -> None:
    moves = {(each["a"], each["b"]): each for each in told()["customers"]["moves"]}
    [example, *_] = moves["lifecycle/dormant", "lifecycle/churned"]["examples"]
    who = example["customer_id"]
    assert any(each.startswith("Silent for ") for each in example["why"]["both"])
    assert any(each.startswith(f"{who} is dormant since") for each in example["why"]["a"])
    assert any("Churned after more than 84 days" in each for each in example["why"]["a"])
    assert any("Churned after more than 40 days" in each for each in example["why"]["b"])
    [big, *_] = moves[None, "rule/big"]["examples"]
    assert big["why"]["a"][0].startswith('Not in "Big & loyal <b>" because spend_90d is ')
    assert big["why"]["b"][0].startswith('In "Big & loyal <b>" because spend_90d is ')
    [listed, *_] = moves["risk/high", "risk/low"]["examples"]
    assert listed["why"]["a"][-1].startswith("Band high: ")
    assert listed["why"]["b"][-1] == "Listed under risk low until they are next looked at."


def test_every_alert_is_the_same_earlier_later_missed_or_new() -> None:
    for rule in told()["alerts"]:
        counts = {kind: rule["silences"][kind]["alerts"] for kind in KINDS}
        both = counts["same_day"] + counts["earlier"] + counts["later"]
        assert (rule["a"] or {"alerts": 0})["alerts"] == both + counts["missed"]
        assert rule["b"]["alerts"] == both + counts["new"]
        for side in "ab":
            if rule[side] is not None:
                weekly = [week[side]["alerts"] for week in rule["weeks"]]
                assert sum(weekly) == rule[side]["alerts"]


def test_an_overdue_of_fewer_days_comes_that_much_earlier_and_a_new_rule_is_new() -> None:
    gone, overdue = told()["alerts"]
    assert (gone["rule"], gone["a"]) == ("gone", None)
    assert gone["silences"]["new"]["alerts"] == gone["b"]["alerts"] > 0
    assert overdue["silences"]["earlier"]["mean_days"] == 5.0
    assert overdue["silences"]["same_day"]["alerts"] == 0


def test_a_policy_differs_in_nothing_from_itself() -> None:
    same = found(NOW, NOW, events=FEW)
    assert not same.differs
    says = compared_as_json(same)
    assert (says["settings"], says["customers"]["differing"]) == ([], 0)
    text = " ".join(shown(compared_shown(says)).split())
    assert "The settings are the same." in text
    assert "Nothing differs: " in text
    assert f"{PEOPLE} customers end where they did" in text


def test_another_label_is_another_setting_and_brings_about_nothing_else() -> None:
    renamed = found(NOW, NOW.replace("Big & loyal", "Large"), events=FEW)
    assert not renamed.differs
    assert [each["key"] for each in compared_as_json(renamed)["settings"]] == ["segments.big.label"]


def test_a_window_reports_its_days_alone_and_the_past_before_is_exact() -> None:
    first, last = (date.fromisoformat(told()["days"][place]).toordinal() for place in (20, 40))
    whole, part = told(), compared_as_json(found(window=Window(first, last)))
    assert part["days"] == whole["days"][20:41]
    for name in ("lifecycle/active", "flag/overdue"):
        [one] = [each for each in whole["segments"] if each["segment"] == name]
        [other] = [each for each in part["segments"] if each["segment"] == name]
        assert other["series"]["b"] == one["series"]["b"][20:41]
        assert other["b"] == one["series"]["b"][40]


def test_what_came_of_the_alerts_of_a_window_is_read_on_for() -> None:
    first, last = (date.fromisoformat(told()["days"][place]).toordinal() for place in (20, 40))
    part = compared_as_json(found(window=Window(first, last)))
    [overdue] = [each for each in part["alerts"] if each["rule"] == "overdue"]
    assert overdue["b"]["alerts"] == overdue["b"]["judged"] > 0


@pytest.mark.parametrize(
    ("window", "said"), [(Window(900_000, None), "check --from and --to"), (Window(), "no event")]
)
def test_days_without_events_are_refused(window: Window, said: str) -> None:
    party = Party("a.toml", policy_from_toml(NOW))
    records = islice(shoppers(), FEW if window.first_day else 0)
    with pytest.raises(NothingToCompare, match=said):
        asyncio.run(compared(Asked(party, party, "x", window), records, lambda _: None, cores=1))


def test_policies_of_different_shops_are_not_compared() -> None:
    here, there = (
        policy_from_toml(f'preset = "grocery"\nbusiness.timezone = "{zone}"')
        for zone in ("UTC", "Asia/Tokyo")
    )
    assert why_not_together(here, here) is None
    assert "business.timezone is 'UTC' in the one" in str(why_not_together(here, there))


def test_people_read_what_differs_first() -> None:
    text = shown(compared_shown(told()))
    assert "lifecycle.dormant.fixed_days: 28.0 → 21.0" in text
    assert "segments are the same on every day." in text
    assert "B tells of " in text
    assert "earlier (5.0 days on average)" in text
    assert "no such rule" in text
    assert text.index("Settings that differ") < text.index("Segments, in customers")


def test_a_sweep_shows_the_trade_off_and_marks_what_varies() -> None:
    says = curve()
    volumes = [each["alerts"]["overdue"]["alerts"] for each in says["points"]]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] > volumes[-1] > 0
    text = shown(swept_shown(says))
    assert "lifecycle.overdue.fixed_days in a.toml, now 14.0: 3 values" in text
    assert "flag/overdue" in text
    assert "the value in the file, 14.0, is not among them" in text


def test_a_point_of_a_sweep_is_what_a_comparison_says_of_that_policy() -> None:
    [point] = [each for each in curve()["points"] if each["value"] == 9]
    one = NOW.replace('"fixed"', '"fixed"\noverdue.fixed_days = 9')
    [overdue] = compared_as_json(found(NOW, one))["alerts"]
    assert point["alerts"]["overdue"] == overdue["b"]


def test_the_new_policy_of_the_test_differs() -> None:
    assert NEW != NOW
    assert found().differs
