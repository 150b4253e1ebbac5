"""A comparison of two policies in a process of its own, so that whoever asks can end it.

    stdin: {"a", "b", "names", "on", "first_day", "last_day", "most_events"}   stdout: {"told"} or {"declined"}

`python -m streams.mcp_trial`, started by `streams/mcp_what_if.py`. Enters: policies and the name of a history. Leaves:
the comparison, as `segmenter replay compare --json` prints it. Forbidden here: Redis, Kafka.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from types import TracebackType
from typing import Any

from models.comparing import Window
from models.policy import Policy
from streams.compare import Asked, NothingToCompare, Party, compared
from streams.compare_json import compared_as_json
from streams.recorded_events import none_ahead, open_events
from streams.settings import Settings
from streams.sources import SourceError
from streams.wall import wall_ms


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """What is answered; blocks for about a millisecond an event and policy."""
    try:
        return {"told": _compared(asked)}
    except (SourceError, NothingToCompare) as error:
        return {"declined": str(error)}


def _compared(asked: dict[str, Any]) -> dict[str, Any]:
    a, b = (
        Party(name, Policy.model_validate(asked[side]))
        for name, side in zip(asked["names"], "ab", strict=True)
    )
    events = open_events(asked["on"], Settings(), a.policy)
    if events.total > asked["most_events"]:
        raise SourceError(
            f"the history has {events.total:,} events, and {asked['most_events']:,} are replayed here at "
            "most; start segmenter mcp with a shorter one, or with a larger --what-if-events"
        )
    window = Window(asked["first_day"], asked["last_day"])
    question = Asked(a, b, asked["history"], window)
    records = none_ahead(events.read(), wall_ms())
    return compared_as_json(asyncio.run(compared(question, records, lambda _: None, cores=1)))


def told_without_words(kind: type[BaseException], _: object, where: TracebackType | None) -> None:
    """What ends this process, on stderr: its kind and where it was, as its words may name a customer."""
    sys.stderr.write(f"{kind.__name__}\n{''.join(traceback.format_tb(where))}")


def main() -> None:
    """One question, one answer."""
    sys.excepthook = told_without_words
    sys.stdout.write(json.dumps(run(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
