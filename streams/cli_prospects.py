"""`segmenter segments prospects`: who has not bought yet, and resembles the best customers."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli_exits import Exit, err, fail
from streams.cli_given import (
    AsJson,
    bar,
    out,
    policy_given,
    print_json,
    run,
    settings_given,
    store_given,
)
from streams.cli_survey import (
    NOBODY,
    Fresh,
    OfEvents,
    leave_one_source,
    segment_meant,
    survey_given,
    tell_left_out,
)

if TYPE_CHECKING:
    from models.lookalike import Reason
    from models.survey import Survey
    from streams.prospects import Prospects

Like = Annotated[
    str,
    typer.Option(help="The segment of the best customers, as rule/vip, or vip.", metavar="SEGMENT"),
]
Limit = Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")]
BEST = "tier/high"
TOLD = 4  # reasons
NO_PROSPECTS = (
    "there are no prospects: nobody whose profile came without a purchase; send an event of kind profile "
    "for everybody who is known before they buy (segmenter list upload does so for a list of ids)"
)


def segments_prospects(
    like: Like = BEST,
    limit: Limit = 20,
    events: OfEvents = "",
    fresh: Fresh = False,
    as_json: AsJson = False,
) -> None:
    """Prospects, those first who resemble the best customers most, and what speaks for and against."""
    leave_one_source(events, fresh=fresh)
    if events:
        found = run(lambda: _of_history(events, like, limit))
    else:
        found = _of_installation(like, limit, fresh=fresh)
    if as_json:
        print_json(as_told(found))
    else:
        for line in _lines(found):
            out.print(line, highlight=False, markup=False)
    if not found.prospects:
        err.print(NO_PROSPECTS, highlight=False)
    elif not found.weights:
        err.print("no profile tells enough of the best customers to be like them", highlight=False)


def as_told(found: Prospects) -> dict[str, Any]:
    """As `--json` prints it."""
    from streams.messages import rfc3339

    return {
        "like": found.like,
        "best": found.best,
        "customers": found.customers,
        "prospects": found.prospects,
        "items": [
            {
                "customer_id": each.customer_id,
                "score": round(each.resemblance.score, 4),
                "percentile": round(each.percentile, 2),
                "known_since": rfc3339(each.known_since_ms),
                "reasons": [
                    {**reason._asdict(), "weight": round(reason.weight, 4)}
                    for reason in each.resemblance.reasons
                ],
            }
            for each in found.people
        ],
    }


def _lines(found: Prospects) -> list[str]:
    from streams.show import printable

    head = (
        f"{found.prospects:,} prospects beside {found.best:,} of {found.customers:,} customers who are "
        f"in {found.like}"
    )
    return [
        head,
        *(
            f"  {printable(each.customer_id)}  {each.resemblance.score:+.2f}, "
            f"above {floor(each.percentile)} % of prospects: {_why(each.resemblance.reasons)}"
            for each in found.people
        ),
    ]


def _why(reasons: tuple[Reason, ...]) -> str:
    from streams.show import printable

    told = [f"{each.attribute} {each.value} ({each.weight:+.2f})" for each in reasons[:TOLD]]
    return printable(", ".join(told)) if told else "nothing known speaks for or against"


def _of_installation(like: str, limit: int, *, fresh: bool) -> Prospects:
    taken, _ = survey_given("", fresh=fresh)
    best = _best_meant(like, taken.survey)

    async def rank() -> Prospects:
        from streams.policies import in_force
        from streams.prospects import PROSPECTS, find_prospects
        from streams.wall import wall_ms

        survey = taken.survey
        known = survey.segments.get(PROSPECTS)
        async with store_given() as store:
            held = await in_force(store, policy_given())
            with bar("prospects", known.customers if known else None) as progress:
                return await find_prospects(store, held, wall_ms(), survey, best, limit, progress)

    return run(rank)


async def _of_history(name: str, like: str, limit: int) -> Prospects:
    """Folded in memory once, both for the survey and for who has not bought."""
    from models.policy_record import PublishedPolicy
    from streams.prospects import find_prospects
    from streams.recorded_events import open_events
    from streams.surveyed_events import folded
    from streams.surveying import take_survey

    policy = policy_given()
    events = open_events(name, settings_given(), policy)
    with bar("events", events.total) as progress:
        store, left_out = await folded(events.read(), policy, progress)
    tell_left_out(left_out)
    held = [PublishedPolicy(0, policy)]
    survey = (await take_survey(store, held, 0)).survey
    if not survey.base.customers:
        fail(NOBODY, Exit.NOT_FOUND)
    best = _best_meant(like, survey)
    return await find_prospects(store, held, 0, survey, best, limit)


def _best_meant(like: str, survey: Survey) -> str:
    """The segment of the best customers; nobody in it ends the command."""
    if like == BEST and BEST not in survey.segments:
        fail(f"nobody is in {BEST} yet; name another segment with --like", Exit.NOT_FOUND)
    return segment_meant(like, survey.segments)
