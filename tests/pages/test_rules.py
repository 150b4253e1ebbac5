"""What the policy defines, on the page: rule segments, value tiers, why somebody is in which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import redis
from playwright.sync_api import Locator, expect

from models.policy import Policy
from models.policy_grid import PRESETS
from models.policy_record import PublishedPolicy, encode_published, policy_as_json
from streams.keys import Keys
from tests.support.api_house import (
    PARTITIONS,
    PLAIN_POLICY,
    RULES,
    Api,
    House,
    got,
    path,
    settings,
)
from tests.support.living_shop import LivingShop
from tests.support.pages import Reader, percent

pytestmark = pytest.mark.pages
NewReader = Callable[..., Reader]
QUIET = "#/segment/rule/quiet_spenders"
GROUP = "section[aria-labelledby='kind-{}']"
COLOURS = """all => all.map(each => getComputedStyle(each.querySelector(".dot")).backgroundColor)"""
NO_POPULATION = {409}  # yet: that is how RFM and clusters are answered
BARS = """all => all.map(each => [each.dataset.group, Number(
    each.querySelector("[data-value]").dataset.value)])"""


def somebody(house: House, *rules: str) -> str:
    """In these rule segments; of `..`, which no path can name, less is shown."""
    found = (id_ for id_, each in house.states.items() if {*rules} <= {*each.rules})
    return min(id_ for id_ in found if id_ != "..")


def bars(members: Locator) -> list[list[Any]]:
    found: list[list[Any]] = members.locator(".breakdown-list li").evaluate_all(BARS)
    return found


def breakdown(ask: httpx.Client, segment: str, by: str) -> dict[str, Any]:
    told: dict[str, Any] = got(ask.get(f"/v1/segments/{segment}/breakdown", params={"by": by}))
    return told


# The list.


def test_own_segments_come_first_as_the_policy_calls_them_and_each_has_a_colour_of_its_own(
    reader: Reader, ask: httpx.Client
) -> None:
    first = reader.page.locator("#segments section").first
    expect(first.get_by_role("heading")).to_have_text("Your segments")
    items = got(ask.get("/v1/segments"))["items"]
    told = [each["label"]["en"] for each in items if each["kind"] == "rule"]
    names = first.locator(".segment-name")
    assert names.all_inner_texts() == told
    assert "<b>Nobody</b>" in told
    colours = first.locator("a").evaluate_all(COLOURS)
    assert len({*colours}) == len(RULES)
    expect(first).to_contain_text("Four visits within thirty days.")
    tiers = reader.page.locator(GROUP.format("value-spend"))
    expect(tiers.get_by_role("heading")).to_have_text("Value tiers (spend)")
    assert tiers.locator(".segment-name").all_inner_texts() == ["gold", "silver", "bronze"]
    assert len({*tiers.locator("a").evaluate_all(COLOURS)}) == 3


def test_in_chinese_they_have_chinese_names_where_the_policy_has_them(
    new_reader: NewReader, server: Api
) -> None:
    reader = new_reader(server, locale="zh-CN").opens()
    first = reader.page.locator("#segments section").first
    expect(first.get_by_role("heading")).to_have_text("自定义客群")
    assert first.locator(".segment-name").all_inner_texts()[:2] == ["常客", "Quiet spenders"]
    expect(reader.page.locator(GROUP.format("value-spend")).get_by_role("heading")).to_have_text(
        re.compile("价值分层.*spend")
    )
    reader.follows("#/segment/rule/friends")
    rule = reader.sees("members").get_by_test_id("rule")
    expect(rule).to_contain_text("最近一次满意度评分")


# One of them.


def test_a_rule_segment_opens_with_its_rule_and_what_the_names_in_it_mean(
    reader: Reader, house: House
) -> None:
    link = reader.page.locator(f'#segments a[href="{QUIET}"]')
    link.focus()
    reader.page.keyboard.press("Enter")
    members = reader.sees("members")
    expect(members.get_by_role("heading", level=2)).to_have_text("Quiet spenders")
    rule = members.get_by_test_id("rule")
    assert rule.locator("pre").text_content() == RULES["quiet_spenders"]["when"]
    assert rule.locator("li code").all_inner_texts() == ["spend", "silence_days"]
    expect(rule).to_contain_text("customer-days since the last purchase")
    expected = house.members("rule/quiet_spenders")
    expect(members.locator("tbody tr th")).to_have_count(len(expected))
    figure = members.locator("[data-field=size]")
    expect(figure).to_have_attribute("data-value", str(len(expected)))
    reader.follows("#/segment/rule/regulars")
    expect(members.locator(".members-head")).to_contain_text("Four visits within thirty days.")
    reader.follows("#/segment/lifecycle/active")
    expect(members.get_by_role("heading", level=2)).to_have_text("Active")
    expect(members.get_by_test_id("rule")).to_have_count(0)


def test_members_are_broken_down_by_what_is_chosen_and_it_stays_chosen(
    new_reader: NewReader, server: Api, ask: httpx.Client
) -> None:
    reader = new_reader(server).opens(QUIET)
    members, segment = reader.sees("members"), "rule/quiet_spenders"
    by = members.get_by_test_id("breakdown-by")
    expect(members.locator(".breakdown-list li").first).to_be_visible()
    assert by.input_value() == "lifecycle"
    told = breakdown(ask, segment, "lifecycle")
    assert bars(members) == [[f'"{each["value"]}"', each["customers"]] for each in told["items"]]
    own = by.locator("optgroup").nth(1).locator("option")
    assert own.evaluate_all("all => all.map(e => e.value)") == told["attributes"]
    told = breakdown(ask, segment, "profile.age_band")
    assert told["unknown"]
    by.select_option("profile.age_band")
    unknown = members.locator("[data-group=unknown]")
    expect(unknown).to_contain_text("unknown")
    assert bars(members) == [
        *([f'"{each["value"]}"', each["customers"]] for each in told["items"]),
        ["unknown", told["unknown"]],
    ]
    assert sum(count for _, count in bars(members)) == told["customers"]
    reader.follows("#/segment/value.spend/gold")
    expect(members.locator(".breakdown-list li").first).to_be_visible()
    assert by.input_value() == "profile.age_band"


def test_a_breakdown_is_chosen_with_the_keyboard_and_told_in_words(
    new_reader: NewReader, server: Api, ask: httpx.Client
) -> None:
    reader = new_reader(server).opens("#/segment/lifecycle/dormant")
    members = reader.sees("members")
    by = members.get_by_label("Members by")
    expect(members.locator(".breakdown-list li").first).to_be_visible()
    assert by.input_value() == "risk"
    by.focus()
    reader.page.keyboard.press("ArrowDown")
    told = breakdown(ask, "lifecycle/dormant", "tier")["items"]
    words = [f"{each['value'].capitalize()} value" for each in told]
    expect(members.locator(".breakdown-name")).to_have_text(words)
    assert by.input_value() == "tier"


# One customer.


def test_a_drawer_says_why_somebody_is_in_each_of_their_segments(
    reader: Reader, ask: httpx.Client, house: House
) -> None:
    who = somebody(house, "north_or_vip", "quiet_spenders")
    told = got(ask.get(path(who), params={"explain": "true"}))["rules"]
    reader.follows(f"#/customer/{quote(who, safe='')}")
    drawer = reader.sees("customer-drawer")
    drawer.locator(".in-rules").wait_for()
    for each in told:
        shown = drawer.locator(f'[data-rule="{each["segment"]}"]')
        expect(shown.locator("a")).to_have_text(each["label"]["en"])
        assert shown.locator("a").get_attribute("href") == f"#/segment/{each['segment']}"
        texts = shown.locator("code").all_inner_texts()
        assert texts == [condition["text"] for condition in each["conditions"]]
        marks = shown.locator(".condition-mark").all_inner_texts()
        assert marks == ["✓" if condition["holds"] else "–" for condition in each["conditions"]]
    silence = next(
        condition["value"]
        for each in told
        for condition in each["conditions"]
        if condition["text"].startswith("silence_days")
    )
    expect(drawer.locator(".in-rules")).to_contain_text(f"silence_days > 20now {silence}")
    drawer.locator('[data-rule="rule/quiet_spenders"] a').click()
    expect(reader.sees("members").locator("h2")).to_have_text("Quiet spenders")


def test_a_drawer_shows_what_is_known_and_that_the_rest_is_not(
    reader: Reader, house: House
) -> None:
    friend = somebody(house, "friends")
    reader.follows(f"#/customer/{quote(friend, safe='')}")
    drawer = reader.sees("customer-drawer")
    facts = drawer.locator(".pairs > div")
    facts.first.wait_for()
    expect(facts.filter(has_text="visit").filter(has_text="2017")).to_have_count(1)
    expect(facts.filter(has_text="Satisfaction")).to_have_count(1)
    household = min(
        id_ for id_, each in house.states.items() if id_.isdigit() and "age_band" in each.attributes
    )
    reader.follows(f"#/customer/{household}")
    expect(drawer.get_by_role("heading", level=2)).to_have_text(household)
    band = house.states[household].attributes["age_band"].value
    expect(facts.filter(has_text="Age band")).to_have_text(f"Age band{band}")
    expect(facts.filter(has_text="region")).to_have_text("regionunknown")


# The feed.


def lines(reader: Reader) -> Locator:
    return reader.page.locator("#feed li")


def test_the_feed_can_be_narrowed_to_ones_own_segments(
    new_reader: NewReader, server: Api, ask: httpx.Client
) -> None:
    reader = new_reader(server).opens()
    expect(lines(reader)).to_have_count(50)
    kinds = reader.page.get_by_label("Which changes")
    types = "segment.entered,segment.exited"
    told = got(ask.get("/v1/changes", params={"types": types, "limit": 80}))["items"]
    kinds.select_option("rule")
    expect(lines(reader).locator(".feed-when span").first).to_have_text("Your segments")
    expect(lines(reader)).to_have_count(len(told))
    labels = {each["name"]: each["label"]["en"] for each in got(ask.get("/v1/segments"))["items"]}
    for place in (0, len(told) - 1):
        each = told[place]
        verb = "entered" if each["type"] == "segment.entered" else "left"
        expect(lines(reader).nth(place)).to_contain_text(f"{verb} {labels[each['segment']]}, ")
    kinds.select_option("all")
    expect(lines(reader).locator("time").first).to_be_visible()
    newest = got(ask.get("/v1/changes", params={"limit": 1}))["items"][0]
    expect(lines(reader).first.locator("bdi")).to_have_text(newest["customer_id"])


def with_segment(label: str, **more: str) -> Policy:
    rule = {"when": "purchases >= 1", "label": label, **more}
    return Policy.model_validate({**policy_as_json(PLAIN_POLICY), "segments": {"buyers": rule}})


@pytest.fixture
def rules() -> Policy:
    return with_segment("Buyers", label_zh="买家")


@pytest.fixture
def shop(valkey_url: str, namespace: str, rules: Policy) -> Iterator[LivingShop]:
    with LivingShop(valkey_url, namespace, rules) as one:
        one.sells_to("ada", day=0)
        one.wakes(1)
        yield one


@pytest.fixture
def living(shop: LivingShop, valkey_url: str, namespace: str, rules: Policy) -> Iterator[Api]:
    with Api(settings(namespace, valkey_url), rules) as one:
        yield one


def test_who_enters_a_segment_is_told_as_it_happens_in_the_readers_language(
    shop: LivingShop, living: Api, new_reader: NewReader
) -> None:
    reader = new_reader(living, NO_POPULATION).opens()
    expect(lines(reader)).to_have_count(2)  # the lifecycle, and the segment
    shop.sells_to("bo", day=1)
    entered = lines(reader).filter(has_text="entered")
    expect(entered).to_have_count(2)
    expect(entered.first).to_contain_text("entered Buyers, purchase")
    reader.page.get_by_test_id("language").click()
    expect(lines(reader).filter(has_text="进入 买家")).to_have_count(2)
    reader.page.get_by_test_id("feed-kind").select_option("lifecycle")
    expect(lines(reader).filter(has_text="进入")).to_have_count(0)
    shop.sells_to("cy", day=1)
    expect(lines(reader).locator("bdi")).to_have_text(["cy", "bo", "ada"])
    reader.page.get_by_test_id("feed-kind").select_option("risk")
    expect(reader.page.locator("#feed .empty")).to_have_text("最新变动中没有此类变动。")
    reader.follows("#/segment/rule/buyers")  # no survey has been taken
    persona = reader.sees("members").get_by_test_id("persona")
    expect(persona.locator("[role=status]")).to_contain_text("segmenter segments survey")


def test_a_drawer_shows_the_place_on_the_value_grid_and_what_sales_say(
    valkey_url: str, namespace: str, new_reader: NewReader
) -> None:
    tiers = [{"name": "gold", "from": 20}, {"name": "silver", "from": 5}, {"name": "bronze"}]
    policy = Policy.model_validate(
        {
            **policy_as_json(PLAIN_POLICY),
            "value": {"spend": {"tiers": tiers}},
            "grid": {"worth": "spend", "attachment": PRESETS["grocery"]},
        }
    )
    with LivingShop(valkey_url, namespace, policy) as shop:
        shop.tells("ada", 0, relationship_stage="Partner", yearly_budget=400)
        shop.sells_to("ada", day=0)
        shop.wakes(1)
        with Api(settings(namespace, valkey_url), policy) as api, api.asked() as ask:
            told = got(ask.get(path("ada")))["value_grid"]
            reader = new_reader(api, NO_POPULATION).opens("#/customer/ada")
            part = reader.sees("customer-drawer").locator(".value-grid")
            expect(part.locator(".badge")).to_have_text(told["label"]["en"])
            expect(part.locator(".play dd")).to_have_text([told["to_do"]["action"]["en"]])
            rows = part.locator(".pairs > div")
            assert told["stage"]["verdict"] == "ahead"
            for name, text in {
                "Attachment": f"{told['attachment']['points']} of 12 points",
                "Of it spent here": percent(told["wallet_share_365d"]),
                "Sales say": "Partner (Active), on Jan 1, 2026",
                "Observed": "New, since Jan 1, 2026",
                "Beside each other": "Sales ahead of purchases",
            }.items():
                expect(rows.filter(has_text=name)).to_contain_text(text)


def test_a_policy_that_comes_into_force_is_shown_without_loading_anew(
    living: Api, new_reader: NewReader, valkey_url: str, namespace: str
) -> None:
    reader = new_reader(living, NO_POPULATION).opens()
    names = reader.page.locator("#segments section").first.locator(".segment-name")
    expect(names).to_have_text(["Buyers"])
    packed = encode_published(PublishedPolicy(1, with_segment("Shoppers")))
    with redis.Redis.from_url(valkey_url) as client:
        for partition in range(PARTITIONS):
            client.set(Keys(namespace, partition).policy, packed)
    expect(names).to_have_text(["Shoppers"])
