"""`segmenter rebuild`: fold the log anew into another store, then let that one serve.

    running workers ─► store "main"    relayed, looked up              ─┐ switch: one write
    own workers     ─► store "main-2"  nothing of it leaves for Kafka  ◄┘ relayed, looked up

The running installation is not touched before the switch, and may be down. After it the running
workers end; started again, they go on with the new store. Until then the rebuild's own workers do.
A rebuild that was stopped goes on where it was. See docs/rebuild.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import redis.asyncio as aioredis
import tomli_w
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.policy import MOST_REMEMBERED, Policy
from streams import serving
from streams.catching_up import Alone, Beside, CatchingUp, Look
from streams.log import KafkaUnavailable, LogInspector
from streams.outbox import KafkaSender
from streams.policies import tell_again
from streams.processes import Children, as_environment
from streams.rebuild_plan import Plan, another_is_unfinished, make_plan
from streams.redis_store import RedisStore, connect
from streams.refusal import Refused
from streams.settings import Settings
from streams.store import LEARNER, StoreUnavailable
from streams.topics import INPUTS, LOG

LOOK_EVERY_S = 0.5
ENDS_EVERY_S = 2.0
logger = logging.getLogger(__name__)


class Unfinished(Refused):
    """The rebuild has ended before the switch; what is done stays."""


class Rebuilt(NamedTuple):
    """What a rebuild has come to.

    Attributes:
        namespace: of the installation.
        store: that serves it now.
        before: that served it.
        records: where the partitions of the new store stood at the switch, added up.
        dropped: effects that were not sent again.
        sent_back: records sent into the log, to the partition that is their customer's now.
        attended: whether the installation's own workers have gone on.
        seconds: until the switch.
    """

    namespace: str
    store: str
    before: str
    records: int
    dropped: int
    sent_back: int
    attended: bool
    seconds: float

    @property
    def said(self) -> str:
        """For people."""
        workers = "" if self.attended else "; its workers are not there yet: segmenter run all"
        return (
            f"{self.namespace} is served by {self.store}: {self.records:,} records in "
            f"{self.seconds:.0f} s, {self.dropped:,} effects not sent again, {self.sent_back:,} "
            f"records sent to their partitions{workers}; to drop the states before: "
            f"segmenter rebuild --drop {self.before}"
        )


async def run_rebuild(
    settings: Settings, policy: Policy, workers: int, config: Path | None, console: Console
) -> Rebuilt:
    """Build `settings.store`, let it serve, and stay until other workers keep it up to date.

    Args:
        settings: of the installation; `store` is the one to build.
        policy: the rules in force.
        workers: how many processes fold.
        config: the file that the policy was read from; None: none was named.
        console: for progress.

    Raises:
        Refused, Unfinished, TopicMissing, KafkaUnavailable, StoreUnavailable.
    """
    inspector, stop = LogInspector(settings.brokers), asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with connect(settings.redis_url.get_secret_value()) as client:
        plan = await make_plan(settings, client, inspector)
        building = await serving.begin(client, plan.namespace, plan.to)
        if building != plan.to:
            raise Refused(another_is_unfinished(building))
        if plan.added:  # what was published before they were there holds in them, too
            await asyncio.to_thread(tell_again, settings.brokers, plan.added)
        with _options(policy, config, alone=plan.alone) as options:
            children = Children({**os.environ, **as_environment(settings)}, options)
            try:
                children.start(*["worker"] * workers)
                rebuild = _Rebuild(settings, plan, client, inspector, children, stop)
                return await rebuild.run(console)
            finally:
                await asyncio.to_thread(children.stop)


@contextmanager
def _options(policy: Policy, config: Path | None, *, alone: bool) -> Iterator[list[str]]:
    """Command-line options of the workers.

    Records that are sent to another partition come behind newer ones of their customer. So that
    none is too late, as much as possible is remembered.
    """
    if not alone:
        yield ["--quiet", *([] if config is None else ["--config", str(config)])]
        return
    with tempfile.TemporaryDirectory(prefix="segmenter-rebuild-") as folder:
        path = Path(folder, "segmenter.toml")
        path.write_text(remembering_policy(policy), "utf-8")
        yield ["--quiet", "--config", str(path)]


def remembering_policy(policy: Policy) -> str:
    """The same policy with the longest memory, as TOML."""
    values = policy.model_dump(mode="json", exclude_none=True)
    values["time"] |= {
        "remembered_days": MOST_REMEMBERED.days,
        "remembered_events": MOST_REMEMBERED.events,
    }
    return tomli_w.dumps(values)


class _Rebuild:
    """A rebuild whose workers run."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        client: aioredis.Redis,
        inspector: LogInspector,
        children: Children,
        stop: asyncio.Event,
    ) -> None:
        self._settings, self._plan, self._client = settings, plan, client
        self._inspector, self._children, self._stop = inspector, children, stop
        self._stood: Mapping[int, int] = {}
        self._ends: Mapping[int, int] = {}
        self._ends_s = -ENDS_EVERY_S

    async def run(self, console: Console) -> Rebuilt:
        plan, began_s = self._plan, time.monotonic()
        built = RedisStore(self._client, plan.to)
        sender = KafkaSender(self._settings.brokers) if plan.alone else None
        try:
            if sender is None:
                before = RedisStore(self._client, plan.before)
                catching: Beside | Alone = Beside(before, built, plan.places)
            else:
                catching = Alone(built, plan.places, self.what_is_to_be_read, sender)
            with _Display(plan, console) as display:
                look = await self._catch_up(catching, display)
            await serving.switch(self._client, plan.namespace, plan.to)
        finally:
            if sender is not None:
                sender.close()
        seconds = round(time.monotonic() - began_s, 1)
        console.print(
            f"{plan.to} serves now; this goes on until the workers of {plan.namespace} have "
            "started again",
            highlight=False,
        )
        records = sum(offset for place, offset in look.offsets.items() if place != LEARNER)
        sent_back = catching.sent if isinstance(catching, Alone) else 0
        attended = await self._wait_for_attendance()
        return Rebuilt(
            plan.namespace, plan.to, plan.before, records, catching.dropped, sent_back, attended,
            seconds,
        )  # fmt: skip

    async def _catch_up(self, catching: CatchingUp, display: _Display) -> Look:
        while not self._stop.is_set():
            ended = self._children.ended()
            if ended is not None:
                raise Unfinished(f"{ended}, see the log above; {self._go_on}")
            try:
                look = await catching.look()
                display.show(look.offsets, await self._known_ends())
                if look.caught_up:
                    return look
            except (StoreUnavailable, KafkaUnavailable) as error:
                logger.warning("waiting: %s", error)
            await self._pause()
        raise Unfinished(f"stopped before the switch; {self._go_on}")

    @property
    def _go_on(self) -> str:
        return f"{self._plan.before} serves as before; to go on: segmenter rebuild --to {self._plan.to}"

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), LOOK_EVERY_S)
        except TimeoutError:
            return

    async def _wait_for_attendance(self) -> bool:
        """Until another worker keeps the new store up to date; False if told to stop before."""
        while not self._stop.is_set() and self._children.ended() is None:
            try:
                if await serving.attended(self._client, self._plan.to):
                    return True
            except StoreUnavailable as error:
                logger.warning("waiting: %s", error)
            await self._pause()
        return False

    async def _known_ends(self) -> Mapping[int, int]:
        """Where log and learner's topic end, as of some seconds ago."""
        if time.monotonic() - self._ends_s > ENDS_EVERY_S:
            self._ends = await asyncio.to_thread(self._ask_ends)
            self._ends_s = time.monotonic()
        return self._ends

    def _ask_ends(self) -> dict[int, int]:
        log = self._inspector.extents(LOG, range(self._plan.partitions))
        inputs = self._inspector.extents(INPUTS, [0])
        return {**{place: each.end for place, each in log.items()}, LEARNER: inputs[0].end}

    async def what_is_to_be_read(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """The ends; where nothing moves, without the marks of transactions behind the last record."""
        stood, self._stood = self._stood, offsets
        ends = await asyncio.to_thread(self._ask_ends)
        for place, end in ends.items():
            offset = offsets[place]
            if offset < end and stood.get(place) == offset:
                where = (INPUTS, 0) if place == LEARNER else (LOG, place)
                if not await asyncio.to_thread(self._inspector.records_exist, *where, offset, end):
                    ends[place] = offset
        return ends


class _Display:
    """A bar for each partition and one for the learner."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks = {
            place: self._progress.add_task(
                "learner" if place == LEARNER else f"partition {place}", total=None
            )
            for place in plan.places
        }

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, offsets: Mapping[int, int], ends: Mapping[int, int]) -> None:
        for place, task in self._tasks.items():
            end = max(ends[place], offsets[place])
            self._progress.update(task, completed=offsets[place], total=end)
