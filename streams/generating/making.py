"""A population's events, customer by customer, then in order: the whole of it.

Enters: a population. Leaves: its events as they are read; the truth beside them; a count of all.
Forbidden here: where the events go.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.generating.life import Life, Lives, chances_of
from streams.generating.mess import Event, Told, told
from streams.generating.observing import Observed
from streams.generating.ordering import BLOCK_BYTES, in_order
from streams.generating.population import Population, customer_id_of
from streams.generating.truth import TruthFile
from streams.sources import SourceRecord

TELL_EVERY = 500
Progress = Callable[[int], None]


@dataclass(slots=True)
class Count:
    """What was made.

    Attributes:
        customers: who bought within the span.
        still_there: of them, who had not left at its end.
        purchases: true ones; repetitions not counted.
        spent_minor: of them.
        refunds: likewise.
        refunded_minor: of them.
        profiles: likewise.
        late: purchases and refunds read late.
        duplicates: purchases and refunds read a second time.
        events: records in all.
    """

    customers: int = 0
    still_there: int = 0
    purchases: int = 0
    spent_minor: int = 0
    refunds: int = 0
    refunded_minor: int = 0
    profiles: int = 0
    late: int = 0
    duplicates: int = 0
    events: int = 0

    def add(self, life: Life, told: Told) -> None:
        """One customer more."""
        self.customers += bool(life.seconds)
        self.still_there += bool(life.seconds) and not life.left
        self.purchases += len(life.seconds)
        self.spent_minor += sum(life.amounts_minor)
        self.refunds += told.refunds
        self.refunded_minor += told.refunded_minor
        self.late += told.late
        self.duplicates += told.repeated
        self.events += len(told.events)
        self.profiles = self.events - self.purchases - self.refunds - self.duplicates


def lives_of(population: Population) -> Iterator[tuple[Life, Told]]:
    """Each customer's life with its events, by number."""
    lives = Lives(population)
    for number in range(population.customers):
        chances = chances_of(number, population.seed)
        life = lives.of(number, chances.life)
        yield life, told(life, population, chances)


@contextmanager
def made(
    population: Population,
    count: Count,
    truth: TruthFile,
    folder: Path | None,
    progress: Progress,
    observed: Observed | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Iterator[Event]]:
    """The events of a population as they are read; everybody has been made when the first comes.

    Args:
        population: to be made.
        count: is added to.
        truth: is told of every customer.
        folder: for what does not fit into memory; None: where the system keeps such files.
        progress: called now and then with the number of customers made.
        observed: is told of everybody who bought.
        block_bytes: how much is sorted at a time.
    """

    def events() -> Iterator[Event]:
        for life, told_of in lives_of(population):
            count.add(life, told_of)
            truth.add(life, told_of)
            if observed is not None and life.seconds:
                observed.add(life.seconds, life.amounts_minor)
            if life.number % TELL_EVERY == 0:
                progress(life.number)
            yield from told_of.events
        progress(population.customers)

    with tempfile.TemporaryDirectory(prefix=".segmenter-generate-", dir=folder) as aside:
        yield in_order(events(), Path(aside), block_bytes)


def as_record(event: Event) -> SourceRecord:
    """An event as a reader of files would give it."""
    customer_id = customer_id_of(event.number)
    return SourceRecord(event.kind, customer_id, 1000 * event.occurred_s, event.value)
