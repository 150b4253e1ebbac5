"""`segmenter list …`: lists of customers, made elsewhere, into their profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli_exits import errors
from streams.cli_given import AsJson, bar, out, policy_given, print_json, settings_given

list_app = typer.Typer(no_args_is_help=True, help="Lists of customers as attributes.")


@list_app.command("upload")
def list_upload(
    name: Annotated[str, typer.Argument(help="The attribute: rules read profile.NAME.")],
    path: Annotated[
        Path,
        typer.Argument(
            help="One id a line; or CSV: customer_id, or customer_id,value.", metavar="FILE"
        ),
    ],
    value: Annotated[str, typer.Option(help="For all whose line has none.")] = "true",
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the attribute away from all in the file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give all customers of a file an attribute; sending a file twice does no harm."""
    from streams.lists import read_list, upload
    from streams.wall import wall_ms

    settings, policy = settings_given(), policy_given()
    with errors():
        found = read_list(name, path, value, remove=remove)
        with bar(f"profile.{name}", len(found.values)) as progress:
            written = upload(settings.brokers, found, policy, wall_ms(), progress)
    if as_json:
        print_json({"list": name, "removed": remove, "events": written, "digest": found.digest})
    else:
        done = "taken away from" if remove else "written for"
        out.print(f"profile.{name}: {done} {written:,} customers", highlight=False, markup=False)
