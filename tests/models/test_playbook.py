"""Which play a segment has: the policy's, else a default; and what a policy may not say."""

from __future__ import annotations

import pytest

from models.default_plays import BY_CLAIMS, DEFAULTS, ROLES
from models.persona_claims import THEMES
from models.playbook import play_of
from models.policy import Policy, PolicyError, policy_from_preset, policy_from_toml
from models.policy_plays import nameable
from models.policy_record import PublishedPolicy, decode_published, encode_published
from models.rfm import GROUP_NAMES
from models.segments import all_segments

SHOP = """
[rfm]
published = ["quintile", "china8"]

[segments.vip]
when = "spend > 1000"

[value.margin]
tiers = [{name = "gold", share = 0.1}, {name = "silver", share = 0.3}, {name = "rest"}]

[grid]

[playbook.call]
action = "Call them"
action_zh = "电话回访"
goal = "a purchase"
goal_zh = "促成购买"
owner = "store"
segments = ["rule/vip", "cluster/2", "rfm.china8/important_value", "grid/invest", "value.margin/gold"]
"""


def shop() -> Policy:
    return policy_from_toml(SHOP)


def test_a_policy_can_name_every_segment_that_there_is() -> None:
    policy = shop()
    assert set(nameable(policy)) == set(all_segments(policy, None))


def test_the_play_of_the_policy_goes_before_all_others() -> None:
    for segment in shop().playbook["call"].segments:
        chosen = play_of(segment, shop(), {"rhythm": 2})
        assert chosen is not None
        assert (chosen.name, chosen.source) == ("call", "policy")
        assert chosen.told("zh") == {"action": "电话回访", "goal": "促成购买", "owner": "store"}


def test_where_the_policy_says_nothing_a_default_holds_and_says_that_it_is_one() -> None:
    chosen = play_of("rfm.quintile/champions", shop(), {})
    assert chosen is not None
    assert (chosen.name, chosen.source) == ("best", "default")
    assert chosen.as_json()["source"] == "default"


def test_a_field_of_the_grid_has_the_action_of_the_grid() -> None:
    chosen = play_of("grid/keep", shop(), {})
    assert chosen is not None
    assert chosen.source == "grid"
    assert chosen.play.action_zh


@pytest.mark.parametrize("scheme", GROUP_NAMES)
def test_every_group_of_every_scheme_has_a_default(scheme: str) -> None:
    assert {f"rfm.{scheme}/{group}" for group in GROUP_NAMES[scheme]} <= set(DEFAULTS)


def test_all_that_every_shop_has_has_a_default() -> None:
    policy = policy_from_preset("grocery")
    assert [each for each in all_segments(policy, None) if play_of(each, policy, {}) is None] == []


@pytest.mark.parametrize("play", [*ROLES.values(), *(play for *_, play in BY_CLAIMS)])
def test_defaults_say_everything_in_both_languages(play: object) -> None:
    fields = play.model_dump(exclude={"segments"})  # type: ignore[attr-defined]
    assert len(fields) == 6
    assert all(fields.values())


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"rhythm": -1, "basket": 1}, "more_visits"),
        ({"rhythm": -2, "basket": -1}, "growing"),
        ({"rhythm": 1, "basket": 0, "worth": 2}, "best"),
        ({"rhythm": 2, "trend": -2}, "leaving"),
        ({"price": 1, "rhythm": 1}, "bargains"),
    ],
)
def test_a_cluster_has_the_play_that_follows_from_what_sets_it_apart(
    claims: dict[str, int], name: str
) -> None:
    chosen = play_of("cluster/7", shop(), claims)
    assert chosen is not None
    assert (chosen.name, chosen.source) == (name, "numbers")


def test_a_cluster_that_nothing_sets_apart_has_none() -> None:
    assert play_of("cluster/7", shop(), {"rhythm": 0, "basket": 0, "plain": 1}) is None
    assert play_of("value.margin/silver", shop(), {"rhythm": 2}) is None


def test_defaults_by_numbers_speak_of_themes_that_there_are() -> None:
    assert {each for wanted, *_ in BY_CLAIMS for each in wanted} <= {each.name for each in THEMES}


@pytest.mark.parametrize(
    ("segment", "fault"),
    [
        ("rfm.quintile/champion", "did you mean rfm.quintile/champions?"),
        ("vips", "did you mean rule/vip?"),
        ("rule/nobody", "segmenter segments list shows all"),
        ("rfm.klaviyo/loyal", "the scheme klaviyo is not published; add it to rfm.published"),
        ("cluster/0", "there is no segment 'cluster/0'"),
    ],
)
def test_a_play_for_a_segment_that_is_not_there_is_refused(segment: str, fault: str) -> None:
    text = SHOP.replace('"cluster/2"', f'"{segment}"')
    with pytest.raises(PolicyError, match=r"playbook\.call\.segments\.1: ") as raised:
        policy_from_toml(text)
    assert fault in str(raised.value)


def test_two_plays_for_one_segment_are_refused() -> None:
    other = '[playbook.mail]\naction = "Write"\nsegments = ["rule/vip"]\n'
    with pytest.raises(PolicyError) as raised:
        policy_from_toml(SHOP + other)
    assert str(raised.value) == (
        "segmenter.toml: playbook.mail.segments.0: rule/vip has the play 'call' already; name it in "
        "one of them"
    )


def test_fields_of_the_grid_need_a_grid() -> None:
    with pytest.raises(PolicyError, match=r"there is no 'grid/invest' without a section \[grid\]"):
        policy_from_toml(SHOP.replace("[grid]\n", ""))


def test_plays_of_segments_survive_publication() -> None:
    published = PublishedPolicy(1, shop())
    assert decode_published(encode_published(published)).policy == shop()


def test_a_play_without_segments_leaves_the_version_of_its_policy_alone() -> None:
    text = '[playbook.call]\naction = "Call them"\n'
    written = policy_from_toml(text).model_dump_json()
    assert (
        '"playbook":{"call":{"action":"Call them","action_zh":"","goal":"","owner":""}}' in written
    )
