"""When events of a source happened: written in any way that the log reads, at any time that is claimed."""

from __future__ import annotations

import asyncio
import json

import pytest

from models.adapters import sources_from_toml
from models.events import LogRecord
from streams.in_step import InStep, Span
from streams.messages import rfc3339
from streams.normalising import SourceFold
from streams.partition import Batch
from streams.topics import LOG
from tests.streams.test_normalising import PLACE, World
from tests.support.story import DAY_MS, noon

SITE = sources_from_toml('[sources.site]\nsource = "segment"\n')["site"]
WRITTEN_MS = noon(100)


def visit(moment: str) -> LogRecord:
    value = {"type": "page", "messageId": "m", "userId": "u", "timestamp": moment}
    return LogRecord(PLACE.partition, 0, WRITTEN_MS, None, json.dumps(value).encode(), {})


async def handled(world: World, record: LogRecord, in_step: InStep) -> list[str]:
    """What of it stands in the log."""
    fold = SourceFold(PLACE, SITE, world.offsets, world.kafka, world._exist, 0, in_step)
    async with asyncio.timeout(5):
        await fold.handle(Batch(0, 1, [record]))
    return [json.loads(each.value or b"")["occurred_at"] for each in world.kafka.rows
            if each.topic == LOG]  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    ["2026-03-01t10:00:00z", "2026-03-01 10:00:00.123456789z", "2026-03-01T10:00:00\u221201:00"],
)
async def test_a_moment_that_the_log_reads_stops_nobody_however_it_is_written(moment: str) -> None:
    assert await handled(World(), visit(moment), InStep()) == [moment]


async def test_an_event_that_claims_to_be_of_years_to_come_waits_for_nobody() -> None:
    in_step, far = InStep(), rfc3339(WRITTEN_MS + 3_000 * DAY_MS)
    with in_step.reading(PLACE.partition + 1):  # and it has always something in hand
        await in_step.turn(PLACE.partition + 1, Span(WRITTEN_MS, WRITTEN_MS))
        assert await handled(World(), visit(far), in_step) == [far]
