"""Where a trial's history comes from: the one place that opens it.

Enters: what stands behind `--on`. Leaves: records by event time, and about how many. Forbidden here:
reading them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from streams.datasets import DATASETS
from streams.sources import SourceRecord, count_records, read_file


class History(NamedTuple):
    """Recorded events.

    Attributes:
        name: as it was asked for.
        total: of events; None: nobody knows.
        records: in the order read; an iterator that is read once.
    """

    name: str
    total: int | None
    records: Iterator[SourceRecord]


def history(on: str) -> History:
    """A data set by its name, or a file.

    Raises:
        SourceError: at once for a missing file or an unknown suffix; while reading for a bad row.
    """
    dataset = DATASETS.get(on)
    if dataset is not None:
        return History(on, dataset.count_records(), dataset.read())
    return History(on, count_records(Path(on)), read_file(Path(on)))
