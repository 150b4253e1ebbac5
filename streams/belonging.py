"""Whether states and log belong together."""

from __future__ import annotations

from models.codec import OLDEST_READ, SCHEMA_VERSION
from streams.log import Extent, TopicFacts
from streams.store import Meta
from streams.topics import LOG

REPLAY_OF = "replay of "  # in the place of a topic's id, see streams/isolated.py


def why_refused(
    meta: Meta,
    facts: TopicFacts,
    extent: Extent,
    partition: int,
    topic: str = LOG,
    key_id: str = "",
) -> str | None:
    """What speaks against folding this log onto these states; None: nothing."""
    beside = "to fold the log anew beside them, run: segmenter rebuild --to NEW_STORE"
    apart = "point namespace at an empty one to fold the log anew"
    if meta.schema > SCHEMA_VERSION:
        return (
            f"partition {partition}: the states have schema {meta.schema}, this version knows "
            f"{SCHEMA_VERSION}; run a version at least as new as the one that wrote them"
        )
    if 0 < meta.schema < OLDEST_READ:
        return (
            f"partition {partition}: the states have schema {meta.schema}, this version reads "
            f"{OLDEST_READ} to {SCHEMA_VERSION}, which hold more than can be told from them; {beside}"
        )
    if meta.nonce and topic == LOG and meta.key_id != key_id:
        return (
            f"partition {partition}: the states were written with hash key "
            f"{meta.key_id or '(none)'}, this worker has {key_id or '(none)'}: it could not tell "
            f"whom they are of; set SEGMENTER_HASH_KEY to that key, or {beside}"
        )
    if meta.topic_id.startswith(REPLAY_OF):
        return (
            f"partition {partition}: the states are those of a {meta.topic_id}, nobody "
            f"may be told of them; {apart}"
        )
    if meta.topic_id and facts.topic_id and meta.topic_id != facts.topic_id:
        return (
            f"partition {partition}: the states are a fold of topic {meta.topic_id}, but {topic} is "
            f"now {facts.topic_id}: it was deleted and made again; {apart}"
        )
    if meta.partitions and meta.partitions != facts.partitions:
        return (
            f"{topic} has {facts.partitions} partitions, the states belong to {meta.partitions}: "
            f"customers would change partitions; {beside}"
        )
    if meta.offset > extent.end:
        return (
            f"partition {partition}: the store stands at offset {meta.offset}, the log ends at "
            f"{extent.end}: the log has lost records; restore it, or {apart}"
        )
    if meta.offset < extent.start:
        return (
            f"partition {partition}: the store stands at offset {meta.offset}, the log begins at "
            f"{extent.start}: records that are needed have expired; set the topic's retention.ms "
            "to -1 and restore the store from a backup"
        )
    return None
