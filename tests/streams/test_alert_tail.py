"""Following alerts: each once, oldest first, also those that come late."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from models.alert_record import AlertRecord, Arm, encode_record
from streams.alert_entries import ALERTS, RAISED
from streams.alert_reads import Seen
from streams.alert_tail import Tail
from streams.memory_shelf import MemoryShelf
from streams.shelf import Hand, Line, Put, Write
from tests.streams.posting import new_nonce, virtually


class Town:
    """Alerts that are put on a shelf."""

    def __init__(self) -> None:
        self.shelf = MemoryShelf()
        self._hand = Hand(self.shelf, new_nonce)

    async def raises(self, *moments_ms: int) -> None:
        """An alert at each of these moments, named after it."""
        await self._hand.reload()
        for each in moments_ms:
            record = AlertRecord(
                *(f"a{each}", "r", "churn.risk_raised", "c", each, 738_900, 28),
                *(None, 0, None, None, Arm.TREATED),
            )
            writes: list[Write] = [
                Put(ALERTS, f"a{each}", encode_record(record)),
                Line(RAISED, f"a{each}", each),
            ]
            await self._hand.write(writes)

    async def forgets(self, moment_ms: int) -> None:
        """Its customer is erased."""
        await self._hand.reload()
        await self._hand.write(
            [Put(ALERTS, f"a{moment_ms}", None), Line(RAISED, f"a{moment_ms}", None)]
        )


def moments(found: Iterable[Seen]) -> list[int]:
    return [each.record.raised_ms for each in found]


@virtually
async def test_it_begins_with_the_newest_few_and_goes_on_with_what_comes() -> None:
    town = Town()
    await town.raises(1, 2, 3, 4)
    tail = Tail(town.shelf)
    assert moments(await tail.begin(2)) == [3, 4]
    assert await tail.look() == []
    await town.raises(5, 6)
    assert moments(await tail.look()) == [5, 6]
    assert await tail.look() == []


@virtually
async def test_one_that_comes_late_is_shown_too() -> None:
    town = Town()
    await town.raises(1, 5)
    tail = Tail(town.shelf)
    await tail.begin(0)
    await town.raises(3)
    assert moments(await tail.look()) == [3]


@virtually
async def test_a_burst_that_fills_many_pages_is_shown_in_full() -> None:
    town = Town()
    await town.raises(1, 2)
    tail = Tail(town.shelf, page=3, kept=100)
    await tail.begin(0)
    await town.raises(*range(10, 50))
    assert moments(await tail.look()) == list(range(10, 50))


@virtually
async def test_an_erasure_brings_no_old_alert_back() -> None:
    town = Town()
    await town.raises(*range(10))
    tail = Tail(town.shelf, page=2, kept=4)
    await tail.begin(0)
    for gone in (9, 8, 7, 6):
        await town.forgets(gone)
    assert await tail.look() == []
    await town.raises(11)
    assert moments(await tail.look()) == [11]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 10_000), max_size=9), max_size=9))
def test_each_is_shown_once_and_every_one_that_is_newer_than_all_before(
    rounds: list[list[int]],
) -> None:
    @virtually
    async def follow() -> None:
        town, came, shown = Town(), {5_000}, list[int]()
        await town.raises(5_000)
        tail = Tail(town.shelf, page=4)
        await tail.begin(0)
        for moments_ms in rounds:
            new = set(moments_ms) - came
            await town.raises(*new)
            found = moments(await tail.look())
            assert found == sorted(found)
            assert {each for each in new if each > max(came)} <= {*found} <= came | new
            came |= new
            shown += found
        assert len(shown) == len({*shown})

    follow()
