"""Which record of the log a message comes from, as its headers say (`streams/messages.py`)."""

from __future__ import annotations

from typing import NamedTuple

from streams.store import OutboxRow
from streams.topics import ERASURES, LOG, POPULATIONS

_LOG = LOG.encode()


class Origin(NamedTuple):
    """Which record of the log a row comes from, as its headers say.

    Attributes:
        topic: that the row goes to.
        namespace: of the installation.
        partition: of the log.
        offset: of the record in it.
        effect_id: empty where the row has none.
    """

    topic: str
    namespace: bytes
    partition: int
    offset: int
    effect_id: bytes


def origin(row: OutboxRow) -> Origin | None:
    """Where a row comes from; None if that does not matter, or its headers are not ours."""
    if row.topic == LOG:  # a record that is only sent on: its headers are its producer's own
        return None
    if row.topic in {POPULATIONS, ERASURES}:  # compacted: sent again, it takes its own place
        return None
    headers = dict(row.headers)
    if (
        headers.get("source.topic", _LOG) != _LOG
    ):  # a dead letter of a source's: no place in the log
        return None
    try:
        return Origin(
            row.topic,
            headers["source.namespace"],
            int(headers["source.partition"]),
            int(headers["source.offset"]),
            headers.get("ce_id", b""),
        )
    except (KeyError, ValueError):
        return None
