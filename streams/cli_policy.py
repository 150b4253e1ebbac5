"""`segmenter policy …`: publish the policy of a file, look at those that were published, go back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streams.cli_exits import Exit, err, errors, fail
from streams.cli_given import (
    AsJson,
    Given,
    bar,
    out,
    policy_given,
    policy_of_file,
    print_json,
    run,
    settings_given,
    store_given,
)

if TYPE_CHECKING:
    from models.policy import Policy
    from models.policy_record import PublishedPolicy

policy_app = typer.Typer(no_args_is_help=True, help="The policy: publish, compare, go back.")
Number = Annotated[int, typer.Argument(min=1, help="Of the policy.", metavar="NUMBER")]
File = Annotated[
    Path | None, typer.Option("--file", help="The policy file (default: that of --config).")
]
Note = Annotated[str, typer.Option(help="Why, in words; kept in the history.")]
Silent = Annotated[
    bool, typer.Option("--silent", help="Tell nobody of the changes of membership it brings.")
]
WaitS = Annotated[float, typer.Option("--wait", min=0, help="Seconds that workers may take.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Side = Annotated[str | None, typer.Argument(help="A number, or a file.", show_default=False)]


class Wanted(NamedTuple):
    """What is to be published, and how.

    Attributes:
        policy: what is to hold.
        note: why.
        silent: see `PublishedPolicy`.
        wait_s: for workers to take it over.
        yes: do not ask.
    """

    policy: Policy
    note: str
    silent: bool
    wait_s: float
    yes: bool


class Standing(NamedTuple):
    """What holds now.

    Attributes:
        in_force: the policy of each partition.
        versions: of the policy that each partition was last folded under; "" before the first.
    """

    in_force: list[PublishedPolicy]
    versions: list[str]

    @property
    def newest(self) -> PublishedPolicy | None:
        """The newest published one that is in force anywhere."""
        published = (each for each in self.in_force if each.number)
        return max(published, key=lambda each: each.number, default=None)


@policy_app.command("publish")
def policy_publish(
    file: File = None,
    note: Note = "",
    silent: Silent = False,
    wait_s: WaitS = 60.0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring the policy of the file into force: workers take it over, and segment everyone anew."""
    policy = policy_of_file(file or Given.config)
    _publish(Wanted(policy, note, silent, wait_s, yes), as_json=as_json)


@policy_app.command("rollback")
def policy_rollback(
    number: Number,
    note: Note = "",
    silent: Silent = False,
    wait_s: WaitS = 60.0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Publish what an earlier policy said, under a new number."""
    from streams.policies import publication

    with errors():
        earlier = publication(_publications(), number)
    wanted = Wanted(earlier.policy, note or f"back to policy {number}", silent, wait_s, yes)
    _publish(wanted, as_json=as_json)


@policy_app.command("history")
def policy_history(as_json: AsJson = False) -> None:
    """All policies that were published, oldest first, and where they are in force."""
    from streams.show_policy import history_as_json, history_table

    given = policy_given()
    with errors():
        found = _publications()
    standing = _standing(given)
    told = history_as_json(found, standing.in_force)
    if as_json:
        print_json(told)
    elif told:
        out.print(history_table(told, len(standing.in_force)), highlight=False)
    else:
        err.print("nobody has published a policy yet: the workers' own file holds", markup=False)


@policy_app.command("show")
def policy_show(
    number: Annotated[
        int | None, typer.Argument(min=1, help="(default: the one in force)", metavar="NUMBER")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a policy as TOML that can be published again."""
    from models.policy_record import PublishedPolicy
    from streams.policies import publication
    from streams.show_policy import policy_as_document, policy_as_toml

    if number is None:
        given = policy_given()
        shown = _standing(given).newest or PublishedPolicy(0, given)
    else:
        with errors():
            shown = publication(_publications(), number)
    if as_json:
        print_json(policy_as_document(shown))
    else:
        out.print(policy_as_toml(shown), highlight=False, markup=False, end="")


@policy_app.command("diff")
def policy_diff(before: Side = None, new: Side = None, as_json: AsJson = False) -> None:
    """What differs between two policies; by default between the one in force and the file."""
    from streams.show_policy import change_line, changes

    other = policy_given() if new is None else _policy_named(new)
    one = _in_force_before(other) if before is None else _policy_named(before)
    found = changes(one, other)
    if as_json:
        print_json(found)
        return
    for each in found:
        out.print(change_line(each), highlight=False, markup=False)
    if not found:
        err.print("no difference", highlight=False)


def _publish(wanted: Wanted, *, as_json: bool) -> None:
    from streams.show_policy import change_line, changes, heading, published_as_json

    with errors():
        known = _publications()
    standing = _standing(wanted.policy)
    _require_may_follow(wanted.policy, standing, known)
    if _is_in_force(wanted.policy, standing, known):
        last = known[-1]
        if as_json:
            print_json({"published": False, **published_as_json(last), "changes": []})
        else:
            out.print(f"nothing to publish: policy {last.number} says the same", highlight=False)
        return
    differing = changes(standing.newest.policy, wanted.policy) if standing.newest else []
    if not as_json:
        _tell_of_the_first(wanted.policy, standing)
        for each in differing:
            out.print(change_line(each), highlight=False, markup=False)
    if not wanted.yes and sys.stdin.isatty() and not typer.confirm("Publish?", err=True):
        fail("nothing was published", Exit.FAILURE)
    published, partitions = _written(wanted)
    if as_json:
        told = {"published": True, **published_as_json(published), "changes": differing}
        print_json({**told, "partitions": partitions, "taken_over": wanted.wait_s > 0})
    else:
        where = f"in force in all {partitions} partitions" if wanted.wait_s else "on its way"
        out.print(f"{heading(published)}\n{where}", highlight=False, markup=False)


def _written(wanted: Wanted) -> tuple[PublishedPolicy, int]:
    """Publish, and wait until it is in force everywhere; answers how many partitions there are."""
    from streams.log import LogInspector
    from streams.policies import publish, taken_over
    from streams.topics import LOG
    from streams.wall import wall_ms

    brokers = settings_given().brokers
    inspector = LogInspector(brokers)
    note, silent = wanted.note, wanted.silent
    with errors():
        published = publish(brokers, wanted.policy, now_ms=wall_ms(), note=note, silent=silent)
        partitions = inspector.facts(LOG).partitions
        ends = inspector.extents(LOG, range(partitions))
    if not wanted.wait_s:
        return published, partitions

    async def waited(progress: Callable[[int], None]) -> None:
        async with store_given() as store:
            await taken_over(store, published, ends, wanted.wait_s, progress)

    with bar(f"policy {published.number}: partitions", partitions) as progress:
        run(lambda: waited(progress))
    return published, partitions


def _require_may_follow(
    policy: Policy, standing: Standing, known: Sequence[PublishedPolicy]
) -> None:
    """Whatever is in force, or will be before it, must let it follow."""
    from models.policy_record import why_not_after

    before = [each.policy for each in standing.in_force if each.number]
    before += [each.policy for each in known[-1:]]
    for each in before:
        why_not = why_not_after(each, policy)
        if why_not is not None:
            fail(why_not, Exit.FAILURE)


def _is_in_force(policy: Policy, standing: Standing, known: Sequence[PublishedPolicy]) -> bool:
    """Whether the last publication says the same, and has reached every partition."""
    if not known or known[-1].policy.version != policy.version:
        return False
    last = known[-1].number
    return bool(standing.in_force) and all(each.number == last for each in standing.in_force)


def _tell_of_the_first(policy: Policy, standing: Standing) -> None:
    if standing.newest is not None:
        return
    same = set(standing.versions) <= {"", policy.version}
    says = "says the same" if same else f"is another one, version {_listed(standing.versions)}"
    err.print(
        "the first policy to be published: until now the workers' own file holds, which "
        f"{says}; from then on it does not count any more",
        markup=False,
        highlight=False,
    )


def _in_force_before(policy: Policy) -> Policy:
    """The policy in force; of the workers' own file only its version is known."""
    standing = _standing(policy)
    if standing.newest is not None:
        return standing.newest.policy
    unpublished = "nobody has published a policy yet: the workers' own file holds"
    if not set(standing.versions) <= {"", policy.version}:
        versions = _listed(standing.versions)
        remedy = "what it says is not known here: name two files"
        fail(f"{unpublished}, version {versions}; {remedy}", Exit.FAILURE)
    err.print(unpublished, highlight=False)
    return policy


def _listed(versions: Sequence[str]) -> str:
    return ", ".join(sorted({each for each in versions if each}))


def _policy_named(name: str) -> Policy:
    """A published one by its number, or that of a file."""
    from streams.policies import publication

    if not name.isdecimal():
        return policy_of_file(Path(name))
    with errors():
        return publication(_publications(), int(name)).policy


def _publications() -> list[PublishedPolicy]:
    from streams.log import LogInspector
    from streams.policies import publications

    return publications(LogInspector(settings_given().brokers))


def _standing(given: Policy) -> Standing:
    from streams.lookup import Lookup
    from streams.policies import in_force

    async def asked() -> Standing:
        async with store_given() as store:
            found = await in_force(store, given)
            metas = await Lookup(store, given).metas() if found else []
            return Standing(found, [meta.policy for meta in metas])

    return run(asked)
