"""`segmenter mcp`: read-only tools for an assistant, over stdio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli_exits import Exit, fail
from streams.cli_given import Given, policy_given, run, settings_given

if TYPE_CHECKING:
    from streams.mcp_audit import Audit
    from streams.mcp_masking import Mask

_MISSING = 'segmenter mcp needs the package mcp: pip install "streaming-segmenter[mcp]"'


def mcp(
    audit: Annotated[
        Path | None,
        typer.Option(help="Where every call is noted (default: stderr).", metavar="FILE"),
    ] = None,
    show: Annotated[
        str,
        typer.Option(
            help="Attributes whose values are told; all others are masked.", metavar="NAME,…"
        ),
    ] = "",
    on: Annotated[
        list[str] | None,
        typer.Option(
            help="A history that what_if may replay: a recording, a file of events, or complete-journey.",
            metavar="FILE",
        ),
    ] = None,
    what_if_events: Annotated[
        int, typer.Option(min=1, help="A longer history is not replayed.")
    ] = 50_000,
    what_if_seconds: Annotated[
        float, typer.Option(min=1, help="That what_if and check_rule may take.")
    ] = 120.0,
) -> None:
    """Let an assistant look: read-only tools over the Model Context Protocol (stdio), people under pseudonyms."""
    settings, policy = settings_given(), policy_given()
    try:
        import mcp as _sdk  # noqa: F401 - an optional extra: said in one line if it is missing
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        fail(_MISSING, Exit.USAGE)
    from logging.config import dictConfig

    from streams.logs import logging_config
    from streams.mcp_installation import Installation
    from streams.mcp_server import Allowed, Server
    from streams.mcp_what_if import Histories
    from streams.redis_store import connect

    dictConfig(logging_config(Given.log_level))
    shown = [each.strip() for each in show.split(",") if each.strip()]
    mask = _mask(shown)
    written, histories = _audit(audit, mask), Histories(_histories(on or []), what_if_events)

    async def serve() -> None:
        async with connect(settings.redis_url.get_secret_value()) as client:
            allowed = Allowed(shown, histories, what_if_s=what_if_seconds)
            server = Server(Installation(client, settings, policy), mask, written, allowed)
            await server.run_stdio_async()

    run(serve)


def _mask(shown: list[str]) -> Mask:
    from streams.mcp_masking import Mask, NeverShown

    try:
        return Mask(settings_given().pseudonyms, shown)
    except NeverShown as error:
        fail(str(error), Exit.USAGE)


def _audit(file: Path | None, mask: Mask) -> Audit:
    from streams.mcp_audit import Audit, AuditError
    from streams.wall import wall_ms

    try:
        return Audit(file, mask, wall_ms)
    except AuditError as error:
        fail(str(error), Exit.USAGE)


def _histories(given: list[str]) -> Mapping[str, str]:
    """Name → where it is; the name of a file is its last part, so that no path leaves."""
    from streams.datasets import DATASETS

    found: dict[str, str] = {}
    for each in given:
        if each not in DATASETS and not Path(each).is_file():
            fail(
                f"--on {each}: no such file, and no data set; record the log: segmenter record FILE",
                Exit.USAGE,
            )
        name = Path(each).name
        if name in found:
            fail(f"--on {each}: another history is called {name}, too; rename one", Exit.USAGE)
        found[name] = each if each in DATASETS else str(Path(each).resolve())
    return found
