"""The segments that there are, what they are called, and which of them a customer is in."""

from __future__ import annotations

import pytest

from models.clusters import Cluster, Clustering
from models.customer import CustomerState
from models.ledger import Ledger, Standing
from models.lifecycle import State
from models.policy import policy_from_preset
from models.population import Distribution, Population
from models.segments import (
    Label,
    all_segments,
    label_of,
    named,
    place_of_standing,
    places_of,
    segments_of,
)
from tests.support.story import midnight, noon, profile, purchase, tell, tick

SCHEMES = ["quintile", "klaviyo", "braze", "china8"]
POLICY = policy_from_preset("grocery", rfm={"published": SCHEMES})
QUINTILE_ONLY = policy_from_preset("grocery", rfm={"published": ["quintile"]})
CLUSTERS = Clustering(
    tuple(Cluster(number, 2, (0,) * 6) for number in (1, 2, 12)),
    (400, 300, 500, 0, 0, 0),
    13,
    (),
    (),
    500_000,
    400_000,
)
POPULATION = Population(
    version=1,
    as_of_day=738_885,
    customers=5,
    since_day=738_000,
    closed_gaps=9,
    gap_days=90,
    recency=Distribution(5.0, (5, 9), (5, 9, 30), (5, 9, 13, 14)),
    frequency=Distribution(1.5, (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    monetary=Distribution(1_200.0, (700, 4_000), (500, 600, 2_000), (500, 1_000, 4_000, 9_000)),
    clusters=CLUSTERS,
)
ALWAYS = [
    "lifecycle/prospect",
    "lifecycle/new",
    "lifecycle/active",
    "lifecycle/dormant",
    "lifecycle/churned",
    "flag/overdue",
    "flag/won_back",
]
OF_VALUE = ["tier/high", "tier/medium", "tier/low", "risk/high", "risk/elevated", "risk/low"]
EVERY_SEGMENT = list(all_segments(POLICY, POPULATION))


def test_the_segments_stand_in_the_order_in_which_a_reader_expects_them() -> None:
    found = list(all_segments(QUINTILE_ONLY, POPULATION))
    assert found == [
        *ALWAYS,
        "rfm.quintile/champions",
        "rfm.quintile/loyal",
        "rfm.quintile/active",
        "rfm.quintile/new",
        "rfm.quintile/promising",
        "rfm.quintile/needs_attention",
        "rfm.quintile/at_risk",
        "rfm.quintile/previously_loyal",
        "rfm.quintile/almost_lost",
        "rfm.quintile/dormant",
        "rfm.quintile/prospects",
        "cluster/1",
        "cluster/2",
        "cluster/12",
        *OF_VALUE,
    ]


def test_with_all_four_schemes_and_three_clusters_there_are_51_and_no_name_comes_twice() -> None:
    assert len(EVERY_SEGMENT) == len(set(EVERY_SEGMENT)) == 7 + 11 + 6 + 10 + 8 + 3 + 6


@pytest.mark.parametrize("population", [None, POPULATION._replace(clusters=None)])
def test_without_a_population_that_has_them_there_are_no_clusters(
    population: Population | None,
) -> None:
    expected = [each for each in EVERY_SEGMENT if not each.startswith("cluster/")]
    assert list(all_segments(POLICY, population)) == expected


@pytest.mark.parametrize("segment", EVERY_SEGMENT)
def test_every_segment_has_a_name_in_english_and_one_in_chinese(segment: str) -> None:
    kind, group = segment.split("/")
    label = label_of(segment)
    assert label.en[0].isupper()
    assert label.en.isascii()
    assert any("\u4e00" <= each <= "\u9fff" for each in label.zh)
    assert group != label.en, f"{kind} tells the bare name of the group"


@pytest.mark.parametrize("language", [0, 1])
def test_within_a_kind_no_two_segments_are_called_the_same(language: int) -> None:
    called = [(each.split("/")[0], label_of(each)[language]) for each in EVERY_SEGMENT]
    assert len(called) == len(set(called))


@pytest.mark.parametrize(
    ("segment", "label"),
    [
        ("lifecycle/churned", Label("Churned", "流失客户")),
        ("flag/won_back", Label("Won back", "已召回客户")),
        ("rfm.quintile/dormant", Label("Dormant", "沉睡客户")),
        ("rfm.china8/important_win_back", Label("Important win-back", "重要挽留客户")),
        ("cluster/12", Label("Cluster 12", "聚类 12")),
        ("tier/high", Label("High value", "高价值客户")),
        ("risk/high", Label("High churn risk", "高流失风险")),
        ("rfm.retired/some_group", Label("some_group", "some_group")),
        ("rfm.quintile/of_a_later_version", Label("of_a_later_version", "of_a_later_version")),
    ],
)
def test_a_segment_is_called_by_its_label_and_one_not_known_here_by_its_group(
    segment: str, label: Label
) -> None:
    assert label_of(segment) == label


def test_an_rfm_scheme_has_rfm_before_its_name_and_what_a_population_knows_has_not() -> None:
    groups = {"quintile": "new", "china8": "general_value", "cluster": "3"}
    assert [named(*each) for each in groups.items()] == [
        "rfm.quintile/new",
        "rfm.china8/general_value",
        "cluster/3",
    ]
    assert (named("tier", "low"), named("risk", "low")) == ("tier/low", "risk/low")


def test_both_flags_may_be_up_and_each_is_a_place_of_its_own() -> None:
    standing = Standing(State.ACTIVE, overdue=True, won_back=True)
    assert place_of_standing(standing) == {
        "lifecycle": "lifecycle/active",
        "overdue": "flag/overdue",
        "won_back": "flag/won_back",
    }
    assert place_of_standing(Standing()) == {"lifecycle": "lifecycle/prospect"}


def test_a_customer_is_in_one_segment_of_each_kind_that_says_something_of_them() -> None:
    groups = {"quintile": "champions", "cluster": "2", "tier": "high", "risk": "low"}
    assert places_of(Standing(State.NEW), groups) == {
        "lifecycle": "lifecycle/new",
        "quintile": "rfm.quintile/champions",
        "cluster": "cluster/2",
        "tier": "tier/high",
        "risk": "risk/low",
    }


def test_segments_follow_the_customer_through_their_story() -> None:
    assert segments_of(tell(profile("x", noon(0), city="Rome")).customer) == ("lifecycle/prospect",)
    bought = purchase("p1", noon(0))
    assert segments_of(tell(bought).customer) == ("lifecycle/new",)
    overdue = tell(bought, tick(midnight(13))).customer
    assert segments_of(overdue) == ("lifecycle/new", "flag/overdue")
    back = tell(bought, tick(midnight(30)), purchase("p2", noon(31))).customer
    assert segments_of(back) == ("lifecycle/active", "flag/won_back")
    assert segments_of(tell(bought, tick(noon(400))).customer) == ("lifecycle/churned",)


def test_every_segment_that_a_population_puts_somebody_in_is_among_all_of_them() -> None:
    several = (purchase(f"p{number}", noon(5 * number), 900 * number) for number in range(1, 9))
    told = tell(*several, policy=POLICY, population=POPULATION)
    found = segments_of(told.customer)
    assert {each.split("/")[0] for each in found} == {
        "lifecycle",
        "rfm.quintile",
        "rfm.klaviyo",
        "rfm.braze",
        "rfm.china8",
        "cluster",
    }
    assert set(found) <= set(EVERY_SEGMENT)


def test_whoever_has_no_groups_is_in_a_lifecycle_state_all_the_same() -> None:
    nobody_yet = CustomerState(known_since_ms=noon(0), current=Ledger())
    assert segments_of(nobody_yet) == ("lifecycle/prospect",)
