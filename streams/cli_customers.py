"""`segmenter customer …`: look one person up, forget them, or say that two ids are theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from streams.cli_exits import Exit, errors, fail
from streams.cli_given import (
    AsJson,
    Given,
    bar,
    out,
    policy_given,
    print_json,
    run,
    settings_given,
    store_given,
    with_lookup,
)
from streams.cli_survey import survey_given

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.lookup import Found, Lookup
    from streams.persons import Persons

T = TypeVar("T")
DAY_MS = 86_400_000  # today is no future in any zone

customer_app = typer.Typer(no_args_is_help=True, help="One customer: look up, forget, merge.")
CustomerId = Annotated[str, typer.Argument(help="The customer's id.", metavar="ID")]
WaitS = Annotated[float, typer.Option("--wait", min=0, help="Seconds that a worker may take.")]
AsOf = Annotated[
    str,
    typer.Option(
        help="A date (the end of that day), or a moment with its zone: the log is folded up to there.",
        metavar="DATE",
    ),
]
On = Annotated[
    str, typer.Option(help="With --as-of: a recording (default: the log).", metavar="FILE")
]


@customer_app.command("get")
def customer_get(
    customer_id: CustomerId, as_of: AsOf = "", on: On = "", as_json: AsJson = False
) -> None:
    """Where a customer stands now, or stood at a moment of the past."""
    from streams import lookup
    from streams.favourites import favourites_line
    from streams.show import customer_card, printable
    from streams.show_grid import grid_as_json
    from streams.show_outlook import expected_as_json
    from streams.show_rules import rules_line

    if on and not as_of:
        fail("--on is for --as-of: now is in the store", Exit.USAGE)
    found, policy = _find_then(customer_id, as_of, on) if as_of else _find(customer_id)
    if as_json:
        told = {**expected_as_json(found, policy), **grid_as_json(found, policy)}
        print_json({**lookup.as_json(found, policy), **told})
        return
    out.print(customer_card(found, policy), highlight=False)
    if line := favourites_line(found.favourites):
        out.print(f"  {printable(line)}", highlight=False, markup=False)
    if found.state.rules:
        out.print(f"  {rules_line(found, policy)}", highlight=False, markup=False)


@customer_app.command("next")
def customer_next(customer_id: CustomerId, as_json: AsJson = False) -> None:
    """Categories that they have not bought in a year and may begin to buy; of the newest survey."""
    from models.calendar import day_of
    from models.sight import Sight
    from streams.show_together import next_as_json, next_lines

    found, policy = _find(customer_id)
    taken, _ = survey_given("")
    assert taken.together is not None  # somebody was surveyed
    sight = Sight(found.state, day_of(found.as_of_ms, policy.timezone), policy)
    told = next_as_json(taken.together, sight, taken.survey.names)
    if as_json:
        print_json(told)
        return
    for line in next_lines(told):
        out.print(line, highlight=False, markup=False)


@customer_app.command("history")
def customer_history(customer_id: CustomerId, as_json: AsJson = False) -> None:
    """A customer's newest changes, oldest first."""
    from streams.show import history_table

    found, _ = _find(customer_id)
    changes = run(lambda: with_lookup(lambda look, _: look.history(found.customer_id)))
    if as_json:
        print_json(changes)
    else:
        out.print(history_table(changes), highlight=False)


@customer_app.command("explain")
def customer_explain(customer_id: CustomerId, as_json: AsJson = False) -> None:
    """Why a customer stands where they stand."""
    from streams.show import explanation
    from streams.show_rules import rules_explained

    found, policy = _find(customer_id)
    sentences = [*explanation(found, policy), *rules_explained(found, policy)]
    if as_json:
        print_json(sentences)
    else:
        for sentence in sentences:
            out.print(sentence, highlight=False, markup=False)


@customer_app.command("erase")
def customer_erase(customer_id: CustomerId, wait_s: WaitS = 30.0, as_json: AsJson = False) -> None:
    """Have a person forgotten, with all their names; prints a receipt."""
    from streams.messages import rfc3339

    asked_for = _normalised(customer_id)
    receipt = run(lambda: _with_persons(lambda persons: persons.erase(asked_for), wait_s))
    if as_json:
        print_json(receipt.as_json())
        return
    removed = receipt.mark.removed
    out.print(
        f"erased: nothing up to {rfc3339(receipt.mark.through_ms)} counts any more\n"
        f"removed: {'a state' if removed.state else 'no state'}, {removed.purchases} purchases, "
        f"{removed.attributes} attributes, {removed.names} other names\n"
        f"receipt: {receipt.pseudonym}, event {receipt.event_id}",
        highlight=False,
    )


@customer_app.command("merge")
def customer_merge(
    customer_id: CustomerId,
    into: Annotated[str, typer.Argument(help="The id that stays.", metavar="INTO")],
    wait_s: WaitS = 30.0,
    as_json: AsJson = False,
) -> None:
    """Say that two ids are one person's: the first becomes another name of the second."""
    one, other = _normalised(customer_id), _normalised(into)
    if one == other:
        fail("name two ids", Exit.USAGE)
    merged = run(lambda: _with_persons(lambda persons: persons.merge(one, other), wait_s))
    if as_json:
        print_json(merged)
    else:
        names = ", ".join(merged["names"])
        out.print(f"{merged['customer_id']} is also known as {names}", highlight=False)


async def _with_persons(ask: Callable[[Persons], Awaitable[T]], wait_s: float) -> T:
    from streams.persons import Persons

    settings = settings_given()
    async with store_given() as store:
        persons = Persons(store, settings.brokers, settings.pseudonyms, wait_s)
        return await ask(persons)


def _normalised(raw_id: str) -> str:
    from models.events import NotAnId, normalised_id

    try:
        return normalised_id(raw_id)
    except NotAnId as error:
        fail(str(error), Exit.USAGE)


def _find(raw_id: str) -> tuple[Found, Policy]:
    """A customer, and the policy in force that they are seen under."""
    from streams.wall import wall_ms

    customer_id = _normalised(raw_id)

    async def asked(look: Lookup, policy: Policy) -> tuple[Found | None, Policy]:
        found = await look.customer(customer_id, wall_ms())
        return found and await look.with_favourites(found), policy

    found, policy = run(lambda: with_lookup(asked))
    if found is None:
        fail("nobody is known by that id", Exit.NOT_FOUND)
    return found, policy


def _find_then(raw_id: str, as_of: str, on: str) -> tuple[Found, Policy]:
    """The same, as of a moment of the past."""
    from streams.recorded_events import TOPIC, open_events
    from streams.recording import policy_of
    from streams.span import BadPlace, parse_moment
    from streams.time_travel import customer_then
    from streams.wall import wall_ms

    customer_id, settings, policy = _normalised(raw_id), settings_given(), policy_given()
    with errors():
        recording = open_events(on or TOPIC, settings, policy).recording
        if recording is None:
            fail(f"--on: {on} is no recording; make one with: segmenter record FILE", Exit.USAGE)
        given = policy if Given.config or not on else policy_of(recording)
    try:
        at_ms = parse_moment(as_of, given.timezone)
    except BadPlace as error:
        fail(f"--as-of: {error}", Exit.USAGE)
    if at_ms > wall_ms() + DAY_MS:
        fail(f"--as-of: {as_of} is still to come; leave it out for now", Exit.USAGE)
    with bar(recording.name, None) as progress:
        keys = settings.pseudonyms
        then = run(lambda: customer_then(recording, customer_id, at_ms, given, keys, progress))
    if then.found is None:
        fail("nobody was known by that id then", Exit.NOT_FOUND)
    return then.found, then.policy
