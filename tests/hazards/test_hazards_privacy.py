"""Logs name no customer and are one JSON object a line; secrets are shown to nobody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgpack
import pytest
from kafka.errors import KafkaTimeoutError

from models.codec import SCHEMA_VERSION
from streams.logs import JsonFormatter
from streams.memory_store import MemoryStore
from streams.outbox import KafkaSender, relay_once
from streams.store import Change, CustomerWrite, Meta
from tests.streams.good_ones import body
from tests.streams.lanes import FakeFetch, Watched, down, until
from tests.streams.logbook import DAY_MS, PARTITION, START_MS, Logbook, customers_in
from tests.support.terminal import NOWHERE, Terminal

SECRET = "hush"
PATTERNS = ("hush{}\r\n{{}}", "{{hush{}}}", "🛍️hush{}", "\x00hush{}\u2028", "{}hush" + "ş" * 90)
IDS = [customers_in(PARTITION, 1, pattern)[0] for pattern in PATTERNS]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, by anybody, as a worker would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, ours = logging.getLogger(), logging.getLogger("streams")
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before[0])
    ours.setLevel(before[1])


def said(stream: io.StringIO) -> list[str]:
    """Our messages: each line, whoever's, is one JSON object, and none names a customer."""
    text = stream.getvalue()
    assert SECRET not in text
    all_lines = [json.loads(line) for line in text.split("\n") if line]
    return [line["message"] for line in all_lines if line["logger"].startswith("streams.")]


def all_that_may_be_said_of(customer_id: str) -> Logbook:
    """Good and bad, early and late, astray and for ever gone."""
    log = Logbook()
    log.purchase(customer_id, START_MS, event_id=f"{SECRET} of {customer_id}")
    log.again(log.records[0])
    log.purchase(customer_id, START_MS - 900 * DAY_MS, START_MS)
    log.purchase(customer_id, START_MS + DAY_MS, START_MS)
    log.purchase(customers_in(2, 1, SECRET + "{}")[0], START_MS)
    log.append(None, START_MS, key=customer_id)
    log.append(body(customer_id=customer_id, currency="XXX"), START_MS, key=customer_id)
    log.append(body(customer_id=customer_id)[:-1], START_MS, key=customer_id)
    log.append(body(customer_id=customer_id * 100), START_MS, key=customer_id)
    log.append(body(customer_id=customer_id), START_MS, kind=customer_id)
    log.tick(START_MS + 30 * DAY_MS)
    log.event("erasure", customer_id, START_MS + 31 * DAY_MS)
    return log


class Moody(MemoryStore):
    """A store that is away at its first write."""

    def __init__(self) -> None:
        super().__init__(lambda: 0)
        self.away = True

    async def apply(self, partition: int, expected: Meta, change: Change) -> bool:
        if self.away:
            self.away = False
            raise down()
        return await super().apply(partition, expected, change)


@pytest.mark.parametrize("customer_id", IDS, ids=range(len(IDS)))
async def test_no_customer_id_stands_in_the_log_of_fold_lane_and_relay(
    customer_id: str, lines: io.StringIO
) -> None:
    log, store, watched = all_that_may_be_said_of(customer_id), Moody(), Watched()
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records))
    await until(lambda: watched.waiting_for() is not None)
    await watched.done()
    assert said(lines) == ["waiting: Redis: connection refused", "going on"]
    sender = object.__new__(KafkaSender)
    sender._producer = Full()
    assert not (await relay_once(store, PARTITION, sender)).sent
    assert said(lines)[2:] == ["relay: KafkaTimeoutError: no room"]


class Full:
    """A producer that takes nothing."""

    def send(self, *_: object, **__: object) -> None:
        raise KafkaTimeoutError("no room")

    def partitions_for(self, _topic: str) -> set[int]:
        return {0}


CORRUPT = (
    lambda id_: id_.encode(),
    lambda id_: msgpack.packb([SCHEMA_VERSION, id_]),
    lambda id_: msgpack.packb([SCHEMA_VERSION, *[id_] * 30]),
    lambda id_: msgpack.packb({id_: id_}),
)


@pytest.mark.parametrize("corrupt", CORRUPT, ids=range(len(CORRUPT)))
async def test_no_customer_id_stands_in_the_error_that_ends_a_worker(
    corrupt: Sequence[object], lines: io.StringIO
) -> None:
    customer_id, store, watched = IDS[0], MemoryStore(lambda: 0), Watched()
    packed = corrupt(customer_id)  # type: ignore[operator]
    write = {customer_id: CustomerWrite(packed, None, (), ("new",))}
    assert await store.apply(PARTITION, Meta(), Change(Meta(0, b"n"), write, ()))
    log = Logbook()
    log.purchase(customer_id, START_MS)
    watched.open(log, store)
    await watched.lane.put(FakeFetch(log.records))
    await until(lambda: len(watched.crashes) == 1)
    assert said(lines) == [f"partition {PARTITION}: the fold failed"]


@pytest.mark.parametrize("customer_id", [*IDS, SECRET * 65], ids=range(len(IDS) + 1))
@pytest.mark.parametrize("command", ["get", "history", "explain"])
def test_no_customer_id_stands_in_what_a_command_says_when_it_fails(
    customer_id: str, command: str
) -> None:
    away = {"SEGMENTER_REDIS_URL": f"redis://{NOWHERE}/0", "SEGMENTER_BOOTSTRAP_SERVERS": NOWHERE}
    ended = Terminal(away).run("customer", command, "--", customer_id)
    assert ended.exit_code in {2, 4}
    assert ended.err.startswith("segmenter: ")
    assert SECRET not in ended.out + ended.err


PASSWORD = "open-sesame"
URL = f"redis://:{PASSWORD}@10.0.0.7:6379/0"


@pytest.mark.parametrize("source", ["environment", ".env", "segmenter.toml"])
def test_secrets_come_from_environment_or_file_and_config_show_hides_them(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segmenter.toml").write_text('preset = "grocery"\n', "utf-8")
    environment = {}
    if source == "environment":
        environment["SEGMENTER_REDIS_URL"] = URL
    elif source == ".env":
        (tmp_path / ".env").write_text(f"SEGMENTER_REDIS_URL={URL}\n", "utf-8")
    else:
        (tmp_path / source).write_text(f'[connection]\nredis_url = "{URL}"\n', "utf-8")
    for options in ((), ("--json",)):
        ended = Terminal(environment).run("config", "show", *options)
        assert ended.exit_code == 0
        assert PASSWORD not in ended.out + ended.err
        assert "**********" in ended.out
    from streams.settings import load_settings

    monkeypatch.setenv("SEGMENTER_REDIS_URL", URL) if environment else None
    settings = load_settings(None, environment)
    assert settings.redis_url.get_secret_value() == URL
    assert PASSWORD not in repr(settings)


def test_a_log_line_is_one_json_object_whatever_is_in_it() -> None:
    record = logging.LogRecord(
        "streams", logging.WARNING, "", 0, "%s", ('"}\r\n{"level": "info"',), None
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == '"}\r\n{"level": "info"'
