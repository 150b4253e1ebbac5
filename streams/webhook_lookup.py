"""From a host's name to addresses that a webhook may go to.

    host ─► looked up ─► every address checked ─► only those that passed ─► connection

A connection goes to an address of the very answer that was checked; nobody asks a second time, so
a name that means another address a moment later (DNS rebinding) leads nowhere.

Enters: a host. Leaves: addresses that may be connected to, or why there are none. Forbidden here:
deciding which (`webhook_address.py`), connecting, remembering an answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

from aiohttp.abc import AbstractResolver, ResolveResult

from streams.webhook_address import Address, Reach, RefusedAddress, address_of, refusal

Lookup = Callable[[str], Awaitable[Sequence[str]]]  # a host's addresses; OSError if it has none

LOOKUPS_AT_ONCE = 32  # of different hosts: as many as there may be endpoints

_REACH: ContextVar[Reach] = ContextVar("reach")


class CheckedResolver(AbstractResolver):
    """Tells aiohttp only addresses that the endpoint in hand may reach.

    aiohttp asks no resolver about a host that is an address: `check_literal` is for that.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    @contextmanager
    def reaching(self, reach: Reach) -> Iterator[None]:
        """All that is asked meanwhile, in this task, is asked for one endpoint."""
        token = _REACH.set(reach)
        try:
            yield
        finally:
            _REACH.reset(token)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - both are asked for
    ) -> list[ResolveResult]:
        """The host's addresses that may be connected to, at least one.

        Raises:
            RefusedAddress: none of them may be.
            OSError: the host has none.
        """
        reach = _REACH.get()
        addresses = [address_of(each) for each in await self._lookup(host)]
        refusals = [refusal(host, each, reach) for each in addresses]
        checked = [each for each, why in zip(addresses, refusals, strict=True) if why is None]
        if not checked:
            raise RefusedAddress(next(filter(None, refusals), f"{host} leads to no address"))
        return [_result(host, each, port) for each in checked]

    async def close(self) -> None:
        """Nothing is held here; the lookup belongs to whoever made it."""


def _result(host: str, address: Address, port: int) -> ResolveResult:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV  # the system looks nothing up again
    return ResolveResult(
        hostname=host, host=str(address), port=port, family=family, proto=0, flags=flags
    )


def system_addresses(host: str) -> list[str]:
    """A host's addresses; blocks for as long as the system takes.

    Raises:
        OSError: it has none, or nobody can tell.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(each[4][0]) for each in found]


class SystemLookup:
    """Asks the system's resolver, in threads of its own, one question a host at a time.

    The system's call blocks for as long as its servers are silent and can't be stopped. However
    many deliveries wait for a host, it holds one thread, so no endpoint's DNS delays another's.

    Args:
        ask: the system's call.
    """

    def __init__(self, ask: Callable[[str], list[str]] = system_addresses) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="webhook-dns")
        self._asked: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str) -> list[str]:
        """The host's addresses; whoever gives up waiting leaves the question to the others.

        Raises:
            OSError: it has none, or nobody can tell.
        """
        asked = self._asked.get(host)
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = loop.run_in_executor(self._threads, self._ask, host)
            self._asked[host] = asked
            asked.add_done_callback(lambda answered: self._forget(host, answered))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Ask no more; blocks for nothing."""
        for asked in list(self._asked.values()):
            asked.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, answered: asyncio.Future[list[str]]) -> None:
        del self._asked[host]
        if not answered.cancelled():
            answered.exception()  # seen, even if nobody waits any more
