"""What the setting of a Redis, or of a Redis Cluster, may say."""

from __future__ import annotations

import re

import pytest

from streams.redis_address import ClusterAddress, cluster_address
from streams.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://a:7001,b:7002", (("a", 7001), ("b", 7002))),
        ("redis+cluster://a", (("a", 6379),)),
        ("rediss+cluster://me:p%2Cw@[::1]:7001,b/0", (("::1", 7001), ("b", 6379))),
    ],
)
def test_some_nodes_of_a_cluster_can_be_named(url: str, nodes: tuple[tuple[str, int], ...]) -> None:
    settings = Settings.model_validate({"redis_url": url})
    found = cluster_address(settings.redis_url.get_secret_value())
    assert found is not None
    assert found.nodes == nodes


def test_user_password_and_options_are_those_of_every_node() -> None:
    found = cluster_address("rediss+cluster://me:p%2Cw@a:7001,b?ssl_cert_reqs=none")
    assert found == ClusterAddress(
        (("a", 7001), ("b", 6379)), "rediss://me:p%2Cw@a:7001?ssl_cert_reqs=none"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://a:7001/1", "a Redis Cluster has one database only"),
        ("redis+cluster://a:7001,", "write of a Redis Cluster redis"),
        ("redis+cluster://", "write of a Redis Cluster redis"),
        ("redis+cluster://a:x,b:1", "write of a Redis Cluster redis"),
        ("redis+cluster://a:0", "write of a Redis Cluster redis"),
        ("redis+cluster://me:secret@a:,b", "write of a Redis Cluster redis"),
        ("redis-cluster://a:7001", "write redis://host:port/0, or rediss:// for TLS; of a Redis"),
        ("redis://a:7001,b:7002", "write redis://host:port/0, or rediss:// for TLS; of a Redis"),
        ("redis://[a", "write redis://host:port/0, or rediss:// for TLS; of a Redis"),
    ],
)
def test_what_names_no_cluster_is_refused_with_what_to_write(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)) as refused:
        load_settings(None, {}, redis_url=url)
    assert "secret" not in str(refused.value)
