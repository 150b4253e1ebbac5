"""Deliveries: every alert goes to every endpoint that wants it, or is kept as dead.

    enqueue ──► queue:E ──► deliver(E) ──┬─ 2xx ──────────────► out of the queue
                   ▲                     ├─ 410 ──────────────► E is disabled, its queue stays ── enable
                   │                     └─ anything else ──┬─► later: retrying.py
                   │                                        └─► dead:E
                   └──────────────────────── resend ◄─────────────┘

Each endpoint has a queue and a loop of its own, so none waits for another; they share the process's
`Hand`, which is never held while something is sent. What is written is read anew in the same turn:
an answer counts only for alerts that still stand as they did when they were sent.

At least once, and the same again: a process that dies after sending and before writing leaves the
alerts where they were. An alert keeps its id; alerts that were sent in one message are sent again
in one message, of the same id, unless one of them was forgotten or died meanwhile.

An endpoint that fails five rounds in a row is paused: 5 s, from then on 5 min before each round.
That uses up no attempt of those who wait. So that nobody waits for ever, an alert is given up
`LIFE_S` after it was put into the queue, however few attempts it had; not while its endpoint is
disabled, and then its time begins anew. A standstill of this process counts: nobody is told of last
week's alerts by surprise, but all who died can be sent again.

Forbidden here: deciding what is an alert, the shape of a message, signatures.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgpack
from pydantic_core import from_json

from streams.endpoints import Endpoint
from streams.retrying import (
    LIFE_S,
    Attempt,
    Health,
    Judgement,
    Outcome,
    pack,
    unpack_attempt,
    unpack_health,
)
from streams.shelf import MAX_AT_MS, Fenced, Hand, Line, Put, Shelf, Write
from streams.store import StoreUnavailable
from streams.webhook import Answer, Poster
from streams.webhook_body import message, message_id

BODIES, HOLDERS, ENDPOINTS = "bodies", "holders", "endpoints"
ROUND = 1_000  # alerts at most: their results are one script
LONGEST_WAIT_S = 60.0  # so soon is noticed what another process has changed
TROUBLE_PAUSE_S = 1.0
logger = logging.getLogger(__name__)


def sending(endpoint: str) -> str:
    """The hash of what became of each alert that waits or is dead."""
    return f"sending:{endpoint}"


def queue(endpoint: str) -> str:
    """The sorted set of those who wait, by their next attempt."""
    return f"queue:{endpoint}"


def ends(endpoint: str) -> str:
    """The sorted set of those who wait, by when they are given up at the latest."""
    return f"ends:{endpoint}"


def dead(endpoint: str) -> str:
    """The sorted set of those who were given up, by when."""
    return f"dead:{endpoint}"


def enqueue(alert_id: str, endpoints: Collection[str], now_ms: int) -> list[Write]:
    """What puts a new alert into queues; whoever decides writes it together with the decision.

    Once for an alert. Its body is put into `BODIES` in the same write, unless there is no endpoint.

    Args:
        alert_id: of an alert that was never put into a queue before.
        endpoints: by name, all that it goes to.
        now_ms: wall clock; its time runs from here.
    """
    if not endpoints:
        return []
    writes: list[Write] = [Put(HOLDERS, alert_id, msgpack.packb(sorted(set(endpoints))))]
    for each in endpoints:
        writes += _waiting(each, alert_id, Attempt(now_ms), now_ms)
    return writes


async def forget(shelf: Shelf, alert_ids: Sequence[str]) -> list[Write]:
    """What removes all there is of these alerts, wherever they wait or lie dead.

    To be read and written in one turn: see `Hand.turn`. An attempt that is under way is not called
    back, but leaves nothing behind.
    """
    writes: list[Write] = []
    for alert_id, packed in zip(alert_ids, await shelf.get(HOLDERS, alert_ids), strict=True):
        for each in () if packed is None else msgpack.unpackb(packed):
            writes += [*_out_of_line(each, alert_id), Put(sending(each), alert_id, None)]
            writes.append(Line(dead(each), alert_id, None))
        writes += [Put(HOLDERS, alert_id, None), Put(BODIES, alert_id, None)]
    return writes


def _waiting(endpoint: str, alert_id: str, attempt: Attempt, at_ms: int) -> list[Write]:
    return [
        Put(sending(endpoint), alert_id, pack(attempt)),
        Line(queue(endpoint), alert_id, at_ms),
        Line(ends(endpoint), alert_id, attempt.ends_ms),
    ]


def _out_of_line(endpoint: str, alert_id: str) -> list[Write]:
    return [Line(queue(endpoint), alert_id, None), Line(ends(endpoint), alert_id, None)]


def _written(endpoint: str, judged: Judgement, now_ms: int) -> Iterator[Write]:
    """What becomes of an endpoint's own lines and fields."""
    for alert_id in (*judged.left, *judged.delivered, *judged.dead):
        yield from _out_of_line(endpoint, alert_id)
    for alert_id in judged.delivered:
        yield Put(sending(endpoint), alert_id, None)
    for alert_id, last in judged.dead.items():
        yield Put(sending(endpoint), alert_id, pack(last))
        yield Line(dead(endpoint), alert_id, now_ms)
    for alert_id, (attempt, at_ms) in judged.again.items():
        yield Put(sending(endpoint), alert_id, pack(attempt))
        yield Line(queue(endpoint), alert_id, at_ms)


class Round(NamedTuple):
    """What one round of an endpoint came to; numbers of alerts.

    Attributes:
        delivered: that an answer of 2xx was about.
        again: that will be tried again.
        dead: that were given up.
    """

    delivered: int = 0
    again: int = 0
    dead: int = 0


class _Due(NamedTuple):
    """An alert that is due, as it stands."""

    alert_id: str
    packed: bytes
    attempt: Attempt


def _alert(body: bytes | None) -> dict[str, Any]:
    """Raises ValueError: nothing can be sent of it; says why."""
    if body is None:
        raise ValueError("its body is missing")
    try:
        alert = from_json(body)
    except ValueError:  # its words would show a part of the body
        alert = None
    if isinstance(alert, dict):
        return alert
    raise ValueError("its body is not a JSON object")


def _together(due: Iterable[_Due], size: int) -> Iterator[list[_Due]]:
    """Alerts for one message each: those that were sent together before, new ones among themselves.

    In the order of their coming, which stays the same, so that the message is the same.
    """
    batches: list[list[_Due]] = []
    filling: dict[str, list[_Due]] = {}
    for each in due:
        batch = filling.get(each.attempt.message)
        if batch is None or len(batch) == size:
            batch = filling[each.attempt.message] = []
            batches.append(batch)
        batch.append(each)
    for batch in batches:
        yield sorted(batch, key=lambda each: (each.attempt.first_ms, each.alert_id.encode()))


class Deliveries:
    """The queues of all endpoints, and what empties them.

    Args:
        hand: the process's own.
        poster: makes the attempts.
        endpoints: asked before each round: those that are configured now, by name.
        now_ms: wall clock.
    """

    def __init__(
        self,
        hand: Hand,
        poster: Poster,
        endpoints: Callable[[], Mapping[str, Endpoint]],
        now_ms: Callable[[], int],
    ) -> None:
        self._hand, self._shelf, self._poster = hand, hand.shelf, poster
        self._endpoints, self._now_ms = endpoints, now_ms
        self._bells: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def ring(self) -> None:
        """Something was put into queues: no loop waits any longer."""
        for each in self._bells.values():
            each.set()

    async def health(self, endpoint: str) -> Health:
        """How an endpoint does."""
        return unpack_health((await self._shelf.get(ENDPOINTS, [endpoint]))[0])

    async def deliver(self, endpoint: str, stop: asyncio.Event) -> None:
        """Empty an endpoint's queue until `stop` is set; then the round in hand is ended first.

        Answers that can't be written, because Redis is away or the hand is fenced, are kept and
        written as soon as they can.
        """
        outcomes: list[Outcome] = []
        trouble, bell = "", self._bells[endpoint]
        while not stop.is_set():
            try:
                outcomes = outcomes or await self._outcomes(endpoint)
                await self._settle(endpoint, outcomes)
                wait_s = 0.0 if outcomes else await self._idle_s(endpoint)
                outcomes, trouble = [], ""
            except (StoreUnavailable, Fenced) as error:
                if trouble != str(error):
                    logger.warning("deliveries to %s wait: %s", endpoint, error)
                wait_s, trouble = TROUBLE_PAUSE_S, str(error)
            await _first_of(wait_s, stop, bell)
            bell.clear()

    async def round(self, endpoint: str) -> Round:
        """Send what is due to an endpoint, as much as it takes at once, and write the results.

        Raises:
            Fenced: nothing was written; whoever owns the queue sends it again.
            StoreUnavailable: the same, or it was written.
        """
        return await self._settle(endpoint, await self._outcomes(endpoint))

    async def resend(self, endpoint: str, alert_ids: Sequence[str] | None = None) -> int:
        """Put alerts back into the queue as if they were new; answers how many.

        Args:
            endpoint: which queue.
            alert_ids: of those that are dead or wait there, others are passed over; None: all that
                are dead.

        Raises:
            Fenced, StoreUnavailable: some may be back already; it may be done again.
        """
        count = 0
        if alert_ids is None:
            while page := await self._shelf.due(dead(endpoint), MAX_AT_MS, ROUND):
                count += await self._revive(endpoint, [alert_id for alert_id, _ in page])
        else:
            for start in range(0, len(alert_ids), ROUND):
                count += await self._revive(endpoint, alert_ids[start : start + ROUND])
        self.ring()
        return count

    async def enable(self, endpoint: str) -> None:
        """Send to an endpoint again that was disabled, or is paused; all who wait are still there.

        Raises:
            Fenced, StoreUnavailable: it may be done again.
        """
        while page := await self._shelf.due(ends(endpoint), self._now_ms(), ROUND):
            await self._revive(endpoint, [alert_id for alert_id, _ in page])
        async with self._hand.turn() as write:
            health = await self.health(endpoint)
            opened = Health(delivered=health.delivered, dead=health.dead)
            await write([Put(ENDPOINTS, endpoint, pack(opened))])
        self.ring()

    async def _revive(self, endpoint: str, alert_ids: Sequence[str]) -> int:
        now_ms, writes = self._now_ms(), list[Write]()
        async with self._hand.turn() as write:
            known = await self._held(sending(endpoint), alert_ids)
            for each, packed in known.items():
                new = _waiting(endpoint, each, Attempt(now_ms), now_ms)
                writes += _out_of_line(endpoint, each) if packed is None else new
                writes.append(Line(dead(endpoint), each, None))
            await write(writes)
        return sum(packed is not None for packed in known.values())

    async def _outcomes(self, name: str) -> list[Outcome]:
        """Send what is due; empty if nothing is, or nothing may be sent now."""
        endpoint, health = self._endpoints().get(name), await self.health(name)
        if endpoint is None or health.disabled_why:
            return []
        outlived = await self._outlived(name)
        if outlived or health.paused_until_ms > self._now_ms():
            return outlived
        batches, outcomes = await self._batches(endpoint)
        if not batches:
            return outcomes
        bodies = await self._held(BODIES, [each.alert_id for each in itertools.chain(*batches)])
        await self._hand.confirm()
        sent = await asyncio.gather(*(self._send(endpoint, each, bodies) for each in batches))
        return list(itertools.chain(outcomes, *sent))

    async def _held(self, name: str, alert_ids: Sequence[str]) -> dict[str, bytes | None]:
        """What a hash holds of these alerts; nothing is asked about none."""
        if not alert_ids:
            return {}
        return dict(zip(alert_ids, await self._shelf.get(name, alert_ids), strict=True))

    async def _outlived(self, name: str) -> list[Outcome]:
        past = await self._shelf.due(ends(name), self._now_ms(), ROUND)
        sent = await self._held(sending(name), [alert_id for alert_id, _ in past])
        why = Answer(None, f"not delivered within {LIFE_S / 86_400:.1f} days")
        return [Outcome(sent, why)] if sent else []

    async def _batches(self, endpoint: Endpoint) -> tuple[list[list[_Due]], list[Outcome]]:
        """As many batches as may be sent at once, and those in line who are not there at all."""
        at_once = max(1, min(endpoint.concurrency, ROUND // endpoint.batch))
        limit = (at_once + 1) * endpoint.batch  # one more, so that none of them is cut short
        lines = await self._shelf.due(queue(endpoint.name), self._now_ms(), limit)
        known = await self._held(sending(endpoint.name), [alert_id for alert_id, _ in lines])
        due = [_Due(i, packed, unpack_attempt(packed)) for i, packed in known.items() if packed]
        absent = {alert_id: None for alert_id, packed in known.items() if not packed}
        left = [Outcome(absent, Answer(None, "it is not there"))] if absent else []
        return list(_together(due, endpoint.batch))[:at_once], left

    async def _send(
        self, endpoint: Endpoint, batch: Sequence[_Due], bodies: Mapping[str, bytes | None]
    ) -> list[Outcome]:
        """One message, of those alerts of which it can be made."""
        outcomes: list[Outcome] = []
        alerts: list[dict[str, Any]] = []
        sent: dict[str, bytes | None] = {}
        for alert_id, packed, _ in batch:
            try:
                alerts.append(_alert(bodies[alert_id]))
                sent[alert_id] = packed
            except ValueError as error:
                outcomes.append(Outcome({alert_id: packed}, Answer(None, str(error))))
        if alerts:
            id_ = message_id(alerts)
            answer = await self._poster.post(endpoint, id_, message(endpoint, alerts))
            outcomes.append(Outcome(sent, answer, id_))
        return outcomes

    async def _settle(self, name: str, outcomes: Sequence[Outcome]) -> Round:
        """Write what follows; a second time nothing follows."""
        if not outcomes:
            return Round()
        ids = [alert_id for outcome in outcomes for alert_id in outcome.sent]
        async with self._hand.turn() as write:
            stands = await self._held(sending(name), ids)
            judged = Judgement(name, outcomes, stands, self._now_ms())
            writes = [*_written(name, judged, self._now_ms()), *await self._released(name, judged)]
            health = judged.health(await self.health(name))
            await write([*writes, Put(ENDPOINTS, name, pack(health))])
        return Round(len(judged.delivered), len(judged.again), len(judged.dead))

    async def _released(self, name: str, judged: Judgement) -> list[Write]:
        """An endpoint holds no longer what was delivered to it; what nobody holds is forgotten."""
        writes: list[Write] = []
        for alert_id, packed in (await self._held(HOLDERS, judged.delivered)).items():
            holders = () if packed is None else msgpack.unpackb(packed)
            others = [each for each in holders if each != name]
            writes.append(Put(HOLDERS, alert_id, msgpack.packb(others) if others else None))
            if not others:
                writes.append(Put(BODIES, alert_id, None))
        return writes

    async def _idle_s(self, name: str) -> float:
        """How long there will be nothing to do, unless somebody rings; seconds."""
        health = await self.health(name)
        first = await self._shelf.due(queue(name), MAX_AT_MS, 1)
        if not first or health.disabled_why or name not in self._endpoints():
            return LONGEST_WAIT_S
        at_ms = max(health.paused_until_ms, first[0][1])
        return min(max(0.0, (at_ms - self._now_ms()) / 1_000), LONGEST_WAIT_S)


async def _first_of(wait_s: float, *events: asyncio.Event) -> None:
    """Wait so long at most; at the least, let others have their turn."""
    waits = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
