"""What `segmenter doctor` sees of Redis itself: version, memory, what it saves, copies, the clock.

Enters: what Redis says of itself, of one node. Leaves: checks. Pure.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from streams.doctor_check import Check

OLDEST_MAJOR = 7  # what the tests run on; Valkey calls itself 7.2
MAX_MEMORY_SHARE = 0.85
MAX_REPLICA_LAG_S = 10
MAX_SKEW_S = 5.0
_SAVING = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


def of_redis(info: Mapping[str, Any], config: Mapping[str, str]) -> Iterator[Check]:
    """All that one node tells.

    Args:
        info: of `INFO`.
        config: of `CONFIG GET`; {} where that is forbidden.
    """
    yield _version(info)
    yield _policy(config.get("maxmemory-policy") or str(info.get("maxmemory_policy", "?")))
    yield memory(info)
    yield _appendonly(info)
    yield saved(info)
    yield replicas(info)


def _version(info: Mapping[str, Any]) -> Check:
    found = str(info.get("valkey_version") or info.get("redis_version", "?"))
    name = "Valkey" if "valkey_version" in info else "Redis"
    known = str(info.get("redis_version", "")).split(".")[0]
    old = known.isdigit() and int(known) < OLDEST_MAJOR
    remedy = f"use Redis {OLDEST_MAJOR} or Valkey: older ones were not tried" if old else ""
    return Check.of("redis version", f"{name} {found}", remedy)


def _policy(policy: str) -> Check:
    remedy = "CONFIG SET maxmemory-policy noeviction: an evicted state would be a lost customer"
    return Check.of("redis maxmemory-policy", policy, "" if policy == "noeviction" else remedy)


def memory(info: Mapping[str, Any]) -> Check:
    """How much room is left, below its own limit, else in the machine."""
    used, own = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    limit = own or int(info.get("total_system_memory", 0))
    of_what = "maxmemory" if own else "the machine's memory; no maxmemory is set"
    if not limit:
        return Check.good("redis memory", f"{_megabytes(used)} used; no limit is told")
    found = f"{used / limit:.0%} used: {_megabytes(used)} of {_megabytes(limit)}, {of_what}"
    remedy = "CONFIG SET maxmemory, or a larger machine; a full Redis stops the workers"
    return Check.of("redis memory", found, remedy if used > MAX_MEMORY_SHARE * limit else "")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"


def _appendonly(info: Mapping[str, Any]) -> Check:
    without = (
        "no: after a crash the log is folded again from the last snapshot, or from its beginning"
    )
    return Check.good("redis appendonly", "yes" if int(info.get("aof_enabled", 0)) else without)


def saved(info: Mapping[str, Any]) -> Check:
    """Whether what it writes to its disk gets there."""
    failed = [f"{each} {info[each]}" for each in _SAVING if info.get(each, "ok") != "ok"]
    if failed:
        remedy = "look at its log and its disk: a Redis that can't save refuses writes"
        return Check.bad("redis saved", ", ".join(failed), remedy)
    if int(info.get("loading", 0)):
        return Check.bad("redis saved", "it is loading what it saved", "wait")
    age_s = max(0, int(time.time()) - int(info.get("rdb_last_save_time", time.time())))
    changes = int(info.get("rdb_changes_since_last_save", 0))
    return Check.good("redis saved", f"last snapshot {age_s:,} s ago, {changes:,} writes since")


def replicas(info: Mapping[str, Any]) -> Check:
    """Whether it is the one to write to, and its copies keep up."""
    name = "redis replication"
    if info.get("role") == "slave":
        where = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
        remedy = "point SEGMENTER_REDIS_URL to the primary, or promote this one: REPLICAOF NO ONE"
        return Check.bad(name, f"a replica of {where}, which takes no writes", remedy)
    known = [each for key, each in info.items() if key.startswith("slave") and key[5:].isdigit()]
    behind = [each for each in known if not _keeps_up(each)]
    if behind:
        remedy = "look at the network and the replica's log; promoting it now would lose writes"
        return Check.bad(name, f"{len(behind)} of {len(known)} replicas don't keep up", remedy)
    if not known:
        return Check.good(name, "primary, without a replica: if it is lost, the log is folded anew")
    return Check.good(
        name, f"primary, {len(known)} replica{'s' if len(known) != 1 else ''} in step"
    )


def _keeps_up(replica: Mapping[str, Any]) -> bool:
    return replica.get("state") == "online" and int(replica.get("lag", 0)) <= MAX_REPLICA_LAG_S


def clock(redis_s: float) -> Check:
    """How far Redis's clock is from this machine's, both in epoch seconds."""
    skew_s = abs(time.time() - redis_s)
    remedy = "synchronise the machines' clocks (NTP)" if skew_s > MAX_SKEW_S else ""
    return Check.of("clock", f"{skew_s:.1f} s from Redis's", remedy)
