"""Outbox rows: changes as CloudEvents, dead letters as they were, records sent on."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import pytest

from models.barrier import Barrier, decode_barrier
from models.effects import Cause, EffectType, PublishChange, Why
from models.events import LogRecord, PopulationLearned, Read, Reason, Rejected, read_record
from models.ledger import Standing
from models.lifecycle import State
from models.population import decode_population, digest_of, encode_population
from models.sketch import Contribution, Sketch
from streams.messages import (
    DEAD_LETTER_BYTES,
    Source,
    barrier_row,
    change_row,
    dead_letter_row,
    pack_history,
    population_rows,
    reroute_row,
    rfc3339,
    unpack_history,
)
from streams.origin import Origin, origin
from streams.store import LEARNER, OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, INPUTS, LOG, POPULATIONS
from tests.streams.drawn import populations
from tests.streams.good_ones import C1, body

MARCH_MS = 1_488_326_400_000  # 2017-03-01T00:00:00Z
SOURCE = Source("main", 3, 41_872, "d2fffe021d92")
POPULATION = populations(6)._replace(stale_partitions=(2,))
CHANGE = PublishChange(
    type=EffectType.LIFECYCLE_CHANGED,
    customer_id="Zoë 🛍️",
    cause=Cause(f"deadline:dormant:{MARCH_MS}", MARCH_MS, Why.SILENCE),
    before=Standing(State.ACTIVE, overdue=True),
    after=Standing(State.DORMANT),
    since_ms=MARCH_MS,
    sequence=9,
    retracts=("1f6e", "2a7b"),
)
REGROUPED = PublishChange(
    type=EffectType.RFM_CHANGED,
    customer_id="c1",
    cause=Cause.of_population(7, MARCH_MS),
    before="loyal",
    after="at_risk",
    since_ms=MARCH_MS,
    sequence=3,
    scheme="quintile",
)
INVALID = Rejected(Reason.INVALID, "amount_minor: négatif")


def record(value: bytes | None, key: bytes | None = b"c1", **headers: bytes | None) -> LogRecord:
    """A record of partition 3, written by a producer."""
    return LogRecord(3, 41_872, MARCH_MS, key, value, headers)  # type: ignore[arg-type]


def headers_of(row: OutboxRow) -> dict[str, bytes]:
    assert len(dict(row.headers)) == len(row.headers)
    return dict(row.headers)


def size_of(row: OutboxRow) -> int:
    headers = sum(len(name) + len(value) for name, value in row.headers)
    return len(row.key or b"") + len(row.value or b"") + headers


def test_a_change_is_a_cloudevent_in_binary_mode_keyed_by_customer() -> None:
    row = change_row(CHANGE, SOURCE)
    assert (row.topic, row.key) == (CHANGES, "Zoë 🛍️".encode())
    assert headers_of(row) == {
        "ce_specversion": b"1.0",
        "ce_id": CHANGE.effect_id.encode(),
        "ce_type": b"lifecycle.changed",
        "ce_source": b"/segmenter/main/customer-events.v1/3",
        "ce_time": b"2017-03-01T00:00:00.000Z",
        "ce_subject": "Zoë 🛍️".encode(),
        "content-type": b"application/json",
        "source.namespace": b"main",
        "source.partition": b"3",
        "source.offset": b"41872",
    }


def test_a_changes_body_says_from_where_to_where_since_when_and_why() -> None:
    assert json.loads(change_row(CHANGE, SOURCE).value or b"") == {
        "customer_id": "Zoë 🛍️",
        "before": {"lifecycle": "active", "flags": ["overdue"]},
        "after": {"lifecycle": "dormant", "flags": []},
        "since": "2017-03-01T00:00:00.000Z",
        "reason": "silence",
        "cause": "deadline:dormant:1488326400000",
        "sequence": 9,
        "retracts": ["1f6e", "2a7b"],
        "policy": "d2fffe021d92",
        "population": None,
    }


def test_a_change_of_group_names_its_scheme_both_groups_and_the_population_in_force() -> None:
    row = change_row(REGROUPED, SOURCE._replace(population=7))
    assert (row.topic, row.key) == (CHANGES, b"c1")
    assert headers_of(row)["ce_type"] == b"rfm.changed"
    assert headers_of(row)["ce_id"] == REGROUPED.effect_id.encode()
    assert json.loads(row.value or b"") == {
        "customer_id": "c1",
        "before": {"group": "loyal"},
        "after": {"group": "at_risk"},
        "since": "2017-03-01T00:00:00.000Z",
        "reason": "population_updated",
        "cause": "population:7",
        "sequence": 3,
        "retracts": [],
        "policy": "d2fffe021d92",
        "population": 7,
        "scheme": "quintile",
    }


@pytest.mark.parametrize(("before", "after"), [(None, "new"), ("new", None)])
def test_who_is_in_no_group_before_or_after_has_none_there(
    before: str | None, after: str | None
) -> None:
    row = change_row(REGROUPED._replace(before=before, after=after), SOURCE)
    told = json.loads(row.value or b"")
    group = {"group": "new"}
    assert (told["before"], told["after"]) == (before and group, after and group)


def test_changes_of_group_in_two_schemes_from_one_cause_have_ids_of_their_own() -> None:
    rows = [change_row(each, SOURCE) for each in (REGROUPED, REGROUPED._replace(scheme="braze"))]
    assert len({headers_of(row)["ce_id"] for row in rows}) == 2


def test_who_was_not_known_before_and_who_is_erased_have_no_standing() -> None:
    row = change_row(CHANGE._replace(before=None, after=None), SOURCE)
    told = json.loads(row.value or b"")
    assert (told["before"], told["after"]) == (None, None)


def test_an_effects_id_does_not_depend_on_where_its_cause_stands_in_the_log() -> None:
    ids = [
        headers_of(change_row(CHANGE, source))["ce_id"]
        for source in (SOURCE, SOURCE._replace(partition=0, offset=7, policy="other"))
    ]
    assert ids[0] == ids[1]


def test_moments_are_told_to_the_millisecond_and_sort_as_text() -> None:
    moments = [rfc3339(at_ms) for at_ms in (0, 1, 999, 1_000, MARCH_MS)]
    assert moments[:3] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.001Z",
        "1970-01-01T00:00:00.999Z",
    ]
    assert all(earlier < later for earlier, later in pairwise(moments))


def test_a_dead_letter_is_the_record_as_it_was_with_the_reason_and_the_place() -> None:
    row = dead_letter_row(record(b"\xff{", kind=b"purchase", trace=b"\x00\xff"), INVALID, SOURCE)
    assert (row.topic, row.key, row.value) == (DEAD_LETTERS, b"c1", b"\xff{")
    assert headers_of(row) == {
        "kind": b"purchase",
        "trace": b"\x00\xff",
        "error.reason": b"invalid",
        "error.detail": "amount_minor: négatif".encode(),
        "source.topic": b"customer-events.v1",
        "source.namespace": b"main",
        "source.partition": b"3",
        "source.offset": b"41872",
    }


def test_a_dead_letter_sent_again_is_told_apart_by_its_newest_reason() -> None:
    again = {"error.reason": b"not_json", "source.offset": b"7", "kind": b"purchase"}
    row = dead_letter_row(record(b"{")._replace(headers=again), INVALID, SOURCE)
    assert headers_of(row)["error.reason"] == b"invalid"
    assert headers_of(row)["source.offset"] == b"41872"


def test_of_a_large_dead_letter_the_beginning_the_size_and_a_hash_are_kept() -> None:
    value = bytes(range(256)) * 400
    row = dead_letter_row(record(value), INVALID, SOURCE)
    assert row.value == value[:DEAD_LETTER_BYTES]
    assert headers_of(row)["value.bytes"] == b"102400"
    assert headers_of(row)["value.sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_a_dead_letter_of_64_kb_is_kept_whole() -> None:
    value = bytes(DEAD_LETTER_BYTES)
    row = dead_letter_row(record(value), INVALID, SOURCE)
    assert row.value == value
    assert "value.bytes" not in headers_of(row)


def test_a_header_without_a_value_is_kept_empty_because_kafkas_client_takes_no_other() -> None:
    row = dead_letter_row(record(b"{", kind=b"purchase", trace=None), INVALID, SOURCE)
    assert headers_of(row)["trace"] == b""
    astray = record(body(), kind=b"purchase", trace=None)
    assert headers_of(reroute_row(astray, understood(astray)))["trace"] == b""


def test_headers_and_keys_too_large_for_a_message_do_not_make_a_dead_letter_too_large() -> None:
    poison = record(b"{", key=bytes(900_000), kind=b"purchase", trace=bytes(900_000))
    row = dead_letter_row(poison, INVALID, SOURCE)
    assert size_of(row) < 300_000
    assert headers_of(row)["error.reason"] == b"invalid"
    assert headers_of(row)["headers.dropped"] == b"1"
    assert headers_of(row)["kind"] == b"purchase"
    assert row.key == bytes(DEAD_LETTER_BYTES)


def test_headers_too_large_for_a_message_are_left_behind_when_a_record_is_sent_on() -> None:
    astray = record(body(), kind=b"purchase", trace=bytes(900_000))
    row = reroute_row(astray, understood(astray))
    assert size_of(row) < 1_000
    assert headers_of(row)["kind"] == b"purchase"
    assert headers_of(row)["event-id"] == b"customer-events.v1/3/41872"


def understood(one: LogRecord) -> Read:
    read = read_record(one, LOG)
    assert isinstance(read, Read)
    return read


def test_a_record_sent_on_keeps_its_value_its_headers_and_the_id_its_place_gave_it() -> None:
    astray = record(body(), key=b"another key", kind=b"purchase", trace=b"t")
    row = reroute_row(astray, understood(astray))
    assert (row.topic, row.key, row.value) == (LOG, C1.encode(), body())
    assert headers_of(row) == {
        "kind": b"purchase",
        "trace": b"t",
        "event-id": b"customer-events.v1/3/41872",
    }


def test_a_record_sent_on_is_the_same_event_where_it_arrives() -> None:
    astray = record(body(), kind=b"purchase")
    row = reroute_row(astray, understood(astray))
    arrived = LogRecord(0, 7, MARCH_MS, row.key, row.value, dict(row.headers))
    assert understood(arrived).event_id == "customer-events.v1/3/41872"
    twice = reroute_row(arrived, understood(arrived))
    assert headers_of(twice)["event-id"] == b"customer-events.v1/3/41872"


def test_a_producers_own_event_id_is_not_touched_on_the_way() -> None:
    astray = record(body(event_id="order 7"), kind=b"purchase")
    row = reroute_row(astray, understood(astray))
    arrived = LogRecord(0, 7, MARCH_MS, row.key, row.value, dict(row.headers))
    assert understood(arrived).event_id == "order 7"


def test_changes_and_dead_letters_tell_which_record_of_the_log_they_come_from() -> None:
    change, letter = change_row(CHANGE, SOURCE), dead_letter_row(record(b"{"), INVALID, SOURCE)
    assert origin(change) == Origin(CHANGES, b"main", 3, 41_872, CHANGE.effect_id.encode())
    assert origin(letter) == Origin(DEAD_LETTERS, b"main", 3, 41_872, b"")


def test_a_record_sent_on_has_no_origin_whatever_its_producer_feigned() -> None:
    feigned = dict(change_row(CHANGE, SOURCE).headers)
    astray = record(body(), kind=b"purchase", **feigned)
    assert origin(reroute_row(astray, understood(astray))) is None


def test_a_barrier_is_a_partitions_sketch_for_the_learner() -> None:
    sketch = Sketch()
    sketch.renew("c1", None, Contribution(736_388, 736_330, 736_380, 3, 5_000))
    barrier = Barrier(3, 4, 736_389, sketch.slots())
    row = barrier_row(barrier, SOURCE)
    assert (row.topic, row.key, row.partition) == (INPUTS, b"3", None)
    assert decode_barrier(row.value or b"") == barrier
    assert headers_of(row) == {
        "kind": b"barrier",
        "content-type": b"application/msgpack",
        "source.namespace": b"main",
        "source.partition": b"3",
        "source.offset": b"41872",
    }
    assert origin(row) == Origin(INPUTS, b"main", 3, 41_872, b"")


def test_a_population_is_a_body_and_behind_it_a_record_for_each_partition_of_the_log() -> None:
    body, *records = population_rows(POPULATION, 3, SOURCE._replace(partition=LEARNER))
    digest = digest_of(encode_population(POPULATION))
    assert (body.topic, body.key, body.partition) == (POPULATIONS, digest.encode(), None)
    assert decode_population(body.value or b"") == POPULATION
    assert headers_of(body) == {
        "content-type": b"application/json",
        "source.namespace": b"main",
        "source.partition": b"-1",
        "source.offset": b"41872",
    }
    assert [(row.topic, row.key, row.partition) for row in records] == [
        (LOG, None, 0),
        (LOG, None, 1),
        (LOG, None, 2),
    ]
    assert [json.loads(row.value or b"") for row in records] == [
        {"version": 7, "digest": digest}
    ] * 3
    assert [headers_of(row) for row in records] == [{"kind": b"population"}] * 3


def test_the_log_reads_a_population_as_the_learner_wrote_it() -> None:
    body, row, _ = population_rows(POPULATION, 2, SOURCE)
    arrived = LogRecord(0, 7, MARCH_MS, row.key, row.value, dict(row.headers))
    assert read_record(arrived, LOG) == PopulationLearned(
        version=7, digest=(body.key or b"").decode()
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"source.partition": b"3", "source.offset": b"7"},
        {"source.namespace": b"main", "source.partition": b"x", "source.offset": b"7"},
        {"source.namespace": b"main", "source.partition": b"3", "source.offset": b""},
    ],
    ids=["none", "no namespace", "no number", "empty"],
)
def test_headers_that_are_not_ours_are_no_origin(headers: dict[str, bytes]) -> None:
    assert origin(OutboxRow(CHANGES, b"c1", b"{}", list(headers.items()))) is None


def test_history_tells_what_was_published() -> None:
    assert unpack_history(pack_history(CHANGE)) == {
        "sequence": 9,
        "type": "lifecycle.changed",
        "at": "2017-03-01T00:00:00.000Z",
        "reason": "silence",
        "before": {"lifecycle": "active", "flags": ["overdue"]},
        "after": {"lifecycle": "dormant", "flags": []},
        "since": "2017-03-01T00:00:00.000Z",
    }


def test_history_tells_a_change_of_group_with_its_scheme() -> None:
    assert unpack_history(pack_history(REGROUPED)) == {
        "sequence": 3,
        "type": "rfm.changed",
        "at": "2017-03-01T00:00:00.000Z",
        "reason": "population_updated",
        "before": {"group": "loyal"},
        "after": {"group": "at_risk"},
        "since": "2017-03-01T00:00:00.000Z",
        "scheme": "quintile",
    }


def test_history_of_a_first_change_has_no_before() -> None:
    assert unpack_history(pack_history(CHANGE._replace(before=None)))["before"] is None
