"""Which errors of Redis pass by themselves."""

from __future__ import annotations

import pytest
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    MasterDownError,
    MovedError,
    NoScriptError,
    OutOfMemoryError,
    RedisClusterException,
    ResponseError,
    SlotNotCoveredError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from streams.store import StoreUnavailable
from streams.unavailable import or_unavailable

RESET = "unable to perform operation on <TCPTransport closed=True reading=False 0x7f>; the handler is closed"


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("refused"),
        OutOfMemoryError("full"),
        OSError("no route"),
        ResponseError("MISCONF can't save"),
        RuntimeError(RESET),
        ClusterDownError("CLUSTERDOWN The cluster is down"),
        MasterDownError("MASTERDOWN Link with MASTER is down"),
        TryAgainError("TRYAGAIN Multiple keys request during rehashing of slot"),
        ClusterError("TTL exhausted."),
        MovedError("3999 127.0.0.1:6381"),
        AskError("3999 127.0.0.1:6381"),
        NoScriptError("No matching script. Please use EVAL."),
        RedisClusterException("Redis Cluster cannot be connected. Please provide at least one"),
        SlotNotCoveredError('Slot "3999" not covered by the cluster.'),
    ],
)
def test_what_passes_by_itself_is_store_unavailable(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=r"^Redis: "), or_unavailable():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE"),
        RuntimeError("no running loop"),
        RedisClusterException("EVALSHA - all keys must map to the same key slot"),
    ],
)
def test_what_is_a_fault_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), or_unavailable():
        raise error
