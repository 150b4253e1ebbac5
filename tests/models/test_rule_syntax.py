"""The language of rule segments: what is read, what it means and where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.churn import BANDS
from models.lifecycle import State
from models.outlook import TIERS
from models.rule_names import BY_NAME, CATALOGUE, LABELS, SCHEMES, Kind
from models.rule_syntax import (
    AllOf,
    AnyOf,
    Condition,
    Fact,
    Not,
    Op,
    Place,
    Rule,
    RuleError,
    Value,
    conditions_of,
    facts_of,
    parsed,
    row_of,
)
from models.rule_text import as_text, fact_text

NOWHERE = Place(1, 1)


def on(fact: Fact, op: Op, value: Value, column: int = 1, line: int = 1) -> Condition:
    return Condition(fact, op, value, Place(line, column))


def placeless(rule: Rule) -> Rule:
    match rule:
        case Condition():
            return rule._replace(place=NOWHERE)
        case Not(of=inner):
            return Not(placeless(inner))
        case AllOf(of=parts):
            return AllOf(tuple(map(placeless, parts)))
        case AnyOf(of=parts):
            return AnyOf(tuple(map(placeless, parts)))


def places(text: str) -> list[Place]:
    return [condition.place for condition in conditions_of(parsed("s", text))]


def test_the_rule_of_the_docs_is_read() -> None:
    text = 'spend_90d >= 250 and lifecycle in ("new", "active") and not profile.region == "North"'
    assert parsed("big-spenders", text) == AllOf(
        (
            on(Fact("spend", 90), Op.GE, 250, 1),
            on(Fact("lifecycle"), Op.IN, ("new", "active"), 22),
            Not(on(Fact("profile", of="region"), Op.EQ, "North", 61)),
        )
    )


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("spend > 250.50", on(Fact("spend"), Op.GT, 250.50)),
        ("spend_365d < 1_000", on(Fact("spend", 365), Op.LT, 1000)),
        ("margin_30d <= -5", on(Fact("margin", 30), Op.LE, -5)),
        ("growth_30d < -0.5", on(Fact("growth", 30), Op.LT, -0.5)),
        ("cluster == +3", on(Fact("cluster"), Op.EQ, 3)),
        ("discount_share_90d >= 1", on(Fact("discount_share", 90), Op.GE, 1)),
        ("first_purchase < '2026-01-31'", on(Fact("first_purchase"), Op.LT, "2026-01-31")),
        ('tier == "high"', on(Fact("tier"), Op.EQ, "high")),
        ('lifecycle in ["new"]', on(Fact("lifecycle"), Op.IN, ("new",))),
        ('lifecycle in {"new", "active"}', on(Fact("lifecycle"), Op.IN, ("new", "active"))),
        ('rfm.quintile == "loyal"', on(Fact("rfm", of="quintile"), Op.EQ, "loyal")),
        ('rfm["braze"] == "promising"', on(Fact("rfm", of="braze"), Op.EQ, "promising")),
        ('value.margin == "gold"', on(Fact("value", of="margin"), Op.EQ, "gold")),
        ('value["next-year"] == "gold"', on(Fact("value", of="next-year"), Op.EQ, "gold")),
        ("profile.children > 2", on(Fact("profile", of="children"), Op.GT, 2)),
        ('profile["Größe"] == "L"', on(Fact("profile", of="Größe"), Op.EQ, "L")),
        ("profile.since < '2020-01-01'", on(Fact("profile", of="since"), Op.LT, "2020-01-01")),
        ("profile.letters == false", on(Fact("profile", of="letters"), Op.EQ, value=False)),
        ("profile.letters", on(Fact("profile", of="letters"), Op.EQ, value=True)),
        ("won_back", on(Fact("won_back"), Op.EQ, value=True)),
        ("overdue == True", on(Fact("overdue"), Op.EQ, value=True)),
        ('segment["vip"]', on(Fact("segment", of="vip"), Op.EQ, value=True)),
        (
            'segment["rfm.quintile/loyal"] == false',
            on(Fact("segment", of="rfm.quintile/loyal"), Op.EQ, value=False),
        ),
        ('category["DAIRY"].spend_90d > 9', on(Fact("category.spend", 90, "DAIRY"), Op.GT, 9)),
        ('brand["Acme"].share >= 0.5', on(Fact("brand.share", 0, "Acme"), Op.GE, 0.5)),
        (
            'payment_method["cash"].purchase_days_30d == 0',
            on(Fact("payment_method.purchase_days", 30, "cash"), Op.EQ, 0),
        ),
        ('store["7"].silence_days < 8', on(Fact("store.silence_days", 0, "7"), Op.LT, 8)),
        (
            'engagement["visit"].days_ago > 30',
            on(Fact("engagement.days_ago", of="visit"), Op.GT, 30),
        ),
        ("days_until(profile.birthday) <= 7", on(Fact("days_until", of="birthday"), Op.LE, 7)),
        ('days_since(profile["a b"]) > 7', on(Fact("days_since", of="a b"), Op.GT, 7)),
        ("satisfaction != unknown", on(Fact("satisfaction"), Op.KNOWN, None)),
    ],
)
def test_a_condition_is_read(text: str, condition: Condition) -> None:
    assert parsed("s", text) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("250 <= spend_90d", on(Fact("spend", 90), Op.GE, 250, 8)),
        ("250 < spend", on(Fact("spend"), Op.GT, 250, 7)),
        ("250 >= spend", on(Fact("spend"), Op.LE, 250, 8)),
        ("250 > spend", on(Fact("spend"), Op.LT, 250, 7)),
        ('"high" == tier', on(Fact("tier"), Op.EQ, "high", 11)),
    ],
)
def test_a_value_may_stand_on_the_left(text: str, condition: Condition) -> None:
    assert parsed("s", text) == condition


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("spend != 3", on(Fact("spend"), Op.EQ, 3)),
        ("tier not in ('low', 'high')", on(Fact("tier"), Op.IN, ("low", "high"))),
        ("tier == unknown", on(Fact("tier"), Op.KNOWN, None)),
        ("'golf' not in profile.likes", on(Fact("profile", of="likes"), Op.HAS, "golf", 15)),
        ("not overdue", on(Fact("overdue"), Op.EQ, value=True, column=5)),
    ],
)
def test_what_is_denied_is_a_not(text: str, inner: Condition) -> None:
    assert parsed("s", text) == Not(inner)


def test_an_attribute_may_hold_a_list() -> None:
    condition = on(Fact("profile", of="interests"), Op.HAS, "running", 14)
    assert parsed("s", '"running" in profile.interests') == condition


def test_a_chain_is_all_of_its_pairs() -> None:
    assert parsed("s", "100 <= spend < 200") == AllOf(
        (on(Fact("spend"), Op.GE, 100, 8), on(Fact("spend"), Op.LT, 200, 8))
    )


def test_and_binds_more_than_or_and_brackets_most() -> None:
    flags = {name: on(Fact(name), Op.EQ, value=True) for name in ("overdue", "won_back")}
    a, b = flags["overdue"], flags["won_back"]
    assert placeless(parsed("s", "overdue or won_back and overdue")) == AnyOf((a, AllOf((b, a))))
    assert placeless(parsed("s", "not (overdue and won_back)")) == Not(AllOf((a, b)))
    assert placeless(parsed("s", "(overdue or won_back) and overdue")) == AllOf((AnyOf((a, b)), a))


def test_a_rule_may_have_lines_and_comments() -> None:
    text = 'overdue  # silent\n  and "(" in profile.notes\r\n\r\n  and tier == "high" # last\n'
    assert places(text) == [(1, 1), (2, 14), (4, 7)]


def test_columns_count_characters_not_bytes() -> None:
    text = 'profile.城市 == "北京市" and category["乳制品"].spend > 3\n or "跑步" in profile.爱好'
    assert places(text) == [(1, 1), (1, 25), (2, 13)]
    assert list(facts_of(parsed("s", text))) == [
        Fact("profile", of="城市"),
        Fact("category.spend", of="乳制品"),
        Fact("profile", of="爱好"),
    ]


def test_each_fact_is_named_once_in_order_of_appearance() -> None:
    rule = parsed("s", "spend > 3 and not (tier == 'low' or 5 > spend) and spend_90d > 1")
    assert list(facts_of(rule)) == [Fact("spend"), Fact("tier"), Fact("spend", 90)]


def test_a_rule_of_200_conditions_nested_50_deep_is_read() -> None:
    wide = " or ".join(f"items=={n}" for n in range(200))
    assert len(list(facts_of(parsed("s", wide)))) == 1
    deep = parsed("s", "not " * 49 + "overdue")
    assert parsed("s", as_text(deep)) == deep


def test_the_words_of_choices_are_those_of_the_house() -> None:
    assert BY_NAME["lifecycle"].words == tuple(State)
    assert (BY_NAME["tier"].words, BY_NAME["risk"].words) == (TIERS, BANDS)


def test_the_catalogue_explains_every_name_in_both_languages() -> None:
    assert len(BY_NAME) == len(CATALOGUE) == 36 + len(SCHEMES) + 6 + 4 * len(LABELS)
    for row in CATALOGUE:
        assert row.en.isascii(), row
        assert any("一" <= sign <= "鿿" for sign in row.zh), row
        assert bool(row.words) == (row.kind is Kind.CHOICE), row


def test_every_fact_of_the_catalogue_reads_back() -> None:
    for row in CATALOGUE:
        name, _, scheme = row.name.partition(".")
        fact = Fact("rfm", of=scheme) if name == "rfm" else Fact(row.name, row.windows[-1])
        if not fact.of and row.name not in BARE:
            fact = fact._replace(of='any "name"')
        assert parsed("s", f"{fact_text(fact)} != unknown") == on(fact, Op.KNOWN, None)
        assert row_of(fact) is row


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("250<=spend_90d", "spend_90d >= 250"),
        ("not tier=='low'", 'tier != "low"'),
        ("not not (tier in {'low'})", 'not tier not in ["low"]'),
        ("100<=spend<200 or overdue", "(spend >= 100 and spend < 200) or overdue"),
        ("won_back == False", "won_back == false"),
        ("not satisfaction!=unknown", "satisfaction == unknown"),
        ('profile["region"] == "a\\"\\n北"', 'profile.region == "a\\"\\n北"'),
        ('profile["class"] in (1, True, 1.5)', 'profile["class"] in (1, true, 1.5)'),
        ("not 'a' in profile.x", '"a" not in profile.x'),
        ("'a' in profile['x']", '"a" in profile.x'),
        ("spend > 1e3 # much", "spend > 1000.0"),
    ],
)
def test_a_rule_has_one_canonical_text(text: str, canonical: str) -> None:
    rule = parsed("s", text)
    assert as_text(rule) == canonical
    assert placeless(parsed("s", canonical)) == placeless(rule)


BARE = {
    row.name
    for row in CATALOGUE
    if "." not in row.name
    and row.name not in {"value", "profile", "segment", "days_since", "days_until"}
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = texts.filter(str.strip)
items = texts.filter(lambda text: text and text == text.strip() and "," not in text)
numbers = st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15)
dates = st.dates().map(str)
orders = st.sampled_from([Op.LT, Op.LE, Op.EQ, Op.GE, Op.GT])
FITTING: dict[Kind, st.SearchStrategy[bool | float | str]] = {
    Kind.NUMBER: numbers,
    Kind.MONEY: numbers,
    Kind.SHARE: st.floats(0, 1),
    Kind.TEXT: texts,
    Kind.FLAG: st.booleans(),
    Kind.DATE: dates,
    Kind.ANY: numbers | texts | st.booleans(),
}


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    row = draw(st.sampled_from(CATALOGUE))
    of = "" if row.name in BARE else draw(names)
    fact = Fact(row.name, draw(st.sampled_from(row.windows)), of)
    if row.name.startswith("rfm."):
        fact = Fact("rfm", of=row.name.removeprefix("rfm."))
    value = st.sampled_from(row.words) if row.words else FITTING[row.kind]
    cases = [
        st.tuples(st.just(Op.KNOWN), st.none()),
        st.tuples(st.just(Op.EQ), value),
        st.tuples(st.just(Op.IN), st.lists(value, min_size=1, max_size=3).map(tuple)),
    ]
    if row.kind in {Kind.NUMBER, Kind.MONEY, Kind.SHARE, Kind.DATE}:
        cases.append(st.tuples(orders, value))
    if row.kind is Kind.ANY:
        cases.append(st.tuples(orders, numbers | dates))
        cases.append(st.tuples(st.just(Op.HAS), items))
    op, given_value = draw(st.one_of(cases))
    return Condition(fact, op, given_value, NOWHERE)


def joined(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    several = st.lists(rules, min_size=2, max_size=3).map(tuple)
    return rules.map(Not) | several.map(AllOf) | several.map(AnyOf)


@given(st.recursive(conditions(), joined, max_leaves=8))
def test_a_tree_reads_back_from_its_text(rule: Rule) -> None:
    assert placeless(parsed("s", as_text(rule))) == rule


SCRAPS = [
    "spend_90d", "tier", "overdue", "profile", "segment", "category", "rfm", ".", "[", "]", "(",
    ")", '"', "'", '"low"', "3", "0.5", "-", "+", "/", "<", "<=", "==", "!=", "=", "!", "&", "and",
    "or", "not", "in", "is", "if", "else", "for", "lambda", ":", ":=", "*", "**", ",", "unknown",
    "true", "None", "days_since", "#", "\n", "\r", "\\", "f'{", "}", "{", "\x00", "北", "\ud800",
    "\uff08", "\u201c", "1e999", "await", "yield", "~", "@", "...", "_30d", "1_0", "0x", "b''", "\x0c",
]  # fmt: skip


@settings(max_examples=400)
@given(st.text() | st.lists(st.sampled_from(SCRAPS), max_size=25).map(" ".join))
def test_any_text_gives_a_tree_or_a_rule_error(text: str) -> None:
    try:
        rule = parsed("s", text)
    except RuleError as error:
        refused: RuleError | None = error
    else:
        refused = None
        assert placeless(parsed("s", as_text(rule))) == placeless(rule)
    if refused is not None:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert 1 <= refused.line <= len(lines)
        assert 1 <= refused.column <= len(lines[refused.line - 1]) + 1
        assert refused.remedy


@pytest.mark.parametrize(
    "text",
    ["(" * 3999, "not " * 999 + "a", "-" * 3000 + "1", "a." * 1900 + "a", "a(" * 90 + ")" * 90,
     "f(" * 1990, "[" * 2000 + "]" * 2000, "a" + "()" * 1990, "x if x else " * 300 + "x",
     "lambda:" * 500 + "x", "a[" * 99 + "0" + "]" * 99, '"' * 3999, "1<" * 1900 + "a"],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_an_extreme_text_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parsed("s", text)
