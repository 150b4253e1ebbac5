"""Some of the runs again, with the states on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis.asyncio as aioredis

from streams.redis_store import connect
from tests.simulation.run import run
from tests.simulation.valkey_server import valkey_server

SEEDS = 50


@pytest.fixture(scope="module")
def valkey(runner: asyncio.Runner, valkey_url: str) -> Iterator[aioredis.Redis]:
    client = connect(valkey_url)
    yield client
    runner.run(client.aclose())


def test_on_valkey_too_an_installation_comes_to_what_its_log_says(
    runner: asyncio.Runner, valkey: aioredis.Redis
) -> None:
    for seed in range(SEEDS):
        run(seed, server=valkey_server(runner, valkey, f"sim-{seed}"))
