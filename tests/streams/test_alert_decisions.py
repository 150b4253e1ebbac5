"""Deciding: who is told of, when, where to; what is put off, left out, held back, cleared away."""

from __future__ import annotations

from typing import Any

import pytest

from models.alert_choice import Budget
from models.alert_record import Arm, Decision
from streams.alert_decisions import LOOK_AGAIN_MS
from streams.alert_entries import AT_ONCE, KEPT_DAYS
from tests.models.alert_shops import SLIPPING, WON_BACK
from tests.streams.alert_office import (
    START_MS,
    AlertOffice,
    customer,
    names,
    opened,
    rules,
    successor,
)
from tests.streams.posting import always, endpoint
from tests.support.story import DAY_MS, utc

TODAY = 739_679  # 2026-03-04, ordinal
BUDGETED = {**SLIPPING, "daily_budget": 2}
NIGHT = {**SLIPPING, "quiet_hours": "21:00-08:00"}
BY_MAIL = {**SLIPPING, "channel": "email"}
ENDPOINTS = [endpoint(f"e{number:02}") for number in range(32)]


def wanting(name: str, *wanted: str) -> Any:
    """An endpoint for some rules only."""
    return endpoint(name).model_copy(update={"rules": wanted})


# --- where to ---


async def test_an_alert_goes_to_every_endpoint_that_wants_its_rule() -> None:
    places = [
        wanting("all", "*"),
        wanting("both", "slipping", "other"),
        wanting("one", "slipping"),
        wanting("none", "third"),
    ]
    office = await opened(rules(slipping=SLIPPING, other=SLIPPING), *places)
    one, two = office.topic.raises("ann"), office.topic.raises("bob", "other")
    await office.look()
    got = {each.name: sorted(office.receivers.ids_to(each.name)) for each in places}
    assert got == {"all": sorted([one, two]), "both": sorted([one, two]), "one": [one], "none": []}


async def test_each_alert_is_sent_once_and_each_decision_is_told() -> None:
    office = await opened()
    for each in ("ann", "bob", "cat"):
        office.topic.raises(each)
    office.customers["bob"] = customer(do_not_contact=True)
    await office.look()
    await office.look()
    assert await office.decisions() == {"blocked:suppressed": ["bob"], "sent": ["ann", "cat"]}
    assert len(office.receivers.posted) == 2
    assert office.desk.tally == {"decided:sent": 2, "decided:blocked": 1, "blocked:suppressed": 1}
    assert {each.decided_ms for each in await office.records()} == {START_MS}
    await office.ledger_is_right()


async def test_who_is_held_out_is_noted_as_told_of_and_sent_nowhere() -> None:
    half = rules(alerts={"holdout": 0.5, "frequency_cap": 1})
    office = await opened(half)
    (ann,), (bob,) = names(Arm.TREATED, half, 1), names(Arm.HELD_OUT, half, 1)
    for _ in range(2):
        for each in (ann, bob):
            office.topic.raises(each)
        await office.look()
    assert await office.decisions() == {
        "blocked:too_often": sorted([ann, bob]),
        "held_out": [bob],
        "sent": [ann],
    }
    assert len(office.receivers.posted) == 1
    assert await office.reads.told_ms([ann, bob]) == [(START_MS,), (START_MS,)]


@pytest.mark.parametrize("count", [1, 5, 32])
async def test_any_number_of_alerts_can_be_decided_at_once_for_any_number_of_endpoints(
    count: int,
) -> None:
    office = await opened(rules(), *ENDPOINTS[:count])
    for number in range(AT_ONCE + 1):
        office.topic.raises(f"c{number}")
    await office.read()
    await office.decide()
    assert [len(each) for each in (await office.decisions()).values()] == [AT_ONCE + 1]
    assert len(await office.queued(ENDPOINTS[count - 1].name)) == AT_ONCE + 1


# --- budgets ---


async def test_a_rule_with_a_budget_waits_for_its_hour_and_then_keeps_those_with_most_at_stake() -> (
    None
):
    office = await opened(rules(slipping=BUDGETED))
    for name, stake_minor in (("ann", 300), ("bob", 900), ("cat", 100), ("dan", 600)):
        office.topic.raises(name, stake_minor=stake_minor)
    await office.look()
    assert await office.decisions() == {"waiting": ["ann", "bob", "cat", "dan"]}
    office.clock.goes_to("2026-03-05 07:59")
    await office.look()
    assert office.receivers.posted == []
    office.clock.goes_to("2026-03-05 08:00")
    await office.look()
    assert await office.decisions() == {"over_budget": ["ann", "cat"], "sent": ["bob", "dan"]}
    places = await office.reads.budgets(office.policy, office.clock())
    assert places == {"slipping": Budget(TODAY + 1, taken=2, left_out=2)}


async def test_every_day_has_new_places_and_what_comes_later_waits_for_the_next_day() -> None:
    office = await opened(rules(slipping=BUDGETED))
    for day in (5, 6, 7):
        for number in range(3):
            office.topic.raises(f"c{day}{number}", stake_minor=number)
        await office.look()
        office.clock.goes_to(f"2026-03-0{day} 08:00")
        await office.look()
    found = await office.decisions()
    assert found["over_budget"] == ["c50", "c60", "c70"]
    assert len(found["sent"]) == 6


async def test_places_that_were_taken_at_eight_are_gone_for_who_had_to_wait_on() -> None:
    rule = {**BUDGETED, "quiet_hours": "21:00-08:30"}
    office = await opened(rules(slipping=rule))
    office.customers = {
        "ann": customer(timezone="Asia/Kathmandu"),  # 13:45 at eight
        "bob": customer(),
        "cat": customer(timezone="Asia/Kathmandu"),
        "dan": customer(),
    }
    for name, stake_minor in (("ann", 1), ("bob", 9), ("cat", 2), ("dan", 8)):
        office.topic.raises(name, stake_minor=stake_minor)
    await office.read()
    office.clock.goes_to("2026-03-05 08:00")
    await office.look()
    assert await office.decisions() == {"sent": ["ann", "cat"], "waiting": ["bob", "dan"]}
    office.clock.goes_to("2026-03-05 08:30")
    await office.look()
    assert await office.decisions() == {"over_budget": ["bob", "dan"], "sent": ["ann", "cat"]}


async def test_of_more_than_fit_into_one_turn_the_best_are_sent_and_a_cap_holds_over_all() -> None:
    budget, people = 40, AT_ONCE + 100
    office = await opened(
        rules(slipping={**SLIPPING, "daily_budget": budget}, alerts={"frequency_cap": 1})
    )
    for number in range(people):
        office.topic.raises(f"c{number:04}", stake_minor=number)
    for number in range(people):
        office.topic.raises(f"c{number:04}", stake_minor=people + number % 10)
    await office.read()
    office.clock.goes_to("2026-03-05 08:00")
    await office.decide()
    found = {said: len(ids) for said, ids in (await office.decisions()).items()}
    left_out = 2 * people - 2 * budget
    assert found == {"blocked:too_often": budget, "over_budget": left_out, "sent": budget}
    sent = [each for each in await office.records() if each.decision is Decision.SENT]
    assert len({each.customer_id for each in sent}) == budget
    assert {each.at_stake_minor for each in sent} == {people + 9}


# --- when ---


async def test_in_quiet_hours_where_the_customer_lives_an_alert_waits_and_is_then_sent() -> None:
    office = await opened(rules(slipping=NIGHT))
    office.customers = {"ann": customer(timezone="Asia/Shanghai"), "bob": customer()}
    asleep = office.topic.raises("ann")  # 20:00
    await office.look()
    assert await office.decision(asleep) is Decision.SENT
    office.clock.goes_to("2026-03-04 13:00")
    asleep, awake = office.topic.raises("ann"), office.topic.raises("bob")
    await office.look()
    assert await office.waiting() == {asleep: utc("2026-03-05 00:00")}
    assert await office.decision(awake) is Decision.SENT
    office.clock.goes_to("2026-03-05 00:00")
    await office.look()
    assert await office.decision(asleep) is Decision.SENT


async def test_while_a_period_lasts_alerts_wait_all_of_them() -> None:
    sale = {"name": "双11", "from": "03-04", "to": "03-05", "alerts": "wait"}
    office = await opened(rules(calendar=[sale]))
    alert_id = office.topic.raises("ann")
    await office.look()
    assert await office.waiting() == {alert_id: utc("2026-03-06 00:00")}
    office.clock.goes_to("2026-03-06 00:00")
    await office.look()
    assert await office.decision(alert_id) is Decision.SENT


async def test_while_the_source_is_silent_nothing_is_told_of_a_silence_and_all_else_is() -> None:
    office = await opened(rules(slipping=SLIPPING, back=WON_BACK))
    office.source_silent = True
    silence, back = office.topic.raises("ann"), office.topic.raises("bob", "back")
    await office.look()
    assert await office.waiting() == {silence: START_MS + LOOK_AGAIN_MS}
    assert await office.decision(back) is Decision.SENT
    office.clock.passes(minutes=1)
    await office.look()
    assert await office.decision(silence) is Decision.WAITING
    office.source_silent = False
    office.clock.passes(minutes=1)
    await office.look()
    assert await office.decision(silence) is Decision.SENT


async def test_after_a_standstill_nobody_is_told_of_what_is_too_old_by_then() -> None:
    office = await opened(rules(slipping=SLIPPING, best=BUDGETED))
    for rule in ("slipping", "best"):
        office.topic.raises("ann", rule)
    await office.read()
    office.clock.passes(days=8)
    await (await successor(office)).look()
    assert await office.decisions() == {"too_old": ["ann", "ann"]}
    assert office.receivers.posted == []


async def test_after_a_source_was_silent_for_days_nobody_is_told_of_what_is_too_old_by_then() -> (
    None
):
    office = await opened()
    office.topic.raises("ann")
    office.source_silent = True
    for _ in range(5 * 24):
        await office.look()
        office.clock.passes(hours=1)
    office.source_silent = False
    await office.look()
    assert await office.decisions() == {"too_old": ["ann"]}


async def test_of_an_alert_whose_horizon_has_ended_while_it_waited_nobody_is_told() -> None:
    calm = {"name": "calm", "from": "03-04", "to": "03-25", "alerts": "wait"}
    office = await opened(rules(calendar=[calm]))
    alert_id = office.topic.raises("ann", horizon_days=14)
    await office.look()
    office.clock.passes(days=15)
    office.topic.resolves(alert_id, None)
    await office.look()
    office.clock.goes_to("2026-03-26 00:00")
    await office.look()
    assert office.receivers.posted == []
    assert not {"told", "sent", "waiting"} & set(await office.noted.contents())


# --- the gate, now ---


@pytest.mark.parametrize(
    ("then", "now", "decision"),
    [
        ({"consent_email": True}, {"consent_email": True}, "sent"),
        ({"consent_email": True}, {"consent_email": False}, "blocked:no_consent"),
        ({"consent_email": True}, None, "blocked:no_consent"),
        ({}, {"consent_email": "yes"}, "sent"),
        ({}, {"consent_email": "yes", "do_not_contact": 1}, "blocked:suppressed"),
    ],
)
async def test_the_gate_looks_at_the_customer_as_they_are_when_it_is_decided(
    then: dict[str, Any], now: dict[str, Any] | None, decision: str
) -> None:
    office = await opened(rules(slipping={**BY_MAIL, "daily_budget": 5}))
    office.customers["ann"] = customer(**then)
    office.topic.raises("ann")
    await office.look()
    office.customers = {} if now is None else {"ann": customer(**now)}
    office.clock.passes(days=1)
    await office.look()
    assert await office.decisions() == {decision: ["ann"]}


@pytest.mark.parametrize(
    ("rule", "bought_ms", "decision"),
    [
        ("slipping", START_MS - 20 * DAY_MS, "sent"),
        ("slipping", START_MS, "sent"),
        ("slipping", START_MS + 1, "cleared"),
        ("back", START_MS + 1, "sent"),
    ],
)
async def test_who_has_bought_since_is_not_told_of_as_silent(
    rule: str, bought_ms: int, decision: str
) -> None:
    office = await opened(rules(slipping=BUDGETED, back={**WON_BACK, "daily_budget": 1}))
    alert_id = office.topic.raises("ann", rule)
    await office.read()
    office.customers["ann"] = customer(bought_ms)
    office.clock.passes(days=1)
    await office.look()
    assert await office.decisions() == {decision: ["ann"]}
    office.topic.clears(alert_id)
    await office.look()
    assert len(office.receivers.posted) == (2 if decision == "sent" else 0)


async def test_what_was_told_counts_for_the_cap_over_days_and_rules() -> None:
    office = await opened(
        rules(slipping=SLIPPING, other=SLIPPING, alerts={"frequency_cap": 2, "frequency_days": 7})
    )
    for rule in ("slipping", "other", "slipping", "other", "slipping"):
        office.topic.raises("ann", rule)
        await office.look()
        office.clock.passes(days=3)
    found = {each.raised_ms: each.decision.value for each in await office.records()}
    assert [found[each] for each in sorted(found)] == ["sent", "sent", "blocked", "sent", "sent"]
    assert await office.reads.told_ms(["ann"]) == [(START_MS + 9 * DAY_MS, START_MS + 12 * DAY_MS)]


async def test_of_a_rule_that_was_removed_while_it_waited_nobody_is_told() -> None:
    office = await opened(rules(best=BUDGETED, slipping=SLIPPING))
    office.topic.raises("ann", "best")
    await office.look()
    office.policy = rules()
    office.clock.passes(days=1)
    await office.look()
    assert await office.decisions() == {"blocked:rule_removed": ["ann"]}
    assert office.receivers.posted == []


# --- 400 days ---


async def old(office: AlertOffice, *people: str) -> None:
    """Alerts about these, sent, and resolved, a moment less than 400 days ago."""
    ids = [office.topic.raises(each) for each in people]
    await office.look()
    office.clock.passes(days=28)
    for each in ids:
        office.topic.resolves(each)
    await office.look()
    office.clock.now_ms = START_MS + KEPT_DAYS * DAY_MS - 1


async def test_after_four_hundred_days_nothing_is_left_of_an_alert_but_the_sums() -> None:
    office = await opened()
    await old(office, "ann")
    assert await office.desk.clear_away() == 0
    office.clock.passes(milliseconds=1)
    assert await office.desk.clear_away() == 1
    assert await office.desk.clear_away() == 0
    assert sorted(await office.noted.contents()) == ["budgets", "endpoints", "weeks"]


async def test_who_has_a_younger_alert_is_still_known_and_so_is_the_cap() -> None:
    office = await opened(rules(alerts={"frequency_cap": 1}))
    await old(office, "ann")
    younger = office.topic.raises("ann")
    await office.look()
    office.clock.passes(hours=1)
    assert await office.desk.clear_away() == 1
    assert [each.record.alert_id for each in await office.reads.of_customer("ann")] == [younger]
    office.topic.raises("ann")
    await office.look()
    assert await office.decisions() == {"blocked:too_often": ["ann"], "sent": ["ann"]}


@pytest.mark.parametrize("count", [1, 5, 32])
async def test_what_could_not_be_delivered_anywhere_is_cleared_away_as_well(count: int) -> None:
    office = await opened(rules(), *ENDPOINTS[:count])
    office.receivers.scripts = dict.fromkeys(office.receivers.scripts, always(410))
    for start in range(0, AT_ONCE + 1, 50):
        for number in range(start, min(AT_ONCE + 1, start + 50)):
            office.topic.raises(f"c{number}")
        await office.look()
    office.topic.clears(next(iter(await office.shelf.everything("alerts"))))
    await office.look()
    office.clock.passes(days=KEPT_DAYS, hours=1)
    while await office.desk.clear_away():
        pass
    assert sorted(await office.noted.contents()) == ["budgets", "endpoints", "weeks"]
