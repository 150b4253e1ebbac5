"""One kind of store more than other tests have: a Redis Cluster."""

from __future__ import annotations

import pytest

from tests.conftest import MEMORY
from tests.real_parts import REDIS, VALKEY
from tests.support.redis_cluster import RedisCluster

CLUSTER = "Redis Cluster"
URLS = {VALKEY.name: "valkey_url", REDIS.name: "redis_url", CLUSTER: "cluster_url"}


@pytest.fixture(scope="session")
def cluster_url(cluster: RedisCluster) -> str:
    """Where the nodes answer."""
    return cluster.url


@pytest.fixture(params=[MEMORY, *URLS])
def store_url(request: pytest.FixtureRequest) -> str:
    """Where a store of each kind is: `MEMORY`, or an address."""
    if request.param == MEMORY:
        return MEMORY
    return str(request.getfixturevalue(URLS[request.param]))
