"""`segmenter config check`: whether policy, settings and sources can be used, and what samples become."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli_exits import Exit, err, fail
from streams.cli_given import AsJson, out, policy_given, print_json, settings_given
from streams.cli_sources import sources_given

if TYPE_CHECKING:
    from models.policy import Business

Samples = Annotated[
    Path | None,
    typer.Option(
        "--sample", metavar="FILE", help="Events of a source: JSON, a list of it, or JSONL."
    ),
]
Of = Annotated[
    str | None,
    typer.Option("--source", metavar="NAME", help="Whose they are: the table sources.NAME."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME:VALUE", help="Sent along, such as X-Shopify-Topic."),
]


def config_check(
    sample: Samples = None, source: Of = None, header: Headers = None, as_json: AsJson = False
) -> None:
    """Say whether policy, settings and sources can be used; with --sample, what events become."""
    settings_given()
    policy, sources = policy_given(), sources_given()
    if sample is not None:
        _check_samples(sample, source, header or [], policy.business, as_json=as_json)
        return
    if as_json:
        told = {"preset": policy.preset, "version": policy.version, "sources": list(sources)}
        print_json(told)
        return
    named = f", sources {', '.join(sources)}" if sources else ""
    out.print(f"ok: preset {policy.preset}, policy version {policy.version}{named}")


def _check_samples(
    path: Path, name: str | None, headers: list[str], business: Business, *, as_json: bool
) -> None:
    from streams.samples import NotASample, as_told, parsed_headers, samples_in, table_of

    sources = sources_given()
    if not sources:
        fail(
            "the file has no [sources.NAME] to read samples by; docs/sources.md has some",
            Exit.USAGE,
        )
    if name is None and len(sources) > 1:
        fail(f"say which with --source: {', '.join(sources)}", Exit.USAGE)
    chosen = name or next(iter(sources))
    if chosen not in sources:
        fail(f"no source {chosen}; there are {', '.join(sources)}", Exit.USAGE)
    try:
        bodies, sent = samples_in(path), parsed_headers(headers)
        told = as_told(chosen, sources[chosen], bodies, sent, business)
    except NotASample as error:
        fail(str(error), Exit.USAGE)
    if as_json:
        print_json(told)
    else:
        out.print(table_of(told), highlight=False)
    rejected = sum(each["outcome"] == "rejected" for each in told)
    if rejected:
        err.print(f"segmenter: {rejected} of {len(told)} would be dead letters", markup=False)
        raise typer.Exit(Exit.FAILURE)
