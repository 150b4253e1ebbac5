"""One run: everything is started, faults befall it while the load goes on, and it is judged.

All files stand in one directory: logs of the processes, data of the servers, the policy.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from chaos.faults import FAULTS, WIPED, Recovery, Scene, in_order
from chaos.fleet import RELAY, Ended, Fleet, Size
from chaos.load import LAPS, Load, purchases, with_extras
from chaos.oracles import Oracles
from chaos.parts import DurableRedis, TwoDoorKafka
from chaos.policies import GIVEN, Publishing
from chaos.proxy import Proxy
from chaos.verdict import Verdict, verdict_on
from chaos.watch import Progress, Sampler
from models.policy import policy_from_toml
from streams.datasets import complete_journey, count_complete_journey
from streams.local import HOST
from streams.replay import Publisher
from streams.settings import Settings
from tests.support.installation import Installation, wait_until

PARTITIONS = 4
RATE = 220.0  # records a second: 52,800 in four minutes
BETWEEN_S = (1.0, 4.0)  # from recovery to the next fault
PATIENCE_S = 120.0  # for recovery, and so much more for each event that a wipe makes it fold anew:
PATIENCE_PER_EVENT_S = 1 / 100
WARM_UP_S = 60.0
POLL_S = 0.1


class Plan(NamedTuple):
    """What to do.

    Attributes:
        minutes: of load and faults.
        seed: of both.
        kinds: of faults; all of them, unless one is looked at alone.
    """

    minutes: float
    seed: int
    kinds: Sequence[str] = tuple(FAULTS)


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        verdict: held against the log.
        recoveries: one a fault.
        ended: processes that ended when, or as, they should not have.
        relay_deaths: each may send a batch twice.
        growth: what processes take, first and last quarter.
        seconds: what the phases took.
    """

    verdict: Verdict
    recoveries: list[Recovery]
    ended: list[Ended]
    relay_deaths: int
    growth: Mapping[str, tuple[Size, Size]]
    seconds: dict[str, float]


class DidNotRecover(AssertionError):
    """What stood in the log when a fault ended was not dealt with."""


def run(plan: Plan, directory: Path, say: Callable[[str], None]) -> Outcome:
    """Run the plan; blocks for its minutes and somewhat longer.

    Args:
        plan: what to do.
        directory: empty, for all files.
        say: told what happens, a line each.

    Raises:
        DidNotRecover: a fault did lasting harm; the logs tell.
    """
    clock = _Phases()
    with _installed(plan, directory) as story:
        clock.end("start")
        story.live_through(plan, say)
        clock.end("load and faults")
        story.come_to_rest()
        clock.end("coming to rest")
        verdict = verdict_on(story.here, story.oracles, directory / "differences.txt")
        clock.end("comparison")
        fleet = story.fleet
        return Outcome(
            verdict,
            story.recoveries,
            fleet.ended,
            fleet.relay_deaths,
            story.sampler.growth(),
            clock.seconds,
        )


class _Phases:
    """Seconds that each phase took."""

    def __init__(self) -> None:
        self._since_s = time.monotonic()
        self.seconds: dict[str, float] = {}

    def end(self, phase: str) -> None:
        now_s = time.monotonic()
        self.seconds[phase] = round(now_s - self._since_s, 1)
        self._since_s = now_s


class Story:
    """One installation under load and faults.

    Args:
        here: the installation.
        oracles: that fold its log.
        fleet: its processes.
        load: what streams in.
        publishing: of policies, over the workers' file.
        scene: what faults befall.
        no_more_wipes: set here after the first one: what is folded anew grows with the log. From
            then on people are erased: a store that begins anew knows them from its birth, and
            would fold another story than the oracles. The simulation has both at once.

    Attributes:
        recoveries: one a fault.
        sampler: of the processes' sizes.
    """

    def __init__(
        self,
        here: Installation,
        oracles: Oracles,
        fleet: Fleet,
        load: Load,
        publishing: Publishing,
        scene: Scene,
        no_more_wipes: threading.Event,
    ) -> None:
        self.no_more_wipes = no_more_wipes
        self.here, self.oracles, self.fleet = here, oracles, fleet
        self._load, self._publishing, self._scene = load, publishing, scene
        self._progress = Progress(here)
        self.sampler = Sampler(fleet.pids)
        self.recoveries: list[Recovery] = []

    def live_through(self, plan: Plan, say: Callable[[str], None]) -> None:
        """Load for so many minutes; faults until it is over and every kind has come once."""
        wait_until(lambda: all(map(self.fleet.reads, self.fleet.workers)), WARM_UP_S)
        self._load.start()
        self._publishing.start()
        self.sampler.start()
        began_s = time.monotonic()
        kinds = in_order(plan.kinds, self._scene.draw)
        for number, kind in enumerate(kinds):
            self._scene.pass_time(self._scene.draw.uniform(*BETWEEN_S))
            at_s = time.monotonic() - began_s
            if at_s > plan.minutes * 60 and number >= len(plan.kinds):
                break
            if WIPED not in plan.kinds or any(each.kind == WIPED for each in self.recoveries):
                self.no_more_wipes.set()
            if kind == WIPED and self.no_more_wipes.is_set():
                continue
            self.recoveries.append(self._befall(kind, at_s))
            say(_told(self.recoveries[-1], self._load.written))
        self._load.stop()
        self._publishing.stop()
        self.sampler.stop()

    def _befall(self, kind: str, at_s: float) -> Recovery:
        before_s = time.monotonic()
        FAULTS[kind](self._scene)
        over_s = time.monotonic()
        patience_s = PATIENCE_S + self._load.written * PATIENCE_PER_EVENT_S
        mark = None
        while mark is None or not self._progress.passed(mark):
            if time.monotonic() - over_s > patience_s:
                raise DidNotRecover(f"{kind} at {at_s:.0f} s: not dealt with in {patience_s:.0f} s")
            mark = mark or self._progress.mark()
            self._scene.pass_time(POLL_S)
        recovery_s = time.monotonic() - over_s
        return Recovery(kind, round(at_s, 1), round(over_s - before_s, 1), round(recovery_s, 1))

    def come_to_rest(self) -> None:
        """Until nothing moves and nobody runs; owners may write a tick to the last."""
        while True:
            wait_until(self._is_settled, PATIENCE_S + self._load.written * PATIENCE_PER_EVENT_S)
            self.fleet.stop(*self.fleet.workers)
            self.fleet.stop(RELAY)
            if self.here.is_settled():
                return
            self.fleet.start()

    def _is_settled(self) -> bool:
        self.fleet.revive()
        return all(map(self.fleet.reads, self.fleet.workers)) and self.here.is_settled()


@contextmanager
def _installed(plan: Plan, directory: Path) -> Iterator[Story]:
    complete_journey()  # says at once if it is missing
    directory.joinpath("segmenter.toml").write_text(GIVEN, "utf-8")
    policy = policy_from_toml(GIVEN)
    with ExitStack() as stack:
        store = stack.enter_context(DurableRedis(directory / "redis"))
        broker = TwoDoorKafka(directory / "kafka")
        to_kafka = stack.enter_context(Proxy(broker.back_port))
        to_redis = stack.enter_context(Proxy(urlsplit(store.url).port or 0))
        broker.advertised_port = to_kafka.port
        stack.enter_context(broker)
        here = Installation(broker.bootstrap_servers, store.url, "chaos", policy, PARTITIONS)
        stack.callback(here.close)
        far = {
            "bootstrap_servers": f"{HOST}:{to_kafka.port}",
            "redis_url": f"redis://{HOST}:{to_redis.port}/0",
        }
        settings = {
            "worker-near": here.settings,
            "worker-far": Settings.model_validate({**here.settings.model_dump(), **far}),
            RELAY: here.settings,
        }
        fleet = Fleet(here, directory / "segmenter.toml", settings, directory)
        no_more_wipes = threading.Event()
        load = _load(plan, here, no_more_wipes.is_set)
        publishing = Publishing(here.settings.bootstrap_servers, lambda: load.progress)
        scene = Scene(
            fleet,
            store,
            here.redis,
            broker,
            (to_kafka, to_redis),
            random.Random(plan.seed),
            _passing(fleet),
        )
        fleet.start()
        oracles = stack.enter_context(Oracles(here, directory))
        yield Story(here, oracles, fleet, load, publishing, scene, no_more_wipes)


def _load(plan: Plan, here: Installation, erases: Callable[[], bool]) -> Load:
    """As much as the minutes ask for, and no more if a slow machine takes longer."""
    publisher = Publisher(here.settings.brokers, here.partitions, here.policy.timezone)
    there_are = LAPS * count_complete_journey()
    total = min(there_are, int(RATE * 60 * plan.minutes))
    records = islice(with_extras(purchases(), plan.seed, erases), total)
    return Load(publisher, records, total, total / (60 * plan.minutes))


def _passing(fleet: Fleet) -> Callable[[float], None]:
    def pass_time(seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while True:
            fleet.revive()
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(left_s, POLL_S))

    return pass_time


def _told(one: Recovery, written: int) -> str:
    return (
        f"{one.at_s:6.1f} s  {one.kind:<20} lasted {one.lasted_s:4.1f} s, recovered in "
        f"{one.recovery_s:4.1f} s  ({written:,} records written)"
    )


def by_kind(recoveries: Sequence[Recovery]) -> dict[str, tuple[int, float]]:
    """Of each kind of fault: how often, and the longest recovery, s."""
    counts = Counter(each.kind for each in recoveries)
    return {
        kind: (times, max(each.recovery_s for each in recoveries if each.kind == kind))
        for kind, times in counts.items()
    }
