"""The log as real Kafka keeps it: its settings, its holes, and what is no longer in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.datasets import DATASETS
from streams.processes import as_environment
from streams.settings import Settings
from streams.sources import SourceRecord
from streams.topics import POPULATIONS, TOPICS
from tests.kafka.conftest import Install
from tests.support.installation import LOG, Installation, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 4


@pytest.fixture
def here(install: Install) -> Installation:
    return install(PARTITIONS)


def purchases(how_many: int) -> list[SourceRecord]:
    return list(islice(DATASETS["cdnow"].read(), how_many))


def segmenter(settings: Settings, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *args],
        env={**os.environ, **as_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def send(here: Installation, records: Sequence[SourceRecord]) -> None:
    producer = KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)
    for record in records:
        headers = [("kind", record.kind.encode())]
        producer.send(LOG, key=record.customer_id.encode(), value=record.value, headers=headers)
    producer.close()


def configure(here: Installation, topic: str = LOG, **settings: str) -> None:
    configs = {name.replace("_", "."): value for name, value in settings.items()}
    with closing(KafkaAdminClient(bootstrap_servers=here.settings.bootstrap_servers)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])


def test_topics_create_has_the_broker_stamp_the_log_with_its_own_time(
    without_topics: str, redis_url: str, namespace: str, install: Install
) -> None:
    settings = Settings.model_validate(
        {"bootstrap_servers": without_topics, "redis_url": redis_url, "namespace": namespace}
    )
    made = segmenter(settings, "topics", "create")
    assert (made.returncode, made.stdout.count(": created")) == (0, len(TOPICS)), made.stderr
    again = segmenter(settings, "topics", "create")
    assert (again.returncode, again.stdout.count(": exists")) == (0, len(TOPICS)), again.stderr
    here = install(settings.partitions)
    found = here.inspector.config(LOG)
    assert (found["message.timestamp.type"], found["retention.ms"]) == ("LogAppendTime", "-1")
    producer: Any = KafkaProducer(bootstrap_servers=without_topics)
    producer.send(LOG, key=b"c", value=b"{}", timestamp_ms=1_000, partition=0).get(10)
    producer.close()
    (record,) = here._read(LOG)
    assert abs(record.timestamp / 1000 - time.time()) < 60


def test_doctor_finds_real_kafka_and_redis_in_order(here: Installation, config: Path) -> None:
    here.start("worker", config)
    here.start("relay", config)
    here.publish(purchases(500))
    here.wait_until_folded()
    here.wait_until_relayed()
    here.wait_until_live()
    examined = segmenter(here.settings, "doctor", "--json")
    checks = json.loads(examined.stdout)
    assert [check for check in checks if not check["ok"]] == []
    assert examined.returncode == 0
    found = {check["name"]: check["found"] for check in checks}
    assert found["log settings"].startswith("message.timestamp.type=LogAppendTime, retention.ms=-1")
    assert found["lag"] == "0 records"


def test_a_worker_refuses_a_log_that_begins_after_what_it_knows(
    here: Installation, config: Path
) -> None:
    records = purchases(800)
    first = here.start("worker", config)
    send(here, records[:400])
    here.wait_until_folded()
    first.send_signal(signal.SIGTERM)
    assert first.wait(40) == 0
    send(here, records[400:])
    folded, ends = here.offsets(), here.ends()
    with closing(KafkaAdminClient(bootstrap_servers=here.settings.bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(LOG, 2): ends[2]})
    second = here.start("worker", config)
    _, logged = second.communicate(timeout=60)
    assert second.returncode == 1
    says = " ".join(logged.decode().split())
    assert f"partition 2: the store stands at offset {folded[2]}" in says
    assert f"the log begins at {ends[2]}: records that are needed have expired" in says
    assert here.offsets()[2] == folded[2]
    assert here.inspector.records_exist(LOG, 2, 0, folded[2])  # they did: what is gone is no hole


def test_holes_that_compaction_leaves_are_no_gaps(here: Installation, config: Path) -> None:
    records = purchases(300)
    send(here, records)
    send(here, records)  # the first ones are now shadowed, key by key
    configure(
        here,
        cleanup_policy="compact",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.001",
    )
    time.sleep(0.2)
    send(here, records[:60])  # a segment is rolled when the next record comes
    ends = sum(here.ends())
    wait_until(lambda: sum(1 for _ in here._read(LOG)) < ends - 200)
    configure(here, cleanup_policy="delete")
    left = list(here._read(LOG))
    worker = here.start("worker", config)
    wait_until(lambda: len(here.states()) == len({record.key for record in left}))
    wait_until(lambda: here.states() == here.oracle().states)  # ticks go on meanwhile
    assert worker.poll() is None


def test_of_a_compacted_topic_all_that_is_left_is_read(here: Installation) -> None:
    eager = {"segment_ms": "100", "min_cleanable_dirty_ratio": "0.001"}
    configure(here, POPULATIONS, cleanup_policy="compact", **eager)
    producer: Any = KafkaProducer(bootstrap_servers=here.settings.bootstrap_servers)
    for number in range(200):
        producer.send(POPULATIONS, key=b"%d" % (number % 3), value=b"%d" % number)
    producer.flush()
    time.sleep(0.2)
    producer.send(POPULATIONS, key=b"3", value=b"200")  # a segment is rolled when it comes
    producer.close()
    wait_until(lambda: len(here.inspector.read_all(POPULATIONS)) == 4)
    left = [(each.offset, each.value) for each in here.inspector.read_all(POPULATIONS)]
    assert left == [(n, b"%d" % n) for n in (197, 198, 199, 200)]
