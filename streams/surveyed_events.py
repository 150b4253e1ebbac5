"""A survey of a history: events through an installation in memory, then everybody in it.

    events ──► Loop: policy, learner, populations ──► take_survey, as of the last event

No broker and no Redis are needed, and nobody is told of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from models.calendar import start_of_day_ms
from models.policy import Policy
from models.policy_record import PublishedPolicy
from streams.collecting import uncollected
from streams.loop import Loop
from streams.sources import SourceRecord
from streams.store import Store
from streams.surveying import Taken, take_survey

PROGRESS_EVERY = 500


async def survey_of_events(
    records: Iterable[SourceRecord], policy: Policy, progress: Callable[[int], None]
) -> Taken:
    """Fold events, then survey everybody. Blocks for about a millisecond an event.

    Args:
        records: in the order in which they are to be read.
        policy: in force all through.
        progress: told how many events were read.

    Raises:
        SourceError: a record can't be used.
    """
    store = await folded(records, policy, progress)
    return await take_survey(store, [PublishedPolicy(0, policy)], 0)


async def folded(
    records: Iterable[SourceRecord], policy: Policy, progress: Callable[[int], None]
) -> Store:
    """What events come to, in memory, in one partition; see `survey_of_events`."""
    loop = Loop(policy, 1)
    with uncollected():
        await fold_events(loop, records, progress)
    await loop.store.set_partitions(1)
    return loop.store


async def fold_events(
    loop: Loop, records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> None:
    """Fold events with a tick at each midnight; what they lead to is told to nobody."""

    async def new_day(day: int) -> None:
        await loop.tick(start_of_day_ms(day, loop.policy.timezone))
        loop.effects.clear()
        loop.forget_populations()

    await loop.replay(_counted(records, progress), new_day)
    await loop.settle()
    loop.effects.clear()


def _counted(
    records: Iterable[SourceRecord], progress: Callable[[int], None]
) -> Iterable[SourceRecord]:
    for number, record in enumerate(records, 1):
        yield record
        if number % PROGRESS_EVERY == 0:
            progress(number)
