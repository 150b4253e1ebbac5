"""A recording is the log byte for byte, in either format, and says what is wrong with it if it is not."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.log import Record
from streams.recording import (
    Entry,
    Head,
    NotARecording,
    decode_line,
    encode_line,
    log_record,
    policy_of,
)
from streams.recording_files import open_recording, write_recording
from streams.sources import SourceError
from streams.topics import CHANGES, LOG, POPULATIONS
from tests.streams.recorded_town import POLICY, town
from tests.support.histories import thoroughly
from tests.support.recordings import entries_of, head_of, recorded

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")
every_format = pytest.mark.parametrize("suffix", SUFFIXES)
records = st.builds(
    Record,
    st.integers(0, 2**53),
    st.integers(0, 2**53),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=200) | st.text(max_size=50).map(lambda text: text.encode()),
    st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3),
)


def say_nothing(_count: int) -> None:
    return


@every_format
def test_a_recording_is_the_log_as_it_stood(suffix: str, tmp_path: Path) -> None:
    loop = town()
    recording = recorded(loop, tmp_path / f"log{suffix}")
    assert [list(recording.records(each)) for each in range(3)] == loop.log
    assert list(recording.records(1, 20)) == loop.log[1][20:]
    bodies = [each.record for each in entries_of(loop) if each.topic == POPULATIONS]
    assert [each[:4] for each in recording.bodies(POPULATIONS)] == [each[:4] for each in bodies]
    assert list(recording.bodies("policies.v1")) == []
    assert recording.head == head_of(loop)
    assert policy_of(recording) == POLICY


@thoroughly
@given(records)
def test_a_line_holds_any_bytes(record: Record) -> None:
    entry = Entry(LOG, 3, record)
    found = decode_line("x", 1, encode_line(entry))
    assert found.record[:4] == record[:4]
    assert list(found.record.headers) == [(name, value) for name, value in record.headers]
    assert log_record(3, found.record).value == record.value


@every_format
def test_values_that_are_not_text_and_repeated_headers_stay_as_they_are(
    suffix: str, tmp_path: Path
) -> None:
    head = Head("shop", "id", "", ((7, 10),), {}, 1)
    told: list[Any] = [("kind", b"x"), ("kind", b"\xfe"), ("", b""), ("none", None)]
    odd = Record(7, 5, None, b"\xff\x00", told)
    empty = Record(9, 6, b"", b"", [])
    tombstone = Record(8, 5, b"ada", None, [])
    path = tmp_path / f"odd{suffix}"
    entries = [Entry(LOG, 0, each) for each in (odd, tombstone, empty)]
    assert write_recording(path, head, entries, say_nothing) == 3
    found = open_recording(path)
    assert found is not None
    assert list(found.records(0)) == [log_record(0, each) for each in (odd, tombstone, empty)]
    assert found.head == head


@every_format
def test_half_a_recording_never_takes_a_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"log{suffix}"

    def breaks() -> list[Entry]:
        raise OSError("no space left")

    def entries() -> object:
        yield Entry(LOG, 0, Record(0, 0, None, None, []))
        breaks()

    with pytest.raises(SourceError, match=r"log.*can't be written: no space left"):
        write_recording(path, Head("s", "", "", ((0, 2),), {}, 1), entries(), say_nothing)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_records_out_of_order_are_a_mistake_of_who_writes(tmp_path: Path) -> None:
    entries = [Entry(LOG, 0, Record(each, 0, None, None, [])) for each in (1, 0)]
    with pytest.raises(ValueError, match="not in order"):
        write_recording(
            tmp_path / "log.jsonl", Head("s", "", "", ((0, 2),), {}, 1), entries, say_nothing
        )


def test_a_file_of_events_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"customer_id": "ada"}\n')
    assert open_recording(path) is None
    assert open_recording(path.rename(tmp_path / "events.csv")) is None


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(SourceError, match=r"log\.jsonl: no such file"):
        open_recording(path)
    path.write_text('{"segmenter_recording": 2, "extents": []}\n')
    with pytest.raises(NotARecording, match="format 2, known is 1; use a version"):
        open_recording(path)
    path.write_text('{"segmenter_recording": 1}\n')
    with pytest.raises(NotARecording, match="not a recording; make one with: segmenter record"):
        open_recording(path)
    with pytest.raises(SourceError, match=r"found '\.txt', a recording is one of \.jsonl"):
        write_recording(tmp_path / "a.txt", head_of(town()), [], say_nothing)


def test_a_recording_that_was_cut_short_says_where(tmp_path: Path) -> None:
    whole = recorded(town(), tmp_path / "log.jsonl")
    lines = Path(whole.name).read_bytes().splitlines(keepends=True)
    Path(whole.name).write_bytes(b"".join(lines[:40]) + lines[40][:20])
    with pytest.raises(NotARecording, match=r"line 41: not a recorded record .*record it again"):
        list(whole.records(0))


def test_a_recording_that_was_cut_between_two_lines_says_so(tmp_path: Path) -> None:
    whole = recorded(town(), tmp_path / "log.jsonl")
    lines = Path(whole.name).read_bytes().splitlines(keepends=True)
    for kept in (lines[:40], lines[:-1], [*lines[:-2], lines[-1]]):
        Path(whole.name).write_bytes(b"".join(kept))
        with pytest.raises(NotARecording, match="record it again"):
            list(whole.records(2))


def test_a_zipped_recording_that_was_cut_short_says_so(tmp_path: Path) -> None:
    whole = recorded(town(), tmp_path / "log.jsonl.gz")
    packed = Path(whole.name).read_bytes()
    Path(whole.name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(NotARecording, match="record it again"):
        list(whole.records(2))
    assert gzip.decompress(packed)


def test_only_the_log_and_its_bodies_belong_in_a_recording(tmp_path: Path) -> None:
    entry = Entry(CHANGES, 0, Record(0, 0, None, None, []))
    with pytest.raises(ValueError, match="segment-changes"):
        write_recording(tmp_path / "log.jsonl", head_of(town()), [entry], say_nothing)
