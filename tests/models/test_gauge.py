"""A gauge answers what each of its conditions would answer alone, and how far that holds."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from models.gauge import Gauge, Known
from models.rule_tree import Condition, Fact, Op, Place, Value
from tests.models.shoppers import share_of_examples

Conditions = list[tuple[Op, Value]]
ORDERED = (Op.LT, Op.LE, Op.GE, Op.GT)
_DATES = ("2024-01-31", "2024-02-01", "2025")
_TEXTS = ("", "a", "a,b", "b , a", "ab", "3", "true", *_DATES)
# Few of each, so that values often meet the numbers of conditions, and miss them by little.
_numbers = st.sampled_from((-2, -1, 0, 1, 2, 3, 7, 0.5, 2.5, 2.0, -0.0, 1e-9, 3.0000001))
_scalars = _numbers | st.sampled_from(_TEXTS) | st.booleans()
_conditions = st.lists(
    st.tuples(st.sampled_from(ORDERED), _numbers | st.sampled_from(_DATES))
    | st.tuples(st.just(Op.EQ), _scalars)
    | st.tuples(st.just(Op.IN), st.lists(_scalars, min_size=1, max_size=4).map(tuple))
    | st.tuples(st.just(Op.HAS), st.sampled_from(("a", "b", "ab", "3")))
    | st.tuples(st.just(Op.KNOWN), st.none()),
    max_size=8,
)
_values = st.none() | _scalars | st.integers(-4, 9) | st.floats(-3, 8) | st.text(max_size=3)


def gauge_of(conditions: Conditions, scale: int = 1) -> Gauge:
    fact, place = Fact("profile", of="x"), Place(1, 1)
    return Gauge(
        [(Condition(fact, op, v, place), 1 << n) for n, (op, v) in enumerate(conditions)], scale
    )


def kind(value: object) -> type:
    """Numbers are of one kind; a flag is none of them."""
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)


def holds(op: Op, wanted: Value, value: Known | None) -> bool:
    """One condition, worked out as plainly as can be."""
    if value is None:
        return False
    if op is Op.KNOWN:
        return True
    if op is Op.HAS:
        return isinstance(value, str) and wanted in [each.strip() for each in value.split(",")]
    if op is Op.IN:
        assert isinstance(wanted, tuple)
        return any(holds(Op.EQ, each, value) for each in wanted)
    if kind(wanted) is not kind(value):
        return False
    if op is Op.EQ:
        return value == wanted
    assert not isinstance(value, bool)
    if isinstance(value, str) and not (value[:4].isdecimal() and value[4:5] == "-"):
        return False  # only dates are in an order
    below, above = value < wanted, value > wanted  # type: ignore[operator]
    return {Op.LT: below, Op.LE: not above, Op.GE: not below, Op.GT: above}[op]


def by_hand(conditions: Conditions, value: Known | None) -> int:
    return sum(1 << n for n, (op, wanted) in enumerate(conditions) if holds(op, wanted, value))


@share_of_examples(2)
@given(_conditions, _values)
@example([(Op.EQ, True), (Op.EQ, 1), (Op.EQ, 1.0), (Op.EQ, "1"), (Op.IN, (True, 2))], 1)
@example(
    conditions=[(Op.EQ, True), (Op.EQ, 1), (Op.EQ, 1.0), (Op.EQ, "1"), (Op.IN, (True, 2))],
    value=True,
)
@example([(Op.GE, 2**53), (Op.LT, 0.1 + 0.2), (Op.EQ, 0.3)], 2**53 + 1)
def test_the_bits_of_a_value_are_those_of_the_conditions_that_hold_of_it(
    conditions: Conditions, value: Known | None
) -> None:
    assert gauge_of(conditions).bits(value) == by_hand(conditions, value)


@share_of_examples(2)
@given(_conditions, st.integers(-6, 10))
def test_the_next_number_above_and_below_is_the_first_at_which_other_conditions_hold(
    conditions: Conditions, value: int
) -> None:
    gauge, now = gauge_of(conditions), by_hand(conditions, value)
    above = (each for each in range(value + 1, 30) if by_hand(conditions, each) != now)
    below = (each for each in range(value - 1, -30, -1) if by_hand(conditions, each) != now)
    assert gauge.next_above(value) == next(above, None)
    assert gauge.next_below(value) == next(below, None)


def test_money_in_conditions_counts_in_minor_units() -> None:
    wanted: Conditions = [(Op.GE, 19.99), (Op.EQ, 0.07), (Op.IN, (1, "1", True)), (Op.LT, 0.125)]
    gauge = gauge_of(wanted, scale=100)
    assert gauge.numbers == [7, 12.5, 100, 1_999]
    values: list[tuple[Known, int]] = [
        (1_999, 0b0001),
        (1_998, 0b0000),
        (7, 0b1010),
        (12, 0b1000),
        (13, 0b0000),
        (100, 0b0100),
        ("1", 0b0100),
        (True, 0b0100),
    ]
    assert [gauge.bits(value) for value, _ in values] == [bits for _, bits in values]


def test_amounts_of_a_currency_without_minor_units_stay_as_they_are() -> None:
    assert gauge_of([(Op.GE, 19.5)], scale=1).numbers == [19.5]


def test_nothing_that_is_not_known_satisfies_anything() -> None:
    gauge = gauge_of([(Op.EQ, 1), (Op.KNOWN, None), (Op.LT, 5), (Op.HAS, "a"), (Op.IN, (1, "a"))])
    assert gauge.bits(None) == 0


def test_of_a_text_one_item_between_commas_is_enough() -> None:
    gauge = gauge_of([(Op.HAS, "a"), (Op.EQ, "a")])
    assert [gauge.bits(text) for text in ("a", "b, a", "ab", "a b")] == [3, 1, 0, 0]


def test_dates_are_in_order_as_texts_and_numbers_never_are_before_or_after_them() -> None:
    gauge = gauge_of([(Op.GE, "2024-02-01"), (Op.LT, "2024-02-01")])
    assert [gauge.bits(value) for value in ("2024-01-31", "2024-02-01", 3, True)] == [2, 1, 0, 0]
