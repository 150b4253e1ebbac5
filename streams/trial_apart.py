"""Policies on trial in processes of their own, so that several cores fold them.

    this process                          another one, for each group of policies
    records, "a day begins", "and now?" ──► Here (streams/trial.py)
            mornings, states            ◄──

The other process reads no input: it is sent what was read. Messages are MessagePack. Enters: policies.
Leaves: `Group`s. Forbidden here: folding.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from multiprocessing.connection import Connection
from os import sched_getaffinity
from signal import SIG_IGN, SIGINT, signal
from typing import Any

import msgpack

from models.alert_record import AlertOutcome, decode_record, encode_record
from models.policy import Policy
from models.policy_record import policy_as_json
from models.population import decode_population, encode_population
from streams.alert_notices import Cleared, Forgotten, Notice, Raised, Resolved
from streams.collecting import uncollected
from streams.sources import SourceRecord
from streams.trial import Group, Here, Morning, Stand

_WRITE, _BEGIN, _STAND = "write", "begin", "stand"


class ProcessEnded(RuntimeError):
    """A process that folds policies has ended before its time."""


@contextmanager
def grouped(policies: Sequence[Policy], cores: int | None = None) -> Iterator[list[Group]]:
    """Groups that fold policies, for as long as the block lasts: here, if there is one core, or one policy.

    Args:
        policies: in order; the groups keep it.
        cores: processes at most; None: as many as there are cores for this one.
    """
    count = min(len(policies), cores or len(sched_getaffinity(0)))
    if count < 2:
        yield [Here(policies)]
        return
    with ExitStack() as running:
        yield [running.enter_context(_apart(each)) for each in _shares(policies, count)]


def _shares(policies: Sequence[Policy], count: int) -> Iterator[Sequence[Policy]]:
    """As equal as can be, neighbours together."""
    bounds = [len(policies) * place // count for place in range(count + 1)]
    for begin, end in pairwise(bounds):
        yield policies[begin:end]


@contextmanager
def _apart(policies: Sequence[Policy]) -> Iterator[Group]:
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    written = json.dumps([policy_as_json(each) for each in policies])
    process = spawning.Process(target=serve, args=(there, written), daemon=True)
    process.start()
    there.close()
    try:
        yield Apart(here)
    finally:
        here.close()  # which ends the other side
        process.join()


class Apart:
    """A group in another process.

    Args:
        connection: to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def write(self, records: Sequence[SourceRecord]) -> None:
        """See `Group.write`."""
        rows = [(r.kind, r.customer_id, r.occurred_at_ms, r.value) for r in records]
        self._send(_WRITE, rows)

    async def begin(self, day: int) -> None:
        """See `Group.begin`."""
        self._send(_BEGIN, day)

    async def mornings(self) -> list[Morning]:
        """See `Group.mornings`."""
        return [
            Morning(sizes, [_notice(each) for each in notices])
            for sizes, notices in self._received()
        ]

    async def stand(self) -> list[Stand]:
        """See `Group.stand`."""
        self._send(_STAND, None)
        return [
            Stand(states, packed and decode_population(packed), Counter(unusable))
            for states, packed, unusable in self._received()
        ]

    def _send(self, what: str, told: Any) -> None:
        try:
            self._connection.send_bytes(msgpack.packb((what, told)))
        except OSError:
            raise ProcessEnded("a process that replays a policy has ended") from None

    def _received(self) -> Any:
        try:
            return msgpack.unpackb(self._connection.recv_bytes(), use_list=False)
        except (EOFError, OSError):
            raise ProcessEnded("a process that replays a policy has ended") from None


def serve(connection: Connection, policies: str) -> None:
    """What the other process does, until nobody asks any more.

    Args:
        connection: to whoever asks.
        policies: JSON.
    """
    signal(SIGINT, SIG_IGN)  # whoever asks is interrupted, and closes the connection
    read = [Policy.model_validate(each) for each in json.loads(policies)]
    with uncollected():
        asyncio.run(_served(connection, Here(read)))


async def _served(connection: Connection, group: Here) -> None:
    while True:
        try:
            what, told = msgpack.unpackb(connection.recv_bytes(), use_list=False)
        except EOFError:
            return
        match what:
            case "write":
                await group.write([SourceRecord(*each) for each in told])
            case "begin":
                await group.begin(told)
                connection.send_bytes(msgpack.packb(_mornings(await group.mornings())))
            case "stand":
                connection.send_bytes(msgpack.packb(_stands(await group.stand())))


def _mornings(found: Sequence[Morning]) -> list[Any]:
    return [(each.sizes, [_packed(notice) for notice in each.notices]) for each in found]


def _stands(found: Sequence[Stand]) -> list[Any]:
    return [
        (dict(each.states), each.population and encode_population(each.population), each.unusable)
        for each in found
    ]


def _packed(notice: Notice) -> Any:
    """A notice as it travels; of the event that tells of it nobody asks."""
    match notice:
        case Raised():
            return "raised", encode_record(notice.record), notice.replayed
        case Resolved():
            return "resolved", notice.customer_id, notice.alert_id, tuple(notice.outcome)
        case Cleared():
            return "cleared", notice.customer_id, notice.event_id, notice.alert_ids, notice.at_ms
        case Forgotten():
            return "forgotten", notice.customer_id


def _notice(packed: Any) -> Notice:
    match packed:
        case ("raised", record, replayed):
            return Raised(decode_record(record), b"", replayed)
        case ("resolved", customer_id, alert_id, outcome):
            return Resolved(customer_id, alert_id, AlertOutcome(*outcome))
        case ("cleared", customer_id, event_id, alert_ids, at_ms):
            return Cleared(customer_id, event_id, alert_ids, at_ms, b"")
        case ("forgotten", customer_id):
            return Forgotten(customer_id)
    raise ProcessEnded(f"found {packed!r:.80} where a notice was expected")
