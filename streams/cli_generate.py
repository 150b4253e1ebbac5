"""`segmenter generate`: made-up customers with known truth, into a file or into the log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli_exits import Exit, errors, fail
from streams.cli_given import AsJson, bar, out, policy_given, print_json, settings_given

if TYPE_CHECKING:
    from streams.generating.choosing import Asked
    from streams.generating.command import Files
    from streams.generating.summary import Summary


# What is asked of a population, and of where it goes.
OutFile = Annotated[
    Path | None,
    typer.Argument(
        help="A file: .jsonl or .csv (either may be gzipped), or .parquet.", metavar="FILE"
    ),
]
Customers = Annotated[
    int | None, typer.Option(min=1, help="How many (default: 1,000; with --like, as there).")
]
Days = Annotated[
    int | None, typer.Option(min=1, help="How long (default: 365; with --like, as there).")
]
Start = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="First day, UTC (default: 2024-01-01; with --like, as there)."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Another one makes other customers.")]
Like = Annotated[
    str,
    typer.Option(
        help="Fit the population to CSV, JSONL or Parquet; or complete-journey, or cdnow.",
        metavar="FILE",
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="One segment, BG/NBD and Gamma-Gamma to the letter.")
]
TruthFile = Annotated[
    Path | None, typer.Option(help="What each customer really is: .jsonl or .parquet.")
]
JoinDays = Annotated[
    int | None, typer.Option(min=1, help="In which they first buy (default: half of all days).")
]
Hot = Annotated[int, typer.Option(min=0, help="So many customers buy 20 times a day.")]
Refunds = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Share of purchases (default: 0; with --like, as there)."),
]
Late = Annotated[float, typer.Option(min=0, max=1, help="Share of events read late.")]
Duplicates = Annotated[float, typer.Option(min=0, max=1, help="Share of events read twice.")]
Seasons = Annotated[
    bool, typer.Option(help="More at some times of the year, the week and the day.")
]
Promotions = Annotated[bool, typer.Option(help="More on some days, at a discount.")]
ToTopic = Annotated[
    bool, typer.Option("--to-topic", help="Write into customer-events.v1, marked as a replay.")
]
Rate = Annotated[
    str, typer.Option(help="With --to-topic: 0 is as fast as possible, 500/s, 30/min.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def generate(
    path: OutFile = None,
    customers: Customers = None,
    days: Days = None,
    start: Start = None,
    seed: Seed = 1,
    like: Like = "",
    plain: Plain = False,
    truth: TruthFile = None,
    join_days: JoinDays = None,
    hot: Hot = 0,
    refunds: Refunds = None,
    late: Late = 0.0,
    duplicates: Duplicates = 0.0,
    seasons: Seasons = True,
    promotions: Promotions = True,
    to_topic: ToTopic = False,
    rate: Rate = "0",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make up customers with known truth: the same seed, the same events."""
    from streams.generating.choosing import Asked
    from streams.generating.command import Files
    from streams.generating.summary import summary_as_json, summary_shown

    if to_topic == (path is not None):
        fail("say where to: one of FILE, --to-topic", Exit.USAGE)
    if rate != "0" and not to_topic:
        fail("--rate is for --to-topic: a file is written at once", Exit.USAGE)
    if like and plain:
        fail("say one of --like, --plain", Exit.USAGE)
    asked = Asked(
        *(seed, customers, days, start and start.date(), join_days, hot, refunds, late, duplicates),
        *(plain, seasons, promotions),
    )
    made = _made(asked, like, Files(path, truth, force), rate)
    print_json(summary_as_json(made)) if as_json else out.print(summary_shown(made))


def _made(asked: Asked, like: str, files: Files, rate: str) -> Summary:
    """Make what was asked for, into a file or into the log."""
    from streams.generating.command import (
        BadRate,
        generate_file,
        generate_to_topic,
        parse_rate,
        planned,
    )
    from streams.generating.population import BadPopulation

    with errors():
        try:
            files.check(like)
            plan, rate_s = planned(asked, like, bar), parse_rate(rate)
            if files.events is not None:
                return generate_file(plan, files, bar)
            return generate_to_topic(plan, files, rate_s, settings_given(), policy_given(), bar)
        except (BadPopulation, BadRate) as error:
            fail(str(error), Exit.USAGE)
