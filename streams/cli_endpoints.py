"""`segmenter alerts endpoints|enable|resend|test`: the receivers of alerts, and what they did not take."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from streams.cli_desk import Desk, at_the_desk, configured, note, print_wide
from streams.cli_exits import Exit, fail
from streams.cli_given import AsJson, out, print_json, run, settings_given

if TYPE_CHECKING:
    from streams.endpoints import Endpoint
    from streams.shelf import Shelf

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="Of an endpoint.", metavar="ENDPOINT")]
_WITHIN = "a running delivery process takes it up within a minute"


def alerts_endpoints(as_json: AsJson = False) -> None:
    """How the receivers of alerts do."""
    from streams.show_alerts import endpoints_table

    told = endpoints_told()
    if as_json:
        print_json(told)
    elif told:
        print_wide(endpoints_table(told))
    else:
        note("there are no endpoints: name a file of them in SEGMENTER_ENDPOINTS_FILE")


def alerts_enable(name: Name, as_json: AsJson = False) -> None:
    """Send to an endpoint again that was disabled, or is paused."""
    from streams.resending import enable
    from streams.wall import wall_ms

    async def enabled(desk: Desk) -> None:
        await _known(name, desk.shelf)
        await _written(enable(desk.shelf, name, wall_ms))

    at_the_desk(enabled)
    if as_json:
        print_json({"endpoint": name, "enabled": True})
    else:
        out.print(f"{name}: enabled; {_WITHIN}", markup=False, highlight=False)


def alerts_resend(
    name: Name,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Alerts (default: all that are dead).", metavar="ID")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put alerts that an endpoint did not take back into its queue, as if they were new."""
    from streams.alert_reads import AlertReads
    from streams.resending import resend
    from streams.wall import wall_ms

    async def resent(desk: Desk) -> tuple[int, str]:
        await _known(name, desk.shelf)
        count = await _written(resend(desk.shelf, name, ids or None, wall_ms))
        seen = next(
            each for each in await AlertReads(desk.shelf).endpoints([name]) if each.name == name
        )
        return count, seen.health.disabled_why

    count, disabled = at_the_desk(resent)
    if ids and not count:
        fail(f"none of these waits at {name}, or is dead there", Exit.NOT_FOUND)
    if as_json:
        print_json({"endpoint": name, "resent": count, "asked": len(set(ids)) if ids else None})
    elif not count:
        out.print(f"{name}: nothing is dead there", markup=False, highlight=False)
    else:
        of = f" of {len(set(ids)):,}" if ids else ""
        out.print(f"{name}: {count:,}{of} in the queue again; {_WITHIN}", highlight=False)
    if disabled:
        note(f"{name} is disabled ({disabled}); to send: segmenter alerts enable {name}")


def alerts_test(
    target: Annotated[
        str, typer.Argument(help="An endpoint's name, or a URL.", metavar="NAME|URL")
    ],
    secret: Annotated[
        str, typer.Option(help="To sign with; instead of an endpoint's own.", metavar="whsec_…")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Send one signed event that says it is a test, with no customer in it; 1 if it is refused."""
    from streams.endpoint_trial import tried
    from streams.show_trial import trial_as_json, trial_lines
    from streams.wall import wall_ms

    endpoint, namespace = _target(target, secret), settings_given().namespace
    trial = run(lambda: tried(endpoint, namespace, wall_ms()))
    if as_json:
        print_json(trial_as_json(trial))
    else:
        for each in trial_lines(trial):
            out.print(each, markup=False, highlight=False)
    if not trial.is_accepted:
        raise typer.Exit(Exit.FAILURE)


def _target(target: str, secret: str) -> Endpoint:
    """The endpoint that is meant; a fault ends the command."""
    from streams.endpoint_trial import BadEndpoint, signed_by, unnamed

    try:
        if "://" in target:
            if not secret:
                fail("a URL needs --secret whsec_…, to sign with", Exit.USAGE)
            return unnamed(target, secret)
        endpoint = configured().get(target)
        if endpoint is None:
            _fail_unknown(target, configured())
        return signed_by(endpoint, secret) if secret else endpoint
    except BadEndpoint as error:
        fail(str(error), Exit.USAGE)


def endpoints_told() -> list[dict[str, Any]]:
    """How the endpoints of the file do, and all that were ever sent to."""
    from streams.alert_reads import AlertReads
    from streams.show_alerts import endpoints_as_json
    from streams.wall import wall_ms

    named = configured()

    async def asked(desk: Desk) -> list[dict[str, Any]]:
        found = await AlertReads(desk.shelf).endpoints(list(named))
        return endpoints_as_json(found, named, wall_ms())

    return at_the_desk(asked)


async def _known(name: str, shelf: Shelf) -> None:
    """Refuse an endpoint that neither the file nor the shelf knows."""
    from streams.alert_reads import AlertReads

    named = configured()
    if name in named:
        return
    known = [each.name for each in await AlertReads(shelf).endpoints(())]
    if name not in known:
        _fail_unknown(name, [*named, *known])
    note(f"{name} is not in the endpoints file: its alerts wait until it is")


def _fail_unknown(name: str, known: Iterable[str]) -> NoReturn:
    from models.rule_names import nearest

    near = nearest(name, known)
    remedy = f"did you mean {near}?" if near else "segmenter alerts endpoints shows all"
    fail(f"no endpoint {name!r:.80}; {remedy}", Exit.NOT_FOUND)


async def _written(work: Awaitable[T]) -> T:
    from streams.resending import Busy

    try:
        return await work
    except Busy as error:
        fail(str(error), Exit.FAILURE)
