"""What counts as lost, invented, out of order and duplicated."""

from __future__ import annotations

import pytest

from chaos.verdict import Verdict, compared, differing

ANNA_1, ANNA_2, BEN = (b"anna", b"1"), (b"anna", b"2"), (b"ben", b"3")
EXACT = Verdict(
    events=10,
    customers=2,
    accounts=0,
    states_wrong=0,
    segments_wrong=0,
    rule_memberships=1,
    policies=3,
    policies_wrong=0,
    sketches_wrong=0,
    populations=1,
    populations_wrong=0,
    effects=3,
    lost=0,
    invented=0,
    out_of_order=0,
    duplicated=0,
)


def test_what_was_sent_in_order_differs_in_nothing() -> None:
    assert compared([BEN, ANNA_1, ANNA_2], [ANNA_1, ANNA_2, BEN]) == ([], [], [], [])


def test_an_effect_never_sent_is_lost_and_one_without_a_cause_is_invented() -> None:
    assert compared([ANNA_1, BEN], [ANNA_1, ANNA_2]) == ([ANNA_2], [BEN], [], [])


def test_the_order_counts_for_each_customer_alone() -> None:
    assert compared([ANNA_2, ANNA_1, BEN], [BEN, ANNA_1, ANNA_2]).out_of_order == [b"anna"]


def test_an_effect_sent_again_is_a_duplicate_each_time() -> None:
    sent_thrice = [ANNA_1, ANNA_1, ANNA_2, ANNA_1]
    assert compared(sent_thrice, [ANNA_1, ANNA_2]) == ([], [], [], [ANNA_1, ANNA_1])


def test_what_the_fold_itself_says_twice_may_be_sent_twice_or_once() -> None:
    assert compared([ANNA_1, ANNA_1], [ANNA_1, ANNA_1]).duplicated == []
    assert compared([ANNA_1], [ANNA_1, ANNA_1]) == ([], [], [], [])


def test_states_that_are_missing_strange_or_other_differ() -> None:
    assert differing(
        {b"a": b"1", b"b": b"2", b"c": b"3"}, {b"a": b"1", b"b": b"0", b"d": b"4"}
    ) == [
        b"b",
        b"c",
        b"d",
    ]


def test_duplicates_alone_leave_a_verdict_exact() -> None:
    assert EXACT._replace(duplicated=3).is_exact


@pytest.mark.parametrize(
    "figure",
    [
        *("states_wrong", "segments_wrong", "policies_wrong", "sketches_wrong"),
        *("populations_wrong", "lost", "invented", "out_of_order"),
    ],
)
def test_anything_else_does_not(figure: str) -> None:
    assert not EXACT._replace(**{figure: 1}).is_exact
