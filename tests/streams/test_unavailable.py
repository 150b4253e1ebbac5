"""Which errors of Redis pass by themselves."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

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
    ],
)
def test_what_passes_by_itself_is_store_unavailable(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=r"^Redis: "), or_unavailable():
        raise error


@pytest.mark.parametrize("error", [ResponseError("WRONGTYPE"), RuntimeError("no running loop")])
def test_what_is_a_fault_is_raised_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), or_unavailable():
        raise error
