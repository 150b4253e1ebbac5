"""What tells who somebody is, and that personas speak of nothing else."""

from __future__ import annotations

import pytest

from models.customer import CustomerState
from models.demographics import is_demographic
from models.member import NUMBERS, Member
from models.personas import cards_of
from models.policy import Policy, policy_from_toml
from models.sight import Sight
from models.survey import Survey
from tests.support.story import GROCERY

NAMED = """preset = "grocery"
[profiles]
account = "company"
[alerts]
suppression = "blocked"
timezone_attribute = "zone"
"""
OTHERS = policy_from_toml(NAMED, "policy.toml")
ALL = (
    *("age_band", "accounting", "consent.email"),
    *("account_id", "do_not_contact", "timezone"),
    *("company", "blocked", "zone"),
)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (GROCERY, ("age_band", "accounting", "company", "blocked", "zone")),
        (OTHERS, ("age_band", "accounting", "account_id", "do_not_contact", "timezone")),
    ],
)
def test_personas_speak_of_who_somebody_is_and_of_no_attribute_that_the_policy_works_with(
    policy: Policy, expected: tuple[str, ...]
) -> None:
    assert tuple(each for each in ALL if is_demographic(each, policy)) == expected
    told = cards_of(surveyed(), "USD", {}, policy)["lifecycle/new"]
    assert {each.attribute for each in told.traits} == {*expected}


def surveyed() -> Survey:
    """Thirty new customers of whom all attributes say yes, thirty others of whom all say no."""
    sight, nothing = (
        Sight(CustomerState(known_since_ms=0), 738_900, GROCERY),
        (None,) * len(NUMBERS),
    )
    found = Survey()
    for segment, value in [("lifecycle/new", "yes")] * 30 + [("lifecycle/active", "no")] * 30:
        words = tuple((each, value) for each in ALL)
        found.take(Member("c", sight, 0, {"lifecycle": segment}, nothing, (), words))
    return found
