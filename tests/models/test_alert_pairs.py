"""Alerts of two policies about the same silences."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert_ledger import Key
from models.alert_pairs import Heard, Paired, Pairing
from models.alert_record import AlertOutcome, AlertRecord, Arm
from models.comparing import Window
from tests.support.histories import thoroughly

ALWAYS = Window()
LOST, BACK = AlertOutcome(None, 0, 0), AlertOutcome(740_010, 1, 900)
DAY = 740_000
HORIZON = 14


def alert(alert_id: str, day: int, silence: int | None, **rest: Any) -> AlertRecord:
    fields: dict[str, Any] = {
        "alert_id": alert_id,
        "rule": "overdue",
        "kind": "customer.overdue",
        "customer_id": "ada",
        "raised_ms": 0,
        "day": day,
        "horizon_days": HORIZON,
        "probability_ppm": None,
        "at_stake_minor": 100,
        "silence_days": silence,
        "churned_day": day + 50,
        "arm": Arm.TREATED,
        **rest,
    }
    return AlertRecord(**fields)


def paired(*raised: tuple[int, AlertRecord], window: Window = ALWAYS) -> dict[Any, Paired]:
    pairing = Pairing(window, 45)
    for policy, record in raised:
        pairing.raised(policy, record)
    return pairing.finish({})


@pytest.mark.parametrize(
    ("b_day", "kind", "days"),
    [(DAY, "same_day", 0), (DAY - 3, "earlier", 3), (DAY + 2, "later", 2)],
)
def test_the_same_silence_is_told_of_on_the_same_day_earlier_or_later(
    b_day: int, kind: str, days: int
) -> None:
    since = DAY - 15
    found = paired((0, alert("a", DAY, 15)), (1, alert("b", b_day, b_day - since)))
    assert found == {("overdue", kind): Paired(1, days, at_stake_minor=100)}


def test_another_silence_is_not_the_same() -> None:
    found = paired((0, alert("a", DAY, 15)), (1, alert("b", DAY, 3)))
    assert {kind: each.alerts for (_, kind), each in found.items()} == {"missed": 1, "new": 1}


def test_nor_is_another_rule_or_customer() -> None:
    found = paired(
        (0, alert("a", DAY, 15)),
        (1, alert("b", DAY, 15, rule="leaving")),
        (1, alert("c", DAY, 15, customer_id="bob")),
    )
    assert set(found) == {("overdue", "missed"), ("leaving", "new"), ("overdue", "new")}


def test_who_never_bought_has_one_silence() -> None:
    found = paired((0, alert("a", DAY, None)), (1, alert("b", DAY + 9, None)))
    assert found == {("overdue", "later"): Paired(1, 9, at_stake_minor=100)}


def test_several_alerts_of_one_silence_are_matched_in_their_order() -> None:
    found = paired(
        (0, alert("a1", DAY, 1)), (0, alert("a2", DAY + 5, 6)), (1, alert("b1", DAY + 1, 2))
    )
    assert {kind: each.alerts for (_, kind), each in found.items()} == {"later": 1, "missed": 1}


def test_of_a_missed_alert_its_own_outcome_counts_else_that_of_the_other_policy() -> None:
    pairing = Pairing(ALWAYS, 45)
    pairing.raised(0, alert("a", DAY, 15))
    pairing.raised(0, alert("a2", DAY, 15, customer_id="bob"))
    pairing.raised(1, alert("b", DAY, 15))
    for policy, alert_id, outcome in ((0, "a", BACK), (0, "a2", LOST), (1, "b", LOST)):
        pairing.resolved(policy, alert_id, outcome)
    found = pairing.finish({})
    assert found["overdue", "missed"][2:4] == (1, 1)
    assert found["overdue", "same_day"][2:4] == (1, 1)


def test_who_is_still_silent_at_the_end_may_yet_be_told_of() -> None:
    pairing = Pairing(ALWAYS, 45)
    pairing.raised(0, alert("a", DAY, 15))
    pairing.raised(0, alert("a2", DAY, 15, customer_id="bob"))
    found = pairing.finish({"ada": DAY - 15, "bob": DAY + 3})
    assert found["overdue", "missed"] == Paired(2, still_silent=1, at_stake_minor=200)


def test_a_silence_is_in_the_window_if_its_first_alert_is() -> None:
    window = Window(DAY, DAY + 5)
    later = paired((0, alert("a", DAY + 5, 20)), (1, alert("b", DAY + 9, 24)), window=window)
    before = paired((0, alert("a", DAY, 20)), (1, alert("b", DAY - 1, 19)), window=window)
    assert (list(later), before) == ([("overdue", "later")], {})


def test_an_outcome_of_an_alert_that_nobody_knows_changes_nothing() -> None:
    pairing = Pairing(ALWAYS, 45)
    pairing.resolved(0, "unknown", LOST)
    assert pairing.finish({}) == {}


class Life(NamedTuple):
    """A customer's purchase days, and the silences from which on each policy tells."""

    gaps: list[int]
    limits: tuple[int, int]


def told(life: Life, end_day: int) -> list[tuple[int, int, str, Any]]:
    """(day, policy, alert id, the alert or its outcome), in order of days."""
    days = [DAY]
    for gap in life.gaps:
        days.append(days[-1] + gap)
    found: list[tuple[int, int, str, Any]] = []
    for since, until in zip(days, [*days[1:], end_day + 1], strict=True):
        for policy, limit in enumerate(life.limits):
            day = since + limit
            if day < until:
                name = f"{policy}-{since}"
                found.append((day, policy, name, alert(name, day, limit)))
                back = until if until < min(day + HORIZON, end_day) else None
                outcome = AlertOutcome(back, int(back is not None), 0)
                found.append((day + HORIZON, policy, name, outcome))
    in_time = (each for each in found if each[0] <= end_day)
    return sorted(in_time, key=lambda each: (each[0], isinstance(each[3], AlertOutcome)))


lives = st.builds(
    Life,
    st.lists(st.integers(1, 90), min_size=0, max_size=12),
    st.tuples(st.integers(2, 60), st.integers(2, 60)),
)


@thoroughly
@given(lives, st.integers(0, 900))
def test_forgetting_what_is_over_changes_no_count_and_none_is_lost(life: Life, last: int) -> None:
    end_day = DAY + sum(life.gaps) + last
    tidied, kept = Pairing(ALWAYS, 45), Pairing(ALWAYS, 45)
    today, counts = DAY, [0, 0]
    for day, policy, name, each in told(life, end_day):
        while today < day:
            today += 1
            tidied.tidy(today)
        for pairing in (tidied, kept):
            if isinstance(each, AlertRecord):
                pairing.raised(policy, each)
            else:
                pairing.resolved(policy, name, each)
        counts[policy] += isinstance(each, AlertRecord)
    for day in range(today, end_day + 1):
        tidied.tidy(day)
    ends = {"ada": DAY + sum(life.gaps)}
    found = kept.finish(ends)
    assert tidied.finish(ends) == found
    both = sum(each.alerts for (_, kind), each in found.items() if kind not in {"missed", "new"})
    missed, new = (found.get(("overdue", kind), Paired()).alerts for kind in ("missed", "new"))
    assert [both + missed, both + new] == counts


def test_what_is_over_is_forgotten() -> None:
    pairing = Pairing(ALWAYS, 45)
    pairing.raised(0, alert("a", DAY, 15))
    pairing.resolved(0, "a", AlertOutcome(DAY + 1, 1, 0))
    pairing.tidy(DAY + 46)
    assert pairing.counts == {}
    pairing.tidy(DAY + 47)
    assert pairing.counts == {("overdue", "missed"): Paired(1, 0, 1, 0, 0, 100)}


def test_volume_and_precision_are_those_of_the_ledger() -> None:
    heard = Heard(Window(DAY, DAY + 6))
    for name, day in (("before", DAY - 1), ("one", DAY), ("two", DAY + 1), ("three", DAY + 2)):
        heard.raised(alert(name, day, 15))
    heard.resolved("one", LOST)
    heard.resolved("two", BACK)
    heard.resolved("before", LOST)
    weeks = {(key.rule, key.week): sums for key, sums in heard.ledger.items()}
    assert {key.group for key in heard.ledger} == {"not_sent"}
    assert sum(each.raised for each in weeks.values()) == 3
    assert sum(each.resolved for each in weeks.values()) == 2
    assert sum(each.right for each in weeks.values()) == 1
    assert heard.at_stake_minor.total() == 300
    assert heard.waits
    heard.forgotten("ada")
    assert not heard.waits


def test_an_alert_that_comes_twice_counts_once() -> None:
    heard = Heard(ALWAYS)
    heard.raised(alert("a", 738_000, 15))
    heard.raised(alert("a", 738_000, 15))
    assert heard.ledger[Key("overdue", "2021-W30", "not_sent")].raised == 1
