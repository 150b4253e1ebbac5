"""The process that delivers alerts is killed again and again; every alert arrives, and under its own id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaProducer

from models.alert_ledger import counted, decode_week
from models.alert_record import AlertRecord, Arm, decode_record
from models.erasure import Pseudonyms
from models.holdout import arm_of
from models.policy import policy_from_toml
from streams.alert_entries import ALERTS as RECORDS
from streams.alert_entries import WAITING, WEEKS
from streams.processes import as_environment
from streams.redis_shelf import ShelfKeys
from streams.topics import ALERTS
from streams.wall import wall_ms
from tests.kafka.conftest import Install
from tests.streams.alert_office import Clock, Topic
from tests.support.forked import Forked
from tests.support.hooks import Hooks
from tests.support.installation import Installation, kill, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
DEATHS, AT_ONCE = 50, 12
MOST_REQUESTS = 8  # of twelve alerts a third is held out
TOML = """
preset = "grocery"
alerts.holdout = 0.3
alerts.rules.slipping = { on = "churn.risk_raised", level = 0.5 }
"""
POLICY = policy_from_toml(TOML, "here")


class World:
    """What outlives every process: the topic, the shelf, the receiver.

    Args:
        here: the installation.
        hooks: the receiver.
        producer: writes alerts onto the topic.
        folder: for the policy, the endpoints and the logs.
    """

    def __init__(
        self, here: Installation, hooks: Hooks, producer: KafkaProducer, folder: Path
    ) -> None:
        self.here, self.hooks, self.folder = here, hooks, folder
        self._producer = producer
        self.config = folder / "segmenter.toml"
        self.config.write_text(TOML, "utf-8")
        self._endpoints = str(hooks.endpoints_file(folder, crm=1, bi=10))
        self._topic = Topic(POLICY, Clock(), here.settings.namespace)
        self.raised: dict[str, str] = {}

    def settings(self, group: str = "") -> Any:
        """Of a process; in a group of its own it need not wait until a dead one is missed."""
        update = {"endpoints_file": self._endpoints, "group": group or self.here.settings.group}
        return self.here.settings.model_copy(update=update)

    def raises(self, count: int) -> None:
        """So many more alerts, each of somebody else, and as of now."""
        begin = len(self._topic.records)
        self._topic.clock.now_ms = wall_ms()
        for number in range(begin, begin + count):
            customer_id = f"c{number}"
            self.raised[self._topic.raises(customer_id)] = customer_id
        for each in self._topic.records[begin:]:
            headers = list(each.headers.items())
            self._producer.send(ALERTS, key=each.key, value=each.value, headers=headers)

    def of(self, arm: Arm) -> set[str]:
        """The alerts about customers of that arm."""
        keyed = Pseudonyms(b"a secret")
        return {i for i, who in self.raised.items() if arm_of(who, POLICY.alerts, keyed) is arm}

    def records(self) -> list[AlertRecord]:
        """What the shelf knows."""
        return [decode_record(each) for each in self._hash(RECORDS).values()]

    def ledger_is_right(self) -> bool:
        """Whether its sums are those of the records."""
        weeks = (decode_week(each) for each in self._hash(WEEKS).values())
        return {k: sums for week in weeks for k, sums in week.items()} == counted(self.records())

    def waiting(self) -> int:
        """How many alerts are not decided."""
        return int(self.here.redis.zcard(self._key(WAITING)))

    def _hash(self, name: str) -> dict[bytes, bytes]:
        found: Any = self.here.redis.hgetall(self._key(name))
        return dict(found)

    def _key(self, name: str) -> str:
        return ShelfKeys(self.here.settings.namespace).named(name)


@pytest.fixture
def world(install: Install, tmp_path: Path) -> Iterator[World]:
    """An installation without a worker, and a receiver."""
    here = install(1)
    servers = here.settings.bootstrap_servers
    with Hooks() as hooks, closing(KafkaProducer(bootstrap_servers=servers)) as producer:
        yield World(here, hooks, producer, tmp_path)


def test_a_delivery_process_killed_fifty_times_delivers_everything_and_nothing_else(
    world: World,
) -> None:
    rng = Random(8)
    with Forked(world.folder) as processes:
        alive = [start(processes, world)]
        for _ in range(DEATHS):
            world.raises(AT_ONCE)
            if len(alive) == 1 and rng.random() < 0.5:  # two owners, for a while
                alive.append(start(processes, world))
            if rng.random() < 0.2:
                wait_until(lambda: "reading from" in processes.said())
            else:
                world.hooks.until(world.hooks.count + rng.randint(1, MOST_REQUESTS), patience_s=8)
            processes.kill(alive.pop(0))
            if not alive:
                alive.append(start(processes, world))
        everything_arrived(world)
    assert len(world.raised) == DEATHS * AT_ONCE
    at_most = DEATHS + 1
    for name in ("crm", "bi"):
        times = world.hooks.times(name)
        assert set(times) == world.of(Arm.TREATED)
        assert max(times.values()) <= at_most
    assert any(times > 1 for times in world.hooks.times("crm").values())  # it died in the middle
    each_says_the_same_whenever_it_comes(world.hooks)
    assert not world.hooks.refused
    assert not world.waiting()
    assert {each.alert_id for each in world.records()} == set(world.raised)
    assert world.ledger_is_right()


def start(processes: Forked, world: World) -> int:
    environment = as_environment(world.settings(f"group{processes.count}"))
    return processes.start(["--config", str(world.config), "run", "delivery"], environment)


def everything_arrived(world: World) -> None:
    treated = world.of(Arm.TREATED)
    wait_until(lambda: all(treated <= set(world.hooks.times(name)) for name in ("crm", "bi")))
    wait_until(lambda: len(world.records()) == len(world.raised) and not world.waiting())


def each_says_the_same_whenever_it_comes(hooks: Hooks) -> None:
    said: dict[str, list[Any]] = defaultdict(list)
    together: dict[str, list[list[str]]] = defaultdict(list)
    for each in hooks.received:
        together[each.message_id].append(each.ids)
        if each.endpoint == "crm":
            assert each.ids == [each.message_id]
        for event in each.events:
            said[event["id"]].append(event)
    assert all(each == [each[0]] * len(each) for each in said.values())
    assert all(each == [each[0]] * len(each) for each in together.values())


def test_when_the_owner_is_killed_the_one_that_stands_by_goes_on(world: World) -> None:
    logs = [world.folder / f"{number}.log" for number in range(2)]
    both = [world.here.start("delivery", world.config, log, world.settings()) for log in logs]
    world.raises(AT_ONCE)
    everything_arrived(world)
    (owner,) = (place for place, log in enumerate(logs) if "reading from" in log.read_text("utf-8"))
    kill(both[owner])
    world.raises(AT_ONCE)
    everything_arrived(world)
    assert "reading from" in logs[1 - owner].read_text("utf-8")
    assert set(world.hooks.times("crm").values()) == {1}
    assert world.of(Arm.HELD_OUT)
    assert not world.of(Arm.HELD_OUT) & set(world.hooks.times("bi"))
