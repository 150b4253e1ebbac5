"""Levels for people: the curve as a table, the proposal marked, the lines for the policy's file.

Enters: a curve, a proposal. Leaves: tables, sentences, TOML. Forbidden here: printing, choosing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import tomli_w
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.alert_tuning import Point
from models.policy_alerts import AlertRule
from streams.show_alerts import rate
from streams.silences import Observed

SHOWN_EVERY_PPM = 50_000  # a line of the table for each twentieth
_IN_FULL = 1_000_000


class Tuned(NamedTuple):
    """What was asked, seen and found.

    Attributes:
        name: of the rule.
        rule: as it is, but for a horizon that was asked for.
        asked: in words.
        source: the file or data set; "": the records of alerts that were raised.
        observed: what the curve is of.
        curve: ascending by level.
        proposal: a point of it; None: none does what was asked.
        why_not: then, why.
    """

    name: str
    rule: AlertRule
    asked: str
    source: str
    observed: Observed
    curve: Sequence[Point]
    proposal: Point | None
    why_not: str


def tuned_as_json(tuned: Tuned) -> dict[str, Any]:
    """All of it."""
    observed, proposal = tuned.observed, tuned.proposal
    return {
        "rule": tuned.name,
        "horizon": tuned.rule.horizon,
        "level_now": tuned.rule.level,
        "asked": tuned.asked,
        "source": tuned.source or "alerts that were raised",
        "observed": {
            "from": date.fromordinal(observed.first_day).isoformat(),
            "to": date.fromordinal(observed.last_day).isoformat(),
            "days": observed.days,
            "silences": len(observed.paths),
            "looked_at": "every midnight" if tuned.source else "when an alert was raised",
        },
        "curve": [point_as_json(each) for each in tuned.curve if each.alerts],
        "proposal": None if proposal is None else point_as_json(proposal),
        "why_not": tuned.why_not or None,
        "toml": None if proposal is None else lines_for_file(tuned),
    }


def point_as_json(point: Point) -> dict[str, Any]:
    """A level and what it brings."""
    days = point.silence_days
    return {
        "level": point.level_ppm / _IN_FULL,
        "alerts_a_week": round(point.alerts_a_week, 2),
        "alerts": point.alerts,
        "judged": point.judged,
        "precision": _precision(point),
        "silence_days": None if days is None else round(days, 2),
    }


def _precision(point: Point) -> dict[str, float] | None:
    if point.precision is None or point.precision_interval is None:
        return None
    bounds = point.precision_interval._asdict()
    return {name: round(each, 4) for name, each in {"value": point.precision, **bounds}.items()}


def tuned_shown(tuned: Tuned) -> RenderableType:
    """The same for people, but for the lines for the file."""
    parts: list[RenderableType] = [*map(Text, _seen(tuned)), "", curve_table(tuned), ""]
    return Group(*parts, *map(Text, (f"- {each}" for each in _how_to_read(tuned))))


def _seen(tuned: Tuned) -> Iterator[str]:
    observed = tuned.observed
    count = f"{observed.days:,} day{'' if observed.days == 1 else 's'}"
    days = f"{count} from {date.fromordinal(observed.first_day).isoformat()} on"
    horizon = "each customer's own horizon" if tuned.rule.horizon == "own" else "the common horizon"
    if tuned.source:
        yield (
            f"{tuned.source}: {len(observed.paths):,} silences, looked at every midnight, "
            f"{days}; risk within {horizon}"
        )
    else:
        yield f"{len(observed.paths):,} alerts of {tuned.name}, {days}; risk within {horizon}"


def _how_to_read(tuned: Tuned) -> Iterator[str]:
    yield "right: nothing was bought within the horizon; silent: mean days since the last purchase, if right"
    if tuned.source:
        yield "a silence is told of once; cool-down, holdout, budget and the gate leave fewer to send"
        yield (
            "silences that had begun before a risk could be told are left out, so the first weeks "
            "count a few too little"
        )
        return
    yield (
        f"below {tuned.rule.level:g}, the level in force, nothing is known: the records hold a risk "
        "only as of the alert; for lower levels replay a history with --on"
    )
    yield (
        "above it those are missing that would have reached a level later: the volume is at least "
        "what stands here"
    )
    yield "who was told may have come back because of it, which makes the alert look wrong"


def curve_table(tuned: Tuned) -> Table:
    """Some levels, and the proposed one."""
    columns = ("level", "alerts a week", "alerts", "judged", "right (95 %)", "silent", "")
    table = Table(*columns, box=None, pad_edge=False)
    for column in table.columns[:-1]:
        column.justify = "right"
    for each in tuned.curve:
        is_proposed = each == tuned.proposal
        if each.alerts and (is_proposed or each.level_ppm % SHOWN_EVERY_PPM == 0):
            days = each.silence_days
            table.add_row(
                f"{each.level_ppm / _IN_FULL:.2f}",
                f"{each.alerts_a_week:,.1f}",
                f"{each.alerts:,}",
                f"{each.judged:,}",
                rate(_precision(each)),
                "—" if days is None else f"{days:.1f} d",
                f"◄ {tuned.asked}" if is_proposed else "",
                style="bold" if is_proposed else None,
            )
    return table


def lines_for_file(tuned: Tuned) -> str:
    """The rule at the proposed level, to stand in segmenter.toml instead of the present one."""
    assert tuned.proposal is not None
    level = tuned.proposal.level_ppm / _IN_FULL
    rule = tuned.rule.model_copy(update={"level": level})
    fields = rule.model_dump(mode="json", exclude_defaults=True)
    return tomli_w.dumps({"alerts": {"rules": {tuned.name: fields}}}).strip()
