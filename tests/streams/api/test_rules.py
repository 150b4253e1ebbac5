"""Rule segments and value tiers over HTTP, held against every customer."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from models.past import as_it_stood, kept_since_ms
from models.policy import policy_from_preset
from models.ruling import ruled
from models.segments import rule_segment
from models.step import advance
from streams.api.rules import reasons
from streams.client import Segmenter
from streams.feed import Told
from streams.lookup import Found
from streams.messages import rfc3339
from streams.watching import changes_table
from tests.streams.test_watching import shown
from tests.support.api_house import POLICY, RULES, Api, House, got, part, path, refused
from tests.support.story import DAY_MS, noon, profile, purchase, tell

EVER = {"days": 400}
INSIDE = [name for name in RULES if name != "nobody"]


def in_rule(house: House, name: str) -> list[str]:
    return sorted(id_ for id_, state in house.states.items() if name in state.rules)


def explained(ask: httpx.Client, id_: str, **more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = got(ask.get(path(id_), params={"explain": "true", **more}))[
        "rules"
    ]
    return found


def conditions(ask: httpx.Client, id_: str, segment: str) -> dict[str, tuple[Any, bool]]:
    (one,) = [each for each in explained(ask, id_) if each["segment"] == segment]
    return {each["text"]: (each["value"], each["holds"]) for each in one["conditions"]}


# The list.


def test_rule_segments_are_told_with_the_words_of_the_policy(ask: httpx.Client) -> None:
    items = got(ask.get("/v1/segments"))["items"]
    rules = {each["group"]: each for each in items if each["kind"] == "rule"}
    assert [*rules] == [*RULES]
    told = rules["regulars"]
    assert told["label"] == {"en": "Regulars", "zh": "常客"}
    assert told["description"] == "Four visits within thirty days."
    assert told["when"] == RULES["regulars"]["when"]
    assert rules["quiet_spenders"]["label"] == {"en": "Quiet spenders", "zh": "Quiet spenders"}
    assert rules["north_or_vip"]["label"] == {"en": "north_or_vip", "zh": "north_or_vip"}
    assert rules["north_or_vip"]["description"] is None
    assert {each["when"] for each in items if each["kind"] != "rule"} == {None}


def test_tiers_stand_in_the_order_of_their_scheme(ask: httpx.Client, house: House) -> None:
    items = got(ask.get("/v1/segments"))["items"]
    tiers = [each for each in items if each["kind"] == "value.spend"]
    assert [each["group"] for each in tiers] == ["gold", "silver", "bronze"]
    buyers = [state for state in house.states.values() if state.current.recent_days]
    assert sum(each["size"] for each in tiers) == len(buyers)
    gold = [state for state in buyers if state.current.net_spend_minor >= 40_000]
    assert tiers[0]["size"] == len(gold) > 0


@pytest.mark.parametrize("name", [*RULES])
def test_a_rule_segment_has_all_that_another_one_has(
    ask: httpx.Client, house: House, name: str
) -> None:
    segment, expected = f"/v1/segments/rule/{name}", in_rule(house, name)
    assert bool(expected) == (name in INSIDE)
    told = got(ask.get(segment, params=EVER))
    assert (told["size"], told["entered"] - told["left"]) == (len(expected), len(expected))
    assert told["by_day"][-1]["size"] == len(expected)
    page = got(ask.get(f"{segment}/members", params={"limit": 1_000}))
    assert sorted(each["customer_id"] for each in page["items"]) == expected
    assert all(f"rule/{name}" in each["segments"] for each in page["items"])
    file = ask.get(f"{segment}/members", params={"format": "csv"}).content.decode("utf-8-sig")
    assert len([*csv.reader(io.StringIO(file, newline=""))]) == len(expected) + 1
    for id_ in expected[:1]:
        assert got(ask.get(f"{segment}/members/{part(id_)}"))["member"]


def test_one_rule_segment_says_what_its_rule_reads(ask: httpx.Client) -> None:
    facts = got(ask.get("/v1/segments/rule/golden_and_young"))["facts"]
    assert [each["name"] for each in facts] == ["value.spend", "age_band"]
    assert facts[1]["label"] == {
        "en": "the customer's age band, as in the profile",
        "zh": "年龄段",
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rule/regular", "did you mean rule/regulars?"),
        ("rules/regulars", "did you mean rule/regulars?"),
        ("value.spend/golden", "did you mean value.spend/gold?"),
        ("rule/zzz", "GET /v1/segments lists them all"),
    ],
)
@pytest.mark.parametrize("tail", ["", "/members", "/breakdown?by=lifecycle"])
def test_of_a_name_that_there_is_not_the_nearest_is_told(
    ask: httpx.Client, name: str, meant: str, tail: str
) -> None:
    problem = got(ask.get(f"/v1/segments/{name}{tail}"), 404)
    assert problem["detail"] == f"there is no segment {name}"
    assert problem["remedy"].startswith(meant)


# Why.


def test_everybody_is_told_why_they_are_in_each_of_their_rule_segments(
    ask: httpx.Client, house: House
) -> None:
    for id_ in {each for name in INSIDE for each in in_rule(house, name)[:3]}:
        found = explained(ask, id_)
        assert [each["segment"] for each in found] == [
            rule_segment(name) for name in house.states[id_].rules
        ]
        for each in found:
            holds = [condition["holds"] for condition in each["conditions"]]
            assert any(holds) if each["segment"] == "rule/north_or_vip" else all(holds)


def test_a_condition_is_told_with_its_value_as_the_rule_would_like_it(
    ask: httpx.Client, house: House
) -> None:
    id_ = in_rule(house, "quiet_spenders")[0]
    state = house.states[id_]
    told = conditions(ask, id_, "rule/quiet_spenders")
    assert told == {
        "spend >= 100": (state.current.net_spend_minor / 100, True),
        "silence_days > 20": (house.today - state.current.recent_days[-1], True),
    }
    regular = in_rule(house, "regulars")[0]
    assert conditions(ask, regular, "rule/regulars")["not overdue"] == (False, True)


def test_what_nobody_has_told_is_unknown(ask: httpx.Client, house: House) -> None:
    some = in_rule(house, "north_or_vip")
    (id_,) = [each for each in some if house.states[each].attributes["visits"].value == 1]
    assert conditions(ask, id_, "rule/north_or_vip") == {
        'profile.region == "north"': ("north", True),
        "profile.vip": (False, False),
    }
    household = next(each for each in sorted(house.states) if each.isdigit())
    told = got(ask.get(path(household)))
    assert told["unknown_attributes"] == ["region", "vip"]
    assert not {"region", "vip"} & told["attributes"].keys()


def test_the_age_band_follows_from_the_birth_year_or_is_what_the_profile_says(
    ask: httpx.Client, house: House
) -> None:
    def attribute(id_: str, name: str) -> Any:
        found = house.states[id_].attributes.get(name)
        return None if found is None else found.value

    born = next(id_ for id_ in house.states if attribute(id_, "birth_year") == 1990)
    told = next(id_ for id_ in house.states if attribute(id_, "age_band") == "45-54")
    silent = next(id_ for id_ in house.states if attribute(id_, "visits") == 1)
    assert [got(ask.get(path(id_)))["age_band"] for id_ in (born, told, silent)] == [
        *("25-34", "45-54", None)
    ]


def test_engagement_and_satisfaction_are_told(ask: httpx.Client, house: House) -> None:
    friend = in_rule(house, "friends")[0]
    told = got(ask.get(path(friend)))
    (at_ms,) = house.states[friend].engagement.values()
    assert told["engagement"] == {"visit": rfc3339(at_ms)}
    assert told["satisfaction"] >= 4
    silent = next(id_ for id_, state in house.states.items() if not state.engagement)
    told = got(ask.get(path(silent)))
    assert (told["engagement"], told["satisfaction"]) == ({}, None)


def test_rules_and_tiers_are_those_of_then_where_then_is_asked_for(
    ask: httpx.Client, house: House
) -> None:
    for id_ in in_rule(house, "quiet_spenders")[:4]:
        now, _ = advance(id_, house.states[id_], house.clock_ms, POLICY, house.populations[-1])
        at_ms = max(kept_since_ms(now), house.clock_ms - 25 * DAY_MS)
        then = as_it_stood(now, at_ms, POLICY, house.populations[-1])
        told = got(ask.get(path(id_), params={"as_of": rfc3339(at_ms)}))["segments"]
        assert {each for each in told if each.startswith("rule/")} == {
            rule_segment(name) for name in then.rules
        }
        assert f"value.spend/{then.groups['value.spend']}" in told
        why = explained(ask, id_, as_of=rfc3339(at_ms))
        assert [each["segment"] for each in why] == [rule_segment(name) for name in then.rules]


def test_of_a_rule_that_is_no_more_nothing_is_told_and_money_has_no_more_decimals_than_it_needs() -> (
    None
):
    when = (
        "spend > 5 and average_order_value > 1 and (overdue or profile.x == 3) and known_days < 9"
    )
    policy = policy_from_preset("grocery", segments={"some": {"when": when}})
    buys = (purchase(f"e{n}", noon(n), 1_000) for n in range(3))
    state = tell(*buys, profile("p", noon(0), x=3), policy=policy).customer
    state = ruled(state, noon(2), policy)[0]._replace(rules=("gone", "some"))
    found = Found("c1", "c1", state, noon(2), True, 0, 0, None, b"")  # noqa: FBT003
    (one,) = reasons(found, policy)
    assert [(each["text"], each["value"], each["holds"]) for each in one["conditions"]] == [
        ("spend > 5", 30.0, True),
        ("average_order_value > 1", 10.0, True),
        ("overdue", False, False),
        ("profile.x == 3", 3, True),
        ("known_days < 9", 2, True),
    ]


# What happens.


def of_type(house: House, kind: str) -> list[dict[str, Any]]:
    return [each for each in house.changes if each["type"] == kind]


def test_who_enters_and_leaves_is_told_with_the_segment(ask: httpx.Client, house: House) -> None:
    entered, exited = (of_type(house, f"segment.{each}") for each in ("entered", "exited"))
    assert entered
    assert exited
    newest = [each["id"] for each in house.changes[::-1] if each in entered + exited]
    told: list[dict[str, Any]] = []
    for limit in (1, 40, 1_000):
        asked: dict[str, Any] = {"types": "segment.entered,segment.exited", "limit": limit}
        told = got(ask.get("/v1/changes", params=asked))["items"]
        assert [each["id"] for each in told] == newest[: len(told)]  # as many as the feed keeps
        assert len(told) >= min(limit, 40)
    change = next(each for each in told if each["type"] == "segment.entered")
    name = change["segment"].removeprefix("rule/")
    assert (change["before"], change["after"]) == (None, {"group": name})
    assert refused(ask.get("/v1/changes?types=segment.gone"), 400).startswith("types: ")


def test_history_says_which_segment_it_was(server: Api, house: House) -> None:
    change = of_type(house, "segment.exited")[-1]
    with Segmenter(server.url) as segmenter:
        history = segmenter.history(change["customer_id"])
    (same,) = [each for each in history if each.sequence == change["sequence"]]
    assert (same.type, same.segment, same.scheme) == ("segment.exited", change["segment"], None)


def test_a_terminal_names_the_segment_on_the_side_where_it_holds() -> None:
    change = (
        b'{"time":"2026-03-01T10:00:00.000Z","customer_id":"c","reason":"time",'
        b'"before":null,"after":{"group":"vip"},"segment":"rule/vip"}'
    )
    words = shown(changes_table([Told("1-0", "segment.entered", change)])).split()
    assert words[-3:] == ["—", "rule/vip", "time"]


def test_the_typed_client_knows_rules(server: Api, house: House) -> None:
    with Segmenter(server.url) as segmenter:
        segment = segmenter.segment("rule/regulars")
        assert segment is not None
        assert segment.facts is not None
        assert [each.name for each in segment.facts] == ["purchase_days_30d", "overdue"]
        customer = segmenter.customer(in_rule(house, "friends")[0], explain=True)
        assert customer is not None
        assert customer.rules is not None
        assert "rule/friends" in {each.segment for each in customer.rules}
        assert customer.engagement["visit"].tzinfo is not None
        assert segmenter.overview().policy.number == 0
        assert segmenter.breakdown("rule/none", "lifecycle") is None
