"""The customers of whom sales say something else than purchases show.

    segments stage/ahead, behind, unknown_word ──► ids ──► states, as of now ──► rows

Enters: a store, the policy in force. Leaves: rows. Forbidden here: writing, printing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from rich.table import Table
from rich.text import Text

from models.codec import decode_held
from models.customer import CustomerState
from models.policy import Policy
from models.segments import ACCOUNTS, label_of, named
from models.stages import DISAGREE, STAGE
from models.step import advance
from streams.lookup import Found, Lookup, as_of
from streams.show import COLOURS, printable
from streams.show_grid import stage_as_json
from streams.store import MAX_CUSTOMERS, Store

Row = Mapping[str, Any]


async def disagreements(
    store: Store, policy: Policy, now_ms: int, verdicts: Sequence[str] = DISAGREE, limit: int = 0
) -> list[Row]:
    """Who stands elsewhere than sales say, verdict by verdict; people, then companies.

    Args:
        store: the one that serves.
        policy: in force, with a grid.
        now_ms: wall clock.
        verdicts: that are asked for.
        limit: at most so many; 0: all.

    Raises:
        StoreUnavailable, NothingYet, CorruptState, NewerSchema.
    """
    rows: list[Row] = []
    lookup = Lookup(store, policy)
    partitions = range(await lookup.partitions())
    for segment, partition in product(segments_of(verdicts), partitions):
        cursor = 0
        while not limit or len(rows) < limit:
            count = min(MAX_CUSTOMERS, limit - len(rows)) if limit else MAX_CUSTOMERS
            ids, cursor = await store.members(partition, segment, cursor, count)
            rows += await _rows(store, lookup, policy, partition, ids, now_ms)
            if not cursor:
                break
    return rows


def segments_of(verdicts: Sequence[str]) -> list[str]:
    """Where these customers are listed: people, then companies."""
    return [f"{prefix}{named(STAGE, each)}" for prefix in ("", ACCOUNTS) for each in verdicts]


async def _rows(
    store: Store, lookup: Lookup, policy: Policy, partition: int, ids: Sequence[str], now_ms: int
) -> list[Row]:
    """Those of them who still disagree at the moment of asking."""
    if not ids:
        return []
    looked = await store.look(partition, ids)
    population = await lookup.population(partition) if looked.population else None
    at_ms, found = as_of(looked, now_ms), list[Row]()
    for customer_id, packed in zip(ids, looked.states, strict=True):
        held = None if packed is None else decode_held(packed)
        if isinstance(held, CustomerState) and packed is not None:
            state, _ = advance(customer_id, held, at_ms, policy, population)
            live = looked.live is not None
            place = (partition, looked.offset, population, packed)
            found += _row(Found(customer_id, customer_id, state, at_ms, live, *place), policy)
    return found


def _row(found: Found, policy: Policy) -> Iterator[Row]:
    assert policy.grid is not None
    stage = stage_as_json(found, policy.grid)
    if stage is not None and stage["verdict"] in DISAGREE:
        yield {"customer_id": found.customer_id, **stage}


def disagreements_table(rows: Sequence[Row]) -> Table:
    """The same for people."""
    heads = ("customer", "sales say", "meaning", "written", "observed", "since", "")
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        observed = row["observed"]
        table.add_row(
            Text(printable(row["customer_id"])),
            Text(printable(row["said"])),
            row["means"] or "?",
            row["said_at"][:10],
            Text(observed, style=COLOURS[observed]),
            row["observed_since"][:10],
            label_of(named(STAGE, row["verdict"])).en.lower(),
        )
    return table
