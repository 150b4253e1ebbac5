"""The faults, and the order in which a seed draws them.

Each is a function of the scene that brings one about and returns once it is over; recovery counts
from there.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import redis

from chaos.fleet import RELAY, Fleet
from chaos.parts import DurableRedis, TwoDoorKafka
from chaos.proxy import Proxy

STOPPED_S = 10.0  # a worker; its session is over after 6
FROZEN_S = 8.0  # the broker
CUT_S = 10.0
FULL_S = 6.0
AGED_S = (3.0, 8.0)  # how old a copy is when the store is set back to it


class Scene(NamedTuple):
    """What faults befall.

    Attributes:
        fleet: the processes.
        store: Redis.
        admin: a client of it.
        broker: Kafka.
        lines: the proxies of one worker.
        draw: chance.
        pass_time: waits so many seconds, and looks after the fleet meanwhile.
    """

    fleet: Fleet
    store: DurableRedis
    admin: redis.Redis
    broker: TwoDoorKafka
    lines: Sequence[Proxy]
    draw: random.Random
    pass_time: Callable[[float], None]

    def a_worker(self) -> str:
        """One of them."""
        return self.draw.choice(self.fleet.workers)


def kill_worker(scene: Scene) -> None:
    """SIGKILL."""
    scene.fleet.kill(scene.a_worker())


def stop_worker(scene: Scene) -> None:
    """SIGTERM to one that reads; it must leave well."""
    worker = scene.a_worker()
    while not scene.fleet.reads(worker):
        scene.pass_time(0.5)
    scene.fleet.stop(worker)
    scene.fleet.start(worker)


def suspend_worker(scene: Scene) -> None:
    """SIGSTOP beyond its session; then it goes on with the batch in its hands."""
    worker = scene.a_worker()
    scene.fleet.signal(worker, signal.SIGSTOP)
    scene.pass_time(STOPPED_S)
    scene.fleet.signal(worker, signal.SIGCONT)


def kill_relay(scene: Scene) -> None:
    """SIGKILL."""
    scene.fleet.kill(RELAY)


def restart_store(scene: Scene) -> None:
    """Redis goes and comes back as it was."""
    scene.store.restart()


def roll_back_store(scene: Scene) -> None:
    """Redis dies and comes back as it was some seconds ago."""
    scene.store.remember()
    scene.pass_time(scene.draw.uniform(*AGED_S))
    scene.store.roll_back()


def wipe_store(scene: Scene) -> None:
    """Redis loses everything."""
    scene.admin.flushall()


def fill_store(scene: Scene) -> None:
    """Redis takes no more."""
    used = int(scene.admin.info("memory")["used_memory"])
    scene.admin.config_set("maxmemory", max(1, used // 2))
    scene.pass_time(FULL_S)
    scene.admin.config_set("maxmemory", 0)


def freeze_broker(scene: Scene) -> None:
    """Kafka answers nobody."""
    scene.broker.freeze()
    scene.pass_time(FROZEN_S)
    scene.broker.thaw()


def cut_network(scene: Scene) -> None:
    """One worker reaches neither Kafka nor Redis; its connections may or may not survive that."""
    for line in scene.lines:
        line.cut()
    scene.pass_time(CUT_S)
    reset = scene.draw.random() < 0.5
    for line in scene.lines:
        line.heal(reset=reset)


WIPED = "store wiped"
Fault = Callable[[Scene], None]
FAULTS: dict[str, Fault] = {
    "worker killed": kill_worker,
    "worker told to stop": stop_worker,
    "worker suspended": suspend_worker,
    "relay killed": kill_relay,
    "store restarted": restart_store,
    "store rolled back": roll_back_store,
    WIPED: wipe_store,
    "store full": fill_store,
    "broker frozen": freeze_broker,
    "network cut": cut_network,
}


def in_order(kinds: Sequence[str], draw: random.Random) -> Iterator[str]:
    """Every kind once, shuffled, a wipe early on; then any, for ever."""
    first = list(kinds)
    draw.shuffle(first)
    if WIPED in first:
        first.remove(WIPED)
        first.insert(min(2, len(first)), WIPED)
    yield from first
    while True:
        yield draw.choice(kinds)


class Recovery(NamedTuple):
    """One fault, and how it passed.

    Attributes:
        kind: of fault.
        at_s: since the run began, when it began.
        lasted_s: the fault itself.
        recovery_s: from its end until all that was then in the log had been folded and sent.
    """

    kind: str
    at_s: float
    lasted_s: float
    recovery_s: float
