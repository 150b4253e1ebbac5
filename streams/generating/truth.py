"""The truth: what a population was drawn from, and what became of each customer.

The first line is the population, all others are customers; in Parquet the population stands in the
schema's metadata. Numbers are those that were used, to the last digit.

Enters: a population, lives. Leaves: a file. Forbidden here: events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_type_hints

import orjson

from streams.generating.life import Life
from streams.generating.mess import Told
from streams.generating.population import Population, Segment, rfc_3339
from streams.generating.timing import day_factors
from streams.generating.writing import opened, suffix_of, whole
from streams.sources import ROWS_A_BATCH, load_extra

SUFFIXES = (".jsonl", ".parquet")


class TruthFile(Protocol):
    """Where the truth goes."""

    def add(self, life: Life, told: Told) -> None:
        """One customer, in the order of their numbers."""


def truth_of_population(population: Population) -> dict[str, Any]:
    """The first line."""
    return {
        "population": {
            "seed": population.seed,
            "customers": population.customers,
            "start": population.start.isoformat(),
            "days": population.days,
            "currency": population.currency,
            "hot": population.hot,
            "hot_a_day": population.hot_a_day,
            "joins": population.joins._asdict(),
            "mess": population.mess._asdict(),
            "seasons": population.seasons._asdict(),
            "promotions": [each._asdict() for each in population.promotions],
            "segments": [_segment(each, population) for each in population.segments],
        }
    }


def _segment(segment: Segment, population: Population) -> dict[str, Any]:
    return {
        "name": segment.name,
        "share": segment.share,
        "purchases": segment.purchases._asdict(),
        "spend": segment.spend._asdict(),
        "gap_shape": segment.gap_shape,
        "swayed": segment.swayed,
        "day_factors": [
            round(each, 6) for each in day_factors(population, segment.swayed)[: population.days]
        ],
    }


class Truth(NamedTuple):
    """A further line: one customer.

    Attributes:
        customer_id: as in the events.
        segment: that they were drawn from.
        hot: whether they buy more than anybody would.
        rate_a_day: purchases a day, seasons aside, while they stay.
        gap_shape: of the Gamma distribution of gaps.
        leaves_with: the probability of leaving after a repeat.
        mean_spend_minor: what a purchase costs on average.
        joined_at: of the first purchase; None: after the end.
        left_at: of the last purchase, if they left then; None: still a customer at the end.
        last_purchase_at: within the span.
        purchases: true number; refunds are not taken off.
        spent_minor: likewise.
        refunds: how many.
        refunded_minor: of them together.
        late: purchases and refunds that are read late.
        duplicates: purchases and refunds that are read twice.
    """

    customer_id: str
    segment: str
    hot: bool
    rate_a_day: float
    gap_shape: float
    leaves_with: float
    mean_spend_minor: float
    joined_at: str | None
    left_at: str | None
    last_purchase_at: str | None
    purchases: int
    spent_minor: int
    refunds: int
    refunded_minor: int
    late: int
    duplicates: int


def truth_of_customer(life: Life, told: Told, population: Population) -> Truth:
    """What became of one customer."""
    joined, last = (_moment(life, place, population) for place in (0, -1))
    return Truth(
        customer_id=life.customer_id,
        segment=life.segment.name,
        hot=life.hot,
        rate_a_day=life.rate_a_day,
        gap_shape=life.segment.gap_shape,
        leaves_with=life.leaves_with,
        mean_spend_minor=life.mean_spend_minor,
        joined_at=joined,
        left_at=last if life.left else None,
        last_purchase_at=last,
        purchases=len(life.seconds),
        spent_minor=sum(life.amounts_minor),
        refunds=told.refunds,
        refunded_minor=told.refunded_minor,
        late=told.late,
        duplicates=told.repeated,
    )


def _moment(life: Life, place: int, population: Population) -> str | None:
    if not life.seconds:
        return None
    return rfc_3339(population.midnight + timedelta(seconds=life.seconds[place]))


@contextmanager
def truth_file(path: Path | None, population: Population) -> Iterator[TruthFile]:
    """Where the truth goes; None: nowhere.

    Raises:
        SourceError: another suffix, or the file can't be written.
    """
    if path is None:
        yield _Nowhere()
        return
    write = {".jsonl": _jsonl, ".parquet": _parquet}[suffix_of(path, SUFFIXES)]
    with whole(path) as part, write(part, path.name, population) as truth:
        yield truth


class _Nowhere:
    def add(self, life: Life, told: Told) -> None:
        """Nothing is kept."""


@contextmanager
def _jsonl(part: Path, name: str, population: Population) -> Iterator[TruthFile]:
    with opened(part, name) as write:
        write(orjson.dumps(truth_of_population(population)) + b"\n")
        yield _Lines(write, population)


class _Lines:
    def __init__(self, write: Any, population: Population) -> None:
        self._write, self._population = write, population

    def add(self, life: Life, told: Told) -> None:
        self._write(orjson.dumps(truth_of_customer(life, told, self._population)._asdict()) + b"\n")


@contextmanager
def _parquet(part: Path, _name: str, population: Population) -> Iterator[TruthFile]:
    arrow, parquet = load_extra("pyarrow"), load_extra("pyarrow.parquet")
    text = arrow.string()
    kinds = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
    fields = [(name, kinds.get(kind, text)) for name, kind in get_type_hints(Truth).items()]
    head = {"population": orjson.dumps(truth_of_population(population)["population"])}
    schema = arrow.schema(fields, metadata=head)
    with parquet.ParquetWriter(part, schema) as writer:
        rows = _Rows(writer, arrow, population)
        yield rows
        rows.flush()


class _Rows:
    def __init__(self, writer: Any, arrow: Any, population: Population) -> None:
        self._writer, self._arrow, self._population = writer, arrow, population
        self._rows: list[dict[str, Any]] = []

    def add(self, life: Life, told: Told) -> None:
        self._rows.append(truth_of_customer(life, told, self._population)._asdict())
        if len(self._rows) == ROWS_A_BATCH:
            self.flush()

    def flush(self) -> None:
        batch = self._arrow.RecordBatch.from_pylist(self._rows, self._writer.schema)
        self._writer.write_batch(batch)
        self._rows = []
