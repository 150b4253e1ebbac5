"""What all commands on surveys share: where a survey comes from.

With `--events` a history is folded in memory; else everybody in the store that serves is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli_exits import Exit, fail
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
from streams.messages import rfc3339

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.kept_survey import Kept
    from streams.surveying import Taken

NOBODY = "there is nobody to survey yet: no customer has been heard of"
OfEvents = Annotated[
    str,
    typer.Option(
        "--events",
        help="Survey a history instead of the installation: CSV, JSONL, Parquet or a recording; "
        "complete-journey, or cdnow.",
        metavar="FILE",
    ),
]


def survey_given(events: str) -> tuple[Taken, Policy]:
    """The survey that is asked for, and the policy that it is under; nobody to survey ends the command."""
    taken, policy = _of_history(events) if events else _of_installation()
    if taken.moment is None:
        fail(NOBODY, Exit.NOT_FOUND)
    return taken, policy


def _of_history(name: str) -> tuple[Taken, Policy]:
    from streams.recorded_events import open_events
    from streams.surveyed_events import survey_of_events

    policy = policy_given()

    async def fold() -> Taken:
        events = open_events(name, settings_given(), policy)
        with bar("events", events.total) as progress:
            return await survey_of_events(events.read(), policy, progress)

    return run(fold), policy


def _of_installation() -> tuple[Taken, Policy]:
    async def take() -> tuple[Taken, Policy]:
        from streams.lookup import Lookup
        from streams.policies import in_force
        from streams.surveying import take_survey
        from streams.wall import wall_ms

        given = policy_given()
        async with store_given() as store:
            people = sum((await Lookup(store, given).sizes()).values())
            held = await in_force(store, given)
            with bar("customers", people) as progress:
                taken = await take_survey(store, held, wall_ms(), progress)
        return taken, max(held, key=lambda each: each.number).policy

    return run(take)


def segments_survey(as_json: AsJson = False) -> None:
    """Take a survey of everybody now, and keep it for the API, the dashboard and other commands."""
    kept = run(_take_and_keep)
    if kept is None or kept.taken.moment is None:
        fail(NOBODY, Exit.NOT_FOUND)
    told = {
        "as_of": rfc3339(kept.taken.moment.at_ms),
        "customers": kept.taken.survey.base.customers,
        "segments": len(kept.taken.survey.segments),
        "population": kept.taken.moment.population,
    }
    if as_json:
        print_json(told)
    else:
        out.print(
            f"surveyed {told['customers']:,} customers in {told['segments']} segments as of "
            f"{told['as_of']}; kept",
            highlight=False,
        )


async def _take_and_keep() -> Kept | None:
    from streams.redis_store import connect
    from streams.surveyor import Surveyor

    settings = settings_given()
    async with connect(settings.redis_url.get_secret_value()) as client:
        return await Surveyor(client, settings, policy_given(), 0.0).now()
