"""Time in a scenario: how moments are written, and that it only goes on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.policy import policy_from_toml
from streams.scenario import Scenario, TimeGoesBack
from streams.scenario_times import Moment, NotAMoment

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def shop() -> Scenario:
    return Scenario(policy_from_toml('preset = "grocery"\n[business]\ntimezone = "Europe/Berlin"'))


def test_dates_are_noon_times_are_the_shops_and_zones_are_obeyed(shop: Scenario) -> None:
    moments: tuple[Moment, ...] = (
        "2024-03-01",
        date(2024, 3, 1),
        "2024-03-01 12:00",
        "2024-03-01T11:00:00Z",
        datetime(2024, 3, 1, 11, tzinfo=UTC),
    )
    for number, moment in enumerate(moments):
        shop.purchase(f"c{number}", moment, 25_00)
    first = [each for each in shop.effects(about="lifecycle") if each.before is None]
    assert {each.at for each in first} == {datetime(2024, 3, 1, 11, tzinfo=UTC)}
    assert len(first) == len(moments)


@pytest.mark.parametrize("moment", ["soon", "2024-13-01", "01.03.2024", 20240301])
def test_what_is_no_moment_is_refused_with_examples(shop: Scenario, moment: object) -> None:
    with pytest.raises(NotAMoment, match='write "2024-03-01"'):
        shop.purchase("ada", moment, 25_00)  # type: ignore[arg-type]  # that is the mistake


def test_days_are_the_shops_and_hours_are_hours(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-30 12:00", 25_00)
    shop.advance(days=1)  # the clocks went forward
    assert shop.now == datetime(2024, 3, 31, 12, tzinfo=BERLIN)
    shop.advance(hours=24)
    shop.advance(to="2024-10-26")
    shop.advance(hours=24)  # and back
    assert shop.now == datetime(2024, 10, 27, 11, tzinfo=BERLIN)


def test_time_never_goes_back(shop: Scenario) -> None:
    shop.purchase("ada", "2024-03-01", 25_00)
    wrongs: list[dict[str, Any]] = [{"to": "2024-03-01"}, {"to": "2024-02-01"}, {"days": -1}, {}]
    for wrong in wrongs:
        with pytest.raises(TimeGoesBack, match="it is 2024-03-01 12:00 already"):
            shop.advance(**wrong)
    with pytest.raises(TypeError, match="either to, or days and hours"):
        shop.advance(days=1, to="2024-04-01")


def test_time_begins_with_the_first_event_or_a_date(shop: Scenario) -> None:
    with pytest.raises(TimeGoesBack, match="time has not begun"):
        shop.advance(days=1)
    shop.advance(to="2024-03-01")
    assert shop.now == datetime(2024, 3, 1, 12, tzinfo=BERLIN)


def test_a_test_may_play_in_any_year(shop: Scenario) -> None:
    shop.purchase("ada", "2199-03-01", 25_00)
    shop.advance(days=60)
    assert shop.customer("ada").lifecycle == "dormant"
