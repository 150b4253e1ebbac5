"""Personas, cards and next categories over HTTP: those of the newest survey, held against every customer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from models.member import YEAR_DAYS, bought_within
from models.sight import Sight
from streams.client import Segmenter
from tests.support.api_house import (
    POLICY,
    Api,
    House,
    got,
    part,
    path,
    refused,
    settings,
    unnamed,
)


@pytest.fixture(scope="module")
def told(ask: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = got(ask.get("/v1/personas"))
    return answer


def people(house: House) -> list[str]:
    return [each for each in house.states if not each.startswith("account:")]


def test_every_segment_with_anybody_in_it_has_a_name_and_sentences(
    told: dict[str, Any], house: House
) -> None:
    known = {each["segment"] for each in told["items"]}
    assert known == {segment for each in people(house) for segment in house.segments(each)}
    assert told["customers"] == len(people(house))
    for each in told["items"]:
        assert each["name"]["en"]
        assert each["name"]["zh"]
        assert each["sentences"]
        assert each["verdict"] in {"yes", "no", "untold"}


def test_names_differ_within_a_kind(told: dict[str, Any]) -> None:
    clusters = [each["name"]["en"] for each in told["items"] if each["segment"][:8] == "cluster/"]
    assert len(clusters) == len(set(clusters)) == 4


def test_a_persona_has_a_card_a_play_a_verdict_and_what_is_bought_together(
    ask: httpx.Client, house: House
) -> None:
    told = got(ask.get("/v1/segments/lifecycle/active/persona"))
    size = len([each for each in people(house) if "lifecycle/active" in house.segments(each)])
    assert told["card"]["size"]["customers"] == size
    assert told["evaluation"]["customers"] == size
    assert told["play"]["action"]
    pairs = told["together"]["days"]["pairs"]
    assert pairs == sorted(pairs, key=lambda each: -each["days"])
    assert all(0 < each["support"] <= each["confidence"] <= 1 for each in pairs)
    for sentence in told["sentences"]:
        assert sentence["numbers"], sentence  # each is backed by a number


def test_a_segment_that_nobody_is_in_has_no_persona(ask: httpx.Client) -> None:
    detail = refused(ask.get("/v1/segments/rule/nobody/persona"), 404)
    assert detail == "nobody was in 'rule/nobody' when the survey was taken"
    refused(ask.get("/v1/segments/rule/nonsense/persona"), 404)


def test_what_comes_next_is_nothing_that_is_bought_already(ask: httpx.Client, house: House) -> None:
    shopper = next(each for each in people(house) if house.states[each].current.purchases > 5)
    items = got(ask.get(f"{path(shopper)}/next"))["items"]
    assert [each["score"] for each in items] == sorted((e["score"] for e in items), reverse=True)
    sight = Sight(house.states[shopper], house.today, POLICY)
    owned = {each.key for each in bought_within(sight, YEAR_DAYS)}
    assert owned
    assert all(each["category"] for each in items)
    for each in items:
        assert each["category"] not in each["because"]


def test_the_client_reads_all_of_it(server: Api, told: dict[str, Any], house: House) -> None:
    with Segmenter(server.url) as segmenter:
        personas = segmenter.personas()
        assert unnamed(personas, told) == []
        one = segmenter.persona("cluster/1")
        assert one is not None
        assert one.name.en
        assert segmenter.persona("rule/nobody") is None
        shopper = people(house)[0]
        assert segmenter.next_categories("nobody at all") == []
        assert isinstance(segmenter.next_categories(shopper), list)


def test_before_the_first_survey_the_way_out_is_named(valkey_url: str, namespace: str) -> None:
    with Api(settings(namespace, valkey_url)) as empty, empty.asked() as ask:
        answer = ask.get("/v1/personas")
        assert refused(answer, 409) == "no survey has been taken yet"
        assert "segmenter run surveyor" in answer.json()["remedy"]


def test_a_path_is_read_as_for_all_segments(ask: httpx.Client) -> None:
    kind = part("value.spend")
    assert got(ask.get(f"/v1/segments/{kind}/gold/persona"))["segment"] == "value.spend/gold"
