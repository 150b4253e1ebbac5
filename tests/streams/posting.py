"""Deliveries in virtual time: a loop whose clock goes on as soon as everybody waits, an installation
in memory, and receivers that answer as they are told.

Days pass in as long as their events take.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import selectors
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

from streams.deliveries import BODIES, HOLDERS, Deliveries, dead, ends, enqueue, queue, sending
from streams.endpoints import Endpoint
from streams.memory_shelf import MemoryShelf
from streams.retrying import Attempt, Health, unpack_attempt
from streams.shelf import Hand, Put, Shelf, Stand, Write
from streams.wall import wall_ms
from streams.webhook import Answer, signature_headers

START_MS = 1_790_000_000_000  # where virtual time begins
SECRET = "whsec_YW4gZXhhbXBsZSBvZiB0aGUgZG9jdW1lbnRz"
P = ParamSpec("P")
_NUMBERS = itertools.count(1)


class _Sleepless(selectors.DefaultSelector):
    """Where a loop would sleep, its time goes on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everybody waits, and nothing is ever going to happen")
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at 0 s and never waits; for code that reads no socket."""

    def __init__(self) -> None:
        self._sleepless = _Sleepless()
        super().__init__(self._sleepless)

    def time(self) -> float:
        """Virtual seconds since it began."""
        return self._sleepless.now_s


def virtually(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """The same test, in virtual time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now_ms() -> int:
    """Now, by the clock of the loop that runs."""
    return START_MS + round(1_000 * asyncio.get_running_loop().time())


def new_nonce() -> bytes:
    """One that was never used."""
    return b"nonce %d" % next(_NUMBERS)


def endpoint(name: str, batch: int = 1, concurrency: int = 1) -> Endpoint:
    """A receiver of everything."""
    url = f"https://{name}.example.com/hook"
    fields = {"name": name, "url": url, "secrets": [SECRET]}
    return Endpoint.model_validate({**fields, "batch": batch, "concurrency": concurrency})


class Posted(NamedTuple):
    """One request that a receiver got."""

    at_s: float
    endpoint: str
    message_id: str
    body: bytes

    @property
    def ids(self) -> list[str]:
        """Of the alerts in it."""
        read = json.loads(self.body)
        return [each["id"] for each in (read if isinstance(read, list) else [read])]


Script = Callable[[Posted], int | Answer | None]


def always(answer: int | Answer | None) -> Script:
    """The same answer to everything."""
    return lambda _: answer


def in_turn(*answers: int | Answer | None) -> Script:
    """One after the other; the last one for ever."""
    left = iter(answers)
    return lambda _: next(left, answers[-1])


class Receivers:
    """A poster whose requests reach nobody: each endpoint answers by its script.

    Attributes:
        scripts: what each answers; may be changed at any time.
        takes_s: how long each takes to answer; 0.05 unless it is said.
        posted: all requests, in order; not kept if `keep` is False.
    """

    def __init__(self, scripts: Mapping[str, Script], *, keep: bool = True) -> None:
        self.scripts, self.keep = dict(scripts), keep
        self.takes_s: dict[str, float] = {}
        self.posted: list[Posted] = []
        self.count: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.most_under_way: Counter[str] = Counter()

    async def post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Answer:
        """See `Poster.post`."""
        name, at_s = endpoint.name, asyncio.get_running_loop().time()
        posted = Posted(at_s, name, message_id, body)
        self.count[name] += 1
        if self.keep:
            self.posted.append(posted)
        self.under_way[name] += 1
        self.most_under_way |= self.under_way
        try:
            await asyncio.sleep(self.takes_s.get(name, 0.05))
        finally:
            self.under_way[name] -= 1
        answer = self.scripts[name](posted)
        return answer if isinstance(answer, Answer) else Answer(answer, f"answered {answer}")

    def to(self, endpoint: str) -> list[Posted]:
        """What one endpoint got."""
        return [each for each in self.posted if each.endpoint == endpoint]

    def ids_to(self, endpoint: str) -> list[str]:
        """Of the alerts that one endpoint got, in order, and as often."""
        return [alert_id for each in self.to(endpoint) for alert_id in each.ids]


class Office:
    """A process that delivers, on a shelf of its own or on one that others have used.

    Args:
        endpoints: those that are configured.
        scripts: by endpoint; 200 to everything where there is none.
        shelf: None: an empty one in memory.
        receivers: None: new ones, that answer by the scripts.
        clock: epoch milliseconds; virtual time unless it is said.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        scripts: Mapping[str, Script] | None = None,
        shelf: Shelf | None = None,
        receivers: Receivers | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.endpoints = {each.name: each for each in endpoints}
        known = {name: always(200) for name in self.endpoints} | dict(scripts or {})
        self.receivers = receivers or Receivers(known)
        self.shelf = shelf or MemoryShelf()
        self.clock = clock
        self.hand = Hand(self.shelf, new_nonce)
        self.deliveries = Deliveries(self.hand, self.receivers, lambda: self.endpoints, clock)

    async def put(self, *alert_ids: str, to: Sequence[str] = ()) -> None:
        """Decide that these alerts go out, to all endpoints unless it is said."""
        async with self.hand.turn() as write:
            await write(list(self.decided(alert_ids, to or list(self.endpoints))))
        self.deliveries.ring()

    def decided(self, alert_ids: Iterable[str], to: Sequence[str]) -> Iterator[Write]:
        """What the deciding part writes."""
        for each in alert_ids:
            yield Put(BODIES, each, json.dumps({"id": each, "type": "churn.risk_raised"}).encode())
            yield from enqueue(each, to, self.clock())

    @asynccontextmanager
    async def open(self, *names: str) -> AsyncIterator[None]:
        """Every endpoint's loop runs, or only the loops named, for as long as the block lasts."""
        stop = asyncio.Event()
        loops = [self.deliveries.deliver(each, stop) for each in names or self.endpoints]
        async with asyncio.TaskGroup() as group:
            for each in loops:
                group.create_task(each)
            yield
            stop.set()

    async def attempts(self, endpoint: str) -> dict[str, Attempt]:
        """Alert id → what is remembered of it there."""
        held = await self.shelf.everything(sending(endpoint))
        return {alert_id: unpack_attempt(packed) for alert_id, packed in held.items()}

    async def health(self, endpoint: str) -> Health:
        """How an endpoint does."""
        return await self.deliveries.health(endpoint)

    async def waiting(self, endpoint: str) -> list[str]:
        """Who is in its queue, by their next attempt; each of them has an end."""
        lines = await self.shelf.due(queue(endpoint), 2**53, 10**9)
        assert {each for each, _ in lines} == {
            each for each, _ in await self.shelf.due(ends(endpoint), 2**53, 10**9)
        }
        return [alert_id for alert_id, _ in lines]

    async def died(self, endpoint: str) -> list[str]:
        """Who was given up, in order."""
        return [alert_id for alert_id, _ in await self.shelf.due(dead(endpoint), 2**53, 10**9)]

    async def holds_nothing(self) -> bool:
        """Whether nothing is left of any alert."""
        hashes = [BODIES, HOLDERS, *map(sending, self.endpoints)]
        left = [await self.shelf.everything(name) for name in hashes]
        lines = [await self.waiting(name) + await self.died(name) for name in self.endpoints]
        return not any(left) and not any(lines)


class Passing:
    """A shelf that passes every call on to another; what it `meets` before and after is a test's.

    Args:
        shelf: the one that holds it all.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def meets(self, call: str, moment: str) -> None:
        """Called `before` and `after` each call."""

    async def _pass(self, call: str, *args: Any) -> Any:
        await self.meets(call, "before")
        answer = await getattr(self._shelf, call)(*args)
        await self.meets(call, "after")
        return answer

    async def stand(self) -> Stand:
        """See `Shelf.stand`."""
        return Stand(*await self._pass("stand"))

    async def get(self, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """See `Shelf.get`."""
        return list(await self._pass("get", name, fields))

    async def everything(self, name: str) -> dict[str, bytes]:
        """See `Shelf.everything`."""
        return dict(await self._pass("everything", name))

    async def due(self, name: str, until_ms: int, count: int) -> list[tuple[str, int]]:
        """See `Shelf.due`."""
        return list(await self._pass("due", name, until_ms, count))

    async def newest(
        self, name: str, before: tuple[int, str] | None, count: int
    ) -> list[tuple[str, int]]:
        """See `Shelf.newest`."""
        return list(await self._pass("newest", name, before, count))

    async def length(self, name: str) -> int:
        """See `Shelf.length`."""
        return int(await self._pass("length", name))

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        """See `Shelf.write`."""
        return bool(await self._pass("write", expected, new, writes))


class Distant(Passing):
    """A shelf that takes a millisecond to answer."""

    async def meets(self, call: str, moment: str) -> None:
        """See `Passing.meets`."""
        if moment == "before":
            await asyncio.sleep(0.001)


class Crowd(Receivers):
    """Receivers of very many alerts, each message signed: they verify, count and forget them.

    Args:
        scripts: what each answers.
        verify: body and headers → what was signed, or raises.

    Attributes:
        got: how often each endpoint accepted each alert.
        last_s: when it accepted anything for the last time.
    """

    def __init__(
        self, scripts: Mapping[str, Script], verify: Callable[[bytes, dict[str, str]], Any]
    ) -> None:
        super().__init__(scripts, keep=False)
        self.got: dict[str, Counter[str]] = {name: Counter() for name in scripts}
        self.last_s: dict[str, float] = {}
        self._verify = verify

    async def post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Answer:
        """Signed as of the wall clock: that is the one which whoever verifies asks."""
        headers = signature_headers(endpoint.secrets, message_id, wall_ms() // 1_000, body)
        answer = await super().post(endpoint, message_id, body)
        if answer.status == 200:
            self.got[endpoint.name].update(each["id"] for each in self._verify(body, headers))
            self.last_s[endpoint.name] = asyncio.get_running_loop().time()
        return answer
