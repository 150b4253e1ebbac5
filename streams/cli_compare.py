"""`segmenter replay compare`: what would change under another policy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli_desk import print_wide
from streams.cli_exits import Exit, err, fail
from streams.cli_given import AsJson, bar, policy_of_file, print_json, run

if TYPE_CHECKING:
    from models.comparing import Window
    from streams.compare import Compared

Policies = Annotated[
    list[Path], typer.Argument(help="Two policy files; with --grid one.", metavar="A.toml [B.toml]")
]
On = Annotated[
    str,
    typer.Option(
        help="The history: CSV, JSONL or Parquet; or complete-journey, or cdnow.", metavar="FILE"
    ),
]
From = Annotated[
    datetime | None,
    typer.Option(
        "--from", formats=["%Y-%m-%d"], help="First day that is reported.", metavar="DATE"
    ),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], help="Last day that is reported.", metavar="DATE"),
]


def replay_compare(
    policies: Policies,
    on: On,
    first: From = None,
    last: To = None,
    expect_same: Annotated[
        bool, typer.Option("--expect-same", help="Exit with 5 if anything differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run two policies over one history, and tell what would change. Writes nothing; takes minutes."""
    from streams.compare_json import compared_as_json
    from streams.show_compare import compared_shown

    if len(policies) != 2:
        fail(f"compare takes two policy files, found {len(policies)}", Exit.USAGE)
    found = _compared(policies, on, _window(first, last))
    told = compared_as_json(found)
    if as_json:
        print_json(told)
    else:
        print_wide(compared_shown(told))
    if expect_same and found.differs:
        err.print("segmenter: the policies differ in what they bring about", style="red")
        raise typer.Exit(Exit.DIFFERENT)


def _window(first: datetime | None, last: datetime | None) -> Window:
    from models.comparing import Window

    if first is not None and last is not None and last < first:
        fail(f"--to {last.date()} is before --from {first.date()}", Exit.USAGE)
    days = (None if each is None else each.toordinal() for each in (first, last))
    return Window(*days)


def _compared(policies: list[Path], on: str, window: Window) -> Compared:
    from streams.compare import Asked, NothingToCompare, Party, compared, why_not_together
    from streams.trial_input import history

    a, b = (Party(str(each), policy_of_file(each)) for each in policies)
    why_not = why_not_together(a.policy, b.policy)
    if why_not is not None:
        fail(why_not, Exit.USAGE)
    asked = Asked(a, b, on, window)

    async def replayed() -> Compared:
        found = history(on)
        with bar(f"{on}: events", found.total) as progress:
            return await compared(asked, found.records, progress)

    try:
        return run(replayed)
    except NothingToCompare as error:
        fail(str(error), Exit.FAILURE)
