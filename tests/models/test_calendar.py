"""Customer-days begin at midnight where the shop is, whatever its clocks do."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar import day_of, start_of_day_ms
from models.policy import policy_from_preset
from tests.support.histories import ZONES, thoroughly
from tests.support.story import noon, purchase, tell, tick, utc


@pytest.mark.parametrize(
    ("zone", "day", "midnight"),
    [
        ("UTC", "2024-01-02", "2024-01-02 00:00"),
        ("America/New_York", "2024-01-02", "2024-01-02 05:00"),
        ("America/New_York", "2024-03-10", "2024-03-10 05:00"),  # clocks go forward at 2
        ("America/New_York", "2024-03-11", "2024-03-11 04:00"),
        ("Europe/Berlin", "2024-10-27", "2024-10-26 22:00"),  # clocks go back at 3
        ("Europe/Berlin", "2024-10-28", "2024-10-27 23:00"),
        ("America/Havana", "2024-03-10", "2024-03-10 05:00"),  # there is no midnight: 23:59, 01:00
        ("America/Havana", "2024-11-03", "2024-11-03 04:00"),  # midnight comes twice: the first
        ("Asia/Kolkata", "2024-01-02", "2024-01-01 18:30"),
    ],
)
def test_a_day_begins_at_its_first_moment(zone: str, day: str, midnight: str) -> None:
    begins_ms = start_of_day_ms(date.fromisoformat(day).toordinal(), ZoneInfo(zone))
    assert begins_ms == utc(midnight)


@thoroughly
@given(st.sampled_from(ZONES), st.integers(719_163, 760_000))
def test_a_millisecond_before_its_beginning_is_the_day_before(name: str, day: int) -> None:
    zone = ZoneInfo(name)
    begins_ms = start_of_day_ms(day, zone)
    if begins_ms >= 0:
        assert day_of(begins_ms, zone) == day
        assert day_of(begins_ms - 1, zone) == day - 1


@pytest.mark.parametrize(
    ("zone", "bought", "overdue"),
    [
        ("UTC", "2024-03-05 12:00", "2024-03-20 00:00"),
        ("America/New_York", "2024-03-05 12:00", "2024-03-20 04:00"),  # 5 h before, 4 h after
        ("America/New_York", "2024-03-05 04:59", "2024-03-19 04:00"),  # still the evening before
        ("Europe/Berlin", "2024-03-20 23:30", "2024-04-04 22:00"),  # already the day after
        ("Europe/Berlin", "2024-10-20 12:00", "2024-11-03 23:00"),
    ],
)
def test_a_deadline_falls_on_a_local_midnight_across_a_change_of_the_clocks(
    zone: str, bought: str, overdue: str
) -> None:
    policy = policy_from_preset("grocery", business={"timezone": zone}, lifecycle={"mode": "fixed"})
    told = tell(purchase("p1", utc(bought)), tick(utc(overdue) - 1), policy=policy)
    assert told.lifecycle == "new"
    assert told.customer.next_deadline_ms == utc(overdue)
    told = tell(purchase("p1", utc(bought)), tick(utc(overdue)), policy=policy)
    assert told.lifecycle == "new+overdue"


def test_purchases_around_midnight_are_two_days_in_one_zone_and_one_in_another() -> None:
    visits = (purchase("p1", utc("2024-01-02 23:59")), purchase("p2", utc("2024-01-03 00:01")))
    assert tell(*visits).customer.current.purchase_days == 2
    new_york = policy_from_preset("grocery", business={"timezone": "America/New_York"})
    assert tell(*visits, policy=new_york).customer.current.purchase_days == 1


def test_the_epoch_itself_is_a_time_like_any_other() -> None:
    told = tell(purchase("p1", 0), tick(noon(0)))
    assert told.customer.current.first_purchase_ms == 0
    assert told.lifecycle == "churned"
