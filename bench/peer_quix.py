"""The same sums with Quix Streams: count, spend and last purchase of each customer, in its RocksDB.

Run by the interpreter of an environment of its own (bench/peer_quix_home.py), so it imports nothing of
ours. As its documentation shows it: a stateful function on a stream keyed by customer, state and
changelog as they come. From the first record to the last it takes the wall clock and the CPU time of this process,
all threads, and writes both into a file, as JSON; it stays until it is ended.

    python bench/peer_quix.py SERVERS TOPIC GROUP RECORDS FILE STATE_DIRECTORY
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

COMMIT_EVERY_S = 1.0  # not 5, so that checkpoints fall between the first record and the last


def main(servers: str, topic: str, group: str, records: str, answer: str, directory: str) -> None:
    """Run until a signal."""
    # There in its own environment alone.
    from quixstreams import Application  # type: ignore[import-not-found] # noqa: PLC0415

    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=directory,
        commit_interval=COMMIT_EVERY_S,
        loglevel="WARNING",
    )
    log = app.topic(topic, key_deserializer="str", value_deserializer="json")
    counted = _counting(int(records), Path(answer))
    app.dataframe(log).apply(fold, stateful=True).update(counted)
    app.run()


def fold(event: dict[str, Any], state: Any) -> dict[str, Any]:
    """Add a purchase up."""
    sums = state.get("sums", {"count": 0, "spend_minor": 0})
    sums["count"] += 1
    sums["spend_minor"] += event["amount_minor"]
    sums["last_at"] = event["occurred_at"]
    state.set("sums", sums)
    return dict(sums)


def _counting(records: int, answer: Path) -> Any:
    seen, began = 0, (0.0, 0.0)

    def count(_sums: object) -> None:
        nonlocal seen, began
        seen += 1
        if seen == 1:
            began = time.perf_counter(), time.process_time()
        elif seen == records:
            wall_s, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
            found = {"records": seen - 1, "wall_s": wall_s, "cpu_s": cpu_s}
            whole = answer.with_suffix(".part")
            whole.write_text(json.dumps(found), "utf-8")
            whole.rename(answer)

    return count


if __name__ == "__main__":
    main(*sys.argv[1:])
