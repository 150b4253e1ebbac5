"""Records that can't be used: dead letters, written by the script that moves the offset.

A dead letter keeps the record's bytes, key and headers, and says why and from where.
"""

from __future__ import annotations

import hashlib

import pytest

from models.events import Reason
from models.policy import policy_from_preset
from tests.streams.good_ones import (
    C1,
    GOOD,
    between_good_ones,
    body,
    dead_letters,
    the_dead_letter,
    with_a_good_one,
)
from tests.streams.logbook import POLICY, START_MS, contents, folded, header


def raw(amount: str) -> bytes:
    return body(amount_minor=0).replace(b'"amount_minor": 0', b'"amount_minor": ' + amount.encode())


POISON = {
    "bad UTF-8": (b'{"customer_id": "\xff"}', Reason.NOT_UTF8),
    "bytes that are no text": (bytes(range(256)), Reason.NOT_UTF8),
    "nothing": (b"", Reason.NOT_JSON),
    "half of it": (body()[:-1], Reason.NOT_JSON),
    "two values": (body() + body(), Reason.NOT_JSON),
    "a list": (b"[]", Reason.INVALID),
    "a number": (b"7", Reason.INVALID),
    "null": (b"null", Reason.INVALID),
    "deep nesting of lists": (b"[" * 60_000, Reason.NOT_JSON),
    "deep nesting in a field": (body(items=0)[:-2] + b"[" * 9_999 + b"]" * 9_999 + b"}", None),
    "deep nesting in an unknown field": (
        body(x=0)[:-2] + b'{"a":' * 9_999 + b"1" + b"}" * 9_999 + b"}",
        None,
    ),
    "NaN": (raw("NaN"), Reason.INVALID),
    "Infinity": (raw("Infinity"), Reason.INVALID),
    "10^18": (raw("1000000000000000000"), Reason.INVALID),
    "ten thousand digits": (raw("9" * 10_000), None),
    "1e400": (raw("1e400"), Reason.INVALID),
    "a float": (raw("10.0"), Reason.INVALID),
    "a negative amount": (raw("-1"), Reason.INVALID),
    "an amount in quotes": (raw('"1000"'), Reason.INVALID),
    "true for an amount": (raw("true"), Reason.INVALID),
    "a lone surrogate": (body(customer_id="\ud800"), None),
    "a lone surrogate in an unknown field": (body(x="\udfff"), None),
    "an empty id": (body(customer_id=""), Reason.INVALID),
    "an id of 10 kB": (body(customer_id="c" * 10_240), Reason.INVALID),
    "an id that is too long in UTF-8": (body(customer_id="ş" * 129), Reason.INVALID),
    "an id that is a number": (body(customer_id=1), Reason.INVALID),
    "no currency": (body(currency=None), Reason.INVALID),
    "a currency in words": (body(currency="dollars"), Reason.INVALID),
    "an unknown currency": (body(currency="XXX"), Reason.UNKNOWN_CURRENCY),
    "no zone": (body(occurred_at="2017-01-01T00:00:00"), Reason.INVALID),
    "no such day": (body(occurred_at="2017-02-30T00:00:00Z"), Reason.INVALID),
    "before 1970": (body(occurred_at="1969-12-31T23:59:59Z"), Reason.INVALID),
    "the year 1, east of Greenwich": (body(occurred_at="0001-01-01T00:00:00+14:00"), None),
    "the year 9999, west of Greenwich": (body(occurred_at="9999-12-31T23:59:59-14:00"), None),
    "a time as a number": (body(occurred_at=1_483_264_800), Reason.INVALID),
    "too many items": (
        body(items=[{"sku": "s", "quantity": 1, "unit_price_minor": 1}] * 2_001),
        Reason.INVALID,
    ),
}


@pytest.mark.parametrize("what", POISON)
async def test_a_poison_record_becomes_a_dead_letter_with_its_own_bytes(what: str) -> None:
    value, reason = POISON[what]
    log = with_a_good_one()
    record = log.append(value, START_MS, key=C1)
    found = await between_good_ones(log)
    (row,) = dead_letters(found)
    assert row.value == value[:65_536]
    if reason is not None:
        assert header(row, "error.reason") == reason.value
    assert header(row, "source.offset") == str(record.offset)
    assert found.lifecycles == {GOOD: "new"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (None, Reason.MISSING_KIND),
        ("", Reason.UNKNOWN_KIND),
        ("visit\r\n", Reason.UNKNOWN_KIND),
        ("k" * 10_000, Reason.UNKNOWN_KIND),
        ("engagement", Reason.INVALID),
    ],
)
async def test_a_record_of_a_kind_that_is_not_read_becomes_a_dead_letter(
    kind: str | None, reason: Reason
) -> None:
    log = with_a_good_one()
    record = log.append(body(), START_MS, kind, key=C1)
    row = await the_dead_letter(log, record, reason)
    assert row.value == body()


async def test_a_kind_that_is_no_text_becomes_a_dead_letter_with_its_header_as_it_was() -> None:
    log = with_a_good_one()
    log.again(log.append(body(), START_MS)._replace(headers={"kind": b"\xff\x00"}))
    log.records.pop(1)
    (row,) = dead_letters(await between_good_ones(log))
    assert ("kind", b"\xff\x00") in row.headers


async def test_of_a_record_above_one_megabyte_the_first_64_kb_and_a_hash_are_kept() -> None:
    log, value = with_a_good_one(), body(store="x" * 1_048_576)
    record = log.append(value, START_MS, key=C1)
    row = await the_dead_letter(log, record, Reason.TOO_LARGE)
    assert row.value == value[:65_536]
    assert header(row, "value.bytes") == str(len(value))
    assert header(row, "value.sha256") == hashlib.sha256(value).hexdigest()


async def test_a_purchase_at_the_end_of_the_calendar_does_not_stop_the_stream() -> None:
    """Where a producer may set the append time, a time near the year 10,000 can be no future."""
    log, late_ms = with_a_good_one(), 253_402_300_799_000
    log.purchase(C1, late_ms, late_ms)
    (row,) = dead_letters(await contents(await folded(log, POLICY)))
    assert header(row, "error.reason") == Reason.INVALID


async def test_a_sum_beyond_64_bits_becomes_a_dead_letter() -> None:
    rate = {"currency": "IDR", "valid_from": "2000-01-01", "rate": "1000"}
    policy = policy_from_preset("grocery", business={"exchange_rates": [rate]})
    log = with_a_good_one()
    for n in range(4_700):
        log.purchase(C1, START_MS + n, amount_minor=10**12, currency="IDR")
    letters = dead_letters(await contents(await folded(log, policy)))
    assert {header(row, "error.reason") for row in letters} == {Reason.INVALID}
    assert len(letters) == 4_700 - 2**62 // 10**15


async def test_an_amount_that_a_rate_makes_too_large_becomes_a_dead_letter() -> None:
    rate = {"currency": "IDR", "valid_from": "2000-01-01", "rate": "999999999"}
    policy = policy_from_preset("grocery", business={"exchange_rates": [rate]})
    log = with_a_good_one()
    log.purchase(C1, START_MS, amount_minor=10**15, currency="IDR")
    (row,) = dead_letters(await contents(await folded(log, policy)))
    assert header(row, "error.reason") == Reason.INVALID
