"""Who comes back in which month: days of purchases, whatever was given back, in the shop's own calendar."""

from __future__ import annotations

from datetime import date
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.composition_crossed import MOST_COHORTS, retention_tables
from models.policy import Policy, policy_from_preset
from models.retention import Retention, bought_in, exact_months, month_name, month_of, retention_of
from models.sight import Sight
from tests.support.story import GROCERY, noon, purchase, refund, tell, tick, utc

DAY_0 = date(2024, 1, 1).toordinal()
_names = count()


def sight(bought: list[int], returned: tuple[int, ...] = (), until: int = 500) -> Sight:
    """Somebody who bought on these days, of whom money is known to have been given back on others."""
    events = [purchase(f"e{next(_names)}", noon(day)) for day in bought]
    events += [refund(f"e{next(_names)}", noon(day) + 1, 1, "elsewhere") for day in returned]
    told = tell(*sorted(events, key=lambda each: each.at_ms), tick(noon(until)))
    return Sight(told.customer, DAY_0 + until, GROCERY)


def month(text: str) -> int:
    return month_of(date.fromisoformat(f"{text}-01").toordinal())


def test_a_day_on_which_money_was_only_given_back_is_no_purchase() -> None:
    found = bought_in(sight([0, 10], returned=(40, 75), until=80))
    assert [month_name(each) for each in found] == ["2024-01"]


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 700), min_size=1, max_size=10, unique=True),
    st.lists(st.integers(0, 700), max_size=4, unique=True),
    st.integers(0, 90),
)
def test_the_months_are_those_of_the_days_of_purchases(
    bought: list[int], returned: list[int], quiet: int
) -> None:
    until = max(*bought, *returned, 0) + quiet
    one = sight(sorted(bought), tuple(returned), until)
    exact = exact_months(DAY_0 + until)
    assert bought_in(one) == sorted({month_of(DAY_0 + day) for day in bought}.intersection(exact))


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [("2018-01-01", "2017-01", "2018-01"), ("2018-01-02", "2017-02", "2018-01")],
)
def test_months_that_began_within_a_year_are_exact(day: str, first: str, last: str) -> None:
    found = exact_months(date.fromisoformat(day).toordinal())
    assert (month_name(found[0]), month_name(found[-1])) == (first, last)


def test_months_are_those_of_the_shops_own_calendar() -> None:
    tokyo: Policy = policy_from_preset("grocery", business={"timezone": "Asia/Tokyo"})
    late = purchase("late", utc("2024-01-31 23:30"))
    told = tell(late, tick(utc("2024-03-05 00:00")), policy=tokyo)
    retention = Retention()
    retention.add(Sight(told.customer, date(2024, 3, 5).toordinal(), tokyo))
    assert dict(retention.cohorts) == {month("2024-02"): 1}


def test_who_never_bought_is_in_no_cohort() -> None:
    retention = Retention()
    nobody = tell(refund("r", noon(0), order="o"), tick(noon(5)))
    retention.add(Sight(nobody.customer, DAY_0 + 5, GROCERY))
    assert (retention.cohorts, retention.bought) == ({}, {})


def test_what_is_kept_is_the_same_again() -> None:
    whole = Retention()
    for some in ([0, 40], [100, 450]):
        whole.add(sight(some))
    again = retention_of(whole.plain())
    assert (again.cohorts, again.bought) == (whole.cohorts, whole.bought)


def test_the_running_month_stands_by_itself_and_what_is_not_known_is_empty() -> None:
    retention = Retention()
    january, march = month("2024-01"), month("2024-03")
    retention.cohorts.update({january: 4, march: 2})
    retention.bought.update({(january, january): 4, (january, march): 1, (march, march): 2})
    counts, shares = retention_tables(retention, date(2024, 3, 9).toordinal())
    assert [each.name for each in counts.columns] == ["cohort", "customers", "0", "1", "2024-03"]
    assert counts.rows == (("2024-01", 4, 4, 0, 1), ("2024-03", 2, None, None, 2))
    assert shares.rows == (("2024-01", 4, 1.0, 0.0, 0.25), ("2024-03", 2, None, None, 1.0))


def test_cohorts_of_long_ago_are_put_together() -> None:
    retention, day = Retention(), date(2024, 3, 9).toordinal()
    running = month_of(day)
    retention.cohorts.update({running - each: 10 for each in range(MOST_COHORTS + 3)})
    retention.bought.update({(running - each, running): 3 for each in range(MOST_COHORTS + 3)})
    counts, _ = retention_tables(retention, day)
    first, *others = counts.rows
    assert (first[0], first[1], first[-1]) == (None, 30, 9)
    assert len(others) == MOST_COHORTS
    assert len(counts.columns) <= 3 + 24


def test_nobody_has_bought_anything() -> None:
    assert list(retention_tables(Retention(), DAY_0)) == []
