"""`segmenter replay file … --to-topic`: a file or a data set into the log, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.policy import Policy
from streams.datasets import DATASETS
from streams.log import LogInspector
from streams.replay import Published, Publisher
from streams.settings import Settings
from streams.sources import SourceError, SourceRecord, count_records, read_file
from streams.topics import LOG


def _telling(records: Iterator[SourceRecord]) -> Iterator[SourceRecord]:
    """The records; an error among them says how many came before it."""
    count = 0
    try:
        for record in records:
            yield record
            count += 1
    except SourceError as error:
        raise SourceError(f"{error}; the {count} events before it were written") from None


def replay_to_topic(
    path: str, speed: float, settings: Settings, policy: Policy, console: Console
) -> Published:
    """Write a file's events, or a data set's, into the log; blocks.

    Raises:
        SourceError: a row can't be used; names it.
        KafkaUnavailable, TopicMissing.
    """
    dataset = DATASETS.get(path)
    total = dataset.count_records() if dataset else count_records(Path(path))
    records = dataset.read() if dataset else read_file(Path(path))
    partitions = LogInspector(settings.bootstrap_servers).facts(LOG).partitions
    publisher = Publisher(settings.bootstrap_servers, partitions, policy.timezone)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    try:
        with bar:
            task = bar.add_task(path, total=total)
            return publisher.publish(
                _telling(records), speed, lambda count: bar.update(task, completed=count)
            )
    finally:
        publisher.close()
