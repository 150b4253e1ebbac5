"""The population: what is typical of all customers, learned once an epoch. Immutable, versioned.

Enters: the merged sketch at the end of an epoch. Leaves: a `Population`, and from it the typical
gap between purchases. RFM scores are read off its edges (`models/rfm.py`).
Forbidden here: a customer, the clock.

An epoch is a day or a week of event time in the shop's time zone; it ends at a midnight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from models.churn import RiskModels
from models.clusters import Clustering
from models.policy import Lifecycle, Policy
from models.population_check import (
    check_clusters,
    check_risks,
    check_spreads,
    check_value,
    within,
)
from models.scores import ForecastScore, RiskScore
from models.sketch import Sketch, last_of_bin
from models.value import ValueModel
from models.value_tiers import Spread, spreads_of

SCHEMA_VERSION = 2  # 2: clusters, churn risk, value, and how good they were
PRESET_GAPS = 300  # the policy's gap counts as this many seen ones
SPANS_UNTIL_TRUSTED = 4  # × churned.max_days: before that, the mean gap is too low
_FIRST_DAY = date(1970, 1, 1).toordinal() - 1  # no event is older, in whatever zone
_LAST_DAY = date(9900, 1, 1).toordinal()
_MANY = 2**100  # beyond what partitions can add up to, and floats still hold it
_EPOCH_DAYS = {"day": 1, "week": 7}  # ordinal 1 is a Monday, so weeks begin on Mondays


class CorruptPopulation(ValueError):
    """The bytes are not a population."""


class OlderPopulation(CorruptPopulation):
    """The bytes are a population of an older schema: it says too little of today."""


class Distribution(NamedTuple):
    """How one measure is spread over the customers.

    Edges are the largest values of the lower part, ascending: a value is above an edge if it is
    larger. They repeat where many customers share a value.
    """

    mean: float
    terciles: tuple[int, int]
    quartiles: tuple[int, int, int]
    quintiles: tuple[int, int, int, int]


class Measured(NamedTuple):
    """How good earlier populations were, judged by what happened since.

    Attributes:
        risks: the newest scores of each model and horizon, oldest first.
        forecasts: the newest scores, oldest first.
        clusters_drifted_day: when the clusters last began to fit worse or better; None: never.
        risk_drifted_day: when the risks last lost, or found, their level; None: never.
    """

    risks: tuple[RiskScore, ...] = ()
    forecasts: tuple[ForecastScore, ...] = ()
    clusters_drifted_day: int | None = None
    risk_drifted_day: int | None = None


class Population(NamedTuple):
    """All customers who ever bought, as of a midnight.

    Attributes:
        version: counts from 1.
        as_of_day: the customer-day that began when the epoch ended; silence is counted up to it.
        customers: how many.
        since_day: by which one customer in a hundred had bought: the log's beginning, whatever a
            few odd dates say.
        closed_gaps: gaps between purchase days, all customers together.
        gap_days: their sum, days.
        recency: days of silence.
        frequency: distinct purchase days.
        monetary: net spend in minor units of the reporting currency, never below 0.
        stale_partitions: those whose sketch was of an earlier epoch, because it did not come.
        clusters: None while there are too few customers.
        risk: who is about to leave.
        value: what they are worth.
        measured: how good risk and value have been lately.
        values: how the measures of value schemes are spread; none while no scheme asks for any.
    """

    version: int
    as_of_day: int
    customers: int
    since_day: int
    closed_gaps: int
    gap_days: int
    recency: Distribution
    frequency: Distribution
    monetary: Distribution
    stale_partitions: tuple[int, ...] = ()
    clusters: Clustering | None = None
    risk: RiskModels = RiskModels()
    value: ValueModel = ValueModel()
    measured: Measured = Measured()
    values: tuple[Spread, ...] = ()


def epoch_end(day: int, policy: Policy) -> int:
    """The first day after the last epoch that was over when `day` began, ordinal.

    >>> from models.policy import policy_from_preset
    >>> epoch_end(738_900, policy_from_preset("general")) % 7  # a Monday
    1
    """
    return day - (day - 1) % _EPOCH_DAYS[policy.population.epoch]


def next_epoch_end(day: int, policy: Policy) -> int:
    """The epoch end that follows the epoch end `day`."""
    return day + _EPOCH_DAYS[policy.population.epoch]


def is_stale(population: Population, closed_day: int, policy: Policy) -> bool:
    """Whether a population is more than an epoch behind a partition that closed its last one then.

    After a bulk load, populations of long ago arrive one after another. Measured against them,
    customers would be told of groups that were never theirs.
    """
    return population.as_of_day < closed_day - _EPOCH_DAYS[policy.population.epoch]


def learned(
    sketch: Sketch, version: int, as_of_day: int, stale_partitions: tuple[int, ...] = ()
) -> Population:
    """The population of a sketch with at least one customer.

    Recency is exact to the day, frequency and spend to the bin (2 %).

    Raises:
        ValueError, KeyError: nobody's sketch: it contradicts itself.
    """
    counts = sketch.counts
    customers = counts["n"]
    (since_day, *_) = _edges(_histogram(sketch, "b"), customers, 100)
    last_days = reversed(_histogram(sketch, "r"))
    silences = [(max(0, as_of_day - day), count) for day, count in last_days]
    silent_days = sum(days * count for days, count in silences)
    return Population(
        version,
        as_of_day,
        customers,
        since_day=since_day,
        closed_gaps=counts.get("days", 0) - customers,
        gap_days=counts.get("spans", 0),
        recency=_distribution(silences, customers, silent_days),
        frequency=_distribution(_by_bin(sketch, "f"), customers, counts["days"]),
        monetary=_distribution(_by_bin(sketch, "m"), customers, counts.get("spend", 0)),
        stale_partitions=stale_partitions,
        values=spreads_of(counts),
    )


def prior_gap_days(rules: Lifecycle, population: Population | None) -> float:
    """G, the gap one expects of a customer before their own rhythm is known.

    The mean of the gaps closed so far is too low in a young log, because long gaps are still open.
    So it may only raise the policy's gap until the log spans four times the longest limit.
    """
    if population is None:
        return rules.prior_gap_days
    mean = (PRESET_GAPS * rules.prior_gap_days + population.gap_days) / (
        PRESET_GAPS + population.closed_gaps
    )
    span_days = population.as_of_day - population.since_day
    if span_days < SPANS_UNTIL_TRUSTED * rules.churned.max_days:
        return max(rules.prior_gap_days, mean)
    return mean


def encode_population(population: Population) -> bytes:
    """JSON, the same bytes for the same population.

    Without `values` where there are none, so that versions that do not know of them can read it.
    """
    fields = _plain(population)
    if not population.values:
        del fields["values"]
    return json.dumps({"schema": SCHEMA_VERSION, **fields}).encode()


def _plain(value: Any) -> Any:
    """Named tuples as objects, all the way down."""
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def decode_population(packed: bytes) -> Population:
    """The reverse.

    Raises:
        OlderPopulation: of an older schema.
        CorruptPopulation: not a population, or one of a newer schema.
    """
    try:
        fields = json.loads(packed)
        schema = fields.pop("schema")
        if type(schema) is int and 0 < schema < SCHEMA_VERSION:
            raise OlderPopulation(
                f"a population has schema {schema}, known is {SCHEMA_VERSION}; "
                "fold the log anew under another namespace"
            )
        if schema != SCHEMA_VERSION:
            raise CorruptPopulation(
                f"a population has schema {schema!r:.40}, known is {SCHEMA_VERSION}; "
                "run a version at least as new as the one that wrote it"
            )
        return _checked(_ADAPTER.validate_python(fields))
    except CorruptPopulation:
        raise
    except _NOT_ONE as error:
        raise CorruptPopulation(f"{len(packed)} bytes are not a population: {error}") from error


def _checked(population: Population) -> Population:
    """What types can't say: numbers that the calendar and the formulas can take."""
    as_of_day = population.as_of_day
    within([as_of_day, population.since_day], _FIRST_DAY, _LAST_DAY, "a day")
    within([population.customers, population.closed_gaps], 0, _MANY, "a count")
    within([population.gap_days], -_MANY, _MANY, "the sum of all gaps")
    within(population.recency.quartiles, 0, as_of_day - _FIRST_DAY, "a silence")
    within(population.recency.quintiles, 0, as_of_day - _FIRST_DAY, "a silence")
    within([population.recency.mean], 0, as_of_day - _FIRST_DAY, "a silence")
    if population.clusters is not None:
        check_clusters(population.clusters)
    check_risks(population.risk)
    check_value(population.value)
    check_spreads(population.values)
    return population


def digest_of(packed: bytes) -> str:
    """Names an encoded population by its content; 32 hex digits."""
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


_ADAPTER = TypeAdapter(Population, config=ConfigDict(allow_inf_nan=False))
_NOT_ONE = (ValueError, TypeError, AttributeError, KeyError, RecursionError, ValidationError)


def _histogram(sketch: Sketch, prefix: str) -> list[tuple[int, int]]:
    """(bin or day, customers), ascending."""
    found = ((int(slot[1:]), count) for slot, count in sketch.counts.items() if slot[0] == prefix)
    return sorted(found)


def _by_bin(sketch: Sketch, prefix: str) -> Iterator[tuple[int, int]]:
    return ((last_of_bin(place), count) for place, count in _histogram(sketch, prefix))


def _distribution(ascending: Iterable[tuple[int, int]], customers: int, total: int) -> Distribution:
    pairs = list(ascending)
    if sum(count for _, count in pairs) != customers:
        raise ValueError("a sketch does not count its customers alike")
    terciles, quartiles, quintiles = (_edges(pairs, customers, parts) for parts in (3, 4, 5))
    return Distribution(total / customers, terciles, quartiles, quintiles)  # type: ignore[arg-type]


def _edges(ascending: list[tuple[int, int]], customers: int, parts: int) -> tuple[int, ...]:
    """For each part but the last, the smallest value that so many customers do not exceed."""
    edges: list[int] = []
    below = 0
    for value, count in ascending:
        below += count
        while len(edges) < parts - 1 and below * parts >= (len(edges) + 1) * customers:
            edges.append(value)
    return tuple(edges)
