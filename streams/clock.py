"""When a partition's owner tells the log that time has passed. Pure.

A tick is written only by an owner that has read its partition to the end, so nobody is called
silent because of records that merely were not read yet. It says the time at which the source
now stands: the wall clock less the source delay, which is how long after its event time the
newest event of any partition was written. History replayed today thus ages at today's pace, and
a pipeline that runs three hours late sees silence three hours late.
"""

from __future__ import annotations

from models.policy import Policy
from streams.store import Newest


def source_delay_ms(newest: Newest) -> int:
    """How far event time runs behind the wall clock; never negative."""
    return max(0, newest.appended_ms - newest.at_ms)


def source_is_silent(now_ms: int, newest: Newest, policy: Policy) -> bool:
    """Whether every partition has been silent for longer than is believable.

    Then the stream has gone quiet, not the customers, and time stands still.
    """
    silence_ms = now_ms - newest.appended_ms
    return silence_ms > policy.time.max_source_silence.total_seconds() * 1000


def tick_to_write(
    now_ms: int, newest: Newest | None, next_due_ms: int | None, policy: Policy
) -> int | None:
    """The time to write into the log, event time; None: nothing is due, or time stands still.

    Args:
        now_ms: wall clock.
        newest: the newest event that any owner has seen; None before the first.
        next_due_ms: the partition's earliest deadline.
        policy: says how long a silence of the source is believable.
    """
    if newest is None or next_due_ms is None or source_is_silent(now_ms, newest, policy):
        return None
    at_ms = now_ms - source_delay_ms(newest)
    return at_ms if next_due_ms <= at_ms else None
