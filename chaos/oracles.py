"""The reference keeps up with the run: processes that fold the log as it grows, and wait for its end.

They stand back behind everybody else, and yet little is left to do when the load is over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult
from pathlib import Path
from typing import Self

from models.policy import Policy
from models.policy_record import policy_as_json
from tests.support.installation import Expected, Installation
from tests.support.oracle import Folded, Log, folded

_NICENESS = 10  # a tenth of what the others get where time is short


class Oracles:
    """One fold a partition, side by side.

    Args:
        here: the installation whose log they fold.
        directory: where the end is announced.
    """

    def __init__(self, here: Installation, directory: Path) -> None:
        self._here, self._over = here, directory / "the-log-rests"
        spawned = get_context("spawn")  # not forked: threads run here
        self._pool = spawned.Pool(here.partitions, os.nice, (_NICENESS,))
        self._folds: list[AsyncResult[Folded]] = []

    def __enter__(self) -> Self:
        """Begin."""
        rests = partial(os.path.exists, str(self._over))
        log = _for_another_process(self._here.log)
        self._folds = [
            self._pool.apply_async(folded, (log, each, rests))
            for each in range(self._here.partitions)
        ]
        return self

    def __exit__(self, *raised: object) -> None:
        """End, whether they are done or not."""
        self._pool.terminate()
        self._pool.join()

    def expected(self) -> Expected:
        """What must have come of the log, which grows no more; blocks until they are done."""
        self._over.touch()
        return self._here.expected(self._results())

    def _results(self) -> Iterator[Folded]:
        while self._folds:
            yield self._folds.pop(0).get()


def _for_another_process(log: Log) -> Log:
    """Rules are compiled when they are first asked for; compiled ones can't be sent."""
    return log._replace(policy=Policy.model_validate(policy_as_json(log.policy)))
