"""Prospects, ranked by how much they resemble the best customers: `models/lookalike.py` over a store.

    survey ──► what each value of a profile says ──► pages of prospects ──► the most alike

The survey may be some time old; who has not bought yet is asked now. Reads only. Of each prospect the score is kept for the percentile, of the most alike all else.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from models.codec import decode_held
from models.customer import CustomerState
from models.demographics import is_demographic
from models.lookalike import Counts, Resemblance, Weights, likeness, percentile, resemblance
from models.member import member_of
from models.policy import Policy
from models.policy_record import PublishedPolicy, newest
from models.portrait import Portrait
from models.segments import LIFECYCLE
from models.survey import Survey
from streams.lookup import as_of
from streams.store import MAX_CUSTOMERS, Store
from streams.surveying import nobody_watches

PROSPECTS = f"{LIFECYCLE}/prospect"


class Prospect(NamedTuple):
    """Somebody who has not bought yet.

    Attributes:
        customer_id: in normal form.
        resemblance: to the best customers.
        percentile: the share of all prospects with a lower score, 0 to 100.
        known_since_ms: event time.
    """

    customer_id: str
    resemblance: Resemblance
    percentile: float
    known_since_ms: int


class Prospects(NamedTuple):
    """Who is most alike.

    Attributes:
        like: the segment of the best.
        best: how many were in it when the survey was taken.
        customers: how many had bought then.
        prospects: how many have not bought now.
        weights: what each value says; empty if nothing is known of enough of the best.
        people: the most alike first; those who are equally so by id.
    """

    like: str
    best: int
    customers: int
    prospects: int
    weights: Weights
    people: Sequence[Prospect]


async def find_prospects(
    store: Store,
    in_force: Sequence[PublishedPolicy],
    now_ms: int,
    survey: Survey,
    like: str,
    limit: int,
    progress: Callable[[int], None] = nobody_watches,
) -> Prospects:
    """Rank everybody who has not bought yet.

    Args:
        store: the one that serves.
        in_force: the policy of each partition.
        now_ms: wall clock.
        survey: of that store, under that policy.
        like: the segment of the best customers.
        limit: of so many everything is told; 0: of all.
        progress: told how many prospects were met.

    Raises:
        StoreUnavailable, CorruptState, NewerSchema.
    """
    best, prospects = survey.segments.get(like), survey.segments.get(PROSPECTS)
    policy = newest(in_force).policy
    weights = _weights(best, _bought(survey, prospects), policy) if best else {}
    scores, kept = array("d"), list[tuple[float, str, Prospect]]()
    async for each in _scored(store, in_force, now_ms, weights):
        scores.append(each.resemblance.score)
        progress(len(scores))
        kept.append((-each.resemblance.score, each.customer_id, each))
        if limit and len(kept) >= 2 * limit:
            kept = heapq.nsmallest(limit, kept)
    ascending = sorted(scores)
    people = [
        each._replace(percentile=percentile(each.resemblance.score, ascending))
        for _, _, each in sorted(kept)[: limit or None]
    ]
    customers = survey.base.customers - (prospects.customers if prospects else 0)
    return Prospects(like, best.customers if best else 0, customers, len(scores), weights, people)


def _weights(best: Portrait, everybody: Counts, policy: Policy) -> Weights:
    """What each value says, of the attributes that tell who somebody is."""
    telling = {name: values for name, values in everybody.items() if is_demographic(name, policy)}
    return likeness(_words(best), telling)


def _words(group: Portrait) -> dict[str, dict[str, int]]:
    return {each: group.words(each) for each in group.attributes}


def _bought(survey: Survey, prospects: Portrait | None) -> dict[str, dict[str, int]]:
    """Of everybody but prospects: how many have which value."""
    found = _words(survey.base)
    for name, values in _words(prospects).items() if prospects else ():
        for value, customers in values.items():
            found[name][value] -= customers
    return {name: {v: n for v, n in values.items() if n > 0} for name, values in found.items()}


async def _scored(
    store: Store, in_force: Sequence[PublishedPolicy], now_ms: int, weights: Weights
) -> AsyncIterator[Prospect]:
    """Every prospect, page by page, without a percentile yet."""
    for partition, published in enumerate(in_force):
        cursor = 0
        while True:
            ids, cursor = await store.members(partition, PROSPECTS, cursor, MAX_CUSTOMERS)
            looked = await store.look(partition, ids)
            at_ms = as_of(looked, now_ms)
            for customer_id, packed in zip(ids, looked.states, strict=True):
                held = None if packed is None else decode_held(packed)
                if isinstance(held, CustomerState):  # else they have gone meanwhile
                    seen = member_of(customer_id, held, at_ms, published.policy, None)
                    alike = resemblance(weights, seen.words)
                    yield Prospect(customer_id, alike, 0.0, held.known_since_ms)
            if not cursor:
                break
