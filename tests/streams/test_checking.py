"""Rules tried out before they go live: what is counted, and that nothing is written."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from models.customer import CustomerState
from models.policy import Policy, policy_from_preset
from models.policy_record import PublishedPolicy
from models.rule_tree import Fact
from models.step import advance, instruct
from streams.checking import (
    CHANGED,
    NEW,
    REMOVED,
    SAME,
    Met,
    NoSuchRule,
    Overlap,
    Trial,
    Tried,
    check,
    status_of,
    to_be_tried,
    tried,
    walk,
)
from streams.lookup import Found
from streams.show_rules import rules_explained, value_text
from tests.streams.logbook import CUSTOMERS, DAY_MS, PARTITION, START_MS, Logbook, folded
from tests.support.story import midnight, noon, profile, purchase, tell

ASKED_DAY = 30
WANTS_VIP = "spend >= 300"
WIDER = "spend >= 200"


def policy_of(**rules: str) -> Policy:
    segments = {name: {"when": when, "label": name.upper()} for name, when in rules.items()}
    return policy_from_preset("grocery", segments=segments)


NONE = policy_of()


def person(number: int, policy: Policy = NONE) -> Met:
    """The nth spends so many hundred dollars; the odd ones live in the north."""
    region = "north" if number % 2 else "south"
    arrivals = (
        purchase("e1", noon(0), 10_000 * number),
        profile("e2", noon(1), region=region),
    )
    told = tell(*arrivals, policy=policy).customer
    state, _ = advance(f"p{number}", told, midnight(ASKED_DAY), policy, None)
    return Met(f"p{number}", state, midnight(ASKED_DAY), None)


def people(count: int = 5, policy: Policy = NONE) -> list[Met]:
    return [person(number, policy) for number in range(1, count + 1)]


def one(found: Iterable[Tried]) -> Tried:
    (only,) = found
    return only


def test_a_new_rule_says_whom_it_would_hold_of_and_what_share_that_is() -> None:
    found = one(tried(people(), NONE, policy_of(vip=WANTS_VIP), ["vip"]))
    assert (found.status, found.customers, found.share) == (NEW, 3, 0.6)
    assert (found.before, found.entering, found.leaving) == (0, 3, 0)
    assert found.entering_ids == ("p3", "p4", "p5")


def test_a_changed_rule_says_who_would_enter_and_who_would_leave() -> None:
    before, new = policy_of(vip="spend >= 300"), policy_of(vip="spend < 400")
    found = one(tried(people(policy=before), before, new, ["vip"]))
    assert (found.status, found.customers, found.before) == (CHANGED, 3, 3)
    assert found.entering_ids == ("p1", "p2")
    assert found.leaving_ids == ("p4", "p5")


def test_of_a_rule_that_is_removed_everybody_leaves() -> None:
    before = policy_of(vip=WANTS_VIP)
    found = one(tried(people(policy=before), before, NONE, ["vip"]))
    assert (found.status, found.customers, found.before, found.leaving) == (REMOVED, 0, 3, 3)
    assert found.examples == ()


def test_overlaps_are_counted_over_all_kinds_of_segments_the_largest_first() -> None:
    new = policy_of(vip=WANTS_VIP, north="profile.region == 'north'")
    found = one(tried(people(), NONE, new, ["vip"]))
    assert found.overlaps == (
        Overlap("lifecycle/dormant", 3, 1.0),
        Overlap("rule/north", 2, 2 / 3),
    )


def test_examples_show_each_condition_with_the_value_of_the_customer() -> None:
    new = policy_of(vip="spend >= 400 or profile.region == 'north'")
    found = one(tried([person(1)], NONE, new, ["vip"]))
    (example,) = found.examples
    assert example.customer_id == "p1"
    assert [(each.text, each.value, each.holds) for each in example.answers] == [
        ("spend >= 400", "100.00", False),
        ('profile.region == "north"', "north", True),
    ]


def test_samples_are_small_and_the_same_in_whatever_order_people_come() -> None:
    new = policy_of(all="spend >= 0")
    forth = one(tried(people(40), NONE, new, ["all"], sample=3))
    back = one(tried(people(40)[::-1], NONE, new, ["all"], sample=3))
    assert forth == back
    assert (len(forth.entering_ids), len(forth.examples), forth.entering) == (3, 3, 40)


def test_without_a_sample_only_counts_are_told() -> None:
    found = one(tried(people(), NONE, policy_of(vip=WANTS_VIP), ["vip"], sample=0))
    assert (found.customers, found.entering_ids, found.examples) == (3, (), ())


def test_of_nobody_the_share_is_nothing() -> None:
    assert one(tried([], NONE, policy_of(vip=WANTS_VIP), ["vip"])).share == 0.0


def test_accounts_are_counted_apart_from_people() -> None:
    account = person(4)._replace(customer_id="account:acme")
    found = one(tried([person(3), account], NONE, policy_of(vip=WANTS_VIP), ["vip"]))
    assert (found.customers, found.share, found.accounts, found.entering) == (1, 1.0, 1, 1)
    alone = one(tried([person(1), account], NONE, policy_of(vip=WANTS_VIP), ["vip"]))
    assert [each.customer_id for each in alone.examples] == ["account:acme"]


def test_what_is_counted_is_what_publishing_would_bring() -> None:
    before, new = policy_of(vip=WANTS_VIP), policy_of(vip=WIDER, new="silence_days > 20")
    everybody = people(policy=before)
    published = [
        instruct(met.customer_id, met.state, 1, met.at_ms, new, None)[0] for met in everybody
    ]
    for found in tried(everybody, before, new, ["vip", "new"]):
        assert found.customers == sum(found.name in state.rules for state in published)


def test_a_rule_is_tried_where_it_or_one_that_it_names_has_changed() -> None:
    before = policy_of(vip=WANTS_VIP, rich='segment["vip"] and spend > 1', other="overdue")
    new = policy_of(vip=WIDER, rich='segment["vip"] and spend > 1', other="  overdue")
    assert to_be_tried((), before, new) == ["vip", "rich"]
    assert [status_of(each, before, new) for each in ("vip", "rich", "other")] == [
        *(CHANGED, CHANGED, SAME)
    ]


def test_new_and_removed_rules_are_tried_and_all_where_no_rule_differs() -> None:
    before, new = policy_of(a="overdue", b="won_back"), policy_of(a="overdue", c="spend > 1")
    assert to_be_tried((), before, new) == ["c", "b"]
    assert to_be_tried((), new, new) == ["a", "c"]


def test_all_rules_are_tried_where_the_rest_of_the_policy_differs() -> None:
    before, new = policy_of(a="overdue"), policy_of(a="overdue", b="won_back")
    older = new.model_copy(update={"lifecycle": policy_from_preset("fashion").lifecycle})
    assert to_be_tried((), before, older) == ["a", "b"]


def test_rules_that_are_asked_for_are_tried_and_unknown_ones_refused_with_the_nearest() -> None:
    new = policy_of(vip=WANTS_VIP, other="overdue")
    assert to_be_tried(["rule/vip", "vip"], new, new) == ["vip"]
    with pytest.raises(NoSuchRule, match=r"no rule segment 'vpi'; did you mean vip\?"):
        to_be_tried(["vpi"], new, new)


def a_log() -> Logbook:
    log = Logbook()
    for number, who in enumerate(CUSTOMERS, 1):
        log.purchase(who, START_MS + number, amount_minor=10_000 * number)
    log.event("merge", CUSTOMERS[1], START_MS + 10, into=CUSTOMERS[0])
    log.tick(START_MS + 10 * DAY_MS)
    return log


async def test_a_walk_meets_everyone_once_leaves_out_other_names_and_writes_nothing() -> None:
    store = await folded(a_log())
    await store.set_partitions(PARTITION + 1)
    before = (await store.load(PARTITION, CUSTOMERS, b"another nonce"))._replace(cursor=0)
    held = [PublishedPolicy(0, NONE)] * (PARTITION + 1)
    met = [each async for page in walk(store, held, 0) for each in page]
    assert sorted(each.customer_id for each in met) == sorted({*CUSTOMERS} - {CUSTOMERS[1]})
    assert {each.at_ms for each in met} == {START_MS + 10 * DAY_MS}
    assert (await store.load(PARTITION, CUSTOMERS, b"another nonce")) == before


async def test_progress_is_told_page_by_page() -> None:
    store = await folded(a_log())
    await store.set_partitions(PARTITION + 1)
    told: list[int] = []
    trial = Trial(NONE, policy_of(vip=WANTS_VIP), ["vip"])
    held = [PublishedPolicy(0, NONE)] * (PARTITION + 1)
    found = one(await check(store, held, trial, 0, told.append))
    assert (found.customers, told[-1], trial.customers) == (3, 4, 4)


def explained(met: Met, policy: Policy) -> list[str]:
    state, _ = instruct(met.customer_id, met.state, 1, met.at_ms, policy, None)
    return rules_explained(found_as(state), policy)


def found_as(state: CustomerState) -> Found:
    return Found(
        "p3",
        "p3",
        state,
        midnight(ASKED_DAY),
        live=False,
        partition=0,
        offset=0,
        population=None,
        packed=b"",
    )


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (
            "spend_365d >= 300 and lifecycle == 'dormant'",
            "because spend_365d is 300.00 (>= 300) and lifecycle is dormant",
        ),
        ("100 < spend <= 300", "because spend is 300.00 (> 100, <= 300)"),
        ("spend > 500 or profile.region == 'north'", "because profile.region is north"),
        (
            "not (won_back or spend > 500)",
            "because won_back is false and spend is 300.00 (not > 500)",
        ),
        ("lifecycle in ('new', 'dormant')", 'because lifecycle is dormant (in ("new", "dormant"))'),
        ("lifecycle != 'active'", 'because lifecycle is dormant (!= "active")'),
        ("profile.age == unknown", "because profile.age is unknown"),
        ("profile.region != unknown", "because profile.region is north"),
        ("'north' in profile.region", 'because profile.region is north (has "north")'),
        ("'x' not in profile.region", 'because profile.region is north (has not "x")'),
        ("profile.region != true", "because profile.region is north (!= true)"),
        ("silence_cycles > 4.5", "because silence_cycles is 4.762 (> 4.5)"),
    ],
)
def test_a_sentence_says_why_somebody_is_in_a_rule_segment(when: str, why: str) -> None:
    assert explained(person(3), policy_of(vip=when)) == [f'In "VIP" {why}.']


def test_of_many_reasons_the_first_eight_are_told() -> None:
    when = " and ".join(f"profile.a{n} == unknown" for n in range(10))
    (told,) = explained(person(3), policy_of(vip=when))
    assert told.endswith("profile.a7 is unknown and 2 more.")


def test_a_segment_that_the_policy_has_not_any_more_is_told_all_the_same() -> None:
    state = person(3).state._replace(rules=("gone",))
    assert rules_explained(found_as(state), NONE) == [
        'In "gone" by a rule that is no more in force.'
    ]


def test_values_are_told_in_major_units_and_cannot_steer_a_terminal() -> None:
    assert value_text(Fact("spend"), 81_240, "JPY") == "81240"
    assert value_text(Fact("profile", of="x"), "\x1b[2J", "USD") == "'\\x1b[2J'"
    assert value_text(Fact("overdue"), None, "USD") == "unknown"
