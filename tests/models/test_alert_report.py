"""The report on alerts: ten of them worked out by hand, and verdicts no bolder than their numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.alert_ledger import BinSums, Key, Sums, counted
from models.alert_record import AlertOutcome, AlertRecord, Arm, Decision, Group
from models.alert_report import Figures, Rate, figures_of, report
from models.intervals import Share
from models.scores import Bin

DAY = date(2026, 1, 28).toordinal()


def alert(
    decision: Decision,
    percent: int | None,
    silence_days: int | None,
    churned_after: int | None,
    outcome: tuple[int | None, int] | None,
) -> AlertRecord:
    """An outcome is (returned after days, spent)."""
    return AlertRecord(
        alert_id="a",
        rule="slipping",
        kind="risk",
        customer_id="c",
        raised_ms=0,
        day=DAY,
        horizon_days=28,
        probability_ppm=None if percent is None else 10_000 * percent,
        at_stake_minor=5_000,
        silence_days=silence_days,
        churned_day=None if churned_after is None else DAY + churned_after,
        arm=Arm.TREATED,
        decision=decision,
        outcome=outcome and _outcome(*outcome),
    )


def _outcome(after_days: int | None, spent_minor: int) -> AlertOutcome:
    if after_days is None:
        return AlertOutcome(None, 0, spent_minor)
    return AlertOutcome(DAY + after_days, 1, spent_minor)


TEN = (
    alert(Decision.SENT, 90, 20, 10, (None, 0)),
    alert(Decision.SENT, 80, 30, 20, (2, 1_000)),
    alert(Decision.SENT, 70, 40, 25, (4, 3_000)),
    alert(Decision.SENT, 55, 10, 40, None),
    alert(Decision.HELD_OUT, 90, 22, 14, (None, 0)),
    alert(Decision.HELD_OUT, 60, 24, 12, (None, 0)),
    alert(Decision.HELD_OUT, 85, 26, 11, (6, 2_000)),
    alert(Decision.OVER_BUDGET, 40, 12, 30, (None, 0)),
    alert(Decision.BLOCKED, None, None, None, (None, -500)),
    alert(Decision.CLEARED, 95, 21, 9, (0, 500)),
)


@pytest.fixture
def of_ten() -> Figures:
    return report(counted(TEN)).total


def share_of(rate: Rate | None) -> tuple[int, int]:
    assert rate is not None
    return rate.share


def test_ten_alerts_were_right_as_often_as_counted_by_hand(of_ten: Figures) -> None:
    assert (of_ten.raised, of_ten.resolved) == (10, 9)
    assert share_of(of_ten.precision) == (5, 9)
    assert share_of(of_ten.precision_untreated) == (4, 6)
    by_group = {each.group: share_of(each.precision) for each in of_ten.groups}
    assert by_group == {"treated": (1, 3), "held_out": (2, 3), "not_sent": (2, 3)}


def test_ten_alerts_were_early_as_counted_by_hand(of_ten: Figures) -> None:
    assert of_ten.silence_days == (20 + 22 + 24 + 12) / 4
    assert of_ten.lead_days == (10 + 14 + 12 + 30) / 4


def test_a_share_comes_with_wilsons_interval(of_ten: Figures) -> None:
    assert of_ten.precision is not None
    interval = of_ten.precision.interval
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2667, 0.8112)
    theirs = binomtest(5, 9).proportion_ci(method="wilson")
    assert tuple(interval) == pytest.approx((theirs.low, theirs.high))


def test_ten_probabilities_were_off_by_what_is_worked_out_by_hand(of_ten: Figures) -> None:
    calibration = of_ten.calibration
    assert calibration is not None
    assert (calibration.alerts, calibration.lost) == (8, 0.5)
    assert calibration.predicted == pytest.approx(0.7625)
    # Bins of .4, .6, .7, .8 and .85, .9 twice and .95: distances .6, .4, .7, 1.65, .75.
    assert calibration.ece == pytest.approx(4.10 / 8)
    assert calibration.bins[5] == Bin(0, 0.0, 0.0)
    assert tuple(calibration.bins[8]) == pytest.approx((2, 0.825, 0.0))
    assert tuple(calibration.bins[9]) == pytest.approx((3, 2.75 / 3, 2 / 3))


def test_calibration_is_also_told_of_who_was_left_alone(of_ten: Figures) -> None:
    untreated = of_ten.calibration_untreated
    assert untreated is not None
    assert (untreated.alerts, untreated.lost) == (5, 3 / 5)
    assert untreated.predicted == pytest.approx((0.9 + 0.6 + 0.85 + 0.4 + 0.95) / 5)


def test_ten_alerts_brought_back_what_is_worked_out_by_hand(of_ten: Figures) -> None:
    treated, held_out, _ = of_ten.groups
    assert (share_of(treated.won_back), share_of(held_out.won_back)) == ((2, 3), (1, 3))
    assert (treated.days_to_return, held_out.days_to_return) == (3.0, 6.0)
    assert (treated.spent_minor, held_out.spent_minor) == (4_000 / 3, 2_000 / 3)
    lift = of_ten.lift
    assert lift is not None
    assert lift.won_back == pytest.approx(1 / 3)
    assert lift.returns == pytest.approx(1.0)
    assert lift.spent_minor == pytest.approx(2_000 / 3)
    assert tuple(lift.returns_interval) == pytest.approx([3 * b for b in lift.won_back_interval])
    # Welch: means 1333.3 and 666.7, variances 7/3 and 4/3 million, 3.72 degrees of freedom; t is 2.86.
    assert lift.spent_interval is not None
    assert tuple(lift.spent_interval) == pytest.approx((-2_495.0, 3_828.3), abs=0.1)


def test_of_three_held_out_nothing_is_concluded(of_ten: Figures) -> None:
    assert of_ten.verdict == (
        "too_few_held_out",
        "too few held out to tell",
        "对照组人数太少，尚无法判断",
        "3 have an outcome, 30 are needed",
        "已有结果的有 3 个，至少需要 30 个",
    )


def test_what_no_alert_has_shown_is_not_told() -> None:
    nothing = report({})
    assert (nothing.rules, nothing.weeks) == ((), ())
    total = nothing.total
    assert (total.raised, total.resolved, total.precision, total.precision_untreated) == (
        *(0, 0, None, None),
    )
    assert (total.silence_days, total.lead_days, total.calibration, total.lift) == (None,) * 4
    assert [each.spent_minor for each in total.groups] == [None, None, None]
    assert total.verdict.english == "too few held out to tell"


def raised(rule: str, week: str, group: Group, count: int) -> tuple[Key, Sums]:
    return Key(rule, week, group), Sums(raised=count)


THREE_WEEKS = dict(
    (
        raised("slipping", "2026-W05", "treated", 1),
        raised("slipping", "2026-W05", "held_out", 2),
        raised("slipping", "2026-W06", "treated", 4),
        raised("big_spender", "2025-W52", "not_sent", 8),
        raised("big_spender", "2026-W06", "treated", 16),
    )
)


def lines(rule: str | None = None, weeks: list[str] | None = None) -> dict[str, Any]:
    said = report(THREE_WEEKS, rule, weeks)
    each = {(line.rule, line.week): line.figures.raised for line in (*said.rules, *said.weeks)}
    return {"total": said.total.raised, **{f"{name} {week}": n for (name, week), n in each.items()}}


def test_figures_are_told_by_rule_by_week_and_in_total() -> None:
    assert lines() == {
        "total": 31,
        "big_spender None": 24,
        "slipping None": 7,
        "big_spender 2025-W52": 8,
        "big_spender 2026-W06": 16,
        "slipping 2026-W05": 3,
        "slipping 2026-W06": 4,
    }


def test_one_rule_or_some_weeks_can_be_asked_about() -> None:
    assert lines("slipping", ["2026-W06"]) == {
        "total": 4,
        "slipping None": 4,
        "slipping 2026-W06": 4,
    }
    assert lines(weeks=["2025-W52"]) == {
        "total": 8,
        "big_spender None": 8,
        "big_spender 2025-W52": 8,
    }
    assert lines("unheard_of") == {"total": 0}
    assert lines(weeks=[]) == {"total": 0}


def arms(treated: tuple[int, int], held_out: tuple[int, int]) -> Figures:
    """Each (returned, resolved)."""
    return figures_of(
        {
            Key("slipping", "2026-W05", "treated"): Sums(treated[1], treated[1], treated[0]),
            Key("slipping", "2026-W05", "held_out"): Sums(held_out[1], held_out[1], held_out[0]),
        }
    )


@pytest.mark.parametrize(
    ("treated", "held_out", "words"),
    [
        ((600, 1_000), (40, 100), "alerts bring customers back"),
        ((40, 100), (600, 1_000), "alerts drive customers away"),
        ((510, 1_000), (50, 100), "no difference can be seen"),
        ((0, 100), (0, 100), "no difference can be seen"),
        ((100, 100), (0, 29), "too few held out to tell"),
        ((100, 100), (0, 30), "alerts bring customers back"),
        ((29, 29), (0, 100), "too few sent to tell"),
        ((30, 30), (0, 100), "alerts bring customers back"),
        ((0, 0), (0, 100), "too few sent to tell"),
        ((29, 29), (0, 29), "too few held out to tell"),
    ],
)
def test_a_verdict_needs_thirty_on_both_sides_and_an_interval_without_0(
    treated: tuple[int, int], held_out: tuple[int, int], words: str
) -> None:
    assert arms(treated, held_out).verdict.english == words


def test_a_verdict_says_what_it_is_read_from_in_two_languages() -> None:
    verdict = arms((56, 70), (48, 80)).verdict
    assert verdict.english == "alerts bring customers back"
    assert verdict.chinese == "预警挽回了客户"
    assert verdict.why_english == (
        "80.0% of the treated returned, 60.0% of the held out: +5.2 to +33.4 points"
    )
    assert verdict.why_chinese == "触达组回购率 80.0%，对照组 60.0%，差异为 +5.2 至 +33.4 个百分点"


def test_returns_are_counted_of_who_was_told() -> None:
    lift = arms((56, 70), (48, 80)).lift
    assert lift is not None
    assert lift.won_back == pytest.approx(0.2)
    assert lift.returns == pytest.approx(14)
    assert tuple(lift.returns_interval) == pytest.approx((70 * 0.0524, 70 * 0.3339), abs=0.01)


def test_spend_without_spread_has_a_difference_and_no_interval() -> None:
    lift = arms((56, 70), (48, 80)).lift
    assert lift is not None
    assert (lift.spent_minor, lift.spent_interval) == (0.0, None)


COUNTS = st.integers(0, 200).flatmap(
    lambda resolved: st.tuples(st.integers(0, resolved), st.just(resolved))
)


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS)
def test_a_verdict_never_says_more_than_the_interval(
    treated: tuple[int, int], held_out: tuple[int, int]
) -> None:
    said = arms(treated, held_out)
    claims = said.verdict.finding in {"brings_back", "drives_away"}
    if claims:
        assert said.lift is not None
        assert said.lift.won_back_interval.excludes(0)
        assert min(treated[1], held_out[1]) >= 30
        assert (said.lift.won_back > 0) == (said.verdict.finding == "brings_back")
    turned = arms(held_out, treated)
    assert claims == (turned.verdict.finding in {"brings_back", "drives_away"})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1_000_000), st.booleans()), min_size=1, max_size=40))
def test_the_calibration_error_lies_between_the_gap_of_means_and_1(
    pairs: list[tuple[int, bool]],
) -> None:
    bins = [[each for each in pairs if min(9, each[0] // 100_000) == place] for place in range(10)]
    sums = Sums(
        len(pairs),
        len(pairs),
        sum(not lost for _, lost in pairs),
        bins=tuple(
            BinSums(len(each), sum(ppm for ppm, _ in each), sum(lost for _, lost in each))
            for each in bins
        ),
    )
    calibration = figures_of({Key("slipping", "2026-W05", "held_out"): sums}).calibration
    assert calibration is not None
    gap = abs(calibration.predicted - calibration.lost)
    assert gap - 1e-9 <= calibration.ece <= 1 + 1e-9
    assert Share(sums.right, sums.resolved).value == calibration.lost
