"""What people write with Faust by hand, to compare with: an agent for each record.

Without a Redis the agent does nothing but count: what Faust costs by itself. With one it decodes the JSON, reads the
customer's hash, adds the purchase up and writes it back. Faust's own transport, consumer and streams, no table, no web
server. From the first record handed over to the last one it takes the wall clock and the CPU time of
this process, all threads; both are written into a file, as JSON, and the process stays until it is ended.

    python -m bench.peer_faust SERVERS TOPIC GROUP RECORDS FILE [REDIS_URL]

RECORDS is 0: for ever.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
import redis.asyncio as aioredis
from faust.types import StreamT

KEY = "peer:{}"
Step = Callable[[bytes], Awaitable[None]]


class Clocks:
    """Counts records, and tells what they took once all have been seen.

    Args:
        records: how many there will be; 0: nobody knows.
        answer: file that is told.
    """

    def __init__(self, records: int, answer: Path) -> None:
        self._records, self._answer = records, answer
        self._seen, self._began = 0, (0.0, 0.0)

    def saw(self) -> None:
        """One more was done."""
        self._seen += 1
        if self._seen == 1:
            self._began = _now()
        elif self._seen == self._records:
            self._tell()

    def _tell(self) -> None:
        wall_s, cpu_s = (now - then for now, then in zip(_now(), self._began, strict=True))
        found = {"records": self._seen - 1, "wall_s": wall_s, "cpu_s": cpu_s}
        whole = self._answer.with_suffix(".part")
        whole.write_text(json.dumps(found), "utf-8")
        whole.rename(self._answer)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


async def do_nothing(_value: bytes) -> None:
    """What Faust costs by itself."""


def folding(url: str) -> Step:
    """Count, spend and last purchase of a customer in a hash of Redis, read and written for each event."""
    client: Any = aioredis.Redis.from_url(url)

    async def fold(value: bytes) -> None:
        event = json.loads(value)
        key = KEY.format(event["customer_id"])
        known = await client.hgetall(key)
        sums = {
            "count": int(known.get(b"count", 0)) + 1,
            "spend_minor": int(known.get(b"spend_minor", 0)) + event["amount_minor"],
            "last_at": event["occurred_at"],
        }
        await client.hset(key, mapping=sums)

    return fold


def app_of(servers: str, topic: str, group: str, step: Step, clocks: Clocks) -> faust.App:
    """An app whose only agent does one step for each record."""
    app = faust.App(
        group,
        broker=f"kafka://{servers}",
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        datadir=tempfile.gettempdir(),
    )
    log = app.topic(topic, key_serializer="raw", value_serializer="raw")

    async def each_record(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await step(event.value)
            clocks.saw()

    app.agent(log, name="each_record")(each_record)
    return app


def main(servers: str, topic: str, group: str, records: str, answer: str, url: str = "") -> None:
    """Run until a signal; does not return."""
    step = folding(url) if url else do_nothing
    app = app_of(servers, topic, group, step, Clocks(int(records), Path(answer)))
    worker = faust.Worker(
        app, loglevel="WARNING", redirect_stdouts=False, quiet=True, workdir=Path.cwd()
    )
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
