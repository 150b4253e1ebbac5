"""What Redis says when it can't answer or write now: one list, for all who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams.store import StoreUnavailable

_ALWAYS = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterError,  # CLUSTERDOWN, MASTERDOWN, and too many redirections
    TryAgainError,
    NoScriptError,  # it was loaded, but the partition is at another node by now; each call loads it anew
    OSError,
)
# Codes that redis-py has no exception for, uvloop's word for a connection that was reset, and what redis-py's
# client of a cluster says when no node answers or no node has a slot.
_PASSING = (
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "unable to perform operation on",
    "cannot be connected",
    "not covered",
    "could not agree on",
)
_A_CLUSTER = "it is a node of a Redis Cluster: write SEGMENTER_REDIS_URL=redis+cluster://host:port"


@contextmanager
def or_unavailable() -> Iterator[None]:
    """Turn what will pass by itself into `StoreUnavailable`; all else is raised as it is."""
    try:
        yield
    except _ALWAYS as error:
        raise StoreUnavailable(f"Redis: {error}") from error
    except AskError as error:  # MovedError is one; a cluster's client follows them
        raise StoreUnavailable(f"Redis: {error}; {_A_CLUSTER}") from error
    except (ResponseError, RuntimeError, RedisClusterException) as error:
        if any(word in str(error) for word in _PASSING):
            raise StoreUnavailable(f"Redis: {error}") from error
        raise
