"""What all commands on surveys share: where a survey comes from.

With `--events` a history is folded in memory. Else it is the one that is kept, with a note of when it was taken;
if none is, or with `--fresh`, everybody in the store that serves is looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
from streams.messages import rfc3339

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.kept_survey import Kept
    from streams.surveyed_events import LeftOut
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
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Look at everybody now, whatever survey is kept.")
]


class Asked(NamedTuple):
    """The survey that is asked for, and the policy that it is under."""

    kept: Kept
    policy: Policy


def survey_given(events: str, *, fresh: bool = False) -> tuple[Taken, Policy]:
    """The survey that is asked for, and the policy that it is under; nobody to survey ends the command."""
    kept, policy = kept_given(events, fresh=fresh)
    return kept.taken, policy


def kept_given(events: str, *, fresh: bool = False) -> Asked:
    """The same, with its personas."""
    leave_one_source(events, fresh=fresh)
    return _of_history(events) if events else _of_installation(fresh=fresh)


def leave_one_source(events: str, *, fresh: bool) -> None:
    """A history and a fresh look together end the command."""
    if events and fresh:
        fail("--events surveys a history, --fresh the installation; leave one", Exit.USAGE)


def _of_history(name: str) -> Asked:
    from streams.recorded_events import open_events
    from streams.surveyed_events import survey_of_events
    from streams.wall import wall_ms

    policy = policy_given()

    async def fold() -> Kept:
        events = open_events(name, settings_given(), policy)
        with bar("events", events.total) as progress:
            surveyed = await survey_of_events(events.read(), policy, progress)
        tell_left_out(surveyed.left_out)
        return _described(surveyed.taken, wall_ms(), policy, None)

    return Asked(run(fold), policy)


def tell_left_out(left_out: LeftOut) -> None:
    """Say which events of a history could not be used, and what to do about it."""
    for reason, count in left_out.counts.items():
        event = "event is" if count == 1 else "events are"
        _say(f"{count:,} {event} left out: {reason}; {left_out.details[reason]}")


def _described(taken: Taken, now_ms: int, policy: Policy, before: Kept | None) -> Kept:
    from streams.kept_survey import described

    if taken.moment is None:
        fail(NOBODY, Exit.NOT_FOUND)
    return described(taken, now_ms, policy, before)


def _of_installation(*, fresh: bool) -> Asked:
    async def ask() -> Asked:
        from models.policy_record import newest
        from streams.lookup import Lookup
        from streams.surveying import policies_held, take_survey
        from streams.wall import wall_ms

        given = policy_given()
        before = await survey_kept()
        async with store_given() as store:
            held = await policies_held(store, given)
            policy = newest(held).policy
            if before is not None and not fresh:
                if _is_of(before, policy):
                    _note(before)
                    return Asked(before, policy)
                _say(
                    "another policy has come into force since the last survey: looking at everybody"
                )
            people = sum((await Lookup(store, given).sizes()).values())
            with bar("customers", people) as progress:
                taken = await take_survey(store, held, wall_ms(), progress)
        return Asked(_described(taken, wall_ms(), policy, before), policy)

    return run(ask)


async def survey_kept() -> Kept | None:
    """The survey that is kept; None if there is none that this version can read."""
    from models.survey_codec import UnreadableSurvey
    from streams.kept_survey import kept_survey
    from streams.redis_store import connect

    settings = settings_given()
    async with connect(settings.redis_url.get_secret_value()) as client:
        try:
            return await kept_survey(client, settings.namespace)
        except UnreadableSurvey as error:
            _say(str(error))
            return None


def _is_of(kept: Kept, policy: Policy) -> bool:
    """Whether a survey was taken under this policy: under another one there are other segments."""
    moment = kept.taken.moment
    return moment is not None and moment.policy == policy.version


def _say(text: str) -> None:
    err.print(text, highlight=False, markup=False)


def _note(kept: Kept) -> None:
    at = rfc3339(kept.taken_at_ms)[:16].replace("T", " ")
    _say(f"of the survey taken at {at} UTC; --fresh looks at everybody now")


def segment_meant(name: str, known: Collection[str]) -> str:
    """The one of those known that is meant, such as rule/vip by vip; none ends the command."""
    from models.rule_names import nearest
    from models.segments import rule_segment

    segment = next((each for each in (name, rule_segment(name)) if each in known), None)
    if segment is None:
        near = nearest(name, [*known, *(each.removeprefix("rule/") for each in known)])
        remedy = f"did you mean {near}?" if near else "segmenter segments list shows all"
        fail(f"nobody is in a segment {name!r}; {remedy}", Exit.NOT_FOUND)
    return segment


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
