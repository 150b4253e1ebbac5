"""The gate: whether somebody may be told of, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from models.calendar import day_of, start_of_day_ms
from models.customer import Attribute
from models.gate import DAY_MS, Contact, Refusal, next_choice_ms, refusal, waits_until, zone_of
from models.policy import Policy
from models.policy_alerts import minute_of
from tests.models.alert_shops import policy

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
NIGHT = "21:00-08:00"
BERLIN, NEW_YORK, KATHMANDU = "Europe/Berlin", "America/New_York", "Asia/Kathmandu"
HAVANA, LORD_HOWE = "America/Havana", "Australia/Lord_Howe"  # at midnight; by half an hour
PLAIN = policy()


def at(text: str) -> int:
    """A moment written with its offset from UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def shown(at_ms: int | None, zone: str = "UTC") -> str | None:
    """The reverse, by the clocks of a zone."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone)).isoformat(timespec="minutes")


def somebody(told_ms: tuple[int, ...] = (), **said: Any) -> Contact:
    """`consent_email` stands for `consent.email`."""
    attributes = {
        name.replace("consent_", "consent."): Attribute(0, 1, value) for name, value in said.items()
    }
    return Contact(attributes, told_ms)


def asked(contact: Contact, channel: str = "", now_ms: int = 0, **alerts: Any) -> Refusal | None:
    return refusal(contact, channel, policy(alerts=alerts), now_ms)


# --- whether ---

YES = (True, 1, "true", "True", "yes", "YES", " yes ", "1", "on", "On")
NO = (False, 0, "false", "FALSE", "no", " No", "0", "off")


@pytest.mark.parametrize("said", YES, ids=repr)
def test_whoever_is_on_the_suppression_list_is_not_told_of(said: Any) -> None:
    assert asked(somebody(do_not_contact=said)) is Refusal.SUPPRESSED


@pytest.mark.parametrize("said", [*NO, None], ids=repr)
def test_whoever_was_taken_off_the_list_again_is_told_of(said: Any) -> None:
    assert asked(somebody(do_not_contact=said)) is None


def test_the_list_may_have_another_name_or_be_none_at_all() -> None:
    listed = somebody(do_not_contact=True)
    assert asked(listed, suppression="robinson") is None
    assert asked(somebody(robinson=True), suppression="robinson") is Refusal.SUPPRESSED
    assert asked(listed, suppression="") is None


@pytest.mark.parametrize("unknown", ["refuse", "allow"])
@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        *((each, True) for each in YES),
        *((each, False) for each in NO),
        *((each, None) for each in (None, "", "perhaps", 2, 0.5, "2026-01-01")),
    ],
    ids=repr,
)
def test_a_channel_is_used_with_consent_and_without_an_answer_only_if_the_policy_allows_it(
    said: Any, agreed: bool | None, unknown: str
) -> None:
    may = agreed or (agreed is None and unknown == "allow")
    found = asked(somebody(consent_email=said), "email", consent_unknown=unknown)
    assert found is (None if may else Refusal.NO_CONSENT)


@pytest.mark.parametrize(("unknown", "found"), [("refuse", Refusal.NO_CONSENT), ("allow", None)])
def test_who_has_said_nothing_of_a_channel_is_as_unknown_as_who_agreed_to_another(
    unknown: str, found: Refusal | None
) -> None:
    for contact in (somebody(), somebody(consent_sms=True)):
        assert asked(contact, "email", consent_unknown=unknown) is found


def test_a_rule_without_a_channel_asks_for_no_consent() -> None:
    assert asked(somebody(consent_email=False)) is None


def test_somebody_is_told_of_so_often_in_so_many_days_and_no_oftener() -> None:
    now_ms = 100 * DAY_MS
    week_ago = now_ms - 7 * DAY_MS
    for told_ms, found in (
        ((now_ms,), None),
        ((week_ago + 1, now_ms), Refusal.TOO_OFTEN),
        ((week_ago, now_ms), None),
        ((week_ago - DAY_MS, week_ago, now_ms), None),
        ((week_ago + 1, week_ago + 2, now_ms), Refusal.TOO_OFTEN),
    ):
        contact = somebody(told_ms)
        assert asked(contact, "", now_ms, frequency_cap=2, frequency_days=7) is found
        assert asked(contact, "", now_ms, frequency_cap=0) is None


def test_of_several_reasons_the_gravest_is_told() -> None:
    told_ms = (1, 2, 3)
    listed = somebody(told_ms, do_not_contact=True, consent_email=False)
    refusing = somebody(told_ms, consent_email=False)
    agreeing = somebody(told_ms, consent_email=True)
    found = [asked(each, "email") for each in (listed, refusing, agreeing)]
    assert found == [Refusal.SUPPRESSED, Refusal.NO_CONSENT, Refusal.TOO_OFTEN]


# --- when: quiet hours ---


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-03-04T20:59:59+00:00", None),
        (NIGHT, "2026-03-04T21:00:00+00:00", "2026-03-05T08:00+00:00"),
        (NIGHT, "2026-03-04T23:59:59+00:00", "2026-03-05T08:00+00:00"),
        (NIGHT, "2026-03-05T00:00:00+00:00", "2026-03-05T08:00+00:00"),
        (NIGHT, "2026-03-05T07:59:59+00:00", "2026-03-05T08:00+00:00"),
        (NIGHT, "2026-03-05T08:00:00+00:00", None),
        ("12:00-14:00", "2026-03-05T13:00:00+00:00", "2026-03-05T14:00+00:00"),
        ("12:00-14:00", "2026-03-05T14:00:00+00:00", None),
        ("00:00-06:30", "2026-12-31T23:59:59+00:00", None),
        ("22:00-00:00", "2026-12-31T23:30:00+00:00", "2027-01-01T00:00+00:00"),
        ("", "2026-03-05T03:00:00+00:00", None),
    ],
)
def test_quiet_hours_are_waited_for_also_over_midnight(
    hours: str, now: str, until: str | None
) -> None:
    assert shown(waits_until(somebody(), hours, PLAIN, at(now))) == until


@pytest.mark.parametrize(
    ("lives", "until"),
    [
        (NEW_YORK, None),  # 16:30
        (KATHMANDU, "2026-03-05T02:15+00:00"),  # 03:15
        (None, "2026-03-05T07:00+00:00"),
        ("Mars/Olympus", "2026-03-05T07:00+00:00"),
        ("", "2026-03-05T07:00+00:00"),
        ("America", "2026-03-05T07:00+00:00"),
        ("../../etc/passwd", "2026-03-05T07:00+00:00"),
        ("a\x00b", "2026-03-05T07:00+00:00"),
        ("UTC" * 1_000, "2026-03-05T07:00+00:00"),
        (7, "2026-03-05T07:00+00:00"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_quiet_hours_are_counted_where_the_customer_lives_or_else_where_the_shop_is(
    lives: Any, until: str | None
) -> None:
    shop = policy(business={"timezone": BERLIN})
    contact = somebody(timezone=lives)
    found = waits_until(contact, NIGHT, shop, at("2026-03-04T21:30:00+00:00"))
    assert shown(found) == until


def test_the_attribute_that_tells_the_zone_has_the_name_that_the_policy_gives_it() -> None:
    shop = policy(alerts={"timezone_attribute": "tz"})
    assert zone_of(somebody(tz=KATHMANDU, timezone=NEW_YORK), shop) == ZoneInfo(KATHMANDU)
    assert zone_of(somebody(timezone=NEW_YORK), shop) == ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        # The night that loses an hour: 02:00 is 03:00.
        (NIGHT, BERLIN, "2026-03-28T22:00:00+01:00", "2026-03-29T08:00+02:00"),
        ("01:00-02:30", BERLIN, "2026-03-29T01:59:00+01:00", "2026-03-29T03:30+02:00"),
        ("02:00-03:00", BERLIN, "2026-03-29T03:00:00+02:00", None),
        ("22:00-00:30", HAVANA, "2026-03-07T23:00:00-05:00", "2026-03-08T01:30-04:00"),
        # The night that has an hour twice: 02:00 to 03:00.
        (NIGHT, BERLIN, "2026-10-24T22:00:00+02:00", "2026-10-25T08:00+01:00"),
        ("01:00-02:30", BERLIN, "2026-10-25T02:10:00+02:00", "2026-10-25T02:30+02:00"),
        ("01:00-02:30", BERLIN, "2026-10-25T02:10:00+01:00", "2026-10-25T02:30+01:00"),
        ("22:00-00:30", HAVANA, "2026-11-01T00:10:00-05:00", "2026-11-01T00:30-05:00"),
        ("01:00-03:00", BERLIN, "2026-10-25T02:10:00+02:00", "2026-10-25T03:00+01:00"),
        ("21:00-01:45", LORD_HOWE, "2026-04-05T01:40:00+10:30", "2026-04-05T01:45+10:30"),
    ],
)
def test_on_the_nights_when_clocks_change_they_end_by_the_clock(
    hours: str, zone: str, now: str, until: str | None
) -> None:
    found = waits_until(somebody(timezone=zone), hours, PLAIN, at(now))
    assert shown(found, zone) == until


ZONES = ("UTC", BERLIN, NEW_YORK, KATHMANDU, HAVANA, LORD_HOWE, "Asia/Shanghai", "America/St_Johns")
CHANGES_MS = [
    at(each)
    for each in (
        *("2026-03-29T01:00:00+00:00", "2026-10-25T01:00:00+00:00"),  # Berlin
        *("2026-03-08T07:00:00+00:00", "2026-11-01T06:00:00+00:00"),  # New York
        *("2026-03-08T05:00:00+00:00", "2026-11-01T05:00:00+00:00"),  # Havana
        *("2026-04-04T15:00:00+00:00", "2026-10-03T15:30:00+00:00"),  # Lord Howe
    )
]
clocks = st.integers(0, 1_439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
moments = st.one_of(
    st.integers(at("2024-01-01T00:00:00+00:00"), at("2032-01-01T00:00:00+00:00")),
    st.tuples(st.sampled_from(CHANGES_MS), st.integers(-3 * HOUR_MS, 3 * HOUR_MS)).map(sum),
)


@given(zone=st.sampled_from(ZONES), begin=clocks, end=clocks, now_ms=moments)
@example(BERLIN, "21:00", "02:30", at("2026-10-25T02:10:00+01:00"))
@example(BERLIN, "01:00", "02:30", at("2026-03-29T01:10:00+01:00"))
def test_quiet_hours_are_over_at_the_moment_that_is_waited_for_and_it_is_still_to_come(
    zone: str, begin: str, end: str, now_ms: int
) -> None:
    loud = (minute_of(begin) - minute_of(end)) % 1_440
    assume(loud > 60)  # less may fall into the hour that a night loses
    contact, hours = somebody(timezone=zone), f"{begin}-{end}"
    until_ms = waits_until(contact, hours, PLAIN, now_ms)
    if until_ms is None:
        return
    assert now_ms < until_ms <= now_ms + 25 * HOUR_MS
    assert waits_until(contact, hours, PLAIN, until_ms) is None
    assert waits_until(contact, hours, PLAIN, until_ms - 1) in {until_ms, None}  # a lost hour


# --- when: the calendar ---


def shop(*periods: dict[str, Any], zone: str = "UTC", **alerts: Any) -> Policy:
    calendar = [
        {"name": f"period {number}", "alerts": "wait", **each}
        for number, each in enumerate(periods)
    ]
    return policy(alerts=alerts, calendar=calendar, business={"timezone": zone})


SALE = {"from": "2026-11-01", "to": "2026-11-11"}
AFTER_IT = {"from": "11-12", "to": "11-13"}
HOLIDAYS = {"from": "12-20", "to": "01-03"}


@pytest.mark.parametrize(
    ("periods", "now", "until"),
    [
        ([SALE], "2026-10-31T23:59:59+00:00", None),
        ([SALE], "2026-11-01T00:00:00+00:00", "2026-11-12T00:00+00:00"),
        ([SALE], "2026-11-11T23:59:59+00:00", "2026-11-12T00:00+00:00"),
        ([SALE], "2026-11-12T00:00:00+00:00", None),
        ([SALE], "2027-11-05T00:00:00+00:00", None),
        ([{**SALE, "alerts": "go"}], "2026-11-05T00:00:00+00:00", None),
        ([HOLIDAYS], "2026-12-19T23:59:59+00:00", None),
        ([HOLIDAYS], "2026-12-25T12:00:00+00:00", "2027-01-04T00:00+00:00"),
        ([HOLIDAYS], "2027-01-02T12:00:00+00:00", "2027-01-04T00:00+00:00"),
        ([HOLIDAYS], "2027-01-04T00:00:00+00:00", None),
        ([SALE, AFTER_IT], "2026-11-05T00:00:00+00:00", "2026-11-14T00:00+00:00"),
        ([AFTER_IT, SALE], "2026-11-05T00:00:00+00:00", "2026-11-14T00:00+00:00"),
        (
            [{**AFTER_IT, "alerts": "go"}, SALE],
            "2026-11-05T00:00:00+00:00",
            "2026-11-12T00:00+00:00",
        ),
        ([{"from": "02-29", "to": "02-29"}], "2028-02-29T12:00:00+00:00", "2028-03-01T00:00+00:00"),
        ([{"from": "02-29", "to": "02-29"}], "2027-03-01T12:00:00+00:00", "2027-03-02T00:00+00:00"),
    ],
)
def test_periods_in_which_alerts_wait_are_waited_for_one_after_the_other(
    periods: list[dict[str, Any]], now: str, until: str | None
) -> None:
    assert shown(waits_until(somebody(), "", shop(*periods), at(now))) == until


def test_a_period_is_one_of_the_shops_days_wherever_the_customer_lives() -> None:
    berlin = shop({"from": "10-20", "to": "10-25"}, zone=BERLIN)  # clocks change on the last day
    contact = somebody(timezone=NEW_YORK)
    assert waits_until(contact, "", berlin, at("2026-10-19T23:59:59+02:00")) is None
    found = waits_until(contact, "", berlin, at("2026-10-20T00:00:00+02:00"))
    assert shown(found, BERLIN) == "2026-10-26T00:00+01:00"


def test_of_quiet_hours_and_a_period_the_later_end_is_waited_for() -> None:
    given_ = shop(SALE)
    evening = at("2026-11-11T22:00:00+00:00")
    assert shown(waits_until(somebody(), NIGHT, given_, evening)) == "2026-11-12T08:00+00:00"
    morning = at("2026-11-11T07:00:00+00:00")
    assert shown(waits_until(somebody(), NIGHT, given_, morning)) == "2026-11-12T00:00+00:00"


@pytest.mark.parametrize(
    "periods",
    [
        [{"from": "01-01", "to": "12-31"}],
        [{"from": "02-01", "to": "09-30"}, {"from": "10-01", "to": "01-31"}],
        [{"from": "2026-01-01", "to": "9999-12-31"}],
    ],
    ids=["all year", "one half after the other", "for ever"],
)
def test_a_calendar_that_leaves_no_day_to_tell_of_anybody_stops_nothing_else(
    periods: list[dict[str, Any]],
) -> None:
    """It is refused where policies are read, or waited through: never an error at the gate."""
    try:
        always_waiting = shop(*periods)
    except ValueError:
        return
    now_ms = at("2026-06-01T12:00:00+00:00")
    until_ms = waits_until(somebody(), "", always_waiting, now_ms)
    assert until_ms is not None
    assert until_ms > now_ms


@given(
    spans=st.lists(st.tuples(st.integers(1, 365), st.integers(0, 40)), max_size=4),
    zone=st.sampled_from(ZONES),
    now_ms=moments,
)
def test_what_is_waited_for_is_the_first_midnight_outside_all_periods(
    spans: list[tuple[int, int]], zone: str, now_ms: int
) -> None:
    periods = [{"from": _of_a_year(begin), "to": _of_a_year(begin + more)} for begin, more in spans]
    given_ = shop(*periods, zone=zone)
    until_ms = waits_until(somebody(), "", given_, now_ms)
    day = day_of(now_ms, given_.timezone)
    while any(list(each.spans(day, day)) for each in given_.calendar):
        day += 1
    first_ms = start_of_day_ms(day, given_.timezone)
    assert until_ms == (first_ms if first_ms > now_ms else None)


def _of_a_year(day: int) -> str:
    return datetime.fromordinal(738_886 + (day - 1) % 365).strftime("%m-%d")  # from 2024-01-01


# --- when a rule with a budget chooses ---


@pytest.mark.parametrize(
    ("decide_at", "zone", "now", "then"),
    [
        ("08:00", "UTC", "2026-03-04T07:59:59+00:00", "2026-03-04T08:00+00:00"),
        ("08:00", "UTC", "2026-03-04T08:00:00+00:00", "2026-03-05T08:00+00:00"),
        ("00:00", "UTC", "2026-12-31T23:59:59+00:00", "2027-01-01T00:00+00:00"),
        ("08:00", KATHMANDU, "2026-03-04T03:00:00+00:00", "2026-03-05T08:00+05:45"),
        ("08:00", BERLIN, "2026-03-28T08:00:00+01:00", "2026-03-29T08:00+02:00"),
        ("02:30", BERLIN, "2026-03-29T01:00:00+01:00", "2026-03-29T03:30+02:00"),
        ("02:30", BERLIN, "2026-03-29T03:30:00+02:00", "2026-03-30T02:30+02:00"),
        ("02:30", BERLIN, "2026-10-25T02:00:00+02:00", "2026-10-25T02:30+02:00"),
        ("02:30", BERLIN, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30+01:00"),
        ("02:30", BERLIN, "2026-10-25T02:10:00+01:00", "2026-10-26T02:30+01:00"),
    ],
)
def test_a_rule_with_a_budget_chooses_once_a_day_by_the_shops_clock(
    decide_at: str, zone: str, now: str, then: str
) -> None:
    given_ = shop(zone=zone, decide_at=decide_at)
    assert shown(next_choice_ms(given_, at(now)), zone) == then


@given(zone=st.sampled_from(ZONES), decide_at=clocks, now_ms=moments)
def test_the_next_choice_is_still_to_come_and_no_day_goes_without_one(
    zone: str, decide_at: str, now_ms: int
) -> None:
    given_ = shop(zone=zone, decide_at=decide_at)
    then_ms = next_choice_ms(given_, now_ms)
    assert now_ms < then_ms <= now_ms + 25 * HOUR_MS
    clock = shown(then_ms, zone)
    assert clock is not None
    late = (minute_of(clock[11:16]) - minute_of(decide_at)) % 1_440
    assert late in {0, 30, 60}  # the hour, or half an hour, that a night loses
