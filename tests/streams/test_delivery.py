"""A process takes the topic of alerts over while the owner before is still at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import redis.asyncio as aioredis

from models.policy import policy_from_preset
from streams.delivery import Delivery
from streams.endpoints import Endpoint
from streams.memory_shelf import MemoryShelf
from streams.settings import Settings
from streams.shelf import Hand, Shelf, Stand, Write


class Contested:
    """A shelf on which somebody else writes just before each of the first writes that come."""

    def __init__(self, times: int) -> None:
        self._shelf, self._times = MemoryShelf(), times
        self.other = Hand(self._shelf, lambda: b"other %d" % self._times)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shelf, name)

    async def write(self, expected: Stand, new: Stand, writes: Sequence[Write]) -> bool:
        if self._times:
            self._times -= 1
            await self.other.reload()
            await self.other.write([])
        return await self._shelf.write(expected, new, writes)


def endpoints() -> Mapping[str, Endpoint]:
    return {}


async def nothing_between(_partition: int, _start: int, _end: int) -> bool:
    return False


async def test_whoever_takes_over_goes_on_until_the_owner_before_is_fenced() -> None:
    shelf = Contested(times=3)
    no_redis, no_poster = cast(aioredis.Redis, None), cast(Any, None)
    delivery = Delivery(
        Settings(),
        policy_from_preset("general"),
        no_redis,
        endpoints,
        no_poster,
        lambda: 0,
        shelf=cast(Shelf, shelf),
    )
    assert await delivery.open("topic", 5, 9, nothing_between) == 5
    assert delivery.hand.stand.offset == 5
    assert await shelf.stand() == delivery.hand.stand
