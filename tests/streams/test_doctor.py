"""What `segmenter doctor` says of what it finds: literals in, a sentence and a remedy out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from streams.alert_reads import EndpointSeen
from streams.doctor import NAMES
from streams.doctor_check import Check
from streams.doctor_cluster import (
    MAX_DEAD_LETTERS,
    dead_letters,
    owners,
    replication,
    topic_settings,
)
from streams.doctor_redis import clock, memory, of_redis, replicas, saved
from streams.doctor_sources import of_source
from streams.doctor_told import endpoints, keys_file
from streams.log import Extent, Record, TopicFacts
from streams.normalising import Stand
from streams.retrying import Health
from streams.topics import DEAD_LETTERS, ERASURES, LOG, TOPICS
from streams.wall import wall_ms

AS_MADE = {each.name: dict(each.config) for each in TOPICS}


def log_of(*partitions: tuple[int, int, int]) -> list[dict[str, Any]]:
    """The log as brokers describe it: leader, copies, copies in step."""
    described = [
        {
            "partition_index": number,
            "leader_id": leader,
            "replica_nodes": list(range(copies)),
            "isr_nodes": list(range(in_step)),
        }
        for number, (leader, copies, in_step) in enumerate(partitions)
    ]
    return [{"name": LOG, "partitions": described}]


SAFE = {LOG: {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}}


@pytest.mark.parametrize(
    ("described", "configs", "brokers", "ok", "found"),
    [
        (log_of((1, 3, 3)), SAFE, 3, True, "3 copies of each record, all in step"),
        (log_of((1, 1, 1)), {}, 1, True, "1 copy of each record, all in step: a lost disk"),
        (log_of((1, 1, 1)), {}, 3, False, "1 copy of each record"),
        (log_of((1, 3, 2), (1, 3, 3)), SAFE, 3, False, f"{LOG}/0 has 2 of 3 copies in step"),
        (log_of((1, 3, 3), (1, 3, 1)), SAFE, 3, False, f"{LOG}/1 takes no writes: 1 in step, 2"),
        (log_of((-1, 3, 0)), SAFE, 3, False, f"{LOG}/0 has no leader"),
        (log_of((1, 3, 3)), {LOG: {"min.insync.replicas": "1"}}, 3, False, "min.insync.replicas=1"),
        (
            log_of((1, 3, 3)),
            {LOG: {"min.insync.replicas": "2", "unclean.leader.election.enable": "true"}},
            *(3, False, "unclean elections are allowed"),
        ),
    ],
)
def test_a_log_that_would_not_outlive_a_broker_is_told(
    described: list[dict[str, Any]],
    configs: dict[str, dict[str, str]],
    brokers: int,
    ok: bool,
    found: str,
) -> None:
    check = replication(described, configs, brokers)
    assert (check.ok, found in check.found, bool(check.remedy)) == (ok, True, not ok)


def test_a_compacted_topic_that_deletes_is_told_and_outputs_may_be_kept_as_long_as_one_likes() -> (
    None
):
    assert topic_settings(AS_MADE) == Check.good("topic settings", "as they were made")
    shorter = {**AS_MADE, DEAD_LETTERS: {"retention.ms": "86400000"}}
    assert topic_settings(shorter).ok
    assert "dead-letters.v1 has retention.ms=86400000" in topic_settings(shorter).found
    drifted = topic_settings({**AS_MADE, ERASURES: {"cleanup.policy": "delete"}})
    assert drifted.found == "erasures.v1 has cleanup.policy=delete, was made with compact"
    assert "kafka-configs.sh --alter" in drifted.remedy


def member(*partitions: int, topic: str = LOG) -> dict[str, Any]:
    given = [{"topic": topic, "partitions": list(partitions)}]
    return {"member_assignment": {"assigned_partitions": given}}


@pytest.mark.parametrize(
    ("members", "ok", "found"),
    [
        ([member(0, 2), member(1)], True, "group g: Stable, 2 members own 3 of 3"),
        ([member(0, 2), member(1, topic="other")], False, "group g: Stable, 2 members own 2 of 3"),
        ([{"member_assignment": b""}], False, "group g: Stable, 1 members own 0 of 3"),
        ([], False, "group g: Stable, 0 members own 0 of 3"),
    ],
)
def test_a_partition_without_an_owner_is_told(
    members: list[dict[str, Any]], ok: bool, found: str
) -> None:
    check = owners("g", {"group_state": "Stable", "members": members}, 3)
    assert (check.ok, check.found) == (ok, found)


class Letters:
    """A log inspector that knows one tail."""

    def __init__(self, ages_ms: list[int]) -> None:
        self._ages_ms = ages_ms

    def tail(self, topic: str, partitions: range, count: int) -> dict[int, list[Record]]:
        """All of them stand in partition 0."""
        assert (topic, count) == (DEAD_LETTERS, 100)
        headers = [("error.reason", b"not_json")]
        stamps = [wall_ms() - age_ms for age_ms in self._ages_ms]
        records = [Record(n, each, None, b"", headers) for n, each in enumerate(stamps)]
        return {each: records if each == 0 else [] for each in partitions}


def test_dead_letters_of_the_last_hour_are_counted_by_reason() -> None:
    inspector: Any = Letters([0] * MAX_DEAD_LETTERS + [3_700_000] * 50)
    assert dead_letters(inspector, 2) == Check.good(
        "dead letters", "10 in the last hour: not_json 10"
    )
    inspector = Letters([0] * (MAX_DEAD_LETTERS + 1))
    assert not dead_letters(inspector, 2).ok
    inspector = Letters([])
    assert dead_letters(inspector, 2).found == "0 in the last hour"


@pytest.mark.parametrize(
    ("info", "ok", "found"),
    [
        ({"used_memory": 84, "maxmemory": 100}, True, "84% used"),
        ({"used_memory": 86, "maxmemory": 100, "total_system_memory": 900}, False, "86% used"),
        ({"used_memory": 90, "maxmemory": 0, "total_system_memory": 100}, False, "no maxmemory is"),
        ({"used_memory": 90}, True, "no limit is told"),
    ],
)
def test_a_redis_that_is_nearly_full_is_told(info: dict[str, int], ok: bool, found: str) -> None:
    check = memory(info)
    assert (check.ok, found in check.found) == (ok, True)


def test_a_redis_that_cannot_save_is_told() -> None:
    good = {"rdb_last_bgsave_status": "ok", "rdb_last_save_time": int(time.time()) - 5}
    assert saved(good).ok
    for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"):
        assert saved({**good, name: "err"}).found == f"{name} err"
    assert not saved({**good, "loading": 1}).ok


def test_a_replica_is_not_the_one_to_write_to_and_a_slow_one_is_told() -> None:
    slow = {"state": "online", "lag": 11}
    quick = {"state": "online", "lag": 1}
    assert replicas({"role": "master", "slave0": quick, "slave_read_repl_offset": 7}).ok
    assert replicas({"role": "master"}).found.startswith("primary, without a replica")
    assert replicas({"role": "master", "slave0": quick, "slave1": slow}).found == (
        "1 of 2 replicas don't keep up"
    )
    check = replicas({"role": "slave", "master_host": "h", "master_port": 6379})
    assert (check.ok, check.found) == (False, "a replica of h:6379, which takes no writes")


def test_a_redis_that_evicts_or_is_too_old_is_told() -> None:
    told = {each.name: each for each in of_redis({"redis_version": "6.2.1"}, {})}
    assert not told["redis version"].ok
    assert not told["redis maxmemory-policy"].ok
    valkey = {"redis_version": "7.2.4", "valkey_version": "9.1.2", "aof_enabled": 1}
    told = {each.name: each for each in of_redis(valkey, {"maxmemory-policy": "noeviction"})}
    assert told["redis version"] == Check.good("redis version", "Valkey 9.1.2")
    assert told["redis appendonly"].found == "yes"
    assert told["redis maxmemory-policy"].ok


def test_clocks_that_differ_are_told() -> None:
    assert clock(time.time()).ok
    assert not clock(time.time() - 60).ok


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (EndpointSeen("crm", Health(delivered=9), 3, 0), ""),
        (EndpointSeen("crm", Health(disabled_why="410"), 3, 0), "crm is disabled, 3 alerts wait"),
        (EndpointSeen("crm", Health(failures_in_a_row=4), 3, 0), "crm failed 4 times in a row"),
        (EndpointSeen("crm", Health(), 0, 2), "crm has 2 dead alerts"),
    ],
)
def test_an_endpoint_that_takes_nothing_is_told(seen: EndpointSeen, found: str) -> None:
    check = endpoints([seen])
    assert (check.ok, found in check.found) == (not found, True)


def test_a_file_of_keys_that_holds_none_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert keys_file("") == []
    (missing,) = keys_file(str(tmp_path / "none"))
    assert (missing.ok, missing.found) == (False, "0 keys")
    broken = tmp_path / "keys"
    broken.write_text("not a key\n", "utf-8")
    (check,) = keys_file(str(broken))
    assert not check.ok
    assert str(broken) in check.found


@pytest.mark.parametrize(
    ("stand", "extent", "ok", "found"),
    [
        (Stand(90, "t"), Extent(0, 100), True, "shop: 10 records wait"),
        (Stand(), Extent(7, 100), True, "shop: 93 records wait"),
        (Stand(), Extent(0, 10_001), False, "shop: 10,001 records wait"),
        (Stand(5, "t"), Extent(7, 100), False, "shop: 93 records wait, 2 offsets have expired"),
        (Stand(200, "t"), Extent(0, 100), False, "it has lost records"),
        (Stand(5, "another"), Extent(0, 100), False, "it was deleted and made again"),
    ],
)
def test_a_source_that_is_not_read_to_its_end_or_not_whole_is_told(
    stand: Stand, extent: Extent, ok: bool, found: str
) -> None:
    facts = TopicFacts("t", 1)
    check = of_source("main", "shop", "orders", facts, {0: extent}, {0: stand})
    assert (check.ok, found in check.found) == (ok, True), check


def test_the_names_are_those_that_scripts_and_the_runbook_know() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert set(NAMES) == {
        *("broker", "topics", "kafka version", "replication", "log settings", "topic settings"),
        *(f"topic {each.name}" for each in TOPICS),
        *("owners", "partitioner", "dead letters", "redis", "redis version"),
        *("redis maxmemory-policy", "redis memory", "redis appendonly", "redis saved"),
        *("redis replication", "clock", "hash key", "states", "lag", "workers", "source"),
        *("outbox", "outbox age", "policy", "population", "learner", "survey", "sources"),
        *("keys file", "endpoints file", "endpoints", "deliverer"),
    }
