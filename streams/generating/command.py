"""`segmenter generate`: a population into a file, or into the log at a rate.

What is written into the log is test traffic: it bears the mark of a replay, so nobody is messaged of
what follows from it, and it brings a tick for each day.

Enters: a population, where to. Leaves: a `Summary`. Forbidden here: options, how it is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from models.policy import Policy
from streams.datasets import DATASETS
from streams.generating.choosing import Asked, chosen
from streams.generating.fitting import Fit, fitted_to
from streams.generating.fitting import like as population_like
from streams.generating.making import TELL_EVERY, Count, as_record, made
from streams.generating.observing import DAY_S, Observed
from streams.generating.population import BadPopulation, Population
from streams.generating.summary import Likeness, Summary
from streams.generating.truth import SUFFIXES as TRUTH_SUFFIXES
from streams.generating.truth import truth_file
from streams.generating.writing import suffix_of, write_events
from streams.log import LogInspector
from streams.replay import Publisher
from streams.settings import Settings
from streams.sources import SourceError, SourceRecord, count_records, read_file
from streams.topics import LOG
from streams.wall import wall_ms

Bar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
_RATE = re.compile(r"(\d{1,9}(?:\.\d+)?)(?:/(s|min))?")


class BadRate(ValueError):
    """Not a rate."""


def parse_rate(text: str) -> float:
    """Events a second; 0 is as fast as possible.

    >>> parse_rate("500/s"), parse_rate("30/min"), parse_rate("0")
    (500.0, 0.5, 0.0)

    Raises:
        BadRate: neither a number nor a number and /s or /min.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise BadRate(f"{text!r:.40} is not a rate; write 0 (as fast as possible), 500/s or 30/min")
    return float(match[1]) / (60 if match[2] == "min" else 1)


class Files(NamedTuple):
    """Where to.

    Attributes:
        events: None: not into a file.
        truth: None: nowhere.
        replaces: whether files that are there may be replaced.
    """

    events: Path | None
    truth: Path | None
    replaces: bool

    def check(self, like: str = "") -> None:
        """Fail before anything is made.

        Args:
            like: what is read; "": nothing.

        Raises:
            SourceError: a suffix that is not known, no such folder, or a file that is there.
        """
        if self.events is not None:
            suffix_of(self.events)
        if self.truth is not None:
            suffix_of(self.truth, TRUTH_SUFFIXES)
        if self.events is not None and self.events == self.truth:
            raise SourceError(f"{self.events}: both events and truth, expected two files")
        for path in filter(None, self[:2]):
            if not path.parent.is_dir():
                raise SourceError(f"{path.parent}: no such folder")
            if like and path.exists() and Path(like).exists() and path.samefile(like):
                raise SourceError(f"{path}: --like reads it, so it can't be written; another name")
            if path.exists() and not self.replaces:
                raise SourceError(
                    f"{path} is there already: another name, or --force to replace it"
                )


class Plan(NamedTuple):
    """What is to be made: a population, and the file that it is to be like, if any."""

    population: Population
    like: str = ""
    fit: Fit | None = None

    def likeness(self, observed: Observed | None) -> Likeness | None:
        """The file's figures beside those of what was made."""
        if self.fit is None or observed is None:
            return None
        return Likeness(self.like, self.fit.figures, observed.figures() if observed.any else None)

    def observed(self) -> Observed | None:
        """What adds up what is made; None if it is to be like nothing."""
        if self.fit is None:
            return None
        return Observed(self.population.days * DAY_S, self.fit.shortest_gap_s)


def planned(asked: Asked, like: str, bar: Bar) -> Plan:
    """What is to be made; reads the file that it is to be like.

    Args:
        asked: options.
        like: a file, or the name of a data set; "": nothing.
        bar: shows how far it has read.

    Raises:
        SourceError: the file can't be read, or there is too little in it.
        BadPopulation: numbers that no population can have.
    """
    if not like:
        return Plan(chosen(asked))
    dataset = DATASETS.get(like)
    total = dataset.count_records() if dataset else count_records(Path(like))
    records = dataset.read() if dataset else read_file(Path(like))
    with bar(f"{like}: events", total) as progress:
        fit = fitted_to(_counted(records, progress), like)
    return Plan(population_like(fit, asked), like, fit)


def _counted(
    records: Iterator[SourceRecord], progress: Callable[[int], None]
) -> Iterator[SourceRecord]:
    for count, record in enumerate(records, start=1):
        if count % TELL_EVERY == 0:
            progress(count)
        yield record


def generate_file(plan: Plan, files: Files, bar: Bar) -> Summary:
    """Write a population's events, and the truth; blocks.

    Raises:
        SourceError: a file can't be written.
    """
    assert files.events is not None
    count, observed, population = Count(), plan.observed(), plan.population
    with (
        truth_file(files.truth, population) as truth,
        bar("customers", population.customers) as progress,
        made(population, count, truth, files.events.parent, progress, observed) as events,
    ):
        write_events(files.events, events, population.attributes)
    return Summary(population, count, str(files.events), None, plan.likeness(observed))


def generate_to_topic(
    plan: Plan, files: Files, rate_s: float, settings: Settings, policy: Policy, bar: Bar
) -> Summary:
    """Write a population's events into the log, with ticks, at a rate; blocks.

    Args:
        plan: to be made.
        files: for the truth.
        rate_s: events a second; 0: as fast as possible.
        settings: where the log is.
        policy: whose customer-days bring ticks.
        bar: shows how far it is.

    Raises:
        SourceError: the truth can't be written.
        BadPopulation: its events would lie in the future.
        KafkaUnavailable, TopicMissing.
    """
    count, observed, population = Count(), plan.observed(), plan.population
    _must_be_past(population, wall_ms())
    partitions = LogInspector(settings.brokers).facts(LOG).partitions
    publisher = Publisher(settings.brokers, partitions, policy.timezone)
    try:
        with (
            truth_file(files.truth, population) as truth,
            made(population, count, truth, None, _silent, observed) as events,
            bar("events", None) as progress,
        ):
            records = paced(map(as_record, events), rate_s, time.monotonic, time.sleep)
            published = publisher.publish(records, 0.0, progress)
    finally:
        publisher.close()
    return Summary(population, count, LOG, published, plan.likeness(observed))


def _silent(_done: int) -> None:
    """Customers are made much faster than their events are sent."""


def _must_be_past(population: Population, now_ms: int) -> None:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    if population.end > today:
        raise BadPopulation(
            f"the span ends on {population.end}, and events of the future are dead letters: "
            f"--start {today - timedelta(days=population.days)} at the latest, or fewer --days"
        )


def paced(
    records: Iterator[SourceRecord],
    rate_s: float,
    now_s: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[SourceRecord]:
    """The records, no faster than so many a second from the first on; 0: as they come."""
    began_s: float | None = None
    for place, record in enumerate(records):
        if rate_s > 0:
            began_s = now_s() if began_s is None else began_s
            ahead_s = place / rate_s - (now_s() - began_s)
            if ahead_s > 0:
                sleep(ahead_s)
        yield record
