"""What stands on a broker, recorded: all of it, or what lies within offsets or moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.policy import policy_from_preset
from streams import recorder
from streams.log import Record, TopicMissing
from streams.recorded_events import open_events
from streams.recorder import record, topic_recording
from streams.recording_files import open_recording
from streams.settings import Settings
from streams.span import span_of
from streams.topics import ERASURES, LOG, POLICIES, POPULATIONS
from tests.streams.fake_broker import FakeBroker

POLICY = policy_from_preset("grocery")
PURCHASE = b'{"customer_id": "%s", "occurred_at": "2024-01-0%dT12:00:00Z", "amount_minor": 5, "currency": "USD"}'
FIRST_MS = 1_704_110_400_000  # noon of 1 January 2024
DAY_MS = 86_400_000


def bought(offset: int, day: int, who: bytes = b"ada", **headers: bytes) -> Record:
    told = [("kind", b"purchase"), *headers.items()]
    return Record(offset, FIRST_MS + (day - 1) * DAY_MS, who, PURCHASE % (who, day), told)


def control(offset: int, kind: bytes, day: int) -> Record:
    return Record(offset, FIRST_MS + (day - 1) * DAY_MS, None, b'{"at_ms": 5}', [("kind", kind)])


BROKER = FakeBroker(
    {
        LOG: [
            [bought(2, 1), control(3, b"tick", 2), bought(4, 3), bought(7, 4)],
            [bought(0, 2, b"bob"), bought(1, 3, b"bob", **{"event-id": b"sent on"})],
            [],
        ],
        POPULATIONS: [[Record(3, 0, b"digest", b"body", []), Record(4, 0, b"gone", None, [])]],
        POLICIES: [[]],
        ERASURES: [[]],
    }
)


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a broker asks this one."""
    monkeypatch.setattr(recorder, "LogInspector", lambda _servers: BROKER)


def recorded(path: Path, since: str = "", until: str = "") -> list[list[int]]:
    """The offsets in a recording, by partition."""
    source = topic_recording(Settings(), POLICY, span_of(since, until), 5)
    told: list[int] = []
    done = record(path, source, told.append)
    found = open_recording(path)
    assert found is not None
    assert done.bytes == path.stat().st_size
    assert done.records + done.bodies == told[-1]
    return [[each.offset for each in found.records(p)] for p in range(3)]


def test_all_of_a_log_with_its_bodies(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    assert recorded(path) == [[2, 3, 4, 7], [0, 1], []]
    found = open_recording(path)
    assert found is not None
    assert found.head.extents == ((2, 8), (0, 2), (0, 0))
    assert (found.head.topic_id, found.head.namespace) == ("id of it", "main")
    assert [each.key for each in found.bodies(POPULATIONS)] == [b"digest"]


def test_what_lies_within_offsets(tmp_path: Path) -> None:
    assert recorded(tmp_path / "log.jsonl", "3", "5") == [[3, 4], [], []]


def test_what_lies_within_moments_is_one_piece_of_each_partition(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert recorded(path, "2024-01-02", "2024-01-04") == [[3, 4], [0, 1], []]
    found = open_recording(path)
    assert found is not None
    assert found.head.extents == ((3, 5), (0, 2), (0, 0))
    assert recorded(path, "2025-01-01") == [[], [], []]


def test_of_a_log_what_producers_wrote_is_replayed_in_the_order_of_its_time() -> None:
    events = open_events("topic:customer-events.v1", Settings(), POLICY)
    found = [(each.customer_id, each.occurred_at_ms) for each in events.read()]
    days = [("ada", 1), ("bob", 2), ("ada", 3), ("ada", 4)]
    assert found == [(who, FIRST_MS + (day - 1) * DAY_MS) for who, day in days]
    assert b'"event_id": "customer-events.v1/0/2"' in next(events.read()).value


def test_a_log_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "LogInspector", lambda _servers: FakeBroker({}))
    with pytest.raises(TopicMissing, match="customer-events"):
        topic_recording(Settings(), POLICY, span_of("", ""), 5)
