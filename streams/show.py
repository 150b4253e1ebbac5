"""Customers, histories and segments for people: plain sentences and small tables."""

from __future__ import annotations

import textwrap
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.amounts import money
from models.calendar import day_of, start_of_day_ms
from models.ledger import Ledger
from models.lifecycle import State
from models.plain_text import printable
from models.policy import Policy
from models.rfm import GROUP_NAMES
from streams.lookup import Found, rfm_as_json
from streams.messages import rfc3339
from streams.show_grid import grid_explained, grid_lines
from streams.show_outlook import outlook_explained, outlook_lines

__all__ = [  # `printable` is of models/plain_text.py
    "COLOURS",
    "customer_card",
    "day",
    "explanation",
    "history_table",
    "printable",
    "silence_days",
    "sizes_table",
    "standing_in_words",
]
LINE_WIDTH = 90
COLOURS = {
    "prospect": "bright_black",
    "new": "cyan",
    "active": "green",
    "dormant": "yellow",
    "churned": "red",
}


def day(at_ms: int, policy: Policy) -> str:
    """The customer-day of a moment."""
    return date.fromordinal(day_of(at_ms, policy.timezone)).isoformat()


def customer_card(found: Found, policy: Policy) -> RenderableType:
    """A customer in a few lines."""
    ledger = found.state.current
    standing = ledger.standing
    head = Text.assemble(
        (f"{printable(found.customer_id)}  ", "bold"),
        (standing.lifecycle.value, f"bold {COLOURS[standing.lifecycle]}"),
        *((f"  {flag.replace('_', ' ')}", "magenta") for flag in standing.flags),
        f"  since {day(found.state.lifecycle_since_ms, policy)}",
    )
    lines = [f"  {printable(line)}" for line in _sentences(found, policy)]
    return Group(head, *(Text(line) for line in lines))


def _sentences(found: Found, policy: Policy) -> list[str]:
    ledger, currency = found.state.current, policy.business.currency
    lines = []
    if ledger.limits is None:
        lines.append("has not bought yet")
    else:
        lines.append(
            f"{_plural(ledger.purchases, 'purchase')} on {_plural(ledger.purchase_days, 'day')} "
            f"from {day(ledger.first_purchase_ms or 0, policy)} to {day(ledger.last_purchase_ms or 0, policy)}, "
            f"net {money(ledger.net_spend_minor, currency)}"
        )
        lines.append(
            f"buys every {ledger.cadence_days:.1f} days, silent for "
            f"{_plural(silence_days(found, policy), 'day')}"
        )
        lines += _rfm_line(found, policy)
        lines += outlook_lines(found, policy)
    lines += grid_lines(found, policy)
    if ledger.due_ms is not None and ledger.due is not None:
        lines.append(
            f"next: {ledger.due.replace('_', ' ')} on {day(ledger.due_ms, policy)} if nothing comes"
        )
    known = {n: a.value for n, a in found.state.attributes.items() if a.value is not None}
    if known:
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items())
        lines += textwrap.wrap(told, LINE_WIDTH)
    lines.append(
        f"as of {rfc3339(found.as_of_ms)}{'' if found.live else ' (as far as the log has been read)'}"
    )
    return lines


def _rfm_line(found: Found, policy: Policy) -> list[str]:
    """The group in each published scheme, with the scores."""
    schemes = rfm_as_json(found, policy) or {}
    shown = [
        f"{GROUP_NAMES[name][each['group']][0]} ({name}, "
        f"R{each['recency']} F{each['frequency']} M{each['monetary']})"
        for name, each in schemes.items()
        if name in policy.rfm.published
    ]
    return [f"RFM: {', '.join(shown)}"] if shown else []


def silence_days(found: Found, policy: Policy) -> int:
    """Customer-days since the last purchase day, as of the moment shown."""
    days = found.state.current.recent_days
    return max(0, day_of(found.as_of_ms, policy.timezone) - days[-1]) if days else 0


def explanation(found: Found, policy: Policy) -> list[str]:
    """Why a customer stands where they stand, and what silence would bring when."""
    ledger = found.state.current
    if ledger.limits is None:
        return [
            f"{printable(found.customer_id)} is a prospect: known, but without a purchase that stands.",
            *grid_explained(found, policy),
        ]
    gaps = ledger.purchase_days - 1
    prior = _typical_gap_days(found, policy)
    mode = policy.lifecycle.mode
    return [
        f"{printable(found.customer_id)} is {ledger.standing.lifecycle} since "
        f"{day(found.state.lifecycle_since_ms, policy)}"
        + (
            f" ({', '.join(ledger.standing.flags).replace('_', ' ')})"
            if ledger.standing.flags
            else ""
        )
        + ".",
        f"Usual rhythm: one purchase every {ledger.cadence_days:.1f} days, from "
        f"{_plural(gaps, 'gap')} of their own and the typical {prior:g} days counted twice.",
        f"Silent for {_plural(silence_days(found, policy), 'day')} since "
        f"{day(ledger.last_purchase_ms or 0, policy)}.",
        *(_limit_line(ledger, name, policy) for name in ("overdue", "dormant", "churned")),
        f"Limits are {mode} (preset {policy.preset}) and were frozen at the last purchase.",
        *outlook_explained(found, policy),
        *grid_explained(found, policy),
    ]


def _typical_gap_days(found: Found, policy: Policy) -> float:
    """The one that the last purchase was told with, as long as that is remembered."""
    bought = (each for each in reversed(found.state.remembered) if each.is_purchase)
    last = next(bought, None)
    return policy.lifecycle.prior_gap_days if last is None else last.prior_centidays / 100


def _limit_line(ledger: Ledger, name: str, policy: Policy) -> str:
    assert ledger.limits is not None
    days: int = getattr(ledger.limits, f"{name}_days")
    on_ms = start_of_day_ms(ledger.recent_days[-1] + days + 1, policy.timezone)
    limit = getattr(policy.lifecycle, name)
    how = (
        f"{limit.cycles:g} × rhythm, between {limit.min_days:g} and {limit.max_days:g}"
        if policy.lifecycle.mode == "adaptive"
        else f"fixed at {limit.fixed_days:g}"
    )
    return f"{name.capitalize()} after more than {_plural(days, 'day')} ({how}): on {day(on_ms, policy)}."


def history_table(changes: list[dict[str, Any]]) -> Table:
    """Published changes, oldest first."""
    table = Table("when (UTC)", "what", "from", "to", "why", box=None, pad_edge=False)
    for change in changes:
        named = change.get("scheme") or change.get("segment")
        scheme = f" ({named})" if named else ""
        table.add_row(
            change["at"][:16].replace("T", " "),
            change["type"] + scheme,
            standing_in_words(change["before"]),
            standing_in_words(change["after"]),
            change["reason"],
        )
    return table


def standing_in_words(standing: dict[str, Any] | None) -> str:
    """What a change says of before, or of after."""
    if standing is None:
        return "—"
    if "group" in standing:
        return str(standing["group"])
    return " ".join([standing["lifecycle"], *(f"+{flag}" for flag in standing["flags"])])


def sizes_table(sizes: dict[str, int], title: str | None = None) -> Table:
    """Lifecycle states with size, share and a bar."""
    total = sum(sizes.values())
    table = Table("state", "customers", "share", "", title=title, box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for state in State:
        size = sizes[state]
        share = size / total if total else 0.0
        bar = Text("█" * round(40 * share), style=COLOURS[state])
        table.add_row(Text(state, style=COLOURS[state]), f"{size:,}", f"{share:.1%}", bar)
    return table


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
