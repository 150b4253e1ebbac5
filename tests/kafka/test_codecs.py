"""Producers may compress as they like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kafka import KafkaProducer

from streams.topics import LOG
from tests.kafka.conftest import Install

pytestmark = pytest.mark.kafka


def test_every_compression_that_kafka_knows_is_read(install: Install, config: Path) -> None:
    here = install(2)
    for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd")):
        producer = KafkaProducer(
            bootstrap_servers=here.settings.bootstrap_servers, compression_type=codec
        )
        event = {
            "event_id": codec,
            "customer_id": "c1",
            "occurred_at": f"2026-01-0{number + 1}T12:00:00Z",
            "amount_minor": 100,
            "currency": "USD",
        }
        producer.send(
            LOG, key=b"c1", value=json.dumps(event).encode(), headers=[("kind", b"purchase")]
        ).get(10)
        producer.close()
    here.start("worker", config)
    here.wait_until_folded()
    assert sum(here.offsets()) == 4
    assert set(here.states()) == {b"c1"}
