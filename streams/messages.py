"""What leaves for Kafka: effects, dead letters and re-routed records as outbox rows.

Changes are CloudEvents 1.0 in binary mode: attributes in `ce_…` headers, JSON in the value.
More headers tell where a row comes from: `source.namespace`, `source.partition`, `source.offset`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgpack
from pydantic_core import to_json

from models.barrier import Barrier, encode_barrier
from models.effects import OF_RULES, PublishChange
from models.erasure import Mark
from models.events import (
    ADDRESSEE,
    EVENT_ID,
    REPLAY,
    Kind,
    LogRecord,
    Read,
    Rejected,
    encode_population_learned,
)
from models.identity import SentOn
from models.ledger import Standing
from models.population import Population, digest_of, encode_population
from streams.store import OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, ERASURES, INPUTS, LOG, POPULATIONS

_PACKER = msgpack.Packer()
DEAD_LETTER_BYTES = 65_536  # of a larger value this much is kept, and a hash of the whole


class Source(NamedTuple):
    """Where in which log something was read.

    Attributes:
        namespace: of the installation.
        partition: of `customer-events.v1`.
        offset: of the record.
        policy: version of the policy in force.
        population: version of the population in force; 0 before the first.
        published: digest of the policy in force; "" of one that nobody has published.
        replayed: the record was brought by a replay.
    """

    namespace: str
    partition: int
    offset: int
    policy: str
    population: int = 0
    published: str = ""
    replayed: bool = False


@lru_cache(maxsize=4_096)  # many moments are midnights that many customers share
def rfc3339(at_ms: int) -> str:
    """A moment in UTC, to the millisecond.

    >>> rfc3339(1_483_264_800_500)
    '2017-01-01T10:00:00.500Z'
    """
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment.isoformat()[:19]}.{at_ms % 1000:03d}Z"


def change_row(effect: PublishChange, source: Source) -> OutboxRow:
    """A change for `segment-changes.v1`, keyed by customer."""
    body = {
        "customer_id": effect.customer_id,
        "before": _standing(effect.before),
        "after": _standing(effect.after),
        "since": rfc3339(effect.since_ms),
        "reason": effect.cause.why,
        "cause": effect.cause.key,
        "sequence": effect.sequence,
        "retracts": effect.retracts,
        "policy": source.policy,
        "population": source.population or None,
    }
    if effect.scheme:
        body["segment" if effect.type in OF_RULES else "scheme"] = effect.scheme
    if effect.into:
        body["into"] = effect.into
    key = effect.customer_id.encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", effect.effect_id.encode()),
        ("ce_type", effect.type.encode()),
        ("ce_source", _origin(source.namespace, source.partition)),
        ("ce_time", rfc3339(effect.cause.at_ms).encode()),
        ("ce_subject", key),
        ("content-type", b"application/json"),
        *_encoded_place(source),
    ]
    return OutboxRow(CHANGES, key, to_json(body), headers)


@lru_cache(maxsize=4_096)
def _origin(namespace: str, partition: int) -> bytes:
    return f"/segmenter/{namespace}/{LOG}/{partition}".encode()


@lru_cache(maxsize=16)  # of a record may follow much
def _encoded_place(source: Source) -> list[tuple[str, bytes]]:
    return encoded(place_of(source))


def dead_letter_row(record: LogRecord, rejected: Rejected, source: Source) -> OutboxRow:
    """A record of the log that can't be used, as it was, with the reason in its headers."""
    return source_dead_letter_row(record, rejected, {"source.topic": LOG, **place_of(source)})


def source_dead_letter_row(
    record: LogRecord,
    rejected: Rejected,
    where: Mapping[str, str],
    most_bytes: int = DEAD_LETTER_BYTES,
) -> OutboxRow:
    """The same of a record from anywhere.

    Args:
        record: as it came.
        rejected: why it can't be used.
        where: the headers that tell where it came from.
        most_bytes: of its value that are kept; of a larger one a hash of the whole, too.
    """
    headers = {"error.reason": rejected.reason, "error.detail": rejected.detail, **where}
    value = record.value
    if value is not None and len(value) > most_bytes:
        headers["value.bytes"] = str(len(value))
        headers["value.sha256"] = hashlib.sha256(value).hexdigest()
        value = value[:most_bytes]
    key = None if record.key is None else record.key[:DEAD_LETTER_BYTES]
    kept = [(name, each) for name, each in _own_headers(record).items() if name not in headers]
    return OutboxRow(DEAD_LETTERS, key, value, [*kept, *encoded(headers)])


def reroute_row(record: LogRecord, read: Read) -> OutboxRow:
    """A record that another client's partitioner put astray, back into the log."""
    headers = {**_own_headers(record), EVENT_ID: read.event_id.encode()}
    return OutboxRow(LOG, read.event.customer_id.encode(), record.value, list(headers.items()))


def sent_on_row(record: LogRecord, sent: SentOn) -> OutboxRow:
    """A record for another id of a person: what was read, or what follows from it."""
    own, value = _own_headers(record), record.value
    if sent.kind is not None:
        marks = {name: value for name, value in own.items() if name == REPLAY}
        own, value = {"kind": sent.kind.value.encode(), **marks}, sent.value
    customer_id = sent.customer_id.encode()
    headers = {**own, EVENT_ID: sent.event_id.encode(), ADDRESSEE: customer_id}
    return OutboxRow(LOG, customer_id, value, list(headers.items()))


def erasure_row(
    pseudonym: str, mark: Mark, key_id: str, partitions: int, source: Source
) -> OutboxRow:
    """That someone was erased, for whoever folds the log anew; says nothing of who it was.

    Args:
        pseudonym: of the id.
        mark: what is to be known.
        key_id: of the key that the pseudonym was made with.
        partitions: of the log.
        source: of the erasure.
    """
    body = {
        "through_ms": mark.through_ms,
        "event": mark.event,
        "removed": mark.removed._asdict(),
        "key_id": key_id,
        "partition": source.partition,
        "partitions": partitions,
    }
    headers = {"content-type": "application/json", **place_of(source)}
    key = f"{source.namespace}/{pseudonym}".encode()  # each installation has its own
    return OutboxRow(ERASURES, key, to_json(body), encoded(headers))


def barrier_row(barrier: Barrier, source: Source) -> OutboxRow:
    """A partition's sketch at the end of an epoch, for `population-inputs.v1`."""
    headers = {"kind": "barrier", "content-type": "application/msgpack", **place_of(source)}
    if source.published:
        headers["policy.digest"] = source.published
    told = [*encoded(headers), *_replayed(source)]
    return OutboxRow(INPUTS, b"%d" % source.partition, encode_barrier(barrier), told)


def population_rows(population: Population, partitions: int, source: Source) -> list[OutboxRow]:
    """A population's body for `populations.v1`, and the record that brings it into force.

    The record goes into every partition of the log, behind the body.
    """
    packed = encode_population(population)
    digest = digest_of(packed)
    headers = {"content-type": "application/json", **place_of(source)}
    body = OutboxRow(POPULATIONS, digest.encode(), packed, encoded(headers))
    note = encode_population_learned(population.version, digest)
    kind = [("kind", Kind.POPULATION.value.encode()), *_replayed(source)]
    return [body, *(OutboxRow(LOG, None, note, kind, each) for each in range(partitions))]


def pack_history(effect: PublishChange) -> bytes:
    """One effect as it stands in the customer's history."""
    packed: bytes = _PACKER.pack(
        (
            effect.sequence,
            effect.type,
            effect.cause.at_ms,
            effect.cause.why,
            _standing(effect.before),
            _standing(effect.after),
            effect.since_ms,
            effect.scheme,
        )
    )
    return packed


def unpack_history(packed: bytes) -> dict[str, Any]:
    """The reverse, as the command line shows it."""
    sequence, kind, at_ms, why, before, after, since_ms, scheme = msgpack.unpackb(packed)
    return {
        "sequence": sequence,
        "type": kind,
        "at": rfc3339(at_ms),
        "reason": why,
        "before": before,
        "after": after,
        "since": rfc3339(since_ms),
        **({"scheme": scheme} if scheme else {}),
    }


@lru_cache(maxsize=1_024)  # there are a few dozen
def _standing(standing: Standing | str | None) -> dict[str, Any] | None:
    """A standing as JSON; of an RFM group its name."""
    if standing is None:
        return None
    if isinstance(standing, str):
        return {"group": standing}
    return {"lifecycle": standing.lifecycle.value, "flags": list(standing.flags)}


def _own_headers(record: LogRecord) -> dict[str, bytes]:
    """The producer's headers, so that Kafka takes them: none without a value, not too much."""
    own = {name: value or b"" for name, value in record.headers.items()}
    if sum(len(name) + len(value) for name, value in own.items()) <= DEAD_LETTER_BYTES:
        return own
    kept = {name: value[:64] for name, value in own.items() if name in {"kind", REPLAY}}
    return {**kept, "headers.dropped": b"%d" % (len(own) - len(kept))}


def _replayed(source: Source) -> list[tuple[str, bytes]]:
    """What follows from a replay says so, too."""
    return [(REPLAY, b"true")] if source.replayed else []


def place_of(source: Source) -> dict[str, str]:
    """The headers that tell where a row comes from."""
    return {
        "source.namespace": source.namespace,
        "source.partition": str(source.partition),
        "source.offset": str(source.offset),
    }


def encoded(headers: dict[str, str]) -> list[tuple[str, bytes]]:
    """Headers as Kafka takes them."""
    return [(name, value.encode()) for name, value in headers.items()]
