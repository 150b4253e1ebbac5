"""A Redis as somebody runs it: a file of settings, an append-only file, ended and started by commands.

In: an empty place for a directory. Out: what the runbook's commands take for granted of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from streams.local import HOST, free_port
from tests.support.installation import wait_until
from tests.support.runbook import run

_CONFIG = """\
bind {host}
port {port}
dir {directory}
save ""
appendonly yes
maxmemory-policy noeviction
repl-diskless-sync-delay 0
"""


@contextmanager
def redis_in(directory: Path) -> Iterator[dict[str, str]]:
    """A Redis that keeps an append-only file there; what the runbook takes for granted of it."""
    directory.mkdir()
    port, config = free_port(), directory / "redis.conf"
    config.write_text(_CONFIG.format(host=HOST, port=port, directory=directory), "utf-8")
    told = {
        "REDIS": f"redis://{HOST}:{port}/0",
        "REDIS_HOST": HOST,
        "REDIS_PORT": str(port),
        "REDIS_DIR": str(directory),
        "REDIS_CONF": str(config),
    }
    run(f'redis-server "{config}" --daemonize yes', os.environ, directory)
    client = redis.Redis.from_url(told["REDIS"])
    try:
        wait_until(lambda: answers(client))
        yield told
    finally:
        client.shutdown(nosave=True)
        client.close()


def answers(client: redis.Redis) -> bool:
    """Whether it does by now."""
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
