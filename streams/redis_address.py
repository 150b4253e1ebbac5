"""Where Redis is, as the setting says it: one server, or some nodes of a cluster.

Enters: the setting. Leaves: the nodes' addresses, and the URL that a single server with the same user, password
and options would have. Forbidden here: connecting, and saying an address in an error: a password may stand in it.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORT = 6379
_CLUSTER = "+cluster"
_ONE = {"redis", "rediss", "unix"}
_CLUSTERS = {f"redis{_CLUSTER}", f"rediss{_CLUSTER}"}
ONE = "write redis://host:port/0, or rediss:// for TLS"
SEVERAL = "of a Redis Cluster redis+cluster://host:port,host:port, or rediss+cluster:// for TLS"


class ClusterAddress(NamedTuple):
    """Some nodes of a cluster; the others are learned from them.

    Attributes:
        nodes: host and port of each.
        url: of the first, as if it stood alone: with user, password and options, which are the same for all.
    """

    nodes: tuple[tuple[str, int], ...]
    url: str


def cluster_address(url: str) -> ClusterAddress | None:
    """The nodes that a setting names; None: it names a single server.

    Raises:
        ValueError: it can't be used; says what to write.

    >>> cluster_address("redis+cluster://me:secret@a:7001,b").nodes
    (('a', 7001), ('b', 6379))
    >>> cluster_address("redis+cluster://me:secret@a:7001,b?socket_keepalive=True").url
    'redis://me:secret@a:7001?socket_keepalive=True'
    >>> cluster_address("redis://a:6379/0") is None
    True
    """
    parts = _split(url)
    if parts.scheme in _ONE:
        return None
    if parts.path not in {"", "/", "/0"}:
        raise ValueError("a Redis Cluster has one database only; leave out what follows the nodes")
    user, at, hosts = parts.netloc.rpartition("@")
    nodes = tuple(_node(each) for each in hosts.split(","))
    first = f"{user}{at}{hosts.split(',')[0]}"
    scheme = parts.scheme.removesuffix(_CLUSTER)
    return ClusterAddress(nodes, SplitResult(scheme, first, "", parts.query, "").geturl())


def _split(url: str) -> SplitResult:
    """Of one of the schemes; a single server's port is looked at here, a cluster's by `_node`."""
    try:
        parts = urlsplit(url)
        if parts.scheme in _CLUSTERS or (parts.scheme in _ONE and parts.port != 0):
            return parts
    except ValueError:  # brackets that do not close, a port that is no number
        pass
    raise ValueError(f"{ONE}; {SEVERAL}")


def _node(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        host, port = None, 0
    if not host or not port or text.endswith(":"):
        raise ValueError(f"write {SEVERAL}")
    return host, port
