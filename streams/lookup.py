"""Looking customers and segments up: reads only the store, writes nothing.

A customer is shown as of the moment asked: if the owner of their partition has lately read the
log to its end, time is let pass up to now (less the source delay), else only up to the
partition's clock. So a backlog never shows people as gone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from models.calendar import day_of
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.described import age_band
from models.effects import OF_RULES
from models.lifecycle import State
from models.membership import rfm_of
from models.policy import Policy
from models.population import Population, decode_population
from models.rfm import SCHEMES, Rfm, scored
from models.rule_tree import Fact
from models.segments import LIFECYCLE, segments_by_kind
from models.sight import Sight
from models.step import advance
from streams.favourites import Favourites, Names, favourites_as_json, liked
from streams.messages import rfc3339, unpack_history
from streams.partitioner import partition_of
from streams.store import Looked, Meta, Store

_OF_AGE = {"birth_year", "age_band"}  # told as the age band
MAX_NAMES_FOLLOWED = 16  # names of names; more would be a ring that is just being opened


class NothingYet(RuntimeError):
    """No worker has begun on this namespace."""


class Found(NamedTuple):
    """One customer as of a moment.

    Attributes:
        customer_id: in normal form; where another name was asked for, the one that stays.
        asked_for: the name asked for.
        state: advanced to `as_of_ms`.
        as_of_ms: event time.
        live: whether that is now, less the source delay.
        partition: the customer's.
        offset: the next record of the partition to be folded.
        population: in force there; None before the first.
        packed: what the state was decoded from.
        favourites: what they like best; None: nobody has looked.
    """

    customer_id: str
    asked_for: str
    state: CustomerState
    as_of_ms: int
    live: bool
    partition: int
    offset: int
    population: Population | None
    packed: bytes
    favourites: Favourites | None = None


class Lookup:
    """Answers questions from the store.

    Args:
        store: to read.
        policy: for the calendar and the limits.
    """

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store, self._policy = store, policy
        self._decoded: dict[int, tuple[bytes, Population]] = {}
        self._names = Names(store)

    async def customer(self, customer_id: str, now_ms: int) -> Found | None:
        """One customer; None if nobody is known by that id.

        Args:
            customer_id: in normal form.
            now_ms: wall clock.

        Raises:
            NothingYet, StoreUnavailable.
        """
        asked_for = customer_id
        partitions = await self.partitions()
        for _ in range(MAX_NAMES_FOLLOWED):
            partition = partition_of(customer_id, partitions)
            looked = await self._store.look(partition, [customer_id])
            packed = looked.states[0]
            if packed is None:
                return None
            held = decode_held(packed)
            if not isinstance(held, Alias):
                break
            customer_id = held.into
        else:
            return None
        as_of_ms = as_of(looked, now_ms)
        population = await self.population(partition) if looked.population else None
        state, _ = advance(customer_id, held, as_of_ms, self._policy, population)
        return Found(
            customer_id,
            asked_for,
            state,
            as_of_ms,
            looked.live is not None,
            partition,
            looked.offset,
            population,
            packed,
        )

    async def with_favourites(self, found: Found) -> Found:
        """The same with what they like best, and what that is called.

        Raises:
            NothingYet, StoreUnavailable.
        """
        sight = Sight(found.state, day_of(found.as_of_ms, self._policy.timezone), self._policy)
        asked = sight, self._names, found.partition, await self.partitions()
        return found._replace(favourites=await liked(*asked))

    async def population(self, partition: int) -> Population | None:
        """The one in force in a partition; the same object as long as it is the same."""
        packed = await self._store.population(partition)
        if packed is None:
            return None
        known = self._decoded.get(partition)
        if known is None or known[0] != packed:
            known = self._decoded[partition] = packed, decode_population(packed)
        return known[1]

    async def history(self, customer_id: str) -> list[dict[str, Any]]:
        """The newest published changes of a customer, oldest first."""
        partition = partition_of(customer_id, await self.partitions())
        packed = await self._store.history(partition, customer_id)
        return sorted(map(_as_published, packed), key=lambda each: each["sequence"])

    async def sizes(self) -> dict[str, int]:
        """How many customers stand in each lifecycle state, as written."""
        states = [f"{LIFECYCLE}/{state.value}" for state in State]
        totals = [0] * len(states)
        for partition in range(await self.partitions()):
            sizes = await self._store.sizes(partition, states)
            totals = [total + size for total, size in zip(totals, sizes, strict=True)]
        return {state.value: total for state, total in zip(State, totals, strict=True)}

    async def metas(self) -> list[Meta]:
        """The meta of every partition."""
        count = await self.partitions()
        return [(await self._store.load(each, ())).meta for each in range(count)]

    async def populations(self) -> list[Population | None]:
        """The population in force in each partition."""
        return [await self.population(each) for each in range(await self.partitions())]

    async def partitions(self) -> int:
        """How many there are.

        Raises:
            NothingYet: none, so far.
        """
        partitions = await self._store.partitions()
        if not partitions:
            raise NothingYet("no worker has begun on this namespace; run: segmenter run all")
        return partitions


def as_of(looked: Looked, now_ms: int) -> int:
    """The moment that a lookup shows, event time: now, less the source delay, if that is known."""
    if looked.live is None:
        return looked.clock_ms
    return max(looked.clock_ms, now_ms - looked.live.source_delay_ms)


def as_json(found: Found, policy: Policy) -> dict[str, Any]:
    """A customer as `customer get --json` prints them."""
    return {**standing_as_json(found, policy), **moment_as_json(found)}


def moment_as_json(found: Found) -> dict[str, Any]:
    """What of a customer's description changes although nothing happens."""
    return {"as_of": rfc3339(found.as_of_ms), "live": found.live, "offset": found.offset}


def standing_as_json(found: Found, policy: Policy) -> dict[str, Any]:
    """All else: the same until something happens, or a day or a deadline passes."""
    ledger = found.state.current
    silence = None
    if ledger.recent_days:
        silence = max(0, day_of(found.as_of_ms, policy.timezone) - ledger.recent_days[-1])
    return {
        "customer_id": found.customer_id,
        **({"asked_for": found.asked_for} if found.asked_for != found.customer_id else {}),
        "names": sorted(found.state.names.keys() - {found.customer_id}),
        "lifecycle": ledger.standing.lifecycle.value,
        "flags": list(ledger.standing.flags),
        "lifecycle_since": rfc3339(found.state.lifecycle_since_ms),
        "next_deadline": None if ledger.due_ms is None else rfc3339(ledger.due_ms),
        "next_deadline_brings": ledger.due,
        "silence_days": silence,
        "cadence_days": round(ledger.cadence_days, 2) if ledger.limits else None,
        "limits_days": ledger.limits._asdict() if ledger.limits else None,
        "purchase_days": ledger.purchase_days,
        "purchases": ledger.purchases,
        "net_spend_minor": ledger.net_spend_minor,
        "currency": policy.business.currency,
        "first_purchase_at": _moment(ledger.first_purchase_ms),
        "last_purchase_at": _moment(ledger.last_purchase_ms),
        **_told_as_json(found, policy),
        **({} if found.favourites is None else favourites_as_json(found.favourites)),
        "rfm": rfm_as_json(found, policy),
        "population": found.population.version if found.population else None,
        "segments": list(segments_by_kind(found.customer_id, found.state).values()),
        "partition": found.partition,
        "sequence": found.state.sequence,
    }


def _told_as_json(found: Found, policy: Policy) -> dict[str, Any]:
    """What profiles and engagement tell; and what rules ask for and nobody has told."""
    state = found.state
    known = {name: each.value for name, each in state.attributes.items() if each.value is not None}
    day = day_of(found.as_of_ms, policy.timezone)
    return {
        "attributes": known,
        "unknown_attributes": sorted(policy.rulebook.attributes - known.keys() - _OF_AGE),
        "age_band": age_band(Sight(state, day, policy), Fact("age_band")),
        "engagement": {name: rfc3339(at_ms) for name, at_ms in state.engagement.items()},
        "satisfaction": None if state.satisfaction is None else state.satisfaction.value,
    }


def rfm_as_json(found: Found, policy: Policy) -> dict[str, dict[str, Any]] | None:
    """Scores and group in every scheme that has one, as of the moment shown.

    None before the first population. A prospect is in the schemes that have a group for them.
    """
    if found.population is None:
        return None
    rfm = rfm_of(found.state.current, found.as_of_ms, policy) or Rfm(0, 0, 0)
    return {
        name: scored(name, rfm, found.population)._asdict()
        for name, scheme in SCHEMES.items()
        if rfm.purchase_days or scheme.prospect
    }


def _as_published(packed: bytes) -> dict[str, Any]:
    """A change of the history; of a rule segment it says which, as its body does."""
    change = unpack_history(packed)
    if change["type"] in OF_RULES and "scheme" in change:
        change["segment"] = change.pop("scheme")
    return change


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
