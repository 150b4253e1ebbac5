"""redis-py's asyncio connections, with hiredis packing what is sent: that is in C, and six times as fast.

redis-py itself lets hiredis pack for blocking clients only. A script that writes some hundred customers has
thousands of arguments.

Enters: a pool of connections. Leaves: the same, which makes quicker ones. Forbidden here: keys, scripts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool


def packed_by_hiredis(pool: ConnectionPool[Any]) -> None:
    """Let a pool that has made no connection yet make such ones."""
    pool.connection_class = _packing(pool.connection_class)


@lru_cache
def _packing(plain: type[AbstractConnection]) -> type[AbstractConnection]:
    class PackedConnection(plain):  # type: ignore[misc,valid-type]
        def pack_command(self, *args: Any) -> list[bytes]:
            name, *others = args
            if isinstance(name, str) and " " in name:  # CONFIG GET: redis-py's names may be two words
                args = (*name.split(), *others)
            return [hiredis.pack_command(args)]

    return PackedConnection
