"""A comparison of two policies for people: what differs first, what is the same in a line.

Enters: the comparison as JSON. Leaves: tables and sentences. Forbidden here: printing, working out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.amounts import money
from streams.show import printable
from streams.show_alerts import rate
from streams.show_policy import change_line

MOVES_SHOWN = 12
EXPLAINED = 6  # moves of which an example is explained
NOTHING = "—"
_BARS = " ▁▂▃▄▅▆▇█"


def compared_shown(told: Mapping[str, Any]) -> RenderableType:
    """All of it, on some screens."""
    parts: list[RenderableType] = [*map(Text, _head(told)), ""]
    if not told["differs"]:
        return Group(*parts, Text(_the_same(told), style="bold"))
    for section in (_segments(told), _customers(told), _alerts(told)):
        parts += [*section, ""]
    return Group(*parts, *map(Text, _notes(told)))


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    for side in "ab":
        yield f"{side.upper()}  {told[side]['name']} (version {told[side]['version']})"
    yield f"on {told['source']}: {told['events']:,} events, {told['from']} to {told['to']}"
    yield ""
    if told["settings"]:
        yield "Settings that differ, A → B:"
    else:
        yield "The settings are the same."
    for each in told["settings"]:
        change = {"key": each["key"], "before": each["a"], "after": each["b"]}
        yield f"  {change_line(change).strip()}"


def _the_same(told: Mapping[str, Any]) -> str:
    alerts = sum(each["a"]["alerts"] for each in told["alerts"] if each["a"])
    return (
        f"Nothing differs: {len(told['segments'])} segments have the same size on every day, "
        f"{told['customers']['looked_at']:,} customers end where they did, and {alerts:,} alerts "
        "are the same."
    )


def _segments(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    differing = [each for each in told["segments"] if each["differs"]]
    same = len(told["segments"]) - len(differing)
    yield Text(f"Segments, in customers as {told['to']} ended:", style="bold")
    if differing:
        yield segments_table(differing)
    yield Text(f"{same} segments are the same on every day." if differing else "All are the same.")


def segments_table(segments: Sequence[Mapping[str, Any]]) -> Table:
    """Those that differ; and the day on which they do most."""
    columns = ("segment", "A", "B", "change", "most on", "A", "B", "change")
    table = Table(*columns, box=None, pad_edge=False)
    for place in (1, 2, 3, 5, 6, 7):
        table.columns[place].justify = "right"
    for each in segments:
        then = each["largest"]
        table.add_row(
            each["segment"],
            *_numbers(each["a"], each["b"]),
            then["day"],
            *_numbers(then["a"], then["b"]),
        )
    return table


def _numbers(a: int, b: int) -> tuple[str, str, str]:
    return f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else "0"


def _customers(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    customers, moves = told["customers"], told["customers"]["moves"]
    differing = f"{customers['differing']:,} of {customers['looked_at']:,} customers"
    yield Text(f"{differing} stand elsewhere as {told['to']} ended.", style="bold")
    if moves:
        yield moves_table(moves[:MOVES_SHOWN])
    if len(moves) > MOVES_SHOWN:
        yield Text(f"{len(moves) - MOVES_SHOWN} rarer moves: --json has them all.")
    for move in moves[:EXPLAINED]:
        for example in move["examples"][:1]:
            yield ""
            yield from map(Text, _explained(move, example, told["currency"]))


def moves_table(moves: Sequence[Mapping[str, Any]]) -> Table:
    """How many made which move."""
    table = Table("under A", "under B", "customers", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for each in moves:
        table.add_row(each["a"] or NOTHING, each["b"] or NOTHING, f"{each['customers']:,}")
    return table


def _explained(move: Mapping[str, Any], example: Mapping[str, Any], currency: str) -> Iterator[str]:
    who = printable(example["customer_id"])
    spent = money(example["net_spend_minor"], currency)
    yield f"{move['a'] or NOTHING} → {move['b'] or NOTHING}, for example {who} (net {spent}):"
    for side, says in (("", "both"), ("A: ", "a"), ("B: ", "b")):
        for sentence in example["why"][says]:
            yield f"  {side}{sentence.strip()}"


def _alerts(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    if not told["alerts"]:
        yield Text("Neither policy has alert rules.")
        return
    yield Text("Alerts:", style="bold")
    yield alerts_table(told["alerts"], told["currency"])
    for each in told["alerts"]:
        yield ""
        yield from map(Text, _rule(each, told["currency"]))


def alerts_table(rules: Sequence[Mapping[str, Any]], currency: str) -> Table:
    """Two lines a rule."""
    columns = ("rule", "", "alerts", "a week", "judged", "right (95 %)", "silent", "lead")
    table = Table(*columns, "at stake", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for each in rules:
        for side in "ab":
            table.add_row(
                each["rule"] if side == "a" else "", side.upper(), *figures(each[side], currency)
            )
    return table


def figures(told: Mapping[str, Any] | None, currency: str) -> list[str]:
    """Cells of what one policy's rule brings; one, if there is no such rule."""
    if told is None:
        return ["no such rule"]
    return [
        f"{told['alerts']:,}",
        f"{told['alerts_a_week']:,.1f}",
        f"{told['judged']:,}",
        rate(told["precision"]),
        _days(told["silence_days"]),
        _days(told["lead_days"]),
        money(told["at_stake_minor"], currency),
    ]


def _days(days: float | None) -> str:
    return NOTHING if days is None else f"{days:.1f} d"


def _rule(told: Mapping[str, Any], currency: str) -> Iterator[str]:
    yield f"{told['rule']}: {silences_in_words(told['silences'], currency)}"
    most = max((week[side]["alerts"] for week in told["weeks"] for side in "ab"), default=0)
    for side in "ab":
        if told[side] is not None:
            line = "".join(_bar(week[side]["alerts"], most) for week in told["weeks"])
            yield f"  {side.upper()} by week, 0 to {most}: {line}"


def _bar(count: int, most: int) -> str:
    return _BARS[-(-count * (len(_BARS) - 1) // most)] if most else _BARS[0]


def silences_in_words(told: Mapping[str, Mapping[str, Any]], currency: str) -> str:
    """What becomes of the silences that either policy tells of.

    >>> nothing = {"alerts": 0, "mean_days": None, "judged": 0, "right": 0, "still_silent": 0,
    ...            "at_stake_minor": 0}
    >>> kinds = dict.fromkeys(("same_day", "earlier", "later", "missed", "new"), nothing)
    >>> told = {**kinds, "same_day": {**nothing, "alerts": 3}, "later": {**nothing, "alerts": 2,
    ...         "mean_days": 4.0}, "missed": {**nothing, "alerts": 1, "judged": 1, "right": 1}}
    >>> silences_in_words(told, "USD")
    'B tells of 3 on the same day, of 2 later (4.0 days on average), of 1 not at all (1 of 1 judged were lost)'
    """
    said = []
    if told["same_day"]["alerts"]:
        said.append(f"of {told['same_day']['alerts']:,} on the same day")
    for kind in ("earlier", "later"):
        if told[kind]["alerts"]:
            mean = f"{told[kind]['mean_days']:.1f} days on average"
            said.append(f"of {told[kind]['alerts']:,} {kind} ({mean})")
    for kind, words in (("missed", "not at all"), ("new", "that A does not tell of")):
        if told[kind]["alerts"]:
            said.append(f"of {told[kind]['alerts']:,} {words}{_alone(kind, told[kind], currency)}")
    return f"B tells {', '.join(said)}" if said else "neither tells of anybody"


def _alone(kind: str, told: Mapping[str, Any], currency: str) -> str:
    """What is known of silences that only one policy tells of."""
    said = []
    if told["judged"]:
        said.append(f"{told['right']:,} of {told['judged']:,} judged were lost")
    if told["still_silent"]:
        yet = "B may yet tell of them" if kind == "missed" else "A may yet tell of them"
        said.append(f"{told['still_silent']:,} are still silent, {yet}")
    if told["at_stake_minor"]:
        said.append(f"{money(told['at_stake_minor'], currency)} at stake")
    return f" ({'; '.join(said)})" if said else ""


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    for side in "ab":
        if told["unusable"][side]:
            counts = told["unusable"][side].items()
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts))
            yield f"- events that could not be used under {side.upper()}: {why}"
    if told["alerts"]:
        yield "- right: nothing was bought within the horizon; judged: the horizon has ended"
        yield "- silent, lead: mean days of right alerts, since the last purchase and until churned"
        yield "- budgets, holdout, consent and the frequency cap leave fewer alerts to send"
    yield "- clusters and risk are learned anew under each policy: a cluster's number may differ"
