"""What a segment is worth as a segment, and when that can't be told."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import sqrt
from statistics import mean, variance
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import start_of_day_ms
from models.concentration import Concentration, concentration_of
from models.customer import CustomerState
from models.evaluation import Evaluation, Verdict, evaluations, in_kinds
from models.evaluation_words import (
    CRITERIA,
    HEADINGS,
    NUMBERS,
    REASONS,
    RESPONSES,
    UNMET,
    VERDICTS,
    number_name,
    reason,
    response_told,
    verdict_told,
)
from models.intervals import Share, share_interval
from models.member import NUMBERS as ALL_NUMBERS
from models.member import PLACE, Change, Member
from models.policy import PolicyError, policy_from_preset, policy_from_toml
from models.policy_evaluation import Criteria
from models.separation import Effect, separation
from models.sight import Sight
from models.survey import Survey
from models.survey_codec import decode_survey, encode_survey
from tests.support.story import GROCERY

AS_OF_DAY = 738_000
SPEND = "spend_365d"
VIP, REST = "rule/vip", "lifecycle/active"


def days_ago_ms(days: int) -> int:
    return start_of_day_ms(AS_OF_DAY - days, GROCERY.timezone)


def shopper(
    spend_minor: int | None, *, vip: bool = False, since: int = 400, **numbers: int
) -> Member:
    """Somebody of whom this is known: a VIP, perhaps, for so many days."""
    known: list[int | None] = [None] * len(ALL_NUMBERS)
    for name, value in {SPEND: spend_minor, **numbers}.items():
        known[PLACE[name]] = value
    sight = Sight(CustomerState(known_since_ms=0), AS_OF_DAY, GROCERY)
    changes = [Change(1, 10**9, "lifecycle", None, REST)]
    places = {"lifecycle": REST}
    if vip:
        changes.append(Change(2, days_ago_ms(since), VIP, None, VIP))
        places[VIP] = VIP
    return Member("c", sight, 0, places, tuple(known), (), (), tuple(changes))


def survey(*members: Member) -> Survey:
    found = Survey()
    for each in members:
        found.take(each)
    return found


def evaluated(*members: Member, segment: str = VIP, **criteria: float) -> Evaluation:
    return evaluations(survey(*members), Criteria(**criteria))[segment]  # type: ignore[arg-type]


def judged(found: Evaluation) -> dict[str, str]:
    return {each.criterion: each.verdict.value for each in found.judgements}


def told(found: Evaluation, criterion: str) -> str:
    return next(reason(each, "en") for each in found.judgements if each.criterion == criterion)


FORTY_VIPS = [shopper(10_000 + n, vip=True) for n in range(40)]
SIXTY_OTHERS = [shopper(1_000 + 10 * n) for n in range(60)]
TOWN = [*FORTY_VIPS, *SIXTY_OTHERS]


def test_size_and_spend_are_shares_of_the_base() -> None:
    found = evaluated(*TOWN)
    assert (found.customers, found.share) == (40, 0.4)
    assert found.spend_minor == 40 * 10_000 + 780
    assert found.spend_share == pytest.approx(400_780 / (400_780 + 77_700))
    assert found.concentration == pytest.approx(400_780 / (400_780 + 77_700) / 0.4)


def test_a_segment_that_meets_every_criterion_is_worth_working_with() -> None:
    found = evaluated(*TOWN, min_known=0.05)
    assert judged(found) == dict.fromkeys(CRITERIA, "yes")
    assert found.verdict is Verdict.YES
    assert verdict_told(found, "en") == "all met"
    assert told(found, "stable") == (
        "40 of 40 who were in it 30 days ago are in it now: 100% (95 %: 91% to 100%; at least 50%)"
    )
    assert told(found, "substantial") == (
        "40.0% of customers (at least 2.0%) and 83.8% of what was spent within a year (at least 1.0%)"
    )


def test_numbers_that_are_not_known_can_not_be_measured() -> None:
    found = evaluated(*TOWN)
    assert judged(found)["measurable"] == "no"
    assert told(found, "measurable") == (
        f"{1 / len(ALL_NUMBERS):.0%} of its members' numbers are known; at least 60% are asked for"
    )


def test_few_members_are_not_measurable_and_can_not_be_compared() -> None:
    found = evaluated(*FORTY_VIPS[:12], *SIXTY_OTHERS)
    assert judged(found)["measurable"] == "no"
    assert judged(found)["distinguishable"] == "untold"
    assert told(found, "measurable") == "12 members; at least 30 are asked for"
    assert verdict_told(found, "en") == "not measurable, distinguishable?"
    assert verdict_told(found, "zh") == "不可衡量、可区分\N{FULLWIDTH QUESTION MARK}"


def test_a_segment_of_little_spend_is_not_substantial_however_many_are_in_it() -> None:
    poor = [shopper(1, vip=True) for _ in range(40)]
    assert judged(evaluated(*poor, *SIXTY_OTHERS))["substantial"] == "no"


def test_where_nobody_spent_anything_a_share_means_nothing() -> None:
    found = evaluated(*[shopper(0, vip=n < 40) for n in range(80)])
    assert (found.spend_share, found.concentration, found.top_fifth) == (None, None, None)
    assert judged(found)["substantial"] == "untold"
    assert "nobody has spent anything" in told(found, "substantial")


@pytest.mark.parametrize(
    ("stayed", "verdict"), [(40, "yes"), (28, "yes"), (22, "untold"), (14, "untold"), (9, "no")]
)
def test_who_stays_is_judged_only_where_the_interval_is_on_one_side(
    stayed: int, verdict: str
) -> None:
    left = [leaver() for _ in range(40 - stayed)]
    found = evaluated(*FORTY_VIPS[:stayed], *left, *SIXTY_OTHERS)
    assert found.staying == stayed / 40
    assert found.staying_interval == share_interval(Share(stayed, 40))
    assert judged(found)["stable"] == verdict


def leaver() -> Member:
    """A VIP until yesterday."""
    member = shopper(500, vip=True)
    gone = Change(3, days_ago_ms(1), VIP, VIP, None)
    return member._replace(changes=(*member.changes, gone), segments={"lifecycle": REST})


def test_of_a_segment_that_nobody_was_in_it_can_not_be_told_who_stays() -> None:
    found = evaluated(*[shopper(9_000, vip=True, since=3) for _ in range(40)], *SIXTY_OTHERS)
    assert (found.staying, found.staying_interval) == (None, None)
    assert (judged(found)["stable"], told(found, "stable")) == (
        "untold",
        "nobody was in it 30 days ago",
    )


def test_where_histories_are_too_short_it_can_not_be_told_who_stays() -> None:
    short = [
        each._replace(changes=(Change(99, days_ago_ms(5), VIP, None, VIP),), changes_begin=False)
        for each in FORTY_VIPS[:11]
    ]
    found = evaluated(*short, *FORTY_VIPS[11:], *SIXTY_OTHERS)
    assert (found.stay.unknown, found.stay.untold) == (11, 11)
    assert told(found, "stable") == (
        "of 11 of 100 customers it isn't kept where they were 30 days ago: they have changed too "
        "often since"
    )


def test_the_separation_is_cohens_d_against_all_others() -> None:
    mine, others = [3, 5, 8, 8, 11], [1, 1, 2, 4]
    found = survey(*[shopper(x, vip=True) for x in mine], *[shopper(x) for x in others])
    separated = separation(found.segments[VIP], found.base)
    assert separated is not None
    pooled = sqrt((4 * variance(mine) + 3 * variance(others)) / 7)
    assert separated.largest.d == pytest.approx((mean(mine) - mean(others)) / pooled)
    assert separated.largest[0] == SPEND
    assert separated.mean == pytest.approx(separated.largest.d)


def test_growth_that_a_few_outliers_make_sets_nobody_apart_and_the_trend_does() -> None:
    mine = [shopper(7, vip=True, growth_90d=10**9 + n, trend_90d=10**6 + n) for n in range(5)]
    others = [shopper(7, growth_90d=n, trend_90d=n) for n in range(5)]
    found = survey(*mine, *others)
    separated = separation(found.segments[VIP], found.base)
    assert separated is not None
    assert [each.number for each in separated.effects] == ["trend_90d"]


def test_the_interval_of_the_largest_of_many_is_wider() -> None:
    one, of_many = (Effect("risk", 0.8, 50, 200).interval(each) for each in (1, 15))
    assert (round(one.low, 3), round(one.high, 3)) == (0.482, 1.118)
    assert of_many.low < one.low < one.high < of_many.high


def test_a_segment_like_all_others_is_not_distinguishable() -> None:
    alike = [shopper(1_000 + 10 * (n % 10), vip=n // 10 % 2 == 0) for n in range(400)]
    found = evaluated(*alike)
    assert judged(found)["distinguishable"] == "no"
    few = evaluated(*[shopper(1_000 + 10 * (n % 10 + n // 40), vip=n < 40) for n in range(80)])
    assert judged(few)["distinguishable"] == "untold"
    assert "so few tell no more than" in told(few, "distinguishable")


def test_a_number_in_which_nobody_differs_separates_nobody() -> None:
    found = survey(*[shopper(7, vip=n < 4) for n in range(9)])
    assert separation(found.segments[VIP], found.base) is None


def test_the_response_stands_beside_what_everybody_did() -> None:
    found = evaluated(*[shopper(100, vip=True, since=90) for _ in range(4)])
    assert found.response is not None
    assert found.response[:3] == (4, 0, Fraction(0))
    assert (found.response_rate, found.expected_rate) == (0.0, 0.0)
    assert found.response_interval == found.lift_interval == share_interval(Share(0, 4))
    assert response_told(found, "en") == (
        "after 0 of 4 entries a purchase followed within 30 days: 0% (95 %: 0% to 49%); of everybody on "
        "the same days 0% bought"
    )


def test_without_entries_there_is_no_response() -> None:
    found = evaluated(*TOWN)
    assert (found.response, found.response_rate, found.lift_interval) == (None, None, None)
    assert response_told(found, "en") == ("nobody entered it on a day whose 30 days after are over")


amounts = st.lists(st.integers(-50, 10**7), min_size=1, max_size=40)


@settings(deadline=None)
@given(spent=amounts)
def test_the_top_fifth_makes_what_sorting_says_within_two_percent(spent: list[int]) -> None:
    found = Concentration()
    for each in spent:
        found.add([VIP], each)
    kept = sorted((max(0, each) for each in spent), reverse=True)
    whole, part = divmod(len(kept), 5)
    head = sum(kept[:whole]) + (kept[whole] * part / 5 if part else 0)
    if not sum(kept):
        assert found.top_share(VIP) is None
    else:
        assert found.top_share(VIP) == pytest.approx(head / sum(kept), rel=0.02)


@settings(deadline=None)
@given(spent=amounts, others=amounts)
def test_what_is_kept_of_spends_is_the_same_again(spent: list[int], others: list[int]) -> None:
    found = Concentration()
    for segments, each in [*(([VIP, REST], x) for x in spent), *(([REST], x) for x in others)]:
        found.add(segments, each)
    again = concentration_of(found.plain())
    assert again.plain() == found.plain()
    assert (again.top_share(VIP), again.top_share(REST)) == (
        found.top_share(VIP),
        found.top_share(REST),
    )


def test_a_survey_that_was_kept_is_evaluated_alike() -> None:
    found = survey(*TOWN, leaver())
    again = decode_survey(encode_survey(found))
    assert evaluations(again, Criteria()) == evaluations(found, Criteria())


def test_an_empty_base_has_no_segments() -> None:
    assert evaluations(Survey(), Criteria()) == {}


def test_a_segment_that_all_have_left_is_evaluated_still() -> None:
    found = evaluated(leaver(), *SIXTY_OTHERS)
    assert (found.customers, found.known, found.staying) == (0, None, 0.0)
    assert found.verdict is Verdict.NO


def test_segments_of_a_kind_are_those_before_the_slash() -> None:
    names = ["rfm.quintile/loyal", "rfm.klaviyo/loyal", "rule/vip"]
    assert in_kinds(names, ["rfm.quintile", "rule"]) == [names[0], names[2]]
    assert in_kinds(names, []) == names


def test_what_is_enough_stands_in_the_policy() -> None:
    policy = policy_from_toml("[evaluation]\nmin_members = 5\nmin_staying = 0.3\n")
    assert (policy.evaluation.min_members, policy.evaluation.min_staying) == (5, 0.3)
    assert policy.version != GROCERY.version
    with pytest.raises(PolicyError, match=r"evaluation.min_share: .*less than or equal to 1"):
        policy_from_toml("[evaluation]\nmin_share = 2\n")
    with pytest.raises(PolicyError, match=r"evaluation.size: unknown key"):
        policy_from_toml("[evaluation]\nsize = 2\n")


def test_a_policy_that_says_nothing_of_it_is_the_policy_it_was() -> None:
    plain = policy_from_preset("general")
    assert policy_from_preset("general", evaluation={}).version == plain.version
    assert "evaluation" not in plain.model_dump(mode="json")


ALL_WORDS = {**CRITERIA, **VERDICTS, **UNMET, **REASONS, **RESPONSES, **NUMBERS}


@pytest.mark.parametrize("key", ALL_WORDS)
def test_every_sentence_is_in_every_language_with_the_same_numbers(key: str) -> None:
    of_each = {
        language: Counter(field for _, field, _, _ in Formatter().parse(template) if field)
        for language, template in ALL_WORDS[key].items()
    }
    assert set(of_each) == set(HEADINGS) == {"en", "zh"}
    assert of_each["en"] == of_each["zh"]


def test_every_number_has_a_name_for_people() -> None:
    assert set(NUMBERS) == {each.name for each in ALL_NUMBERS}
    assert number_name("new_one", "zh") == "new_one"
    assert len({*map(len, HEADINGS.values())}) == 1


def test_every_reason_can_be_told_in_every_language() -> None:
    found = evaluations(survey(*TOWN, leaver(), shopper(None)), Criteria())
    for each in found.values():
        for judgement in each.judgements:
            assert reason(judgement, "en") != reason(judgement, "zh")
