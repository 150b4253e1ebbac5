"""Queues, attempts, pauses, dead letters: each in virtual time. START is 0 s."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams.deliveries import BODIES, HOLDERS, Round, ends, enqueue, forget, queue, sending
from streams.endpoints import Endpoint
from streams.memory_shelf import MemoryShelf
from streams.redis_shelf import RedisShelf
from streams.redis_store import connect
from streams.retrying import LIFE_S, Attempt, Health, unpack_attempt
from streams.shelf import Line, Put, Shelf
from streams.webhook import Answer
from tests.conftest import MEMORY
from tests.streams.posting import (
    START_MS,
    Distant,
    Office,
    always,
    endpoint,
    in_turn,
    virtually,
)

HOUR_S, DAY_S = 3_600, 86_400
CRM, BI = endpoint("crm"), endpoint("bi")
BUSY = Answer(429, "429 Too Many Requests", 120.0)


async def office(*endpoints: Endpoint, **given: Any) -> Office:
    """One that has just begun."""
    one = Office(endpoints or (CRM,), **given)
    await one.hand.reload()
    return one


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@virtually
async def test_what_is_delivered_everywhere_leaves_nothing_behind(status: int) -> None:
    one = await office(CRM, BI, scripts={"crm": always(status)})
    await one.put("a", "b")
    assert await one.deliveries.round("crm") == Round(delivered=1)
    assert await one.deliveries.round("crm") == Round(delivered=1)
    assert await one.deliveries.round("crm") == Round()
    assert set(await one.shelf.everything(BODIES)) == {"a", "b"}
    await one.deliveries.round("bi")
    assert (
        set(await one.shelf.everything(BODIES)) == set(await one.shelf.everything(HOLDERS)) == {"b"}
    )
    await one.deliveries.round("bi")
    assert await one.holds_nothing()
    assert one.receivers.ids_to("crm") == one.receivers.ids_to("bi") == ["a", "b"]
    assert (await one.health("crm")).delivered == 2


@pytest.mark.parametrize("answer", [301, 307, 400, 404, 429, 500, 503, None])
@virtually
async def test_any_other_answer_is_remembered_and_tried_again_after_five_seconds(
    answer: int | None,
) -> None:
    one = await office(scripts={"crm": in_turn(answer, 200)})
    await one.put("a")
    assert await one.deliveries.round("crm") == Round(again=1)
    kept = Attempt(START_MS, 1, "a", answer, f"answered {answer}")
    assert await one.attempts("crm") == {"a": kept}
    assert await one.deliveries.round("crm") == Round()
    await asyncio.sleep(5.5)
    assert await one.deliveries.round("crm") == Round(delivered=1)
    assert await one.holds_nothing()


@virtually
async def test_ten_attempts_by_the_schedule_then_it_is_dead_with_its_body_and_the_last_answer() -> (
    None
):
    one = await office(scripts={"crm": always(500)})
    await one.put("a")
    async with one.open():
        await asyncio.sleep(5 * DAY_S)
    times_s = [each.at_s for each in one.receivers.posted]
    delays_s = [
        round(after - before) for before, after in zip([0, *times_s], times_s, strict=False)
    ]
    literal_s = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert len(delays_s) == 10
    assert all(0.9 * s <= d <= 1.1 * s + 1 for d, s in zip(delays_s, literal_s, strict=True))
    assert {each.message_id for each in one.receivers.posted} == {"a"}
    assert (await one.died("crm"), await one.waiting("crm")) == (["a"], [])
    assert await one.attempts("crm") == {"a": Attempt(START_MS, 10, "a", 500, "answered 500")}
    assert set(await one.shelf.everything(BODIES)) == {"a"}
    assert (await one.health("crm"))[3:] == (0, 1)


@virtually
async def test_alerts_go_out_in_the_order_they_came_in_batches_and_not_too_many_at_once() -> None:
    one = await office(endpoint("crm", batch=2, concurrency=3))
    for number in range(9):
        await one.put(f"z{9 - number}")
        await asyncio.sleep(0.001)
    assert await one.deliveries.round("crm") == Round(delivered=6)
    assert [each.ids for each in one.receivers.posted] == [["z9", "z8"], ["z7", "z6"], ["z5", "z4"]]
    assert one.receivers.most_under_way["crm"] == 3
    assert await one.deliveries.round("crm") == Round(delivered=3)
    assert [each.ids for each in one.receivers.posted[3:]] == [["z3", "z2"], ["z1"]]


@virtually
async def test_what_was_sent_together_is_sent_again_as_the_same_message_whatever_came_since() -> (
    None
):
    one = await office(endpoint("crm", batch=3, concurrency=2), scripts={"crm": always(503)})
    for each in ("c", "a", "e", "b"):
        await one.put(each)
        await asyncio.sleep(0.01)
    await one.deliveries.round("crm")
    await asyncio.sleep(3)
    await one.put("0", "d", "f", "g")
    await asyncio.sleep(3)
    one.receivers.scripts["crm"] = always(200)
    while (await one.deliveries.round("crm")).delivered:
        pass
    first, second, *later = one.receivers.posted
    assert (first.ids, second.ids) == (["c", "a", "e"], ["b"])
    again = {each.message_id: each for each in later}
    assert [again[each.message_id].body for each in (first, second)] == [first.body, second.body]
    assert sorted(each.ids for each in later if each.message_id not in {first[2], second[2]}) == [
        ["0", "d", "f"],
        ["g"],
    ]


@virtually
async def test_one_alert_of_which_nothing_can_be_sent_is_dead_and_takes_no_other_with_it() -> None:
    one = await office(endpoint("crm", batch=10))
    await one.put("a", "b", "c", "d", "e", "f")
    bad = {"b": None, "c": b"\xff", "d": b"[1]", "e": b'{"id": "\\ud800"}', "f": b'{"x":' * 1_000}
    await one.hand.write([Put(BODIES, *each) for each in bad.items()])
    assert await one.deliveries.round("crm") == Round(delivered=1, dead=5)
    assert await one.deliveries.round("crm") == Round()
    assert one.receivers.ids_to("crm") == ["a"]
    assert await one.died("crm") == ["b", "c", "d", "e", "f"]
    why = {alert_id: each.last_detail for alert_id, each in (await one.attempts("crm")).items()}
    assert why.pop("b") == "its body is missing"
    assert set(why.values()) == {"its body is not a JSON object"}


@virtually
async def test_who_asks_to_be_left_alone_is_left_alone_by_all_alerts_and_nobody_else_is() -> None:
    one = await office(CRM, BI, scripts={"crm": in_turn(BUSY, 200)})
    await one.put("a", "b", "c")
    async with one.open():
        await asyncio.sleep(119)
        assert one.receivers.ids_to("crm") == ["a"]
        assert one.receivers.ids_to("bi") == ["a", "b", "c"]
        await one.put("d")
        await asyncio.sleep(2)
    assert sorted(one.receivers.ids_to("crm")[1:]) == ["a", "b", "c", "d"]
    assert one.receivers.to("crm")[1].at_s == pytest.approx(120.05, abs=0.01)


@virtually
async def test_nobody_is_left_alone_for_more_than_a_day() -> None:
    one = await office(scripts={"crm": in_turn(Answer(503, "", 7.0 * DAY_S), 200)})
    await one.put("a")
    async with one.open():
        await asyncio.sleep(DAY_S + 60)
    assert [round(each.at_s) for each in one.receivers.posted] == [0, DAY_S]


@virtually
async def test_a_410_disables_the_endpoint_and_loses_nothing_until_it_is_enabled() -> None:
    one = await office(CRM, BI, scripts={"crm": in_turn(200, 410, 200)})
    await one.put("a", "b", "c")
    async with one.open():
        await asyncio.sleep(5 * DAY_S)
        await one.put("d")
        await asyncio.sleep(HOUR_S)
        assert one.receivers.ids_to("crm") == ["a", "b"]
        assert one.receivers.ids_to("bi") == ["a", "b", "c", "d"]
        assert await one.waiting("crm") == ["b", "c", "d"]
        assert await one.health("crm") == Health("answered 410", 0, 0, 1, 0)
        await one.deliveries.enable("crm")
        await asyncio.sleep(1)
    assert sorted(one.receivers.ids_to("crm")[2:]) == ["b", "c", "d"]
    assert await one.health("crm") == Health("", 0, 0, 4, 0)
    assert await one.holds_nothing()


@virtually
async def test_a_broken_endpoint_is_asked_every_five_minutes_however_many_wait() -> None:
    one = await office(endpoint("crm", concurrency=2), scripts={"crm": always(500)})
    await one.put(*(f"{number:04}" for number in range(2_000)))
    async with one.open():
        await asyncio.sleep(HOUR_S)
        rounds_s = sorted({each.at_s for each in one.receivers.posted})
        assert rounds_s[:7] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 5.25, 305.3])
        assert len(one.receivers.posted) == 2 * (5 + 1 + 11)
        one.receivers.scripts["crm"] = always(200)
        await asyncio.sleep(300 + 2_000 * 0.05 / 2 + 10)
    assert await one.holds_nothing()
    assert (await one.health("crm")).delivered == 2_000


@virtually
async def test_all_of_a_dead_endpoints_alerts_are_given_up_in_time_and_fresh_ones_hide_no_old_one() -> (
    None
):
    one = await office(scripts={"crm": always(None)})
    await one.put("first")
    async with one.open():
        await asyncio.sleep(2 * DAY_S)
        await one.put(*(f"{number:04}" for number in range(1_500)))
        await asyncio.sleep(LIFE_S - 2 * DAY_S + 61)
        assert await one.died("crm") == ["first"]
        assert len(await one.waiting("crm")) == 1_500
        await asyncio.sleep(2 * DAY_S)
    assert len(await one.died("crm")) == 1_501
    assert await one.waiting("crm") == []
    words = {each.last_detail for each in (await one.attempts("crm")).values()}
    assert "not delivered within 4.1 days" in words


@virtually
async def test_a_slow_endpoint_and_one_that_hangs_delay_no_other() -> None:
    one = await office(endpoint("slow"), endpoint("hangs"), CRM, scripts={"hangs": always(None)})
    one.receivers.takes_s |= {"slow": 19.0, "hangs": 20.0}
    await one.put(*(f"{number:03}" for number in range(100)))
    async with one.open():
        await asyncio.sleep(20)
    assert len(one.receivers.to("crm")) == 100
    assert one.receivers.to("crm")[-1].at_s == pytest.approx(99 * 0.05)


@virtually
async def test_an_idle_loop_hears_of_new_alerts_at_once_and_of_another_process_in_a_minute() -> (
    None
):
    one = await office()
    elsewhere = Office((CRM,), shelf=one.shelf)
    async with one.open():
        await asyncio.sleep(1_000.5)
        await one.put("a")
        await asyncio.sleep(100)
        await elsewhere.hand.reload()
        await elsewhere.put("b")
        await one.hand.reload()
        await asyncio.sleep(60.1)
    first, second = (each.at_s for each in one.receivers.posted)
    assert first == 1_000.5
    assert 1_100.5 <= second <= 1_160.5


@virtually
async def test_an_alert_that_comes_while_a_loop_finds_nothing_does_not_wait_for_its_next_look() -> (
    None
):
    one = await office(shelf=Distant(MemoryShelf()))
    async with one.open():
        await asyncio.sleep(0.0035)  # it has looked into the queue, and not begun to rest
        assert one.receivers.posted == []
        await one.put("a")
        await asyncio.sleep(0.1)
        assert one.receivers.ids_to("crm") == ["a"]


@virtually
async def test_who_is_dead_can_be_sent_again_one_by_one_or_all_as_if_new() -> None:
    one = await office(endpoint("crm", batch=100))
    await one.put(*(f"{number:04}" for number in range(1_200)))
    await one.hand.write([Put(BODIES, f"{number:04}", None) for number in range(1_200)])
    while (await one.deliveries.round("crm")).dead:
        pass
    assert len(await one.died("crm")) == 1_200
    await one.hand.write([Put(BODIES, f"{n:04}", b'{"id": "%04d"}' % n) for n in range(1_200)])
    await asyncio.sleep(10)
    assert await one.deliveries.resend("crm", ["0007", "nobody", "0008"]) == 2
    assert (await one.attempts("crm"))["0007"] == Attempt(START_MS + 10_000)
    assert await one.waiting("crm") == ["0007", "0008"]
    assert await one.deliveries.round("crm") == Round(delivered=2)
    assert await one.deliveries.resend("crm") == 1_198
    assert await one.died("crm") == []
    while (await one.deliveries.round("crm")).delivered:
        pass
    assert await one.holds_nothing()
    assert await one.health("crm") == Health("", 0, 0, 1_200, 1_200)


@virtually
async def test_who_is_forgotten_while_under_way_or_dead_leaves_nothing_behind() -> None:
    one = await office(endpoint("crm", batch=3), BI, scripts={"crm": always(500)})
    await one.put("dead")
    await one.hand.write([Put(BODIES, "dead", None)])
    assert [await one.deliveries.round(each) for each in ("crm", "bi")] == [Round(dead=1)] * 2
    await one.put("a", "b", "c")
    await one.hand.write([Put(BODIES, "c", None)])
    await one.deliveries.round("bi")  # a: only the other holds it now
    round_ = asyncio.create_task(one.deliveries.round("crm"))
    await asyncio.sleep(0.01)
    async with one.hand.turn() as write:
        await write(await forget(one.shelf, ["a", "c", "dead", "never there"]))
    assert await round_ == Round(again=1)
    assert (await one.waiting("crm"), await one.waiting("bi")) == (["b"], ["b"])
    assert set(await one.attempts("crm")) == set(await one.shelf.everything(HOLDERS)) == {"b"}
    async with one.hand.turn() as write:
        await write(await forget(one.shelf, ["b"]))
    assert await one.holds_nothing()


@virtually
async def test_who_stands_in_line_and_is_not_there_at_all_is_taken_out_of_it() -> None:
    one = await office()
    for name in (queue("crm"), ends("crm")):
        await one.hand.write([Line(name, "nobody", START_MS + 1)])
    await asyncio.sleep(1)
    assert await one.deliveries.round("crm") == Round()
    assert await one.holds_nothing()


@virtually
async def test_an_alert_that_nobody_wants_is_put_nowhere() -> None:
    assert enqueue("a", [], START_MS) == []
    assert {type(each) for each in enqueue("a", ["crm"], START_MS)} == {Put, Line}


@virtually
async def test_an_endpoint_that_is_no_longer_configured_keeps_its_queue() -> None:
    one = await office(CRM, BI)
    await one.put("a")
    crm = one.endpoints.pop("crm")
    async with one.open("crm"):
        await asyncio.sleep(DAY_S)
        assert one.receivers.posted == []
        one.endpoints["crm"] = crm
        await asyncio.sleep(61)
    assert one.receivers.ids_to("crm") == ["a"]


@virtually
async def test_a_loop_that_is_told_to_stop_ends_its_round_and_no_other_begins() -> None:
    one = await office()
    one.receivers.takes_s["crm"] = 20
    await one.put("a", "b")
    async with one.open():
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() == 20
    assert await one.waiting("crm") == ["b"]


@pytest.fixture
async def shelf(store_url: str, namespace: str) -> AsyncIterator[Shelf]:
    """An empty shelf of each kind."""
    if store_url == MEMORY:
        yield MemoryShelf()
        return
    async with connect(store_url) as client:
        yield RedisShelf(client, namespace)


async def test_on_memory_and_on_servers_rounds_do_the_same(shelf: Shelf) -> None:
    now_ms = START_MS
    scripts = {"crm": in_turn(200, 500, BUSY, 410), "bi": always(301)}
    one = await office(CRM, BI, scripts=scripts, shelf=shelf, clock=lambda: now_ms)
    one.receivers.takes_s |= {"crm": 0.0, "bi": 0.0}
    await one.put("a", "b", "c")
    rounds = [await one.deliveries.round("crm") for _ in range(4)]
    assert rounds == [Round(1), Round(again=1), Round(again=1), Round()]
    now_ms += 121_000
    assert await one.deliveries.round("crm") == Round()
    assert await one.health("crm") == Health("answered 410", 2, START_MS + 120_000, 1, 0)
    now_ms += 1_000 * LIFE_S
    assert await one.deliveries.round("bi") == Round(dead=3)
    assert await one.deliveries.resend("bi", ["a", "c"]) == 2
    assert await one.deliveries.round("bi") == Round(again=1)
    await one.deliveries.enable("crm")
    assert sorted(await one.waiting("crm")) == ["b", "c"]
    async with one.hand.turn() as write:
        await write(await forget(shelf, ["a", "c"]))
    assert (await one.waiting("crm"), await one.died("bi")) == (["b"], ["b"])
    held = [name for e in one.endpoints for name in (sending(e), queue(e), ends(e))]
    assert len(held) == 6
    (packed,) = await shelf.get(sending("crm"), ["b"])
    assert packed is not None
    assert unpack_attempt(packed) == Attempt(now_ms)
