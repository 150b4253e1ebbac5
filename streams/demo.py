"""`segmenter demo`: a year of real purchases through the real path, on this machine alone.

An embedded broker and store, a worker, a relay, the API, a surveyor and the delivery of alerts as processes of
their own, and the Complete Journey replayed into the log with its ticks: 2,469 households, one year; or a file of
one's own (`streams/demo_shop.py`). Nothing is simulated. The dashboard opens while the time goes by, and stays after it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.lifecycle import State
from models.policy import Policy
from models.population import epoch_end
from streams.datasets import Dataset
from streams.demo_shop import Shop
from streams.local import LocalBroker, LocalStore, free_port
from streams.log import LogInspector
from streams.lookup import Found, Lookup, NothingYet
from streams.messages import rfc3339
from streams.processes import Children, as_environment
from streams.redis_store import RedisStore, connect
from streams.replay import Published, Publisher
from streams.settings import Settings, in_the_clear
from streams.show import customer_card, sizes_table
from streams.sources import SourceRecord
from streams.topics import DEAD_LETTERS, LOG, TOPICS
from streams.wall import wall_ms

PARTITIONS = 4
LOOK_EVERY_S = 0.5
GIVE_UP_WITHIN_S = 10.0
LEARN_EVERY_S = 0.02
LEARN_WITHIN_S = 120.0
WHY_DEAD = (
    "Dead letters are events that can't be used: a currency without a rate in the policy, a moment in "
    "the future. `segmenter replay file FILE` counts them by reason."
)


class DemoFailed(RuntimeError):
    """A process ended, or the log was not folded in time."""


class Summary(NamedTuple):
    """What the demo ends with."""

    purchases: int
    customers: int
    by_lifecycle: dict[str, int]
    dead_letters: int
    seconds: float


class _Replay(threading.Thread):
    """Publishes the data set beside the display; remembers who is in it.

    At the end of each epoch it waits until the population is in force, as it would have been when
    the year was new: written in one go, every purchase would stand before the first population.
    """

    def __init__(
        self, dataset: Dataset, publisher: Publisher, policy: Policy, learned: Callable[[int], bool]
    ) -> None:
        super().__init__(name="replay", daemon=True)
        self._dataset, self._publisher = dataset, publisher
        self._policy, self._learned = policy, learned
        self.customers: dict[str, int] = {}
        self.count = 0
        self.published: Published | None = None
        self.failure: BaseException | None = None
        self._given_up = threading.Event()

    def give_up(self) -> None:
        """End early, while the broker still takes what is on its way."""
        self._given_up.set()
        self.join(GIVE_UP_WITHIN_S)

    def run(self) -> None:
        try:
            records = self._counted(self._dataset.read())
            self.published = self._publisher.publish(records, 0.0, self._progress, self._new_day)
        except BaseException as error:  # noqa: BLE001 - handed to the display, which raises it
            self.failure = error
        finally:
            self._publisher.close()

    def _new_day(self, day: int) -> None:
        if epoch_end(day, self._policy) != day:
            return
        self._publisher.flush()
        give_up_s = time.monotonic() + LEARN_WITHIN_S
        while not self._learned(day) and not self._given_up.wait(LEARN_EVERY_S):
            if time.monotonic() > give_up_s:
                on = date.fromordinal(day)
                raise DemoFailed(f"no population of {on} came within {LEARN_WITHIN_S:.0f} s")

    def _progress(self, count: int) -> None:
        self.count = count

    def _counted(self, records: Iterator[SourceRecord]) -> Iterator[SourceRecord]:
        for record in records:
            if self._given_up.is_set():
                return
            self.customers[record.customer_id] = self.customers.get(record.customer_id, 0) + 1
            yield record


async def run_demo(console: Console, shop: Shop, *, headless: bool, port: int = 0) -> Summary:
    """Run it all; answers the summary.

    Args:
        console: to show it on.
        shop: whose purchases, and by which rules.
        headless: show nothing.
        port: of the dashboard; 0, or one that is taken: any that is free.

    Raises:
        DemoFailed, LocalServerError, SourceError: say what is missing and how to get it.
    """
    began_s = time.monotonic()
    policy = shop.policy
    _end_in_order()
    with _installation(free_port(port), shop.text) as (settings, config, children):
        page = f"http://{settings.api_host}:{settings.api_port}/"
        if not headless:
            console.print(f"dashboard: {page}", highlight=False)
            webbrowser.open(page)
        async with _looking(settings, policy) as look:
            publisher = Publisher(settings.brokers, PARTITIONS, policy.timezone)
            replay = _Replay(shop.dataset, publisher, policy, _asked_from_threads(look))
            replay.start()
            display = _Display(shop, console, headless=headless)
            try:
                await _watch(look, settings, children, replay, display)
            finally:
                replay.give_up()
            summary = await _summary(look, settings, replay, began_s)
            if not headless:
                await _show_end(console, look, policy, replay, summary)
                if sys.stdin.isatty():
                    console.print(_reached_by(settings, config), highlight=False)
                    console.print(f"The dashboard stays at {page} until Ctrl-C.", highlight=False)
                    await _until_interrupted(children)
        codes = children.stop()
        if any(codes.values()):
            raise DemoFailed(f"a process did not end well: exit codes {codes}")
    return summary


def _reached_by(settings: Settings, config: Path) -> str:
    """How other commands find this installation."""
    around = {**as_environment(settings), "SEGMENTER_CONFIG": str(config)}
    names = ("BOOTSTRAP_SERVERS", "REDIS_URL", "NAMESPACE", "CONFIG")
    lines = "\n".join(
        f"    export SEGMENTER_{name}={around[f'SEGMENTER_{name}']}" for name in names
    )
    return f"In another terminal, for other commands:\n\n{lines}\n"


async def _until_interrupted(children: Children) -> None:
    """Until Ctrl-C, or until a process ends.

    Raises:
        DemoFailed: a process has ended.
    """
    with suppress(asyncio.CancelledError):  # that is how Ctrl-C comes
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            ended = children.ended()
            if ended is not None:
                raise DemoFailed(ended)


def _end_in_order() -> None:
    """Let whatever ends the demo end it like Ctrl-C: the children are sessions of their own."""
    loop = asyncio.get_running_loop()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs behind it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(each, signal.raise_signal, signal.SIGINT)


@contextmanager
def _installation(port: int, policy: str) -> Iterator[tuple[Settings, Path, Children]]:
    """Broker, store, topics and processes, in a folder that goes when they go."""
    with tempfile.TemporaryDirectory(prefix="segmenter-demo-") as folder:
        config = Path(folder, "segmenter.toml")
        config.write_text(policy, "utf-8")
        with LocalBroker(folder) as broker, LocalStore(folder) as store:
            settings = Settings.model_validate(
                {
                    **in_the_clear(),
                    "bootstrap_servers": broker.bootstrap_servers,
                    "redis_url": store.url,
                    "namespace": "demo",
                    "partitions": PARTITIONS,
                    "session_timeout_s": 6.0,
                    "api_port": port,
                }
            )
            LogInspector(settings.brokers).create(TOPICS, PARTITIONS, 1)
            environment = {**os.environ, **as_environment(settings), "TMPDIR": folder}
            children = Children(environment, ["--config", str(config), "--quiet"])
            children.start("worker", "relay", "api", "delivery", "surveyor")
            try:
                yield settings, config, children
            finally:
                children.stop()


def _asked_from_threads(look: Lookup) -> Callable[[int], bool]:
    """Whether the population of a day is in force everywhere; callable in another thread."""
    loop = asyncio.get_running_loop()

    async def learned(day: int) -> bool:
        try:
            populations = await look.populations()
        except NothingYet:
            return False
        return all(each is not None and each.as_of_day >= day for each in populations)

    return lambda day: asyncio.run_coroutine_threadsafe(learned(day), loop).result()


@asynccontextmanager
async def _looking(settings: Settings, policy: Policy) -> AsyncIterator[Lookup]:
    client = connect(settings.redis_url.get_secret_value())
    try:
        yield Lookup(RedisStore(client, settings.namespace), policy)
    finally:
        await client.aclose()


class _Display:
    """Two progress bars and the table of states."""

    def __init__(self, shop: Shop, console: Console, *, headless: bool) -> None:
        self._name = shop.name
        self._progress = Progress(
            TextColumn("{task.description:>20}"),
            BarColumn(None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._written = self._progress.add_task(
            "written to the log", total=shop.dataset.count_records()
        )
        self._folded = self._progress.add_task("folded into states", total=None)
        self.live = nullcontext() if headless else Live(console=console, auto_refresh=False)

    def update(self, replay: _Replay, folded: int, sizes: dict[str, int], today: str) -> None:
        if not isinstance(self.live, Live):
            return
        self._progress.update(self._written, completed=replay.count)
        total = None
        if replay.published is not None:
            total = replay.published.records + replay.published.ticks
        self._progress.update(self._folded, completed=folded, total=total)
        table = sizes_table(sizes, title=f"{self._name}, {today}")
        shown: RenderableType = Group(self._progress, table)
        self.live.update(shown, refresh=True)


async def _watch(
    look: Lookup, settings: Settings, children: Children, replay: _Replay, display: _Display
) -> None:
    """Show how far it is, until every record is folded."""
    inspector = LogInspector(settings.brokers)
    ends: list[int] | None = None
    with display.live:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            ended = children.ended()
            if ended is not None or replay.failure is not None:
                raise DemoFailed(ended or str(replay.failure)) from replay.failure
            if replay.published is not None and ends is None:
                extents = await asyncio.to_thread(inspector.extents, LOG, range(PARTITIONS))
                ends = [extents[each].end for each in range(PARTITIONS)]
            try:
                metas, sizes = await look.metas(), await look.sizes()
            except NothingYet:
                metas, sizes = [], {state.value: 0 for state in State}
            if not all(meta.offset for meta in metas) or not metas:
                display.update(replay, 0, sizes, "waiting for the worker")
                continue
            offsets = [meta.offset for meta in metas]
            today = f"read up to {rfc3339(min(meta.clock_ms for meta in metas))[:10]}"
            display.update(replay, sum(offsets), sizes, today)
            if ends is not None and all(o >= e for o, e in zip(offsets, ends, strict=True)):
                return


async def _summary(look: Lookup, settings: Settings, replay: _Replay, began_s: float) -> Summary:
    """Count what stands in the store, customer by customer."""
    purchases = customers = 0
    for customer_id in replay.customers:
        found = await look.customer(customer_id, wall_ms())
        if found is not None and found.state.current.purchases:
            purchases += found.state.current.purchases
            customers += 1
    letters = await asyncio.to_thread(
        LogInspector(settings.brokers).extents, DEAD_LETTERS, range(PARTITIONS)
    )
    return Summary(
        purchases,
        customers,
        await look.sizes(),
        sum(extent.end for extent in letters.values()),
        round(time.monotonic() - began_s, 1),
    )


async def _show_end(
    console: Console, look: Lookup, policy: Policy, replay: _Replay, summary: Summary
) -> None:
    console.print(
        f"\n{summary.purchases:,} purchases of {summary.customers:,} customers, "
        f"{summary.dead_letters} dead letters, {summary.seconds} s\n"
    )
    if summary.dead_letters:
        console.print(f"{WHY_DEAD}\n", highlight=False)
    for found in await _examples(look, replay):
        console.print(customer_card(found, policy), highlight=False)
        console.print()


async def _examples(look: Lookup, replay: _Replay) -> list[Found]:
    """The best customer of three states: still here, going, gone."""
    wanted = ["active", "dormant", "churned"]
    examples: dict[str, Found] = {}
    for customer_id in sorted(replay.customers, key=lambda each: -replay.customers[each]):
        found = await look.customer(customer_id, wall_ms())
        if found is not None:
            state = found.state.standing.lifecycle.value
            if state in wanted:
                examples.setdefault(state, found)
        if len(examples) == len(wanted):
            break
    return [examples[state] for state in wanted if state in examples]


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON prints it."""
    return summary._asdict()
