"""Customers who become known: held against a shop in which nobody ever had two ids.

Both shops are told the same through the adapter and the real fold, one as it came (bought as somebody
anonymous, then known), the other with the known id from the beginning. One hop may repeat and reorder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest

from models.adapters import Normalised, Source, normalise, sources_from_toml
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.policy import policy_from_preset
from models.sketch import merged
from streams.messages import rfc3339
from streams.partitioner import partition_of
from tests.support.settled_town import TwoPartitions
from tests.support.story import DAY_MS, HOUR_MS, noon

RULES = {
    "big": {"when": "spend_30d >= 60"},
    "often": {"when": "purchase_days_30d >= 3"},
    "seen": {"when": 'engagement["visit"].days_ago <= 20'},
    "gold": {"when": 'profile.plan == "gold" and not overdue'},
}
POLICY = policy_from_preset("grocery", segments=RULES)
PEOPLE, DAYS = 12, 40  # within what is remembered of a customer
TICKS_MS = 4 * DAY_MS
Json = dict[str, Any]
Say = Callable[["Act"], Json]


class Act(NamedTuple):
    """Something that somebody does.

    Attributes:
        at_ms: event time.
        what: `buys`, `visits`, or `tells` (who they are).
        known: their id.
        device: that they do it on.
        is_known: whether the source knows them by then.
        number: of the act.
    """

    at_ms: int
    what: str
    known: str
    device: str
    is_known: bool
    number: int


def life(rng: Random) -> list[Act]:
    """Everybody buys unknown, on one device or two, tells who they are, and buys on.

    The last two share a device: whoever tells first has bought what was bought on it unknown.
    """
    acts = list[Act]()
    for person in range(PEOPLE):
        shares = person >= PEOPLE - 2
        devices = (
            ["shared"] if shares else [f"d{person}.{each}" for each in range(rng.choice([1, 2]))]
        )
        told_day = {each: rng.randint(10, 25) for each in devices}
        if shares:
            told_day = {"shared": 10 + person}
        for device in devices:
            second = person == PEOPLE - 1
            days = sorted(rng.sample(range(DAYS - 1), rng.randint(3, 8)))
            for day in (each for each in days if not second or each > told_day[device]):
                what = rng.choice(["buys", "buys", "visits"])
                done = (noon(day) + rng.randrange(6) * HOUR_MS, what, f"u{person}", device)
                acts.append(Act(*done, day > told_day[device], 0))
            at_ms = noon(told_day[device]) + 8 * HOUR_MS
            acts.append(Act(at_ms, "tells", f"u{person}", device, is_known=True, number=0))
    acts.sort()
    return [each._replace(number=number) for number, each in enumerate(acts)]


def segment(act: Act) -> Json:
    """A message of Segment: after login it has both ids, before only the device's."""
    message: Json = {
        "messageId": f"m{act.number}",
        "timestamp": rfc3339(act.at_ms),
        "anonymousId": act.device,
        **({"userId": act.known} if act.is_known else {}),
    }
    if act.what == "tells":
        return {**message, "type": "identify", "traits": {"plan": "gold"}}
    if act.what == "visits":
        return {**message, "type": "page"}
    order = {"order_id": f"o{act.number}", "total": f"{10 + act.number}.50", "currency": "USD"}
    return {**message, "type": "track", "event": "Order Completed", "properties": order}


def ga4(act: Act) -> Json:
    """A payload of GA4; to be known is to send both ids."""
    payload: Json = {
        "client_id": act.device,
        "timestamp_micros": act.at_ms * 1_000,
        **({"user_id": act.known} if act.is_known else {}),
    }
    if act.what != "buys":
        return {**payload, "events": [{"name": "page_view"}]}
    order = {"transaction_id": f"t{act.number}", "value": 10 + act.number, "currency": "USD"}
    return {**payload, "events": [{"name": "purchase", "params": order}]}


SAYS: dict[str, Say] = {"segment": segment, "ga4": ga4}
each_source = pytest.mark.parametrize("source", sorted(SAYS))
each_seed = pytest.mark.parametrize("seed", range(2))


def source_of(name: str) -> Source:
    return sources_from_toml(f'[sources.{name}]\nsource = "{name}"\nanonymous = "keep"\n')[name]


def as_came(source: str, acts: Sequence[Act]) -> Iterator[Json]:
    return map(SAYS[source], acts)


def known_from_the_beginning(source: str, acts: Sequence[Act]) -> Iterator[Json]:
    """The same, by people who were never anybody else."""
    for act in acts:
        said = SAYS[source](act._replace(is_known=True))
        yield {
            name: each for name, each in said.items() if name not in ("anonymousId", "client_id")
        }


async def shop(source: str, bodies: Sequence[tuple[int, Json]]) -> TwoPartitions:
    """What comes of bodies, in the order in which they arrive; days pass as the newest tells."""
    town, today_ms = TwoPartitions(POLICY), 0
    for at_ms, body in bodies:
        while today_ms and at_ms >= today_ms + TICKS_MS:
            today_ms += TICKS_MS
            await town.tick(today_ms)
        today_ms = today_ms or at_ms - at_ms % DAY_MS
        for each in normalise(source, source_of(source), json.dumps(body).encode(), {}):
            if isinstance(each, Normalised):
                town.append(partition_of(each.customer_id, 2), each.value, each.kind.value)
    await town.settle()
    await town.tick(noon(DAYS + 1))
    return town


async def people(town: TwoPartitions) -> dict[str, CustomerState]:
    held = {id_: decode_held(packed) for id_, packed in (await town.states()).items()}
    return {id_: each for id_, each in held.items() if isinstance(each, CustomerState)}


async def sketch(town: TwoPartitions) -> dict[str, int]:
    """What everybody adds up to, over all partitions."""
    counts = merged(await town.sketches()).counts
    return {slot: count for slot, count in counts.items() if slot[0] in "nsrfmb"}


async def are_alike(town: TwoPartitions, reference: TwoPartitions) -> None:
    """Sums, purchase days, lifecycle, groups of rules, and the sketch."""
    found, wanted = await people(town), await people(reference)
    assert found.keys() == wanted.keys()
    for id_, one in found.items():
        other = wanted[id_]
        assert one.current == other.current, id_
        assert one.remembered == other.remembered
        assert (one.standing, one.rules) == (other.standing, other.rules)
        assert (one.attributes, one.engagement) == (other.attributes, other.engagement)
        assert substance(one) == substance(other)
    assert await sketch(town) == await sketch(reference)


def substance(state: CustomerState) -> object:
    """What somebody counts for; None if they have never bought."""
    return state.contribution and state.contribution.substance


def at(acts: Sequence[Act], bodies: Iterator[Json]) -> list[tuple[int, Json]]:
    return list(zip((each.at_ms for each in acts), bodies, strict=True))


@each_source
@each_seed
async def test_who_becomes_known_is_as_if_they_had_always_been(source: str, seed: int) -> None:
    acts = life(Random(seed))
    town = await shop(source, at(acts, as_came(source, acts)))
    reference = await shop(source, at(acts, known_from_the_beginning(source, acts)))
    await are_alike(town, reference)
    assert any(each.rules for each in (await people(reference)).values())


@each_source
@each_seed
async def test_a_hop_that_repeats_and_reorders_changes_nothing(source: str, seed: int) -> None:
    rng = Random(seed)
    acts = life(rng)
    arriving = sorted(
        [*acts, *rng.sample(acts, len(acts) // 3)],
        key=lambda each: each.at_ms + rng.uniform(0, 3) * DAY_MS,
    )
    town = await shop(source, at(arriving, as_came(source, arriving)))
    reference = await shop(source, at(acts, known_from_the_beginning(source, acts)))
    found, wanted = await people(town), await people(reference)
    apart = {"u10", "u11"}  # of a device that two share it counts who tells first, as it arrives
    assert found.keys() == wanted.keys()
    for id_ in found.keys() - apart:
        assert sums(found[id_]) == sums(wanted[id_])
    assert spent(found, apart) == spent(wanted, apart)
    assert (await sketch(town))["n"] == (await sketch(reference))["n"]


def sums(state: CustomerState) -> tuple[object, ...]:
    """All but the cadence, which follows what was typical of all when each purchase arrived."""
    ledger = state.current._replace(cadence_days=0.0, limits=None)
    return ledger, state.standing, state.rules, state.attributes, state.engagement


def spent(states: dict[str, CustomerState], ids: set[str]) -> int:
    return sum(states[id_].current.spent_minor for id_ in ids)


async def test_two_people_of_one_device_stay_two() -> None:
    told = [
        Act(noon(0), "buys", "ann", "kiosk", is_known=False, number=0),
        Act(noon(1), "tells", "ann", "kiosk", is_known=True, number=1),
        Act(noon(2), "buys", "ann", "kiosk", is_known=True, number=2),
        Act(noon(3), "tells", "bob", "kiosk", is_known=True, number=3),
        Act(noon(4), "buys", "bob", "kiosk", is_known=True, number=4),
        Act(noon(5), "buys", "", "kiosk", is_known=False, number=5),
    ]
    town = await shop("segment", at(told, as_came("segment", told)))
    found = await people(town)
    assert {id_: each.current.spent_minor for id_, each in found.items()} == {
        "ann": 1_050 + 1_250 + 1_550,  # what nobody says who bought is of who told first
        "bob": 1_450,
    }
    assert {id_: list(each.names) for id_, each in found.items()} == {
        "ann": ["segment:anonymous:kiosk"],
        "bob": [],
    }
    held = decode_held((await town.states())["segment:anonymous:kiosk"])
    assert held == Alias("ann", noon(1))
