"""What a replay writes says so, and so does all that follows from it; nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaConsumer, TopicPartition

from models.barrier import Barrier
from models.calendar import day_of
from models.events import LogRecord
from models.policy import policy_from_toml
from models.sketch import Contribution, Sketch
from streams.brokers import Brokers
from streams.lists import ListFile, upload
from streams.log import LogInspector
from streams.messages import Source, barrier_row, population_rows
from streams.replay import Publisher
from streams.sources import SourceRecord
from streams.store import LEARNER, OutboxRow
from streams.topics import ALERTS, CHANGES, INPUTS, LOG, POPULATIONS, TOPICS
from tests.models.alert_shops import OVERDUE, SHOP, SLIPPING, policy
from tests.real_parts import RealParts
from tests.streams.drawn import finished
from tests.streams.drawn import populations as versions
from tests.streams.logbook import ASTRAY, CUSTOMERS, PARTITION, Logbook, folded
from tests.streams.test_learning import Inputs, rows
from tests.streams.test_learning import folded as learned
from tests.support.story import HOUR_MS, midnight, noon

BOB, CAROL = CUSTOMERS[:2]
WATCHING = policy({"slipping": SLIPPING, "late": OVERDUE})
SOURCE = Source("main", 3, 41_872, "d2fffe021d92")
MARK = {"replay": b"true"}


def marked(record: LogRecord) -> LogRecord:
    return record._replace(headers={**record.headers, **MARK})


def log_of(story: Callable[[Logbook], None]) -> Logbook:
    log = Logbook()
    story(log)
    return log


def of_a_replay(log: Logbook, first: int = 0) -> Logbook:
    """The same log, had a replay written it from an offset on."""
    log.records = [marked(each) if each.offset >= first else each for each in log.records]
    return log


def left(log: Logbook, topic: str) -> list[OutboxRow]:
    """What a fold of the log sends to a topic."""
    store = finished(folded(log, WATCHING))
    return [row for _, row in finished(store.outbox(PARTITION, 10_000)) if row.topic == topic]


def marks(rows: list[OutboxRow]) -> list[bool]:
    """Of each row, whether it says that it follows from a replay."""
    for row in rows:
        assert dict(row.headers).get("replay", b"true") == b"true"
    return ["replay" in dict(row.headers) for row in rows]


# What a replay writes.


class Written:
    """What is written into the log on a broker from now on."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._begin = self._end()

    def headers(self) -> list[dict[str, bytes]]:
        tp = TopicPartition(LOG, 0)
        consumer = KafkaConsumer(bootstrap_servers=self.servers, enable_auto_commit=False)
        found: list[dict[str, bytes]] = []
        with closing(consumer):
            consumer.assign([tp])
            consumer.seek(tp, self._begin)
            while consumer.position(tp) < self._end():
                polled = consumer.poll(timeout_ms=200).get(tp, ())
                found += [dict(each.headers) for each in polled]
        return found

    def _end(self) -> int:
        return LogInspector(Brokers(self.servers)).extents(LOG, range(1))[0].end


@pytest.fixture(scope="module")
def servers(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = real_parts.broker(tmp_path_factory.mktemp("marks"))
    with broker:
        LogInspector(Brokers(broker.bootstrap_servers)).create(TOPICS, 1, 1)
        yield broker.bootstrap_servers


@pytest.fixture
def written(servers: str) -> Written:
    return Written(servers)


def test_a_replay_marks_events_and_ticks(written: Written) -> None:
    events = [SourceRecord("purchase", BOB, noon(day), b"{}") for day in range(2)]
    with closing(Publisher(Brokers(written.servers), 1, ZoneInfo("UTC"))) as publisher:
        publisher.publish(events, 0.0, lambda _: None)
    assert written.headers() == [
        {"kind": b"purchase", "replay": b"true"},
        {"kind": b"tick", "replay": b"true"},
        {"kind": b"purchase", "replay": b"true"},
    ]


def test_a_list_that_is_uploaded_is_no_replay(written: Written) -> None:
    club = ListFile("club", {BOB: True, CAROL: True}, "digest")
    upload(Brokers(written.servers), club, policy_from_toml(""), noon(0), lambda _: None)
    assert written.headers() == [{"kind": b"profile"}] * 2


# What follows from it.


def silent(log: Logbook) -> None:
    """Overdue on the thirteenth day."""
    log.purchase(BOB, noon(0))
    log.tick(midnight(13) + 3 * HOUR_MS)


def late_purchase(log: Logbook) -> None:
    """Told of, and it had not been true."""
    silent(log)
    log.purchase(BOB, noon(8), midnight(14))


def newly_learned(log: Logbook) -> None:
    """A risk that could not be told before."""
    log.purchase(BOB, noon(0))
    log.tick(midnight(11))
    log.population(SHOP)


def erased(log: Logbook) -> None:
    """Whoever keeps alerts is told."""
    log.purchase(BOB, noon(0))
    log.event("erasure", BOB, noon(1))


@pytest.mark.parametrize("story", [silent, late_purchase, newly_learned, erased])
def test_alerts_that_follow_from_a_replay_say_so(story: Callable[[Logbook], None]) -> None:
    told, replayed = (left(log, ALERTS) for log in (log_of(story), of_a_replay(log_of(story))))
    assert told
    assert marks(told) == [False] * len(told)
    assert marks(replayed) == [True] * len(told)
    assert [row.value for row in replayed] == [row.value for row in told]


@pytest.mark.parametrize("story", [silent, late_purchase, newly_learned, erased])
def test_the_record_that_brings_an_alert_about_decides_not_those_before(
    story: Callable[[Logbook], None],
) -> None:
    lived = log_of(story).records[-1]
    replayed, only_it = of_a_replay(log_of(story)), of_a_replay(log_of(story), lived.offset)
    replayed.records[-1] = lived
    assert marks(left(replayed, ALERTS))[-1:] == [False]
    assert marks(left(only_it, ALERTS))[-1:] == [True]


def test_changes_are_told_as_ever() -> None:
    told = left(log_of(silent), CHANGES)
    assert told
    assert left(of_a_replay(log_of(silent)), CHANGES) == told


@pytest.mark.parametrize("replayed", [False, True])
def test_a_barrier_says_whether_a_replay_closed_the_epoch(replayed: bool) -> None:
    log = Logbook()
    log.purchase(BOB, noon(0))
    log.tick(midnight(8))
    (barrier,) = left(of_a_replay(log, 1) if replayed else log, INPUTS)
    assert marks([barrier]) == [replayed]
    headers = dict(barrier.headers)
    assert headers["kind"] == b"barrier"
    assert headers["source.offset"] == b"1"


@pytest.mark.parametrize("replayed", [False, True])
def test_a_population_says_to_each_partition_whether_it_was_learned_of_a_replay(
    replayed: bool,
) -> None:
    inputs = Inputs()
    inputs.barrier(0, 1)
    inputs.barrier(1, 1)
    if replayed:
        inputs.records = [marked(each) for each in inputs.records]
    body, *notes = rows(learned(inputs)[1])
    assert (body.topic, [note.topic for note in notes]) == (POPULATIONS, [LOG, LOG])
    assert marks([body]) == [False]  # named by its content, which is the same either way
    assert marks(notes) == [replayed] * 2


def test_rows_of_a_barrier_and_of_a_population_have_the_mark_and_nothing_else_more() -> None:
    sketch = Sketch()
    day = day_of(noon(7), ZoneInfo("UTC"))
    sketch.renew("c1", None, Contribution(day - 1, day - 50, day - 3, 3, 5_000))
    barrier = Barrier(3, 4, day, sketch.slots())
    told, replayed = (barrier_row(barrier, SOURCE._replace(replayed=it)) for it in (False, True))
    assert dict(replayed.headers) == {**dict(told.headers), **MARK}
    source = SOURCE._replace(partition=LEARNER)
    body, *notes = population_rows(versions(6), 2, source._replace(replayed=True))
    assert body == population_rows(versions(6), 2, source)[0]
    assert [dict(note.headers) for note in notes] == [{"kind": b"population", **MARK}] * 2


# What is sent on.


def astray(log: Logbook) -> None:
    """Another client's partitioner has put it here."""
    log.purchase(ASTRAY, noon(0))


def of_an_alias(log: Logbook) -> None:
    """Bob is another name of Carol's by now."""
    log.event("merge", BOB, noon(1), into=CAROL)
    log.purchase(BOB, noon(2))


def merged(log: Logbook) -> None:
    """What is known of Bob goes to Carol."""
    log.purchase(BOB, noon(0))
    log.event("merge", BOB, noon(1), into=CAROL)


def merged_with_nobody(log: Logbook) -> None:
    """That Bob is a name of hers goes to Carol."""
    log.event("merge", BOB, noon(1), into=CAROL)


def erased_under_another_name(log: Logbook) -> None:
    """To be forgotten under all names."""
    log.event("merge", BOB, noon(1), into=CAROL)
    log.event("erasure", BOB, noon(2))


@pytest.mark.parametrize(
    "story", [astray, of_an_alias, merged, merged_with_nobody, erased_under_another_name]
)
def test_a_record_sent_on_keeps_the_mark(story: Callable[[Logbook], None]) -> None:
    sent, replayed = (left(log, LOG) for log in (log_of(story), of_a_replay(log_of(story))))
    assert sent
    assert marks(sent) == [False] * len(sent)
    assert marks(replayed) == [True] * len(sent)
    for row, without in zip(replayed, sent, strict=True):
        assert {**dict(without.headers), **MARK} == dict(row.headers)
        assert row.value == without.value
