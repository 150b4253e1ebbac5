"""What `erasures.v1` tells a partition that begins anew, and when it must not begin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.erasure import Mark, Pseudonyms, Removed
from streams.chunk import LogIdentity
from streams.erasures import born_marks
from streams.log import Record
from streams.messages import Source, erasure_row
from streams.refusal import Refused

KEYED = Pseudonyms(b"a secret")
HERE = LogIdentity("main", "topic-1", 4, 1, KEYED)
MARK = Mark(1_483_264_800_500, "0123456789abcdef", Removed(state=True, purchases=3, names=1))


def record(
    customer_id: str = "c1",
    mark: Mark = MARK,
    key_id: str = KEYED.key_id,
    namespace: str = "main",
    partition: int = 1,
    partitions: int = 4,
) -> Record:
    """One erasure as the relay writes it."""
    source = Source(namespace, partition, 7, "policy")
    row = erasure_row(KEYED.of(customer_id), mark, key_id, partitions, source)
    return Record(0, 0, row.key, row.value, row.headers)


def test_the_marks_of_the_partition_are_read_back() -> None:
    assert born_marks([record()], HERE) == {KEYED.of("c1"): MARK}
    assert born_marks([], HERE) == {}


def test_the_last_record_of_a_person_holds() -> None:
    later = MARK._replace(through_ms=MARK.through_ms + 1)
    assert born_marks([record(), record(mark=later)], HERE) == {KEYED.of("c1"): later}


def test_erasures_of_other_partitions_and_installations_are_let_pass() -> None:
    others = [record("c2", partition=2), record("c3", namespace="other", key_id="other key")]
    assert born_marks([*others, record()], HERE) == {KEYED.of("c1"): MARK}


def test_installations_on_one_kafka_do_not_replace_each_others_erasures() -> None:
    assert record(namespace="one").key != record(namespace="other").key


def test_after_a_change_of_the_number_of_partitions_every_mark_is_taken() -> None:
    assert born_marks([record(partition=2, partitions=8)], HERE) == {KEYED.of("c1"): MARK}


def test_an_installation_that_begins_under_another_name_forgets_nobody() -> None:
    before = record(namespace="before", key_id=KEYED.key_id)
    assert list(born_marks([before], HERE)) == [KEYED.of("c1")]


def test_who_has_moved_to_another_partition_is_marked_there() -> None:
    moved = [record(partition=1, partitions=2), record(partition=2)]
    assert born_marks(moved, HERE) == {}
    assert list(born_marks(moved, HERE._replace(partition=2))) == [KEYED.of("c1")]


@pytest.mark.parametrize(
    ("key_id", "mine", "said"),
    [
        ("0a1b2c3d", KEYED, f"hash key 0a1b2c3d, this worker has {KEYED.key_id}: those who asked"),
        ("", KEYED, f"hash key .none., this worker has {KEYED.key_id}"),
        (KEYED.key_id, Pseudonyms(), rf"hash key {KEYED.key_id}, this worker has \(none\)"),
    ],
)
def test_another_key_is_refused_because_nobody_would_be_recognised(
    key_id: str, mine: Pseudonyms, said: str
) -> None:
    with pytest.raises(Refused, match=said) as refused:
        born_marks([record(key_id=key_id)], HERE._replace(pseudonyms=mine))
    assert "set SEGMENTER_HASH_KEY to the key it was written with" in str(refused.value)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"event": "e"}', b"\xff"])
def test_an_erasure_that_cannot_be_read_stops_the_worker(value: bytes) -> None:
    with pytest.raises(Refused, match=r"offset 7: .* would come back: restore the record, or"):
        born_marks([record()._replace(value=value, offset=7)], HERE)


def test_records_without_key_or_value_are_let_pass() -> None:
    assert born_marks([record()._replace(value=None), record()._replace(key=None)], HERE) == {}


def test_a_record_says_nothing_of_who_it_was() -> None:
    found = record("Zoë@example.org")
    body: dict[str, Any] = json.loads(found.value or b"")
    assert (found.key or b"").decode() == "main/" + KEYED.of("Zoë@example.org")
    assert "example" not in str(found)
    assert {"through_ms", "event", "removed", "key_id", "partition", "partitions"} <= set(body)
    assert body["removed"] == {
        "state": True,
        "purchases": 3,
        "remembered": 0,
        "attributes": 0,
        "in_sketch": False,
        "names": 1,
    }
