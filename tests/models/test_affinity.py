"""What is bought together: exact and order-free, and never wrong about what was left out."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.affinity import (
    MAX_CELLS,
    MAX_WAITING,
    Affinity,
    Catalogue,
    Together,
    next_catalogue,
    together,
)
from models.daybook import label_key
from models.pairs import By, Pair, pairs

# As `thoroughly` of tests/support/histories.py, but matrices take their time.
thoroughly = settings(max_examples=int(os.environ.get("EXAMPLES", "100")), deadline=None)

NAMES = tuple(f"category {number}" for number in range(24))
KEYS = {name: label_key("category", name) for name in NAMES}
TEA, MILK, RICE = (label_key("category", name) for name in ("tea", "milk", "rice"))
Baskets = Sequence[frozenset[bytes]]  # a customer's shopping days

days_of = st.lists(
    st.frozensets(st.sampled_from(sorted(KEYS.values())), max_size=8), min_size=1, max_size=6
)
crowds = st.lists(days_of, max_size=8)


def one(baskets: Baskets, catalogue: Catalogue) -> Together:
    """A customer with one shopping day for each basket."""
    days: defaultdict[bytes, list[int]] = defaultdict(list)
    for day, basket in enumerate(baskets):
        for key in sorted(basket):
            days[key].append(day)
    return together(days, len(baskets), catalogue)


def group(crowd: Iterable[Baskets], catalogue: Catalogue) -> Affinity:
    found = Affinity(catalogue)
    for each in crowd:
        found.add(one(each, catalogue))
    return found


def counted(crowd: Iterable[Baskets]) -> Counter[tuple[bytes, bytes]]:
    """By brute force."""
    return Counter(
        pair for baskets in crowd for each in baskets for pair in combinations(sorted(each), 2)
    )


def as_counts(found: Iterable[Pair]) -> dict[tuple[bytes, ...], int]:
    return {tuple(sorted((each.one, each.other))): each.days for each in found}


def plain(found: Affinity) -> object:
    return found.customers, found.shopping_days, found.days().tolist(), found.buyers().tolist()


def test_days_on_which_both_were_bought_are_counted() -> None:
    catalogue = Catalogue()
    crowd = [
        [frozenset({TEA, MILK}), frozenset({TEA, MILK}), frozenset({TEA})],
        [frozenset({MILK, RICE}), frozenset()],
    ]
    shop = group(crowd, catalogue)
    base = group([*crowd, [frozenset({TEA, MILK}), frozenset({RICE})]], catalogue)
    assert pairs(shop, base, 9).pairs == (
        Pair(*(TEA, MILK), 2, 1, 2 / 5, 2 / 3, 2 / 3, 2 * 5 / (3 * 3), (2 / 5) / (3 / 7)),
        Pair(*(MILK, RICE), 1, 1, 1 / 5, 1 / 3, 1.0, 1 * 5 / (3 * 1), (1 / 5) / (1 / 7)),
    )
    assert (shop.customers, shop.shopping_days, base.shopping_days) == (2, 5, 7)


def test_the_category_that_is_bought_more_often_stands_first() -> None:
    shop = group([[frozenset({TEA, MILK}), frozenset({MILK})]], Catalogue())
    (pair,) = pairs(shop, shop, 1).pairs
    assert (pair.one, pair.other) == (MILK, TEA)
    assert (pair.confidence, pair.confidence_back) == (0.5, 1.0)


def test_rare_pairs_win_no_ranking_but_that_of_days() -> None:
    often = [frozenset({TEA, MILK}), frozenset({TEA}), frozenset({MILK})] * 20
    once = [frozenset(KEYS[name] for name in NAMES[:2])]
    shop = group([often[:12]] * 5 + [once], Catalogue())
    assert len(pairs(shop, shop, 9, "lift").pairs) == 1
    assert len(pairs(shop, shop, 9, "elsewhere").pairs) == 1
    assert len(pairs(shop, shop, 9).pairs) == 2


def test_what_is_bought_more_than_elsewhere_comes_first_if_that_is_asked_for() -> None:
    catalogue = Catalogue()
    usual, own = [frozenset({TEA, MILK})] * 12, [frozenset({TEA, RICE})] * 6
    shop = group([usual, own] * 5, catalogue)
    base = group([*[usual, own] * 5, *[usual] * 25], catalogue)
    assert [each.other for each in pairs(shop, base, 1).pairs] == [MILK]
    (first, second) = pairs(shop, base, 2, "elsewhere").pairs
    assert {first.one, first.other} == {TEA, RICE}
    assert first.elsewhere == pytest.approx((30 / 90) / (30 / 390))
    assert second.elsewhere < 1


def test_of_nobody_there_are_no_pairs() -> None:
    nobody = Affinity(Catalogue())
    assert pairs(nobody, nobody, 3).pairs == ()
    assert pairs(nobody, nobody, 3, "lift").certain
    assert pairs(nobody, nobody, 0).pairs == ()


def test_days_without_a_category_are_shopping_days_all_the_same() -> None:
    shop = group([[frozenset()]], Catalogue())
    assert (shop.shopping_days, pairs(shop, shop, 1).pairs) == (1, ())


@thoroughly
@given(crowds, st.data())
def test_counts_do_not_depend_on_who_comes_first(crowd: list[Baskets], draw: st.DataObject) -> None:
    """With a catalogue that is full, and one that has no room for most."""
    for most in (3, 256):
        catalogue = Catalogue(sorted(KEYS.values()), most)
        order = draw.draw(st.permutations(crowd))
        assert plain(group(order, catalogue)) == plain(group(crowd, catalogue))


@thoroughly
@given(crowds, st.lists(st.sampled_from(sorted(KEYS.values())), unique=True), st.integers(0, 24))
def test_counts_equal_brute_force_and_nothing_that_is_left_out_is_above_what_is_said(
    crowd: list[Baskets], first: list[bytes], most: int
) -> None:
    catalogue = Catalogue(first, most)
    shop, truth = group(crowd, catalogue), counted(crowd)
    known = catalogue.places.keys()
    expected = {pair: days for pair, days in truth.items() if known >= {*pair}}
    found = pairs(shop, shop, 1_000)
    assert as_counts(found.pairs) == expected
    left_out = [days for pair, days in truth.items() if not known >= {*pair}]
    assert max(left_out, default=0) <= found.left_out_at_most
    assert found.left_out_at_most == 0 or not known >= {*KEYS.values()}


@thoroughly
@given(crowds, st.integers(0, 24), st.integers(1, 20))
def test_a_list_that_is_called_certain_is_the_true_one(
    crowd: list[Baskets], most: int, n: int
) -> None:
    shop, truth = group(crowd, Catalogue(most=most)), counted(crowd)
    found = pairs(shop, shop, n)
    if found.certain:
        best = sorted(truth.values(), reverse=True)[:n]
        assert [each.days for each in found.pairs] == best


@pytest.mark.parametrize("by", ["lift", "elsewhere"])
def test_a_ranking_that_is_not_by_days_is_certain_if_nothing_left_out_is_frequent_enough(
    by: By,
) -> None:
    often = [frozenset({TEA, MILK})] * 60
    rare = [frozenset({TEA, KEYS[name]}) for name in NAMES[:10]]
    few = group([often, rare], Catalogue([TEA, MILK], most=2))
    assert pairs(few, few, 9, by).certain
    many = group([often, rare * 20], Catalogue([TEA, MILK], most=2))
    assert not pairs(many, many, 9, by).certain


def test_groups_of_different_catalogues_are_not_compared() -> None:
    ours, theirs = Affinity(Catalogue()), Affinity(Catalogue())
    with pytest.raises(ValueError, match="one catalogue"):
        pairs(ours, theirs, 1)


def test_a_group_takes_no_more_than_its_bound_whatever_is_bought() -> None:
    catalogue = Catalogue()
    keys = [label_key("category", f"c{number}") for number in range(2_000)]
    shop = group(([frozenset(keys[start : start + 40])] for start in range(0, 2_000, 8)), catalogue)
    assert shop.size_bytes == 16 * MAX_CELLS < 600_000
    assert len(catalogue.places) == 256
    assert len(catalogue.waiting) == MAX_WAITING


def test_what_found_no_room_and_is_bought_much_has_a_place_in_the_next_survey() -> None:
    first = Catalogue(most=2)
    crowd: list[Mapping[bytes, Sequence[int]]] = [
        {TEA: (1,), MILK: (1, 2, 3)},
        {RICE: (1, 2), KEYS[NAMES[0]]: (7,)},
    ]
    base = Affinity(first)
    for each in crowd:
        base.add(together(each, 3, first))
    assert list(first.places) == [TEA, MILK]
    assert first.waiting == {RICE: 2, KEYS[NAMES[0]]: 1}
    assert list(next_catalogue(base, 2).places) == [MILK, RICE]


@thoroughly
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9)), max_size=600))
def test_who_waits_is_never_thought_to_be_bought_less_than_they_are(
    comes: list[tuple[int, int]],
) -> None:
    catalogue, truth = Catalogue(most=0), Counter[bytes]()
    for number, days in comes:
        key = label_key("category", str(number))
        truth[key] += days
        catalogue.wait(key, days)
    assert all(days >= truth[key] for key, days in catalogue.waiting.items())
    least = min(catalogue.waiting.values(), default=0)
    assert all(days <= least for key, days in truth.items() if key not in catalogue.waiting)
