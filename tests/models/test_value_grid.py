"""The value grid: nine fields, points at each edge, time alone, and the stage that sales write."""

from __future__ import annotations

from typing import Any

import pytest

from models.calendar import day_of
from models.customer import CustomerState
from models.effects import EffectType
from models.events import Item
from models.policy import Policy, PolicyError, policy_from_preset
from models.policy_grid import PRESETS
from models.segments import all_segments, label_of, segments_of
from models.sight import Sight
from models.stages import ORDER, STAGES, verdict
from models.step import advance
from models.value_grid import (
    FIELDS,
    LEVELS,
    attachment_level,
    field_at,
    score_card,
    told_to_do,
    worth_level,
)
from tests.models.shoppers import bought, engaged
from tests.support.story import CUSTOMER, Told, midnight, noon, profile, refund, tell, tick

CARD = {
    "purchase_days": [2, 3, 4],
    "tenure_days": [10, 20, 40],
    "categories": [1, 2, 3],
    "contact_days": [30, 14, 7],
    "medium_from": 4,
    "high_from": 8,
}
PLAN = {"tiers": [{"name": "gold", "from": 100}, {"name": "silver", "from": 20}, {"name": "plain"}]}
GRID: dict[str, Any] = {"worth": "plan", "attachment": CARD}
POLICY = policy_from_preset("grocery", value={"plan": PLAN}, grid=GRID)


def goods(*categories: str) -> tuple[Item, ...]:
    return tuple(
        Item(sku=each, quantity=1, unit_price_minor=100, category=each) for each in categories
    )


def points_of(state: CustomerState, day: int, policy: Policy = POLICY) -> dict[str, int]:
    assert policy.grid is not None
    sight = Sight(state, day_of(midnight(day), policy.timezone), policy)
    return {each.name: each.points for each in score_card(sight, policy.grid.attachment)}


def changes(told: Told, *types: EffectType) -> list[tuple[str, str | None, str | None, int]]:
    return [
        (each.cause.why.value, each.before, each.after, each.since_ms)  # type: ignore[misc]
        for each in told.effects
        if each.type in types
    ]


def test_each_of_the_nine_places_has_a_field_of_its_own() -> None:
    fields = {field_at(worth, attachment) for worth in LEVELS for attachment in LEVELS}
    assert len(fields) == len(FIELDS) == 9
    assert all(each.en and each.zh and each.action and each.action_zh for each in FIELDS)
    assert len({each.action for each in FIELDS}) == len({each.zh for each in FIELDS}) == 9


@pytest.mark.parametrize(
    ("days", "points"), [((), 0), ((1,), 1), ((1, 2), 2), ((1, 2, 3), 3), ((1, 2, 3, 4), 3)]
)
def test_purchase_days_give_a_point_at_each_step(days: tuple[int, ...], points: int) -> None:
    told = tell(*(bought(f"e{day}", noon(day)) for day in (0, *days)), policy=POLICY)
    assert points_of(told.customer, 5)["purchase_days"] == points


@pytest.mark.parametrize(
    ("day", "tenure", "contact"),
    [
        *((0, 0, 3), (7, 0, 3), (8, 0, 2), (10, 1, 2), (14, 1, 2), (15, 1, 1), (19, 1, 1)),
        *((20, 2, 1), (30, 2, 1), (31, 2, 0), (39, 2, 0), (40, 3, 0)),
    ],
)
def test_tenure_and_silence_count_at_exactly_the_days_that_the_card_names(
    day: int, tenure: int, contact: int
) -> None:
    state = tell(bought("e", noon(0)), policy=POLICY).customer
    points = points_of(state, day)
    assert (points["tenure_days"], points["contact_days"]) == (tenure, contact)


def test_categories_count_for_a_year() -> None:
    story = [bought("a", noon(0), items=goods("tea")), bought("b", noon(9), items=goods("rice"))]
    state = tell(*story, policy=POLICY).customer
    found = [points_of(state, day)["categories"] for day in (9, 364, 365, 373, 374)]
    assert found == [2, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("points", "level"), [(0, "low"), (3, "low"), (4, "medium"), (7, "medium"), (8, "high")]
)
def test_points_make_levels(points: int, level: str) -> None:
    assert POLICY.grid is not None
    assert attachment_level(points, POLICY.grid.attachment) == level


def test_time_alone_moves_attachment_at_the_midnight_on_which_a_point_is_lost_or_won() -> None:
    story = [bought("a", noon(0)), bought("b", noon(1))]  # 1 point of days, 3 of contact: medium
    told = tell(*story, policy=POLICY)
    assert told.customer.groups["attachment"] == "medium"
    state, moments = told.customer, []
    while state.regroup_ms is not None:
        moments.append(state.regroup_ms)
        state, _ = advance(CUSTOMER, state, state.regroup_ms, POLICY, None)
    assert [(each - midnight(0)) // 86_400_000 for each in moments] == [
        *(9, 10, 16, 20, 32, 40, 365)
    ]
    ended = tell(*story, tick(noon(500)), policy=POLICY)
    assert changes(ended, EffectType.ATTACHMENT_CHANGED) == [
        ("purchase", None, "low", noon(0)),
        ("purchase", "low", "medium", noon(1)),
        ("time", "medium", "low", midnight(9)),  # eight days since the last contact
        ("time", "low", "medium", midnight(10)),  # ten days of tenure
        ("time", "medium", "low", midnight(16)),
        ("time", "low", "medium", midnight(20)),
        ("time", "medium", "low", midnight(32)),
        ("time", "low", "medium", midnight(40)),
        ("time", "medium", "low", midnight(365)),  # the first purchase day leaves the year
    ]


def test_a_field_follows_worth_and_attachment() -> None:
    told = tell(bought("a", noon(0), 1_000), bought("b", noon(1), 9_000), policy=POLICY)
    assert changes(told, EffectType.GRID_CHANGED) == [
        ("purchase", None, "harvest", noon(0)),
        ("purchase", "harvest", "invest", noon(1)),
    ]
    assert "grid/invest" in segments_of(told.customer)
    assert "attachment/medium" in segments_of(told.customer)


def test_an_engagement_raises_attachment_and_a_lesser_one_changes_nothing() -> None:
    before = tell(bought("a", noon(0)), bought("b", noon(1)), tick(noon(9)), policy=POLICY)
    after = tell(engaged("v", noon(9)), policy=POLICY, state=before.state)
    assert changes(after, EffectType.ATTACHMENT_CHANGED, EffectType.GRID_CHANGED) == [
        ("engagement", "low", "medium", noon(9)),
        ("engagement", "watch", "develop", noon(9)),
    ]
    again = tell(engaged("w", noon(9)), policy=POLICY, state=after.state)
    assert again.effects == ()
    assert again.customer.regroup_ms == midnight(10)


def test_a_late_purchase_and_a_return_count_as_if_they_had_come_in_time() -> None:
    late = tell(bought("b", noon(5)), bought("a", noon(0), items=goods("tea")), policy=POLICY)
    in_time = tell(bought("a", noon(0), items=goods("tea")), bought("b", noon(5)), policy=POLICY)
    assert late.customer.groups == in_time.customer.groups
    assert late.customer.regroup_ms == in_time.customer.regroup_ms
    story = [
        bought("a", noon(0)),
        bought("b", noon(1), 2_000),
        refund("r", noon(2), 2_000, None, "b"),
    ]
    returned = tell(*story, policy=POLICY)
    assert returned.customer.groups == {
        "value.plan": "plain",
        "attachment": "low",
        "grid": "harvest",
    }
    gone = tell(bought("a", noon(0)), refund("r", noon(1), 1_000, None, "a"), policy=POLICY)
    assert gone.customer.groups == {}
    assert changes(gone, EffectType.ATTACHMENT_CHANGED)[-1] == ("refund", "low", None, noon(1))


def test_who_has_not_bought_is_nowhere_on_the_grid_however_often_they_come() -> None:
    told = tell(engaged("v", noon(0)), engaged("w", noon(1)), policy=POLICY)
    assert told.customer.groups == {}
    assert told.customer.regroup_ms is None


def test_worth_is_the_value_tier_unless_a_scheme_is_named() -> None:
    by_tier = policy_from_preset("grocery", grid={})
    assert by_tier.grid is not None
    assert worth_level({"tier": "high"}, by_tier, by_tier.grid) == "high"
    assert worth_level({}, by_tier, by_tier.grid) is None
    told = tell(bought("a", noon(0)), policy=by_tier)  # no population: no tier, but attachment
    assert told.customer.groups == {"attachment": "low"}


def test_without_a_grid_nothing_is_there() -> None:
    plain = policy_from_preset("grocery", value={"plan": PLAN})
    story = [bought("a", noon(0)), profile("p", noon(0), relationship_stage="partner")]
    told = tell(*story, tick(noon(99)), policy=plain)
    assert told.customer.groups == {"value.plan": "plain"}
    assert not any(each.startswith(("grid/", "stage/")) for each in all_segments(plain, None))
    assert b"grid" not in plain.model_dump_json().encode()


@pytest.mark.parametrize(
    ("written", "day", "group"),
    [
        ("Partner", 1, "ahead"),  # observed: new
        (" onboarding ", 1, "agrees"),
        ("lead", 1, "behind"),
        ("active", 40, "ahead"),  # observed: dormant
        ("quiet", 40, "agrees"),
        ("lost", 40, "behind"),
        ("friend", 40, "unknown_word"),
        (7, 40, "unknown_word"),
        (None, 40, None),
        ("", 40, None),
    ],
)
def test_what_sales_write_is_held_against_what_is_observed(
    written: Any, day: int, group: str | None
) -> None:
    story = [bought("a", noon(0)), profile("p", noon(1), relationship_stage=written)]
    told = tell(*story, tick(noon(day)), policy=POLICY)
    assert told.customer.groups.get("stage") == group


def test_a_stage_follows_writes_and_the_lifecycle() -> None:
    told = tell(
        profile("p", noon(0), relationship_stage="lead"),
        bought("a", noon(1)),
        profile("q", noon(2), relationship_stage="partner"),
        tick(noon(80)),
        profile("r", noon(81), relationship_stage=None),
        policy=POLICY,
    )
    assert changes(told, EffectType.STAGE_CHANGED) == [
        ("profile", None, "agrees", noon(0)),
        ("purchase", "agrees", "behind", noon(1)),
        (
            "profile",
            "behind",
            "ahead",
            noon(2),
        ),  # new; dormant at 26 and churned at 64 are ahead, too
        ("profile", "ahead", None, noon(81)),
    ]


def test_a_stage_turns_at_the_deadline_that_turns_the_lifecycle() -> None:
    story = [bought("a", noon(0)), profile("p", noon(0), relationship_stage="onboarding")]
    told = tell(*story, tick(noon(26)), policy=POLICY)
    turned = ("time", "agrees", "ahead", midnight(26))
    assert told.customer.lifecycle_since_ms == midnight(26)  # dormant
    assert changes(told, EffectType.STAGE_CHANGED)[-1] == turned


def test_every_pair_of_states_has_a_verdict() -> None:
    assert verdict(None, "active") == "unknown_word"
    for place, means in enumerate(ORDER):
        found = [verdict(means, observed) for observed in ORDER]
        after = len(ORDER) - place - 1
        assert found == ["ahead"] * place + ["agrees"] + ["behind"] * after


def test_segments_have_names_in_both_languages() -> None:
    names = [each for each in all_segments(POLICY, None) if each.split("/")[0] in NEW_KINDS]
    assert len(names) == len(FIELDS) + len(LEVELS) + len(STAGES)
    assert label_of("grid/invest") == ("Invest", "重点投入")
    assert label_of("stage/ahead") == ("Sales ahead of purchases", "销售阶段高于实际")
    assert all(label_of(each).en != each.split("/")[1] for each in names)


NEW_KINDS = {"grid", "attachment", "stage"}


def test_what_the_policy_says_of_a_field_replaces_what_the_field_says() -> None:
    own = {"keep": {"action": "Call them", "owner": "branch", "owner_zh": "网点"}}
    policy = policy_from_preset("grocery", grid={"fields": own})
    assert policy.grid is not None
    told = told_to_do("keep", policy.grid)
    assert told == ("Call them", "Call them", "", "", "branch", "网点")
    assert told_to_do("watch", policy.grid).action_zh.startswith("低成本")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_card_that_can_be_filled(name: str) -> None:
    grid = policy_from_preset(name, grid={}).grid
    assert grid is not None
    assert grid.attachment.most == 12


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"worth": "plan"}, "grid.worth: there is no value scheme 'plan'; write \"tier\", or"),
        ({"worth": "two"}, "grid.worth: value.two has 2 tiers; three are needed"),
        ({"attachment": {"categories": [3, 2]}}, "grid.attachment.categories: must ascend"),
        ({"attachment": {"contact_days": [3, 5]}}, "grid.attachment.contact_days: must descend"),
        ({"attachment": {"high_from": 5}}, "medium_from must be less than high_from"),
        ({"attachment": {"categories": [], "high_from": 10}}, "all rows give 9 points"),
        ({"fields": {"nurture": {}}}, "the nine are keep, invest, secure"),
        ({"stages": {"VIP": "active", "vip ": "new"}}, "'vip ' means two states"),
        ({"stages": {"vip": "best"}}, "grid.stages.vip"),
    ],
)
def test_what_can_not_be_is_refused_with_the_way_out(grid: dict[str, Any], said: str) -> None:
    two = {"tiers": [{"name": "a", "from": 1}, {"name": "b"}]}
    with pytest.raises(PolicyError, match=said.replace("(", r"\(")):
        policy_from_preset("grocery", value={"two": two}, grid=grid)


def test_breadth_needs_categories_that_are_kept_or_an_empty_row() -> None:
    kept = {"kept": ["brand"]}
    with pytest.raises(PolicyError, match=r"write categories = \[\]"):
        policy_from_preset("grocery", behaviour=kept, grid={})
    without = {"attachment": {"categories": [], "high_from": 7}}
    assert policy_from_preset("grocery", behaviour=kept, grid=without).grid is not None
