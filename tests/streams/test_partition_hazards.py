"""Hazards that are no poison: each has one right behaviour, and the stream goes on."""

from __future__ import annotations

import json
import logging
import unicodedata

import pytest

from models.events import LogRecord, Reason
from streams.partition import PartitionFold
from streams.partitioner import partition_of
from streams.topics import ALERTS, CHANGES, ERASURES, LOG
from tests.streams.good_ones import (
    C1,
    C2,
    GOOD,
    between_good_ones,
    body,
    dead_letters,
    the_dead_letter,
    with_a_good_one,
)
from tests.streams.logbook import (
    ASTRAY,
    DAY_MS,
    IDENTITY,
    PARTITION,
    POLICY,
    START_MS,
    Logbook,
    contents,
    customers_in,
    fold_of,
    folded,
    header,
    memory,
    new_nonce,
)

MINUTE_MS = 60_000


async def test_a_tombstone_is_counted_and_is_not_an_erasure() -> None:
    log = with_a_good_one()
    log.append(None, START_MS, key=GOOD)
    log.append(None, START_MS, kind=None)
    found = await between_good_ones(log)
    fold = fold_of(log, memory())
    await fold.handle(log.batch())
    assert fold.tally == {"events": 2, "tombstones": 2, "effects:lifecycle.changed": 1}
    assert dead_letters(found) == []


async def test_a_duplicate_changes_nothing_and_is_no_dead_letter() -> None:
    log = with_a_good_one()
    log.again(log.records[0])
    log.purchase(GOOD, START_MS + 5, event_id="first", amount_minor=7)
    found = await between_good_ones(log)
    assert len(found.rows) == 1
    assert found.state(GOOD).current.spent_minor == 2_000


async def test_an_event_older_than_what_is_remembered_is_too_late() -> None:
    log = Logbook()
    log.purchase(C1, START_MS)
    log.purchase(C1, START_MS + 21 * DAY_MS)
    record = log.purchase(C1, START_MS - DAY_MS, START_MS + 21 * DAY_MS)
    found = await contents(await folded(log))
    (row,) = dead_letters(found)
    assert header(row, "error.reason") == Reason.TOO_LATE
    assert (row.value, row.key) == (record.value, record.key)
    assert found.state(C1).current.purchases == 2


async def test_a_late_purchase_that_disproves_a_silence_restores_the_state_and_retracts() -> None:
    log = Logbook()
    log.purchase(C1, START_MS, event_id="first")
    log.tick(START_MS + 27 * DAY_MS)
    log.purchase(C1, START_MS + 20 * DAY_MS, START_MS + 27 * DAY_MS, event_id="late")
    found = await contents(await folded(log))
    *_, dormant, restored = found.changes
    assert restored.value is not None
    said = json.loads(restored.value)
    assert (said["reason"], said["after"]["lifecycle"]) == ("late_purchase", "new")
    assert header(dormant, "ce_id") in said["retracts"]
    assert header(restored, "ce_type") == "lifecycle.changed"


async def test_an_event_from_the_future_is_a_dead_letter_and_does_not_move_the_clock() -> None:
    log = with_a_good_one()
    ahead = START_MS + 5 * MINUTE_MS
    just = log.purchase(C2, ahead, START_MS)
    record = log.purchase(C1, ahead + 1_000, START_MS)
    assert json.loads(just.value or b"")["customer_id"] == C2
    row = await the_dead_letter(log, record, Reason.FUTURE)
    assert row.value == record.value
    clock = (await contents(await folded(_only(log, 3)))).meta.clock_ms
    assert clock == START_MS  # not even by the five minutes that are let pass


def _only(log: Logbook, records: int) -> Logbook:
    cut = Logbook()
    for record in log.records[:records]:
        cut.again(record)
    return cut


async def test_a_tick_from_the_future_is_a_dead_letter_and_churns_nobody() -> None:
    log = with_a_good_one()
    record = log.tick(START_MS + 365 * DAY_MS, START_MS)
    await the_dead_letter(log, record, Reason.FUTURE)


async def test_a_refund_lowers_the_net_spend_and_is_no_visit() -> None:
    log = with_a_good_one()
    log.purchase(C1, START_MS, order_id="o1")
    log.event("refund", C1, START_MS + DAY_MS, order_id="o1", amount_minor=400, currency="USD")
    state = (await between_good_ones(log)).state(C1)
    assert (state.current.net_spend_minor, state.current.purchases) == (600, 1)
    assert state.current.last_purchase_ms == START_MS


async def test_a_record_in_the_wrong_partition_is_sent_back_and_folded_once_where_it_belongs() -> (
    None
):
    log = with_a_good_one()
    record = log.purchase(ASTRAY, START_MS)
    found = await between_good_ones(log)
    (row,) = [row for row in found.rows if row.topic == LOG]
    assert (row.key, row.value) == (ASTRAY.encode(), record.value)
    assert header(row, "event-id") == f"{LOG}/{PARTITION}/{record.offset}"
    assert header(row, "kind") == "purchase"
    assert set(found.states) == {GOOD}

    there = partition_of(ASTRAY, IDENTITY.partitions)
    rerouted = LogRecord(there, 0, START_MS, row.key, row.value, dict(row.headers))
    home = Logbook()
    home.records = [rerouted, rerouted._replace(offset=1)]  # the relay may send it twice
    home.end = 2
    store = memory()
    fold = PartitionFold(
        IDENTITY._replace(partition=there), POLICY, store, home.records_exist, home.body, new_nonce
    )
    assert await fold.handle(home.batch()) is None
    assert fold.tally == {"events": 1, "duplicates": 1, "effects:lifecycle.changed": 1}
    assert (await store.load(there, [ASTRAY])).states
    assert header((await store.outbox(there, 9))[0][1], "ce_subject") == ASTRAY


@pytest.mark.parametrize(
    "pattern",
    [
        "\x00{}",
        "{}\r\nSET x 1\r\n",
        "{{{}}}",
        "🛍️{}",
        "{} ",
        "{}" + "ş" * 126,
        "\u202e{}",
        "{}\x1f0",
    ],
)
async def test_a_hostile_id_names_a_customer_like_any_other(pattern: str) -> None:
    (customer_id,) = customers_in(PARTITION, 1, pattern)
    log = Logbook()
    log.purchase(customer_id, START_MS)
    log.tick(START_MS + 26 * DAY_MS)
    found = await contents(await folded(log), [customer_id])
    assert found.lifecycles == {customer_id: "dormant"}
    assert {header(row, "ce_subject") for row in found.changes} == {customer_id}
    assert found.sizes == [0, 0, 0, 1, 0]


async def test_two_spellings_of_one_name_are_one_customer() -> None:
    (composed,) = customers_in(PARTITION, 1, "Zo\u00eb{}")
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    log = Logbook()
    log.purchase(composed, START_MS)
    log.purchase(decomposed, START_MS + 1)
    found = await contents(await folded(log), [composed, decomposed])
    assert set(found.states) == {composed}
    assert found.state(composed).current.purchases == 2


async def test_an_erasure_removes_state_deadline_segments_and_history_and_says_so() -> None:
    log = Logbook()
    log.purchase(C1, START_MS)
    log.tick(START_MS + 26 * DAY_MS)
    log.event("erasure", C1, START_MS + 27 * DAY_MS)
    store = await folded(log)
    found = await contents(store)
    assert found.states == {}
    assert found.history[C1] == []
    assert found.sizes == [0] * 5
    assert "n" not in found.whole.sketch
    assert await store.next_due_ms(PARTITION) is None
    assert [row.topic for row in found.rows[-3:]] == [CHANGES, ERASURES, ALERTS]
    assert header(found.rows[-3], "ce_type") == "customer.erased"
    assert header(found.rows[-1], "ce_type") == "customer.erased"


async def test_who_buys_again_after_an_erasure_begins_anew_in_the_same_batch() -> None:
    log = Logbook()
    log.purchase(C1, START_MS)
    log.event("erasure", C1, START_MS + DAY_MS)
    log.purchase(C1, START_MS + 2 * DAY_MS)
    found = await contents(await folded(log))
    assert found.state(C1).known_since_ms == START_MS + 2 * DAY_MS
    assert len(found.history[C1]) == 1


async def test_an_erasure_of_nobody_leaves_a_mark_and_says_nothing() -> None:
    log = with_a_good_one()
    log.event("erasure", C1, START_MS)
    log.purchase(GOOD, START_MS + 1, event_id="last")
    found = await contents(await folded(log))
    assert [row.topic for row in found.rows] == [CHANGES, ERASURES]


async def test_no_customer_id_in_clear_appears_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret, *_ = customers_in(PARTITION, 1, "secret-{}")
    (elsewhere,) = customers_in(2, 1, "secret-{}")
    log, store = Logbook(), memory()
    log.purchase(secret, START_MS, event_id="first")
    log.again(log.records[0])
    log.purchase(secret, START_MS - 900 * DAY_MS, START_MS)
    log.purchase(secret, START_MS + DAY_MS, START_MS)
    log.purchase(elsewhere, START_MS)
    log.append(None, START_MS, key=secret)
    log.append(body(customer_id=secret, currency="XXX"), START_MS, key=secret)
    log.append(body(customer_id=secret)[:-1], START_MS, key=secret)
    log.tick(START_MS + 30 * DAY_MS)
    log.event("erasure", secret, START_MS + 31 * DAY_MS)
    await fold_of(log, store).handle(log.batch(3, 4))
    await fold_of(log, store).handle(log.batch())
    details = "".join(header(r, "error.detail") or "" for _, r in await store.outbox(PARTITION, 99))
    assert "secret" not in caplog.text
    assert "secret" not in details
