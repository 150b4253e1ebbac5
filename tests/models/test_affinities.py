"""The part of a survey that tells what is bought together: taken member by member, kept as plain lists."""

from __future__ import annotations

import json
from datetime import date

import pytest

from models.affinities import BYS, Affinities, decode_together, encode_together
from models.affinity import MAX_CATEGORIES
from models.daybook import label_key
from models.events import Item
from models.member import Member
from models.sight import Sight
from tests.models.shoppers import bought
from tests.support.story import GROCERY, noon, tell

TODAY = date(2024, 1, 31).toordinal()
TEA, MILK, RICE = (label_key("category", name) for name in ("tea", "milk", "rice"))


def member(*baskets: tuple[str, ...], segment: str = "lifecycle/active") -> Member:
    """Somebody who buys these categories, a basket a day."""
    events = (
        bought(f"p{day}", noon(day), 300, items=tuple(item(each) for each in basket))
        for day, basket in enumerate(baskets)
    )
    sight = Sight(tell(*events).customer, TODAY, GROCERY)
    return Member("c", sight, 0, {"lifecycle": segment}, (), (), ())


def item(category: str) -> Item:
    return Item(sku=category, quantity=1, unit_price_minor=100, category=category)


def surveyed(*members: Member, first: tuple[bytes, ...] = ()) -> Affinities:
    found = Affinities(first)
    for each in members:
        found.take(each)
    return found


TWO = (
    *(member(("tea", "milk"), ("tea",)) for _ in range(10)),
    *(member(("milk", "rice"), segment="lifecycle/new") for _ in range(30)),
)


def test_each_segment_has_pairs_of_its_own_and_everybody_has_all() -> None:
    told = surveyed(*TWO).told()
    assert [(each.one, each.other, each.days) for each in told.base["days"].pairs] == [
        (MILK, RICE, 30),
        (MILK, TEA, 10),
    ]
    (active,) = told.segments["lifecycle/active"]["days"].pairs
    assert (active.one, active.other, active.customers, active.support) == (TEA, MILK, 10, 0.5)
    assert active.elsewhere == pytest.approx(0.5 / (10 / 50))
    (new,) = told.segments["lifecycle/new"]["elsewhere"].pairs
    assert {new.one, new.other} == {MILK, RICE}


def test_a_survey_learns_what_comes_next_and_what_the_next_one_counts() -> None:
    others = (member(("beer",)) for _ in range(9))
    told = surveyed(*TWO, *others).told()
    assert told.next[RICE].links.keys() == {MILK}
    most_bought_first = (MILK, RICE, TEA, label_key("category", "beer"))
    assert told.catalogue == most_bought_first
    assert tuple(surveyed(first=told.catalogue).catalogue.places) == most_bought_first


def test_what_waits_for_a_place_is_counted_by_its_days_alone() -> None:
    full = tuple(label_key("category", f"c{number}") for number in range(MAX_CATEGORIES))
    found = surveyed(member(("tea", "milk"), ("tea",)), member(("tea",)), first=full)
    assert found.catalogue.waiting == {TEA: 3, MILK: 1}


def test_what_everybody_buys_speaks_for_nothing() -> None:
    assert surveyed(*TWO).told().next[RICE].links == {}


def test_what_was_told_is_plain_and_comes_back() -> None:
    told = surveyed(*TWO).told()
    assert decode_together(json.loads(json.dumps(encode_together(told)))) == told
    nobody = surveyed().told()
    assert decode_together(encode_together(nobody)) == nobody
    assert nobody.base.keys() == {*BYS}


@pytest.mark.parametrize("plain", [None, [], [{}, {}, [], []], [1, 2, 3, 4]])
def test_what_was_not_told_here_is_refused(plain: object) -> None:
    with pytest.raises(ValueError, match="not what was bought together"):
        decode_together(plain)
