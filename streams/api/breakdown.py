"""A segment by one thing that is known of its members: by region, by age band, by risk.

    name ──► fact ──► its value for each member, some hundreds at a time ──► counts

Nothing of it is kept, so it is counted anew each time, two of them at once. Of a large segment only
so many members are looked at: from each partition its part, those whom it has known longest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, TypeAlias

from models.calendar import day_of
from models.codec import decode_held
from models.customer import CustomerState
from models.gauge import Known
from models.policy import Policy
from models.policy_grid import why_not_known
from models.population import Population
from models.rule_names import BY_NAME, NAMED, SCHEMES, Kind, nearest
from models.rule_tree import Fact
from models.sight import READ, Sight
from models.step import advance
from streams.api.board import moment
from streams.api.problems import BAD_VALUE, NOT_FOUND, Problem
from streams.api.reads import Reads
from streams.lookup import Lookup, as_of
from streams.store import MAX_CUSTOMERS, Looked

LOOKED_AT = 20_000  # members, at most
VALUES, ATTRIBUTES = 50, 50  # told one by one; the values beyond are put together
AT_ONCE = 2
COUNTED = frozenset({Kind.TEXT, Kind.CHOICE, Kind.FLAG})
PLAIN = tuple(
    name for name, row in BY_NAME.items() if row.kind in COUNTED and name.isidentifier()
)  # `lifecycle` and the like; what belongs to a name is written `profile.region`
PLAIN_NAMES = tuple(name for name in PLAIN if name not in NAMED)
FORM = rf"^(?:{'|'.join(PLAIN_NAMES)}|(?:{'|'.join(NAMED)})\.[\s\S]+)$"
Value: TypeAlias = tuple[bool, Known]  # whether it is a flag: true is not 1 here


def fact_named(by: str, policy: Policy) -> Fact:
    """What a name means: `lifecycle`, `profile.region`, `rfm.quintile`, `value.spend`, `segment.vip`.

    Raises:
        Problem: 400, that is no name of this kind; 404, the policy has nothing by that name.
    """
    scope, _, of = by.partition(".")
    if by in PLAIN_NAMES:
        if (fault := why_not_known(Fact(by), policy.grid)) is not None:
            raise Problem(NOT_FOUND, f"by: {fault[0]}", fault[1])
        return Fact(by)
    if scope not in NAMED or not of:
        near = nearest(by, PLAIN_NAMES)
        remedy = f"did you mean {near}?" if near else f"{', '.join(PLAIN_NAMES)}, profile.region, …"
        raise Problem(BAD_VALUE, f"by: no groups are made by {by!r:.60}", remedy)
    known = {"rfm": policy.rfm.published, "value": policy.value, "segment": policy.segments}
    if scope in known and of not in known[scope]:
        near = nearest(of, known[scope])
        if scope == "rfm" and of in SCHEMES:
            remedy = f'add "{of}" to rfm.published in the policy'
        else:
            remedy = f"did you mean {scope}.{near}?" if near else "see the policy for what there is"
        raise Problem(NOT_FOUND, f"by: the policy keeps no {by!r:.60}", remedy)
    return Fact(scope, of=of)


class Breakdowns:
    """Counts members.

    Args:
        reads: the store.
        lookup: on the same.
        policy: in force.
        wall_ms: the wall clock.
    """

    def __init__(
        self, reads: Reads, lookup: Lookup, policy: Policy, wall_ms: Callable[[], int]
    ) -> None:
        self._reads, self._lookup, self._policy = reads, lookup, policy
        self._wall_ms, self._turn = wall_ms, asyncio.Semaphore(AT_ONCE)

    async def of(self, segment: str, by: str, limit: int = LOOKED_AT) -> dict[str, Any]:
        """The members of a segment by the values of what a name means.

        Args:
            segment: that there is.
            by: see `fact_named`.
            limit: so many members are looked at, at most.

        Raises:
            Problem: no such name.
            NothingYet, StoreUnavailable.
        """
        fact = fact_named(by, self._policy)
        async with self._turn:
            numbers = range(await self._lookup.partitions())
            sizes = [size for each in numbers for size in await self._reads.sizes(each, [segment])]
            tally, size = _Tally(fact, self._policy), sum(sizes)
            for partition in numbers:
                part = limit if size <= limit else ceil(limit * sizes[partition] / size)
                await self._look_at(partition, segment, tally, min(part, limit - tally.looked_at))
        customers = tally.looked_at if size <= limit else size
        return {"segment": segment, "by": by, "customers": customers, **tally.as_json()}

    async def _look_at(self, partition: int, segment: str, tally: _Tally, members: int) -> None:
        cursor = 0
        while members > 0:
            count = min(members, MAX_CUSTOMERS)
            ids, cursor = await self._reads.members(partition, segment, cursor, count)
            if ids:
                looked: Looked = await self._reads.look(partition, ids)
                known = looked.population
                population = await self._lookup.population(partition) if known else None
                at_ms = as_of(looked, self._wall_ms())
                await asyncio.to_thread(tally.take, ids, looked.states, at_ms, population)
            members = members - len(ids) if cursor else 0


class _Tally:
    """What has been counted so far."""

    def __init__(self, fact: Fact, policy: Policy) -> None:
        self._fact, self._policy = fact, policy
        self._values: Counter[Value] = Counter()
        self._attributes: Counter[str] = Counter()
        self._as_of_ms: int | None = None
        self.looked_at = self._unknown = 0

    def take(
        self,
        ids: Sequence[str],
        states: Sequence[bytes | None],
        at_ms: int,
        population: Population | None,
    ) -> None:
        """Some members, each advanced to the moment shown; who has gone meanwhile is left out."""
        self._as_of_ms = at_ms if self._as_of_ms is None else min(at_ms, self._as_of_ms)
        day = day_of(at_ms, self._policy.timezone)
        for id_, packed in zip(ids, states, strict=True):
            held = None if packed is None else decode_held(packed)
            if isinstance(held, CustomerState):
                state, _ = advance(id_, held, at_ms, self._policy, population)
                self._count(state, day)

    def _count(self, state: CustomerState, day: int) -> None:
        value = self._value(state, day)
        self.looked_at += 1
        if value is None:
            self._unknown += 1
        else:
            self._values[isinstance(value, bool), value] += 1
        told = state.attributes.items()
        self._attributes.update(name for name, each in told if each.value is not None)

    def _value(self, state: CustomerState, day: int) -> Known | None:
        if self._fact.name == "segment":
            return self._fact.of in state.rules
        return READ[self._fact.name](Sight(state, day, self._policy), self._fact)

    def as_json(self) -> dict[str, Any]:
        """The largest groups, and the rest together."""
        ranked = sorted(self._values.items(), key=lambda each: (-each[1], str(each[0][1])))
        whole = max(1, self.looked_at)
        names = sorted(self._attributes.items(), key=lambda each: (-each[1], each[0]))
        return {
            "as_of": moment(self._as_of_ms or 0),
            "looked_at": self.looked_at,
            "values": len(ranked),
            "items": [
                {"value": value, "customers": count, "share": round(count / whole, 4)}
                for (_, value), count in ranked[:VALUES]
            ],
            "other": sum(count for _, count in ranked[VALUES:]),
            "unknown": self._unknown,
            "attributes": [f"profile.{name}" for name, _ in names[:ATTRIBUTES]],
        }
