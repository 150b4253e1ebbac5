"""Behaviour: six whole numbers of a ledger, logarithmic, the same however the customer got there."""

from __future__ import annotations

from math import log, log1p

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.basket import NO_BASKET, Basket
from models.behaviour import BEHAVIOUR, QUANTA, behaviour_of
from models.calendar import start_of_day_ms
from models.events import MAX_AMOUNT_MINOR
from models.ledger import Ledger
from models.policy import policy_from_preset

GROCERY = policy_from_preset("grocery")
DAY = 738_886  # 2024-01-01
TEA = Basket(4, 250, (1 << 9).to_bytes(32))


def ledger_of(*purchases: tuple[int, int, Basket]) -> Ledger:
    """Purchases as (days since `DAY`, amount, basket), ascending."""
    ledger = Ledger()
    for day, amount_minor, basket in purchases:
        at_ms = start_of_day_ms(DAY + day, GROCERY.timezone)
        ledger, _ = ledger.advance(at_ms, GROCERY)
        ledger, _ = ledger.buy(at_ms, amount_minor, 1, 6.3, GROCERY, basket)
    return ledger


def named(ledger: Ledger) -> dict[str, int]:
    return dict(zip(BEHAVIOUR, behaviour_of(ledger), strict=True))


def test_a_vector_says_what_its_names_say() -> None:
    seen = named(ledger_of((0, 1_000, NO_BASKET), (3, 1_000, TEA), (3, 1_000, TEA)))
    assert seen == {
        "purchase_days": round(QUANTA * log(2)),
        "cadence": round(QUANTA * log((2 * 6.3 + 3) / 3)),
        "basket_spend": round(QUANTA * log1p(1_000)),
        "basket_items": round(QUANTA * log1p(4)),  # of the two purchases that list items
        "categories": pytest.approx(QUANTA * log1p(1), abs=2),
        "discount_share": round(QUANTA * 500 / 3_500),
    }


def test_what_a_shop_does_not_record_is_nothing_for_everyone() -> None:
    seen = named(ledger_of((0, 1_000, NO_BASKET), (9, 2_000, NO_BASKET)))
    assert (seen["basket_items"], seen["categories"], seen["discount_share"]) == (0, 0, 0)


def test_twice_as_much_is_as_far_away_for_a_small_and_a_large_spender() -> None:
    small, larger, large, huge = (
        named(ledger_of((0, amount, NO_BASKET)))["basket_spend"]
        for amount in (10_000, 20_000, 500_000, 1_000_000)
    )
    assert larger - small == pytest.approx(huge - large, abs=2)


def test_silence_is_not_a_behaviour() -> None:
    ledger = ledger_of((0, 1_000, TEA), (9, 2_000, NO_BASKET))
    later, _ = ledger.advance(start_of_day_ms(DAY + 400, GROCERY.timezone), GROCERY)
    assert later.standing != ledger.standing
    assert behaviour_of(later) == behaviour_of(ledger)


def test_money_given_back_is_not_a_behaviour_either() -> None:
    ledger = ledger_of((0, 1_000, TEA))
    assert behaviour_of(ledger.give_back(999, DAY + 9)) == behaviour_of(ledger)


baskets = st.builds(
    Basket,
    st.integers(0, 10**9),
    st.integers(0, MAX_AMOUNT_MINOR),
    st.sampled_from((b"", bytes(31) + b"\x01", b"\xff" * 32)),
    st.just(0),
    st.just(b""),
)
bought = st.lists(
    st.tuples(st.integers(0, 9_000), st.integers(0, MAX_AMOUNT_MINOR), baskets),
    min_size=1,
    max_size=20,
).map(lambda drawn: sorted(drawn, key=lambda each: each[0]))


@settings(max_examples=50, deadline=None)
@given(bought)
def test_every_ledger_with_a_purchase_has_six_whole_numbers_of_moderate_size(
    purchases: list[tuple[int, int, Basket]],
) -> None:
    vector = behaviour_of(ledger_of(*purchases))
    assert len(vector) == len(BEHAVIOUR) == 6
    assert all(type(each) is int for each in vector)
    assert all(-1_000 <= each <= 40 * QUANTA for each in vector)
    assert 0 <= vector[-1] <= QUANTA
