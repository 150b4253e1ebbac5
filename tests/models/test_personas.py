"""Personas: what is said is what the card says, names are distinct, and the words are there in each language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.persona_card import Card, Measure, Movement, Size
from models.persona_text import Sentence
from models.persona_words import LANGUAGES, MESSAGES, placeholders
from models.personas import Persona, persona_from_json, personas_of
from models.policy import Policy, PolicyError, policy_from_preset, policy_from_toml
from tests.models.persona_cards import RICE, TEA, YOUNG, card

GROCERY = policy_from_preset("grocery")
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
        "en": "Buy far less often than customers overall: on 20 days a year, 40 overall; "
        "usually every 22 days, 9 overall.",
        "zh": "购买频次远低于整体：人均每年购买 20 天（整体 40 天），通常每 22 天购买一次（整体 9 天）。",  # noqa: RUF001 - Chinese
    }
    assert rhythm.numbers == (
        "purchase_days_365d.mean",
        "purchase_days_365d.base_mean",
        "purchase_days_365d.score",
        "cadence_days.mean",
        "cadence_days.base_mean",
    )
    assert found.written.numbers["purchase_days_365d.mean"] == 20


def as_usual(one: Card) -> Card:
    """Nothing but its measures sets it apart, and it spends as much as everybody does."""
    size = one.size._replace(spend_share=one.size.share)
    return one._replace(size=size, favourites=(), traits=())


def test_who_spends_much_less_than_everybody_is_not_called_close() -> None:
    usual = as_usual(card())
    poor = usual._replace(size=usual.size._replace(spend_share=0.7 * usual.size.share))
    assert of(persona(usual), "plain")
    assert not of(persona(poor), "plain")


def test_a_segment_like_everybody_is_typical_and_says_so() -> None:
    found = persona(as_usual(card()))
    assert found.names["en"] == "Typical customers"
    assert spoken(found)[1:] == [
        "Buy on 40 days a year, 40 overall; usually every 9 days, 9 overall.",
        "An order comes to 40 USD, 40 USD overall.",
        "Last bought 20 days ago on average; usually every 9 days.",
        "In other respects close to the average customer.",
    ]


def test_who_is_set_apart_by_more_than_rhythm_is_not_called_close_in_other_respects() -> None:
    bare = as_usual(card(purchase_days_365d=1.4))
    assert spoken(persona(bare))[-1] == "In other respects close to the average customer."
    assert not of(persona(bare._replace(traits=(YOUNG,))), "plain")
    unsure = card(known=30, discount_share_365d=1.26)._replace(favourites=(), traits=())
    assert not of(persona(unsure), "plain")


def test_size_comes_first_then_what_sets_apart_by_strength_and_favourites_come_last() -> None:
    found = persona(card(discount_share_365d=1.9, spend_365d=0.7))
    assert [each.claim for each in found.sentences] == [
        *("size", "price.2", "worth.-1", "prefer", "traits"),
        *("rhythm.0", "basket.0", "silence.0", "favourites"),
    ]


def test_who_is_silent_for_longer_than_they_usually_are_is_overdue_however_often_they_buy() -> None:
    often = card("rfm.quintile/previously_loyal", silence_cycles=2.55, cadence_days=0.55)
    found = persona(often._replace(favourites=(), traits=()))
    assert (of(found, "overdue")[0].texts, of(found, "silence")[0].texts["en"]) == (
        {
            "en": "Long overdue: silent for 5.1 of their own usual gaps on average, 2 overall.",
            "zh": "沉默时间远超自身购买周期：平均已达 5.1 个周期（整体 2 个）。",  # noqa: RUF001 - Chinese
        },
        "Last bought 20 days ago on average; usually every 5 days.",
    )
    assert found.names == {"en": "Long-overdue customers", "zh": "严重逾期客户"}


@pytest.mark.parametrize(
    ("cycles", "known"),
    [(1.25, 200), (1.5, 30)],  # hardly more than everybody; chance
)
def test_overdue_is_who_clearly_is(cycles: float, known: int) -> None:
    assert not of(persona(card(known=known, silence_cycles=cycles)), "overdue")
    assert of(persona(card(known=400, silence_cycles=1.5)), "overdue")


def test_less_than_a_gap_and_a_half_is_no_silence_even_where_others_buy_at_once() -> None:
    brief = Measure("silence_cycles", "count", 200, 1.4, 0.5, 1.8)
    others = [each for each in card().measures if each.name != "silence_cycles"]
    assert not of(persona(card()._replace(measures=(*others, brief))), "overdue")


def test_spend_that_lags_behind_others_but_grows_is_not_told_to_have_fallen() -> None:
    def trend(mean: float, base: float) -> list[str]:
        others = [each for each in card().measures if each.name != "trend_90d"]
        row = Measure("trend_90d", "share", 200, mean, base, (mean - base) * 2)
        told = of(persona(card()._replace(measures=(*others, row))), "trend")
        return [each.texts["en"] for each in told]

    assert trend(0.1, 0.5) == []
    assert trend(-0.1, -0.5) == []
    assert trend(-0.67, 0.07) == [
        "Spend has fallen sharply: −67% on the 90 days before, +7% overall."
    ]
    assert trend(0.42, 0.07) == ["Spend is growing: +42% on the 90 days before, +7% overall."]


def test_favourites_that_are_everybodys_are_not_told() -> None:
    same = card()._replace(favourites=(TEA._replace(lift=1.19), RICE))
    assert not of(persona(same), "favourites")
    assert spoken(persona(card()))[-1] == "Biggest categories by spend: Tea (30%) and Rice (20%)."
    told = persona(card()._replace(favourites=(TEA._replace(lift=1.11), RICE)), persona(card()))
    assert of(told, "favourites")


def test_of_a_few_customers_only_their_size_is_told() -> None:
    found = persona(card(customers=19, purchase_days_365d=3.0))
    assert spoken(found) == [
        "20% of all customers, 30% of what was spent in the last year.",
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


def test_what_more_of_their_money_goes_into_is_named() -> None:
    found = persona(card())
    assert of(found, "prefer")[0].texts["en"] == (
        "More of their money than other customers' goes into Tea (1.9 times the share overall)."
    )
    told = "人群特征偏向（仅统计已填写者）：年龄段 25-34（32%，整体 20%）。"  # noqa: RUF001 - Chinese
    assert of(found, "traits")[0].texts["zh"] == told


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
        "en": "An order comes to 4,000 JPY, 4,000 JPY overall.",
        "zh": "客单价 4,000 日元（整体 4,000 日元）。",  # noqa: RUF001 - Chinese
    }


def test_a_policy_that_leaves_nothing_out_of_personas_is_the_policy_it_was() -> None:
    assert policy_from_preset("grocery", personas={"leave_out": []}).version == GROCERY.version
    assert "personas" not in GROCERY.model_dump(mode="json")
    named = policy_from_toml('preset = "grocery"\n[personas]\nleave_out = ["LAXATIVES"]\n')
    assert named.version != GROCERY.version
    assert Policy.model_validate_json(named.model_dump_json()) == named
    with pytest.raises(PolicyError, match=r"personas.leave: unknown key"):
        policy_from_toml("[personas]\nleave = []\n")
