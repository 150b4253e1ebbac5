"""What a group of customers adds up to: the very sums of its members, in whatever order they come and go."""

from __future__ import annotations

import zlib
from collections import Counter
from datetime import date
from math import sqrt
from random import Random
from statistics import mean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.customer import CustomerState
from models.daybook import label_key
from models.events import Read
from models.member import NUMBERS, PLACE, Bought, Member, bought_within, member_of
from models.portrait import (
    MAX_LABELS,
    MAX_VALUES,
    Portrait,
    Vocabulary,
    seen,
    share_of_total,
    standard_score,
)
from models.rule_tree import Fact
from models.sight import READ, Sight
from models.survey import Survey
from models.survey_codec import decode_survey, encode_survey
from tests.models.shoppers import bought, shoppers
from tests.support.story import GROCERY, Told, midnight, noon, profile, refund, tell

SPEND = "spend_365d"
TODAY = date(2024, 6, 1).toordinal()
words = st.tuples(st.sampled_from(["region", "pet"]), st.sampled_from(["a", "b", "c"]))


def shopper(
    spend_minor: int | None = None,
    labels: tuple[Bought, ...] = (),
    told: tuple[tuple[str, str], ...] = (),
    segments: tuple[str, ...] = ("lifecycle/active",),
) -> Member:
    """Somebody of whom nothing but this is known."""
    numbers = [None] * len(NUMBERS)
    known = tuple(
        spend_minor if place == PLACE[SPEND] else each for place, each in enumerate(numbers)
    )
    state = CustomerState(known_since_ms=0)
    places = {each.partition("/")[0]: each for each in segments}
    return Member("c", Sight(state, TODAY, GROCERY), 0, places, known, labels, told)


def portrait_of(*members: Member, vocabulary: Vocabulary | None = None) -> Portrait:
    vocabulary = vocabulary or Vocabulary()
    portrait = Portrait(vocabulary)
    for each in members:
        portrait.add(seen(each, vocabulary))
    return portrait


def everything(portrait: Portrait) -> tuple[object, ...]:
    sums = tuple(portrait.sums(each.name) for each in NUMBERS)
    labels = tuple(portrait.labels(name) for name in ("category", "brand"))
    return portrait.customers, sums, labels, tuple(portrait.words(n) for n in ("region", "pet"))


def tea(days: int = 1, spent_minor: int = 500, name: str = "tea") -> Bought:
    return Bought(label_key("category", name), days, spent_minor)


members = st.builds(
    shopper,
    st.none() | st.integers(-1_000, 10**12),
    st.lists(
        st.builds(tea, st.integers(1, 9), st.integers(0, 9_999), st.sampled_from("xyz")), max_size=3
    )
    .map(lambda each: {one.key: one for one in each})
    .map(lambda each: tuple(each.values())),
    st.lists(words, max_size=2, unique_by=lambda each: each[0]).map(tuple),
)


@given(st.lists(members, max_size=8), st.randoms(use_true_random=False))
def test_a_portrait_does_not_depend_on_the_order_of_its_members(
    some: list[Member], chance: Random
) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    assert everything(portrait_of(*shuffled)) == everything(portrait_of(*some))


@given(st.lists(st.integers(-1_000, 10**12), min_size=1, max_size=9))
def test_means_and_deviations_are_those_of_the_numbers(spends: list[int]) -> None:
    sums = portrait_of(*(shopper(each) for each in spends), shopper(None)).sums(SPEND)
    assert sums.known == len(spends)
    assert sums.mean == pytest.approx(mean(spends))
    assert sums.deviation == pytest.approx(pstdev(spends), rel=1e-9, abs=1e-3)


def test_what_sets_a_group_apart_is_counted_in_deviations_of_the_base() -> None:
    vocabulary = Vocabulary()
    rich = portrait_of(shopper(3_000), shopper(5_000), vocabulary=vocabulary)
    base = portrait_of(*map(shopper, (3_000, 5_000, 0, 0)), vocabulary=vocabulary)
    assert standard_score(rich, base, SPEND) == pytest.approx((4_000 - 2_000) / sqrt(4_500_000))
    assert share_of_total(rich, base, SPEND) == 1.0
    assert standard_score(rich, base, "risk") is None
    assert share_of_total(rich, base, "expected_spend") is None


def test_words_are_counted_of_those_who_have_told() -> None:
    vocabulary = Vocabulary()
    north, south = (("region", "north"),), (("region", "south"),)
    some = portrait_of(shopper(told=north), shopper(), vocabulary=vocabulary)
    base = portrait_of(
        *(shopper(told=each) for each in (north, south, south, south, ())), vocabulary=vocabulary
    )
    assert some.words("region") == {"north": 1}
    assert base.words("region") == {"south": 3, "north": 1}


def test_an_attribute_with_too_many_values_says_nothing_of_anybody() -> None:
    many = [shopper(told=(("email", f"{each}@x"),)) for each in range(MAX_VALUES + 2)]
    portrait = portrait_of(*many, shopper(told=(("pet", "cat"),)))
    assert portrait.words("email") == {}
    assert portrait.attributes == ["pet"]


def test_of_an_attribute_with_too_many_values_none_is_kept() -> None:
    """They may name people: an address, a phone number."""
    survey = Survey()
    for each in range(MAX_VALUES + 9):
        survey.take(shopper(told=(("email", f"{each}@example.com"), ("pet", "cat"))))
    packed = zlib.decompress(encode_survey(survey))
    assert b"cat" in packed
    assert b"example.com" not in packed
    assert decode_survey(encode_survey(survey)).base.words("pet") == {"cat": MAX_VALUES + 9}


def test_labels_beyond_the_vocabulary_are_counted_as_left_out() -> None:
    vocabulary = Vocabulary()
    goods = tuple(tea(name=str(each)) for each in range(MAX_LABELS + 3))
    portrait = portrait_of(shopper(labels=goods), vocabulary=vocabulary)
    assert len(portrait.labels("category")) == MAX_LABELS
    assert vocabulary.labels_left_out == 3


def test_labels_stand_by_money_and_those_of_nobody_are_not_told() -> None:
    vocabulary = Vocabulary()
    portrait_of(shopper(labels=(tea(name="salt"),)), vocabulary=vocabulary)  # of another group
    portrait = portrait_of(
        shopper(labels=(tea(2, 100, "tea"), tea(1, 900, "rice"))), vocabulary=vocabulary
    )
    keys = [label_key("category", each) for each in ("rice", "tea")]
    assert list(portrait.labels("category")) == keys
    assert portrait.labels("category")[keys[1]] == (1, 2, 100)
    assert portrait.labels("brand") == {}


@settings(max_examples=100, deadline=None)
@given(shoppers(), st.integers(0, 400))
def test_a_member_is_what_rules_read_of_a_customer(events: list[Read], days: int) -> None:
    told: Told = tell(*events)
    if told.state is None:
        return
    at_ms = told.customer.newest_ms + days * 86_400_000
    member = member_of("c1", told.customer, at_ms, GROCERY, None)
    facts = {
        "spend_365d": ("spend", 365),
        "growth_90d": ("growth", 90),
        "cadence_days": ("cadence_days", 0),
    }
    for name, (fact, window) in facts.items():
        value = READ[fact](member.sight, Fact(fact, window))
        assert not isinstance(value, str)
        quanta = NUMBERS[PLACE[name]].quanta
        assert member.number(name) == (None if value is None else round(value * quanta))
    for each in member.bought:
        assert 0 < each.days <= 365
        assert each.spent_minor >= 0
    assert member.number("risk") is None  # nobody has learned anything yet


def test_what_was_bought_leaves_the_window_after_a_year() -> None:
    told = tell(bought("a", noon(0), brand="Acme"), bought("b", noon(200), brand="Bora"))
    member = member_of("c1", told.customer, noon(364), GROCERY, None)
    later = member_of("c1", told.customer, midnight(365), GROCERY, None)
    acme, bora = (label_key("brand", each) for each in ("Acme", "Bora"))
    assert {each.key for each in member.bought} == {acme, bora}
    assert {each.key for each in later.bought} == {bora}
    assert list(bought_within(later.sight, 400)) == list(member.bought)


def test_a_purchase_that_was_given_back_never_was() -> None:
    told = tell(
        bought("a", noon(0), 700, "o1", brand="Acme"),
        refund("r", noon(3), 700, order="o1"),
        profile("p", noon(4), region="north", vip=True, children=2),
    )
    member = member_of("c1", told.customer, noon(5), GROCERY, None)
    assert member.bought == ()
    assert member.number(SPEND) == 0
    assert sorted(member.words) == [("region", "north"), ("vip", "true")]


@given(st.lists(st.tuples(members, st.sets(st.sampled_from("ab"), min_size=1)), max_size=6))
def test_a_survey_counts_everybody_once_and_in_each_of_their_segments(
    some: list[tuple[Member, set[str]]],
) -> None:
    survey, sizes = Survey(), Counter[str]()
    for member, groups in some:
        segments = {f"rule/{each}": f"rule/{each}" for each in groups}
        survey.take(member._replace(segments=segments))
        sizes.update(segments.values())
    assert survey.base.customers == len(some)
    assert {name: each.customers for name, each in survey.segments.items()} == sizes
