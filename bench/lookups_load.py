"""The load of the lookups bench: so many connections, each asks again as soon as it is answered.

    python -m bench.lookups_load PORT PREFIX CONNECTIONS SECONDS IDS_FILE

Prints one JSON line: requests, seconds, errors, p50_ms, p99_ms. A bare protocol on uvloop, so that it
costs a fraction of what the servers do.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import cast

import uvloop

WARM_UP_S = 1.0


class Caller(asyncio.Protocol):
    """One connection.

    Args:
        requests: what it asks, over and over.
        until_s: when it stops asking, `time.perf_counter`.
        from_s: answers before are not counted.
    """

    def __init__(self, requests: list[bytes], from_s: float, until_s: float) -> None:
        self._requests, self._from_s, self._until_s = cycle(requests), from_s, until_s
        self._asked_s, self._missing = 0.0, 0
        self.seconds: list[float] = []
        self.errors = 0
        self.last_error = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by type
        self._ask()

    def _ask(self) -> None:
        self._asked_s = time.perf_counter()
        if self._asked_s >= self._until_s:
            self._transport.close()
            self.done.set_result(None)
            return
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Once an answer is there, ask again."""
        if self._missing:
            self._missing -= len(data)
        else:
            head, _, body = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                self.errors += 1
                self.last_error = data[:300]
            self._missing = _length(head) - len(body)
        if self._missing == 0:
            now_s = time.perf_counter()
            if now_s >= self._from_s:
                self.seconds.append(now_s - self._asked_s)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Too early, that is a failure."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed by the server"))


def _length(head: bytes) -> int:
    lower = head.lower()
    begin = lower.index(b"content-length:") + 15
    end = lower.find(b"\r\n", begin)
    return int(lower[begin : end if end > 0 else None])


async def load(port: int, prefix: str, connections: int, seconds: float, ids: list[str]) -> None:
    """Ask for so long, and print what came."""
    loop = asyncio.get_running_loop()
    from_s = time.perf_counter() + WARM_UP_S
    requests = [
        f"GET {prefix}{each} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() for each in ids
    ]
    callers = []
    for number in range(connections):
        begin = number * len(requests) // connections
        mine = [*islice(requests, begin, None), *requests[:begin]]
        _, caller = await loop.create_connection(
            lambda mine=mine: Caller(mine, from_s, from_s + seconds),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        callers.append(caller)
    await asyncio.gather(*(each.done for each in callers))
    taken = [each for caller in callers for each in caller.seconds]
    cuts = quantiles(taken, n=100)
    told = {
        "requests": len(taken),
        "seconds": seconds,
        "errors": sum(each.errors for each in callers),
        "last_error": next((repr(c.last_error) for c in callers if c.errors), ""),
        "p50_ms": round(1000 * cuts[49], 3),
        "p99_ms": round(1000 * cuts[98], 3),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    given = sys.argv[1:]
    asked = Path(given[4]).read_text("utf-8").split()
    uvloop.run(load(int(given[0]), given[1], int(given[2]), float(given[3]), asked))
