"""What a state remembers of alerts: written down and read, united, and refused if it can't be."""

from __future__ import annotations

from base64 import b64decode
from datetime import date
from typing import Any

import msgpack
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.alert_memory import (
    MAX_OPEN,
    NO_ALERTS,
    AlertMemory,
    LastAlert,
    OpenAlert,
    alerts_from,
    merged_alerts,
    packed_alerts,
    without_the_silence,
)
from models.codec import (
    SCHEMA_VERSION,
    CorruptState,
    decode_held,
    decode_state,
    encode_held,
    encode_state,
)
from models.customer import Alias, CustomerState
from models.policy import policy_from_toml
from tests.support.histories import thoroughly
from tests.support.story import DAY_MS, noon, profile, purchase, tell, tick

DAY_0 = date(2024, 1, 1).toordinal()
ID = "671948af711a10ac13d40239b540b9e5"
OF_RISK = OpenAlert(ID, "risk", noon(20), noon(5), DAY_0 + 20, 30)
OF_AN_ENTRY = OpenAlert("0" * 32, "joined", noon(5), -1, DAY_0 + 6, 30, cleared=True)
MEMORY = AlertMemory(
    last={"joined": LastAlert(noon(5), -1), "risk": LastAlert(noon(20), noon(3))},
    reached={"gone": DAY_0 + 69, "risk": DAY_0 + 20},
    open=(OF_AN_ENTRY, OF_RISK),
    due_ms=noon(36),
)
BOUGHT = tell(purchase("p1", noon(0)), purchase("p2", noon(5))).customer
WATCHED = BOUGHT._replace(alerts=MEMORY)
WATCHING = policy_from_toml(
    """
preset = "grocery"

[alerts.rules.gone]
on = "lifecycle.changed"
to = "churned"

[alerts.rules.late]
on = "customer.overdue"
"""
)

moments = st.integers(0, noon(4_000))
days = st.integers(DAY_0, DAY_0 + 4_000)
rules = st.sampled_from(("gone", "joined", "late", "risk"))
alert_ids = st.integers(0, 2**128 - 1).map("{:032x}".format)
open_alerts = st.builds(
    OpenAlert,
    alert_ids,
    rules,
    moments,
    st.just(-1) | moments,
    days,
    st.integers(1, 365),
    st.booleans(),
)
memories = st.builds(
    AlertMemory,
    st.dictionaries(rules, st.builds(LastAlert, moments, st.just(-1) | moments)),
    st.dictionaries(rules, days),
    st.lists(open_alerts, max_size=MAX_OPEN, unique_by=lambda each: each.alert_id).map(tuple),
    st.none() | moments,
)


@thoroughly
@given(memories)
def test_a_state_with_alerts_comes_back_as_it_was(memory: AlertMemory) -> None:
    state = BOUGHT._replace(alerts=memory)
    packed = encode_state(state)
    assert decode_state(packed) == state
    assert encode_state(decode_state(packed)) == packed
    assert alerts_from(packed_alerts(memory)) == memory


def test_alerts_are_written_as_two_maps_a_list_and_a_moment() -> None:
    *_, written = msgpack.unpackb(encode_state(WATCHED))
    assert written == [
        {"joined": [noon(5), -1], "risk": [noon(20), noon(3)]},
        {"gone": DAY_0 + 69, "risk": DAY_0 + 20},
        [
            ["0" * 32, "joined", noon(5), -1, DAY_0 + 6, 30, True],
            [ID, "risk", noon(20), noon(5), DAY_0 + 20, 30, False],
        ],
        noon(36),
    ]


def test_the_order_in_which_rules_were_met_does_not_change_the_bytes() -> None:
    last = dict(reversed(MEMORY.last.items()))  # type: ignore[call-overload]
    reached = dict(reversed(MEMORY.reached.items()))  # type: ignore[call-overload]
    other_way_round = MEMORY._replace(last=last, reached=reached)
    assert encode_state(BOUGHT._replace(alerts=other_way_round)) == encode_state(WATCHED)


def test_whoever_was_never_told_of_takes_one_byte_for_it() -> None:
    packed = encode_state(BOUGHT)
    assert msgpack.unpackb(packed)[-1] == []
    assert packed[-1:] == b"\x90"
    assert decode_state(packed).alerts is NO_ALERTS
    assert encode_state(BOUGHT._replace(alerts=AlertMemory())) == packed


def test_an_alert_that_is_due_first_is_the_customers_next_deadline() -> None:
    assert BOUGHT.next_deadline_ms is not None
    sooner = MEMORY._replace(due_ms=BOUGHT.next_deadline_ms - 1)
    later = MEMORY._replace(due_ms=BOUGHT.next_deadline_ms + 1)
    assert BOUGHT._replace(alerts=sooner).next_deadline_ms == BOUGHT.next_deadline_ms - 1
    assert BOUGHT._replace(alerts=later).next_deadline_ms == BOUGHT.next_deadline_ms


# What version 6 wrote, as it wrote it; nobody was told of then.
OVERDUE_6 = b64decode(
    "3AATBs8AAAGMxOUiAATcABcCzQ2sAM8AAAGMxOUiAM8AAAGM8z5eAACSzgALRkYJAAAAxADLP/5QNURH6rDLQKqFKgJXHZjL"
    "QBzMzMzMzM2TDhxIzgALRmIDwsLPAAABjYYDnADPAAABjYYDnADPAAABjmibbAAEwP+SnM8AAAGMxOUiAM+OoCYqvFHc4gDN"
    "A+gAw80CdgAAxAAAxACczwAAAYzzPl4Az8NhHAwZZRiXAM0JxADDzQJ2AADEAADEAIGkdGllcpPPAAABjPM+XgDPHBheH/UT"
    "9IKkZ29sZIDAmM4AC0ZPzgALRkbOAAtGTwLNDayWzQK1zQe2zR0sAAAAAJDAgJLERQQAAAAARkYLAAEAAAABAAAA6AMAAAAA"
    "AAAAAAAAAAAAAAAAAABPRgsAAgAAAAIAAACsDQAAAAAAAAAAAAAAAAAAAAAAAICAwJDAkwDEAAA="
)


def test_a_state_of_schema_6_is_read_whole_and_nobody_has_been_told_of() -> None:
    told = tell(
        purchase("p1", noon(0)),
        purchase("p2", noon(9), 2_500),
        profile("x", noon(9), tier="gold"),
        tick(noon(40)),
    ).customer
    read = decode_state(OVERDUE_6)
    assert read == told
    assert read.alerts is NO_ALERTS
    again = msgpack.unpackb(encode_state(read))
    assert (again[0], again[-1]) == (SCHEMA_VERSION, [])


def test_an_alias_of_schema_6_is_read() -> None:
    alias = encode_held(Alias("c2", noon(1)))
    assert decode_held(alias[:1] + b"\x06" + alias[2:]) == Alias("c2", noon(1))


def test_a_state_of_schema_6_has_no_more_fields_than_it_had() -> None:
    fields = msgpack.unpackb(OVERDUE_6)
    with pytest.raises(CorruptState):
        decode_state(msgpack.packb([*fields, []]))
    with pytest.raises(CorruptState):
        decode_state(msgpack.packb([SCHEMA_VERSION, *fields[1:]]))


def of_persons(*each: AlertMemory) -> None:
    """An alert is about one of them, so no two have one in common."""
    ids = [one.alert_id for memory in each for one in memory.open]
    assume(len(set(ids)) == len(ids))


@thoroughly
@given(memories, memories)
def test_it_does_not_matter_who_of_two_is_united_with_whom(
    one: AlertMemory, other: AlertMemory
) -> None:
    of_persons(one, other)
    united = merged_alerts(one, other)
    assert united == merged_alerts(other, one)
    assert packed_alerts(united) == packed_alerts(merged_alerts(other, one))


@thoroughly
@given(memories, memories, memories)
def test_nor_who_of_three_was_first(
    one: AlertMemory, other: AlertMemory, third: AlertMemory
) -> None:
    of_persons(one, other, third)
    assert merged_alerts(merged_alerts(one, other), third) == merged_alerts(
        one, merged_alerts(other, third)
    )


@thoroughly
@given(memories, memories)
def test_of_two_the_newest_alerts_are_followed_up_and_no_more_than_one_may_have(
    one: AlertMemory, other: AlertMemory
) -> None:
    of_persons(one, other)
    united = merged_alerts(one, other)
    both = sorted([*one.open, *other.open], key=lambda each: (each.at_ms, each.alert_id))
    assert list(united.open) == both[-MAX_OPEN:]
    assert len(united.open) <= MAX_OPEN
    assert (united.reached, united.due_ms) == ({}, None)
    decode_state(encode_state(BOUGHT._replace(alerts=united)))


def told(day: int) -> LastAlert:
    """The last alert of a rule, about a silence that began a day before."""
    return LastAlert(noon(day), noon(day - 1))


def test_of_each_rule_the_later_alert_counts_for_the_pause_after_it() -> None:
    one = AlertMemory({"risk": told(1), "gone": told(9)})
    other = AlertMemory({"risk": told(2), "late": told(3)})
    assert merged_alerts(one, other).last == {"gone": told(9), "late": told(3), "risk": told(2)}


def test_two_of_whom_nobody_was_told_stay_such() -> None:
    assert merged_alerts(NO_ALERTS, NO_ALERTS) is NO_ALERTS
    assert merged_alerts(AlertMemory(), NO_ALERTS) is NO_ALERTS


def test_one_alert_that_came_with_both_is_followed_up_once() -> None:
    one = AlertMemory({"risk": told(20)}, {}, (OF_RISK,))
    other = AlertMemory({"risk": told(20)}, {}, (OF_RISK._replace(cleared=True),))
    assert [each.alert_id for each in merged_alerts(one, one).open] == [ID]
    assert [each.alert_id for each in merged_alerts(one, other).open] == [ID]


def test_whoever_takes_over_the_purchases_finds_out_anew_what_follows_from_them() -> None:
    assert without_the_silence(MEMORY) == MEMORY._replace(reached={}, due_ms=None)
    silence = AlertMemory({}, {"risk": DAY_0 + 20}, (), noon(20))
    assert without_the_silence(silence) is NO_ALERTS


def absurd(**fields: Any) -> list[Any]:
    """Alerts as they are written, some fields of which can't be."""
    return [fields.get(name, getattr(MEMORY, name)) for name in AlertMemory._fields]


def followed(**fields: Any) -> list[Any]:
    """The same, with one alert that can't be followed up."""
    return absurd(open=[[fields.get(name, getattr(OF_RISK, name)) for name in OpenAlert._fields]])


@pytest.mark.parametrize(
    "alerts",
    [
        absurd(open=[[f"{n:032x}", *OF_RISK[1:]] for n in range(MAX_OPEN + 1)]),
        absurd(last={f"r{n}": LastAlert(0, -1) for n in range(65)}),
        absurd(reached={f"r{n}": DAY_0 for n in range(65)}),
        absurd(reached={"risk": date(1969, 12, 30).toordinal()}),
        absurd(reached={"risk": date.max.toordinal() + 1}),
        absurd(reached={"risk": float(DAY_0)}),
        absurd(reached={"risk": None}),
        absurd(reached=["risk"]),
        absurd(last={"risk": LastAlert(-1, -1)}),
        absurd(last={"risk": LastAlert(0, 2**62)}),
        absurd(last={"risk": (True, 0)}),
        absurd(last={"risk": "yesterday"}),
        absurd(last={7: (0, 0)}),
        absurd(last=None),
        absurd(open=7),
        absurd(open=[7]),
        absurd(open=[["id", "risk", 0]]),
        absurd(open=[[*OF_RISK, 1]]),
        absurd(open={"id": "risk"}),
        absurd(due_ms=-1),
        absurd(due_ms=2**62),
        absurd(due_ms=1.5),
        absurd(due_ms="soon"),
        followed(alert_id=7),
        followed(alert_id=b"id"),
        followed(rule=None),
        followed(at_ms=-1),
        followed(at_ms=1.5),
        followed(at_ms=2**62),
        followed(silent_since_ms=-2),
        followed(silent_since_ms=None),
        followed(first_day=0),
        followed(first_day=date.max.toordinal()),
        followed(first_day=float(DAY_0)),
        followed(horizon_days=0),
        followed(horizon_days=-30),
        followed(horizon_days=2**40),
        followed(horizon_days=30.0),
        followed(horizon_days=True),
        followed(cleared=1),
        followed(cleared="no"),
        [{}, {}, []],
        [{}, {}, [], None, None],
        7,
        "last",
        {"last": {}},
    ],
    ids=repr,
)
def test_alerts_that_can_not_be_make_a_state_corrupt(alerts: object) -> None:
    fields = msgpack.unpackb(encode_state(WATCHED))
    assert decode_state(msgpack.packb([*fields[:-1], absurd()])) == WATCHED
    with pytest.raises(CorruptState):
        decode_state(msgpack.packb([*fields[:-1], alerts]))


extremes = st.sampled_from((0, 1, 365, 3_650, 90_000, 100_000))
early_or_late_days = st.one_of(
    extremes.map(lambda days: date(1970, 1, 1).toordinal() + days),
    extremes.map(lambda days: date(9900, 1, 1).toordinal() - days),
)
early_or_late = early_or_late_days.map(lambda day: (day - 719_163) * DAY_MS)


@thoroughly
@given(
    st.dictionaries(
        st.sampled_from(("gone", "late")), st.builds(LastAlert, early_or_late, early_or_late)
    ),
    early_or_late_days,
    extremes,
    st.none() | early_or_late,
    st.sampled_from((policy_from_toml('preset = "grocery"'), WATCHING)),
)
def test_whoever_is_let_in_can_be_lived_on_and_written_down(
    last: dict[str, LastAlert], first_day: int, horizon_days: int, due_ms: int | None, policy: Any
) -> None:
    followed_up = (OpenAlert(ID, "gone", 0, -1, first_day, horizon_days),)
    state = BOUGHT._replace(alerts=AlertMemory(last, {}, followed_up, due_ms))
    try:
        let_in = decode_state(encode_state(state))
    except CorruptState:
        return
    lived = tell(purchase("p3", noon(90)), tick(noon(400)), state=let_in, policy=policy).customer
    assert isinstance(decode_state(encode_state(lived)), CustomerState)
