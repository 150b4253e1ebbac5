"""Personas: what is said is what the card says, names are distinct, and the words are there in each language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.persona_card import Card, Movement, Size
from models.persona_text import Sentence
from models.persona_words import LANGUAGES, MESSAGES, placeholders
from models.personas import Persona, persona_from_json, personas_of
from tests.models.persona_cards import TEA, card


SAYS_NOTHING = {"card.source.policy", "card.source.grid"}  # the usual case needs no word


def persona(one: Card, before: Persona | None = None) -> Persona:
    known = {} if before is None else {before.segment: before}
    return personas_of([one], known)[one.segment]


def spoken(one: Persona, language: str = "en") -> list[str]:
    return [each.texts[language] for each in one.sentences]


def of(one: Persona, stem: str) -> list[Sentence]:
    return [each for each in one.sentences if each.claim.startswith(stem)]


@pytest.mark.parametrize("key", MESSAGES)
def test_every_message_says_the_same_in_every_language(key: str) -> None:
    texts = MESSAGES[key]
    assert len(texts) == len(LANGUAGES)
    assert all(texts) or key in SAYS_NOTHING
    assert len({placeholders(each) for each in texts}) == 1


def test_no_two_words_of_names_are_the_same_in_any_language() -> None:
    for place in range(len(LANGUAGES)):
        words = [texts[place] for key, texts in MESSAGES.items() if key.startswith("name.")]
        assert len(set(words)) == len(words)


def test_a_frequent_segment_with_large_baskets_is_called_so() -> None:
    found = persona(card(purchase_days_365d=1.4, average_order_value_365d=1.3))
    assert found.names == {"en": "Frequent big-basket customers", "zh": "高频高客单客户"}


def test_what_is_said_stands_in_both_languages_with_the_numbers_of_the_card() -> None:
    found = persona(card(purchase_days_365d=0.5, cadence_days=2.5))
    (rhythm,) = of(found, "rhythm")
    assert rhythm.texts == {
        "en": "Buy far less often than others: on 20 days a year, 40 on average over all; every 22 days.",
        "zh": "购买频次远低于整体：年均 20 个购买日（整体 40 个），购买周期约 22 天。",  # noqa: RUF001 - Chinese
    }
    assert rhythm.numbers == (
        "purchase_days_365d.mean",
        "purchase_days_365d.base_mean",
        "purchase_days_365d.score",
        "cadence_days.mean",
    )
    assert found.written.numbers["purchase_days_365d.mean"] == 20


def test_a_segment_like_everybody_is_typical_and_says_so() -> None:
    found = persona(card()._replace(favourites=(), traits=()))
    assert found.names["en"] == "Typical customers"
    assert of(found, "plain")
    assert spoken(found)[1:4] == [
        "Buy on 40 days a year, 40 on average over all; every 9 days.",
        "An order comes to 40 USD, 40 USD over all.",
        "Last bought 20 days ago, 20 days over all.",
    ]


def test_of_a_few_customers_only_their_size_is_told() -> None:
    found = persona(card(customers=19, purchase_days_365d=3.0))
    assert spoken(found) == [
        "20% of all customers, 30% of what was spent in a year.",
        "Fewer than 20 customers: too few to say more.",
    ]
    assert found.names["zh"] == "小规模客群"


def test_a_difference_that_chance_may_have_made_is_not_told() -> None:
    few = card(
        known=30, purchase_days_365d=1.26
    )  # half a deviation, but less than three standard errors
    many = card(known=300, purchase_days_365d=1.26)
    assert (persona(few).claims["rhythm"], persona(many).claims["rhythm"]) == (0, 1)


def test_who_buys_nothing_has_no_rhythm_and_no_basket() -> None:
    idle = card(purchases_365d=0.0, purchase_days_365d=0.0)
    assert [each.claim for each in persona(idle).sentences] == ["size", "idle", "traits"]


def test_what_more_money_goes_into_than_elsewhere_is_named() -> None:
    found = persona(card())
    assert of(found, "prefer")[0].texts["en"] == (
        "More of their money than elsewhere goes into Tea (1.9 times the usual share)."
    )
    assert of(found, "traits")[0].texts["zh"] == "人群特征偏向：年龄段 25-34（32%，整体 20%）。"  # noqa: RUF001 - Chinese


@pytest.mark.parametrize(
    "change",
    [
        {"lift": 1.25},  # hardly more money
        {"days_lift": 1.0},  # large sums on few days
        {"evidence": 2.0},  # chance
        {"customers_share": 0.1},  # a few of them
    ],
)
def test_a_preference_must_be_clear_in_money_in_days_and_in_people(
    change: dict[str, float],
) -> None:
    unclear = card()._replace(favourites=(TEA._replace(**change),))  # type: ignore[arg-type]
    assert not of(persona(unclear), "prefer")


def test_growth_is_told_from_one_in_twenty_on() -> None:
    grows = card()._replace(movement=Movement(30, 10, 0.06))
    shrinks = card()._replace(movement=Movement(10, 30, -0.06))
    told = [of(persona(each), stem) for each, stem in ((grows, "grows"), (shrinks, "shrinks"))]
    assert [each.texts["en"] for (each,) in told] == [
        "6% more of them than 30 days ago.",
        "6% fewer of them than 30 days ago.",
    ]
    assert not of(persona(card()), "grows")


def test_two_segments_of_a_kind_are_told_apart_by_what_else_is_said() -> None:
    alike: Any = {"purchase_days_365d": 1.4, "average_order_value_365d": 1.4}
    first, second = card("cluster/1", **alike), card("cluster/2", **alike, spend_365d=1.3)
    found = personas_of([first, second._replace(favourites=())])
    assert [each.names["en"] for each in found.values()] == [
        "Frequent big-basket customers",
        "Frequent big-basket high-spending customers",
    ]
    assert found["cluster/1"].names["zh"] != found["cluster/2"].names["zh"]


def test_two_that_nothing_tells_apart_have_their_own_word_in_the_name() -> None:
    bare = [card(each)._replace(favourites=(), traits=()) for each in ("cluster/1", "cluster/2")]
    names = [each.names["en"] for each in personas_of(bare).values()]
    assert names == ["Typical customers", "Typical customers (2)"]


def test_segments_of_two_kinds_may_be_called_alike() -> None:
    names = {
        each.names["zh"] for each in personas_of([card("tier/high"), card("risk/low")]).values()
    }
    assert len(names) == 1


def test_a_persona_survives_as_json() -> None:
    found = persona(card(purchase_days_365d=1.4, discount_share_365d=0.6))
    assert persona_from_json(json.loads(json.dumps(found.as_json()))) == found


def test_a_new_segment_does_not_take_the_name_of_one_that_has_it() -> None:
    alike: Any = {"purchase_days_365d": 1.4, "average_order_value_365d": 1.4}
    old = card("cluster/9", **alike)
    before = personas_of([old])
    after = personas_of([card("cluster/1", **alike), old], before)
    assert after["cluster/9"] == before["cluster/9"]
    assert after["cluster/1"].names["en"] != after["cluster/9"].names["en"]


def test_money_is_told_in_the_currency_of_the_card() -> None:
    yen = card()._replace(currency="JPY", size=Size(200, 0.2, 50_000_000, 0.3))
    assert of(persona(yen), "basket")[0].texts == {
        "en": "An order comes to 4,000 JPY, 4,000 JPY over all.",
        "zh": "客单价 4,000 日元（整体 4,000 日元）。",  # noqa: RUF001 - Chinese
    }
