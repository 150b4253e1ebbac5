"""`segmenter segments disagreements`: where sales and purchases tell different stories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli_exits import Exit, err, fail
from streams.cli_given import AsJson, out, print_json, run, with_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from models.policy import Policy
    from streams.store import Store

ALL = "all"


def segments_disagreements(
    verdict: Annotated[
        Literal["all", "ahead", "behind", "unknown_word"],
        typer.Option(help="Of whom sales believe too much, too little, or nobody knows what."),
    ] = "all",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Customers whose stage, as sales write it, is not what their purchases show."""
    from models.stages import DISAGREE
    from streams.disagreements import disagreements_table

    chosen = DISAGREE if verdict == ALL else (verdict,)
    rows, members = run(
        lambda: with_store(lambda store, policy: _found(store, policy, chosen, limit))
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        err.print("sales and purchases agree of everybody of whom sales say anything")
        return
    out.print(disagreements_table(rows), highlight=False)
    if len(rows) == limit < members:
        err.print(f"{members:,} in all: --limit 0 prints them", highlight=False)


async def _found(
    store: Store, policy: Policy, verdicts: Sequence[str], limit: int
) -> tuple[list[Mapping[str, Any]], int]:
    """The rows, and how many members all their segments have."""
    from streams.disagreements import disagreements, segments_of
    from streams.wall import wall_ms

    if policy.grid is None or not policy.grid.stage:
        fail(
            "sales write no stage: the policy in force has no [grid] that names one; "
            "add a section [grid], see docs/value-grid.md",
            Exit.NOT_FOUND,
        )
    rows = await disagreements(store, policy, wall_ms(), verdicts, limit)
    segments, partitions = segments_of(verdicts), range(await store.partitions())
    sizes = [await store.sizes(each, segments) for each in partitions]
    return rows, sum(map(sum, sizes))
