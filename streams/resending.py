"""Sending again by hand: from outside the process that delivers, and through the same fence.

    stand ──► read, write ──┬─ written: the delivery process is fenced once, and reloads
      ▲                     └─ Fenced: it has written meanwhile, nothing was done ──┐
      └────────────────────────────────────────────────────────────────────────────┘

Each try takes the stand anew and remembers nothing of the one before, so nothing is written that was
concluded from a stale one. Nothing is sent here: a running delivery process sees what has changed within
`LONGEST_WAIT_S`, one that starts later as well.

Enters: an endpoint, alerts. Leaves: how many are in its queue again. Forbidden here: sending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from streams.deliveries import ROUND, Deliveries, dead
from streams.shelf import MAX_AT_MS, Fenced, Hand, Shelf
from streams.store import new_nonce
from streams.webhook import HttpPoster

TRIES = 20
PAUSE_S = (
    0.05  # a round of deliveries is written within milliseconds; the busiest have one after another
)
T = TypeVar("T")


class Busy(RuntimeError):
    """Others wrote each time; says what to do."""


async def resend(
    shelf: Shelf, endpoint: str, alert_ids: Sequence[str] | None, now_ms: Callable[[], int]
) -> int:
    """Put alerts back into an endpoint's queue as if they were new; answers how many.

    Args:
        shelf: of the installation.
        endpoint: which queue.
        alert_ids: of those that are dead or wait there, others are passed over; None: all that are
            dead.
        now_ms: wall clock.

    Raises:
        Busy, StoreUnavailable: some may be back already; it may be done again.
    """

    async def revived(ids: Sequence[str]) -> int:
        return await _by_hand(shelf, lambda deliveries: deliveries.resend(endpoint, ids), now_ms)

    if alert_ids is not None:
        ids = list(dict.fromkeys(alert_ids))
        return sum([await revived(ids[at : at + ROUND]) for at in range(0, len(ids), ROUND)])
    count = 0
    while page := await shelf.due(dead(endpoint), MAX_AT_MS, ROUND):
        count += await revived([alert_id for alert_id, _ in page])
    return count


async def enable(shelf: Shelf, endpoint: str, now_ms: Callable[[], int]) -> None:
    """Send to an endpoint again that was disabled, or is paused.

    Raises:
        Busy, StoreUnavailable: it may be done again.
    """
    await _by_hand(shelf, lambda deliveries: deliveries.enable(endpoint), now_ms)


async def _by_hand(
    shelf: Shelf, work: Callable[[Deliveries], Awaitable[T]], now_ms: Callable[[], int]
) -> T:
    for _ in range(TRIES):
        hand = Hand(shelf, new_nonce)
        await hand.reload()
        try:  # the poster is never opened: nothing is sent
            return await work(Deliveries(hand, HttpPoster(), dict, now_ms))
        except Fenced:
            await asyncio.sleep(PAUSE_S)
    raise Busy(
        f"the delivery process was quicker {TRIES} times; try again, or stop it for a moment"
    )
