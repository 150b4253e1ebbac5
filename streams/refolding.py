"""All partitions of a recording, folded again: in this process, or several side by side.

Each partition is one task: it opens the recording by itself, goes on from its snapshot if there is one,
and answers what it came to. How far each has come stands in an array that all share.

Blocks until all is folded. An interrupt leaves the snapshots of what was folded by then.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from models.erasure import Pseudonyms
from models.policy import Policy
from models.policy_record import policy_as_json
from streams.collecting import collected_rarely
from streams.digest import Digest, Told, together
from streams.memory_store import MemoryStore
from streams.recording_files import open_recording
from streams.refold import Asked, Chosen, Last, Refold, Refolded
from streams.snapshot import Snapshot, Snapshots
from streams.store import Store

KEPT_EVERY = 100_000  # records between two snapshots of a partition
LOOK_EVERY_S = 0.2


class Total(NamedTuple):
    """What a replay came to.

    Attributes:
        partitions: each.
        digest: of all together.
        tally: likewise.
    """

    partitions: tuple[Refolded, ...]
    digest: Digest
    tally: Counter[str]


def refold(asked: Asked, cores: int, progress: Callable[[int], None]) -> Total:
    """Fold everything that was asked for.

    Args:
        asked: what.
        cores: how many processes; 1: this one. More than one read a file.
        progress: called now and then with the number of records read so far.

    Raises:
        SourceError: the recording or a snapshot can't be used.
    """
    partitions = range(asked.recording.head.partitions)
    if cores == 1:
        counter = _Counter(progress)
        done = [_folded(asked, each, counter.add) for each in partitions]
    else:
        done = _side_by_side(asked, min(cores, len(partitions)), progress)
    return _total(done)


async def refold_into(asked: Asked, store: Store, progress: Callable[[int], None]) -> Total:
    """Fold everything into one empty store.

    Args:
        asked: what; no snapshots are kept.
        store: where to.
        progress: see `refold`.

    Raises:
        SourceError: the recording can't be used.
        StoreUnavailable.
    """
    counter = _Counter(progress)
    partitions = range(asked.recording.head.partitions)
    return _total([await Refold(asked, each, store).run(counter.add) for each in partitions])


def _total(done: list[Refolded]) -> Total:
    tally = sum((Counter(each.tally) for each in done), Counter[str]())
    return Total(tuple(done), together(each.digest for each in done), tally)


class _Counter:
    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress, self._count = progress, 0

    def add(self, count: int) -> None:
        self._count += count
        self._progress(self._count)


def _folded(asked: Asked, partition: int, progress: Callable[[int], None]) -> Refolded:
    with collected_rarely():
        return asyncio.run(_into_memory(asked, partition, progress))


async def _into_memory(asked: Asked, partition: int, progress: Callable[[int], None]) -> Refolded:
    """One partition, into memory."""
    store, snapshots = MemoryStore(lambda: 0), _snapshots(asked)
    before = snapshots and snapshots.read(f"partition-{partition}")
    told, tally, last = Told(), Counter[str](), None
    if before:
        store.take(partition, before.store)
        told, tally = Told.unpacked(before.told), Counter(before.tally)
        last = before.last and Last(*before.last)
    again = Refold(asked, partition, store, told, last)
    unkept = 0
    stands = (await store.load(partition, ())).meta.offset
    for batch in again.batches(stands):
        await again.take(batch)
        progress(len(batch.records))
        unkept += len(batch.records)
        if snapshots and unkept >= KEPT_EVERY:
            _keep(snapshots, store, again, tally, partition)
            unkept = 0
    if snapshots:
        _keep(snapshots, store, again, tally, partition)
    found = await again.result()
    return found._replace(tally=tally + Counter(found.tally))


def _snapshots(asked: Asked) -> Snapshots | None:
    if not asked.snapshots:
        return None
    head, chosen = asked.recording.head, asked.chosen
    customers = None if chosen.customers is None else sorted(chosen.customers)
    of = {
        "namespace": head.namespace,
        "topic_id": head.topic_id,
        "partitions": head.partitions,
        "policy": asked.policy.version,
        "hash_key": asked.pseudonyms.key_id,
        "customers": customers,
        "since": str(chosen.span.since),
    }
    return Snapshots(Path(asked.snapshots), of)


def _keep(
    snapshots: Snapshots, store: MemoryStore, again: Refold, before: Counter[str], partition: int
) -> None:
    tally = dict(before + again.tally)
    snapshot = Snapshot(store.packed(partition), again.told.packed(), tally, again.last)
    snapshots.write(f"partition-{partition}", snapshot)


_read: Any = None  # in a process of its own: how many records each partition has read


def _begin(read: Any) -> None:
    global _read  # noqa: PLW0603 - set once, before the first task of the process
    _read = read


class _Told(NamedTuple):
    """What another process is told: what it is to open by itself, and plain values."""

    path: str
    policy: dict[str, Any]
    pseudonyms: Pseudonyms
    chosen: Chosen
    snapshots: str

    def asked(self) -> Asked:
        recording = open_recording(Path(self.path))
        assert recording is not None
        policy = Policy.model_validate(self.policy)
        return Asked(recording, policy, self.pseudonyms, self.chosen, self.snapshots)


def _task(told: _Told, partition: int) -> Refolded:
    def note(count: int) -> None:
        _read[partition] += count  # nobody else writes there

    return _folded(told.asked(), partition, note)


def _side_by_side(asked: Asked, cores: int, progress: Callable[[int], None]) -> list[Refolded]:
    partitions = range(asked.recording.head.partitions)
    policy = policy_as_json(asked.policy)
    told = _Told(asked.recording.name, policy, asked.pseudonyms, asked.chosen, asked.snapshots)
    spawning = multiprocessing.get_context("spawn")
    read = spawning.Array("q", len(partitions), lock=False)
    with _pool(cores, spawning, read) as pool:
        tasks = [pool.submit(_task, told, each) for each in partitions]
        pending: Iterable[Any] = tasks
        while pending:
            done, pending = wait(pending, LOOK_EVERY_S, "FIRST_EXCEPTION")
            progress(sum(read))
            for each in done:
                each.result()
        return [each.result() for each in tasks]


@contextmanager
def _pool(cores: int, spawning: Any, read: Any) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(cores, spawning, _begin, (read,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
