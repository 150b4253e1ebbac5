"""Alerts for people: a table, a card, a line each; what they come to; how endpoints do.

Enters: what the shelf holds, as plain values. Leaves: tables and sentences. Forbidden here: printing
them, working anything out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.alert_record import AlertRecord
from models.amounts import money
from streams.alert_reads import EndpointSeen, Seen
from streams.endpoints import Endpoint
from streams.messages import rfc3339
from streams.show import printable

_NOTHING = "—"
_DONE = {
    "waiting": "waits to be decided",
    "sent": "sent",
    "held_out": "held out, to compare with",
    "over_budget": "not sent: the day's places went to others",
    "blocked": "not sent",
    "cleared": "not sent: the customer bought before",
    "muted": "not sent: it follows from a replay",
    "too_old": "not sent: it was too old when it came",
}


def alerts_table(found: Sequence[Seen], currency: str) -> Table:
    """One line an alert."""
    columns = ("raised (UTC)", "rule", "customer", "risk", "at stake", "silent", "decision")
    table = Table(*columns, "came of it", "id", box=None, pad_edge=False)
    for column in (3, 4, 5):
        table.columns[column].justify = "right"
    for each in found:
        table.add_row(*map(Text, _cells(each.record, currency)), each.record.alert_id)
    return table


def alert_line(seen: Seen, currency: str) -> str:
    """An alert in a line, for following."""
    return "  ".join([*_cells(seen.record, currency)[:7], seen.record.alert_id])


def _cells(record: AlertRecord, currency: str) -> list[str]:
    known = record.probability_ppm is not None
    return [
        _minute(record.raised_ms),
        record.rule,
        printable(record.customer_id),
        f"{record.probability_ppm / 1e6:.0%}" if record.probability_ppm is not None else _NOTHING,
        money(record.at_stake_minor, currency) if known else _NOTHING,
        _NOTHING if record.silence_days is None else f"{record.silence_days} d",
        _decision(record),
        _outcome(record, currency),
    ]


def _decision(record: AlertRecord) -> str:
    words = record.decision.replace("_", " ")
    words += f": {record.why.replace('_', ' ')}" if record.why else ""
    void = record.retracted_ms is not None and record.decision != "cleared"
    return f"{words}, then void" if void else words


def _outcome(record: AlertRecord, currency: str) -> str:
    outcome = record.outcome
    if outcome is None:
        return _NOTHING
    if outcome.returned_day is None:
        return "did not return"
    return (
        f"back after {outcome.returned_day - record.day} d, {money(outcome.spent_minor, currency)}"
    )


def alert_card(seen: Seen, currency: str) -> RenderableType:
    """All there is to an alert, in a few lines."""
    record = seen.record
    head = Text.assemble(
        (f"{printable(record.customer_id)}  ", "bold"),
        (record.kind, "bold magenta"),
        f"  rule {record.rule}",
    )
    lines = [*_foretold(seen, currency), *_became(record, currency), f"id {record.alert_id}"]
    return Group(head, *(Text(f"  {each}") for each in lines))


def _foretold(seen: Seen, currency: str) -> Iterator[str]:
    record, event = seen.record, seen.event
    yield f"raised {_minute(record.raised_ms)} UTC, for {_days(record.horizon_days)} from {_day(record.day)}"
    if record.probability_ppm is not None:
        stake = money(record.at_stake_minor, currency)
        yield (
            f"{record.probability_ppm / 1e6:.0%} likely to buy nothing in that time, {stake} at stake"
        )
    if record.silence_days is not None:
        churned = "" if record.churned_day is None else f", churned on {_day(record.churned_day)}"
        yield f"silent for {_days(record.silence_days)}{churned}"
    told = {} if event is None else event["data"]
    for reason in told.get("reasons") or ():
        yield f"why: {reason['en']}"
    if told.get("action"):
        yield f"to do: {told['action']['en']}"


def _became(record: AlertRecord, currency: str) -> Iterator[str]:
    done = _DONE[record.decision] + (f": {record.why.replace('_', ' ')}" if record.why else "")
    when = "" if record.decided_ms is None else f", decided {_minute(record.decided_ms)} UTC"
    yield f"{done}{when}"
    if record.retracted_ms is not None:
        yield f"void since a purchase on {_minute(record.retracted_ms)} UTC"
    outcome = record.outcome
    if outcome is None:
        yield f"what comes of it is known after {_day(record.day + record.horizon_days)}"
    elif outcome.returned_day is None:
        yield f"did not return within {_days(record.horizon_days)}: the alert was right"
    else:
        spent = money(outcome.spent_minor, currency)
        times = f"{_days(outcome.purchase_days)} with a purchase, {spent}"
        yield f"returned on {_day(outcome.returned_day)}: {times}"


def report_shown(told: Mapping[str, Any], currency: str, *, by_week: bool) -> RenderableType:
    """What alerts come to.

    Args:
        told: as the API reports it.
        currency: of all money.
        by_week: a line for each week, too.
    """
    lines = [each for each in told["by_rule"] if each["figures"]["raised"]]
    if not lines:
        return Text("no alert has been decided on in these weeks")
    parts: list[RenderableType] = [figures_table(lines)]
    if by_week:
        parts += ["", figures_table(told["by_week"])]
    for each in lines:
        parts += ["", *map(Text, verdict_lines(each["rule"], each["figures"], currency))]
    if told["budgets"]:
        parts += ["", budgets_table(told["budgets"])]
    return Group(*parts)


def figures_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """A line for each rule, or for each of its weeks."""
    columns = ("raised", "sent", "held out", "not sent", "judged", "right (95 %)")
    more = ("silent", "lead", "foretold", "lost")
    weekly = "week" in lines[0]
    table = Table(*(["week"] if weekly else ["rule"]), *columns, *more, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    table.caption = (
        "silent, lead: mean days of right alerts, since the last purchase and until churned"
    )
    for each in lines:
        figures = each["figures"]
        foretold = figures["calibration"]
        table.add_row(
            each["week"] if weekly else each["rule"],
            f"{figures['raised']:,}",
            *(f"{group['raised']:,}" for group in figures["groups"]),
            f"{figures['resolved']:,}",
            rate(figures["precision"]),
            *(_mean_days(figures[key]) for key in ("silence_days", "lead_days")),
            *(
                _NOTHING if not foretold else f"{foretold[key]:.1%}"
                for key in ("predicted", "lost")
            ),
        )
    return table


def rate(found: Mapping[str, float] | None) -> str:
    """A share with its interval.

    >>> rate({"value": 0.4123, "low": 0.3, "high": 0.5311}), rate(None)
    ('41.2% (30.0 to 53.1)', '—')
    """
    if found is None:
        return _NOTHING
    return f"{found['value']:.1%} ({100 * found['low']:.1f} to {100 * found['high']:.1f})"


def verdict_lines(rule: str, figures: Mapping[str, Any], currency: str) -> Iterator[str]:
    """Whether alerts of a rule do anything, and what that is read from."""
    verdict, lift = figures["verdict"], figures["lift"]
    too_few = verdict["finding"].startswith("too_few")
    why = f" ({verdict['why']['en']})" if too_few else ""  # otherwise it is the next line
    yield f"{rule}: {verdict['says']['en']}{why}"
    if lift is None:
        return
    treated, held_out, _ = (group["won_back"] for group in figures["groups"])
    won, returns, spent = (lift[key] for key in ("won_back", "returns", "spent_minor"))
    yield (
        f"  came back: {treated['value']:.1%} of {treated['of']:,} sent, "
        f"{held_out['value']:.1%} of {held_out['of']:,} held out; "
        f"{_between(won, 'points', 100)}, or {returns['value']:+.1f} customers"
    )
    if spent["low"] is not None:
        low, high = (money(spent[key], currency) for key in ("low", "high"))
        yield f"  spend an alert: {money(spent['value'], currency)} ({low} to {high})"


def _between(found: Mapping[str, float], unit: str, scale: float) -> str:
    value, low, high = (f"{scale * found[key]:+.1f}" for key in ("value", "low", "high"))
    return f"{value} {unit} ({low} to {high})"


def budgets_table(budgets: Sequence[Mapping[str, Any]]) -> Table:
    """Places of today."""
    table = Table("today", "places", "taken", "left out", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for each in budgets:
        table.add_row(each["rule"], *(f"{each[key]:,}" for key in ("places", "taken", "left_out")))
    return table


def endpoints_as_json(
    found: Sequence[EndpointSeen], configured: Mapping[str, Endpoint], now_ms: int
) -> list[dict[str, Any]]:
    """How endpoints do; of an address as much as may be told.

    Args:
        found: those of the file, and all that were ever sent to.
        configured: of the file, by name.
        now_ms: wall clock.
    """
    return [_endpoint_as_json(each, configured.get(each.name), now_ms) for each in found]


def _endpoint_as_json(seen: EndpointSeen, endpoint: Endpoint | None, now_ms: int) -> dict[str, Any]:
    health = seen.health
    paused = health.paused_until_ms > now_ms
    return {
        "name": seen.name,
        "url": None if endpoint is None else endpoint.shown_url,
        "rules": [] if endpoint is None else list(endpoint.rules),
        "waiting": seen.waiting,
        "dead": seen.dead,
        "delivered": health.delivered,
        "given_up": health.dead,
        "failures_in_a_row": health.failures_in_a_row,
        "disabled": health.disabled_why or None,
        "paused_until": rfc3339(health.paused_until_ms) if paused else None,
    }


def endpoints_table(told: Sequence[Mapping[str, Any]]) -> Table:
    """The same for people."""
    table = Table("endpoint", "delivered", "waiting", "dead", "", box=None, pad_edge=False)
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    for each in told:
        counts = (f"{each[key]:,}" for key in ("delivered", "waiting", "dead"))
        table.add_row(each["name"], *counts, Text(_how_it_does(each)))
    return table


def _how_it_does(told: Mapping[str, Any]) -> str:
    said = []
    if told["url"] is None:
        said.append("not in the endpoints file")
    if told["disabled"]:
        said.append(f"disabled: {told['disabled']}")
    if told["paused_until"]:
        said.append(f"paused until {told['paused_until'][11:19]} UTC")
    if told["failures_in_a_row"]:
        count = told["failures_in_a_row"]
        said.append(f"{count} failure{'' if count == 1 else 's'} in a row")
    return ", ".join(said) or "ok"


def _minute(at_ms: int) -> str:
    return rfc3339(at_ms)[:16].replace("T", " ")


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _mean_days(days: float | None) -> str:
    return _NOTHING if days is None else f"{days:.1f} d"
