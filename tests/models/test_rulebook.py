"""Rules compiled: what joins conditions, what rules name of each other, and until when it holds."""

from __future__ import annotations

import pytest

from models.alerts import changes_in
from models.calendar import day_of
from models.customer import CustomerState
from models.events import Read
from models.ledger import Standing
from models.lifecycle import State
from models.policy import Policy, PolicyError, policy_from_preset
from models.rule_links import MAX_CONDITIONS, MAX_HEIGHT, checked, linked
from models.rule_syntax import parsed
from models.rule_tree import Condition, Fact, Op, RuleError, conditions_of
from models.rulebook import Rulebook
from models.step import instruct
from tests.models.shoppers import bought, engaged
from tests.support.story import CUSTOMER, GROCERY, midnight, noon, profile, refund, tell, tick

DAY_0 = day_of(noon(0), GROCERY.timezone)


def ruled_by(**rules: str) -> Policy:
    return policy_from_preset("grocery", segments={name: {"when": w} for name, w in rules.items()})


def book_of(**rules: str) -> Rulebook:
    return Rulebook({name: parsed(name, when) for name, when in rules.items()}, scale=100)


def told(*events: Read, until: int = 1) -> CustomerState:
    return tell(*events, tick(midnight(until))).customer


def within(state: CustomerState, **rules: str) -> tuple[str, ...]:
    return book_of(**rules).places(state, DAY_0 + 1, GROCERY).segments


def until(state: CustomerState, when: str, day: int = 1) -> int | None:
    """Days after day 0, of a rule's next deadline."""
    until_day = book_of(a=when).places(state, DAY_0 + day, GROCERY).until_day
    return None if until_day is None else until_day - DAY_0


SHOPPER = told(bought("e1", noon(0), 2_000), profile("p1", noon(0), tier="gold", vip=True))


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("spend >= 20", True),
        ("spend > 20", False),
        ("spend >= 20 and purchases == 1", True),
        ("spend >= 20 and purchases == 2", False),
        ("spend > 20 or purchases == 1", True),
        ("not (spend > 20 or purchases == 2)", True),
        ("not spend > 20 and not purchases == 2", True),
        ("spend >= 20 and not (purchases == 1 and silence_days == 1)", False),
        ("spend >= 20 and (purchases == 2 or not profile.tier == 'silver')", True),
        ("10 <= spend <= 20", True),
        ("profile.vip", True),
        ("profile.vip == 1", False),
        ("profile.vip == true and not profile.tier == true", True),
        ("profile.tier in ('silver', 'gold')", True),
        ("profile.tier not in ('silver', 'gold')", False),
        ("profile.region == 'North'", False),
        ("profile.region != 'North'", True),
        ("growth_30d > 3", False),
        ("not (growth_30d > 3) and not (growth_30d <= 3)", True),
        ("growth_30d == unknown", True),
        ("growth_30d != unknown", False),
        ("spend >= 20 and not spend >= 20", False),
        ("not spend >= 20 and purchases == 1 and spend >= 20", False),
        ("spend > 20 and not spend > 20", False),
        ("spend >= 20 and not spend >= 20.0", False),
        ("spend >= 20 or not spend >= 20", True),
    ],
)
def test_conditions_are_joined_as_they_read(when: str, holds: bool) -> None:
    assert within(SHOPPER, a=when) == (("a",) if holds else ())


def test_segments_are_named_in_order_and_the_same_bits_are_the_same_answer() -> None:
    rules = {"b": "spend > 5", "a": "spend > 6", "c": "spend > 600"}
    book = book_of(**rules)
    assert book.names == ("a", "b", "c")
    first = book.places(SHOPPER, DAY_0 + 1, GROCERY).segments
    assert first == ("a", "b")
    assert book.places(SHOPPER, DAY_0 + 2, GROCERY).segments is first
    assert bool(book)
    assert not book_of()


def test_a_rule_is_explained_condition_by_condition() -> None:
    rule = "spend >= 30 and (profile.tier == 'gold' or profile.region == 'North')"
    told_of = book_of(a=rule, b="spend > 1").explain("a", SHOPPER, DAY_0 + 1, GROCERY)
    assert [(each.fact, value, holds) for each, value, holds in told_of] == [
        (Fact("spend"), 2_000, False),
        (Fact("profile", of="tier"), "gold", True),
        (Fact("profile", of="region"), None, False),
    ]
    with pytest.raises(KeyError):
        book_of(a=rule).explain("b", SHOPPER, DAY_0, GROCERY)


def test_a_book_knows_what_it_reads() -> None:
    described = book_of(a="age_band == 'x' and days_since(profile.born) > 3 and known_days > 3")
    assert described.attributes == {"born", "birth_year", "age_band"}
    assert not described.reads_engagement
    other = book_of(a="overdue and tier == 'low' and satisfaction > 3 and spend > 3")
    assert other.attributes == frozenset()
    assert other.reads_engagement


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("silence_days < 30", 30),
        ("silence_days in (3, 4)", 3),
        ("silence_days <= 0.5", None),
        ("tenure_days > 9", 10),
        ("silence_cycles >= 2", 13),
        ("spend_30d > 0", 30),
        ("spend_90d > 0 and purchases_30d == 1", 30),
        ("average_order_value_365d > 0", 365),
        ("spend > 0", None),
        ("growth_30d < 0", 30),
        ("spend_30d > 30", None),
        ("category['tea'].silence_days > 7", None),
        ("silence_days < 99999999", None),
        ("silence_cycles > 9007199254740992", None),
        ("days_until(profile.born) < 3", None),
        ("age_band == 'under 18'", None),
    ],
)
def test_a_rule_is_looked_at_again_when_time_may_change_it(when: str, day: int | None) -> None:
    assert until(SHOPPER, when) == day


def test_growth_of_somebody_new_becomes_known_when_the_window_has_rolled_past() -> None:
    policy = ruled_by(shrinking="growth_30d <= -0.5")
    state = tell(bought("e1", noon(0)), tick(midnight(1)), policy=policy).customer
    assert state.rules_ms == midnight(30)
    effects = tell(tick(midnight(70)), policy=policy, state=state).effects
    assert [(each.after or each.before, each.since_ms) for each in effects if each.scheme] == [
        ("shrinking", midnight(30)),
        ("shrinking", midnight(60)),
    ]


def test_a_sum_that_falls_in_steps_is_looked_at_when_it_falls_below() -> None:
    events = [bought(f"e{day}", noon(day), 1_000) for day in (0, 4, 8)]
    state = told(*events, until=9)
    assert until(state, "spend_30d >= 20", 9) == 34
    assert until(state, "spend_30d == 0", 9) == 38
    assert until(state, "purchase_days_30d in (1, 5)", 9) == 34


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("age_band == '18-24'", 2_557),
        ("age_band in ('18-24', '25-34')", 6_210),
        ("days_until(profile.renewal) < 3", 150),
        ("days_since(profile.renewal) >= 0", 152),
        ("known_days > 30", 31),
    ],
)
def test_what_a_profile_tells_changes_with_the_calendar(when: str, day: int) -> None:
    assert until(told(profile("p1", noon(0), birth_year=2006, renewal="2024-06-01")), when) == day


def test_a_sum_rises_again_when_what_was_given_back_leaves_the_window() -> None:
    events = [bought("e1", noon(0)), refund("r1", noon(5), order="x"), bought("e2", noon(9))]
    state = told(*events, until=10)
    assert until(state, "spend_30d >= 10", 10) == 30
    assert until(state, "spend_30d >= 10", 31) == 35
    assert until(state, "spend_30d >= 10", 36) == 39


def test_of_many_days_some_are_looked_at_and_the_others_when_those_are_gone() -> None:
    amounts = [1_000] * 10 + [91_000] * 2
    events = [bought(f"e{day}", noon(day), amount) for day, amount in enumerate(amounts)]
    policy = ruled_by(dear="average_order_value_30d > 500")
    state = tell(*events, policy=policy).customer
    assert state.rules_ms == midnight(37)
    (entered,) = (
        e for e in tell(tick(midnight(40)), policy=policy, state=state).effects if e.scheme
    )
    assert (entered.after, entered.since_ms) == ("dear", midnight(38))


def test_when_rules_go_so_do_their_members() -> None:
    policy = ruled_by(a="spend > 1", b="spend_30d > 1")
    state = tell(bought("e1", noon(0)), policy=policy).customer
    assert (state.rules, state.rules_ms) == (("a", "b"), midnight(30))
    left, effects = instruct(CUSTOMER, state, 2, noon(1), GROCERY, None)
    assert (left.rules, left.rules_ms) == ((), None)
    assert [(each.type.value, each.before) for each in changes_in(effects)] == [
        ("segment.exited", "a"),
        ("segment.exited", "b"),
    ]


def test_only_a_profile_or_an_engagement_that_rules_read_lets_them_be_asked() -> None:
    policy = ruled_by(gold="profile.tier == 'gold'", glad="satisfaction > 3", old="known_days > 3")
    events = [
        profile("p1", noon(1), tier="gold"),
        profile("p2", noon(2), tier="tin", other=1),
        engaged("v1", noon(3), "survey", 5),
        profile("p3", noon(0), other=2),
    ]
    effects = tell(*events, policy=policy).effects
    assert [(each.type.value, each.scheme, each.cause.why.value) for each in effects[1:]] == [
        ("segment.entered", "rule/gold", "profile"),
        ("segment.exited", "rule/gold", "profile"),
        ("segment.entered", "rule/glad", "engagement"),
    ]
    late = tell(*events, profile("p4", noon(-2), other=1), policy=policy)
    assert late.customer.rules == ("glad", "old")
    assert late.effects[-1].cause.why.value == "profile"


def condition_of(name: str) -> Condition:
    rule = linked({"a": parsed("a", f'segment["{name}"]')})["a"]
    assert isinstance(rule, Condition)
    return rule


@pytest.mark.parametrize(
    ("name", "fact", "value"),
    [
        ("lifecycle/active", Fact("lifecycle"), "active"),
        ("tier/high", Fact("tier"), "high"),
        ("risk/elevated", Fact("risk"), "elevated"),
        ("rfm.quintile/loyal", Fact("rfm", of="quintile"), "loyal"),
        ("value.spend/better", Fact("value", of="spend"), "better"),
        ("cluster/3", Fact("cluster"), 3),
        ("flag/overdue", Fact("overdue"), True),
        ("flag/won_back", Fact("won_back"), True),
    ],
)
def test_a_segment_of_another_kind_is_the_condition_that_it_is_the_name_of(
    name: str, fact: Fact, value: object
) -> None:
    found = condition_of(name)
    assert (found.fact, found.op, found.value) == (fact, Op.EQ, value)


def test_segments_of_all_kinds_hold_of_who_is_in_them() -> None:
    ledger = SHOPPER.current._replace(standing=Standing(State.ACTIVE, overdue=True))
    groups = {"cluster": "3", "quintile": "loyal", "value.spend": "better", "risk": "high"}
    state = SHOPPER._replace(current=ledger, groups=groups)
    names = ("lifecycle/active", "rfm.quintile/loyal", "value.spend/better", "cluster/3")
    rules = {f"s{n}": f'segment["{name}"]' for n, name in enumerate((*names, "flag/overdue"))}
    assert within(state, **rules, no='segment["risk/low"]', n2='segment["cluster/4"]') == tuple(
        rules
    )


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('segment["{}"]', (True, False)),
        ('segment["rule/{}"]', (True, False)),
        ('not segment["{}"]', (False, True)),
        ('segment["{}"] == false', (False, True)),
        ('segment["{}"] != true', (False, True)),
        ('segment["{}"] in (true, false)', (True, True)),
        ('segment["{}"] in [false]', (False, True)),
        ('segment["{}"] not in [false]', (True, False)),
        ('segment["{}"] != unknown', (True, True)),
        ('segment["{}"] == unknown', (False, False)),
    ],
)
def test_of_a_segment_one_is_a_member_or_not(when: str, holds: tuple[bool, bool]) -> None:
    base = {"in": "spend > 1 and purchases > 0", "out": "spend > 999"}
    found = within(SHOPPER, **base, a=when.format("in"), b=when.format("out"))
    assert tuple(each in found for each in ("a", "b")) == holds


def test_rules_may_name_rules_that_name_others_in_any_order() -> None:
    rules = {
        "all": 'segment["rich"] and segment["new"]',
        "rich": 'spend > 10 or segment["lifecycle/churned"]',
        "new": 'not segment["rich"] or silence_days < 3',
    }
    assert within(SHOPPER, **rules) == ("all", "new", "rich")
    assert list(linked({name: parsed(name, when) for name, when in rules.items()})) == list(rules)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            {"a": 'segment["a"]'},
            "segments.a.when, line 1, column 1: a ring of segments: a → a; take one out of it",
        ),
        (
            {"a": "spend > 1", "b": 'segment["c"]', "c": 'overdue and segment["rule/b"]'},
            "segments.c.when, line 1, column 13: a ring of segments: b → c → b; take one out of it",
        ),
        (
            {"x": 'segment["b"]', "c": 'segment["a"]', "b": 'segment["c"]', "a": 'segment["b"]'},
            "segments.b.when, line 1, column 1: a ring of segments: c → a → b → c; take one out of it",
        ),
        (
            {"vip": "spend > 1", "a": 'overdue or segment["vips"]'},
            'segments.a.when, line 1, column 12: unknown segment "vips"; did you mean "vip"?',
        ),
        (
            {"a": 'segment["lifecycle/asleep"]', "b": "overdue"},
            'unknown segment "lifecycle/asleep"; ',
        ),
        ({"a": 'segment["rfm.quintil/loyal"]'}, 'did you mean "rfm.quintile/loyal"?'),
        ({"a": 'segment["flag/rich"]'}, 'unknown segment "flag/rich"; '),
        ({"a": 'segment["cluster/x"]'}, 'unknown segment "cluster/x"; '),
        ({"a": 'segment["value.spend/"]'}, 'unknown segment "value.spend/"; '),
        ({"zzz": 'segment["0"]'}, "there are zzz"),
    ],
)
def test_a_segment_that_is_not_there_and_a_ring_are_refused(
    rules: dict[str, str], says: str
) -> None:
    with pytest.raises(RuleError) as raised:
        book_of(**rules)
    assert says in str(raised.value)


def test_rules_that_double_with_each_name_are_refused_before_they_fill_memory() -> None:
    rules = {f"s{n}": f'segment["s{n + 1}"] or segment["s{n + 1}"]' for n in range(60)}
    with pytest.raises(PolicyError, match=f"more than {MAX_CONDITIONS} conditions; name fewer"):
        ruled_by(**rules, s60="spend > 1")


def test_rules_nested_in_each_other_without_end_are_refused() -> None:
    rules = {f"s{n}": f'segment["s{n + 1}"] and overdue' for n in range(700)}
    with pytest.raises(PolicyError, match=f"more than {MAX_HEIGHT} deep; name fewer"):
        ruled_by(**rules, s700="spend > 1")


def test_names_of_names_may_form_a_long_chain() -> None:
    rules = {f"s{n}": f'segment["s{n + 1}"]' for n in range(700)}
    book = book_of(**rules, s700="spend > 1")
    assert len(book.places(SHOPPER, DAY_0, GROCERY).segments) == 701
    assert len(list(conditions_of(book.rules["s0"]))) == 1


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("rfm.china8 == 'loyal'", None),
        ("rfm.quintile == 'loyal'", "groups of rfm.quintile are not kept"),
        ("category['tea'].spend > 1", None),
        ("brand['x'].spend > 1", "the brand of purchases is not kept"),
        ("brand_loyalty > 0.5", "the brand of purchases is not kept"),
        ("categories > 1", None),
        ("value.spend == 'good'", None),
        ("value.spend in ('good', 'bad')", 'value.spend has no tier "bad"'),
        ("value.spent == 'good'", "unknown value scheme 'spent'; did you mean value.spend?"),
        ("value.x == unknown", "unknown value scheme 'x'; there are spend"),
    ],
)
def test_what_the_policy_does_not_keep_is_refused(when: str, says: str | None) -> None:
    tiers = {"spend": ("better", "good")}
    rule = parsed("a", when.replace("'loyal'", "'important_value'") if "china8" in when else when)
    if says is None:
        checked("a", rule, ["china8"], ["category"], tiers)
        return
    with pytest.raises(RuleError) as raised:
        checked("a", rule, ["china8"], ["category"], tiers)
    assert says in str(raised.value)


def test_without_any_value_scheme_it_is_told_where_to_define_one() -> None:
    with pytest.raises(RuleError, match=r"define one under \[value.NAME\]"):
        checked("a", parsed("a", "value.x == 'good'"), [], [], {})
