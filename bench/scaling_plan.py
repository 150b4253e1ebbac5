"""The arithmetic of a plan past one machine: from costs to workers, partitions, nodes, and what gives way first. Pure.

Nothing here was measured on more than one machine: these are costs of one, multiplied. All inputs stand in
`Inputs`, once; the bench takes each from its command line.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

DAY_S = 86_400
CUSTOMERS = (10_000_000, 100_000_000, 1_000_000_000)
EVENTS_PER_S = (10_000, 100_000, 1_000_000)
PARTITIONS_A_WORKER = 4  # so that work can be shared evenly, and given to others in parts
LEAST_PARTITIONS, MOST_PARTITIONS = 16, 4_096  # the latter: `Settings.partitions`


class Inputs(NamedTuple):
    """What the arithmetic starts from.

    What it begins with are figures of the bench's other parts: the plain shop of `costs`, all in (in process, without the
    client of Kafka), and 1,024 partitions of `learner`. `event_bytes`, and all from `busy_share` on, are choices.

    Attributes:
        worker_us: CPU of a worker for an event, with the deadlines and effects it causes.
        redis_us: CPU of Redis for the same.
        effects: that an event causes, the mean.
        relay_us: CPU of the relay for an effect.
        event_bytes: of an event in Kafka's files, key and headers included.
        effect_bytes: likewise, of an effect.
        customer_bytes: of Redis's memory, with deadline, segments and history.
        walk_us: CPU of a worker for a customer who is measured against a new population.
        survey_us: CPU of the surveyor for a customer.
        learner_partition_ms: CPU of learning a population for each partition, from its barrier on.
        learner_partition_mb: memory of the learner for each partition.
        takeover_partition_ms: for which a new owner of the learner folds nothing, a partition.
        takeover_redis_ms: CPU of Redis for the one call of a takeover, a partition.
        busy_share: how much of a core may be used in the mean.
        node_gb: memory of a Redis node that states may fill; as much again is kept free for its copy.
        walk_s: how long a population may take until everybody has been measured against it.
        worker_gb: memory that the learner's owner may use.
        stall_s: how long the partitions of a worker may stand still.
        answer_s: how long Redis may take for an answer: `redis_store.connect`.
        survey_hours: how old a survey may be.
        largest_share: of all events, that one customer has.
    """

    worker_us: float = 890.0
    redis_us: float = 83.0
    effects: float = 5.3
    relay_us: float = 106.0
    event_bytes: float = 450.0
    effect_bytes: float = 67.0
    customer_bytes: float = 4_400.0
    walk_us: float = 147.0
    survey_us: float = 630.0
    learner_partition_ms: float = 110.0
    learner_partition_mb: float = 5.6
    takeover_partition_ms: float = 40.0
    takeover_redis_ms: float = 2.5
    busy_share: float = 0.6
    node_gb: float = 32.0
    walk_s: float = 600.0
    worker_gb: float = 8.0
    stall_s: float = 60.0
    answer_s: float = 5.0
    survey_hours: float = 24.0
    largest_share: float = 0.001


class Plan(NamedTuple):
    """What so many customers and events ask for.

    Attributes:
        customers: how many.
        events_per_s: likewise.
        workers: processes, one core each.
        for_walks: whether it is walks that ask for so many, not events.
        partitions: a power of two.
        nodes_memory: Redis nodes, by their memory; replicas come on top.
        nodes_cpu: Redis nodes, one core each, by their CPU.
        kafka_in_mb_s: events and effects, before replication.
        log_tb_day: what the log grows by, as it is kept for ever.
        learner_s: CPU of learning a population.
        learner_gb: memory of the learner's owner while it learns.
        walk_s: until everybody has been measured against a population.
        over: what there is one of only, and how many times its limit is needed; those above 1, the worst first.
    """

    customers: int
    events_per_s: int
    workers: int
    for_walks: bool
    partitions: int
    nodes_memory: int
    nodes_cpu: int
    kafka_in_mb_s: float
    log_tb_day: float
    learner_s: float
    learner_gb: float
    walk_s: float
    over: tuple[tuple[str, float], ...]


def power_of_two(at_least: float) -> int:
    """The smallest power of two that is no smaller.

    >>> power_of_two(1), power_of_two(5), power_of_two(64)
    (1, 8, 64)
    """
    return int(2 ** ceil(log2(max(1, at_least))))


def planned(customers: int, events_per_s: int, given: Inputs) -> Plan:
    """The plan for so many."""
    by_events = events_per_s * given.worker_us / 1e6 / given.busy_share
    by_walks = customers * given.walk_us / 1e6 / given.walk_s
    workers = ceil(max(1.0, by_events, by_walks))
    wanted = power_of_two(PARTITIONS_A_WORKER * workers)
    partitions = min(MOST_PARTITIONS, max(LEAST_PARTITIONS, wanted))
    node_bytes = given.node_gb * 2**30
    effects_per_s = events_per_s * given.effects
    into_kafka = events_per_s * given.event_bytes + effects_per_s * given.effect_bytes
    return Plan(
        customers,
        events_per_s,
        workers,
        by_walks > by_events,
        partitions,
        ceil(customers * given.customer_bytes / node_bytes),
        ceil(events_per_s * given.redis_us / 1e6 / given.busy_share),
        into_kafka / 1e6,
        events_per_s * given.event_bytes * DAY_S / 1e12,
        partitions * given.learner_partition_ms / 1_000,
        partitions * given.learner_partition_mb / 1_000,
        customers * given.walk_us / 1e6 / workers,
        _over(customers, events_per_s, partitions, given),
    )


def _over(
    customers: int, events_per_s: int, partitions: int, given: Inputs
) -> tuple[tuple[str, float], ...]:
    """What more processes or nodes don't help: over the limit, the worst first."""
    stalled = partitions * given.takeover_partition_ms / 1e3 / given.stall_s
    unanswered = partitions * given.takeover_redis_ms / 1e3 / given.answer_s
    needed = {
        "relay": events_per_s * given.effects * given.relay_us / 1e6,
        "surveyor": customers * given.survey_us / 1e6 / 3_600 / given.survey_hours,
        "learner's memory": partitions * given.learner_partition_mb / 1e3 / given.worker_gb,
        "learner's takeover": max(stalled, unanswered),
        "busiest partition": given.largest_share * events_per_s * given.worker_us / 1e6,
    }
    worst = sorted(needed.items(), key=lambda each: -each[1])
    return tuple((name, times) for name, times in worst if times > 1)


def plans(given: Inputs) -> list[Plan]:
    """All that docs/scaling.md tells of."""
    return [planned(who, rate, given) for who in CUSTOMERS for rate in EVENTS_PER_S]
