"""Levels from a history: what each midnight sees, and that the product itself raises no other alerts.

In the shop of `alert_shops.py` risk is .153, .269, .391, .5 after 6, 7, 8, 9 days of silence; somebody
who has bought once has a horizon of 25 days of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_record import AlertOutcome, AlertRecord, Arm
from models.alert_tuning import Path, Point, Sighting, curve
from models.alerts import AlertType
from models.calendar import day_of, start_of_day_ms
from models.codec import encode_state
from models.policy import Policy, policy_from_preset
from models.policy_alerts import AlertRule
from models.population import Population
from streams.cli_tune import Asked, tuned
from streams.loop import Loop
from streams.show_tuning import lines_for_file, tuned_as_json, tuned_shown
from streams.silences import Observed, Watch
from streams.topics import ALERTS
from streams.tuning import NothingSeen, lean, recorded, watched
from tests.models.alert_shops import DAY_0, SHOP, policy
from tests.streams.shoppers_file import DAYS, shoppers
from tests.support.story import (
    CUSTOMER,
    HOUR_MS,
    midnight,
    noon,
    purchase,
    tell,
    tick,
)

GROCER = policy()
AT_RISK = AlertRule(on="churn.risk_raised", level=0.5)
LONG_AFTER = DAY_0 + 365


def looked_at(
    *arrivals: Any,
    days: Sequence[int] = range(1, 70),
    rule: AlertRule = AT_RISK,
    told_from: int = 0,
    end_day: int = LONG_AFTER,
    gone_from: int = 1_000,
) -> list[Path]:
    """Paths of one customer, whose story is as it was known at each midnight."""
    watch = Watch(rule, GROCER)
    for day in days:
        known = [each for each in arrivals if each[0] <= midnight(day)]
        state = tell(*(read for _, read in known), tick(midnight(day)), policy=GROCER).customer
        population: Population | None = SHOP if day >= told_from else None
        there = {CUSTOMER: encode_state(state)} if day < gone_from else {}
        watch.look(DAY_0 + day, there, population)
    return [each for each in watch.paths(end_day) if each]


def bought(day: int, known_on: int | None = None) -> tuple[int, Any]:
    """A purchase at noon, and when it was read."""
    at_ms = noon(day)
    return noon(day if known_on is None else known_on), purchase(f"p{day}", at_ms)


def alert_at(path: Path, level_ppm: int) -> Sighting:
    """The first sighting at a level."""
    return next(each for each in path if each.probability_ppm >= level_ppm)


# What a midnight sees.


def test_an_alert_of_a_level_would_come_on_the_day_on_which_risk_reaches_it() -> None:
    (path,) = looked_at(bought(0))
    found = [alert_at(path, level) for level in (250_000, 390_000, 500_000, 750_000)]
    assert [each.silence_days for each in found] == [7, 8, 9, 13]
    assert [each.day - DAY_0 for each in found] == [7, 8, 9, 13]
    assert [each.probability_ppm // 1_000 for each in found] == [268, 390, 500, 758]


def test_only_days_on_which_a_further_percent_is_reached_are_kept() -> None:
    (path,) = looked_at(bought(0))
    percents = [each.probability_ppm // 10_000 for each in path]
    assert percents == sorted({*percents})


def test_who_is_dormant_is_looked_at_only_if_the_rule_is_about_them() -> None:
    (path,) = looked_at(bought(0))
    assert path[-1].silence_days <= 25
    (longer,) = looked_at(bought(0), rule=AT_RISK.model_copy(update={"lifecycles": ("dormant",)}))
    assert (longer[0].silence_days, longer[-1].silence_days) == (26, 48)


def test_it_is_lost_if_nothing_is_bought_within_the_horizon_from_that_day_on() -> None:
    (lost,) = looked_at(bought(0))
    assert alert_at(lost, 500_000).lost is True
    within, after = looked_at(bought(0), bought(33)), looked_at(bought(0), bought(34))
    assert alert_at(within[0], 500_000).lost is False
    assert alert_at(after[0], 500_000).lost is True
    assert alert_at(after[0], 750_000).lost is False


def test_the_common_horizon_is_judged_by_itself() -> None:
    common = AT_RISK.model_copy(update={"horizon": "common"})
    paths = looked_at(bought(0), bought(46), rule=common, days=range(1, 26))
    assert alert_at(paths[0], 500_000).silence_days == 19
    paths = looked_at(bought(0), bought(46), rule=common)
    assert alert_at(paths[0], 500_000).lost is False
    paths = looked_at(bought(0), bought(47), rule=common)
    assert alert_at(paths[0], 500_000).lost is True


@pytest.mark.parametrize("bought_later", [(), (bought(20),)])
def test_an_outcome_is_unknown_until_the_horizon_has_ended_whoever_came_back(
    bought_later: tuple[Any, ...],
) -> None:
    for end_day, known in ((DAY_0 + 33, False), (DAY_0 + 34, True)):
        path = looked_at(bought(0), *bought_later, end_day=end_day)[0]
        assert (alert_at(path, 500_000).lost is not None) is known


def test_each_silence_is_a_path_of_its_own() -> None:
    first, second = looked_at(bought(0), bought(20))
    assert alert_at(second, 500_000).day - DAY_0 > 20
    assert alert_at(first, 500_000).day - DAY_0 == 9


def test_a_silence_that_had_begun_before_a_risk_could_be_told_is_left_out() -> None:
    assert looked_at(bought(0), told_from=2) == []
    assert len(looked_at(bought(0), told_from=1)) == 1
    assert len(looked_at(bought(0), bought(20), told_from=12)) == 1


def test_a_purchase_that_comes_to_light_late_ends_the_silence_when_it_was_made() -> None:
    """The silence that began with it was not looked at from its first day on."""
    (path,) = looked_at(bought(0), bought(7, known_on=12), days=range(1, 14))
    assert [each.silence_days for each in path][-1] == 7
    assert path == looked_at(bought(0), bought(7), days=range(1, 9))[0]


def test_who_is_erased_is_forgotten() -> None:
    assert looked_at(bought(0), gone_from=12) == []


def test_only_who_has_enough_at_stake_is_looked_at() -> None:
    """A usual year is 579.37."""
    costly = AT_RISK.model_copy(update={"min_at_stake": 500.0})
    (path,) = looked_at(bought(0), rule=costly)
    assert min(each.probability_ppm for each in path) >= 1e6 * 500 / 579.37


# A whole history.


def observed(
    given_policy: Policy = GROCER, rule: AlertRule = AT_RISK, days: int | None = None
) -> Observed:
    """The history, looked at."""
    return asyncio.run(watched(given_policy, rule, shoppers(), days, lambda _: None))


@pytest.fixture(scope="module")
def history() -> Observed:
    """All of it."""
    return observed()


LEVELS = {"low": 0.2, "middle": 0.35, "high": 0.5}


async def alerts_raised() -> dict[str, list[tuple[int, int]]]:
    """What the product raises at three levels, with all there is in its policy: day, days of silence."""
    told = {
        name: {"on": "churn.risk_raised", "level": level, "cool_down_days": 0}
        for name, level in LEVELS.items()
    }
    loop = Loop(policy(told, {"all": "purchases > 0"}, {}), 3)
    today = 0
    for record in shoppers():
        day = day_of(record.occurred_at_ms, loop.policy.timezone)
        while today and today < day:
            today += 1
            await loop.tick(start_of_day_ms(today, loop.policy.timezone))
        today = today or day
        await loop.write(record)
    await loop.tick(start_of_day_ms(today, loop.policy.timezone) + 13 * HOUR_MS)
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in LEVELS}
    for row in loop.effects:
        kind = dict(row.headers)["ce_type"].decode()
        if row.topic == ALERTS and kind not in {AlertType.RISK_CLEARED, AlertType.RESOLVED}:
            body = json.loads(row.value or b"")
            silence_days = body["silence_days"]
            found[body["rule"]].append((date.fromisoformat(body["day"]).toordinal(), silence_days))
    return found


def test_the_product_raises_the_very_alerts_that_levels_are_judged_by(history: Observed) -> None:
    raised = asyncio.run(alerts_raised())
    for name, level in LEVELS.items():
        expected = Counter(
            (each.day, each.silence_days)
            for each in (
                next((e for e in path if e.probability_ppm >= 1e6 * level), None)
                for path in history.paths
            )
            if each is not None
        )
        from_the_first = Counter(
            (day, silence)
            for day, silence in raised[name]
            if day - silence + 1 >= history.first_day
        )
        assert sum(expected.values()) > 10, name
        assert from_the_first == expected, name


def test_what_is_left_out_of_the_policy_changes_no_risk(history: Observed) -> None:
    rule = AT_RISK.model_copy(update={"segments": ("all",)})
    segments = {"all": {"when": "purchases > 0"}}
    whole = policy_from_preset("grocery", segments=segments)
    assert whole.rfm.published
    assert lean(whole, rule).segments == whole.segments
    assert lean(whole, AT_RISK).segments == {}
    assert observed(whole, rule) == history


def test_only_the_first_days_are_replayed_if_so_asked(history: Observed) -> None:
    some = observed(days=40)
    assert some.first_day == history.first_day
    assert (some.last_day, history.last_day) == (DAY_0 + 39, DAY_0 + DAYS - 1)
    assert some.days < history.days


def test_a_history_without_a_model_says_what_is_missing() -> None:
    with pytest.raises(NothingSeen, match="a population is learned at the end of each week"):
        observed(days=5)


def test_progress_is_told_event_by_event() -> None:
    told: list[int] = []
    with pytest.raises(NothingSeen):
        asyncio.run(watched(GROCER, AT_RISK, list(shoppers())[:50], None, told.append))
    assert told == list(range(1, 51))


# Records.


RETURNED, LOST = AlertOutcome(DAY_0 + 30, 1, 990), AlertOutcome(None, 0, 0)


def record(
    number: int, probability_ppm: int | None, outcome: AlertOutcome | None, rule: str = "r"
) -> AlertRecord:
    day = DAY_0 + number % 28
    return AlertRecord(
        *(f"{number:032}", rule, "churn.risk_raised", f"c{number}", 0, day, 28),
        *(probability_ppm, 0, 10, None, Arm.TREATED),
        outcome=outcome,
    )


def test_each_record_is_a_silence_that_is_known_on_one_day() -> None:
    records = [record(0, 600_000, RETURNED), record(27, 700_000, LOST), record(3, 500_000, None)]
    others = [record(1, None, LOST), record(2, 900_000, LOST, rule="other")]
    found = recorded([*records, *others], "r")
    assert (found.days, [len(each) for each in found.paths]) == (28, [1, 1, 1])
    assert [each.lost for (each,) in found.paths] == [False, True, None]
    with pytest.raises(NothingSeen, match="no alerts of none are kept"):
        recorded(records, "none")


def test_below_the_level_in_force_records_say_nothing() -> None:
    found = recorded(
        [record(n, 500_000 + 1_000 * n, LOST if n % 2 else RETURNED) for n in range(100)], "r"
    )
    curve_of = tuned(Asked(None, 0.1), "r", AT_RISK, "", found).curve
    assert curve_of[0].level_ppm == 500_000


# Levels that do what was asked.

sightings = st.lists(
    st.tuples(st.integers(0, 999_999), st.integers(1, 60), st.sampled_from([True, False, None])),
    max_size=6,
).map(lambda seen: [Sighting(DAY_0 + day, *each) for day, each in enumerate(seen)])
worlds = st.builds(
    lambda paths, repeated, days: Observed(paths * repeated, DAY_0, DAY_0 + days),
    st.lists(sightings, max_size=12),
    st.integers(1, 12),
    st.integers(6, 60),
)


def next_lower(point: Point, points: Sequence[Point]) -> Point | None:
    place = list(points).index(point)
    return points[place - 1] if place else None


@settings(deadline=None)
@given(worlds, st.floats(0.1, 300))
def test_a_proposed_level_keeps_the_budget_and_no_lower_one_does(
    world: Observed, a_week: float
) -> None:
    found = tuned(Asked(a_week, None), "r", AT_RISK, "file", world)
    if found.proposal is None:
        assert found.why_not
        assert all(each.alerts_a_week > a_week for each in found.curve if each.alerts)
        return
    assert 0 < found.proposal.alerts_a_week <= a_week
    below = next_lower(found.proposal, found.curve)
    assert below is None or below.alerts_a_week > a_week


@settings(deadline=None)
@given(worlds, st.floats(0, 1))
def test_a_proposed_level_has_the_precision_that_was_asked_for_and_so_has_all_above_it(
    world: Observed, precision: float
) -> None:
    found = tuned(Asked(None, precision), "r", AT_RISK, "file", world)
    if found.proposal is None:
        assert found.why_not
        return
    assert found.proposal.judged >= 30
    above = [each for each in found.curve if each.level_ppm >= found.proposal.level_ppm]
    assert all(each.right >= precision * each.judged for each in above if each.judged >= 30)


def test_what_is_proposed_stands_in_the_file_as_it_is_to_be_written(history: Observed) -> None:
    rule = AT_RISK.model_copy(update={"daily_budget": 20, "playbook": "call"})
    found = tuned(Asked(20.0, None), "slipping", rule, "shop.jsonl", history)
    assert found.proposal is not None
    level = found.proposal.level_ppm / 1_000_000
    assert lines_for_file(found).splitlines() == [
        "[alerts.rules.slipping]",
        'on = "churn.risk_raised"',
        f"level = {level}",
        "daily_budget = 20",
        'playbook = "call"',
    ]
    told = tuned_as_json(found)
    assert (told["proposal"]["level"], told["level_now"]) == (level, 0.5)
    assert told["proposal"] in told["curve"]
    assert tuned_shown(found) is not None
    assert curve(history.paths, history.days)[0].alerts > 0
