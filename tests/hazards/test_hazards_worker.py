"""A Redis that is away, full, or has forgotten; a Kafka that is away; hostile ids; the end.

The worker says why, waits, and goes on by itself, and nothing is lost. One worker and one relay
live through all of it, one test after the other; the last one ends the worker.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.policy import policy_from_preset
from streams.local import LocalBroker, LocalStore
from streams.log import KafkaUnavailable
from streams.patience import STOP_WITHIN_S
from tests.hazards.houses import House, purchase_of
from tests.real_parts import BROKER, VALKEY, RealParts
from tests.support.installation import CHANGES, DEAD_LETTERS, LOG, Installation, wait_until

pytestmark = pytest.mark.slow
WAITS, GOES_ON = '"message": "waiting: ', '"message": "going on"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def valkey(real_parts: RealParts, folder: Path) -> Iterator[LocalStore]:
    """A server that may be ruined; what it saves stands in the folder."""
    own = real_parts.server(VALKEY.name, folder)
    assert isinstance(own, LocalStore)
    with own:
        yield own


@pytest.fixture(scope="module")
def broker(real_parts: RealParts, folder: Path) -> Iterator[LocalBroker]:
    own = real_parts.server(BROKER.name, folder)
    assert isinstance(own, LocalBroker)
    with own:
        yield own


@pytest.fixture(scope="module")
def house(broker: LocalBroker, valkey: LocalStore, folder: Path) -> Iterator[House]:
    here = Installation(
        broker.bootstrap_servers, valkey.url, "house", policy_from_preset("grocery")
    )
    one = House(here, folder)
    try:
        one.start("worker", "relay")
        one.publish()
        here.wait_until_folded()
        yield one
    finally:
        here.close()


def begin_again(valkey: LocalStore) -> None:
    """It is killed, and comes back with what it had saved."""
    os.kill(valkey.pid, signal.SIGKILL)
    valkey.__exit__()
    valkey.__enter__()


def test_redis_that_is_down_is_waited_for_and_nothing_is_lost(
    house: House, valkey: LocalStore
) -> None:
    house.here.redis.save()
    with house.says(WAITS + "Redis: "), house.says("relay: waiting: Redis: ", "relay"):
        valkey.__exit__()
        house.publish()
    with house.says(GOES_ON):
        valkey.__enter__()
    house.is_as_it_must_be()


def test_redis_that_does_not_answer_is_waited_for(house: House, valkey: LocalStore) -> None:
    with house.says(WAITS + "Redis: Timeout"):
        os.kill(valkey.pid, signal.SIGSTOP)
        house.publish()
    with house.says(GOES_ON):
        os.kill(valkey.pid, signal.SIGCONT)
    house.is_as_it_must_be()


def test_redis_that_is_full_makes_the_worker_pause_say_why_and_resume(house: House) -> None:
    with house.says(WAITS + "Redis: command not allowed when used memory"):
        house.here.redis.config_set("maxmemory", 1)
        house.publish()
    before = house.here.offsets()
    with house.says(GOES_ON):
        assert house.here.offsets() == before
        house.here.redis.config_set("maxmemory", 0)
    house.is_as_it_must_be()


def test_redis_whose_disk_is_full_makes_the_worker_pause_say_why_and_resume(
    house: House, folder: Path
) -> None:
    redis, dump = house.here.redis, folder / "dump.rdb"
    dump.unlink(missing_ok=True)
    dump.mkdir()  # so that a save must fail, for root as well
    redis.config_set("save", "3600 1")
    with house.says(WAITS + "Redis: MISCONF"):
        redis.bgsave()
        wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")
        house.publish()
    dump.rmdir()
    with house.says(GOES_ON):
        redis.config_set("save", "")
        redis.save()
    house.is_as_it_must_be()


def test_redis_that_lost_its_last_seconds_is_given_them_again(
    house: House, valkey: LocalStore
) -> None:
    house.here.redis.save()
    saved = house.here.offsets()
    house.publish()
    house.here.wait_until_settled()
    begin_again(valkey)
    assert saved != house.here.ends()
    house.is_as_it_must_be()


def test_redis_that_lost_everything_is_rebuilt_and_nothing_is_published_twice(
    house: House, valkey: LocalStore, folder: Path
) -> None:
    (folder / "dump.rdb").unlink(missing_ok=True)
    begin_again(valkey)
    house.publish()
    house.is_as_it_must_be()
    ids = [headers["ce_id"] for headers in house.here.published(CHANGES)]
    assert len(ids) == len(set(ids))


def test_kafka_that_is_down_is_waited_for_and_nothing_is_lost(
    house: House, broker: LocalBroker
) -> None:
    """Frozen for longer than a session lasts, with records on their way in and out."""
    house.publish()
    os.kill(broker.pid, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(KafkaUnavailable):  # after 5 s
            house.here.inspector.facts(LOG)
    os.kill(broker.pid, signal.SIGCONT)
    house.publish()
    house.is_as_it_must_be()


def test_no_customer_id_stands_in_the_logs_of_worker_and_relay(house: House) -> None:
    """Whatever has happened so far, and whatever producers send."""
    ids = [pattern.format("hush") for pattern in ("{}\r\n{{}}", "🛍️{}", "\x00{}", "{}" + "ş" * 120)]
    bodies = [purchase_of(each) for each in ids]
    house.send([*zip(ids, bodies, strict=True), ("hush", purchase_of("hush" * 100))])
    house.send(
        (each, bad) for each, body in zip(ids, bodies, strict=True) for bad in (body[1:], b"")
    )
    house.is_as_it_must_be()
    customers = {customer.decode() for customer in house.here.states()}
    assert customers >= set(ids)
    letters = house.here.published(DEAD_LETTERS)
    assert len(letters) == 9
    lines = [*house.said("worker"), *house.said("relay")]
    assert len(lines) >= 5  # it has said where it reads from, at least
    assert "hush" not in house.log("worker") + house.log("relay")
    words = {word for line in lines for word in line["message"].split()}
    assert not words & {customer for customer in customers if len(customer) > 4}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_for_the_web_in_a_worker(house: House) -> None:
    listening = {
        line.split()[9]  # the socket's inode
        for family in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    links = [str(each.readlink()) for each in Path(f"/proc/{house.pid('worker')}/fd").iterdir()]
    assert any(link.startswith("socket:") for link in links)
    assert not [link for link in links if link.removeprefix("socket:[")[:-1] in listening]


def test_sigterm_finishes_the_batch_in_hand_and_exits_with_0(house: House) -> None:
    before = house.here.offsets()
    house.publish(300)
    wait_until(lambda: house.here.offsets() != before)
    assert house.stop("worker", patience_s=STOP_WITHIN_S) == 0
    house.start("worker")
    house.is_as_it_must_be()
