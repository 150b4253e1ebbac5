"""What the run looks like from outside: whether it has recovered, and what its processes take."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, cast

import redis

from chaos.fleet import Size, size_of
from streams.keys import Keys
from streams.log import KafkaUnavailable
from streams.store import LEARNER
from tests.support.installation import Installation

SAMPLE_EVERY_S = 2.0


class Mark(NamedTuple):
    """How far everything has come.

    Attributes:
        ends: of the log, by partition.
        rows: the newest row of each outbox, by place.
    """

    ends: list[int]
    rows: dict[int, bytes]


class Progress:
    """Whether what stood there at a moment has been dealt with.

    Args:
        here: the installation.
    """

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._outboxes = {
            place: Keys(here.settings.namespace, place).outbox
            for place in (*range(here.partitions), LEARNER)
        }

    def mark(self) -> Mark | None:
        """How far everything has come; None if broker or store can't say."""
        try:
            rows = {p: self._here.redis.xrevrange(o, count=1) for p, o in self._outboxes.items()}
            newest = {place: cast(bytes, found[0][0]) for place, found in rows.items() if found}
            return Mark(self._here.ends(), newest)
        except (redis.RedisError, KafkaUnavailable):
            return None

    def passed(self, mark: Mark) -> bool:
        """Whether all of it has been folded, and its effects sent."""
        try:
            folded = all(at >= end for at, end in zip(self._here.offsets(), mark.ends, strict=True))
            return folded and all(self._sent(place, row) for place, row in mark.rows.items())
        except redis.RedisError:
            return False

    def _sent(self, place: int, row: bytes) -> bool:
        return not self._here.redis.xrange(self._outboxes[place], max=row, count=1)


class Sampler:
    """Looks every two seconds at what each role's process takes, in a thread of its own.

    Args:
        pids: by role.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._seen: defaultdict[str, list[Size]] = defaultdict(list)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            for role, pid in self._pids().items():
                size = size_of(pid)
                if size is not None:
                    self._seen[role].append(size)

    def growth(self) -> dict[str, tuple[Size, Size]]:
        """Medians of the first and of the last quarter, by role."""
        return {
            role: (_median(seen[: len(seen) // 4]), _median(seen[-(len(seen) // 4) :]))
            for role, seen in self._seen.items()
            if len(seen) >= 4
        }


def _median(sizes: Sequence[Size]) -> Size:
    return Size(
        round(median(each.rss_mb for each in sizes), 1),
        int(median(each.files for each in sizes)),
    )
