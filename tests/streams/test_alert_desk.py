"""The desk: what comes in from the topic, and what it does to what waits, is queued, and is counted."""

from __future__ import annotations

from typing import Any

import pytest

from models.alert_ledger import Key, together
from models.alert_record import AlertOutcome, Arm, Decision
from streams.alert_desk import DeskFold
from streams.alert_entries import KEPT_DAYS, SENT, TOLD
from streams.deliveries import dead, queue, sending
from streams.partition import Seek
from tests.models.alert_shops import SLIPPING
from tests.streams.alert_office import (
    NAMESPACE,
    START_MS,
    AlertOffice,
    Clock,
    Topic,
    names,
    opened,
    rules,
    successor,
)
from tests.streams.posting import always, endpoint
from tests.support.story import DAY_MS, HOUR_MS

TODAY = 739_679  # 2026-03-04, ordinal
MAX_AGE_MS = 48 * HOUR_MS
WEEK = "2026-W10"
BUDGETED = {**SLIPPING, "daily_budget": 5}
EIGHT_TOMORROW_MS = START_MS + 20 * HOUR_MS
CRM, BI = endpoint("crm"), endpoint("bi")


# --- an alert ---


async def test_an_alert_waits_until_it_may_be_decided_at_once_or_when_its_rule_chooses() -> None:
    office = await opened(rules(slipping=SLIPPING, best=BUDGETED))
    at_once, at_eight = office.topic.raises("ann"), office.topic.raises("ann", "best")
    of_no_rule = office.topic.raises("ann", "gone")
    await office.read()
    assert await office.waiting() == {
        at_once: START_MS,
        at_eight: EIGHT_TOMORROW_MS,
        of_no_rule: START_MS,
    }
    assert await office.decisions() == {"waiting": ["ann"] * 3}
    assert await office.ledger() == {}


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "in two"])
async def test_an_alert_that_is_raised_twice_counts_once(apart: bool) -> None:
    office = await opened()
    alert_id = office.topic.raises("ann")
    if apart:
        await office.look()
    office.topic.again(0)
    await office.look()
    await office.look()
    assert office.receivers.ids_to("crm") == [alert_id]
    assert office.fold.tally["known"] == 1
    assert together((await office.ledger()).values()).raised == 1


async def test_what_a_replay_brought_about_never_waits_and_is_followed_up() -> None:
    office = await opened()
    alert_id = office.topic.raises("ann", replayed=True)
    await office.look()
    assert await office.decision(alert_id) is Decision.MUTED
    assert await office.waiting() == {}
    office.topic.resolves(alert_id, TODAY + 2, 1, 500)
    await office.look()
    record = await office.record(alert_id)
    assert record.outcome == AlertOutcome(TODAY + 2, 1, 500)
    (sums,) = (await office.ledger()).items()
    assert sums[0] == Key("slipping", WEEK, "not_sent")
    assert (sums[1].raised, sums[1].returned) == (1, 1)
    assert office.receivers.posted == []


@pytest.mark.parametrize(
    ("age_ms", "decision"),
    [
        (MAX_AGE_MS, Decision.SENT),
        (MAX_AGE_MS + 1, Decision.TOO_OLD),
        (365 * DAY_MS, Decision.TOO_OLD),
    ],
    ids=["two days", "a moment more", "a year"],
)
async def test_what_comes_too_late_never_waits(age_ms: int, decision: Decision) -> None:
    office = await opened()
    alert_id = office.topic.raises("ann", at_ms=START_MS - age_ms)
    await office.look()
    record = await office.record(alert_id)
    assert (record.decision, record.decided_ms) == (decision, START_MS)
    assert await office.waiting() == {}


async def test_what_of_a_replay_is_too_old_as_well_is_muted() -> None:
    office = await opened()
    alert_id = office.topic.raises("ann", at_ms=0, replayed=True)
    await office.read()
    assert await office.decision(alert_id) is Decision.MUTED


# --- a purchase ---


async def test_what_is_cleared_while_it_waits_is_sent_to_nobody_and_no_word_of_it() -> None:
    office = await opened(rules(slipping=BUDGETED))
    alert_id = office.topic.raises("ann")
    await office.look()
    office.clock.passes(hours=1)
    office.topic.clears(alert_id, START_MS + 7)
    await office.look()
    office.clock.passes(days=1)
    await office.look()
    record = await office.record(alert_id)
    assert record.decision is Decision.CLEARED
    assert (record.retracted_ms, record.decided_ms) == (START_MS + 7, START_MS + HOUR_MS)
    assert office.receivers.posted == []
    assert await office.waiting() == {}


async def test_who_was_told_is_told_that_it_is_void_once() -> None:
    office = await opened(rules(), CRM, BI)
    alert_id = office.topic.raises("ann")
    await office.look()
    void = office.topic.clears(alert_id)
    office.topic.again(1)
    await office.look()
    office.topic.again(1)
    await office.look()
    assert office.receivers.ids_to("crm") == office.receivers.ids_to("bi") == [alert_id, void]
    record = await office.record(alert_id)
    assert (record.decision, record.retracted_ms) == (Decision.SENT, START_MS)


async def test_an_endpoint_that_had_not_the_alert_does_not_hear_that_it_is_void() -> None:
    office = await opened(rules(), CRM, BI)
    alert_id = office.topic.raises("ann")
    await office.look()
    del office.endpoints["bi"]
    office.endpoints["new"] = endpoint("new")
    office.receivers.scripts["new"], office.receivers.takes_s["new"] = always(200), 0.0
    void = office.topic.clears(alert_id)
    await office.look()
    assert office.receivers.ids_to("crm") == [alert_id, void]
    assert office.receivers.ids_to("new") == []
    assert void not in await office.queued("bi")


@pytest.mark.parametrize("status", [None, 500])
async def test_what_is_cleared_before_it_was_delivered_is_delivered_no_more(
    status: int | None,
) -> None:
    office = await opened(rules(), CRM, BI)
    office.receivers.scripts["crm"] = always(status)
    alert_id = office.topic.raises("ann")
    await office.look()
    tried = len(office.receivers.to("crm"))
    office.receivers.scripts["crm"] = always(200)
    office.topic.clears(alert_id)
    for _ in range(20):
        await office.look()
        office.clock.passes(hours=12)
    assert alert_id not in office.receivers.ids_to("crm")[tried:]
    assert office.receivers.ids_to("bi")[0] == alert_id
    assert alert_id not in await office.died("crm")


async def test_of_an_alert_that_nobody_was_told_of_nobody_hears_that_it_is_void() -> None:
    half = rules(slipping={**SLIPPING, "daily_budget": 1}, alerts={"holdout": 0.5})
    office = await opened(half)
    told_of, over = names(Arm.TREATED, half, 2)
    (held_out,) = names(Arm.HELD_OUT, half, 1)
    known = [
        office.topic.raises(held_out, stake_minor=9_000),
        office.topic.raises(over, stake_minor=1_000),
        office.topic.raises("ann", at_ms=0),
        office.topic.raises("bob", replayed=True),
        office.topic.raises("cat", rule="gone"),
        office.topic.raises(told_of, stake_minor=500),
    ]
    await office.read()
    office.clock.now_ms = EIGHT_TOMORROW_MS
    await office.look()
    for each in known:
        office.topic.clears(each)
    office.topic.clears(known[0])
    await office.look()
    assert office.receivers.posted == []
    assert sorted(await office.decisions()) == [
        *("blocked:rule_removed", "held_out", "muted", "over_budget", "too_old")
    ]
    assert all(each.retracted_ms for each in await office.records())


async def test_a_clearing_of_an_alert_that_nobody_knows_changes_nothing() -> None:
    elsewhere, office = Topic(rules(), Clock()), await opened()
    office.topic.put(None, {})
    elsewhere.clears(elsewhere.raises("ann"))
    office.topic.records = [elsewhere.records[1]._replace(offset=0)]
    await office.look()
    assert await office.noted.contents() == {}


# --- the end of its horizon ---


@pytest.mark.parametrize(
    ("outcome", "returned"),
    [(AlertOutcome(None, 0, 0), 0), (AlertOutcome(TODAY + 3, 2, 4_500), 1)],
    ids=["lost", "back"],
)
async def test_what_came_of_an_alert_is_counted_once_and_its_words_are_forgotten(
    outcome: AlertOutcome, returned: int
) -> None:
    office = await opened()
    alert_id = office.topic.raises("ann")
    await office.look()
    office.topic.resolves(alert_id, *outcome)
    office.topic.again(1)
    office.topic.resolves(alert_id, TODAY + 1, 9, 9)
    await office.look()
    assert (await office.record(alert_id)).outcome == outcome
    ((key, sums),) = (await office.ledger()).items()
    assert key == Key("slipping", WEEK, "treated")
    assert (sums.resolved, sums.returned, sums.spent_minor) == (1, returned, outcome.spent_minor)
    assert not {TOLD, SENT} & set(await office.noted.contents())


async def test_an_alert_that_waits_is_resolved_and_still_waits() -> None:
    office = await opened(rules(slipping=BUDGETED))
    alert_id = office.topic.raises("ann")
    office.topic.resolves(alert_id, TODAY, 1, 100)
    await office.read()
    assert await office.waiting() == {alert_id: EIGHT_TOMORROW_MS}
    assert await office.ledger() == {}


# --- an erasure ---


async def an_office_that_knows_ann_in_every_way() -> AlertOffice:
    """Waiting, sent, under way, dead with an endpoint, void, blocked, muted, too old."""
    office = await opened(rules(slipping=SLIPPING, best=BUDGETED), CRM, BI)
    office.receivers.scripts["bi"] = always(500)
    sent = office.topic.raises("ann")
    dies = office.topic.raises("ann", stake_minor=5)
    await office.look()
    for _ in range(110):
        office.clock.passes(hours=1)
        await office.deliver()
    assert {sent, dies} <= set(await office.died("bi"))
    office.topic.clears(sent)
    office.topic.raises("ann", "best")
    office.topic.raises("ann", "gone")
    office.topic.raises("ann", at_ms=0)
    office.topic.raises("ann", replayed=True)
    office.topic.raises("bob")
    await office.look()
    return office


def traces(found: dict[str, dict[str, Any]], *words: str) -> list[str]:
    """Where any of these stands in what a shelf holds."""
    return [
        f"{name}/{key}"
        for name, held in found.items()
        for key, value in held.items()
        if any(each in f"{name} {key} {value!r}" for each in words)
    ]


async def test_an_erasure_leaves_no_trace_of_the_customer_but_the_sums() -> None:
    office = await an_office_that_knows_ann_in_every_way()
    before = await office.noted.contents()
    mine = [each for each in await office.records() if each.customer_id == "ann"]
    ids = [each.alert_id for each in mine]
    voids = [each for each in before[queue("bi")] if each not in ids]
    assert len(traces(before, "ann")) > len(mine) > 5
    office.topic.forgets("ann")
    await office.look()
    after = await office.noted.contents()
    assert traces(after, "ann", *ids) == []
    assert set(after["alerts"]) == set(before["alerts"]) - {*ids}
    assert len(voids) == 2  # one of them is Bob's alert
    assert len(after[queue("bi")]) == len(after[sending("bi")]) == 1
    assert dead("bi") not in after
    assert after["weeks"] == before["weeks"]
    await office.ledger_is_right(mine)
    assert await office.decision(next(iter(after["alerts"]))) is Decision.SENT


async def test_what_is_cleared_and_erased_in_one_batch_leaves_nothing_in_a_queue() -> None:
    office = await opened()
    alert_id = office.topic.raises("ann")
    await office.look()
    office.topic.clears(alert_id)
    office.topic.forgets("ann")
    await office.look()
    assert sorted(await office.noted.contents()) == ["budgets", "endpoints", "weeks"]


async def test_an_erasure_reaches_what_could_not_be_delivered_also_when_the_alert_is_long_gone() -> (
    None
):
    office = await opened()
    alert_id = office.topic.raises("ann")
    await office.look()
    office.receivers.scripts["crm"] = always(500)
    office.topic.clears(alert_id)
    await office.look()
    for _ in range(110):
        office.clock.passes(hours=1)
        await office.deliver()
    office.clock.passes(days=KEPT_DAYS)
    await office.desk.clear_away()
    office.topic.forgets("ann")
    await office.look()
    assert traces(await office.noted.contents(), "ann") == []


async def test_what_becomes_known_of_a_customer_after_an_erasure_is_a_new_beginning() -> None:
    office = await opened()
    office.topic.raises("ann")
    office.topic.forgets("ann")
    later = office.topic.raises("ann")
    await office.look()
    assert office.receivers.ids_to("crm") == [later]
    assert [each.record.alert_id for each in await office.reads.of_customer("ann")] == [later]


# --- the topic ---


async def test_what_nobody_can_read_is_counted_and_what_is_anothers_too() -> None:
    office = await opened()
    office.topic.put(b"{", {"source.namespace": NAMESPACE.encode(), "ce_type": b"x"})
    office.topic.put(None, {})
    office.topic.put(b"{}", {"source.namespace": b"another"})
    alert_id = office.topic.raises("ann")
    await office.look()
    assert office.receivers.ids_to("crm") == [alert_id]
    assert office.fold.tally["unread"] == 3
    assert office.hand.stand.offset == 4


async def test_records_that_were_skipped_are_asked_for_and_old_ones_passed_over() -> None:
    office = await opened()
    for each in ("ann", "bob", "cat", "dan"):
        office.topic.raises(each)

    async def there_are(_partition: int, start: int, end: int) -> bool:
        return start < end

    place = NAMESPACE, "topic", office.hand, there_are
    fold = DeskFold(*place, lambda: office.policy, lambda: office.endpoints, office.clock)
    assert await fold.handle(office.topic.batch(0, 2)) is None
    assert await fold.handle(office.topic.batch(3, 4)) == Seek(2)
    assert await fold.handle(office.topic.batch(0, 2)) is None
    assert (office.hand.stand.offset, len(await office.records())) == (2, 2)
    assert await office.fold.handle(office.topic.batch(3, 4)) is None  # a hole, says the probe
    assert office.hand.stand.offset == 4


async def test_a_zombie_folds_nothing_twice() -> None:
    zombie = await opened()
    zombie.topic.raises("ann")
    owner = await successor(zombie)
    await owner.look()
    held = await owner.noted.contents()
    assert await zombie.fold.handle(zombie.topic.batch(0)) is None
    assert zombie.fold.tally["fenced"] == 1
    assert await owner.noted.contents() == held
