"""The report on alerts as the API tells it: figures in, JSON out. Forbidden here: working anything out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.alert_report import (
    AlertReport,
    Calibration,
    Figures,
    GroupFigures,
    Lift,
    Line,
    Rate,
    Verdict,
)
from models.intervals import Interval
from models.policy_alerts import AlertRule

DIGITS = 4  # of shares; days and money have two


def report_as_json(found: AlertReport) -> dict[str, Any]:
    """A report; bins of calibrations are told of totals alone."""
    return {
        "total": figures_as_json(found.total),
        "by_rule": [_line(each) for each in found.rules],
        "by_week": [_line(each) for each in found.weeks],
    }


def figures_as_json(figures: Figures, *, bins: bool = True) -> dict[str, Any]:
    """What some alerts come to."""
    return {
        "raised": figures.raised,
        "resolved": figures.resolved,
        "groups": [_group(each) for each in figures.groups],
        "precision": _rate(figures.precision),
        "precision_untreated": _rate(figures.precision_untreated),
        "silence_days": _mean(figures.silence_days),
        "lead_days": _mean(figures.lead_days),
        "calibration": _calibration(figures.calibration, bins=bins),
        "calibration_untreated": _calibration(figures.calibration_untreated, bins=bins),
        "lift": _lift(figures.lift),
        "verdict": _verdict(figures.verdict),
    }


def alert_rule_as_json(name: str, rule: AlertRule) -> dict[str, Any]:
    """A rule of the policy; without a label it is called by its name."""
    english = rule.label or name
    return {
        "name": name,
        "label": {"en": english, "zh": rule.label_zh or english},
        "kind": rule.on,
        "level": rule.level,
        "channel": rule.channel or None,
        "daily_budget": rule.daily_budget,
    }


def _line(line: Line) -> dict[str, Any]:
    if line.week is None:
        return {"rule": line.rule, "figures": figures_as_json(line.figures)}
    return {
        "rule": line.rule,
        "week": line.week,
        "figures": figures_as_json(line.figures, bins=False),
    }


def _group(group: GroupFigures) -> dict[str, Any]:
    return {
        "group": group.group,
        "raised": group.raised,
        "resolved": group.resolved,
        "precision": _rate(group.precision),
        "won_back": _rate(group.won_back),
        "days_to_return": _mean(group.days_to_return),
        "spent_minor": _mean(group.spent_minor),
    }


def _rate(rate: Rate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {
        "hits": rate.share.hits,
        "of": rate.share.of,
        **_estimate(rate.share.value, rate.interval, DIGITS),
    }


def _calibration(found: Calibration | None, *, bins: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    told = [
        {
            "alerts": each.customers,
            "predicted": round(each.predicted, DIGITS),
            "lost": round(each.lost, DIGITS),
        }
        for each in found.bins
    ]
    return {
        "alerts": found.alerts,
        "predicted": round(found.predicted, DIGITS),
        "lost": round(found.lost, DIGITS),
        "ece": round(found.ece, DIGITS),
        "bins": told if bins else None,
    }


def _lift(lift: Lift | None) -> dict[str, Any] | None:
    if lift is None:
        return None
    return {
        "won_back": _estimate(lift.won_back, lift.won_back_interval, DIGITS),
        "returns": _estimate(lift.returns, lift.returns_interval, 2),
        "spent_minor": _estimate(lift.spent_minor, lift.spent_interval, 2),
    }


def _estimate(value: float, interval: Interval | None, digits: int) -> Mapping[str, Any]:
    return {
        "value": round(value, digits),
        "low": None if interval is None else round(interval.low, digits),
        "high": None if interval is None else round(interval.high, digits),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "finding": verdict.finding,
        "says": {"en": verdict.english, "zh": verdict.chinese},
        "why": {"en": verdict.why_english, "zh": verdict.why_chinese},
    }


def _mean(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
