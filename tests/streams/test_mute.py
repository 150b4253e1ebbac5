"""What was published before a wipe or a rollback is not published again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.brokers import Brokers
from streams.log import LogInspector
from streams.metrics import RelayMeter
from streams.mute import Marks, MutingSender, read_marks
from streams.outbox import KafkaSender
from streams.store import OutboxRow
from streams.topics import CHANGES, DEAD_LETTERS, LOG, Topic


def row(offset: int, name: str, partition: int = 0, namespace: str = "main") -> OutboxRow:
    """A change caused by the record at `offset`."""
    headers = {
        "ce_id": name,
        "source.namespace": namespace,
        "source.partition": str(partition),
        "source.offset": str(offset),
    }
    return OutboxRow(CHANGES, b"c1", b"{}", [(key, each.encode()) for key, each in headers.items()])


class Recorder:
    """Sends as many as it may; remembers them."""

    def __init__(self, may_send: int = 1_000) -> None:
        self.may_send = may_send
        self.sent: list[OutboxRow] = []

    def send(self, rows: Sequence[OutboxRow]) -> int:
        taken = rows[: self.may_send]
        self.sent += taken
        return len(taken)


def marked(*rows: OutboxRow) -> Marks:
    marks = Marks()
    for each in rows:
        marks.note(each)
    return marks


def test_what_lies_below_the_highest_published_offset_is_muted() -> None:
    sender = MutingSender(inner := Recorder(), marked(row(5, "e")))
    assert sender.send([row(3, "c"), row(4, "d"), row(6, "f")]) == 3
    assert inner.sent == [row(6, "f")]
    assert sender.muted == 2


def test_at_the_highest_offset_only_what_was_published_is_muted() -> None:
    sender = MutingSender(inner := Recorder(), marked(row(5, "a"), row(5, "b")))
    assert sender.send([row(5, "a"), row(5, "b"), row(5, "c")]) == 3
    assert inner.sent == [row(5, "c")]


def test_what_is_sent_is_marked_so_a_wipe_under_a_running_relay_repeats_nothing() -> None:
    sender = MutingSender(inner := Recorder(), Marks())
    story = [row(1, "a"), row(2, "b"), row(2, "c")]
    assert sender.send(story) == sender.send(story) == 3
    assert inner.sent == story


def test_what_was_sent_is_told_by_topic_and_what_was_not_needed_apart() -> None:
    meter = RelayMeter()
    sender = MutingSender(Recorder(may_send=2), marked(row(5, "e")), meter)
    letter = row(6, "f")._replace(topic=DEAD_LETTERS)
    assert sender.send([row(4, "d"), row(6, "f"), letter, row(7, "g")]) == 3
    ask = meter.registry.get_sample_value
    sent = [
        ask("segmenter_relay_sent_total", {"topic": topic}) for topic in (CHANGES, DEAD_LETTERS)
    ]
    assert (sent, ask("segmenter_relay_muted_total")) == ([1, 1], 1)


def test_what_was_not_acknowledged_is_neither_marked_nor_counted() -> None:
    sender = MutingSender(inner := Recorder(may_send=1), marked(row(1, "a")))
    waiting = [row(1, "a"), row(2, "b"), row(3, "c")]
    assert sender.send(waiting) == 2  # the muted one, and one sent
    assert sender.send(waiting[2:]) == 1
    assert inner.sent == [row(2, "b"), row(3, "c")]


@pytest.mark.parametrize(
    "other",
    [
        row(1, "x", partition=1),
        row(1, "x", namespace="next"),
        row(1, "x")._replace(topic=DEAD_LETTERS),
    ],
)
def test_each_partition_namespace_and_topic_has_its_own_mark(other: OutboxRow) -> None:
    sender = MutingSender(inner := Recorder(), marked(row(5, "e")))
    assert sender.send([other]) == 1
    assert inner.sent == [other]


def test_a_record_on_its_way_to_its_own_partition_is_never_muted() -> None:
    astray = OutboxRow(LOG, b"c1", b"{}", [("kind", b"purchase"), ("event-id", b"e1")])
    sender = MutingSender(inner := Recorder(), marked(row(5, "e"), astray))
    assert sender.send([astray]) == 1
    assert inner.sent == [astray]


def test_the_marks_are_read_from_the_tail_of_the_output_topics(bootstrap_servers: str) -> None:
    inspector = LogInspector(Brokers(bootstrap_servers))
    inspector.create([Topic("muted-changes", {})], 2, 1)
    sender = KafkaSender(Brokers(bootstrap_servers))
    rows = [row(n, f"e{n}")._replace(topic="muted-changes") for n in range(300)]
    assert sender.send(rows) == len(rows)
    sender.close()
    marks = read_marks(inspector, {"muted-changes": 10})
    assert marks.published(rows[0])
    assert marks.published(rows[-1])
    assert not marks.published(row(len(rows), "next")._replace(topic="muted-changes"))


def test_effects_of_one_partition_stay_in_one_partition_whatever_their_key(
    bootstrap_servers: str,
) -> None:
    inspector = LogInspector(Brokers(bootstrap_servers))
    inspector.create([Topic("kept-together", {})], 4, 1)
    sender = KafkaSender(Brokers(bootstrap_servers))
    keys: tuple[bytes | None, ...] = (b"a", b"b", b"c", None)
    rows = [row(n, f"e{n}", partition=2) for n in range(len(keys))]
    together = [
        each._replace(topic="kept-together", key=key) for each, key in zip(rows, keys, strict=True)
    ]
    assert sender.send(together) == len(keys)
    sender.close()
    extents = inspector.extents("kept-together", range(4))
    assert [extents[each].end for each in range(4)] == [0, 0, len(keys), 0]


def test_a_producers_own_source_headers_mute_nothing() -> None:
    astray = row(1, "x")._replace(topic=LOG)
    sender = MutingSender(inner := Recorder(), marked(astray, astray))
    assert sender.send([astray]) == 1
    assert inner.sent == [astray]
