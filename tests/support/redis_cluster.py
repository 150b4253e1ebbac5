"""A real Redis Cluster on loopback: some primaries that share the slots, and perhaps a replica of one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import redis
from redis.crc import key_slot

from streams.local import HOST, LocalStore, free_port

SLOTS = 16_384
PATIENCE_S = 30.0


class Node(LocalStore):
    """One node, without slots at first.

    Args:
        directory: for its files.
        binary: redis-server.
        timeout_ms: a node silent for this long is taken for dead.
    """

    def __init__(self, directory: Path, binary: str, timeout_ms: int) -> None:
        super().__init__(directory, binary)
        self.port = self._port
        self._bus_port, self._timeout_ms = free_port(), timeout_ms
        self.client = redis.Redis.from_url(self.url, socket_timeout=5.0)

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def _command(self) -> list[str]:
        options = {
            "enabled": "yes",
            "port": self._bus_port,
            "node-timeout": self._timeout_ms,
            "replica-validity-factor": 0,  # a replica that has lost its primary long ago may follow it
        }
        given = [each for name, value in options.items() for each in (f"--cluster-{name}", value)]
        return [*super()._command(), *map(str, given), "--repl-diskless-sync-delay", "0"]

    def __exit__(self, *raised: object) -> None:
        """Stop it, also if it is frozen or dead."""
        self.client.close()
        self._process.send_signal(signal.SIGCONT)
        super().__exit__(*raised)

    def said(self, *command: str | int) -> Any:
        """What it says to a command."""
        ask: Any = self.client.execute_command
        return ask(*command)

    def asked(self, *command: str | int) -> Any:
        """What it says to `CLUSTER …`."""
        return self.said("CLUSTER", *command)

    def id(self) -> str:
        """How the nodes call it."""
        return _text(self.asked("MYID"))

    def info(self) -> dict[str, str]:
        """`CLUSTER INFO`."""
        said = self.asked("INFO")
        if isinstance(said, dict):
            return {str(name): str(value) for name, value in said.items()}
        return dict(line.split(":", 1) for line in _text(said).splitlines() if ":" in line)

    def meet(self, other: Node) -> None:
        """Get to know another."""
        self.asked("MEET", HOST, other.port, other._bus_port)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP, until it is left."""
        self._process.send_signal(signal.SIGSTOP)

    def cut_off(self) -> None:
        """Of a replica: let it go on without its primary, which it does not find again."""
        self.client.config_set("masterauth", "no such password")
        self.said("CLIENT", "KILL", "TYPE", "master")
        wait_until(lambda: self.client.info("replication")["master_link_status"] == "down")


class RedisCluster:
    """Primaries that share the slots evenly, from entering it on; of the first there may be a replica.

    Args:
        directory: for all files.
        binary: redis-server.
        primaries: how many.
        replica: whether there is one.
        spare: whether one node more has no slot.
        timeout_ms: a node silent for this long is taken for dead.
    """

    def __init__(
        self,
        directory: Path,
        binary: str,
        primaries: int = 3,
        *,
        replica: bool = False,
        spare: bool = False,
        timeout_ms: int = 15_000,
    ) -> None:
        names = [f"node-{each}" for each in range(primaries + replica + spare)]
        self.nodes = [Node(directory / name, binary, timeout_ms) for name in names]
        self.primaries, self._replicated = self.nodes[:primaries], replica
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """As the setting names it."""
        return "redis+cluster://" + ",".join(f"{HOST}:{each.port}" for each in self.nodes)

    @property
    def replica(self) -> Node:
        """That of the first primary."""
        return self.nodes[len(self.primaries)]

    @property
    def spare(self) -> Node:
        """The one without slots."""
        return self.nodes[-1]

    def __enter__(self) -> Self:
        """Start it; blocks until all nodes know each other and all slots."""
        with ExitStack() as stack:
            for each in self.nodes:
                stack.enter_context(each)
            self._share_out()
            for other in self.nodes[1:]:
                self.nodes[0].meet(other)
            wait_until(lambda: all(self._is_whole(each) for each in self.nodes))
            if self._replicated:
                self._replicate()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop it."""
        self._stack.close()

    def _share_out(self) -> None:
        many = len(self.primaries)
        for number, node in enumerate(self.primaries):
            first, beyond = (SLOTS * each // many for each in (number, number + 1))
            node.asked("ADDSLOTSRANGE", first, beyond - 1)
            node.asked("SET-CONFIG-EPOCH", number + 1)

    def _is_whole(self, node: Node) -> bool:
        told = node.info()
        known = told["cluster_known_nodes"] == str(len(self.nodes))
        return known and told["cluster_state"] == "ok"

    def _replicate(self) -> None:
        self.replica.asked("REPLICATE", self.nodes[0].id())
        wait_until(
            lambda: self.replica.client.info("replication").get("master_link_status") == "up"
        )
        first = self.nodes[0].id()
        wait_until(lambda: all(len(each.asked("REPLICAS", first)) == 1 for each in self.primaries))

    def owner(self, key: str) -> Node:
        """The primary that had its slot at first, be it a key or a hash tag."""
        return self.primaries[self._number(key)]

    def another(self, key: str) -> Node:
        """One that has not."""
        return self.primaries[self._number(key) - 1]

    def _number(self, key: str) -> int:
        return key_slot(key.encode()) * len(self.primaries) // SLOTS


class Moving:
    """The slot of a hash tag, on its way from one node to another."""

    def __init__(self, cluster: RedisCluster, tag: str) -> None:
        self.slot = key_slot(tag.encode())
        self.from_, self.to = cluster.owner(tag), cluster.another(tag)
        self._nodes = cluster.primaries

    def begin(self) -> None:
        """From now on the one node gives its keys away, and the other takes them."""
        self.to.asked("SETSLOT", self.slot, "IMPORTING", self.from_.id())
        self.from_.asked("SETSLOT", self.slot, "MIGRATING", self.to.id())

    def move(self, *keys: str) -> None:
        """Take these keys over; without any, all that are left."""
        for key in keys or self._all():
            self.from_.said("MIGRATE", HOST, self.to.port, key, 0, 5_000)

    def _all(self) -> list[str]:
        return list(self.from_.asked("GETKEYSINSLOT", self.slot, 1_000))

    def end(self) -> None:
        """Tell every node that the other one has it."""
        for each in (self.to, self.from_, *self._nodes):
            each.asked("SETSLOT", self.slot, "NODE", self.to.id())

    def give_up(self) -> None:
        """As if it had not begun; whoever has the slot keeps it."""
        for each in (self.to, self.from_):
            each.asked("SETSLOT", self.slot, "STABLE")


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask again and again until it holds; fails when patience ends."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_s, "the cluster did not come to it"
        time.sleep(0.02)


def _text(said: Any) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)
