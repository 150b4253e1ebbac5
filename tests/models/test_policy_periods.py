"""Periods of the calendar: on which days they hold, once or each year."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy_alerts import Period
from tests.support.histories import thoroughly


def holds_on(period: Period, day: int) -> bool:
    """Whether a customer-day, ordinal, lies in it."""
    return any(True for _ in period.spans(day, day))


def a_period(first: str, last: str) -> Period:
    return Period.model_validate({"name": "x", "from": first, "to": last})


def spans(first: str, last: str, begin: str, end: str) -> list[str]:
    """A period's spans within days, written out."""
    days = (date.fromisoformat(each).toordinal() for each in (begin, end))
    return [
        "..".join(date.fromordinal(day).isoformat() for day in span)
        for span in a_period(first, last).spans(*days)
    ]


def test_a_period_with_a_year_comes_once() -> None:
    assert spans("2027-02-06", "2027-02-21", "2020-01-01", "2030-01-01") == [
        "2027-02-06..2027-02-21"
    ]
    assert spans("2027-02-06", "2027-02-21", "2027-02-21", "2030-01-01") == [
        "2027-02-06..2027-02-21"
    ]
    assert spans("2027-02-06", "2027-02-21", "2027-02-22", "2030-01-01") == []


def test_a_period_without_a_year_comes_each_year() -> None:
    assert spans("11-01", "11-11", "2023-11-11", "2025-11-01") == [
        "2023-11-01..2023-11-11",
        "2024-11-01..2024-11-11",
        "2025-11-01..2025-11-11",
    ]
    assert spans("11-01", "11-11", "2023-11-12", "2024-10-31") == []


def test_a_yearly_period_may_last_over_new_year() -> None:
    assert spans("12-24", "01-06", "2024-01-06", "2024-12-24") == [
        "2023-12-24..2024-01-06",
        "2024-12-24..2025-01-06",
    ]
    assert spans("12-24", "01-06", "2024-01-07", "2024-12-23") == []


@pytest.mark.parametrize(
    ("day", "lies_in_it"),
    [("2023-12-23", False), ("2023-12-24", True), ("2024-01-06", True), ("2024-01-07", False)],
)
def test_the_days_over_new_year_lie_in_it_and_those_around_do_not(
    day: str, lies_in_it: bool
) -> None:
    holidays = a_period("12-24", "01-06")
    assert holds_on(holidays, date.fromisoformat(day).toordinal()) is lies_in_it


def test_29_february_is_1_march_in_a_year_that_has_none() -> None:
    assert spans("02-29", "02-29", "2023-01-01", "2024-12-31") == [
        "2023-03-01..2023-03-01",
        "2024-02-29..2024-02-29",
    ]
    assert spans("02-20", "02-29", "2023-01-01", "2023-12-31") == ["2023-02-20..2023-03-01"]


@st.composite
def yearly_periods(draw: st.DrawFn) -> Period:
    first, last = (date.fromordinal(737_060 + draw(st.integers(0, 364))) for _ in range(2))
    return a_period(first.strftime("%m-%d"), last.strftime("%m-%d"))


@thoroughly
@given(yearly_periods(), st.dates(date(1970, 1, 1), date(2199, 12, 31)))
def test_a_yearly_period_holds_on_the_days_between_its_first_and_its_last(
    yearly: Period, day: date
) -> None:
    today, first, last = day.strftime("%m-%d"), yearly.first, yearly.last
    after, before = first <= today, today <= last
    expected = after and before if first <= last else after or before
    assert holds_on(yearly, day.toordinal()) is expected


@thoroughly
@given(yearly_periods(), st.dates(date(1970, 1, 1), date(2199, 12, 31)), st.integers(0, 1_500))
def test_spans_are_the_days_on_which_a_period_holds(yearly: Period, begin: date, days: int) -> None:
    first, last = begin.toordinal(), begin.toordinal() + days
    covered = [day for span in yearly.spans(first, last) for day in range(span[0], span[1] + 1)]
    assert [day for day in covered if first <= day <= last] == [
        day for day in range(first, last + 1) if holds_on(yearly, day)
    ]
