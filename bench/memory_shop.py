"""The shops whose customers bench/memory.py writes: a year of a generated one, folded with what each is asked for.

Enters: what customers have. Leaves: a `CustomerWrite` for each customer, as the fold would write it for
somebody whom the store does not have yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from bench import town
from models.codec import decode_held, encode_state
from models.customer import CustomerState
from models.policy import Policy, policy_from_preset
from models.segments import segments_of
from streams.generating.making import Count, as_record, made
from streams.generating.personas import PROMOTIONS, SEASONS, SHOP
from streams.generating.population import Joins, Mess, Population
from streams.generating.truth import truth_file
from streams.loop import Loop
from streams.loop import replay as replayed
from streams.sources import SourceRecord
from streams.store import CustomerWrite

POPULATION = Population(
    seed=7,
    customers=300,
    start=date(2024, 1, 1),
    days=365,
    segments=SHOP,
    joins=Joins(100.0),
    seasons=SEASONS,
    promotions=PROMOTIONS,
    mess=Mess(refunds=0.1, late=0.1, duplicates=0.1),
)
RULES = {
    "regular": "purchases_90d >= 3",
    "spender": "spend_365d >= 300",
    "quiet": "silence_days >= 60",
    "young": "tenure_days < 90",
    "vip": "spend_90d >= 100 and not overdue",
}


class Shop(NamedTuple):
    """A kind of shop.

    Attributes:
        name: what its customers have.
        policy: what it asks for beyond the preset.
        profiles: whether people tell of themselves: four attributes each.
        history: whether effects are kept; else they are left out, to see what the rest takes.
        young: six weeks and three purchases each, of nothing but an amount (bench/town.py).
    """

    name: str
    policy: Mapping[str, Any] = MappingProxyType({})
    profiles: bool = False
    history: bool = False
    young: bool = False


NOTHING_KEPT: dict[str, Any] = {"behaviour": {"kept": []}}
FIVE_RULES = {"segments": {name: {"when": when} for name, when in RULES.items()}}
SHOPS = (
    Shop("lifecycle, RFM, clusters, risk and value", NOTHING_KEPT),
    Shop("the same, and profiles", NOTHING_KEPT, profiles=True),
    Shop("the same as the first, and what is bought, of every kind"),
    Shop("the same as the first, and five rules", NOTHING_KEPT | FIVE_RULES),
    Shop("the same as the first, and history", NOTHING_KEPT, history=True),
    Shop("the same as the first, of a shop that is six weeks old", NOTHING_KEPT, young=True),
)


async def lived(shop: Shop, folder: Path) -> list[CustomerWrite]:
    """A year of it, in memory; `folder` is for what is sorted there."""
    if shop.young:
        states = (await asyncio.to_thread(town.lived, town.LEAN)).states
        return [
            CustomerWrite(encode_state(each), each.next_deadline_ms, (), segments_of(each))
            for each in states
        ]
    loop = Loop(policy_of(shop), 1)
    await replayed(loop, _events(shop, folder))
    await loop.settle()
    return [
        CustomerWrite(
            packed,
            held.next_deadline_ms,
            (),
            segments_of(held),
            [*enumerate(await loop.store.history(0, customer_id))],
        )
        for customer_id, packed in (await loop.states()).items()
        if isinstance(held := decode_held(packed), CustomerState)
    ]


def policy_of(shop: Shop) -> Policy:
    """Of general retail."""
    return policy_from_preset("general", **shop.policy)


def _events(shop: Shop, folder: Path) -> Iterator[SourceRecord]:
    with (
        truth_file(None, POPULATION) as nowhere,
        made(POPULATION, Count(), nowhere, folder, lambda _: None) as events,
    ):
        for each in map(as_record, events):
            if each.kind != "profile" or shop.profiles:
                yield each
