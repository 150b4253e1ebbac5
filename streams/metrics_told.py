"""What is derived when Prometheus asks: tallies, partitions, the population, as metric families.

Enters: what stands in memory. Leaves: families; each of them always, if need be without a sample.
Forbidden here: counting anything, the clock, ids of customers. Label values are words of our own.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from models.effects import EffectType
from models.events import Reason
from models.population import Population
from streams.metrics_partition import Owned, Seen
from streams.topics import INPUTS, LOG

OUTCOMES = (
    "events",
    "duplicates",
    "forgotten",
    "rerouted",
    "tombstones",
    "ticks",
    "populations",
    "populations_passed_over",
    "policies",
    "policies_passed_over",
    "untold",
    "barriers",
    "erasures",
    "sent_on",
)
INPUT_OUTCOMES = ("barriers", "given_up", "others", "unreadable", "populations")
_SEEN = {
    "watermark_lag_seconds": "How far the partition's clock is behind the time at which the source "
    "stands; grows harmlessly while nothing is due.",
    "deadline_overdue_seconds": "For how long the earliest deadline has been due, as the source's "
    "time goes; 0 if none is, or while time stands still.",
    "outbox_rows": "Rows that wait for the relay.",
    "live": "1 if the partition has been read to its end and time passes in it.",
    "population_version": "Version of the population in force; 0 before the first.",
    "looked_timestamp_seconds": "When the owner last looked at all of this, epoch seconds.",
}


def of_folds(tallies: Mapping[str, Tally[str]]) -> Iterator[CounterMetricFamily]:
    """What became of what was read, from the folds' tallies by topic."""
    log, inputs = tallies[LOG], tallies[INPUTS]
    yield counted(
        "segmenter_folded",
        "Records folded, and what came of them on the way, by outcome.",
        "outcome",
        ((each, log[each]) for each in OUTCOMES),
    )
    yield counted(
        "segmenter_dead_letters",
        "Records that could not be used, by reason.",
        "reason",
        ((each.value, log[f"dead_letters:{each}"]) for each in Reason),
    )
    yield counted(
        "segmenter_effects",
        "Changes handed to the outbox, by type.",
        "type",
        ((each.value, log[f"effects:{each}"]) for each in EffectType),
    )
    yield counted(
        "segmenter_learner_inputs",
        "Records of the learner's topic by outcome, and the populations learned from them.",
        "outcome",
        ((each, inputs[each]) for each in INPUT_OUTCOMES),
    )
    yield counted(
        "segmenter_fenced",
        "Writes refused because somebody else had written meanwhile; they are made anew.",
        "topic",
        ((topic, tally["fenced"]) for topic, tally in tallies.items()),
    )
    yield counted(
        "segmenter_gaps",
        "Batches that did not begin where the store stood; reading went back there.",
        "topic",
        ((topic, tally["gaps"]) for topic, tally in tallies.items()),
    )


def of_partitions(owned: Mapping[int, Owned]) -> Iterator[GaugeMetricFamily]:
    """Each open partition of the log as it was at the last look."""
    yield gauge(
        "segmenter_lag_records",
        "Records of the log that are not in Redis.",
        ["partition"],
        (((str(each),), one.lag_records) for each, one in owned.items()),
    )
    for place, name in enumerate(Seen._fields):
        looks = ((str(each), one.seen) for each, one in owned.items())
        samples = (((each,), look[place]) for each, look in looks if look is not None)
        yield gauge(f"segmenter_{name}", _SEEN[name], ["partition"], samples)


def of_population(population: Population | None) -> Iterator[GaugeMetricFamily]:
    """How good the newest population in force, and those before it, have been."""
    measured = population and population.measured
    risks = (
        {(each.source, _horizon(own=each.own)): each for each in measured.risks} if measured else {}
    )
    labels = ["source", "horizon"]
    yield gauge(
        "segmenter_churn_risk_ece",
        "Expected calibration error of the newest judged churn risks, 0 to 1.",
        labels,
        ((kind, score.ece) for kind, score in risks.items()),
    )
    yield gauge(
        "segmenter_churn_risk_auc",
        "How well the newest judged churn risks tell the lost from the others; 0.5 is chance.",
        labels,
        ((kind, score.auc) for kind, score in risks.items()),
    )
    clusters = population and population.clusters
    yield gauge(
        "segmenter_cluster_cost",
        "Mean squared distance of a customer to their centroid, in standard deviations.",
        [],
        [((), clusters.cost_millionths / 1e6)] if clusters else [],
    )
    yield gauge(
        "segmenter_drift_age_days",
        "Days from the epoch at which the level last changed for good to the newest population.",
        ["measure"],
        (((name,), age) for name, age in _drifts(population)),
    )


def _horizon(*, own: bool) -> str:
    return "own" if own else "common"


def _drifts(population: Population | None) -> Iterator[tuple[str, int]]:
    if population is None:
        return
    measured = population.measured
    days = {"clusters": measured.clusters_drifted_day, "churn_risk": measured.risk_drifted_day}
    yield from ((name, population.as_of_day - day) for name, day in days.items() if day is not None)


def counted(
    name: str, help_text: str, label: str, samples: Iterable[tuple[str, int]]
) -> CounterMetricFamily:
    """A family of one label."""
    family = CounterMetricFamily(name, help_text, labels=[label])
    for value, count in samples:
        family.add_metric([value], count)
    return family


def gauge(
    name: str,
    help_text: str,
    labels: Sequence[str],
    samples: Iterable[tuple[Sequence[str], float | None]],
) -> GaugeMetricFamily:
    """A family without the samples that are not known."""
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family
