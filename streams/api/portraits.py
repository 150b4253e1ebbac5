"""A customer as the API shows them, rendered once and shown until something changes.

A portrait holds while the customer's bytes in the store and the population are those it was made of, and
no deadline and no midnight has passed. What changes all the time, `as_of` and `offset`, is added as it
is sent. So a lookup reads the store each time, and never shows what is not there any more.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from models.calendar import day_of, start_of_day_ms
from models.policy import Policy
from models.population import Population
from streams.api.reads import Reads
from streams.lookup import Found, Lookup, as_of, moment_as_json, standing_as_json
from streams.messages import rfc3339
from streams.partitioner import partition_of
from streams.show_grid import grid_as_json
from streams.show_outlook import expected_as_json

KEPT = 20_000  # of some 3 kB each


class Portrait(NamedTuple):
    """A rendered customer.

    Attributes:
        packed: the state it was made of; None: of another name, which is rendered each time.
        population: likewise.
        from_ms: it holds from this moment of event time,
        until_ms: up to this one.
        body: JSON, an object without its last brace.
        etag: of the body; weak, because `as_of` is not part of it.
    """

    packed: bytes | None
    population: Population | None
    from_ms: int
    until_ms: int
    body: bytes
    etag: bytes


class Shown(NamedTuple):
    """An answer: the whole body, and its tag."""

    body: bytes
    etag: bytes


class Portraits:
    """Renders customers.

    Args:
        reads: the store.
        lookup: on the same.
        policy: in force.
        wall_ms: the wall clock.
        kept: how many at most.
    """

    def __init__(
        self,
        reads: Reads,
        lookup: Lookup,
        policy: Policy,
        wall_ms: Callable[[], int],
        kept: int = KEPT,
    ) -> None:
        self._reads, self._lookup, self._policy = reads, lookup, policy
        self._wall_ms, self._most = wall_ms, kept
        self._kept: OrderedDict[str, Portrait] = OrderedDict()
        self.hits = self.misses = 0

    async def of(self, customer_id: str) -> Shown | None:
        """A customer now; None if nobody is known by that id.

        Raises:
            NothingYet, StoreUnavailable.
        """
        known = self._kept.get(customer_id)
        if known is not None:
            self._kept.move_to_end(
                customer_id
            )  # now: it may be pushed out while the store is asked
            partition = partition_of(customer_id, await self._lookup.partitions())
            looked = await self._reads.look(partition, (customer_id,))
            at_ms = as_of(looked, self._wall_ms())
            if known.packed == looked.states[0] and known.from_ms <= at_ms < known.until_ms:
                population = await self._lookup.population(partition) if looked.population else None
                if population is known.population:
                    self.hits += 1
                    return _shown(known, at_ms, looked.offset, live=looked.live is not None)
        return await self._anew(customer_id)

    async def _anew(self, customer_id: str) -> Shown | None:
        found = await self._lookup.customer(customer_id, self._wall_ms())
        if found is None:
            self._kept.pop(customer_id, None)
            return None
        self.misses += 1
        found = await self._lookup.with_favourites(found)
        portrait = _rendered(found, self._policy)
        if portrait.packed is not None:
            self._kept[customer_id] = portrait
            self._kept.move_to_end(customer_id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return _shown(portrait, found.as_of_ms, found.offset, live=found.live)


def described(found: Found, policy: Policy) -> dict[str, Any]:
    """All that the API says of a customer."""
    return {
        **standing_as_json(found, policy),
        **expected_as_json(found, policy),
        **grid_as_json(found, policy),
    }


def as_told(found: Found, policy: Policy) -> dict[str, Any]:
    """The same, with the moment it is of."""
    return {**described(found, policy), **moment_as_json(found)}


def _rendered(found: Found, policy: Policy) -> Portrait:
    body = orjson.dumps(described(found, policy))[:-1]
    day = day_of(found.as_of_ms, policy.timezone)
    until_ms = start_of_day_ms(day + 1, policy.timezone)
    due_ms = found.state.next_deadline_ms
    return Portrait(
        found.packed if found.asked_for == found.customer_id else None,
        found.population,
        found.as_of_ms,
        until_ms if due_ms is None else min(until_ms, due_ms),
        body,
        b'W/"%s"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode(),
    )


def _shown(portrait: Portrait, at_ms: int, offset: int, *, live: bool) -> Shown:
    moment = b',"as_of":"%s","live":%s,"offset":%d}' % (
        rfc3339(at_ms).encode(),
        b"true" if live else b"false",
        offset,
    )
    return Shown(portrait.body + moment, portrait.etag)
