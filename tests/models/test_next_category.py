"""What a customer may begin to buy: what those buy who buy alike, as small plain numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest

from models.affinity import Affinity, Catalogue, together
from models.daybook import label_key
from models.next_category import (
    LINKS,
    MIN_CUSTOMERS,
    Known,
    NextCategory,
    decode_next,
    encode_next,
    learned,
    next_categories,
)

TEA, MILK, RICE, BEER, CRISPS = (
    label_key("category", name) for name in ("tea", "milk", "rice", "beer", "crisps")
)


def of(baskets: Iterable[Sequence[bytes]], catalogue: Catalogue | None = None) -> NextCategory:
    """What customers tell who buy these."""
    ever = Affinity(catalogue or Catalogue())
    for each in baskets:
        ever.add(together(dict.fromkeys(each, (0,)), int(bool(each)), ever.catalogue))
    return learned(ever)


TWO_KINDS = [(TEA, MILK, RICE)] * 30 + [(BEER, CRISPS)] * 30 + [(MILK, BEER), (TEA, MILK)] * 5


def test_what_those_buy_who_buy_alike_comes_first() -> None:
    known = of(TWO_KINDS)
    assert next_categories(known, [TEA, MILK], 1)[0].key == RICE
    assert next_categories(known, [BEER], 1)[0].key == CRISPS
    assert [each.because for each in next_categories(known, [BEER], 1)] == [(BEER,)]


def test_what_is_bought_already_is_never_next() -> None:
    known = of(TWO_KINDS)
    for bought in ([], [TEA], [TEA, MILK, RICE], [TEA, MILK, RICE, BEER, CRISPS]):
        found = {each.key for each in next_categories(known, bought, 9)}
        assert found == {TEA, MILK, RICE, BEER, CRISPS} - {*bought}


def test_of_whom_nothing_is_known_the_most_usual_comes_first() -> None:
    assert [each.key for each in next_categories(of(TWO_KINDS), [], 1)] == [MILK]
    assert next_categories(of(TWO_KINDS), [], 1)[0].because == ()
    assert next_categories(of(TWO_KINDS), [], 0) == []


def test_of_nobody_nothing_is_learned_and_of_few_customers_nothing_is_said() -> None:
    assert of([]) == {}
    assert of([()]) == {}
    assert of([(TEA, MILK)] * (MIN_CUSTOMERS - 1)) == {}
    assert of([(TEA, MILK)] * MIN_CUSTOMERS).keys() == {TEA, MILK}


def test_a_category_says_how_usual_it_is_and_what_speaks_for_it() -> None:
    known = of([(TEA, MILK)] * 10 + [(RICE,)] * 10)
    assert known[TEA].odds == 0  # as many buy it as don't
    # P(milk | tea) = 10.5 / 11, P(milk | no tea) = 0.5 / 11
    assert known[TEA].links == {MILK: 3_045}


def test_a_category_has_so_many_links_and_all_speak_for_it() -> None:
    keys = [label_key("category", f"c{number}") for number in range(40)]
    baskets = [keys[start : start + 20] for start in range(21)] * 3
    for each in of(baskets).values():
        assert 0 < len(each.links) <= LINKS
        assert min(each.links.values()) > 0


def test_the_order_of_customers_does_not_matter() -> None:
    first = Catalogue([TEA, MILK, RICE, BEER, CRISPS])
    assert of(TWO_KINDS, first) == of(reversed(TWO_KINDS), Catalogue(first.places))


def test_what_was_learned_is_plain_and_comes_back() -> None:
    known = of(TWO_KINDS)
    plain = encode_next(known)
    assert decode_next(json.loads(json.dumps(plain))) == known
    assert encode_next({TEA: Known(-5, {MILK: 7})}) == [[TEA.hex(), -5, [MILK.hex(), 7]]]


@pytest.mark.parametrize(
    "plain",
    [
        None,
        "x",
        [1],
        [[]],
        [["00", 1, []]],
        [[TEA.hex(), 1.5, []]],
        [[TEA.hex(), True, []]],
        [[TEA.hex(), 1, [MILK.hex()]]],
        [[TEA.hex(), 1, ["zz", 1]]],
        [[TEA.hex(), 1, [MILK.hex(), "1"]]],
        [[TEA.hex(), 1, [], 0]],
    ],
)
def test_what_was_not_learned_here_is_refused(plain: object) -> None:
    with pytest.raises(ValueError, match="not what was learned"):
        decode_next(plain)
