"""Webhooks of sources: a body comes in, its events go into the log.

Whoever sends proves who they are by the signature of their source, or else by an API key. What can't be
used becomes a dead letter and is answered like anything else: a sender that was refused would repeat it
for days and then give the endpoint up. Only while Kafka is away they are asked to come again.

Forbidden here: what a source's events mean (`models/adapters.py`), how signatures are made
(`streams/signatures.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.adapters import Ignored, Normalised, Outcome, Source, normalise
from models.events import MAX_VALUE_BYTES, Kind, LogRecord
from streams.api.access import Access
from streams.api.metrics import ApiMeter
from streams.api.problems import BAD_VALUE, NOT_FOUND, UNKNOWN_KEY, Problem
from streams.api.writing import Writer
from streams.messages import source_dead_letter_row
from streams.normalising import event_row, outcome_of, received_at
from streams.signatures import SIGNED_BY, fault_of
from streams.source_config import Sources, secrets_of
from streams.store import OutboxRow

PATH = "/v1/ingest/"
_TOLD_HEADERS = "x-shopify-"  # of those with this prefix adapters and dead letters may know,
_SIGNATURES = frozenset(each.lower() for each in SIGNED_BY.values())  # but for these
_LONG_BYTES = 65_536  # of a body; reading a longer one lets others be answered meanwhile
_MAX_HEADERS, _MAX_HEADER_CHARS = 16, 256
Headers = Mapping[str, str]
logger = logging.getLogger(__name__)


class Ingest:
    """Takes what sources send.

    Args:
        sources: of the installation, by name.
        namespace: of the installation.
        writer: into Kafka.
        access: limits, for who proves themselves by a signature.
        meter: counts.
        clock: wall clock.

    Raises:
        SettingsError: a secret file can't be used.
    """

    def __init__(
        self,
        sources: Sources,
        namespace: str,
        writer: Writer,
        access: Access,
        meter: ApiMeter,
        clock: Callable[[], int],
    ) -> None:
        self._sources, self._secrets = sources, secrets_of(sources)
        self._namespace, self._writer = namespace, writer
        self._access, self._meter, self._clock = access, meter, clock

    def signs(self, method: str, path: str) -> bool:
        """Whether a request is admitted by its signature, which `take` looks at, and by no key."""
        named = path.startswith(PATH) and path.removeprefix(PATH) in self._secrets
        return named and method == "POST"

    async def take(
        self,
        name: str,
        body: bytes,
        headers: Headers,
        address: str,
        may_erase: Callable[[], object],
    ) -> dict[str, Any]:
        """Write what a body means into the log; answers what that was.

        Args:
            name: of the source, out of the path.
            body: as it came.
            headers: of the request, names in lower case.
            address: of the sender.
            may_erase: raises if the API key that the sender has does not allow erasures.

        Raises:
            Problem: 400, 401, 403, 404 or 429; then nothing was written.
            KafkaUnavailable: some of it may have been written; sent again, it changes nothing.
        """
        source = self._sources.get(name)
        if source is None:
            known = ", ".join(self._sources) or "none; [sources.NAME] of segmenter.toml makes one"
            raise Problem(NOT_FOUND, f"there is no source {name!r:.60}", f"sources are: {known}")
        if name in self._secrets:
            self._verify(name, source, body, headers, address)
        elif headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Problem(BAD_VALUE, "content-type: must be application/json")
        told = _told_headers(headers)
        said = (name, source, body, {**told, **received_at(self._clock())})
        long = len(body) > _LONG_BYTES  # some of those take most of a second
        outcomes = await asyncio.to_thread(normalise, *said) if long else normalise(*said)
        if name not in self._secrets and any(map(_erases, outcomes)):
            may_erase()
        await self._writer.send_rows(self._rows(name, body, told, outcomes))
        for each in outcomes:
            self._meter.ingested(name, outcome_of(each))
        return _answer(outcomes)

    def _verify(
        self, name: str, source: Source, body: bytes, headers: Headers, address: str
    ) -> None:
        secrets = self._secrets[name].now()
        fault = fault_of(source.source, body, headers, secrets, self._clock())
        if fault is None:
            self._access.pass_named(PATH + name)
            return
        self._meter.ingested(name, "bad_signature")
        self._access.failed(address)
        logger.warning("source %s: a request was refused: %s", name, fault)
        raise Problem(
            UNKNOWN_KEY,
            f"source {name}: {fault}",
            f"put the sender's secret into the file that sources.{name}.secret_file names",
            [(b"www-authenticate", b'Signature realm="segmenter"')],
        )

    def _rows(
        self, name: str, body: bytes, headers: Headers, outcomes: Sequence[Outcome]
    ) -> list[OutboxRow]:
        where = {
            "source.name": name,
            "source.topic": PATH + name,
            "source.namespace": self._namespace,
        }
        told = {key: value.encode() for key, value in headers.items()}
        record = LogRecord(0, 0, self._clock(), None, body, told)
        rows = list[OutboxRow]()
        for each in outcomes:
            if isinstance(each, Normalised):
                rows.append(event_row(each))
            elif not isinstance(each, Ignored):  # there is no other copy of it: all of it is kept
                rows.append(source_dead_letter_row(record, each, where, MAX_VALUE_BYTES))
        return rows


def _told_headers(headers: Headers) -> dict[str, str]:
    """Those that say what the body is; no signature, key or cookie."""
    told = [
        (name, value[:_MAX_HEADER_CHARS])
        for name, value in headers.items()
        if name.startswith(_TOLD_HEADERS) and name not in _SIGNATURES
    ]
    return dict(told[:_MAX_HEADERS])


def _erases(each: Outcome) -> bool:
    return isinstance(each, Normalised) and each.kind is Kind.ERASURE


def _answer(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    found = [outcome_of(each) for each in outcomes]
    counts = {word: found.count(word) for word in ("written", "ignored", "dead_letters")}
    return {**counts, "events": [_told(each) for each in outcomes]}


def _told(each: Outcome) -> dict[str, str]:
    """What became of one event; says nothing of whom it is about."""
    if isinstance(each, Normalised):
        return {"outcome": "written", "kind": each.kind.value, "event_id": each.event_id}
    if isinstance(each, Ignored):
        return {"outcome": "ignored", "detail": each.detail}
    return {"outcome": "dead_letter", "reason": each.reason.value, "detail": each.detail}
