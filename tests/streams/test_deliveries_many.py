"""Many of everything: owners who fence each other, deaths at every await, tens of thousands of alerts."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from standardwebhooks import Webhook

from streams.deliveries import Round
from streams.endpoints import Endpoint
from streams.memory_shelf import MemoryShelf
from streams.retrying import LIFE_S, Health
from streams.shelf import Fenced, Hand, Put, Shelf, Stand, Write
from streams.store import StoreUnavailable
from tests.streams.posting import (
    SECRET,
    Crowd,
    Distant,
    Office,
    Passing,
    Posted,
    Receivers,
    Script,
    always,
    endpoint,
    in_turn,
    new_nonce,
    virtually,
)

CRM = endpoint("crm")


async def office(*endpoints: Endpoint, shelf: Shelf | None = None, **scripts: Script) -> Office:
    """One that has just begun, on a shelf that others may have used."""
    one = Office(endpoints or (CRM,), scripts, shelf)
    await one.hand.reload()
    return one


@pytest.fixture
def shelf() -> MemoryShelf:
    """An empty one."""
    return MemoryShelf()


# --- one hand a process ---


async def test_a_hand_that_has_loaded_writes_and_leaves_the_offset_unless_it_is_told(
    shelf: MemoryShelf,
) -> None:
    hand = Hand(shelf, new_nonce)
    with pytest.raises(Fenced, match="reload"):
        await hand.write([Put("h", "a", b"1")])
    assert await hand.reload() == Stand()
    first = await hand.write([], 7, "topic")
    second = await hand.write([Put("h", "a", b"1")])
    assert await shelf.stand() == hand.stand == second == Stand(7, second.nonce, "topic")
    assert len({first.nonce, second.nonce, b""}) == 3


async def test_turns_of_one_process_follow_each_other_and_lose_nothing(shelf: MemoryShelf) -> None:
    hand = Hand(shelf, new_nonce)
    await hand.reload()

    async def add_one() -> None:
        async with hand.turn() as write:
            (found,) = await shelf.get("h", ["count"])
            await asyncio.sleep(0)
            await write([Put("h", "count", b"%d" % (int(found or 0) + 1))])

    await asyncio.gather(*(add_one() for _ in range(50)))
    assert await shelf.get("h", ["count"]) == [b"50"]


async def test_once_fenced_no_loop_of_the_process_writes_before_the_fold_has_reloaded(
    shelf: MemoryShelf,
) -> None:
    zombie, owner = Hand(shelf, new_nonce), Hand(shelf, new_nonce)
    await zombie.reload()
    await owner.reload()
    await owner.write([Put("h", "a", b"owner")], 5)
    for _ in range(2):
        with pytest.raises(Fenced):
            await zombie.write([Put("h", "a", b"zombie")], 3)
    assert await shelf.everything("h") == {"a": b"owner"}
    assert (zombie.fenced.is_set(), owner.fenced.is_set()) == (True, False)
    assert (await zombie.reload()).offset == 5
    assert not zombie.fenced.is_set()
    await zombie.write([Put("h", "a", b"reloaded")], 6)
    with pytest.raises(Fenced):
        await owner.write([])


async def test_a_hand_finds_out_that_it_is_a_zombies_before_it_writes(shelf: MemoryShelf) -> None:
    zombie, owner = Hand(shelf, new_nonce), Hand(shelf, new_nonce)
    with pytest.raises(Fenced):
        await zombie.confirm()
    await zombie.reload()
    await zombie.confirm()
    await zombie.write([])
    await zombie.confirm()
    await owner.reload()
    await owner.write([])
    with pytest.raises(Fenced):
        await zombie.confirm()


class Unanswered(MemoryShelf):
    """Carries a write out, or does not, and never says so."""

    def __init__(self) -> None:
        super().__init__()
        self.then: str | None = None

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        then, self.then = self.then, None
        if then == "lost":
            raise StoreUnavailable("the question was lost")
        written = await super().write(expected, new, writes)
        if then == "unheard":
            raise StoreUnavailable("the answer was lost")
        return written


@pytest.mark.parametrize(("then", "offset"), [("lost", 1), ("unheard", 2)])
async def test_after_a_write_that_nobody_answered_the_next_turn_knows_what_became_of_it(
    then: str, offset: int
) -> None:
    shelf = Unanswered()
    hand = Hand(shelf, new_nonce)
    await hand.reload()
    await hand.write([], 1)
    shelf.then = then
    with pytest.raises(StoreUnavailable):
        await hand.write([Put("h", "a", b"1")], 2)
    async with hand.turn() as write:
        assert hand.stand.offset == offset
        assert await shelf.everything("h") == ({"a": b"1"} if offset == 2 else {})
        await write([], 3)
    assert (await shelf.stand()).offset == 3


async def test_after_a_write_that_nobody_answered_a_new_owner_is_still_noticed() -> None:
    shelf = Unanswered()
    hand, owner = Hand(shelf, new_nonce), Hand(shelf, new_nonce)
    await hand.reload()
    shelf.then = "unheard"
    with pytest.raises(StoreUnavailable):
        await hand.write([], 2)
    await owner.reload()
    await owner.write([], 3)
    with pytest.raises(Fenced):
        await hand.write([], 3)


@virtually
async def test_a_zombie_that_wakes_up_sends_nothing_and_one_that_has_sent_writes_nothing() -> None:
    busy = await office()
    await busy.put("a", "b")
    sent = asyncio.create_task(busy.deliveries.round("crm"))
    await asyncio.sleep(0.01)
    asleep, owner = await office(shelf=busy.shelf), await office(shelf=busy.shelf)
    await owner.hand.write([])
    for zombies_round in (sent, asleep.deliveries.round("crm"), busy.deliveries.round("crm")):
        with pytest.raises(Fenced):
            await zombies_round
    assert (busy.receivers.ids_to("crm"), asleep.receivers.ids_to("crm")) == (["a"], [])
    assert [await owner.deliveries.round("crm") for _ in "ab"] == [Round(1)] * 2
    assert [each.message_id for each in owner.receivers.posted] == ["a", "b"]


class Away(Passing):
    """Lets no write through, or says of none that it was carried out, until it is back."""

    trouble = ""

    async def meets(self, call: str, moment: str) -> None:
        if call == "write" and moment == self.trouble:
            raise StoreUnavailable("away")


@pytest.mark.parametrize("moment", ["before", "after"])
@virtually
async def test_answers_are_kept_while_redis_is_away_and_nothing_is_sent_twice(moment: str) -> None:
    shelf = Away(MemoryShelf())
    one = await office(endpoint("crm", concurrency=2), crm=in_turn(200, 500, 200), shelf=shelf)
    await one.put("a", "b")
    async with one.open():
        await asyncio.sleep(0.04)
        shelf.trouble = moment
        await asyncio.sleep(2.5)
        shelf.trouble = ""
        await asyncio.sleep(20)
    assert one.receivers.ids_to("crm") == ["a", "b", "b"]
    assert await one.health("crm") == Health("", 0, 0, 2, 0)
    assert await one.holds_nothing()


@virtually
async def test_answers_are_kept_while_the_hand_is_fenced_until_the_fold_has_reloaded() -> None:
    one = await office(crm=in_turn(500, 200))
    await one.put("a")
    by_hand = await office(shelf=one.shelf)
    async with one.open():
        await asyncio.sleep(0.01)
        assert await by_hand.deliveries.resend("bi") == 0
        await by_hand.deliveries.enable("bi")
        await asyncio.sleep(1)
        assert (await one.attempts("crm"))["a"].attempts == 0
        await one.hand.reload()
        await asyncio.sleep(10)
    assert one.receivers.ids_to("crm") == ["a", "a"]
    assert await one.holds_nothing()


# --- deaths ---

ALERTS = [f"alert-{number:02}" for number in range(12)]
BOTH = endpoint("crm", concurrency=2), endpoint("bi", batch=3)


class Killed(RuntimeError):
    """The process is no more."""


class Fate:
    """Ends a process at its so manyeth meeting with the world."""

    def __init__(self, left: int) -> None:
        self.left = left

    def meet(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class MortalShelf(Passing):
    """The shelf, as a process reaches it that will die."""

    def __init__(self, shelf: Shelf, fate: Fate) -> None:
        super().__init__(shelf)
        self._fate = fate

    async def meets(self, call: str, moment: str) -> None:
        await asyncio.sleep(0.001)
        self._fate.meet()


class World:
    """What outlives the processes: the shelf, the receivers, and what these have accepted."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.shelf, self.refuses = rng, MemoryShelf(), 0.4
        self.accepted: dict[str, Counter[str]] = {"crm": Counter(), "bi": Counter()}
        self.receivers = Receivers({"crm": self._answer, "bi": self._answer})

    def _answer(self, posted: Posted) -> int | None:
        if self.rng.random() < self.refuses:
            return self.rng.choice((500, None, 429))
        self.accepted[posted.endpoint].update(posted.ids)
        return 200

    async def live(self, fate: Fate) -> None:
        """A process: it decides what is not decided yet, and delivers."""
        one = Office(BOTH, shelf=MortalShelf(self.shelf, fate), receivers=self.receivers)
        await self._own(one.hand)
        async with one.open():
            try:
                while (offset := one.hand.stand.offset) < len(ALERTS):
                    decided = list(one.decided([ALERTS[offset]], ["crm", "bi"]))
                    await one.hand.write(decided, offset + 1)
                    one.deliveries.ring()
                    await asyncio.sleep(self.rng.random())
            except Fenced:  # the process that came after it has not ended it yet
                await asyncio.sleep(0)
            await asyncio.sleep(6 * 86_400)

    async def _own(self, hand: Hand) -> None:
        """Fence whoever wrote here before."""
        while True:
            await hand.reload()
            try:
                await hand.write([])
            except Fenced:
                continue
            return


async def _died(life: asyncio.Task[None]) -> bool:
    """Whether it is over before long; a fault that is none of its deaths is raised."""
    await asyncio.wait([life], timeout=30)
    if not life.done():
        return False
    error = life.exception()
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Killed), error
    return True


@pytest.mark.parametrize("seed", range(50))
@virtually
async def test_whoever_dies_or_lives_on_as_a_zombie_every_alert_arrives_under_its_own_id(
    seed: int,
) -> None:
    rng = Random(seed)
    world, zombies = World(rng), list[asyncio.Task[None]]()
    lives, died = rng.randint(3, 15), 0
    for _ in range(lives):
        life = asyncio.create_task(world.live(Fate(rng.randint(1, 120))))
        if rng.random() < 0.4:
            await asyncio.sleep(rng.choice((0.01, 0.1, 1.0, 6.0)))
            zombies.append(life)
        else:
            died += await _died(life)
            life.cancel()
    world.refuses = 0.0
    last = asyncio.create_task(world.live(Fate(10**9)))
    assert not await _died(last)
    for each in zombies:
        each.cancel()
    await asyncio.sleep(4 * 3_600)
    last.cancel()
    await asyncio.wait([last, *zombies])
    for name in ("crm", "bi"):
        assert set(world.accepted[name]) == set(ALERTS)
        assert max(world.accepted[name].values()) <= 1 + 2 * lives
    assert all(each.ids == [each.message_id] for each in world.receivers.to("crm"))
    assert await Office(BOTH, shelf=world.shelf).holds_nothing()
    assert died or zombies


# --- many alerts: 100,000 take a minute of one core ---

MANY, AT_ONCE = int(os.environ.get("MANY_ALERTS", "25000")), 400
AWAY_UNTIL_S = 3_600.0
SICK: dict[str, Script] = {
    "fails": always(500),
    "gone": always(410),
    "moved": always(301),
    "hangs": always(None),
    "closes": always(None),
    "away": lambda posted: None if posted.at_s < AWAY_UNTIL_S else 200,
}
IDS = [f"{number:06}" for number in range(MANY)]


async def filled(*names: str) -> tuple[Office, Crowd]:
    """An installation with these endpoints, to each of which all alerts are on their way."""
    scripts = {name: SICK.get(name, always(200)) for name in names}
    crowd = Crowd(scripts, Webhook(SECRET).verify)
    crowd.takes_s["hangs"] = 20.0
    endpoints = [endpoint(each, 10, 8) if each == "well" else endpoint(each, 100) for each in names]
    one = Office(endpoints, shelf=Distant(MemoryShelf()), receivers=crowd)
    await one.hand.reload()
    for start in range(0, MANY, AT_ONCE):
        await one.put(*IDS[start : start + AT_ONCE])
    return one, crowd


async def delivered_alone_s() -> float:
    """How long all alerts take to an endpoint that is well and has no neighbours."""
    one, crowd = await filled("well")
    began_s = asyncio.get_running_loop().time()
    async with one.open():
        await asyncio.sleep(3_600)
    assert len(crowd.got["well"]) == MANY
    return crowd.last_s["well"] - began_s


@pytest.mark.slow
@virtually
async def test_each_of_many_alerts_arrives_or_is_kept_and_no_sick_endpoint_delays_another() -> None:
    alone_s = await delivered_alone_s()
    one, crowd = await filled("well", *SICK)
    began_s = asyncio.get_running_loop().time()
    async with one.open():
        await asyncio.sleep(LIFE_S + 300)
        assert crowd.last_s["well"] - began_s < 1.1 * alone_s
        for each in ("well", "away"):
            assert crowd.got[each] == dict.fromkeys(IDS, 1)
            assert (await one.health(each))[3:] == (MANY, 0)
        for each in ("fails", "moved", "hangs", "closes"):
            assert sorted(await one.died(each)) == IDS
            assert (await one.health(each))[3:] == (0, MANY)
            assert crowd.count[each] < 1_250
        assert (sorted(await one.waiting("gone")), crowd.count["gone"]) == (IDS, 1)
        crowd.scripts["gone"] = always(200)
        await one.deliveries.enable("gone")
        await asyncio.sleep(600)
    assert crowd.got["gone"] == dict.fromkeys(IDS, 1)
