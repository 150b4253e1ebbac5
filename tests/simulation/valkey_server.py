"""A store on a real server, for the simulator: each call is over before anyone takes another step.

Scripts are atomic there, so who comes first is all that matters, and that the simulator decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import redis.asyncio as aioredis

from streams.redis_store import RedisStore
from tests.simulation.servers import Server
from tests.simulation.stepping import no_loop_running

Dump = dict[bytes, bytes]


class ValkeyServer:
    """A namespace on a server.

    Args:
        runner: whose loop the client lives in.
        client: from `connect`.
        namespace: its own.
    """

    def __init__(self, runner: asyncio.Runner, client: aioredis.Redis, namespace: str) -> None:
        self._runner, self._client, self._namespace = runner, client, namespace
        self._store = RedisStore(client, namespace)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._store, name)

        async def over_at_once(*args: Any) -> Any:
            return self._run(call, *args)

        return over_at_once

    def _run(self, call: Callable[..., Any], *args: Any) -> Any:
        with no_loop_running():
            return self._runner.get_loop().run_until_complete(call(*args))

    def copy(self) -> Dump:
        return cast(Dump, self._run(self._copy))

    def fall_back(self, copy: Dump) -> None:
        self._run(self._fall_back, copy)

    def wipe(self) -> None:
        self.fall_back({})

    async def _keys(self) -> list[bytes]:
        pattern = f"seg:{{{self._namespace}:*"
        return [key async for key in self._client.scan_iter(match=pattern, count=1_000)]

    async def _copy(self) -> Dump:
        dumped = {key: await self._client.dump(key) for key in await self._keys()}
        return {key: value for key, value in dumped.items() if value is not None}

    async def _fall_back(self, copy: Dump) -> None:
        gone = await self._keys()
        if gone:
            await self._client.delete(*gone)
        for key, dumped in copy.items():
            await self._client.restore(key, 0, dumped)
        await self._a_moment_later()

    async def _a_moment_later(self) -> None:
        """Ids of outbox rows bear the time: none that was lost may be given again."""
        before = await self._client.time()
        while await self._client.time() < (before[0], before[1] + 1_500):
            pass


def valkey_server(runner: asyncio.Runner, client: aioredis.Redis, namespace: str) -> Server:
    """A namespace on a server, empty if it is new."""
    return cast(Server, ValkeyServer(runner, client, namespace))
