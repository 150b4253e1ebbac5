"""The policies that a chaos run publishes."""

from __future__ import annotations

from itertools import pairwise

from chaos.policies import EDITIONS, GIVEN
from models.policy import policy_from_toml
from models.policy_record import why_not_after


def test_each_edition_can_follow_the_one_before_and_differs_from_it() -> None:
    policies = [policy_from_toml(GIVEN), *(each.policy for each in EDITIONS)]
    for before, new in pairwise(policies):
        assert why_not_after(before, new) is None
        assert before.version != new.version


def test_loud_then_silent_then_back_to_the_first() -> None:
    assert [each.silent for each in EDITIONS] == [False, True, False]
    assert EDITIONS[-1].policy == policy_from_toml(GIVEN)


def test_rules_of_every_family_and_both_kinds_of_value_tiers_stand_in_it() -> None:
    given = policy_from_toml(GIVEN)
    rules = " ".join(each.when for each in given.segments.values())
    families = ("_30d", "silence_days", "category[", "brand[", "profile.", "lifecycle")
    for each in (*families, "engagement[", "segment[", "rfm.", "value."):
        assert each in rules
    assert {each.by_share for each in given.value.values()} == {True, False}
