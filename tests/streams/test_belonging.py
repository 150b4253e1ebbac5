"""When a worker must not go on: each refusal says what is wrong and what to do instead."""

from __future__ import annotations

import pytest

from models.codec import OLDEST_READ, SCHEMA_VERSION
from streams.belonging import why_refused
from streams.log import Extent, TopicFacts
from streams.store import Meta

FACTS = TopicFacts(topic_id="topic-1", partitions=4)
META = Meta(
    offset=100, nonce=b"n", topic_id="topic-1", partitions=4, schema=SCHEMA_VERSION, policy="p"
)
EXTENT = Extent(start=0, end=100)
BESIDE = "to fold the log anew beside them, run: segmenter rebuild --to NEW_STORE"
APART = "point namespace at an empty one to fold the log anew"


def refused(meta: Meta = META, facts: TopicFacts = FACTS, extent: Extent = EXTENT) -> str:
    refusal = why_refused(meta, facts, extent, partition=3)
    assert refusal is not None
    return refusal


@pytest.mark.parametrize(
    ("meta", "facts", "extent"),
    [
        (META, FACTS, EXTENT),
        (META, FACTS, Extent(0, 10_000)),
        (META, FACTS, Extent(100, 100)),
        (Meta(), FACTS, Extent(0, 0)),
        (Meta(), FACTS, EXTENT),
        (META, TopicFacts("", 4), EXTENT),
        (META._replace(topic_id=""), FACTS, EXTENT),
    ],
    ids=[
        "at the log's end",
        "behind it",
        "all before it has expired",
        "an empty store and an empty log",
        "an empty store",
        "a broker that gives no topic ids",
        "states of a broker that gave none",
    ],
)
def test_states_that_belong_to_their_log_are_not_refused(
    meta: Meta, facts: TopicFacts, extent: Extent
) -> None:
    assert why_refused(meta, facts, extent, partition=3) is None


def test_states_of_a_newer_schema_want_a_newer_version() -> None:
    newer = SCHEMA_VERSION + 1
    assert refused(META._replace(schema=newer)) == (
        f"partition 3: the states have schema {newer}, this version knows {SCHEMA_VERSION}; "
        "run a version at least as new as the one that wrote them"
    )


def test_states_of_an_older_schema_lack_what_only_the_log_can_tell() -> None:
    older = OLDEST_READ - 1
    assert refused(META._replace(schema=older)) == (
        f"partition 3: the states have schema {older}, this version reads {OLDEST_READ} to "
        f"{SCHEMA_VERSION}, which hold more than can be told from them; {BESIDE}"
    )


def test_states_of_the_schema_before_are_taken_over() -> None:
    assert why_refused(META._replace(schema=SCHEMA_VERSION - 1), FACTS, EXTENT, 3) is None


def test_states_written_with_another_hash_key_are_refused() -> None:
    meta = META._replace(key_id="11aa22bb")
    assert why_refused(meta, FACTS, EXTENT, 3, key_id="") == (
        "partition 3: the states were written with hash key 11aa22bb, this worker has (none): it "
        f"could not tell whom they are of; set SEGMENTER_HASH_KEY to that key, or {BESIDE}"
    )
    assert why_refused(meta, FACTS, EXTENT, 3, key_id="11aa22bb") is None


def test_a_topic_deleted_and_made_again_is_another_log() -> None:
    assert refused(facts=TopicFacts("topic-2", 4)) == (
        "partition 3: the states are a fold of topic topic-1, but customer-events.v1 is now "
        f"topic-2: it was deleted and made again; {APART}"
    )


def test_another_number_of_partitions_would_move_customers() -> None:
    assert refused(facts=TopicFacts("topic-1", 8)) == (
        "customer-events.v1 has 8 partitions, the states belong to 4: "
        f"customers would change partitions; {BESIDE}"
    )


def test_a_log_that_ends_before_the_states_has_lost_records() -> None:
    assert refused(extent=Extent(0, 99)) == (
        "partition 3: the store stands at offset 100, the log ends at 99: "
        f"the log has lost records; restore it, or {APART}"
    )


def test_a_log_that_begins_after_the_states_has_expired_records_that_are_needed() -> None:
    assert refused(extent=Extent(101, 200)) == (
        "partition 3: the store stands at offset 100, the log begins at 101: records that are "
        "needed have expired; set the topic's retention.ms to -1 and restore the store from a backup"
    )


def test_a_refusal_names_the_topic_that_it_is_about() -> None:
    said = why_refused(META, TopicFacts("topic-1", 8), EXTENT, 0, "population-inputs.v1")
    assert said is not None
    assert said.startswith("population-inputs.v1 has 8 partitions, the states belong to 4: ")


def test_an_empty_store_refuses_a_log_whose_beginning_has_expired() -> None:
    assert "the store stands at offset 0, the log begins at 1" in refused(
        Meta(), extent=Extent(1, 9)
    )


def test_states_of_a_replay_are_nobody_s_to_go_on_with() -> None:
    for of in ("topic-1", "", "sales.csv"):
        said = refused(META._replace(topic_id=f"replay of {of}"))
        assert said.startswith("partition 3: the states are those of a replay of")
        assert said.endswith(APART)
