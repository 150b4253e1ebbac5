from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.retrying import (
    LIFE_S,
    MAX_RETRY_AFTER_S,
    Attempt,
    Health,
    Judgement,
    Outcome,
    after_failing,
    next_attempt_ms,
    pack,
    pause_s,
    unpack_attempt,
    unpack_health,
)
from streams.webhook import Answer

NOW_MS = 1_790_000_000_000
DAY_S = 86_400
REFUSED = Answer(500, "500 Internal Server Error")
NEW = pack(Attempt(NOW_MS))


@pytest.mark.parametrize(
    ("failed", "earliest_s", "latest_s"),
    [
        (0, 0, 0),
        (1, 4.5, 5.5),
        (2, 270, 330),
        (3, 1_620, 1_980),
        (4, 6_480, 7_920),
        (5, 16_200, 19_800),
        (6, 32_400, 39_600),
        (7, 45_360, 55_440),
        (8, 64_800, 79_200),
        (9, 77_760, 95_040),
    ],
)
def test_each_attempt_comes_so_long_after_the_one_before_give_or_take_a_tenth(
    failed: int, earliest_s: float, latest_s: float
) -> None:
    delays_s = [
        (at_ms - NOW_MS) / 1_000
        for number in range(300)
        if (at_ms := next_attempt_ms(failed, NOW_MS, f"alert {number}")) is not None
    ]
    assert len(delays_s) == 300
    assert earliest_s <= min(delays_s) <= max(delays_s) <= latest_s
    if failed:
        spread = (max(delays_s) - min(delays_s)) / (latest_s - earliest_s)
        assert spread > 0.9


@pytest.mark.parametrize("failed", [10, 11, 1_000])
def test_after_the_tenth_there_is_no_other(failed: int) -> None:
    assert next_attempt_ms(failed, NOW_MS, "alert") is None
    assert next_attempt_ms(failed, NOW_MS, "alert", 60.0) is None


def test_the_jitter_is_the_same_for_every_owner_and_another_for_every_attempt_and_endpoint() -> (
    None
):
    assert next_attempt_ms(1, 0, "alert\x1fcrm") == 4_987
    assert next_attempt_ms(1, 0, "alert\x1fbi") == 5_403
    assert next_attempt_ms(2, 0, "alert\x1fcrm") == 317_425


@pytest.mark.parametrize(
    ("failed", "asked_s", "least_s", "most_s"),
    [
        (1, 120.0, 120, 120),
        (1, 1.0, 4.5, 5.5),
        (5, 120.0, 16_200, 19_800),
        (1, 3 * DAY_S, DAY_S, DAY_S),
        (9, 3 * DAY_S, DAY_S, 95_040),
        (1, 0.0, 4.5, 5.5),
    ],
)
def test_a_receiver_is_not_asked_earlier_than_it_wants_nor_a_day_later_than_that_is_due(
    failed: int, asked_s: float, least_s: float, most_s: float
) -> None:
    at_ms = next_attempt_ms(failed, NOW_MS, "alert", asked_s)
    assert at_ms is not None
    assert least_s <= (at_ms - NOW_MS) / 1_000 <= most_s


@given(
    st.integers(0, 9),
    st.text(st.characters(codec="utf-8")),
    st.none() | st.floats(0, allow_nan=False),
)
def test_the_next_attempt_is_never_in_the_past_and_never_more_than_a_day_and_a_tenth_away(
    failed: int, key: str, asked_s: float | None
) -> None:
    at_ms = next_attempt_ms(failed, NOW_MS, key, asked_s)
    assert at_ms is not None
    assert NOW_MS <= at_ms <= NOW_MS + 1_100 * DAY_S
    assert at_ms >= NOW_MS + 1_000 * min(asked_s or 0.0, MAX_RETRY_AFTER_S) - 1


@given(st.text(st.characters(codec="utf-8"), max_size=8))
def test_ten_attempts_fit_into_an_alerts_life(key: str) -> None:
    attempt, at_ms, made = Attempt(NOW_MS), NOW_MS, 0
    while True:
        made += 1
        attempt, next_ms = after_failing(attempt, key, REFUSED, "crm", at_ms)
        if next_ms is None:
            break
        at_ms = next_ms
    assert (made, attempt.attempts) == (10, 10)
    assert 0.9 * 272_105 <= (at_ms - NOW_MS) / 1_000 <= 1.1 * 272_105 < LIFE_S == 358_505


def test_an_alert_that_would_be_given_up_before_its_next_attempt_is_given_up_now() -> None:
    late_ms = NOW_MS + 1_000 * (LIFE_S - 280)
    assert after_failing(Attempt(NOW_MS), "m", REFUSED, "crm", late_ms)[1] is not None
    assert after_failing(Attempt(NOW_MS, 1), "m", Answer(429, "", 281.0), "crm", late_ms)[1] is None
    assert after_failing(Attempt(NOW_MS, 2), "m", REFUSED, "crm", late_ms)[1] is None


def test_alerts_of_one_message_come_due_at_one_moment() -> None:
    both = [after_failing(Attempt(at), "message", REFUSED, "crm", NOW_MS)[1] for at in (1, NOW_MS)]
    later = [after_failing(Attempt(NOW_MS), m, REFUSED, "crm", NOW_MS)[1] for m in ("a", "b")]
    assert both[0] is None
    assert later[0] != later[1]
    young = [Attempt(NOW_MS - each) for each in range(3)]
    assert len({after_failing(each, "message", REFUSED, "crm", NOW_MS)[1] for each in young}) == 1


def test_what_was_answered_is_remembered_up_to_two_hundred_characters() -> None:
    after, _ = after_failing(Attempt(NOW_MS), "m-1", Answer(503, "ş" * 300), "crm", NOW_MS)
    assert after == Attempt(NOW_MS, 1, "m-1", 503, "ş" * 200)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 5), (6, 300), (7, 300), (14, 300), (10_000, 300)]
)
def test_an_endpoint_is_left_alone_from_its_fifth_failure_on_for_five_minutes_at_most(
    failures: int, seconds: int
) -> None:
    assert pause_s(failures) == seconds


@pytest.mark.parametrize(
    "attempt", [Attempt(NOW_MS), Attempt(NOW_MS, 9, "m", 410, "ş"), Attempt(0, 1, "", None, "")]
)
def test_an_attempt_is_packed_and_unpacked(attempt: Attempt) -> None:
    assert unpack_attempt(pack(attempt)) == attempt


def test_a_health_is_packed_and_unpacked_and_begins_well() -> None:
    health = Health("410 Gone", 7, NOW_MS, 2**40, 3)
    assert unpack_health(pack(health)) == health
    assert unpack_health(None) == Health("", 0, 0, 0, 0)


def judged(*outcomes: Outcome, stands: dict[str, bytes | None] | None = None) -> Judgement:
    """Everything stands as it did, unless it is said."""
    now = {alert_id: packed for each in outcomes for alert_id, packed in each.sent.items()}
    return Judgement("crm", outcomes, {**now, **(stands or {})}, NOW_MS)


def test_what_arrived_is_delivered_and_the_endpoint_is_well() -> None:
    judgement = judged(Outcome({"a": NEW, "b": NEW}, Answer(202, ""), "m"))
    assert (judgement.delivered, judgement.again, judgement.dead) == (["a", "b"], {}, {})
    assert judgement.health(Health("", 9, 5, 1, 1)) == Health("", 0, 5, 3, 1)


def test_a_round_of_failures_counts_once_and_one_delivery_in_it_ends_the_row() -> None:
    failures = [Outcome({each: NEW}, REFUSED, each) for each in "abc"]
    assert judged(*failures).health(Health("", 3)).failures_in_a_row == 4
    paused = judged(*failures).health(Health("", 5))
    assert paused == Health("", 6, NOW_MS + 300_000, 0, 0)
    arrived = Outcome({"d": NEW}, Answer(200, ""), "d")
    assert judged(*failures, arrived).health(Health("", 5)) == Health("", 0, 0, 1, 0)


def test_who_says_retry_after_is_left_alone_by_all_alerts() -> None:
    asked = [Outcome({"a": NEW}, Answer(429, "", 90.0), "a"), Outcome({"b": NEW}, REFUSED, "b")]
    assert judged(*asked).health(Health()).paused_until_ms == NOW_MS + 90_000
    assert judged(*asked).health(Health("", 0, NOW_MS + 95_000)).paused_until_ms == NOW_MS + 95_000


def test_who_is_gone_is_disabled_and_nothing_happens_to_its_alerts() -> None:
    gone = judged(Outcome({"a": NEW}, Answer(410, "410 Gone"), "a"))
    assert (gone.left, gone.delivered, gone.again, gone.dead) == ([], [], {}, {})
    assert gone.health(Health("", 2, 0, 5, 1)) == Health("410 Gone", 2, 0, 5, 1)


def test_where_no_message_can_be_made_the_alert_is_dead_and_says_why_and_what_was_before() -> None:
    before = pack(Attempt(NOW_MS, 3, "m", 503, "503 Service Unavailable"))
    judgement = judged(Outcome({"a": before, "b": NEW}, Answer(None, "its body is missing")))
    words = "its body is missing; 503 Service Unavailable"
    assert judgement.dead["a"] == Attempt(NOW_MS, 3, "m", 503, words)
    assert judgement.dead["b"] == Attempt(NOW_MS, 0, "", None, "its body is missing")
    assert judgement.health(Health("", 2)) == Health("", 2, 0, 0, 2)


def test_an_answer_says_nothing_of_alerts_that_have_changed_meanwhile_unless_they_arrived() -> None:
    failed, arrived = Outcome({"a": NEW}, REFUSED, "m"), Outcome({"a": NEW}, Answer(200, ""), "m")
    changed: dict[str, bytes | None] = {"a": pack(Attempt(NOW_MS + 1))}
    assert (judged(failed, stands=changed).again, judged(failed, stands=changed).dead) == ({}, {})
    assert judged(failed, stands=changed).health(Health("", 4)).failures_in_a_row == 4
    assert judged(arrived, stands=changed).delivered == ["a"]
    for outcome in (failed, arrived):
        judgement = judged(outcome, stands={"a": None})
        assert (judgement.left, judgement.delivered, judgement.again) == (["a"], [], {})
        assert judgement.health(Health("", 4, 7, 1, 1))[1:] == (4, 7, 1, 1)
