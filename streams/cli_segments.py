"""`segmenter segments …`: which there are, who is in them, and what new rules would bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streams.cli_disagreements import segments_disagreements
from streams.cli_evaluate import segments_evaluate
from streams.cli_exits import Exit, err, fail
from streams.cli_given import (
    AsJson,
    Given,
    bar,
    out,
    policy_of_file,
    print_json,
    run,
    store_given,
    with_store,
)
from streams.cli_personas import persona_kept, segments_personas
from streams.cli_prospects import segments_prospects
from streams.cli_report import segments_report
from streams.cli_survey import segments_survey
from streams.cli_together import segments_together

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.checking import Tried
    from streams.store import Store

segments_app = typer.Typer(no_args_is_help=True, help="Segments: sizes, members, new rules.")
Segment = Annotated[
    str, typer.Argument(help="As rule/vip, or vip; lifecycle/active.", metavar="NAME")
]
PAGE = 500


class Sizes(NamedTuple):
    """How many are in each segment there is, and the policy that it is of."""

    sizes: dict[str, int]
    policy: Policy


@segments_app.command("list")
def segments_list(as_json: AsJson = False) -> None:
    """All segments, and how many customers are in each; of accounts only those that have any."""
    from streams.show_check import segments_table, sizes_as_json

    sizes, policy = run(lambda: with_store(_sizes))
    if as_json:
        print_json(sizes_as_json(sizes, policy))
    else:
        out.print(segments_table(sizes, policy), highlight=False)


@segments_app.command("show")
def segments_show(name: Segment, as_json: AsJson = False) -> None:
    """What a segment is; of a rule, what it reads; what kind of people are in it, if a survey is kept."""
    from streams.show_check import segment_as_json, segment_shown

    sizes, policy = run(lambda: with_store(_sizes))
    segment = _known(name, sizes)
    told = {**segment_as_json(segment, sizes, policy), **run(lambda: persona_kept(segment, policy))}
    if as_json:
        print_json(told)
    else:
        out.print(segment_shown(told), highlight=False)


@segments_app.command("members")
def segments_members(
    name: Segment,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Who is in a segment: ids, one a line, partition by partition."""
    from streams.show import printable

    sizes, _ = run(lambda: with_store(_sizes))
    segment = _known(name, sizes)
    ids = run(lambda: with_store(lambda store, _: _members(store, segment, limit)))
    if as_json:
        print_json(ids)
        return
    for each in ids:
        out.print(printable(each), highlight=False, markup=False)
    if len(ids) == limit < sizes[segment]:
        err.print(f"{sizes[segment]:,} in all: --limit 0 prints them", highlight=False)


@segments_app.command("check")
def segments_check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Rules (default: the new and the changed).", metavar="NAME"),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, max=100, help="Customers to show.")] = 5,
    file: Annotated[
        Path | None, typer.Option("--file", help="The policy file (default: that of --config).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try the rules of the file out on everybody, before they are published. Writes nothing."""
    from streams.show_check import trial_as_json, trial_shown

    new = policy_of_file(file or Given.config)
    found = run(lambda: _checked(new, names or [], sample))
    policies = {"before": found.before, "new": new}
    if as_json:
        print_json(trial_as_json(found.results, found.customers, policies))
    elif found.results:
        out.print(trial_shown(found.results, found.customers, policies), highlight=False)
    else:
        err.print("there are no rule segments: write one under [segments.NAME]", markup=False)


class Checked(NamedTuple):
    """What trying rules out has found.

    Attributes:
        before: the policy in force.
        customers: how many there are.
        results: rule by rule.
    """

    before: Policy
    customers: int
    results: Sequence[Tried]


async def _checked(new: Policy, names: Sequence[str], sample: int) -> Checked:
    from models.policy_record import why_not_after
    from streams.checking import Trial, check, to_be_tried, without_rules
    from streams.lookup import Lookup
    from streams.policies import in_force
    from streams.wall import wall_ms

    async with store_given() as store:
        lookup = Lookup(store, new)
        people = sum((await lookup.sizes()).values())
        held = await in_force(store, new)
        newest = max(held, key=lambda each: each.number)
        before = newest.policy
        if not newest.number:
            _note("nobody has published a policy: compared with the segments people are in now")
            known = {meta.policy for meta in await lookup.metas()} == {new.version}
            before = new if known else without_rules(new)
        why_not = why_not_after(before, new)
        if why_not is not None:
            _note(f"this policy can't be published: {why_not}")
        trial = Trial(before, new, to_be_tried(names, before, new), sample)
        with bar("customers", people) as progress:
            results = await check(store, held, trial, wall_ms(), progress)
        return Checked(before, trial.customers, results)


def _note(text: str) -> None:
    err.print(text, markup=False, highlight=False)


async def _sizes(store: Store, policy: Policy) -> Sizes:
    from models.segments import ACCOUNTS, all_segments
    from streams.lookup import Lookup

    lookup = Lookup(store, policy)
    known = [each for each in await lookup.populations() if each is not None]
    newest = max(known, key=lambda each: each.version, default=None)
    people = dict.fromkeys(all_segments(policy, newest))
    names = [*people, *(f"{ACCOUNTS}{each}" for each in people)]
    totals = [0] * len(names)
    for partition in range(await lookup.partitions()):
        sizes = await store.sizes(partition, names)
        totals = [total + size for total, size in zip(totals, sizes, strict=True)]
    sized = dict(zip(names, totals, strict=True))
    return Sizes({name: sized[name] for name in names if name in people or sized[name]}, policy)


async def _members(store: Store, segment: str, limit: int) -> list[str]:
    ids: list[str] = []
    for partition in range(await store.partitions()):
        cursor = 0
        while not limit or len(ids) < limit:
            count = min(PAGE, limit - len(ids)) if limit else PAGE
            page, cursor = await store.members(partition, segment, cursor, count)
            ids += page
            if not cursor:
                break
    return ids


def _known(name: str, sizes: dict[str, int]) -> str:
    """The segment that is meant."""
    from models.rule_names import nearest
    from models.segments import rule_segment

    found = next((each for each in (name, rule_segment(name)) if each in sizes), None)
    if found is None:
        near = nearest(name, [*sizes, *(each.removeprefix("rule/") for each in sizes)])
        remedy = f"did you mean {near}?" if near else "segmenter segments list shows all"
        fail(f"no segment {name!r}; {remedy}", Exit.NOT_FOUND)
    return found


segments_app.command("survey")(segments_survey)
segments_app.command("report")(segments_report)
segments_app.command("evaluate")(segments_evaluate)
segments_app.command("disagreements")(segments_disagreements)
segments_app.command("personas")(segments_personas)
segments_app.command("prospects")(segments_prospects)
segments_app.command("together")(segments_together)
