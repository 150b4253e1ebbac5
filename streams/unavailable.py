"""What Redis says when it can't answer or write now: one list, for all who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
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
    ClusterDownError,  # MasterDownError is one
    TryAgainError,
    OSError,
)
# Codes that redis-py has no exception for, and uvloop's word for a connection that was reset.
_PASSING = ("MISCONF", "NOREPLICAS", "BUSY", "unable to perform operation on")


@contextmanager
def or_unavailable() -> Iterator[None]:
    """Turn what will pass by itself into `StoreUnavailable`; all else is raised as it is."""
    try:
        yield
    except _ALWAYS as error:
        raise StoreUnavailable(f"Redis: {error}") from error
    except (ResponseError, RuntimeError) as error:
        if any(word in str(error) for word in _PASSING):
            raise StoreUnavailable(f"Redis: {error}") from error
        raise
