"""What the API says about alerts: the newest, one, a customer's, and what they come to.

It reads the shelf of a delivery process. In a shop that has none the shelf is empty, and so are the
answers. A page that asks for some alerts only looks at so many of the newest and then says where the
next one goes on, as a search through customers does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from models.alert_ledger import Key, week_of
from models.alert_report import report
from models.policy import Policy
from streams.alert_reads import (
    AlertReads,
    EndpointSeen,
    Place,
    Seen,
    Wanted,
    alert_as_json,
    place_of,
)
from streams.api.alert_figures import alert_rule_as_json, report_as_json
from streams.api.cursors import packed_moment, unpacked_moment
from streams.api.remembering import Remembered
from streams.messages import rfc3339

LOOKS = 4  # pages of alerts looked at for one of the API's, at most
SUMS_S = 1.0  # how long they are remembered


class AlertAnswers:
    """Answers about alerts.

    Args:
        reads: the shelf.
        policy: in force.
        wall_ms: the wall clock.
        now_s: monotonic clock.
    """

    def __init__(
        self,
        reads: AlertReads,
        policy: Policy,
        wall_ms: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads, self._policy, self._wall_ms = reads, policy, wall_ms
        self._once = Remembered(now_s).once

    async def page(
        self, wanted: Wanted, cursor: str, limit: int, customer_ids: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """A page of alerts, newest first.

        Args:
            wanted: which.
            cursor: where it begins; "": at the newest.
            limit: alerts at most.
            customer_ids: only of somebody with these names; None: of anybody.

        Raises:
            Problem: the cursor is none.
            StoreUnavailable.
        """
        before = unpacked_moment(cursor)
        if customer_ids is None:
            found, place = await self._reads.newest(limit, before, wanted, LOOKS)
        else:
            fitting = [
                each
                for each in await self._of(customer_ids)
                if wanted.fits(each.record) and (before is None or _order(each) < _rank(before))
            ]
            found = fitting[:limit]
            place = place_of(found[-1]) if len(fitting) > limit else None
        return {
            "items": [alert_as_json(each) for each in found],
            "next": None if place is None else packed_moment(*place),
        }

    async def one(self, alert_id: str) -> dict[str, Any] | None:
        """One alert; None: none of that id is kept.

        Raises:
            StoreUnavailable.
        """
        seen = await self._reads.one(alert_id)
        return None if seen is None else alert_as_json(seen)

    async def of_customer(self, customer_ids: Sequence[str]) -> list[dict[str, Any]]:
        """All that are kept of somebody with these names, newest first.

        Raises:
            StoreUnavailable.
        """
        return [alert_as_json(each) for each in await self._of(customer_ids)]

    async def _of(self, customer_ids: Sequence[str]) -> list[Seen]:
        of_each = [await self._reads.of_customer(each) for each in customer_ids]
        return sorted((each for some in of_each for each in some), key=_order, reverse=True)

    async def report(self, rule: str, weeks: int) -> dict[str, Any]:
        """What alerts come to, and how their delivery does today.

        Args:
            rule: figures of this one only; "": of all.
            weeks: so many ISO weeks, up to the newest in which anything was raised.

        Raises:
            StoreUnavailable.
        """
        ledger = await self._once("ledger", SUMS_S, self._reads.ledger)
        shown = newest_weeks(ledger, weeks)
        figures = await asyncio.to_thread(report, ledger, rule or None, frozenset(shown))
        rules = self._policy.alerts.rules
        return {
            "weeks": shown,
            "rules": [alert_rule_as_json(*each) for each in rules.items()],
            **report_as_json(figures),
            "budgets": await self._budgets(),
            "endpoints": await self._endpoints(),
        }

    async def _budgets(self) -> list[dict[str, Any]]:
        budgets = await self._reads.budgets(self._policy, self._wall_ms())
        return [
            {
                "rule": name,
                "places": self._policy.alerts.rules[name].daily_budget,
                "taken": each.taken,
                "left_out": each.left_out,
            }
            for name, each in budgets.items()
        ]

    async def _endpoints(self) -> list[dict[str, Any]]:
        now_ms = self._wall_ms()
        return [_endpoint_as_json(each, now_ms) for each in await self._reads.endpoints(())]


def newest_weeks(ledger: Iterable[Key], count: int) -> list[str]:
    """So many ISO weeks up to the newest that anything was raised in, oldest first; none of nothing.

    >>> newest_weeks([Key("r", "2026-W01", "treated"), Key("r", "2025-W40", "treated")], 2)
    ['2025-W52', '2026-W01']
    """
    newest = max((key.week for key in ledger), default=None)
    if newest is None:
        return []
    year, week = map(int, newest.split("-W"))
    monday = date.fromisocalendar(year, week, 1).toordinal()
    mondays = range(monday - 7 * (count - 1), monday + 1, 7)
    return [week_of(day) for day in mondays if day > 0]


def _endpoint_as_json(endpoint: EndpointSeen, now_ms: int) -> dict[str, Any]:
    """Nothing of its address, nor of what it answered."""
    health = endpoint.health
    paused = health.paused_until_ms > now_ms
    return {
        "name": endpoint.name,
        "delivered": health.delivered,
        "waiting": endpoint.waiting,
        "dead": endpoint.dead,
        "disabled": bool(health.disabled_why),
        "paused_until": rfc3339(health.paused_until_ms) if paused else None,
    }


def _order(seen: Seen) -> tuple[int, bytes]:
    return _rank(place_of(seen))


def _rank(place: Place) -> tuple[int, bytes]:
    """As the shelf ranks them."""
    return place[0], place[1].encode()
