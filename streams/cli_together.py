"""`segmenter segments together`: what the customers of a segment buy on the same day."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from streams.cli_desk import print_wide
from streams.cli_exits import Exit, fail
from streams.cli_given import AsJson, print_json
from streams.cli_survey import Fresh, OfEvents, segment_meant, survey_given


def segments_together(
    name: Annotated[
        str, typer.Argument(help="As cluster/2, or vip (default: everybody).", metavar="NAME")
    ] = "",
    by: Annotated[
        Literal["days", "lift", "elsewhere"],
        typer.Option(
            help="days: what most do; lift: what belongs together; elsewhere: more than others."
        ),
    ] = "days",
    limit: Annotated[int, typer.Option(min=1, max=20, help="At most so many pairs.")] = 10,
    events: OfEvents = "",
    fresh: Fresh = False,
    as_json: AsJson = False,
) -> None:
    """Categories that the customers of a segment buy on the same day."""
    from streams.show_together import pairs_as_json, pairs_table

    taken, _ = survey_given(events, fresh=fresh)
    together = taken.together
    assert together is not None  # somebody was surveyed
    rankings = together.base
    if name:
        rankings = together.segments[segment_meant(name, together.segments)]
    found = rankings[by]._replace(pairs=rankings[by].pairs[:limit])
    if as_json:
        print_json(pairs_as_json(found, taken.survey.names))
    elif found.pairs:
        print_wide(pairs_table(found, taken.survey.names))
    else:
        fail("no two categories are bought together often enough to tell", Exit.NOT_FOUND)
