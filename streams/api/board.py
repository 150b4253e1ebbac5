"""What the API says about all customers: overview, segments, movement.

Sums are read from the store and remembered for a moment, so that many who watch cost as little as one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

from models.calendar import day_of
from models.currencies import minor_digits
from models.movement import Day, added_up, from_days
from models.policy import Policy
from models.population import Population
from models.rule_names import nearest
from models.segments import ACCOUNTS, LIFECYCLE, all_segments, label_of
from streams.api.problems import NOT_FOUND, Problem
from streams.api.reads import Reads
from streams.api.remembering import Remembered
from streams.api.rules import facts_as_json, rule_as_json
from streams.lookup import Lookup, as_of
from streams.messages import rfc3339
from streams.store import Looked, Vitals

OVERVIEW_S, SUMS_S = 0.5, 1.0  # how long each is remembered


class _Whole(NamedTuple):
    """What shares are of."""

    people: int
    accounts: int


class Board:
    """Answers about the whole base.

    Args:
        reads: the store.
        lookup: on the same.
        policy: in force.
        number: under which it was published; 0: of a file.
        namespace: of the installation.
        wall_ms: the wall clock.
        now_s: monotonic clock.
    """

    def __init__(
        self,
        reads: Reads,
        lookup: Lookup,
        policy: Policy,
        number: int,
        namespace: str,
        wall_ms: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads, self._lookup, self._policy = reads, lookup, policy
        self._number, self._namespace, self._wall_ms = number, namespace, wall_ms
        self._once = Remembered(now_s).once

    # What is going on.

    async def overview(self) -> dict[str, Any]:
        """The state of the installation.

        Raises:
            NothingYet, StoreUnavailable.
        """
        return await self._once("overview", OVERVIEW_S, self._overview)

    async def _overview(self) -> dict[str, Any]:
        numbers = range(await self._lookup.partitions())
        looked: list[Looked] = await asyncio.gather(
            *(self._reads.look(each, ()) for each in numbers)
        )
        vitals: list[Vitals | None] = await asyncio.gather(
            *(self._reads.vitals(each) for each in numbers)
        )
        population, sizes = await self.population(), await self._sizes()
        known, business = [each for each in vitals if each is not None], self._policy.business
        all_there = len(known) == len(looked)
        delays = [each.live.source_delay_ms for each in looked if each.live is not None]
        return {
            "namespace": self._namespace,
            "as_of": moment(await self.as_of_ms()),
            "live": all(each.live is not None for each in looked),
            "customers": _customers(sizes),
            "events_per_s": round(sum(each.events_per_s for each in known), 1) if known else None,
            "lag": sum(each.lag for each in known) if all_there else None,
            "freshness_ms": _freshness_ms(known),
            "source_delay_ms": max(delays, default=None),
            "population": None if population is None else _population_as_json(population),
            "policy": {
                "number": self._number,
                "preset": self._policy.preset,
                "version": self._policy.version,
                "currency": business.currency,
                "currency_digits": minor_digits(business.currency),
                "timezone": business.timezone,
            },
            "partitions": [
                _partition_as_json(*each) for each in zip(numbers, looked, vitals, strict=True)
            ],
        }

    async def as_of_ms(self) -> int:
        """The moment that the whole base is shown at: of the partition that is behind."""
        numbers = range(await self._lookup.partitions())
        looked: list[Looked] = await asyncio.gather(
            *(self._reads.look(each, ()) for each in numbers)
        )
        begun = [each for each in looked if each.clock_ms]  # the others have had no record yet
        return min((as_of(each, self._wall_ms()) for each in begun), default=0)

    async def population(self) -> Population | None:
        """The newest that is in force anywhere."""
        known = [each for each in await self._lookup.populations() if each is not None]
        return max(known, key=lambda each: each.version, default=None)

    async def today(self, moved: Iterable[int] = ()) -> int:
        """The customer-day that is shown; days on which somebody moved already are not left out."""
        return max([day_of(await self.as_of_ms(), self._policy.timezone), *moved])

    # Segments.

    async def _sizes(self) -> dict[str, int]:
        return await self._once("sizes", SUMS_S, self._read_sizes)

    async def _read_sizes(self) -> dict[str, int]:
        people = list(all_segments(self._policy, await self.population()))
        names = [*people, *(f"{ACCOUNTS}{each}" for each in people)]
        numbers = range(await self._lookup.partitions())
        each = await asyncio.gather(*(self._reads.sizes(p, names) for p in numbers))
        return dict(zip(names, map(sum, zip(*each, strict=True)), strict=True))

    async def _movement(self) -> dict[int, Day]:
        return await self._once("movement", SUMS_S, self._read_movement)

    async def _read_movement(self) -> dict[int, Day]:
        numbers = range(await self._lookup.partitions())
        days = await asyncio.gather(*(self._reads.movement(each) for each in numbers))
        return added_up(map(from_days, days))

    async def segments(self, days: int) -> dict[str, Any]:
        """All segments, and who moved within the last days.

        Of the lists of accounts those in which any is, or was lately: most shops have no accounts.
        """
        sizes, movement = await self._sizes(), await self._movement()
        today = await self.today(movement)
        lately = _lately(movement, today - days)
        whole = _Whole(_customers(sizes), _customers(sizes, ACCOUNTS))
        told = (self._told(name, size, whole, lately) for name, size in sizes.items())
        return {
            "as_of": moment(await self.as_of_ms()),
            "customers": whole.people,
            "days": days,
            "items": [
                each
                for each in told
                if not each["name"].startswith(ACCOUNTS)
                or any(each[figure] for figure in ("size", "entered", "left"))
            ],
        }

    async def segment(self, name: str, days: int) -> dict[str, Any]:
        """One segment, day by day.

        Raises:
            Problem: there is none by that name.
        """
        sizes, movement = await self._sizes(), await self._movement()
        today = await self.today(movement)
        if name not in sizes:
            raise _no_segment(name, sizes)
        whole = _Whole(_customers(sizes), _customers(sizes, ACCOUNTS))
        told = self._told(name, sizes[name], whole, _lately(movement, today - days))
        size, by_day = sizes[name], []
        for number in _days(today, days, movement):
            day = movement.get(number)
            entered, left = (day.entered[name], day.left[name]) if day else (0, 0)
            on = date.fromordinal(number).isoformat()
            by_day.append({"on": on, "size": max(0, size), "entered": entered, "left": left})
            size += left - entered
        return {**told, "facts": facts_as_json(name, self._policy), "by_day": by_day[::-1]}

    def _told(self, name: str, size: int, whole: _Whole, lately: Day) -> dict[str, Any]:
        kind, group = name.split("/", 1)
        customers = whole.accounts if name.startswith(ACCOUNTS) else whole.people
        return {
            "name": name,
            "kind": kind,
            "group": group,
            "label": label_of(name, self._policy)._asdict(),
            "size": size,
            "share": round(size / customers, 4) if customers else 0.0,
            "entered": lately.entered[name],
            "left": lately.left[name],
            **rule_as_json(name, self._policy),
        }

    async def require_segment(self, name: str) -> None:
        """Make sure that there is a segment of that name.

        Raises:
            Problem.
        """
        sizes = await self._sizes()
        if name not in sizes:
            raise _no_segment(name, sizes)

    # Lifecycle through time.

    async def lifecycle_sizes(self, days: int) -> dict[str, Any]:
        """How many stood in each state at the end of each day, oldest first."""
        sizes, movement = await self._sizes(), await self._movement()
        today = await self.today(movement)
        now = {name: size for name, size in sizes.items() if name.startswith(f"{LIFECYCLE}/")}
        items = []
        for number in _days(today, days, movement):
            shown = {name.split("/")[1]: max(0, size) for name, size in now.items()}
            items.append({"on": date.fromordinal(number).isoformat(), "sizes": shown})
            day = movement.get(number)
            if day is not None:
                now = {n: size + day.left[n] - day.entered[n] for n, size in now.items()}
        return {"as_of": moment(await self.as_of_ms()), "items": items[::-1]}

    async def flows(self, days: int) -> dict[str, Any]:
        """Who went from which lifecycle state to which, within the last days."""
        movement = await self._movement()
        today = await self.today(movement)
        items = [
            {"before": before or None, "after": after or None, "count": count}
            for (before, after), count in sorted(_lately(movement, today - days).flows.items())
        ]
        begins = date.fromordinal(max(1, today - days + 1)).isoformat()
        return {"from": begins, "to": date.fromordinal(today).isoformat(), "items": items}


def _days(today: int, days: int, movement: dict[int, Day]) -> range:
    """The days to show, the newest first; none before the first that is known."""
    first = min(movement, default=today)
    return range(today, max(first - 1, today - days, 0), -1)


def _lately(movement: dict[int, Day], after: int) -> Day:
    """All that moved after a day."""
    total = Day(Counter(), Counter(), Counter())
    for number, day in movement.items():
        if number > after:
            total.entered.update(day.entered)
            total.left.update(day.left)
            total.flows.update(day.flows)
    return total


def _customers(sizes: dict[str, int], whose: str = "") -> int:
    return sum(size for name, size in sizes.items() if name.startswith(f"{whose}{LIFECYCLE}/"))


def _freshness_ms(known: list[Vitals]) -> int | None:
    fresh = [each.freshness_ms for each in known if each.freshness_ms >= 0]
    return max(fresh, default=None)


def _partition_as_json(number: int, looked: Looked, vitals: Vitals | None) -> dict[str, Any]:
    return {
        "partition": number,
        "live": looked.live is not None,
        "clock": moment(looked.clock_ms),
        "offset": looked.offset,
        "lag": None if vitals is None else vitals.lag,
        "freshness_ms": None if vitals is None or vitals.freshness_ms < 0 else vitals.freshness_ms,
        "population": looked.population or None,
    }


def _population_as_json(population: Population) -> dict[str, Any]:
    as_of_day = date.fromordinal(population.as_of_day).isoformat()
    return {
        "version": population.version,
        "as_of": as_of_day,
        "customers": population.customers,
    }


def moment(at_ms: int) -> str | None:
    """As it is told; None before the first record."""
    return rfc3339(at_ms) if at_ms else None


def _no_segment(name: str, known: Iterable[str]) -> Problem:
    """Names the one of that kind that is most like it, else the one that is like its whole name."""
    kind, _, group = name.partition("/")
    alike = {each.split("/", 1)[1]: each for each in known if each.startswith(f"{kind}/")}
    near = nearest(group, alike)
    meant = alike[near] if near is not None else None if alike else nearest(name, known)
    listed = "GET /v1/segments lists them all"
    remedy = listed if meant is None else f"did you mean {meant}? {listed}"
    return Problem(NOT_FOUND, f"there is no segment {name}", remedy)
