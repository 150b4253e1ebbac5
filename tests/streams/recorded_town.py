"""A town whose log is recorded: sixty shoppers, two ids that become one, and one who is forgotten."""

from __future__ import annotations

import asyncio
import json
from functools import cache

from models.erasure import Pseudonyms
from models.policy import Policy, policy_from_toml
from streams.digest import Digest, Told
from streams.digest import digest_of as digest_of_store
from streams.loop import Loop
from streams.messages import rfc3339
from streams.sources import SourceRecord
from tests.streams.shoppers_file import shoppers
from tests.support.story import DAY_0_MS, DAY_MS

KEYED = Pseudonyms(b"key of the town")
POLICY = policy_from_toml(
    """
preset = "grocery"

[segments.regulars]
when = "purchases_30d >= 4"

[alerts.rules.overdue]
on = "customer.overdue"
cool_down_days = 7
"""
)


def about(kind: str, customer_id: str, day: int, **fields: object) -> SourceRecord:
    """One event at nine in the morning of a day."""
    at_ms = DAY_0_MS + day * DAY_MS + 9 * 3_600_000
    body = {
        "event_id": f"{kind} of {customer_id}",
        "customer_id": customer_id,
        "occurred_at": rfc3339(at_ms),
        **fields,
    }
    return SourceRecord(kind, customer_id, at_ms, json.dumps(body).encode())


def history() -> list[SourceRecord]:
    """Everything that happens, in order."""
    others = [
        about("merge", "c4", 40, into="c5"),
        about("erasure", "c7", 50),
        about("profile", "c1", 30, attributes={"city": "Graz"}),
        about("nonsense", "c2", 31),
    ]
    return sorted([*shoppers(), *others], key=lambda each: each.occurred_at_ms)


@cache
def town(policy: Policy = POLICY, partitions: int = 3) -> Loop:
    """After eleven weeks, day by day."""
    return asyncio.run(_lived(Loop(policy, partitions, pseudonyms=KEYED, keeps_log=True)))


async def _lived(loop: Loop) -> Loop:
    async def new_day(day: int) -> None:
        await loop.tick(DAY_0_MS + (day - 738_886) * DAY_MS)  # the ordinal of day 0

    await loop.replay(history(), new_day)
    await loop.settle()
    return loop


def digest_of(loop: Loop) -> Digest:
    """Counted from what stands in its store, and from all that left."""
    return asyncio.run(_digest(loop))


async def _digest(loop: Loop) -> Digest:
    told = Told()
    for row in loop.effects:
        told.add(row)
    return await digest_of_store(loop.store, range(loop.partitions), told)
