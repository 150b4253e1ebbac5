"""What `segmenter doctor` sees of Kafka as a cluster: version, copies, settings, owners, dead letters.

Enters: what brokers answer. Leaves: checks. Forbidden here: writing anything. Blocks: call it in a
thread. A broker that does not tell something makes the check say so, and be no fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError

from streams.connections import opened
from streams.doctor_check import Check
from streams.log import TIMEOUT_MS, LogInspector
from streams.settings import Settings
from streams.topics import ALERTS, DEAD_LETTERS, LOG, TOPICS
from streams.wall import wall_ms

TRIED_WITH = 4  # the major version that the tests run on
TAIL_RECORDS = 100  # of each partition of the dead letters
LATELY_MS = 3_600_000
MAX_DEAD_LETTERS = 10  # lately
_BENDING = {"retention.ms"}  # how long outputs are kept is their owner's matter

Configs = Mapping[str, Mapping[str, str]]


def examine_cluster(settings: Settings, store: str) -> list[Check]:
    """Look at what no single topic tells.

    Args:
        settings: where the brokers are.
        store: that serves, "" if it is not known: the workers' group is named after it.

    Raises:
        KafkaError: nobody answers.
    """
    with opened(KafkaAdminClient, settings.brokers, request_timeout_ms=TIMEOUT_MS) as admin:
        questions: list[tuple[str, Callable[[], Check]]] = [
            ("kafka version", partial(_version, admin)),
            ("replication", partial(_replication, admin)),
            ("topic settings", lambda: topic_settings(_configs(admin))),
        ]
        if store:
            questions.append(("owners", partial(_owners, admin, f"{settings.group}-{store}")))
        if settings.endpoints_file:
            group = f"{settings.group}-{settings.namespace}-delivery"
            questions.append(("deliverer", partial(_deliverer, admin, group)))
        return [_told(*each) for each in questions]


def _told(name: str, question: Callable[[], Check]) -> Check:
    try:
        return question()
    except KafkaError as error:
        return Check.good(name, f"the broker does not tell: {error or type(error).__name__}")


def _version(admin: Any) -> Check:
    brokers = admin.describe_cluster()["brokers"]
    numbers = {each["broker_id"] for each in brokers}
    found = {tuple(admin.get_broker_version_data(each).broker_version) for each in numbers}
    told = ", ".join(".".join(map(str, each)) for each in sorted(found))
    brokers_told = f"{told} on {len(brokers)} broker{'s' if len(brokers) != 1 else ''}"
    if all(each[0] >= TRIED_WITH for each in found):
        return Check.good("kafka version", brokers_told)
    return Check.good("kafka version", f"{brokers_told}: not tried, {TRIED_WITH}.1 is")


def _configs(admin: Any) -> Configs:
    asked = [ConfigResource(ConfigResourceType.TOPIC, each.name) for each in TOPICS]
    answer = admin.describe_configs(asked, config_filter="all").get("topic", {})
    return {
        topic: {name: str(entry["value"]) for name, entry in found.items()}
        for topic, found in answer.items()
    }


def _replication(admin: Any) -> Check:
    topics = admin.describe_topics([each.name for each in TOPICS])
    return replication(topics, _configs(admin), len(admin.describe_cluster()["brokers"]))


def replication(topics: Sequence[Mapping[str, Any]], configs: Configs, brokers: int) -> Check:
    """Whether the log outlives a broker.

    Args:
        topics: as the brokers describe them.
        configs: by topic.
        brokers: how many there are.
    """
    faults = [fault for each in topics for fault in _faults(each, configs.get(each["name"], {}))]
    if faults:
        remedy = "start the broker that is missing, or mend its disk; deploy/runbook.md, Kafka"
        return Check.bad("replication", "; ".join(faults), remedy)
    copies = min((len(p["replica_nodes"]) for t in topics for p in t["partitions"]), default=0)
    found = f"{copies} cop{'ies' if copies != 1 else 'y'} of each record, all in step"
    if copies == 1 and brokers > 1:
        return Check.bad("replication", found, _MORE_COPIES)
    if copies == 1:
        return Check.good(
            "replication", f"{found}: a lost disk is a lost log, so copy it elsewhere"
        )
    log = configs.get(LOG, {})
    if log.get("min.insync.replicas") == "1":
        remedy = f"set min.insync.replicas=2 on {LOG}, or what one broker took may be lost with it"
        return Check.bad("replication", f"{found}; min.insync.replicas=1", remedy)
    if log.get("unclean.leader.election.enable") == "true":
        remedy = f"set unclean.leader.election.enable=false on {LOG}: a log that shrinks is refused"
        return Check.bad("replication", f"{found}; unclean elections are allowed", remedy)
    return Check.good("replication", found)


_MORE_COPIES = (
    "give each partition 3 replicas: kafka-reassign-partitions.sh; topics made later: "
    "SEGMENTER_REPLICATION=3"
)


def _faults(topic: Mapping[str, Any], config: Mapping[str, str]) -> Iterator[str]:
    needed = int(config.get("min.insync.replicas", 1))
    for partition in topic["partitions"]:
        place = f"{topic['name']}/{partition['partition_index']}"
        copies, in_step = len(partition["replica_nodes"]), len(partition["isr_nodes"])
        if partition["leader_id"] < 0:
            yield f"{place} has no leader"
        elif in_step < needed:
            yield f"{place} takes no writes: {in_step} in step, {needed} needed"
        elif in_step < copies:
            yield f"{place} has {in_step} of {copies} copies in step"


def topic_settings(configs: Configs) -> Check:
    """Whether topics other than the log still have what they were made with."""
    drifted: list[str] = []
    bent: list[str] = []
    for topic in TOPICS:
        config = configs.get(topic.name, {})
        for name, wanted in topic.config.items():
            if topic.name == LOG or config.get(name, wanted) == wanted:
                continue  # the log's are looked at by themselves
            may_bend = name in _BENDING and wanted != "-1"
            told = f"{topic.name} has {name}={config[name]}, was made with {wanted}"
            (bent if may_bend else drifted).append(told)
    if drifted:
        remedy = "set it back: kafka-configs.sh --alter --entity-type topics --entity-name TOPIC"
        return Check.bad("topic settings", "; ".join(drifted), f"{remedy} --add-config NAME=VALUE")
    return Check.good("topic settings", "; ".join(bent) or "as they were made")


def _owners(admin: Any, group: str) -> Check:
    described = admin.describe_groups([group])[group] if _is_known(admin, group) else {}
    wanted = len(admin.describe_topics([LOG])[0]["partitions"])
    return owners(group, described, wanted)


def owners(group: str, described: Mapping[str, Any], partitions: int) -> Check:
    """Whether each partition of the log is assigned to a worker.

    Args:
        group: the workers'.
        described: as the broker describes it; {} if it knows no such group.
        partitions: of the log.
    """
    members, state = described.get("members", ()), described.get("group_state", "unknown")
    owned = {each for member in members for each in assigned(member, LOG)}
    found = f"group {group}: {state}, {len(members)} members own {len(owned)} of {partitions}"
    if len(owned) == partitions:
        return Check.good("owners", found)
    if members:
        return Check.bad(
            "owners", found, "wait for the rebalance; if it stays so: segmenter run worker"
        )
    return Check.bad("owners", found, "segmenter run worker")


def assigned(member: Mapping[str, Any], topic: str) -> list[int]:
    """The partitions of a topic that a member of a group has."""
    assignment = member.get("member_assignment") or {}
    given = assignment.get("assigned_partitions", ()) if isinstance(assignment, Mapping) else ()
    return [p for each in given if each["topic"] == topic for p in each["partitions"]]


def _deliverer(admin: Any, group: str) -> Check:
    described = admin.describe_groups([group])[group] if _is_known(admin, group) else {}
    owning = [each for each in described.get("members", ()) if assigned(each, ALERTS)]
    if owning:
        return Check.good("deliverer", f"one delivers, {len(described['members']) - 1} stand by")
    return Check.bad("deliverer", f"nobody reads {ALERTS} as {group}", "segmenter run delivery")


def _is_known(admin: Any, group: str) -> bool:
    return any(each["group_id"] == group for each in admin.list_groups())


def dead_letters(inspector: LogInspector, partitions: int) -> Check:
    """How many records could not be used lately, and why.

    Raises:
        KafkaUnavailable.
    """
    since_ms = wall_ms() - LATELY_MS
    tails = inspector.tail(DEAD_LETTERS, range(partitions), TAIL_RECORDS)
    lately = [
        dict(each.headers).get("error.reason", b"?").decode("utf-8", "replace")
        for records in tails.values()
        for each in records
        if each.timestamp_ms >= since_ms
    ]
    reasons = ", ".join(f"{reason} {count}" for reason, count in Counter(lately).most_common(3))
    found = f"{len(lately)} in the last hour" + (f": {reasons}" if reasons else "")
    remedy = f"read them and mend their producer: deploy/runbook.md, {DEAD_LETTERS}"
    return Check.of("dead letters", found, remedy if len(lately) > MAX_DEAD_LETTERS else "")
