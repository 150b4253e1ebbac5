"""What is generated goes through the product whole: nothing is too late, nothing counts twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from models.codec import decode_state
from models.policy import policy_from_preset
from streams.generating.making import as_record, lives_of
from streams.generating.mess import Told
from streams.loop import Loop, replay
from streams.topics import DEAD_LETTERS
from tests.streams.generating.populations import SMALL, events_of


def returned_whole(told: Told, amounts_minor: list[int]) -> int:
    """Purchases that were given back to the last cent."""
    paid = {f"{place}": amount for place, amount in enumerate(amounts_minor)}
    whole = set()
    for each in told.events:
        if each.kind == "refund":
            order = each.value.split(b'"order_id":"')[1].split(b'"')[0].decode()
            place = order.rpartition("-")[2]
            if f'"amount_minor":{paid[place]},'.encode() in each.value:
                whole.add(place)
    return len(whole)


async def test_each_customer_is_folded_to_the_true_number_of_purchases(tmp_path: Path) -> None:
    population = replace(SMALL, customers=40, days=120, hot_a_day=8.0)
    loop = Loop(policy_from_preset("general"), 2)
    await replay(loop, map(as_record, events_of(population, tmp_path)))
    await loop.settle()
    assert Counter(row.topic for row in loop.effects)[DEAD_LETTERS] == 0
    states = {name: decode_state(state) for name, state in (await loop.states()).items()}
    found = {name: state.current.purchases for name, state in states.items()}
    true = {
        life.customer_id: len(life.seconds) - returned_whole(told, life.amounts_minor)
        for life, told in lives_of(population)
        if life.seconds
    }
    hot = "c0000000"  # buys so often that some orders are no longer remembered when money goes back
    assert true.pop(hot) <= found.pop(hot)
    assert found == true
