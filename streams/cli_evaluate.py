"""`segmenter segments evaluate`: how good segments are as segments."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from streams.cli_desk import print_wide
from streams.cli_given import AsJson, out, print_json
from streams.cli_survey import Fresh, OfEvents, segment_meant, survey_given


def segments_evaluate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="As rule/vip, or vip; with reasons (default: all, without).", metavar="NAME"
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Segments of this kind: cluster, rule, rfm.quintile …", metavar="KIND"),
    ] = None,
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Of the words.")] = "en",
    events: OfEvents = "",
    fresh: Fresh = False,
    as_json: AsJson = False,
) -> None:
    """Size, spend, who stays, how far apart, who responds, and whether a segment is worth working with."""
    from models.evaluation import evaluations
    from streams.cli_kinds import leave_one, of_kinds
    from streams.show_evaluation import as_json as in_json
    from streams.show_evaluation import evaluations_table, reasons_shown

    leave_one(names, kind)
    taken, policy = survey_given(events, fresh=fresh)
    found = evaluations(taken.survey, policy.evaluation)
    named = [segment_meant(each, found) for each in names or []]
    peopled = [name for name, each in found.items() if each.customers or each.stay.members_then]
    chosen = named or of_kinds(peopled, kind)
    if as_json:
        print_json([in_json(found[each], policy) for each in chosen])
        return
    print_wide(evaluations_table([found[each] for each in chosen], lang))
    for each in named:
        out.print("")
        out.print(reasons_shown(found[each], policy, lang), highlight=False)
