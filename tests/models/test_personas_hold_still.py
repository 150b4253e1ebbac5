"""Personas hold still while their numbers do, and follow them when they do not."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from models.persona_card import Card
from models.persona_moved import held, moved
from models.personas import Persona, persona_from_json, personas_of
from tests.models.persona_cards import TEA, card
from tests.models.persona_drawn import histories, surveys
from tests.models.persona_truth import falsehoods

# EXAMPLES=2000 for a long search.
often = settings(max_examples=int(os.environ.get("EXAMPLES", "50")), deadline=None)


@often
@given(histories)
def test_personas_are_the_very_same_while_no_number_has_moved(
    history: tuple[list[Card], list[list[Card]]],
) -> None:
    first, later = history
    written = now = personas_of(first)
    for survey in later:
        now = personas_of(survey, now)
        assert now == written


@often
@given(st.lists(surveys, min_size=1, max_size=3))
def test_whatever_numbers_come_what_is_said_is_true_and_names_differ(
    drawn: list[tuple[Card, ...]],
) -> None:
    now: dict[str, Persona] = {}
    for survey in drawn:
        now = personas_of(survey, now)
        assert [fault for each in now.values() for fault in falsehoods(each)] == []
        for one in survey:
            assert held(one, now[one.segment].written) == now[one.segment].written
        for language in ("en", "zh"):
            assert len({each.names[language] for each in now.values()}) == len(survey)


@often
@given(surveys, surveys)
def test_writing_again_changes_nothing(before: tuple[Card, ...], survey: tuple[Card, ...]) -> None:
    written = personas_of(survey, personas_of(before))
    assert personas_of(survey, written) == written


@often
@given(surveys, st.permutations(range(3)))
def test_the_order_of_segments_does_not_matter(survey: tuple[Card, ...], order: list[int]) -> None:
    assert personas_of([survey[each] for each in order]) == personas_of(survey)


@often
@given(surveys, surveys)
def test_a_persona_that_was_kept_is_followed_like_one_that_was_not(
    first: tuple[Card, ...], second: tuple[Card, ...]
) -> None:
    written = personas_of(first)
    kept = {name: persona_from_json(each.as_json()) for name, each in written.items()}
    assert personas_of(second, kept) == personas_of(second, written)


def test_small_steps_add_up() -> None:
    now = personas_of([card()])
    told = []
    for step in range(1, 6):  # 4 % each time, and half a standard deviation in six
        now = personas_of([card(average_order_value_365d=1.0 + 0.04 * step)], now)
        told.append(now["cluster/1"].written.numbers["average_order_value_365d.mean"])
    assert told == [4_000, 4_320, 4_320, 4_640, 4_640]


def test_what_is_said_at_the_edge_does_not_flicker() -> None:
    told, now = [], personas_of([card(average_order_value_365d=1.30)])
    for factor in (1.21, 1.12, 1.21):  # what has begun goes on where nothing would begin
        now = personas_of([card(average_order_value_365d=factor)], now)
        told.append(now["cluster/1"].claims["basket"])
    assert told == [1, 0, 0]


def test_a_large_difference_stays_large_a_little_longer() -> None:
    large = personas_of([card(average_order_value_365d=1.60)])
    less = [card(average_order_value_365d=1.45)]
    assert personas_of(less)["cluster/1"].claims["basket"] == 1
    assert personas_of(less, large)["cluster/1"].claims["basket"] == 2


def spoken_labels(one: Persona) -> set[str]:
    return {each for each in one.claims if each.startswith("favourite/")}


def test_a_favourite_gives_way_only_to_one_that_is_clearly_larger() -> None:
    def shares(**of: float) -> Card:
        rows = (TEA._replace(label=name, share=share) for name, share in of.items())
        return card()._replace(favourites=tuple(rows))

    first = personas_of([shares(a=0.30, b=0.29, c=0.25, d=0.22)])
    next_ = personas_of([shares(a=0.30, b=0.29, c=0.25, d=0.27)], first)
    assert spoken_labels(next_["cluster/1"]) == spoken_labels(first["cluster/1"])
    last = personas_of([shares(a=0.30, b=0.29, c=0.25, d=0.32)], next_)
    assert "favourite/category/d" in last["cluster/1"].claims


def test_of_more_differences_than_are_told_those_told_before_stay() -> None:
    five = {
        "discount_share_365d": 1.5,
        "categories_365d": 1.5,
        "return_rate_365d": 1.5,
        "tenure_days": 1.5,
        "spend_365d": 1.45,
    }
    first = personas_of([card(**five)])  # type: ignore[arg-type]
    second = personas_of([card(**{**five, "spend_365d": 1.54})], first)  # type: ignore[arg-type]
    assert first["cluster/1"].written != second["cluster/1"].written
    assert second["cluster/1"].claims == first["cluster/1"].claims


def test_a_name_stays_while_what_it_says_is_said() -> None:
    first = personas_of([card(purchase_days_365d=1.6, average_order_value_365d=1.4)])
    also = card(purchase_days_365d=1.6, average_order_value_365d=1.4, discount_share_365d=1.9)
    assert personas_of([also], first)["cluster/1"].names == first["cluster/1"].names
    assert personas_of([also])["cluster/1"].names != first["cluster/1"].names


def test_the_first_purchase_of_a_year_is_told_however_small_the_mean() -> None:
    idle = personas_of([card(purchases_365d=0.0)])
    assert "idle" in idle["cluster/1"].claims
    assert "idle" not in personas_of([card(purchases_365d=0.002)], idle)["cluster/1"].claims


def test_what_has_moved() -> None:
    assert [moved(now, 100, "money") for now in (90.1, 110, 110.5, 89)] == [
        False,
        False,
        True,
        True,
    ]
    assert [moved(now, 0.5, "share") for now in (0.515, 0.525)] == [False, True]
    assert [moved(now, 0.01, "share") for now in (0.014, 0.016)] == [False, True]
    assert [moved(now, 0.5, "score") for now in (0.64, 0.66)] == [False, True]
