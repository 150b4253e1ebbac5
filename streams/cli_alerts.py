"""`segmenter alerts …`: which there are, what they come to; and, next door, where they go, from when on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli_desk import Desk, at_the_desk, note, print_wide
from streams.cli_endpoints import (
    alerts_enable,
    alerts_endpoints,
    alerts_resend,
    alerts_test,
    endpoints_told,
)
from streams.cli_exits import Exit, fail
from streams.cli_given import AsJson, out, print_json
from streams.cli_tune import alerts_tune

if TYPE_CHECKING:
    from streams.alert_reads import Seen

alerts_app = typer.Typer(no_args_is_help=True, help="Churn alerts: look, deliver, tune.")

# As `Decision` of models/alert_record.py, which takes too long to import for every command.
DecisionName = Literal[
    "waiting", "sent", "held_out", "over_budget", "blocked", "cleared", "muted", "too_old"
]
Rule = Annotated[str, typer.Option("--rule", help="Only alerts of this rule.", metavar="NAME")]
LOOK_EVERY_S = 1.0


@alerts_app.command("list")
def alerts_list(
    rule: Rule = "",
    decision: Annotated[DecisionName | None, typer.Option(help="Only with this decision.")] = None,
    customer: Annotated[str, typer.Option(help="Only about this customer.", metavar="ID")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest alerts, newest first."""
    from models.alert_record import Decision
    from streams.alert_reads import AlertReads, Wanted, alert_as_json
    from streams.show_alerts import alerts_table

    wanted = Wanted(rule, Decision(decision) if decision else None)

    async def asked(desk: Desk) -> tuple[list[Seen], str]:
        reads, currency = AlertReads(desk.shelf), desk.policy.business.currency
        if not customer:
            return (await reads.newest(limit, None, wanted))[0], currency
        found = await reads.of_customer(customer)
        return [each for each in found if wanted.fits(each.record)][:limit], currency

    found, currency = at_the_desk(asked)
    if as_json:
        print_json([alert_as_json(each) for each in found])
    elif found:
        print_wide(alerts_table(found, currency))
    else:
        note("no such alerts")


@alerts_app.command("show")
def alerts_show(
    alert_id: Annotated[str, typer.Argument(help="32 hex digits.", metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """An alert: what was foretold, what was decided, what came of it."""
    from streams.alert_reads import AlertReads, alert_as_json
    from streams.show_alerts import alert_card

    async def asked(desk: Desk) -> tuple[Seen | None, str]:
        return await AlertReads(desk.shelf).one(alert_id), desk.policy.business.currency

    found, currency = at_the_desk(asked)
    if found is None:
        fail(f"no alert {alert_id!r:.80} is kept; segmenter alerts list shows some", Exit.NOT_FOUND)
    elif as_json:
        print_json(alert_as_json(found))
    else:
        out.print(alert_card(found, currency), highlight=False)


@alerts_app.command("report")
def alerts_report(
    rule: Rule = "",
    weeks: Annotated[
        int, typer.Option(min=1, max=520, help="So many, up to the newest with an alert.")
    ] = 12,
    as_json: AsJson = False,
) -> None:
    """Were alerts right, were they early, did they bring anybody back."""
    from streams.alert_reads import AlertReads
    from streams.api.alerts import AlertAnswers
    from streams.show_alerts import endpoints_table, report_shown
    from streams.wall import wall_ms

    async def asked(desk: Desk) -> tuple[dict[str, Any], str]:
        answers = AlertAnswers(AlertReads(desk.shelf), desk.policy, wall_ms)
        return await answers.report(rule, weeks), desk.policy.business.currency

    told, currency = at_the_desk(asked)
    if as_json:
        print_json({**told, "endpoints": endpoints_told()})
        return
    print_wide(report_shown(told, currency, by_week=bool(rule)))
    endpoints = endpoints_told()
    if endpoints:
        out.print()
        print_wide(endpoints_table(endpoints))


@alerts_app.command("tail")
def alerts_tail(
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="Begin with so many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Follow new alerts, until Ctrl-C; with --json an object a line."""
    from streams.alert_reads import alert_as_json
    from streams.alert_tail import Tail
    from streams.show_alerts import alert_line
    from streams.store import StoreUnavailable

    def show(found: Sequence[Seen], currency: str) -> None:
        for each in found:
            if as_json:
                typer.echo(json.dumps(alert_as_json(each), ensure_ascii=False))
            else:
                out.print(alert_line(each, currency), markup=False, highlight=False)

    async def followed(desk: Desk) -> None:
        tail, currency = Tail(desk.shelf), desk.policy.business.currency
        show(await tail.begin(last), currency)
        trouble = ""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                show(await tail.look(), currency)
                trouble = ""
            except StoreUnavailable as error:
                if str(error) != trouble:
                    trouble = str(error)
                    note(f"{trouble}; trying again")

    try:
        at_the_desk(followed)
    except KeyboardInterrupt:
        raise typer.Exit from None


for _name, _command in (
    ("endpoints", alerts_endpoints),
    ("enable", alerts_enable),
    ("resend", alerts_resend),
    ("test", alerts_test),
    ("tune", alerts_tune),
):
    alerts_app.command(_name)(_command)
