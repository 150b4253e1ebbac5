"""The tables of the scaling bench, from what was measured or worked out. No figure is made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.scaling_costs import Cost, Costs
from bench.scaling_learner import Found
from bench.scaling_placement import (
    Hashes,
    by_node,
    by_worker,
    dealt_out,
    drawn_hashes,
    event_shares,
    hashed_counts,
    skew,
    slot_of,
    tags,
)
from bench.scaling_plan import Inputs, Plan, plans
from bench.science_tables import Cell, Table

NAMESPACE, OTHERS = "segmenter", 100  # the setting's default, and as many other names
PARTITIONS, NODES = (16, 64, 256, 1_024, 4_096), (3, 6, 12, 24, 48, 96)
SKEWED = (64, 256, 1_024)
SKEW_NODES, PARTITIONS_A_WORKER = 12, 8
HASHED = 1_000_000  # ids that are really hashed
ACTIVITY = ((0.0, 0.0), (0.8, 0.0), (1.1, 0.0), (0.0, 0.01), (0.8, 0.01))
MILLION = 1_000_000


def placement() -> Table:
    """How partitions' hash tags fall on nodes."""
    names = (NAMESPACE, *(f"shop-{each}" for each in range(OTHERS)))
    slots = [[slot_of(name, each) for each in range(PARTITIONS[-1])] for name in names]
    notes = (
        f"The most loaded node over the mean, by partitions; {NAMESPACE!r}, and {OTHERS} other namespaces.",
        "Contiguous slot ranges, as redis-cli --cluster create cuts them; dealt: the slots in use dealt out.",
    )
    return Table("Partitions on the nodes of a Redis Cluster", list(_placed(slots)), notes)


def _placed(slots: Sequence[Sequence[int]]) -> Iterator[Mapping[str, Cell]]:
    for partitions in PARTITIONS:
        for nodes in NODES:
            if 2 * nodes <= partitions:
                found = tags(slots, partitions, nodes)
                yield {
                    "partitions": partitions,
                    "nodes": nodes,
                    NAMESPACE: found.one,
                    "median": found.median,
                    "worst": found.worst,
                    "best": found.best,
                    "empty nodes": found.empty,
                    "dealt": found.dealt,
                }


def customers(count: int, seed: int) -> Table:
    """How customers fall on partitions: hashed by murmur2, and drawn."""
    drawn = drawn_hashes(count, np.random.default_rng(seed))
    rows = [
        {
            "partitions": each,
            f"{HASHED:,} hashed": skew(hashed_counts(HASHED, each)),
            f"{HASHED:,} drawn": skew(_counts(drawn[:HASHED], each)),
            f"{count:,} drawn": skew(_counts(drawn, each)),
        }
        for each in SKEWED
    ]
    notes = ("The fullest partition over the mean. Drawn: uniform over the 31 bits of murmur2.",)
    return Table("Customers of a partition", rows, notes)


def _counts(hashes: Hashes, partitions: int) -> Sequence[float]:
    found: list[float] = np.bincount(hashes % partitions, minlength=partitions).tolist()
    return found


def events(count: int, seed: int) -> Table:
    """How events fall on partitions, workers and nodes, by how unevenly customers buy."""
    drawn = drawn_hashes(count, np.random.default_rng(seed))
    rows = [
        _activity(drawn, partitions, exponent, largest)
        for partitions in SKEWED
        for exponent, largest in ACTIVITY
    ]
    notes = (
        f"{count:,} customers; the n-th busiest has events in proportion to n^-s. The most loaded over the mean.",
        f"A worker for each {PARTITIONS_A_WORKER} partitions; {SKEW_NODES} Redis nodes of {NAMESPACE!r}.",
    )
    return Table("Events of a partition, a worker, a node", rows, notes)


def _activity(
    drawn: Hashes, partitions: int, exponent: float, largest: float
) -> Mapping[str, Cell]:
    shares, busiest = event_shares(drawn, exponent, partitions, largest)
    slots = [slot_of(NAMESPACE, each) for each in range(partitions)]
    return {
        "partitions": partitions,
        "s": exponent,
        "busiest customer, %": 100 * busiest,
        "partition": skew(shares),
        "worker": skew(by_worker(shares, partitions // PARTITIONS_A_WORKER)),
        "node": skew(by_node(shares, slots, SKEW_NODES)),
        "node, dealt": skew(dealt_out(shares, slots, SKEW_NODES)),
    }


def learning(found: Sequence[Found]) -> Table:
    """What `learn_population` costs; of the second epoch, which has the first one's barriers too."""
    notes = (
        "A barrier from every partition, the second epoch; the last barrier is the one that a population is",
        "learned with. CPU of the learner's process; wall-clock times beside it on a machine with other work.",
    )
    return Table("Learning a population", [_learned(each) for each in found], notes)


def _learned(found: Found) -> Mapping[str, Cell]:
    last = found.epochs[-1]
    return {
        "partitions": found.partitions,
        "CPU s": last.cpu_s,
        "a barrier, ms": last.barrier_cpu_ms,
        "the last one, s": last.last_cpu_s,
        "wall s": last.last_s,
        "loop blocked, s": last.blocked_s,
        "takeover CPU s": found.takeover_cpu_s,
        "blocked then, s": found.takeover_blocked_s,
        "Redis busy, s": found.script_s,
        "peak MB": found.peak_bytes / 1e6,
        "in Redis, MB": found.redis_bytes / 1e6,
        "barrier, kB": last.largest_bytes / 1e3,
        "epoch, MB": last.raw_bytes / 1e6,
        "gzip, MB": last.wire_bytes / 1e6,
    }


def costs(found: Costs) -> list[Table]:
    """What a partition costs beside its events."""
    about = {
        "customers": found.customers,
        "a state, bytes": found.state_bytes,
        "a customer in Redis, bytes": found.redis_bytes,
        "an effect, bytes": found.row_bytes,
        "an effect in Kafka's files, bytes": found.wire_bytes,
        "effects a purchase": found.effects,
    }
    notes = ("CPU of one process that does what a worker does, and of Redis, for one time.",)
    rows = [_cost(each) for each in found.costs]
    return [
        Table("What a partition costs", rows, notes),
        Table("Sizes of what was folded", [{"what": k, "": v} for k, v in about.items()]),
    ]


def _cost(each: Cost) -> Mapping[str, Cell]:
    walked = each.customers > 0
    return {
        "what": each.what,
        "times": each.times,
        "worker µs": each.worker_us,
        "Redis µs": each.redis_us,
        "customers": each.customers if walked else None,
        "µs a customer": each.for_customers_s(MILLION) if walked else None,
    }


def inputs(given: Inputs) -> Table:
    """What the arithmetic starts from."""
    rows = [
        {"option": _option(name), "value": f"{value:,g}"} for name, value in given._asdict().items()
    ]
    return Table("Inputs of the arithmetic", rows)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def plan(given: Inputs) -> Table:
    """The plan for all sizes."""
    notes = (
        "Arithmetic from the inputs above, not a measurement. Workers by walks are marked *. Replicas,",
        "brokers' replication and lookups come on top. Over: what there is one of only, × its limit.",
    )
    return Table("Past one machine", [_planned(each) for each in plans(given)], notes)


def _planned(each: Plan) -> Mapping[str, Cell]:
    over = ", ".join(f"{name} × {times:,.1f}" for name, times in each.over)
    return {
        "customers": f"{each.customers // MILLION:,} M",
        "events/s": each.events_per_s,
        "workers": f"{each.workers:,}{'*' if each.for_walks else ''}",
        "partitions": each.partitions,
        "Redis by memory": each.nodes_memory,
        "by CPU": each.nodes_cpu,
        "Kafka MB/s": round(each.kafka_in_mb_s),
        "log TB/day": f"{each.log_tb_day:.1f}",
        "learner s": round(each.learner_s),
        "GB": f"{each.learner_gb:.1f}",
        "walk s": round(each.walk_s),
        "over its limit, the worst first": over or "nothing",
    }
