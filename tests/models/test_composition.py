"""What a base is made of: tables that add up, that divide by nobody nowhere, that say what is not known."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from models.composition import (
    MOST_ATTRIBUTES,
    Table,
    attribute_tables,
    kinds,
    label_tables,
    segment_tables,
    totals,
    values_of,
)
from models.composition_crossed import (
    UnknownAxis,
    axis_named,
    composition,
    cross_tables,
    default_axes,
    movement_tables,
)
from models.crosstab import MAX_PAIRS, Crosstab, crosstab_of
from models.customer import CustomerState
from models.daybook import label_key
from models.member import NUMBERS, Bought, Member
from models.policy import policy_from_toml
from models.sight import Sight
from models.survey import Moment, Moved, Survey
from models.whereabouts import NOWHERE, UNKNOWN

POLICY = policy_from_toml("""
preset = "grocery"
[segments.vip]
when = 'spend >= 100'
[segments.nobody]
when = 'spend >= 100000'
""")
TODAY = date(2024, 6, 1).toordinal()
MOMENT = Moment(0, TODAY, "USD", "v", 3)
ACTIVE, DORMANT = {"lifecycle": "lifecycle/active"}, {"lifecycle": "lifecycle/dormant"}


def member(
    spent_minor: int = 0,
    purchases: int = 0,
    segments: dict[str, str] | None = None,
    bought: tuple[tuple[str, int, int], ...] = (),
    **words: str,
) -> Member:
    """Somebody of whom nothing but this is known."""
    known = {
        "spend_365d": spent_minor,
        "purchases_365d": purchases,
        "average_order_value_365d": spent_minor // purchases if purchases else None,
    }
    numbers = tuple(known.get(each.name) for each in NUMBERS)
    labels = tuple(Bought(label_key("category", name), days, spent) for name, days, spent in bought)
    sight = Sight(CustomerState(known_since_ms=0), TODAY, POLICY)
    return Member("c", sight, 0, segments or ACTIVE, numbers, labels, tuple(words.items()))


def survey(*members: Member) -> Survey:
    found = Survey()
    for each in members:
        found.take(each)
    return found


def named(tables: list[Table], name: str) -> Table:
    [found] = [each for each in tables if each.name == name]
    return found


def test_a_base_of_nobody_divides_by_nobody() -> None:
    tables = composition(Survey(), MOMENT, POLICY)
    assert totals(Survey()).rows == ((None, 0, 0, 0, 0, 0, None, None, None),)
    shares = {
        cell
        for table in tables
        for row in table.rows
        for column, cell in zip(table.columns, row, strict=True)
        if column.unit == "share"
    }
    assert shares == {None}
    assert [each.name for each in tables if each.name.startswith("segments.")] == [
        *("segments.lifecycle", "segments.flag", "segments.rule")
    ]


def test_of_segments_it_tells_size_worth_and_who_moved() -> None:
    base = survey(member(300, 2), member(100, 2), member(0, 0, DORMANT))
    base.moved["lifecycle/dormant"] = Moved(2, 1)
    lifecycle = named(list(segment_tables(base, POLICY)), "segments.lifecycle")
    rows = {row[0]: row[1:] for row in lifecycle.rows}
    assert rows["lifecycle/active"] == (2, 0.667, 400, 1.0, 100, 0, 0)
    assert rows["lifecycle/dormant"] == (1, 0.333, 0, 0.0, None, 2, 1)
    assert None not in rows


def test_who_is_in_no_group_of_a_kind_is_told_apart() -> None:
    grouped = ACTIVE | {"cluster": "cluster/10"}
    base = survey(member(500, 1, grouped), member(300, 3), member(100, 1))
    clusters = named(list(segment_tables(base, POLICY)), "segments.cluster")
    assert clusters.rows == (
        ("cluster/10", 1, 0.333, 500, 0.556, 500, 0, 0),
        (None, 2, 0.667, 400, 0.444, 100, None, None),
    )
    assert clusters.rest == "none"


def test_clusters_stand_by_their_numbers_rules_come_last_and_accounts_nowhere() -> None:
    some = [member(segments={"cluster": f"cluster/{each}"}) for each in (10, 9)]
    base = survey(*some, member(segments={"rule/vip": "rule/vip", "x": "account.rule/vip"}))
    found = kinds(base, POLICY)
    assert found["cluster"] == ["cluster/9", "cluster/10"]
    assert list(found)[-1] == "rule"
    assert found["rule"] == ["rule/vip", "rule/nobody"]
    assert not any("account." in each for each in found)


def test_of_an_attribute_it_tells_worth_and_how_many_are_unknown() -> None:
    base = survey(member(300, 1, region="north"), member(100, 1, region="south"), member(50, 1))
    [region] = attribute_tables(base)
    assert region.rows == (
        ("north", 1, 0.333, 300, 0.667, 300),
        ("south", 1, 0.333, 100, 0.222, 100),
        (None, 1, 0.333, 50, 0.111, 50),
    )
    assert region.rest == "unknown"


def test_bands_stand_in_their_order_and_other_values_by_how_many_have_them() -> None:
    bands = ["65+", "Under 15K", "15-24K", "under 15", "150-174K", "25-34K"]
    base = survey(*(member(band=each) for each in bands), *(member(pet=each) for each in "baab"))
    assert list(values_of(base, "band")) == [
        *("Under 15K", "under 15", "15-24K", "25-34K", "65+", "150-174K")
    ]
    assert list(values_of(base, "pet")) == ["a", "b"]


def test_only_the_best_known_attributes_have_tables_and_the_one_that_is_asked_for() -> None:
    many = tuple((f"a{n:02}", "x") for n in range(MOST_ATTRIBUTES + 5))
    base = survey(member()._replace(words=many))
    assert len(list(attribute_tables(base))) == MOST_ATTRIBUTES
    assert len(list(attribute_tables(base, ["a16"]))) == MOST_ATTRIBUTES + 1


def test_labels_beyond_the_largest_are_one_row() -> None:
    base = survey(
        member(600, 2, bought=(("tea", 2, 300), ("rice", 1, 200))),
        member(0, 1, bought=(("tea", 1, 400), ("jam", 3, 100))),
    )
    base.names[label_key("category", "tea")] = "tea"
    [bought] = label_tables(base, top=1)
    assert bought.rows == (("tea", 2, 1.0, 3, 700, 0.7), (None, None, None, None, 300, 0.3))
    assert (bought.rest, bought.others) == ("others", 2)
    [all_of_it] = label_tables(base, top=3)
    assert [row[0] for row in all_of_it.rows][1].startswith("#")  # type: ignore[union-attr]
    assert all_of_it.others == 0


def test_segments_are_crossed_with_an_attribute_and_with_other_segments() -> None:
    risky = ACTIVE | {"risk": "risk/high", "rule/vip": "rule/vip"}
    base = survey(member(region="north", segments=risky), member(segments=DORMANT))
    counts, shares = cross_tables(base, POLICY, axis_named("profile.region", base, POLICY))
    assert counts.rows[0] == (None, 2, 1, 1)
    assert ("rule/vip", 1, 1, 0) in counts.rows
    assert ("lifecycle/dormant", 1, 0.0, 1.0) in shares.rows
    counts, _ = cross_tables(base, POLICY, axis_named("lifecycle", base, POLICY))
    assert [each.name for each in counts.columns[2:]] == [*sorted(base.segments)[:2], None]
    assert counts.rows == ((None, 2, 1, 1, 0), ("risk/high", 1, 1, 0, 0), ("rule/vip", 1, 1, 0, 0))
    counts, _ = cross_tables(base, POLICY, axis_named("segment.vip", base, POLICY))
    assert ("risk/high", 1, 1, 0) in counts.rows
    assert "rule/vip" not in {row[0] for row in counts.rows}


def test_the_best_known_attributes_are_crossed_else_the_lifecycle() -> None:
    base = survey(
        *(member(pet="cat", shoe="1", one="x"), member(pet="dog", shoe="2", one="x")),
        *(member(pet="cat", age_band="18-24"), member(age_band="25-34")),
    )
    assert [each.name for each in default_axes(base, POLICY)] == ["pet", "age_band"]
    assert [each.name for each in default_axes(survey(member()), POLICY)] == ["lifecycle"]


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("regoin", "did you mean region"),
        ("profile.regoin", "did you mean profile.region"),
        ("segment.vpi", "did you mean segment.vip"),
        ("weather", "there are: profile.region, lifecycle"),
        ("tag", "more than 50 values"),
    ],
)
def test_a_name_that_means_nothing_is_told_what_is_near_and_what_there_is(
    by: str, says: str
) -> None:
    base = survey(member(region="north"), *(member(tag=f"t{each}") for each in range(60)))
    with pytest.raises(UnknownAxis, match=says):
        axis_named(by, base, POLICY)


def test_movement_tells_where_people_were_and_of_whom_it_is_not_kept() -> None:
    base = survey(member(), member(segments=DORMANT))
    base.staying.flows = {
        "lifecycle": Counter(
            {
                ("lifecycle/active", "lifecycle/dormant"): 1,
                ("lifecycle/active", "lifecycle/active"): 3,
                (NOWHERE, "lifecycle/new"): 2,
                (UNKNOWN, "lifecycle/active"): 1,
            }
        )
    }
    counts, shares = movement_tables(base, POLICY)
    assert counts.name == "movement.lifecycle"
    assert [each.name for each in counts.columns[2:]] == [
        *("lifecycle/new", "lifecycle/active", "lifecycle/dormant")
    ]
    assert counts.rows == (
        ("lifecycle/active", 4, 0, 3, 1),
        (None, 2, 2, 0, 0),
        (UNKNOWN, 1, 0, 1, 0),
    )
    assert shares.rows[0] == ("lifecycle/active", 4, 0.0, 0.75, 0.25)


def test_pairs_of_segments_add_up_and_are_kept() -> None:
    one = Crosstab()
    places = {"a": "risk/high", "b": "rule/vip"}
    one.add(places, [("pet", "cat"), ("email", "a@b")], 2, 500)
    one.add(places, [("pet", "cat")], 1, 100)
    assert one.both("rule/vip", "risk/high") == 2
    again = crosstab_of(one.plain(lambda attribute: attribute == "pet"))
    assert again.pairs == one.pairs
    assert (again.purchases, again.spent_minor) == ({("pet", "cat"): 3}, {("pet", "cat"): 600})


def test_pairs_beyond_what_is_counted_are_left_out_and_that_is_told() -> None:
    tabs = Crosstab()
    tabs.pairs.update({(str(each), "z"): 1 for each in range(MAX_PAIRS)})
    tabs.add({"a": "0", "b": "z", "c": "y"}, [], 0, 0)
    assert (tabs.both("z", "0"), tabs.both("y", "z"), tabs.pairs_left_out) == (2, 0, 2)
