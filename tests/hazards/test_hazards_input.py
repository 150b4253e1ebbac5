"""What producers may send, one test a row of docs/reliability.md: each has one right behaviour."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from itertools import permutations
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from models.events import Reason
from models.membership import rfm_of
from streams.brokers import Brokers
from streams.doctor import examine
from streams.keys import Keys
from streams.log import LogInspector
from streams.partitioner import partition_of
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.store import MAX_CUSTOMERS
from streams.topics import LOG, TOPICS
from tests.real_parts import BROKER, RealParts
from tests.streams.good_ones import C1, GOOD, Noted, body, dead_letters, with_a_good_one
from tests.streams.logbook import (
    ASTRAY,
    DAY_MS,
    PARTITION,
    PARTITIONS,
    POLICY,
    START_MS,
    Logbook,
    contents,
    customers_in,
    fold_of,
    folded,
    header,
    memory,
)

MINUTE_MS = 60_000
AMOUNT = b'"amount_minor": 1000'
HUGE = body(store="x" * 1_048_576)
POISON = {
    "bad UTF-8": (b'{"customer_id": "\xff"}', Reason.NOT_UTF8),
    "bad JSON": (body()[:-1], Reason.NOT_JSON),
    "wrong shape": (b"[]", Reason.INVALID),
    "NaN": (body().replace(AMOUNT, b'"amount_minor": NaN'), Reason.INVALID),
    "Infinity": (body().replace(AMOUNT, b'"amount_minor": Infinity'), Reason.INVALID),
    "10^18": (body(amount_minor=10**18), Reason.INVALID),
    "1e400": (body().replace(AMOUNT, b'"amount_minor": 1e400'), Reason.INVALID),
    "deep nesting": (b"[" * 60_000, Reason.NOT_JSON),
    "more than a megabyte": (HUGE, Reason.TOO_LARGE),
}


async def test_poison_record_becomes_a_dead_letter_and_the_stream_goes_on() -> None:
    log, store = with_a_good_one(), Noted()
    for value, _ in POISON.values():
        log.append(value, START_MS, key=C1)
    log.purchase(GOOD, START_MS + DAY_MS, event_id="last")
    assert await fold_of(log, store).handle(log.batch()) is None
    found = await contents(store)
    assert (found.meta.offset, found.state(GOOD).current.purchases) == (log.end, 2)
    letters = dead_letters(found)
    assert [header(row, "error.reason") for row in letters] == [r.value for _, r in POISON.values()]
    assert [row.value for row in letters] == [value[:65_536] for value, _ in POISON.values()]
    assert header(letters[-1], "value.sha256") == hashlib.sha256(HUGE).hexdigest()
    places = [
        tuple(header(row, f"source.{of}") for of in ("topic", "partition", "offset"))
        for row in letters
    ]
    assert places == [(LOG, str(PARTITION), str(offset)) for offset in range(1, len(POISON) + 1)]
    begun = 0
    for change in store.changes:  # each leaves in the script that moves the offset past it
        for row in change.outbox:
            assert begun <= int(header(row, "source.offset") or begun) < change.meta.offset
        begun = change.meta.offset


async def test_null_value_is_counted_moves_the_offset_and_erases_nobody() -> None:
    log, store = with_a_good_one(), memory()
    log.append(None, START_MS, key=GOOD)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch()) is None
    found = await contents(store)
    assert fold.tally == {"events": 1, "tombstones": 1, "effects:lifecycle.changed": 1}
    assert (found.meta.offset, found.lifecycles, dead_letters(found)) == (2, {GOOD: "new"}, [])


async def test_duplicate_event_id_is_ignored() -> None:
    log, store = with_a_good_one(), memory()
    log.again(log.records[0])
    log.purchase(GOOD, START_MS + DAY_MS, event_id="first", amount_minor=7)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch()) is None
    found = await contents(store)
    assert fold.tally == {"events": 1, "duplicates": 2, "effects:lifecycle.changed": 1}
    assert found.state(GOOD).current.spent_minor == 1_000
    assert len(found.rows) == 1


async def test_order_of_arrival_does_not_matter_within_what_is_remembered() -> None:
    """All arrive within one batch, so that what is said on the way is said of the same moment."""
    told: set[bytes] = set()
    for order in permutations((0, 3, 9, 12)):
        log = Logbook()
        for day in order:
            log.purchase(C1, START_MS + day * DAY_MS, START_MS + 12 * DAY_MS, event_id=f"e{day}")
        state = (await contents(await folded(log))).state(C1)
        still = state._replace(sequence=0, contribution=None, renew_ms=None)
        told.add(repr(still).encode())
    assert len(told) == 1


async def test_late_purchase_that_disproves_a_silence_restores_the_state_and_retracts() -> None:
    log = Logbook()
    log.purchase(C1, START_MS, event_id="first")
    log.tick(START_MS + 27 * DAY_MS)
    log.purchase(C1, START_MS + 20 * DAY_MS, START_MS + 27 * DAY_MS, event_id="late")
    found = await contents(await folded(log))
    *_, dormant, restored = found.changes
    said = json.loads(restored.value or b"")
    assert json.loads(dormant.value or b"")["after"]["lifecycle"] == "dormant"
    assert (said["reason"], said["after"]["lifecycle"]) == ("late_purchase", "new")
    assert header(dormant, "ce_id") in said["retracts"]


async def test_event_older_than_what_is_remembered_is_a_dead_letter_too_late() -> None:
    log = Logbook()
    log.purchase(C1, START_MS)
    log.purchase(C1, START_MS + 21 * DAY_MS)
    log.purchase(C1, START_MS - DAY_MS, START_MS + 21 * DAY_MS)
    found = await contents(await folded(log))
    assert [header(row, "error.reason") for row in dead_letters(found)] == [Reason.TOO_LATE]
    assert found.state(C1).current.purchases == 2


async def test_future_timestamp_becomes_a_dead_letter_and_never_advances_the_clock() -> None:
    log = with_a_good_one()
    log.purchase(C1, START_MS + 5 * MINUTE_MS + 1_000, START_MS)
    log.tick(START_MS + 365 * DAY_MS, START_MS)
    found = await contents(await folded(log))
    assert [header(row, "error.reason") for row in dead_letters(found)] == [Reason.FUTURE] * 2
    assert (found.meta.clock_ms, found.lifecycles) == (START_MS, {GOOD: "new"})


async def test_refund_lowers_net_spend_is_no_visit_and_no_score_falls_below_zero() -> None:
    log = with_a_good_one()
    money: dict[str, Any] = {"order_id": "o1", "currency": "USD"}
    log.purchase(C1, START_MS, order_id="o1")
    log.event("refund", C1, START_MS + DAY_MS, amount_minor=400, **money)
    partly = (await contents(await folded(log))).state(C1)
    assert (partly.current.net_spend_minor, partly.current.purchases) == (600, 1)
    assert partly.current.last_purchase_ms == START_MS
    log.event("refund", GOOD, START_MS + DAY_MS, amount_minor=5_000, currency="USD", order_id="?")
    more_than_was_paid = (await contents(await folded(log))).state(GOOD)
    assert more_than_was_paid.current.net_spend_minor == -4_000
    scored = rfm_of(more_than_was_paid.current, START_MS + DAY_MS, POLICY)
    assert scored is not None
    assert scored.spend_minor == 0
    log.event("refund", C1, START_MS + 2 * DAY_MS, amount_minor=600, **money)
    undone = (await contents(await folded(log))).state(C1)
    assert (undone.standing.lifecycle, undone.current.purchases) == ("prospect", 0)


HOSTILE = ("\x00{}", "{}\r\nFLUSHALL\r\n", "{{{}}}", "🛍️{}", "{}\x1f0", "\u202e{}", "{}" + "ş" * 120)
NO_IDS = ("", "c" * 10_240, "ş" * 129)


async def test_hostile_ids_name_customers_like_any_other_and_are_no_part_of_a_redis_key(
    valkey_url: str, namespace: str
) -> None:
    ids = [customers_in(PARTITION, 1, pattern)[0] for pattern in HOSTILE]
    (composed,) = customers_in(PARTITION, 1, "Zo\u00eb{}")
    log = Logbook()
    for customer_id in (*ids, composed, unicodedata.normalize("NFD", composed)):
        log.purchase(customer_id, START_MS)
    for no_id in NO_IDS:
        log.append(body(customer_id=no_id), START_MS, key=C1)
    async with connect(valkey_url) as client:
        store = RedisStore(client, namespace)
        assert await fold_of(log, store).handle(log.batch()) is None
        found = await contents(store, [*ids, composed])
        keys = [key async for key in client.scan_iter(f"seg:{{{namespace}*", count=1_000)]
    assert found.lifecycles == dict.fromkeys([*ids, composed], "new")
    assert found.state(composed).current.purchases == 2
    reasons = [header(row, "error.reason") for row in dead_letters(found)]
    assert reasons == [Reason.INVALID] * len(NO_IDS)
    assert Keys(namespace, PARTITION).meta.encode() in keys
    assert not [key for key in keys for id_ in found.states if id_.encode() in key]


async def test_record_in_the_wrong_partition_is_sent_on_with_its_event_id_and_counted() -> None:
    log, store = with_a_good_one(), memory()
    record = log.purchase(ASTRAY, START_MS)
    fold = fold_of(log, store)
    assert await fold.handle(log.batch()) is None
    (row,) = [row for row in (await contents(store)).rows if row.topic == LOG]
    assert fold.tally["rerouted"] == 1
    assert (row.key, row.value) == (ASTRAY.encode(), record.value)
    assert header(row, "event-id") == f"{LOG}/{PARTITION}/{record.offset}"


async def test_doctor_warns_of_a_producer_with_another_partitioner(
    real_parts: RealParts, tmp_path: Path
) -> None:
    broker: Any = real_parts.server(BROKER.name, tmp_path)
    with broker:
        LogInspector(Brokers(broker.bootstrap_servers)).create(TOPICS, PARTITIONS, 1)
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        wrong = (partition_of(C1, PARTITIONS) + 1) % PARTITIONS
        producer.send(LOG, key=C1.encode(), value=body(), partition=wrong).get(10)
        producer.close()
        settings = Settings.model_validate(
            {"bootstrap_servers": broker.bootstrap_servers, "redis_url": "redis://127.0.0.1:1"}
        )
        (check,) = [each for each in await examine(settings, POLICY) if each.name == "partitioner"]
    assert not check.ok
    assert check.found.startswith("1 of the newest 1 records are in another partition")
    assert "such records are sent on" in check.remedy


async def test_customer_with_nine_tenths_of_the_events_is_one_write_a_batch() -> None:
    log, store = Logbook(), Noted()
    crowd = customers_in(PARTITION, 50)
    for number in range(450):
        log.purchase(C1, START_MS + number * MINUTE_MS)
        if not number % 9:
            log.purchase(crowd[number // 9], START_MS + number * MINUTE_MS)
    assert await fold_of(log, store).handle(log.batch()) is None
    (change,) = store.changes
    assert len(log.records) == MAX_CUSTOMERS
    assert set(change.customers) == {C1, *crowd}
    assert change.meta.offset == MAX_CUSTOMERS
