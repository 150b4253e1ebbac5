"""A whole installation for a test: broker, store, and `segmenter run …` processes.

`oracle` folds the log that stands on the broker single-threaded into memory; after any fault the
store must hold the same bytes, and Kafka the same effects.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from models.policy import Policy
from streams.keys import Keys
from streams.log import LogInspector
from streams.ordinals import by_block, ordinals_in, state_of
from streams.processes import as_environment
from streams.redis_store import connect_blocking
from streams.replay import Publisher
from streams.settings import Settings, in_the_clear
from streams.sources import SourceRecord
from streams.store import LEARNER, OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, INPUTS, LOG, POPULATIONS, TOPICS
from tests.support.oracle import Folded, Log, folded, learned, messages, of_a_whole

PARTITIONS = 2
TRIES = 5
PATIENCE_S = 180.0  # a killed member is missed after its session and a rebalance


class Expected(NamedTuple):
    """What a single-threaded fold of the log gives.

    Attributes:
        states: by customer.
        sketches: by partition, slot by slot, and movements.
        rows: everything that leaves, partition by partition, effects without their bodies.
        populations: encoded, oldest first.
        policies: the published one in force, by partition, encoded; None: none.
        tallies: what was folded, by partition and kind.
    """

    states: dict[bytes, bytes]
    sketches: list[dict[bytes, bytes]]
    rows: list[OutboxRow]
    populations: list[bytes]
    policies: list[bytes | None]
    tallies: list[Counter[str]]


class Found(NamedTuple):
    """What an installation holds.

    Attributes:
        states: by customer.
        sketches: by partition, slot by slot, and movements.
        changes: the headers of what was published.
        populations: encoded, in the order of their topic.
        policies: the published one in force, by partition, encoded; None: none.
    """

    states: dict[bytes, bytes]
    sketches: list[dict[bytes, bytes]]
    changes: list[dict[str, bytes]]
    populations: list[bytes]
    policies: list[bytes | None]


class Installation:
    """One installation on a given broker and store; its processes are a consumer group of their own.

    Args:
        servers: of the broker.
        redis_url: of the store.
        namespace: one that no other test uses.
        policy: the rules in force.
        partitions: of the log.
        more: settings.
    """

    def __init__(
        self,
        servers: str,
        redis_url: str,
        namespace: str,
        policy: Policy,
        partitions: int = PARTITIONS,
        **more: Any,
    ) -> None:
        self.policy, self.partitions = policy, partitions
        self.settings = Settings.model_validate(
            {
                **in_the_clear(),
                "bootstrap_servers": servers,
                "redis_url": redis_url,
                "namespace": namespace,
                "group": namespace,
                "session_timeout_s": 6.0,
                "api_port": 0,  # any that is free
                **more,
            }
        )
        self.inspector = LogInspector(self.settings.brokers)
        self.inspector.create(TOPICS, partitions, 1)
        self.redis = connect_blocking(redis_url)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        command: str,
        config: Path,
        log: Path | None = None,
        settings: Settings | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `segmenter run COMMAND`; its log goes to a pipe of 64 kB, or to a file.

        Settings of its own let it reach broker and store by another way.
        """
        with ExitStack() as stack:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "--config", str(config), "run", command],
                env={**os.environ, **as_environment(settings or self.settings)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if log is None else stack.enter_context(log.open("wb")),
            )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.redis.close()

    def publish(self, records: list[SourceRecord]) -> None:
        """Write events, with their ticks, into the log."""
        publisher = Publisher(self.settings.brokers, self.partitions, self.policy.timezone)
        publisher.publish(records, 0.0, lambda _: None)
        publisher.close()

    def offsets(self) -> list[int]:
        """Where the store stands."""
        stored = (
            self.redis.hget(self._keys(each).meta, "offset") for each in range(self.partitions)
        )
        return [int(each or 0) for each in stored]

    def learner_offset(self) -> int:
        """Where the learner stands in its topic."""
        return int(self.redis.hget(self._keys(LEARNER).meta, "offset") or 0)

    def ends(self) -> list[int]:
        """Where the log ends."""
        extents = self.inspector.extents(LOG, range(self.partitions))
        return [extents[each].end for each in range(self.partitions)]

    def wait_until_folded(self) -> None:
        """Until the store stands at the log's end."""
        wait_until(lambda: self.offsets() == self.ends())

    def wait_until_relayed(self) -> None:
        """Until no effect waits any more."""
        outboxes = [self._keys(each).outbox for each in range(self.partitions)]
        wait_until(lambda: not any(self.redis.xlen(each) for each in outboxes))

    def wait_until_live(self) -> None:
        """Until each partition's owner has noted that it has read to the end."""
        notes = [self._keys(each).live for each in range(self.partitions)]
        wait_until(lambda: self.redis.exists(*notes) == self.partitions)

    def states(self) -> dict[bytes, bytes]:
        """Every customer's state, as it stands in the store."""
        found: dict[bytes, bytes] = {}
        for partition in range(self.partitions):
            stored: Any = self.redis.hgetall(self._keys(partition).customers)
            found.update({id_: state_of(each) for id_, each in stored.items()})
        return found

    def published(self, topic: str) -> list[dict[str, bytes]]:
        """The headers of every message of a topic."""
        return [dict(each.headers) for each in self._read(topic)]

    def wait_until_settled(self) -> None:
        """Until nothing moves: purchases folded, effects sent, populations learned and in force.

        Asked in the order of the flow, with the log's end at the beginning and at the end.
        """
        wait_until(self.is_settled)

    def is_settled(self) -> bool:
        """Whether nothing moves; see `wait_until_settled`."""
        ends = self.ends()
        learner = self._keys(LEARNER)
        return (
            self.offsets() == ends
            and not any(self.redis.xlen(self._keys(each).outbox) for each in range(self.partitions))
            and self.inspector.extents(INPUTS, [0])[0].end == self.learner_offset()
            and not self.redis.xlen(learner.outbox)
            and self.ends() == ends
        )

    def when_settled(self) -> tuple[Found, Expected]:
        """What stands there once nothing moves, and what must; looked at again if it moved after all.

        Owners go on writing ticks when something is due.
        """
        for _ in range(TRIES):
            self.wait_until_settled()
            ends = self.ends()
            found = Found(
                *(self.states(), self.sketches(), self.published(CHANGES), self.bodies()),
                self.policies_in_force(),
            )
            expected = self.oracle()
            if self.is_settled() and self.ends() == ends:
                return found, expected
        raise AssertionError("it never settled")

    def sketches(self) -> list[dict[bytes, bytes]]:
        """Every partition's sketch, slot by slot, and its movement, day by day."""
        wholes = []
        for each in range(self.partitions):
            keys = self._keys(each)
            wholes.append(of_a_whole(self._hash(keys.sketch), self._hash(keys.movement)))
        return wholes

    def _hash(self, key: str) -> dict[str, bytes]:
        found: Any = self.redis.hgetall(key)
        return {name.decode(): packed for name, packed in found.items()}

    def members(self) -> dict[str, set[bytes]]:
        """Who is listed in each segment, as they stand in the store."""
        listed: dict[str, set[bytes]] = {}
        for partition in range(self.partitions):
            keys = self._keys(partition)
            for key in self.redis.scan_iter(match=f"{keys.members_in}*", count=1_000):
                bits: Any = self.redis.get(key)
                found: set[bytes] = set()
                for block, places in by_block(ordinals_in(bits, 0)).items():
                    ids: Any = self.redis.hmget(keys.ids(block), [str(each) for each in places])
                    found.update(ids)
                name = key.decode().removeprefix(keys.members_in)
                listed.setdefault(name, set()).update(found)
        return listed

    def policies_in_force(self) -> list[bytes | None]:
        """The published policy that each partition's owner goes by, encoded; None: none."""
        keys = (self._keys(each).policy for each in range(self.partitions))
        found: list[Any] = [self.redis.get(each) for each in keys]
        return found

    def bodies(self) -> list[bytes]:
        """The populations published, encoded, in the order of the topic."""
        return [each.value for each in self._read(POPULATIONS)]

    def oracle(self) -> Expected:
        """What must come of the log, folded single-threaded."""
        return self.expected(folded(self.log, each) for each in range(self.partitions))

    @property
    def log(self) -> Log:
        """What the oracle folds."""
        return Log(self.settings.bootstrap_servers, self.settings.namespace, self.policy)

    def expected(self, partitions: Iterable[Folded]) -> Expected:
        """Put together what comes of each partition, and of the learner then."""
        expected = Expected({}, [], [], [], [], [])
        for each in partitions:
            expected.states.update(each.states)
            expected.sketches.append(each.sketch)
            expected.rows.extend(each.rows)
            expected.policies.append(each.policy)
            expected.tallies.append(each.tally)
        expected.populations.extend(learned(self.log, self.partitions, expected.rows))
        return expected

    def _read(self, topic: str) -> Iterator[Any]:
        return messages(self.settings.bootstrap_servers, topic)

    def _keys(self, partition: int) -> Keys:
        return Keys(self.settings.namespace, partition)


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Ask again and again until it holds; fails when patience ends."""
    give_up_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > give_up_s:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and wait for the end."""
    process.send_signal(signal.SIGKILL)
    process.wait()


__all__ = ["CHANGES", "DEAD_LETTERS", "LOG", "Installation", "kill", "wait_until"]
