"""Two policies over one history: sizes day by day, who stands elsewhere."""

from __future__ import annotations

from models.comparing import Move, Moves, Place, SizeChange, Sizes, Window, by_size, moves


def test_a_segment_that_comes_late_was_empty_before() -> None:
    sizes = Sizes(2)
    sizes.note(10, [{"lifecycle/new": 3}, {"lifecycle/new": 3}])
    sizes.note(11, [{"lifecycle/new": 3}, {"lifecycle/new": 1, "lifecycle/active": 2}])
    assert list(sizes.of("lifecycle/active", 0)) == [0, 0]
    assert list(sizes.of("lifecycle/active", 1)) == [0, 2]
    assert sizes.days == [10, 11]


def test_of_a_segment_the_end_and_the_day_of_the_largest_difference_are_told() -> None:
    sizes = Sizes(2)
    for day, a, b in ((1, 5, 5), (2, 5, 9), (3, 5, 1), (4, 6, 6)):
        sizes.note(day, [{"flag/overdue": a}, {"flag/overdue": b}])
    [change] = sizes.changes()
    assert change == SizeChange("flag/overdue", 6, 6, 2, 5, 9)
    assert change.differs


def test_a_segment_of_equal_size_on_every_day_does_not_differ() -> None:
    sizes = Sizes(2)
    sizes.note(1, [{"tier/high": 4}, {"tier/high": 4}])
    assert [each.differs for each in sizes.changes()] == [False]


def test_a_segment_that_nobody_was_ever_in_is_not_listed() -> None:
    sizes = Sizes(2)
    sizes.note(1, [{"tier/high": 0}, {}])
    assert sizes.segments == []


def test_customers_are_counted_by_move_and_the_worthiest_are_examples() -> None:
    found = Moves()
    for who, worth in (("ada", 5), ("bob", 9), ("cy", 7), ("dan", 1), ("eve", 7)):
        found.look(Place(who, worth), {"lifecycle": "lifecycle/active"}, {})
    found.look(Place("fay", 100), {"tier": "tier/low"}, {"tier": "tier/low"})
    gone = Move("lifecycle", "lifecycle/active", None)
    assert (found.customers, found.differing, dict(found.counts)) == (6, 5, {gone: 5})
    assert [each.customer_id for each in found.examples(gone)] == ["bob", "eve", "cy"]


def test_only_the_kinds_that_differ_are_moves() -> None:
    a = {"lifecycle": "lifecycle/active", "rule/big": "rule/big"}
    b = {"lifecycle": "lifecycle/active", "overdue": "flag/overdue"}
    assert list(moves(a, b)) == [
        Move("rule/big", "rule/big", None),
        Move("overdue", None, "flag/overdue"),
    ]


def test_the_most_frequent_moves_stand_first() -> None:
    one, other = Move("a", "a/1", None), Move("b", None, "b/1")
    assert by_size([(one, 2), (other, 3)]) == [(other, 3), (one, 2)]


def test_a_window_holds_both_its_ends() -> None:
    assert [Window(2, 4).has(day) for day in (1, 2, 4, 5)] == [False, True, True, False]
