"""redis-py's clients of a Redis Cluster, as the rest of the system uses them: like those of a single server.

Enters: a `ClusterAddress`. Leaves: an asyncio client that takes the place of `redis.asyncio.Redis`, and a blocking
one that takes the place of `redis.Redis`. Forbidden here: keys but for their hash tags, and what scripts do.

What redis-py's client does otherwise than the system needs, and what is made of it here:

- It connects when it is entered or made. Here it connects at the first command.
- It tries again by itself. Here every failure is told, as it is of a single server: the lanes wait, and ask anew.
- It closes connections that others are sending by, which then end with an `AttributeError`. Here it is a closed connection.
- Nodes that were named are forgotten for those that are learned, and one without a slot is not known. Here all are asked.
- More calls at once than connections are an error. Here they wait for their turn, as long as for an answer.
- While a slot moves to another node, a script may be stopped in the middle: at the first key that is not there,
  be it one that has moved or one that never was. So no script begins: each declares one key more, of its
  partition, that never exists, and a node refuses (`TRYAGAIN`) whatever names keys of a moving slot that are not all there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

import redis
import redis.asyncio as aioredis
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode as BlockingNode
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.exceptions import TryAgainError
from redis.retry import Retry as BlockingRetry
from redis.utils import str_if_bytes

from streams.packed_connection import packed
from streams.redis_address import ClusterAddress

_NEVER = ":never"  # ends the key that never exists
_SPARE = 8  # connections to a node beyond those of commands and pipelines: it is also asked which slots it has


def cluster(address: ClusterAddress, *, timeout_s: float, max_connections: int) -> aioredis.Redis:
    """A client of a cluster, in the type of the one that it takes the place of.

    Args:
        address: of some nodes.
        timeout_s: for a connection, and for an answer of a node.
        max_connections: commands at once of this process, and as many pipelines.
    """
    return cast(aioredis.Redis, _Cluster(address, timeout_s, max_connections))


class _Turns:
    """So many at once; who comes later waits, but no longer than for an answer."""

    def __init__(self, at_once: int, patience_s: float) -> None:
        self._free, self._patience_s = asyncio.Semaphore(at_once), patience_s

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s if self._free.locked() else None):
                await self._free.acquire()
        except TimeoutError as error:
            raise RedisTimeoutError("all connections are in use") from error

    async def __aexit__(self, *raised: object) -> None:
        self._free.release()


class _Cluster(RedisCluster):
    def __init__(self, address: ClusterAddress, timeout_s: float, max_connections: int) -> None:
        options = _options(address, timeout_s)
        at_once = int(options.pop("max_connections", max_connections))
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            max_connections=2 * at_once + _SPARE,
            retry=Retry(NoBackoff(), 0),
            reinitialize_steps=0,  # else every so many redirections all connections are closed, used ones, too
            **options,
        )
        self._named = dict(self.nodes_manager.startup_nodes)
        self._turns = _Turns(at_once, timeout_s)
        self.pipeline_turns = _Turns(at_once, timeout_s)
        self._pack()

    def _pack(self) -> None:
        """Have the connections of nodes, of those that are yet to be known too, pack what they send with hiredis."""
        kind = packed(_steady(self.connection_kwargs["connection_class"]))
        self.connection_kwargs["connection_class"] = kind
        for node in self._named.values():
            node.connection_class = kind

    async def initialize(self, *args: Any, **kwargs: Any) -> _Cluster:
        """Learn which node has which slots, of those nodes that are known and of those that were named."""
        if self._initialize:
            for name, node in self._named.items():
                self.nodes_manager.startup_nodes.setdefault(name, node)
            await super().initialize(*args, **kwargs)
        return self

    def learn_again(self) -> None:
        """Have the next command look anew which node has which slots."""
        self._initialize = True

    async def __aenter__(self) -> _Cluster:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection, also those of nodes whose slots are to be learned anew.

        Unless another call has learned them meanwhile: then they are in use again.
        """
        await super().aclose()
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if self._initialize:
                await self.nodes_manager.aclose()
                await self.nodes_manager.aclose("startup_nodes")

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Send a command to the node that has its key, when it is its turn."""
        async with self._turns:
            if self._initialize:
                await self.initialize()
            return await super().execute_command(*args, **kwargs)

    async def _determine_slot(self, command: str, *args: Any) -> int:
        """Of a script its first key's: it has keys of one slot only, and the node looks at them all."""
        if command == "EVALSHA":
            return self.keyslot(args[2])
        return int(await super()._determine_slot(command, *args))

    def get_node(
        self, host: str | None = None, port: int | None = None, node_name: str | None = None
    ) -> ClusterNode:
        """A node that is known; redis-py has no answer to being sent (`ASK`) to one that has no slot yet."""
        node = super().get_node(host, port, node_name)
        if node is None:
            raise TryAgainError("a slot moves to a node that has none yet")
        return node

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:  # noqa: ARG002
        """Commands of several slots, node by node at once."""
        return _Pipeline(self, transaction)  # type: ignore[abstract] # redis-py's own is no less so

    def register_script(self, script: Any) -> AsyncScript:  # type: ignore[override]
        """A script that does not begin while the slot of its keys moves."""
        return _Script(self, script)

    async def config_get(self, *patterns: Any) -> dict[str, str]:  # type: ignore[override]
        """The settings of all primaries; of one that differs, all that it is."""
        found: dict[str, set[str]] = {}
        asked = await self.execute_command("CONFIG GET", *patterns, target_nodes=self.PRIMARIES)
        for told in asked.values() if len(self.get_primaries()) > 1 else [asked]:
            for name, value in told.items():
                found.setdefault(str_if_bytes(name), set()).add(str_if_bytes(value))
        return {name: ", ".join(sorted(values)) for name, values in found.items()}

    async def info(self, *sections: str) -> dict[str, Any]:  # type: ignore[override]
        """What each primary says of itself, by address; of a single one only what it says."""
        told = await self.execute_command("INFO", *sections, target_nodes=self.PRIMARIES)
        return cast(dict[str, Any], told)

    async def scan_iter(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        """All keys of all nodes that have slots by now."""
        self.learn_again()
        async for key in super().scan_iter(*args, **kwargs):
            yield key


def _steady(plain: type[Any]) -> type[Any]:
    """A kind of connection that others may close at any time, as redis-py does when a node fails.

    Whoever sends by it at that moment is told that it is closed, and whoever takes it next gets a new socket.
    """

    class Steady(plain):  # type: ignore[misc]
        _writer: asyncio.StreamWriter | None
        _reader: asyncio.StreamReader | None

        async def disconnect(self, nowait: bool = False, **kwargs: Any) -> None:
            writer, self._writer, self._reader = self._writer, None, None
            await super().disconnect(nowait, **kwargs)
            if writer is None:
                return
            if (
                nowait
            ):  # else what waits to be sent is still sent at first, which a frozen node never takes
                writer.transport.abort()
                return
            writer.close()
            with suppress(OSError, TimeoutError):  # closed it is, whatever the other end does
                await asyncio.wait_for(writer.wait_closed(), self.socket_connect_timeout)

        async def _send_packed_command(self, command: Iterable[bytes]) -> None:
            if self._writer is None:
                raise RedisConnectionError("Connection closed by this client.")
            await super()._send_packed_command(command)

    return Steady


class _Pipeline(ClusterPipeline):
    cluster_client: _Cluster

    async def execute(self, *args: Any, **kwargs: Any) -> list[Any]:
        async with self.cluster_client.pipeline_turns:
            try:
                return list(await super().execute(*args, **kwargs))
            except Exception:
                self.cluster_client.learn_again()  # redis-py does so for commands, not for pipelines
                raise


class _Script(AsyncScript):
    async def __call__(
        self,
        keys: Sequence[Any] | None = None,
        args: Iterable[Any] | None = None,
        client: Any = None,
    ) -> Any:
        declared = list(keys or ())
        tag, closed, _ = str(declared[0]).partition("}")
        if closed:  # a key without a tag is its script's only one, and can't be partly there
            declared.append(f"{tag}{closed}{_NEVER}")
        return await super().__call__(declared, args, client)


class _Blocking(redis.RedisCluster):
    def get_node(self, host: Any = None, port: Any = None, node_name: Any = None) -> Any:
        """A node, also one that is named (`ASK`) before it has a slot: redis-py does not know it then."""
        node = super().get_node(host, port, node_name)  # type: ignore[no-untyped-call]
        if node is None and node_name:
            at, _, port = node_name.rpartition(":")
            node = BlockingNode(at, int(port))  # type: ignore[no-untyped-call]
            self.nodes_manager.create_redis_connections([node])  # type: ignore[no-untyped-call]
            self.nodes_manager.nodes_cache[node.name] = node
        return node

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> Any:
        pipe = super().pipeline(transaction, shard_hint)  # type: ignore[no-untyped-call]
        pipe.get_node = self.get_node
        return pipe


class BlockingCluster:
    """redis-py's blocking client of a cluster, which is made, and so connects, at its first use.

    Args:
        address: of some nodes.
        timeout_s: for a connection, and for an answer of a node.
    """

    def __init__(self, address: ClusterAddress, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._client: redis.RedisCluster | None = None
        nodes: list[Any] = [BlockingNode(*each) for each in address.nodes]  # type: ignore[no-untyped-call]
        self._named = {each.name: each for each in nodes}

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            self._client = self._connected()
        # Else redis-py forgets them for those it learns of, which may have left together since.
        manager = self._client.nodes_manager
        manager.startup_nodes = {**self._named, **manager.startup_nodes}
        return getattr(self._client, name)

    def _connected(self) -> redis.RedisCluster:
        return _Blocking(
            startup_nodes=list(self._named.values()),
            retry=BlockingRetry(NoBackoff(), 0),
            **_options(self._address, self._timeout_s),
        )

    def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            self._client.close()
        for each in self._named.values():
            if each.redis_connection is not None:
                each.redis_connection.close()


def _options(address: ClusterAddress, timeout_s: float) -> dict[str, Any]:
    """What the address says but for where, over what holds without it; as for a single server."""
    given: dict[str, Any] = dict(parse_url(address.url))
    with_tls = given.pop("connection_class", None) is SSLConnection
    for name in ("host", "port", "db"):
        given.pop(name, None)
    both = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    return {"ssl": with_tls, **both, **given}
