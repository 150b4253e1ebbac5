"""A TCP proxy on loopback, whose line can be cut: nothing gets through, and nobody is told.

It stands between one worker and one server. Connections made while the line is cut wait, as do
bytes; when it heals they go on, or all connections are reset.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from concurrent.futures import Future
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Self

from streams.local import HOST

_CHUNK = 65_536
_RESET = struct.pack(
    "ii", 1, 0
)  # lingering for 0 s: what is unsent is dropped, and the peer told so


class Proxy:
    """One line, open from the start.

    Args:
        target_port: of the server, on loopback.

    Attributes:
        port: where it listens, once entered.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._do(self._listen()).result()
        return self

    def __exit__(self, *raised: object) -> None:
        """Close every connection."""
        self._do(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """From now on nothing gets through."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def heal(self, *, reset: bool) -> None:
        """The line is open again; with `reset` every connection is new."""
        if reset:
            self._loop.call_soon_threadsafe(self._reset)
        self._loop.call_soon_threadsafe(self._open.set)

    def _do(self, work: Any) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._open.set()
        self._reset()
        mine = asyncio.current_task()
        others = [each for each in asyncio.all_tasks() if each is not mine]
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> None:
        for each in list(self._writers):
            each.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            each.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            with suppress(OSError):  # refused: the server is down
                there = await asyncio.open_connection(HOST, self._target_port)
                self._writers.add(there[1])
                await self._both_ways(reader, writer, *there)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(far_writer)
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_CHUNK):
                await self._open.wait()
                writer.write(piece)
                await writer.drain()
