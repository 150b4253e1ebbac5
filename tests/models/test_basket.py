"""Baskets: units, discounts, and about how many categories; united in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.basket import NO_BASKET, UNITS_A_LINE, Basket, basket_of, distinct, united
from models.events import MAX_AMOUNT_MINOR, Purchase

CATEGORIES = st.sets(st.text(max_size=6), max_size=40)


def purchase(*items: dict[str, Any]) -> Purchase:
    return Purchase.model_validate(
        {
            "customer_id": "c1",
            "occurred_at": "2024-01-01T12:00:00Z",
            "amount_minor": 1_000,
            "currency": "USD",
            "items": [{"sku": "s", "quantity": 1, "unit_price_minor": 9, **each} for each in items],
        }
    )


def bits(*categories: str) -> bytes:
    return basket_of(purchase(*({"category": each} for each in categories))).categories


def test_a_purchase_without_items_has_no_basket() -> None:
    assert basket_of(purchase()) is NO_BASKET
    assert Basket(0, 0, b"") == NO_BASKET


def test_units_and_discounts_add_up_over_lines() -> None:
    basket = basket_of(
        purchase(
            {"quantity": 2, "discount_minor": 50, "category": "tea"},
            {"quantity": 3, "discount_minor": 0, "category": "tea"},
            {"discount_minor": 25},
        )
    )
    assert (basket.items, basket.discount_minor) == (6, 75)
    assert basket.categories == bits("tea")
    assert distinct(basket.categories) == pytest.approx(1, abs=0.01)


def test_weights_sent_as_quantities_count_no_more_than_a_hundred() -> None:
    basket = basket_of(purchase({"quantity": 5_000}, {"quantity": 1}))
    assert basket.items == UNITS_A_LINE + 1


def test_discounts_beyond_any_amount_are_cut_off() -> None:
    lines = [{"discount_minor": MAX_AMOUNT_MINOR}] * 3
    assert basket_of(purchase(*lines)).discount_minor == MAX_AMOUNT_MINOR


def test_lines_without_a_category_set_no_bit() -> None:
    assert basket_of(purchase({"quantity": 1}, {"quantity": 2})).categories == b""


@given(CATEGORIES, CATEGORIES, CATEGORIES)
def test_baskets_unite_in_any_order_and_again(
    one: set[str], two: set[str], three: set[str]
) -> None:
    a, b, c = bits(*one), bits(*two), bits(*three)
    assert united(a, b) == united(b, a)
    assert united(united(a, b), c) == united(a, united(b, c))
    assert united(a, a) == united(a, b"") == united(b"", a) == a
    assert united(a, b) == bits(*(one | two))
    assert distinct(united(a, b)) >= max(distinct(a), distinct(b))


@pytest.mark.parametrize("count", [10, 50, 100, 300])
def test_categories_are_counted_within_the_error_of_linear_counting(count: int) -> None:
    """On average over 40 shops; the standard error of one is about 5 % at 300 (Whang 1990)."""
    off = [
        distinct(bits(*(f"{shop}/{number}" for number in range(count)))) / count - 1
        for shop in range(40)
    ]
    assert abs(sum(off) / len(off)) < 0.02
    assert max(map(abs, off)) < 0.2


def test_no_bits_are_no_categories_and_all_bits_are_a_finite_number() -> None:
    assert distinct(b"") == 0.0
    assert 1_000 < distinct(b"\xff" * 32) < 1_500


def test_a_lone_surrogate_is_a_category_like_any_other() -> None:
    lines = purchase({"category": "x"})
    assert lines.items is not None
    odd = lines.items[0].model_copy(update={"category": "\ud800"})
    basket = basket_of(lines.model_copy(update={"items": (odd,)}))
    assert distinct(basket.categories) == pytest.approx(1, abs=0.01)


def test_a_discount_is_worth_as_much_in_the_reporting_currency() -> None:
    basket = Basket(items=2, discount_minor=1_600_000)
    assert basket.worth(amount_minor=1_000, paid_minor=16_000_000).discount_minor == 100
    assert basket.worth(amount_minor=0, paid_minor=0).discount_minor == 0
