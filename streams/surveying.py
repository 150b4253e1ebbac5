"""Taking a survey: everybody in a store, each as a lookup would show them, past all portraits.

    store ── pages of customers, advanced to now ──► Member ──► Survey          (reads only)

Any store will do: that of an installation, or the memory of a `Loop` that events went through. Accounts
are left out: people are counted alone. Blocks for as long as a page takes, each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from models.accounts import is_account
from models.affinities import Affinities, BoughtTogether
from models.calendar import day_of
from models.effects import EffectType
from models.ledger import Standing
from models.lifecycle import State
from models.member import Change, member_of
from models.movement import added_up, from_days, places_told
from models.policy import Policy
from models.policy_record import PublishedPolicy, newest
from models.segments import FLAGS
from models.survey import MOVED_DAYS, Moment, Moved, Survey
from streams.checking import walk
from streams.lookup import Lookup
from streams.partitioner import partition_of
from streams.policies import in_force
from streams.store import Store

HISTORIES_AT_ONCE = 64
_KNOWN = frozenset(EffectType)


class Packed(NamedTuple):
    """An effect as the history keeps it; `before` and `after` as `streams.messages.pack_history` has them."""

    sequence: int
    at_ms: int
    type: str
    scheme: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Taken:
    """A survey, and the moment it is of.

    Attributes:
        survey: what was added up.
        moment: see `Moment`; None as long as nobody was met.
        together: what is bought together; None likewise.
    """

    def __init__(self) -> None:
        self.survey = Survey()
        self.moment: Moment | None = None
        self.together: BoughtTogether | None = None


def nobody_watches(_: int) -> None:
    """Where no progress is shown."""


async def take_survey(
    store: Store,
    held: Sequence[PublishedPolicy],
    now_ms: int,
    progress: Callable[[int], None] = nobody_watches,
    catalogue: Iterable[bytes] = (),
) -> Taken:
    """Survey everybody in a store.

    Args:
        store: the one that serves.
        held: the policy of each partition.
        now_ms: wall clock.
        progress: told how many people were met.
        catalogue: categories that are counted by name in any case: those of the survey before.

    Raises:
        StoreUnavailable, CorruptState, NewerSchema, CorruptPopulation.
    """
    taken, affinities = Taken(), Affinities(catalogue)
    policy = newest(held).policy
    population = await settled_population(store, policy)
    async for page in walk(store, held, now_ms):
        people = [met for met in page if not is_account(met.customer_id)]
        histories = await _histories(store, [met.customer_id for met in people], len(held))
        for met, changes in zip(people, histories, strict=True):
            if taken.moment is None or met.at_ms < taken.moment.at_ms:
                taken.moment = _moment(met.at_ms, policy, population)
            begins = bool(changes) and changes[0].sequence == 1  # a customer's first effect
            whose = met.customer_id, met.state, met.at_ms, policy, met.population
            told = tuple(change for each in changes for change in changes_in(each))
            member = member_of(*whose, told, changes_begin=begins)
            taken.survey.take(member)
            affinities.take(member)
        progress(taken.survey.base.customers)
    if taken.moment is not None:
        taken.together = affinities.told()
        taken.survey.moved.update(await _moved(store, len(held), taken.moment.day))
        taken.survey.names.update(await _names(store, len(held), taken.survey))
    return taken


async def _names(store: Store, partitions: int, survey: Survey) -> dict[bytes, str]:
    """What the labels of a survey are called, as far as any partition knows."""
    keys = list(survey.vocabulary.labels)
    known = [await store.label_names(each, keys) for each in range(partitions)]
    return {key: name for names in known for key, name in names.items()}


def _moment(at_ms: int, policy: Policy, population: int) -> Moment:
    day = day_of(at_ms, policy.timezone)
    return Moment(at_ms, day, policy.business.currency, policy.version, population)


async def policies_held(store: Store, given: Policy) -> list[PublishedPolicy]:
    """The policy in force in each partition, at least one; `given`: the file's.

    Raises:
        NothingYet: no worker has begun.
        PolicyError, StoreUnavailable.
    """
    await Lookup(store, given).partitions()
    return await in_force(store, given)


async def settled_population(store: Store, policy: Policy) -> int:
    """The version that every partition has come to; 0 before the first.

    Raises:
        NothingYet: no worker has begun.
    """
    return min(each.population for each in await Lookup(store, policy).metas())


async def _histories(
    store: Store, customer_ids: Sequence[str], partitions: int
) -> list[list[Packed]]:
    """The packed effects that are kept of each, oldest first."""
    found: list[list[Packed]] = []
    for start in range(0, len(customer_ids), HISTORIES_AT_ONCE):
        some = customer_ids[start : start + HISTORIES_AT_ONCE]
        asked = (store.history(partition_of(each, partitions), each) for each in some)
        found += [sorted(map(_unpacked, each)) for each in await asyncio.gather(*asked)]
    return found


def _unpacked(packed: bytes) -> Packed:
    sequence, effect_type, at_ms, _, before, after, _, scheme = msgpack.unpackb(packed)
    return Packed(sequence, at_ms, effect_type, scheme, before, after)


def changes_in(effect: Packed) -> Iterator[Change]:
    """What an effect of the history says of kinds of segments; nothing where it only repeats another."""
    sequence, at_ms, effect_type, scheme, before, after = effect
    if effect_type not in _KNOWN:  # of a newer version: nothing is known of that kind here
        return
    sides = (places_told(EffectType(effect_type), scheme, _said(each)) for each in (before, after))
    for (kind, was), (_, now) in zip(*sides, strict=True):
        if was != now:
            yield Change(sequence, at_ms, kind, was, now)


def _said(told: Mapping[str, Any] | None) -> Standing | str | None:
    """The standing or the group that `streams.messages.pack_history` has packed."""
    if told is None:
        return None
    if "group" in told:
        return str(told["group"])
    return Standing(State(told["lifecycle"]), *(flag in told["flags"] for flag in FLAGS))


async def _moved(store: Store, partitions: int, day: int) -> dict[str, Moved]:
    """Who came and went in the last days, as the fold has counted them."""
    kept = [from_days(await store.movement(each)) for each in range(partitions)]
    entered, left = Counter[str](), Counter[str]()
    for number, moved in added_up(kept).items():
        if day - MOVED_DAYS < number <= day:
            entered.update(moved.entered)
            left.update(moved.left)
    return {each: Moved(entered[each], left[each]) for each in sorted({*entered, *left})}
