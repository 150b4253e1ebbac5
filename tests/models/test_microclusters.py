"""Micro-clusters: exact whatever comes and goes, and the same from their entries on."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.microclusters import (
    LARGEST,
    MicroClusters,
    Spread,
    Vector,
    from_entries,
    merged_spread,
)
from tests.support.histories import thoroughly

Members = dict[str, tuple[Vector, int]]  # who is inside, with vector and slot


def small() -> MicroClusters:
    """So few that groups come, merge and go all the time."""
    return MicroClusters(capacity=3, open_beyond=0.1, merge_beyond=0.2)


@st.composite
def renewals(draw: st.DrawFn) -> list[tuple[str, Vector | None]]:
    """A few customers who come, change and go; drawn as one string of bytes."""
    drawn = draw(st.binary(max_size=160))
    return [_renewal(drawn[n : n + 3]) for n in range(0, len(drawn) - 2, 3)]


def _renewal(row: bytes) -> tuple[str, Vector | None]:
    who, one, two = row
    return f"c{who % 16}", None if who > 220 else (100 * (one % 16), one // 16, 7 * (two % 8))


def renew(groups: MicroClusters, members: Members, who: str, vector: Vector | None) -> int | None:
    """What a partition does when a customer changes; the slot."""
    if who in members:
        groups.unlearn(*members.pop(who))
    if vector is None:
        return None
    members[who] = vector, groups.learn(vector)
    return members[who][1]


def stored(groups: MicroClusters) -> dict[str, bytes]:
    packed = {name: groups.packed(name) for name in groups.entries}
    return {name: row for name, row in packed.items() if row is not None}


def crowd(seed: int, count: int, dimensions: int = 3) -> list[Vector]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(0, 1_000, (count, dimensions)).round().astype(int)
    return [tuple(row) for row in rows.tolist()]


def exact_nearest(groups: MicroClusters, vector: Vector) -> int:
    """The nearest, in fractions; the smallest slot of several."""
    n, total = groups.total.customers, groups.total
    variances = [Fraction(each, n * n) for each in total.squared_deviations()]
    squares = {}
    for name, (customers, _, *sums) in groups.entries.items():
        if name.startswith("k"):
            rows = zip(vector, sums, variances, strict=True)
            squares[int(name[1:])] = sum(
                (Fraction(each) - Fraction(s, customers)) ** 2 / v for each, s, v in rows if v
            )
    return min(sorted(squares), key=squares.__getitem__)


@thoroughly
@given(renewals(), st.integers(1, 9))
def test_what_was_read_back_goes_on_as_if_nothing_had_been(
    history: list[tuple[str, Vector | None]], at_once: int
) -> None:
    straight, stopping = small(), small()
    in_straight, in_stopping, store = Members(), Members(), dict[str, bytes]()
    for step, (who, vector) in enumerate(history):
        slot = renew(straight, in_straight, who, vector)
        assert renew(stopping, in_stopping, who, vector) == slot
        if step % at_once == 0:
            for name, packed in stopping.take_changes().items():
                store.pop(name, None) if packed is None else store.update({name: packed})
            assert store == stored(straight)
            in_any_order = dict(reversed(store.items()))
            stopping = from_entries(in_any_order, 3, 0.1, 0.2)
    assert stored(stopping) == stored(straight)


@thoroughly
@given(renewals())
def test_the_sums_are_those_of_the_customers_inside(
    history: list[tuple[str, Vector | None]],
) -> None:
    groups, members = small(), Members()
    for who, vector in history:
        renew(groups, members, who, vector)
    inside = [vector for vector, _ in members.values()]
    total = groups.total
    assert total.customers == len(inside)
    if inside:
        assert total.sums == tuple(map(sum, zip(*inside, strict=True)))
        squares = (tuple(each * each for each in vector) for vector in inside)
        assert total.squares == tuple(map(sum, zip(*squares, strict=True)))
    assert sum(customers for customers, _ in groups.groups) == len(inside)
    assert held(groups) == Counter(slot for _, slot in members.values())


@thoroughly
@given(renewals())
def test_each_group_adds_up_who_holds_its_slot_or_an_alias_one_step_away(
    history: list[tuple[str, Vector | None]],
) -> None:
    groups, members = small(), Members()
    for who, vector in history:
        renew(groups, members, who, vector)
        assert len(groups.groups) <= 3
    entries = groups.entries
    for name, (customers, _, *sums) in entries.items():
        if name.startswith("k"):
            slot = int(name[1:])
            aliases = {
                int(each[1:]) for each in entries if each[0] == "a" and entries[each][0] == slot
            }
            inside = [vector for vector, own in members.values() if own in {slot, *aliases}]
            assert len(inside) == customers > 0
            assert tuple(map(sum, zip(*inside, strict=True))) == tuple(sums)
        if name.startswith("a"):
            assert f"k{entries[name][0]}" in entries


def held(groups: MicroClusters) -> dict[int, int]:
    """Slot → holders; an alias is there only while somebody holds it."""
    rows = {name: row[1] for name, row in groups.entries.items() if name != "q"}
    assert all(holders for name, holders in rows.items() if name.startswith("a"))
    return {int(name[1:]): holders for name, holders in rows.items() if holders}


def test_the_nearest_is_that_of_exact_arithmetic() -> None:
    groups = MicroClusters(capacity=20)
    for vector in crowd(1, 300):
        groups.learn(vector)
    for vector in crowd(2, 100):
        assert groups.nearest(vector) == exact_nearest(groups, vector)


def test_of_two_equally_near_the_older_one_is_the_nearest() -> None:
    groups = MicroClusters()
    assert [groups.learn((each,)) for each in (0, 10, 0, 10)] == [1, 2, 1, 2]
    assert groups.nearest((5,)) == 1


def test_looking_changes_nothing() -> None:
    groups = MicroClusters()
    assert groups.nearest((1, 2)) is None
    for vector in crowd(3, 50):
        groups.learn(vector)
    groups.take_changes()
    before = groups.entries
    for vector in crowd(4, 50):
        groups.nearest(vector)
    assert (groups.entries, groups.touched) == (before, set())


def test_a_dimension_in_which_nobody_differs_does_not_count() -> None:
    groups = MicroClusters()
    for vector in [(0, 7), (1_000, 7), (0, 7), (1_000, 7)]:
        groups.learn(vector)
    assert groups.nearest((900, 100_000)) == 2


def test_without_room_the_lightest_joins_its_neighbour_and_its_slot_lives_on_as_an_alias() -> None:
    groups = MicroClusters(capacity=2, open_beyond=0.1, merge_beyond=1.0)
    slots = [groups.learn((each,)) for each in (0, 0, 0, 10, 100)]
    assert slots == [1, 1, 1, 2, 3]
    assert groups.entries == {
        "k1": (4, 3, 10),
        "k3": (1, 1, 100),
        "a2": (1, 1),
        "q": (4, 5, 110, 10_100),
    }
    groups.unlearn((10,), 2)
    assert groups.entries == {"k1": (3, 3, 0), "k3": (1, 1, 100), "q": (4, 4, 100, 10_000)}


def test_aliases_of_a_group_that_is_merged_in_turn_are_pointed_on() -> None:
    groups = MicroClusters(capacity=2, open_beyond=0.1, merge_beyond=0.5)
    for each in (0, 10, 1_000, 1_000, 1_000, 90_000):
        groups.learn((each,))
    aliases = {name: row[0] for name, row in groups.entries.items() if name.startswith("a")}
    assert set(aliases) == {"a1", "a2"}
    assert set(aliases.values()) == {3}
    assert {"a1", "a2", "k3"} <= groups.touched


def test_a_group_that_everybody_left_is_gone_and_its_slot_is_not_given_again() -> None:
    groups = MicroClusters()
    assert groups.learn((5, 5)) == 1
    groups.unlearn((5, 5), 1)
    assert groups.entries == {"q": (2, 0, 0, 0, 0, 0)}
    assert (groups.groups, groups.spread, groups.nearest((5, 5))) == ([], [], None)
    assert groups.take_changes()["k1"] is None
    assert groups.learn((5, 5)) == 2


def test_who_is_far_from_all_is_added_all_the_same_if_only_opening_is_out_of_the_question() -> None:
    groups = MicroClusters(capacity=2, open_beyond=0.1, merge_beyond=1_000.0)
    assert [groups.learn((each,)) for each in (0, 10, 90)] == [1, 2, 2]


def test_fewer_are_allowed_than_there_are() -> None:
    groups = MicroClusters(capacity=9, open_beyond=0.1)
    for each in range(9):
        groups.learn((100 * each,))
    fewer = from_entries(stored(groups), capacity=3, open_beyond=0.1, merge_beyond=0.2)
    fewer.learn((100_000,))
    assert len(fewer.groups) == 3
    assert fewer.total.customers == 10


def test_the_spread_is_mean_and_variance_of_who_is_inside() -> None:
    groups = MicroClusters()
    vectors = crowd(5, 200)
    for vector in vectors:
        groups.learn(vector)
    assert [each.mean.get() for each in groups.spread] == pytest.approx(np.mean(vectors, axis=0))
    assert [each.get() for each in groups.spread] == pytest.approx(np.var(vectors, axis=0))
    assert {each.n for each in groups.spread} == {200}


def test_spreads_of_partitions_add_up() -> None:
    one, two = Spread(2, (3, 4), (5, 8)), Spread(1, (1, 1), (1, 1))
    assert merged_spread([one, two]) == Spread(3, (4, 5), (6, 9))
    assert merged_spread([one]) == one


@pytest.mark.parametrize("vector", [(1,), (1, 2, 3), (1, LARGEST + 1), (-LARGEST - 1, 1)])
def test_a_vector_that_does_not_fit_is_refused_and_nothing_changes(vector: Vector) -> None:
    groups = MicroClusters()
    groups.learn((1, 2))
    groups.take_changes()
    before = groups.entries
    with pytest.raises(ValueError, match="expected 2 numbers"):
        groups.learn(vector)
    with pytest.raises(ValueError, match="expected 2 numbers"):
        groups.unlearn(vector, 1)
    assert (groups.entries, groups.touched) == (before, set())


def test_a_first_vector_that_is_refused_does_not_say_how_many_dimensions_there_are() -> None:
    groups = MicroClusters()
    with pytest.raises(ValueError, match="expected 1 numbers"):
        groups.learn((LARGEST + 1,))
    assert groups.entries == {}
    assert groups.learn((LARGEST, -LARGEST)) == 1


def test_nobody_is_taken_out_of_a_slot_that_nobody_holds() -> None:
    groups = MicroClusters(capacity=2, open_beyond=0.1, merge_beyond=0.5)
    groups.learn((1,))
    for slot in (0, 2, 99):
        with pytest.raises(ValueError, match=f"nobody is in slot {slot}"):
            groups.unlearn((1,), slot)
    assert groups.total.customers == 1


def test_one_group_is_too_few() -> None:
    with pytest.raises(ValueError, match="expected 2 or more"):
        MicroClusters(capacity=1)


def test_nothing_is_read_back_as_nothing() -> None:
    assert from_entries({}).entries == {}
    assert from_entries({}).learn((1, 2, 3)) == 1


def test_sums_of_the_largest_numbers_can_be_stored() -> None:
    groups = MicroClusters()
    groups.learn((LARGEST,))
    groups._totals[1:] = [2**29, 2**29 * LARGEST, 2**29 * LARGEST**2]
    assert from_entries(stored(groups)).total == groups.total


def test_slots_count_up() -> None:
    groups = MicroClusters(capacity=5, open_beyond=0.2, merge_beyond=0.4)
    slots = [groups.learn(vector) for vector in crowd(6, 500)]
    firsts = list(dict.fromkeys(slots))
    assert len(firsts) > 5
    assert all(one < two for one, two in pairwise(firsts))
