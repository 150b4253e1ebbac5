"""A recording folded again gives what was recorded, byte for byte, in whatever pieces that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import decode_state
from models.erasure import Pseudonyms
from models.events import LogRecord
from streams.digest import Digest, differences, together
from streams.log import Record
from streams.memory_store import MemoryStore
from streams.recording import Entry, NotARecording, Recording
from streams.recording_files import open_recording, write_recording
from streams.refold import Asked, Chosen, Refold
from streams.refolding import Total, refold, refold_into
from streams.snapshot import NotThisReplay
from streams.span import Place, Span
from streams.topics import ERASURES, LOG
from tests.streams.recorded_town import KEYED, POLICY, digest_of, town
from tests.support.recordings import entries_of, head_of, recorded
from tests.support.story import DAY_0_MS, DAY_MS


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Of the town, with its key."""
    return recorded(town(), tmp_path_factory.mktemp("log") / "log.parquet", KEYED.key_id)


def say_nothing(_count: int) -> None:
    return


def asked(recording: Recording, chosen: Chosen = Chosen(), snapshots: str = "") -> Asked:  # noqa: B008
    return Asked(recording, POLICY, KEYED, chosen, snapshots)


@pytest.fixture(scope="module")
def everything(recording: Recording) -> Total:
    """What folding all of it comes to."""
    return refold(asked(recording), 1, say_nothing)


def test_a_replay_gives_the_same_states_effects_and_sketches(
    recording: Recording, everything: Total
) -> None:
    lived = digest_of(town())
    assert differences(lived, everything.digest) == []
    assert everything.digest.text == lived.text
    assert lived.effects > 500


def test_two_processes_come_to_the_same_as_one(recording: Recording, everything: Total) -> None:
    told: list[int] = []
    found = refold(asked(recording), 2, told.append)
    assert found.digest == everything.digest
    assert told[-1] == sum(map(len, town().log))
    assert found.tally == everything.tally


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), max_size=3))
def test_a_part_after_a_snapshot_and_the_whole_come_to_the_same(
    recording: Recording,
    everything: Total,
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
) -> None:
    folder = str(tmp_path_factory.mktemp("snapshots"))
    for cut in sorted(cuts):
        part = Chosen(Span(until=Place(cut, None)))
        refold(asked(recording, part, folder), 1, say_nothing)
    last = refold(asked(recording, snapshots=folder), 1, say_nothing)
    assert last.digest == everything.digest
    assert last.tally == everything.tally


def test_a_part_may_end_at_a_moment(
    recording: Recording, everything: Total, tmp_path: Path
) -> None:
    later = Place(None, town().log[0][0].timestamp_ms + 1)
    nothing = Chosen(Span(since=later))
    assert refold(asked(recording, nothing), 1, say_nothing).digest.customers == 0
    until = Chosen(Span(until=later))
    assert refold(asked(recording, until), 1, say_nothing).digest == everything.digest


def test_the_order_between_customers_does_not_show(recording: Recording, everything: Total) -> None:
    parts = [asyncio.run(folded(recording, each)) for each in range(3)]
    assert together(parts) == together(reversed(parts)) == everything.digest


async def folded(recording: Recording, partition: int) -> Digest:
    again = Refold(asked(recording), partition, MemoryStore(lambda: 0))
    return (await again.run(say_nothing)).digest


def test_some_customers_alone_come_to_what_they_are_among_all(recording: Recording) -> None:
    ids = frozenset({"c5", "c8"})  # c4 has become c5
    store = MemoryStore(lambda: 0)
    found = asyncio.run(states(recording, Chosen(customers=ids), store))
    among_all = asyncio.run(town().states())
    assert found.keys() == ids
    for each in ids:
        alone, ours = decode_state(found[each]), decode_state(among_all[each])
        assert alone.current == ours.current
        assert alone.rules == ours.rules
        assert alone.sequence == ours.sequence


async def states(recording: Recording, chosen: Chosen, store: MemoryStore) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for partition in range(3):
        await Refold(asked(recording, chosen), partition, store).run(say_nothing)
        found.update((await store.walk(partition, 0, 1_000)).states)
    return found


def test_a_change_of_one_record_shows_in_the_digest(
    recording: Recording, everything: Total
) -> None:
    without = refold(asked(Without(recording, 100)), 1, say_nothing).digest
    assert "states" in differences(without, everything.digest)


class Without:
    """A recording that has lost a record of its second partition."""

    def __init__(self, recording: Recording, offset: int) -> None:
        self._recording, self._offset = recording, offset
        self.name, self.head = recording.name, recording.head

    def bodies(self, topic: str) -> Iterator[Record]:
        return self._recording.bodies(topic)

    def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
        found = self._recording.records(partition, from_offset)
        return (each for each in found if (partition, each.offset) != (1, self._offset))


def test_another_hash_key_is_refused(recording: Recording) -> None:
    with pytest.raises(NotARecording, match=r"recorded with hash key .*, this is \(none\)"):
        refold(Asked(recording, POLICY, Pseudonyms()), 1, say_nothing)


def test_a_snapshot_of_something_else_is_refused(recording: Recording, tmp_path: Path) -> None:
    folder = str(tmp_path / "snapshots")
    part = Chosen(Span(until=Place(50, None)))
    refold(asked(recording, part, folder), 1, say_nothing)
    one = Chosen(customers=frozenset({"c1"}))
    with pytest.raises(NotThisReplay, match="its customers is none, of this replay c1"):
        refold(asked(recording, one, folder), 1, say_nothing)
    Path(folder, "partition-0.snapshot").write_bytes(b"\xc1")
    with pytest.raises(NotThisReplay, match="not a snapshot"):
        refold(asked(recording, snapshots=folder), 1, say_nothing)


def test_a_body_that_was_not_recorded_is_named(recording: Recording) -> None:
    class Bodiless(Without):
        def bodies(self, topic: str) -> Iterator[Record]:
            return iter(())

    with pytest.raises(NotARecording, match=r"what was recorded of populations\.v1 does not hold"):
        refold(asked(Bodiless(recording, -1)), 1, say_nothing)


def test_time_in_a_replay_is_that_of_the_log(recording: Recording) -> None:
    clocks = [each.clock_ms for each in refold(asked(recording), 1, say_nothing).partitions]
    assert all(DAY_0_MS + 70 * DAY_MS < each < DAY_0_MS + 80 * DAY_MS for each in clocks)


def test_what_a_snapshot_has_not_come_to_is_not_passed_over(
    recording: Recording, tmp_path: Path
) -> None:
    folder = str(tmp_path / "snapshots")
    refold(asked(recording, Chosen(Span(until=Place(50, None))), folder), 1, say_nothing)
    with pytest.raises(NotThisReplay, match="its since is"):
        refold(asked(recording, Chosen(Span(Place(150, None))), folder), 1, say_nothing)
    with pytest.raises(NotThisReplay, match=r"has come to offset 50, further than --to 20"):
        refold(asked(recording, Chosen(Span(until=Place(20, None))), folder), 1, say_nothing)
    with pytest.raises(NotThisReplay, match=r"come to offset 50, what is asked for begins at 60"):
        refold(asked(Later(recording, 60), snapshots=folder), 1, say_nothing)


class Later(Without):
    """A recording that begins later."""

    def __init__(self, recording: Recording, begins: int) -> None:
        super().__init__(recording, -1)
        extents = tuple((begins, end) for _, end in recording.head.extents)
        self.head = recording.head._replace(extents=extents)


def test_a_snapshot_of_another_log_with_the_same_name_is_refused(
    recording: Recording, tmp_path: Path
) -> None:
    folder = str(tmp_path / "snapshots")
    refold(asked(recording, Chosen(Span(until=Place(50, None))), folder), 1, say_nothing)

    class Another(Without):
        def records(self, partition: int, from_offset: int = 0) -> Iterator[LogRecord]:
            for each in super().records(partition, from_offset):
                yield each._replace(timestamp_ms=each.timestamp_ms + 1)

    with pytest.raises(NotThisReplay, match="of another log: offset 49 is another record there"):
        refold(asked(Another(recording, -1), snapshots=folder), 1, say_nothing)


def test_however_much_is_told_nothing_of_it_waits_for_a_relay(
    recording: Recording, everything: Total, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.partition.MAX_OUTBOX_ROWS", 10)
    store = MemoryStore(lambda: 0)
    total = asyncio.run(refold_into(asked(recording), store, say_nothing))
    assert total.digest == everything.digest
    assert [asyncio.run(store.outbox(each, 10)) for each in range(3)] == [[], [], []]


def test_what_another_installation_made_of_the_same_erasure_changes_nothing(
    tmp_path: Path, everything: Total
) -> None:
    loop = town()
    mine = next(each for each in loop.effects if each.topic == ERASURES)
    headers = {**dict(mine.headers), "source.namespace": b"green"}
    key = (mine.key or b"").replace(b"loop/", b"green/")
    later = loop.log[0][-1].timestamp_ms + 5
    green = Entry(ERASURES, 0, Record(9, later, key, mine.value, list(headers.items())))
    before = [each for each in entries_of(loop) if each.topic != LOG]
    log = [each for each in entries_of(loop) if each.topic == LOG]
    path = tmp_path / "log.jsonl"
    write_recording(path, head_of(loop, KEYED.key_id), [*before, green, *log], say_nothing)
    recording = open_recording(path)
    assert recording is not None
    assert refold(asked(recording), 1, say_nothing).digest == everything.digest
