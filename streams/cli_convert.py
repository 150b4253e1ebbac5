"""`segmenter convert`: a file as it is into a file of events."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from streams.cli_exits import Exit, err, errors, fail
from streams.cli_given import AsJson, Given, out, policy_given, print_json

MOST_REASONS = 5


def convert(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSONL or Parquet.")],
    to: Annotated[Path, typer.Argument(metavar="EVENTS.jsonl", help="Replaced if it is there.")],
    source: Annotated[
        str, typer.Option(metavar="NAME", help="The table sources.NAME of the file: what is what.")
    ],
    skip: Annotated[
        bool, typer.Option("--skip", help="Pass over rows that can't be used, and count them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """A file with columns of its own into events, by a source of the policy's file."""
    from models.adapters import sources_from_toml
    from streams.converting import convert as converting
    from streams.converting import ends_it
    from streams.settings import read_config

    policy_given()  # a fault in it ends the command
    with errors():
        file, text = read_config(Given.config)
        sources = sources_from_toml(text or "", str(file))
        if source not in sources:
            known = ", ".join(sources) or "none"
            fail(f"{file}: no table [sources.{source}]; there is {known}", Exit.USAGE)
        unusable: list[Exception] = []
        done = converting(path, to, source, sources[source], unusable.append if skip else ends_it)
    if unusable:
        err.print(_told(path, unusable, done.rows), markup=False, highlight=False)
    if as_json:
        print_json(done._asdict())
    else:
        rest = f"; {done.ignored:,} mean nothing to us" if done.ignored else ""
        out.print(f"{to}: {done.events:,} events of {done.rows:,} rows{rest}", highlight=False)


def _told(path: Path, unusable: list[Exception], rows: int) -> str:
    """What was passed over and why, the most frequent reason first, each with its first place."""
    counts, first = Counter[str](), dict[str, str]()
    for error in unusable:
        place, _, why = str(error).removeprefix(f"{path}, ").partition(": ")
        counts[why] += 1
        first.setdefault(why, place)
    reasons = [
        f"  {count:,} × {why}; the first: {first[why]}"
        for why, count in counts.most_common(MOST_REASONS)
    ]
    rest = counts.total() - sum(count for _, count in counts.most_common(MOST_REASONS))
    reasons += [f"  {rest:,} for other reasons"] if rest else []
    told = f"segmenter: {len(unusable):,} of {rows:,} rows can't be used and were passed over:"
    return "\n".join([told, *reasons])
