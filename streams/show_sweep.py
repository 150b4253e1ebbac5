"""The values of a setting for people: what each would bring, rule by rule, and the curve.

Enters: a sweep as JSON. Leaves: tables and sentences. Forbidden here: printing, working out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.show_alerts import rate
from streams.show_compare import figures

BAR = 24


def swept_shown(told: Mapping[str, Any]) -> RenderableType:
    """A table a rule, and one of segments."""
    parts: list[RenderableType] = [*map(Text, _head(told))]
    for rule in told["rules"]:
        parts += ["", Text(rule, style="bold"), *_rule(told, rule)]
    if not told["rules"]:
        parts += ["", Text("there are no alert rules, so no precision and no lead")]
    return Group(*parts, "", *_segments(told), "", *map(Text, _notes(told)))


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['key']} in {told['name']}, now {told['now']}: {len(told['points'])} values"
    yield f"on {told['source']}: {told['events']:,} events, {told['from']} to {told['to']}"


def _rule(told: Mapping[str, Any], rule: str) -> Iterator[RenderableType]:
    found = unmoved(told, rule)
    if found is None:
        yield rule_table(told, rule)
    else:
        count = f"{found['alerts']:,} alert{'' if found['alerts'] == 1 else 's'}"
        yield Text(f"the same under every value: {count}, {rate(found['precision'])} right")


def unmoved(told: Mapping[str, Any], rule: str) -> Mapping[str, Any] | None:
    """What a rule brings, if that is the same under every value; else None."""
    first, *others = (each["alerts"].get(rule) for each in told["points"])
    found: Mapping[str, Any] | None = first
    return found if all(each == first for each in others) else None


def rule_table(told: Mapping[str, Any], rule: str) -> Table:
    """A line a value; the bar is the precision."""
    columns = (told["key"].rpartition(".")[2], "alerts", "a week", "judged", "right (95 %)")
    table = Table(*columns, "silent", "lead", "at stake", "", box=None, pad_edge=False)
    for column in table.columns[:-1]:
        column.justify = "right"
    for each in told["points"]:
        found = each["alerts"].get(rule)
        cells = figures(found, told["currency"])
        cells += [""] * (7 - len(cells))
        table.add_row(*(str(each["value"]), *cells, bar_of(found)), style=_style(told, each))
    return table


def bar_of(told: Mapping[str, Any] | None) -> str:
    """Precision as a bar.

    >>> bar_of({"precision": {"value": 0.25}}), bar_of(None)
    ('██████', '')
    """
    if told is None or told["precision"] is None:
        return ""
    share: float = told["precision"]["value"]
    return "█" * round(BAR * share)


def _style(told: Mapping[str, Any], point: Mapping[str, Any]) -> str | None:
    return "bold" if point["value"] == told["now"] else None


def varying(told: Mapping[str, Any]) -> list[str]:
    """The segments whose size at the end depends on the value."""
    points = told["points"]
    return [
        name for name in told["segments"] if len({each["segments"][name] for each in points}) > 1
    ]


def _segments(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    names = varying(told)
    if not names:
        yield Text(f"As {told['to']} ended all segments have the same size under every value.")
        return
    yield Text(f"Segments, in customers as {told['to']} ended:", style="bold")
    yield segments_table(told["points"], names)
    yield Text(f"{len(told['segments']) - len(names)} segments are the same under every value.")


def segments_table(points: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    """A line a segment, a column a value."""
    table = Table("segment", *(str(each["value"]) for each in points), box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in names:
        table.add_row(name, *(f"{each['segments'][name]:,}" for each in points))
    return table


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    if told["rules"]:
        yield "- right, and the bar: nothing was bought within the horizon, of those judged"
        yield "- silent, lead: mean days of right alerts, since the last purchase and until churned"
        yield "- budgets, holdout, consent and the frequency cap leave fewer alerts to send"
    if all(each["value"] != told["now"] for each in told["points"]):
        yield f"- the value in the file, {told['now']}, is not among them"
