"""Random logs of one partition, for Hypothesis, and stores that crash or let others in between."""

from __future__ import annotations

import types
from base64 import b64encode
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from itertools import chain, repeat
from typing import Any, TypeVar, cast

from hypothesis import strategies as st

from models.bgnbd import BgNbd
from models.churn import Band, RiskModels
from models.clusters import Cluster, Clustering
from models.codec import encode_state
from models.lifecycle import State
from models.population import Distribution, Population
from models.value import ValueModel
from streams.memory_store import MemoryStore
from streams.store import Loaded, Store, StoreUnavailable
from tests.streams.logbook import ASTRAY, CUSTOMERS, DAY_MS, HOUR_MS, POLICY, START_MS, Logbook
from tests.support.story import purchase, tell

T = TypeVar("T")
POISON = (
    b"\xff\xfe",
    b"{",
    b"[" * 5_000,
    b'{"customer_id":"c1","amount_minor":NaN}',
    b'{"customer_id":"","occurred_at":"2017-01-01T00:00:00Z"}',
)
KINDS = (
    *("purchase",) * 7,
    *("tick",) * 3,
    *("population",) * 2,
    *("late", "refund", "duplicate") * 2,
    *("erasure", "merge", "transfer") * 2,
    *("profile", "astray", "tombstone", "poison", "future", "foreign", "hole"),
)
# Pauses that reach every limit: none, hours, around overdue, dormant and churned.
_hours = st.sampled_from((0, 0, 1, 5, 24, 7 * 24, 13 * 24, 26 * 24, 64 * 24))
_moves = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.integers(0, len(CUSTOMERS) - 1), _hours, st.integers(0, 7)
    ),
    min_size=1,
    max_size=24,
)
cuts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=12)


def written(moves: list[tuple[str, int, int, int]]) -> Logbook:
    """Moves as a log: each (kind, which customer, hours that pass before it, a number)."""
    log, now_ms = Logbook(), START_MS
    for number, (kind, who, hours, choice) in enumerate(moves):
        now_ms += hours * HOUR_MS
        _write(log, kind, CUSTOMERS[who], now_ms, number, choice)
    return log


def _write(log: Logbook, kind: str, who: str, now_ms: int, number: int, choice: int) -> None:
    name: dict[str, Any] = {"event_id": f"e{number}" if choice else None, "order_id": f"o{number}"}
    match kind:
        case "purchase":
            log.purchase(who, now_ms, amount_minor=500 * (choice + 1), **name)
        case "late":
            log.purchase(who, now_ms - choice * 3 * DAY_MS, now_ms, **name)
        case "astray":
            log.purchase(ASTRAY, now_ms, **name)
        case "foreign":
            log.purchase(who, now_ms, currency="XXX", **name)
        case "future":
            log.purchase(who, now_ms + DAY_MS, now_ms, **name)
        case "refund":
            name = {"order_id": f"o{max(0, number - 1 - choice)}", "currency": "USD"}
            log.event("refund", who, now_ms, amount_minor=500 + 500 * choice, **name)
        case "profile":
            value = (True, 1.5, 2**53, "x")[choice % 4]
            log.event("profile", who, now_ms, attributes={f"a{choice}": value})
        case "erasure":
            log.event("erasure", who, now_ms - choice % 2 * HOUR_MS, now_ms)
        case "merge":
            log.event("merge", who, now_ms, into=CUSTOMERS[choice % len(CUSTOMERS)])
        case "transfer":
            _transfer(log, who, now_ms, choice)
        case _:
            _write_no_event(log, kind, who, now_ms, choice)


def _transfer(log: Logbook, who: str, now_ms: int, choice: int) -> None:
    """What was known by another id: of somebody here, or of a stranger."""
    strangers = ("s1", "s2")
    merged = (*CUSTOMERS, *strangers)[choice % (len(CUSTOMERS) + 2)]
    known = None
    if choice % 3:
        story = tell(purchase(f"of {merged}", now_ms - choice * DAY_MS), policy=POLICY)
        known = b64encode(encode_state(story.customer)).decode()
    log.event("transfer", who, now_ms, merged_id=merged, state=known)


def _write_no_event(log: Logbook, kind: str, who: str, now_ms: int, choice: int) -> None:
    match kind:
        case "tick":
            log.tick(now_ms - choice // 6 * DAY_MS, now_ms)
        case "population" if log.records:
            log.population(populations(choice))
        case "tombstone":
            log.append(None, now_ms, key=who)
        case "poison":
            log.append(POISON[choice % len(POISON)], now_ms, key=who)
        case "duplicate" if log.records:
            log.again(log.records[-1 - choice % len(log.records)]._replace(timestamp_ms=now_ms))
        case "hole":
            log.skip()


def populations(version: int) -> Population:
    """The versions of a population that changes its mind."""
    days, often, much = version + 1, 1 + version % 3, 700 * (version % 4)
    return Population(
        version + 1,
        736_330 + 7 * version,
        5,
        736_330,
        9,
        90,
        Distribution(days * 2.5, (days, 9), (days, 2 * days, 30), (days, max(5, days), 13, 13)),
        Distribution(1.5, (1, 2), (1, often, often), (1, 1, often, 4)),
        Distribution(1_200.0, (much, 4_000), (500, 500, 2_000), (500, 1_000, 4_000, 9_000)),
        clusters=clusters(version) if version > 1 else None,
        risk=RiskModels(bands=tuple(Band(each.value, 5, often / 4, much) for each in State)),
        value=ValueModel(
            BgNbd(0.8, 20.0 * days, 0.9, 2.0) if version % 4 else None,
            daily_rate=0.02,
            tiers=(1_000 * days, 90_000),
        ),
    )


def clusters(version: int) -> Clustering:
    """Once in two, once in three; who is where depends on rhythm and basket."""
    rare, often = (0, 2_500, 6_500, 0, 0, 0), (700, 1_841, 7_000 + 90 * version, 0, 0, 0)
    between = (300, 2_100, 6_900, 0, 0, 0)
    centroids = (rare, often, between)[: 2 + version % 2]
    found = tuple(Cluster(1 + place, 2, each) for place, each in enumerate(centroids))
    return Clustering(found, (400, 300, 500, 0, 0, 0), 4, (), (), 500_000, 400_000)


logs = _moves.map(written)

_crowds = st.lists(
    st.tuples(
        st.sets(st.integers(0, len(CUSTOMERS) - 1), min_size=2).map(sorted),
        st.sampled_from((13, 26, 64)),
    ),
    min_size=1,
    max_size=4,
)


def fallen_silent(crowds: list[tuple[list[int], int]]) -> Logbook:
    """Again and again several customers buy, and after some days a tick finds them silent."""
    log, now_ms = Logbook(), START_MS
    for crowd, days in crowds:
        for who in crowd:
            log.purchase(CUSTOMERS[who], now_ms)
        now_ms += days * DAY_MS
        log.tick(now_ms)
    return log


walked_logs = _crowds.map(fallen_silent)


def _bits(number: int) -> list[int]:
    return [int(bit) for bit in f"{number:b}"]


turns_of_two = st.integers(0, 2**200).map(_bits)  # even from the first to the last


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: no event loop, a thousand times faster."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise AssertionError("it waited")


class ShortWalks(MemoryStore):
    """A store that lets a walk meet two customers a script, so that walks take several."""

    async def walk(self, partition: int, cursor: int, count: int) -> Loaded:
        return await super().walk(partition, cursor, min(count, 2))

    async def due(self, partition: int, until_ms: int, limit: int) -> Loaded:
        return await super().due(partition, until_ms, min(limit, 2))


class Crash(StoreUnavailable):
    """The process dies here."""


class Interposed:
    """A store with something before and after each of its calls."""

    def __init__(
        self,
        store: Store,
        before: Callable[[str], Awaitable[None]],
        after: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, name)

        async def interposed(*args: Any) -> Any:
            await self._before(name)
            answer = await call(*args)
            await self._after(name)
            return answer

        return interposed


def crashing(store: Store, plan: Mapping[int, bool]) -> Store:
    """Crashes at the calls that `plan` counts: True after the call took effect, False before."""
    calls = iter(range(1_000_000))
    number = -1

    async def before(_: str) -> None:
        nonlocal number
        number = next(calls)
        if plan.get(number) is False:
            raise Crash

    async def after(_: str) -> None:
        if plan.get(number) is True:
            raise Crash

    return cast(Store, Interposed(store, before, after))


@types.coroutine
def _let_others() -> Generator[None, None, None]:
    yield


def shared(store: Store) -> Store:
    """Lets another owner in before and after each call; drive it with `interleaved`."""

    async def pause(_: str) -> None:
        await _let_others()

    return cast(Store, Interposed(store, pause, pause))


def interleaved(owners: list[Coroutine[Any, Any, None]], turns: list[int]) -> None:
    """Run coroutines by turns (indices of owners); when turns run out, each to its end."""
    running = dict(enumerate(owners))
    for turn in chain(turns, *(repeat(owner, 10_000) for owner in running)):
        if turn in running:
            try:
                running[turn].send(None)
            except StopIteration:
                del running[turn]
    assert not running, "an owner does not end"
