"""Looking people up on the command line, on a store that knows some."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streams.brokers import Brokers
from streams.keys import Keys
from streams.log import LogInspector
from streams.redis_store import RedisStore, connect
from streams.store import Live
from streams.topics import INPUTS, POPULATIONS, TOPICS, Topic
from tests.real_parts import RealParts
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    HOUR_MS,
    PARTITION,
    PARTITIONS,
    START_MS,
    Logbook,
    customers_in,
    fold_of,
)
from tests.support.terminal import Terminal

WHO, GONE, *_, EMOJI = CUSTOMERS
(MARKUP,) = customers_in(PARTITION, 1, "[/bold] :smile: {}")
(NOBODY,) = customers_in(PARTITION, 1, "nobody{}")
POLICY = """preset = "grocery"
[time]
remembered_days = 20
remembered_events = 6
"""


def history_of_four() -> Logbook:
    """One regular, one who left, and two with strange names; read up to 1 April 2017."""
    log = Logbook()
    log.purchase(GONE, START_MS + 10 * HOUR_MS, amount_minor=2_550)
    for day in (0, 7, 14, 84):
        log.tick(START_MS + day * DAY_MS)
        log.purchase(WHO, START_MS + day * DAY_MS + HOUR_MS, amount_minor=1_000)
    log.purchase(EMOJI, START_MS + 84 * DAY_MS + 2 * HOUR_MS)
    log.purchase(MARKUP, START_MS + 84 * DAY_MS + 2 * HOUR_MS)
    log.tick(START_MS + 90 * DAY_MS)
    return log


async def fill(url: str, namespace: str) -> None:
    async with connect(url) as client:
        store, log = RedisStore(client, namespace), history_of_four()
        await store.set_partitions(PARTITIONS)
        assert await fold_of(log, store).handle(log.batch()) is None


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str, namespace: str
) -> Terminal:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segmenter.toml").write_text(POLICY, "utf-8")
    asyncio.run(fill(valkey_url, namespace))
    return Terminal({"SEGMENTER_REDIS_URL": valkey_url, "SEGMENTER_NAMESPACE": namespace})


def test_get_prints_a_customer_as_json(terminal: Terminal) -> None:
    ran = terminal.run("customer", "get", GONE, "--json")
    assert (ran.exit_code, ran.err) == (0, "")
    told = ran.json
    assert (told["customer_id"], told["lifecycle"]) == (GONE, "churned")
    assert told["lifecycle_since"] == "2017-03-06T00:00:00.000Z"
    assert (told["silence_days"], told["net_spend_minor"], told["live"]) == (90, 2_550, False)
    assert (told["partition"], told["sequence"]) == (PARTITION, 4)


def test_get_prints_a_card_for_people(terminal: Terminal) -> None:
    ran = terminal.run("customer", "get", GONE)
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{GONE}  churned  since 2017-03-06",
        "  1 purchase on 1 day from 2017-01-01 to 2017-01-01, net 25.50 USD",
        "  buys every 6.3 days, silent for 90 days",
        "  as of 2017-04-01T00:00:00.000Z (as far as the log has been read)",
    ]


def test_explain_says_how_the_limits_came_about_and_when_silence_brought_what(
    terminal: Terminal,
) -> None:
    ran = terminal.run("customer", "explain", GONE)
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{GONE} is churned since 2017-03-06.",
        "Usual rhythm: one purchase every 6.3 days, from 0 gaps of their own and the typical "
        "6.3 days counted twice.",
        "Silent for 90 days since 2017-01-01.",
        "Overdue after more than 12 days (2 × rhythm, between 7 and 28): on 2017-01-14.",
        "Dormant after more than 25 days (4 × rhythm, between 14 and 56): on 2017-01-27.",
        "Churned after more than 63 days (10 × rhythm, between 42 and 112): on 2017-03-06.",
        "Limits are adaptive (preset grocery) and were frozen at the last purchase.",
        "No population has been learned yet: no cluster, churn risk or value.",
    ]
    assert terminal.run("customer", "explain", GONE, "--json").json == ran.out.splitlines()


def test_history_is_told_oldest_first(terminal: Terminal) -> None:
    ran = terminal.run("customer", "history", WHO, "--json")
    assert (ran.exit_code, ran.err) == (0, "")
    assert [(each["reason"], each["after"]["lifecycle"]) for each in ran.json] == [
        ("purchase", "new"),
        ("silence", "new"),  # overdue
        ("tenure", "active"),
        ("silence", "dormant"),
        ("silence", "churned"),
        ("purchase", "active"),
        ("purchase", "active"),  # won back
    ]
    told = terminal.run("customer", "history", WHO).out
    assert told.count("lifecycle.changed") == 6
    assert "2017-03-26 01:00" in told


@pytest.mark.parametrize("command", ["get", "history", "explain"])
def test_nobody_is_exit_code_3(terminal: Terminal, command: str) -> None:
    for options in ((), ("--json",)):
        ran = terminal.run("customer", command, NOBODY, *options)
        assert (ran.exit_code, ran.out) == (3, "")
        assert ran.err == "segmenter: nobody is known by that id\n"


@pytest.mark.parametrize("command", ["get", "history", "explain"])
@pytest.mark.parametrize("customer_id", [EMOJI, MARKUP], ids=["emoji", "markup"])
def test_a_strange_name_is_printed_as_it_is(
    terminal: Terminal, command: str, customer_id: str
) -> None:
    ran = terminal.run("customer", command, customer_id)
    assert ran.exit_code == 0
    if command != "history":
        assert ran.out.startswith(customer_id)
    assert terminal.run("customer", command, customer_id, "--json").exit_code == 0


def test_segments_are_listed_with_their_sizes(terminal: Terminal) -> None:
    ran = terminal.run("segments", "list", "--json")
    assert (ran.exit_code, ran.err) == (0, "")
    sizes = {each["segment"]: each["size"] for each in ran.json}
    assert {name: size for name, size in sizes.items() if size} == {
        "lifecycle/new": 2,
        "lifecycle/active": 1,
        "lifecycle/churned": 1,
        "flag/won_back": 1,
    }
    shown = terminal.run("segments", "list").out.splitlines()
    assert shown[2].split()[:4] == ["lifecycle/new", "New", "2", "50.0%"]


@pytest.mark.slow
def test_in_a_process_of_its_own_stdout_is_json_and_nothing_else(terminal: Terminal) -> None:
    for command in (("customer", "get", EMOJI), ("customer", "explain", WHO), ("segments", "list")):
        ran = terminal.spawn(*command, "--json", FORCE_COLOR="1")
        assert (ran.exit_code, ran.err) == (0, "")
        assert "\x1b" not in ran.out
        assert ran.json


@pytest.mark.slow
def test_no_color_is_honoured_and_a_pipe_gets_none(terminal: Terminal) -> None:
    colour = "\x1b[3"  # of foregrounds
    command = ("customer", "get", GONE)
    assert "\x1b" not in terminal.spawn(*command).out
    assert "\x1b[1;31mchurned" in terminal.spawn(*command, FORCE_COLOR="1").out
    plain = terminal.spawn(*command, FORCE_COLOR="1", NO_COLOR="1")
    assert ";31m" not in plain.out
    assert colour not in plain.out
    refused = terminal.spawn("customer", "get", NOBODY, FORCE_COLOR="1", NO_COLOR="1")
    assert refused.err == "segmenter: nobody is known by that id\n"


@pytest.fixture
def own_broker(real_parts: RealParts, tmp_path: Path) -> Iterator[str]:
    """One without topics, and without the dead letters of other tests."""
    broker = real_parts.broker(tmp_path / "broker")
    with broker:
        yield broker.bootstrap_servers


@pytest.fixture
def installed(terminal: Terminal, own_broker: str, namespace: str) -> Terminal:
    """One that reaches a broker with topics, and a store whose owners have read to the end."""
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = own_broker
    terminal.environment["SEGMENTER_NAMESPACE"] = f"{namespace}-new"
    LogInspector(Brokers(own_broker)).create(TOPICS, PARTITIONS, 1)
    asyncio.run(note_owners(terminal.environment["SEGMENTER_REDIS_URL"], f"{namespace}-new"))
    return terminal


async def note_owners(url: str, namespace: str) -> None:
    async with connect(url) as client:
        for partition in range(PARTITIONS):
            await RedisStore(client, namespace).set_live(partition, Live(0), ttl_ms=60_000)


def test_doctor_finds_nothing_to_mend_but_that_no_worker_has_joined(installed: Terminal) -> None:
    ran = installed.run("doctor")
    assert (ran.exit_code, ran.err) == (1, "")
    *lines, remedy = [line for line in ran.out.splitlines() if not line.startswith("ok   ")]
    assert [line.split(":")[0] for line in lines] == ["bad  owners"]
    assert remedy.split("→")[-1].strip() == "segmenter run worker"
    found = [line[5:].split(":")[0] for line in ran.out.splitlines() if line.startswith("ok   ")]
    assert found[: len(TOPICS)] == [f"topic {topic.name}" for topic in TOPICS]
    assert set(found[len(TOPICS) :]) >= {"redis maxmemory-policy", "clock", "lag", "outbox"}


def test_doctor_finds_states_of_another_log_and_says_what_to_do(
    installed: Terminal, valkey_url: str
) -> None:
    namespace = installed.environment["SEGMENTER_NAMESPACE"]
    with redis.Redis.from_url(valkey_url) as client:
        client.hset(Keys(namespace, 0).meta, mapping={"offset": 7, "partitions": 9, "nonce": b"n"})
    ran = installed.run("doctor", "--json")
    assert ran.exit_code == 1
    _, bad = [check for check in ran.json if not check["ok"]]  # the first: no worker has joined
    assert bad["name"] == "partition 0"
    assert "the states belong to 9" in bad["found"]
    assert "segmenter rebuild" in json.dumps(bad)
    assert "→" in installed.run("doctor").out


def test_doctor_finds_topics_that_are_missing(terminal: Terminal, own_broker: str) -> None:
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = own_broker
    ran = terminal.run("doctor")
    assert ran.exit_code == 1
    assert "bad  topics: topic 'customer-events.v1' does not exist" in ran.out
    assert "→ segmenter topics create" in ran.out


def test_doctor_finds_a_topic_that_has_more_partitions_than_it_should(
    terminal: Terminal, own_broker: str
) -> None:
    inspector = LogInspector(Brokers(own_broker))
    inspector.create([Topic(INPUTS, {})], 3, 1)
    inspector.create(TOPICS, PARTITIONS, 1)
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = own_broker
    ran = terminal.run("doctor").out
    assert f"bad  topic {INPUTS}: 3 partitions" in ran
    assert "→ make it anew with 1" in ran
    assert f"ok   topic {POPULATIONS}: 1 partition" in ran


def test_topics_are_created_and_then_exist(terminal: Terminal, own_broker: str) -> None:
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = own_broker
    said = [terminal.run("topics", "create").out.splitlines() for _ in range(2)]
    assert said == [[f"{topic.name}: {how}" for topic in TOPICS] for how in ("created", "exists")]
