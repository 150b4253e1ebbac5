"""What Faust costs by itself: a stock agent that does nothing but count.

Faust's own transport, consumer and streams, no serializer, no table, no store, no web server. From
the first record handed over to the last one it takes the wall clock and the CPU time of this
process, all threads; both are written into a file, as JSON, and the process stays until it is ended.

    python -m bench.throughput_stock SERVERS GROUP RECORDS FILE
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import faust
from faust.types import StreamT

from streams.topics import LOG


def stock_app(servers: str, group: str, records: int, answer: Path) -> faust.App:
    """An app whose only agent reads so many records and notes what that took."""
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
    log = app.topic(LOG, key_serializer="raw", value_serializer="raw")

    async def do_nothing(stream: StreamT[bytes]) -> None:
        seen, began = 0, (0.0, 0.0)
        async for _ in stream.events():
            seen += 1
            if seen == 1:
                began = _clocks()
            elif seen == records:
                _tell(answer, began, seen - 1)

    app.agent(log, name="do_nothing")(do_nothing)
    return app


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _tell(answer: Path, began: tuple[float, float], records: int) -> None:
    wall_s, cpu_s = (now - then for now, then in zip(_clocks(), began, strict=True))
    whole = answer.with_suffix(".part")
    whole.write_text(json.dumps({"records": records, "wall_s": wall_s, "cpu_s": cpu_s}), "utf-8")
    whole.rename(answer)


def main(servers: str, group: str, records: str, answer: str) -> None:
    """Run until a signal; does not return."""
    app = stock_app(servers, group, int(records), Path(answer))
    worker = faust.Worker(
        app, loglevel="WARNING", redirect_stdouts=False, quiet=True, workdir=Path.cwd()
    )
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
