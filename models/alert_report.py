"""What the ledger of alerts says: were they right, were they early, did they bring anybody back.

An alert is right if its customer did not return within the horizon. Who was told is acted upon, and
may return because of it: of those, an alert that did its work looks wrong. So precision and calibration
are given over all, and over the untreated, who show what the prediction was worth. What telling is
worth is the difference between who was told and who was held out, by chance, though an alert was due.

Only outcomes count that are known, and they are known when a horizon has ended: the newest weeks
have raised alerts, and no shares yet. Enters: the ledger. Leaves: figures with 95 % intervals, and
a verdict in English and simplified Chinese. Forbidden here: records, the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from models.alert_ledger import Key, Ledger, Sums, together
from models.alert_record import CERTAIN_PPM, GROUPS, Group
from models.intervals import (
    Interval,
    Moments,
    Share,
    mean_difference,
    share_difference,
    share_interval,
)
from models.scores import Bin

# Outcomes in each group without which no verdict is given. With 30 a side and every other customer
# returning, the interval reaches 24 points to both sides: "no difference" from fewer would be said
# of differences that no campaign makes. Means of spend, too, are about normal only from there on.
LEAST_RESOLVED = 30

Finding = Literal[
    "too_few_treated", "too_few_held_out", "no_difference", "brings_back", "drives_away"
]
_IN_WORDS: dict[Finding, tuple[str, str]] = {
    "too_few_treated": ("too few sent to tell", "已发送的预警太少，尚无法判断"),
    "too_few_held_out": ("too few held out to tell", "对照组人数太少，尚无法判断"),
    "no_difference": ("no difference can be seen", "看不出差异"),
    "brings_back": ("alerts bring customers back", "预警挽回了客户"),
    "drives_away": ("alerts drive customers away", "预警反而赶走了客户"),
}


class Rate(NamedTuple):
    """A share of alerts and its interval (Wilson)."""

    share: Share
    interval: Interval


class Calibration(NamedTuple):
    """Probabilities against what came.

    Attributes:
        alerts: resolved, with a probability.
        predicted: mean probability of being lost.
        lost: share that was.
        ece: expected calibration error, over ten bins (Naeini, Cooper & Hauskrecht 2015).
        bins: the table.
    """

    alerts: int
    predicted: float
    lost: float
    ece: float
    bins: tuple[Bin, ...]


class GroupFigures(NamedTuple):
    """Alerts that were sent, held out or not sent.

    Attributes:
        group: which.
        raised: alerts.
        resolved: with an outcome.
        precision: right ÷ resolved; None: none is resolved.
        won_back: returned ÷ resolved; None likewise.
        days_to_return: mean over the returned, from the alert; None: nobody returned.
        spent_minor: mean within the horizon, per resolved alert; None: none is resolved.
    """

    group: Group
    raised: int
    resolved: int
    precision: Rate | None
    won_back: Rate | None
    days_to_return: float | None
    spent_minor: float | None


class Lift(NamedTuple):
    """Who was told less who was held out.

    Attributes:
        won_back: difference of the shares that returned.
        won_back_interval: its interval (Newcombe).
        returns: how many returned because they were told: the difference × the treated.
        returns_interval: the same bounds as a number of customers.
        spent_minor: difference of mean spend within the horizon, per alert.
        spent_interval: its interval (Welch), minor units; None: nothing can be said.
    """

    won_back: float
    won_back_interval: Interval
    returns: float
    returns_interval: Interval
    spent_minor: float
    spent_interval: Interval | None


class Verdict(NamedTuple):
    """Whether alerts do anything, and what that is read from.

    A difference is seen if its interval excludes 0. Of twenty lines about alerts that do nothing,
    one shows one: a single week proves little.
    """

    finding: Finding
    english: str
    chinese: str
    why_english: str
    why_chinese: str


class Figures(NamedTuple):
    """What some alerts come to.

    Attributes:
        raised: alerts that were decided upon.
        resolved: of them, with an outcome.
        groups: the same by what was done: treated, held out, not sent.
        precision: right ÷ resolved, over all.
        precision_untreated: over who was held out or not sent: nothing was done about them.
        silence_days: mean from the last purchase to the alert, over right ones.
        lead_days: mean from the alert to when they would be called churned, over right ones.
        calibration: over all.
        calibration_untreated: over who was held out or not sent.
        lift: None: no outcome is known of who was told, or of who was held out.
        verdict: whether there is any.
    """

    raised: int
    resolved: int
    groups: tuple[GroupFigures, ...]
    precision: Rate | None
    precision_untreated: Rate | None
    silence_days: float | None
    lead_days: float | None
    calibration: Calibration | None
    calibration_untreated: Calibration | None
    lift: Lift | None
    verdict: Verdict


class Line(NamedTuple):
    """A line of the report; `week` is None in a rule's total."""

    rule: str
    week: str | None
    figures: Figures


class AlertReport(NamedTuple):
    """All that was asked about, by rule, and by rule and week; in order of their names."""

    total: Figures
    rules: tuple[Line, ...]
    weeks: tuple[Line, ...]


def report(
    ledger: Ledger, rule: str | None = None, weeks: Collection[str] | None = None
) -> AlertReport:
    """Figures from a ledger.

    Args:
        ledger: sums by rule, week and group.
        rule: only this one; None: all.
        weeks: only alerts raised in these ISO weeks, as 2026-W05; None: all.
    """
    asked = {
        key: sums
        for key, sums in ledger.items()
        if rule in {None, key.rule} and (weeks is None or key.week in weeks)
    }
    rules = sorted({key.rule for key in asked})
    places = sorted({(key.rule, key.week) for key in asked})
    return AlertReport(
        figures_of(asked),
        tuple(Line(name, None, figures_of(_only(asked, name))) for name in rules),
        tuple(Line(name, week, figures_of(_only(asked, name, week))) for name, week in places),
    )


def _only(ledger: Ledger, rule: str, week: str | None = None) -> dict[Key, Sums]:
    return {
        key: sums for key, sums in ledger.items() if key.rule == rule and week in {None, key.week}
    }


def figures_of(ledger: Ledger) -> Figures:
    """Of everything in a ledger, as if it were one rule and one week."""
    by_group = {
        each: together(sums for key, sums in ledger.items() if key.group == each) for each in GROUPS
    }
    treated, held_out, not_sent = by_group.values()
    everybody, untreated = together(by_group.values()), held_out.plus(not_sent)
    lift = _lift(treated, held_out)
    return Figures(
        everybody.raised,
        everybody.resolved,
        tuple(_group_figures(name, sums) for name, sums in by_group.items()),
        _rate(everybody.right, everybody.resolved),
        _rate(untreated.right, untreated.resolved),
        _mean(everybody.silence_days, everybody.silences),
        _mean(everybody.lead_days, everybody.leads),
        _calibration(everybody),
        _calibration(untreated),
        lift,
        _verdict(treated, held_out, lift),
    )


def _group_figures(name: Group, sums: Sums) -> GroupFigures:
    return GroupFigures(
        name,
        sums.raised,
        sums.resolved,
        _rate(sums.right, sums.resolved),
        _rate(sums.returned, sums.resolved),
        _mean(sums.days_to_return, sums.returned),
        _mean(sums.spent_minor, sums.resolved),
    )


def _mean(total: int, count: int) -> float | None:
    return total / count if count else None


def _rate(hits: int, of: int) -> Rate | None:
    return Rate(Share(hits, of), share_interval(Share(hits, of))) if of else None


def _calibration(sums: Sums) -> Calibration | None:
    alerts, lost = sums.predicted, sum(each.lost for each in sums.bins)
    if not alerts:
        return None
    bins = tuple(_bin(*each) for each in sums.bins)
    return Calibration(
        alerts,
        sums.predicted_ppm / alerts / CERTAIN_PPM,
        lost / alerts,
        sum(each.customers * abs(each.predicted - each.lost) for each in bins) / alerts,
        bins,
    )


def _bin(alerts: int, predicted_ppm: int, lost: int) -> Bin:
    size = max(1, alerts)
    return Bin(alerts, predicted_ppm / size / CERTAIN_PPM, lost / size)


def _lift(treated: Sums, held_out: Sums) -> Lift | None:
    if not treated.resolved or not held_out.resolved:
        return None
    told, kept = (Share(each.returned, each.resolved) for each in (treated, held_out))
    interval, difference = share_difference(told, kept), told.value - kept.value
    spent, spent_held_out = _spend(treated), _spend(held_out)
    return Lift(
        difference,
        interval,
        difference * told.of,
        Interval(interval.low * told.of, interval.high * told.of),
        spent.mean - spent_held_out.mean,
        mean_difference(spent, spent_held_out),
    )


def _spend(sums: Sums) -> Moments:
    return Moments(sums.resolved, sums.spent_minor, sums.spent_squared)


def _verdict(treated: Sums, held_out: Sums, lift: Lift | None) -> Verdict:
    if lift is None or min(treated.resolved, held_out.resolved) < LEAST_RESOLVED:
        few_held_out = held_out.resolved < LEAST_RESOLVED
        count = held_out.resolved if few_held_out else treated.resolved
        return Verdict(
            *_worded("too_few_held_out" if few_held_out else "too_few_treated"),
            f"{count} have an outcome, {LEAST_RESOLVED} are needed",
            f"已有结果的有 {count} 个，至少需要 {LEAST_RESOLVED} 个",
        )
    return Verdict(*_worded(_finding(lift)), *_read_from(treated, held_out, lift))


def _worded(finding: Finding) -> tuple[Finding, str, str]:
    return (finding, *_IN_WORDS[finding])


def _finding(lift: Lift) -> Finding:
    if not lift.won_back_interval.excludes(0):
        return "no_difference"
    return "brings_back" if lift.won_back > 0 else "drives_away"


def _read_from(treated: Sums, held_out: Sums, lift: Lift) -> Iterable[str]:
    told, kept = (f"{each.returned / each.resolved:.1%}" for each in (treated, held_out))
    low, high = (f"{100 * bound:+.1f}" for bound in lift.won_back_interval)
    yield f"{told} of the treated returned, {kept} of the held out: {low} to {high} points"
    yield f"触达组回购率 {told}，对照组 {kept}，差异为 {low} 至 {high} 个百分点"
