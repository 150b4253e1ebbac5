"""`segmenter schema …`: the contracts, as documents that other tools read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli_exits import Exit, fail
from streams.cli_given import out, print_json

schema_app = typer.Typer(
    no_args_is_help=True, help="What goes in and comes out, as AsyncAPI, OpenAPI, JSON Schema."
)
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write into this folder.", metavar="DIR", file_okay=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="With --out: what was written, as JSON.")]


@schema_app.command("asyncapi")
def schema_asyncapi(out_dir: Out = None, as_json: AsJson = False) -> None:
    """Topics, messages and webhooks: AsyncAPI 3.0."""
    _told(["asyncapi"], out_dir, as_json=as_json)


@schema_app.command("openapi")
def schema_openapi(out_dir: Out = None, as_json: AsJson = False) -> None:
    """The HTTP API: OpenAPI 3.1."""
    _told(["openapi"], out_dir, as_json=as_json)


@schema_app.command("jsonschema")
def schema_jsonschema(out_dir: Out = None, as_json: AsJson = False) -> None:
    """The body of each kind of message: JSON Schema, one by one."""
    _told(["jsonschema"], out_dir, as_json=as_json)


@schema_app.command("all")
def schema_all(out_dir: Out = None, as_json: AsJson = False) -> None:
    """All three."""
    from streams.contracts import FORMS

    _told(FORMS, out_dir, as_json=as_json)


def _told(forms: Sequence[str], folder: Path | None, *, as_json: bool) -> None:
    """Print the documents, or write them."""
    from streams.contracts import documents, text_of, write

    made: dict[str, Any] = {}
    for form in forms:
        made.update(documents(form))
    if folder is None:
        only = next(iter(made.values())) if len(made) == 1 else made
        sys.stdout.write(text_of(only))
        return
    try:
        written = [str(each) for each in write(made, folder)]
    except OSError as error:
        fail(f"{folder}: {error.strerror}; name a folder with --out", Exit.FAILURE)
    if as_json:
        print_json({"written": written})
    else:
        for each in written:
            out.print(each, highlight=False, markup=False)
