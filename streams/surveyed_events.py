"""A survey of a history: events through an installation in memory, then everybody in it.

    events ──► Loop: policy, learner, populations ──► take_survey, as of the last event

No broker and no Redis are needed, and nobody is told of anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from models.calendar import start_of_day_ms
from models.policy import Policy
from models.policy_record import PublishedPolicy
from streams.collecting import uncollected
from streams.loop import Loop
from streams.sources import SourceRecord
from streams.store import OutboxRow, Store
from streams.surveying import Taken, take_survey
from streams.topics import DEAD_LETTERS

PROGRESS_EVERY = 500


class LeftOut(NamedTuple):
    """Events that could not be used: an installation would have made dead letters of them.

    Attributes:
        counts: how many, by reason.
        details: what was wrong with the first one of each reason, and the way out.
    """

    counts: Mapping[str, int]
    details: Mapping[str, str]


class History(NamedTuple):
    """What events come to.

    Attributes:
        store: in memory, one partition.
        left_out: what could not be used.
    """

    store: Store
    left_out: LeftOut


class SurveyedHistory(NamedTuple):
    """A survey of everybody whom events tell of.

    Attributes:
        taken: as of the last event.
        left_out: what could not be used.
    """

    taken: Taken
    left_out: LeftOut


async def survey_of_events(
    records: Iterable[SourceRecord], policy: Policy, progress: Callable[[int], None]
) -> SurveyedHistory:
    """Fold events, then survey everybody. Blocks for about a millisecond an event.

    Args:
        records: in the order in which they are to be read.
        policy: in force all through.
        progress: told how many events were read.

    Raises:
        SourceError: a record can't be read.
    """
    store, left_out = await folded(records, policy, progress)
    return SurveyedHistory(await take_survey(store, [PublishedPolicy(0, policy)], 0), left_out)


async def folded(
    records: Iterable[SourceRecord], policy: Policy, progress: Callable[[int], None]
) -> History:
    """What events come to, in memory, in one partition; see `survey_of_events`."""
    loop = Loop(policy, 1)
    with uncollected():
        left_out = await fold_events(loop, records, progress)
    await loop.store.set_partitions(1)
    return History(loop.store, left_out)


async def fold_events(
    loop: Loop, records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> LeftOut:
    """Fold events with a tick at each midnight; what they lead to is told to nobody."""
    counts: Counter[str] = Counter()
    details: dict[str, str] = {}

    def clear() -> None:
        for reason, detail in _unusable(loop.effects):
            counts[reason] += 1
            details.setdefault(reason, detail)
        loop.effects.clear()

    async def new_day(day: int) -> None:
        await loop.tick(start_of_day_ms(day, loop.policy.timezone))
        clear()
        loop.forget_populations()

    await loop.replay(_counted(records, progress), new_day)
    await loop.settle()
    clear()
    return LeftOut(counts, details)


def _unusable(effects: Iterable[OutboxRow]) -> Iterable[tuple[str, str]]:
    for row in effects:
        if row.topic == DEAD_LETTERS:
            headers = dict(row.headers)
            yield headers["error.reason"].decode(), headers["error.detail"].decode()


def _counted(
    records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> Iterable[SourceRecord]:
    for number, record in enumerate(records, 1):
        yield record
        if number % PROGRESS_EVERY == 0:
            progress(number)
