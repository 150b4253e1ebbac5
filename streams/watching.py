"""`segmenter watch`: the installation in a terminal, once a second.

The same answers as the dashboard's, of the same code, without the API in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from models.policy import Policy
from streams.api.keys import KeyRing
from streams.api.parts import Parts, opened
from streams.feed import Told
from streams.lookup import NothingYet
from streams.settings import Settings
from streams.show import COLOURS, printable, standing_in_words
from streams.store import StoreUnavailable

LOOK_EVERY_S = 1.0
CHANGES_SHOWN = 12
DAYS = 30


async def watch(console: Console, settings: Settings, policy: Policy, *, once: bool) -> None:
    """Show it until Ctrl-C, or once.

    Raises:
        StoreUnavailable, NothingYet: only if `once`.
    """
    async with opened(settings, policy, KeyRing(None)) as parts:
        await parts.look_who_serves()
        if once:
            console.print(await _frame(parts), highlight=False)
            return
        live = Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext()
        with live:
            while True:
                frame = await _frame_or_trouble(parts)
                if isinstance(live, Live):
                    live.update(frame, refresh=True)
                else:
                    console.print(frame, highlight=False)
                await asyncio.sleep(LOOK_EVERY_S)


async def _frame_or_trouble(parts: Parts) -> RenderableType:
    try:
        return await _frame(parts)
    except (StoreUnavailable, NothingYet) as error:
        return Text(f"{error}; trying again", style="red")


async def _frame(parts: Parts) -> RenderableType:
    board = parts.answers.board
    overview, segments = await board.overview(), await board.segments(DAYS)
    changes = await parts.feed.newest(CHANGES_SHOWN)
    return Group(status_line(overview), "", segments_table(segments), "", changes_table(changes))


def status_line(overview: dict[str, Any]) -> Text:
    """How the installation is, in a line."""
    population = overview["population"]
    if all(each["lag"] is None for each in overview["partitions"]):
        state = Text("no worker", style="bold red")
    elif overview["live"]:
        state = Text("live", style="bold green")
    else:
        state = Text("behind", style="bold yellow")
    parts = [
        f"as of {(overview['as_of'] or '—')[:16].replace('T', ' ')}",
        f"{overview['customers']:,} customers",
        f"{_or_dash(overview['events_per_s'])} events/s",
        f"lag {_or_dash(overview['lag'])}",
        f"fresh within {_or_dash(overview['freshness_ms'])} ms",
        f"population {population['version']}" if population else "no population yet",
    ]
    return state.append(" · " + " · ".join(parts), style="not bold default")


def _or_dash(value: float | None) -> str:
    return "—" if value is None else f"{value:,}"


def segments_table(segments: dict[str, Any]) -> Table:
    """All segments that have, or lately had, anybody in them."""
    days = segments["days"]
    table = Table("segment", "", "customers", "share", "in", "out", box=None, pad_edge=False)
    table.caption = f"in and out: within the last {days} days"
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "right"
    for each in segments["items"]:
        if each["size"] or each["entered"] or each["left"]:
            style = COLOURS.get(each["group"], "") if each["kind"] == "lifecycle" else ""
            table.add_row(
                Text(each["name"], style=style),
                Text(printable(each["label"]["en"])),
                f"{each['size']:,}",
                f"{each['share']:.1%}",
                f"{each['entered']:,}",
                f"{each['left']:,}",
            )
    return table


def changes_table(changes: Iterable[Told]) -> Table:
    """The newest changes, newest first."""
    table = Table("when (UTC)", "customer", "from", "to", "why", box=None, pad_edge=False)
    for told in changes:
        change = orjson.loads(told.json)
        before, after = map(standing_in_words, (change["before"], change["after"]))
        rule = change.get("segment")  # of a rule segment one learns which, and whether in or out
        table.add_row(
            change["time"][:16].replace("T", " "),
            Text(printable(change["customer_id"]), overflow="ellipsis", no_wrap=True),
            rule if rule and change["before"] else before,
            rule if rule and change["after"] else after,
            change["reason"],
        )
    return table
