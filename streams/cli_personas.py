"""`segmenter segments personas`: what kind of people are in a segment, and what is to be done about them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli_exits import Exit, fail
from streams.cli_given import AsJson, out, print_json
from streams.cli_survey import Fresh, OfEvents, kept_given, segment_meant, survey_kept

if TYPE_CHECKING:
    from models.persona_told import Told
    from models.policy import Policy


def segments_personas(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="As cluster/2, rule/vip, or vip (default: all).", metavar="NAME"),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Segments of this kind: cluster, rule, rfm.quintile …", metavar="KIND"),
    ] = None,
    lang: Annotated[Literal["en", "zh"], typer.Option(help="Of the words.")] = "en",
    card: Annotated[bool, typer.Option("--card", help="With all numbers, too.")] = False,
    events: OfEvents = "",
    fresh: Fresh = False,
    as_json: AsJson = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown, with cards.")] = False,
) -> None:
    """What kind of people are in a segment: a name, sentences, a card, and what is to be done.

    Personas hold still while their numbers hardly move.
    """
    from models.persona_markdown import as_markdown
    from streams.cli_kinds import leave_one, of_kinds
    from streams.show_personas import personas_shown

    leave_one(names, kind)
    if as_json and as_md:
        fail("--json and --md are two forms of the same; leave one", Exit.USAGE)
    told = told_given(events, fresh=fresh)
    wanted = [segment_meant(each, told) for each in names or []] or of_kinds([*told], kind)
    chosen = [told[each] for each in wanted]
    if as_json:
        print_json([each.as_json() for each in chosen])
    elif as_md:
        sys.stdout.write(as_markdown(chosen, lang))
    else:
        out.print(personas_shown(chosen, lang, cards=card or bool(names)), highlight=False)


def told_given(events: str, *, fresh: bool) -> Mapping[str, Told]:
    """What is told of every segment: of a history, of the survey that was kept, or of one taken now."""
    from models.persona_told import told_of

    kept, policy = kept_given(events, fresh=fresh)
    return told_of(kept.taken.survey, policy, kept.personas)


async def persona_kept(segment: str, policy: Policy) -> dict[str, Any]:
    """Name and play of a segment's persona, of the survey that is kept; nothing, if nobody was in it then."""
    from models.playbook import play_of

    kept = await survey_kept()
    persona = kept.personas.get(segment) if kept else None
    if persona is None:
        return {}
    play = play_of(segment, policy, persona.claims)
    return {"persona": dict(persona.names), "play": play and play.as_json()}
