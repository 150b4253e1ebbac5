"""Sending again by hand, from outside: beside a delivery process that writes as well."""

from __future__ import annotations

import asyncio

import pytest

from streams.deliveries import dead
from streams.memory_shelf import MemoryShelf
from streams.resending import TRIES, Busy, enable, resend
from streams.shelf import Fenced, Hand, Put, Shelf
from tests.streams import alert_office
from tests.streams.posting import Office, Passing, always, endpoint, new_nonce, now_ms, virtually

CRM = endpoint("crm")
DAY_S = 86_400


async def with_dead(*alert_ids: str, shelf: Shelf | None = None) -> Office:
    """A process of whose alerts the endpoint took none, until they were given up."""
    one = Office((CRM,), {"crm": always(500)}, shelf)
    await one.hand.reload()
    await one.put(*alert_ids)
    async with one.open():
        await asyncio.sleep(5 * DAY_S)
    assert sorted(await one.died("crm")) == sorted(alert_ids)
    one.receivers.scripts["crm"] = always(200)
    return one


@virtually
async def test_all_that_are_dead_are_in_the_queue_again_as_if_they_were_new() -> None:
    one = await with_dead("a", "b", "c")
    assert await resend(one.shelf, "crm", None, now_ms) == 3
    assert (await one.died("crm"), sorted(await one.waiting("crm"))) == ([], ["a", "b", "c"])
    assert [each.attempts for each in (await one.attempts("crm")).values()] == [0, 0, 0]


@virtually
async def test_only_those_that_are_named_are_and_each_once() -> None:
    one = await with_dead("a", "b", "c")
    assert await resend(one.shelf, "crm", ["c", "a", "a", "nobody"], now_ms) == 2
    assert (await one.died("crm"), sorted(await one.waiting("crm"))) == (["b"], ["a", "c"])
    assert await resend(one.shelf, "bi", None, now_ms) == 0


@virtually
async def test_the_process_that_delivers_is_fenced_once_and_sends_them_when_it_has_reloaded() -> (
    None
):
    one = await with_dead("a", "b")
    await resend(one.shelf, "crm", None, now_ms)
    with pytest.raises(Fenced):
        await one.deliveries.round("crm")
    assert one.receivers.to("crm")[20:] == []
    await one.hand.reload()
    async with one.open():
        await asyncio.sleep(61)
    assert sorted(one.receivers.ids_to("crm")[20:]) == ["a", "b"]
    assert await one.holds_nothing()


async def test_the_next_record_of_the_topic_lets_the_desk_go_on() -> None:
    office = await alert_office.opened()
    office.receivers.scripts["crm"] = always(410)
    first = office.topic.raises("c1")
    await office.look()
    assert (await office.deliveries.health("crm")).disabled_why
    office.receivers.scripts["crm"] = always(200)
    await enable(office.shelf, "crm", office.clock)
    second = office.topic.raises("c2")
    await office.look()
    assert office.fold.tally["fenced"] == 1
    assert sorted(office.receivers.ids_to("crm")) == sorted([first, first, second])


@virtually
async def test_an_endpoint_that_was_disabled_is_sent_to_again() -> None:
    one = Office((CRM,), {"crm": always(410)})
    await one.hand.reload()
    await one.put("a")
    await one.deliveries.round("crm")
    assert (await one.health("crm")).disabled_why
    await enable(one.shelf, "crm", now_ms)
    assert not (await one.health("crm")).disabled_why
    assert await one.waiting("crm") == ["a"]


class Contested(Passing):
    """A shelf on which somebody else is quicker, so many times."""

    def __init__(self, shelf: Shelf, times: int) -> None:
        super().__init__(shelf)
        self.left, self._other = times, Hand(shelf, new_nonce)

    async def meets(self, call: str, moment: str) -> None:
        if (call, moment) == ("write", "before") and self.left:
            self.left -= 1
            await self._other.reload()
            await self._other.write([Put("elsewhere", "x", b"%d" % self.left)])


@pytest.mark.parametrize("times", [1, 2, TRIES - 1])
@virtually
async def test_whoever_was_too_slow_takes_the_stand_anew_and_nothing_is_done_twice(
    times: int,
) -> None:
    shelf = MemoryShelf()
    one = await with_dead("a", "b", shelf=shelf)
    contested = Contested(shelf, times)
    assert await resend(contested, "crm", None, now_ms) == 2
    assert contested.left == 0
    assert sorted(await one.waiting("crm")) == ["a", "b"]
    contested.left = times
    await enable(contested, "crm", now_ms)
    assert contested.left == 0


@virtually
async def test_who_never_gets_a_turn_gives_up_and_has_changed_nothing() -> None:
    shelf = MemoryShelf()
    one = await with_dead("a", shelf=shelf)
    with pytest.raises(Busy, match="try again"):
        await resend(Contested(shelf, TRIES), "crm", None, now_ms)
    assert (await one.died("crm"), await one.waiting("crm")) == (["a"], [])
    assert await shelf.length(dead("crm")) == 1
