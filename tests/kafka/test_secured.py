"""A Kafka that asks who one is: what gets us in, what we are told when nothing does, and a whole installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from kafka.admin import ACLOperation, ACLResourcePatternType, ResourceType

from models.policy import policy_from_preset
from streams.api.writing import Writer
from streams.brokers import Brokers, Mechanism, Protocol
from streams.datasets import DATASETS
from streams.local import HOST
from streams.log import KafkaUnavailable, LogInspector
from streams.processes import as_environment
from streams.topics import LOG, TOPICS
from streams.wall import wall_ms
from tests.real_parts import KAFKA, RealParts
from tests.support.installation import Installation
from tests.support.secured_kafka import PASSWORD, USER, SecuredKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


EVENT = {
    "kind": "purchase",
    "event_id": "e",
    "customer_id": "1",
    "occurred_at": "1997-03-01T00:00:00Z",
    "amount_minor": 100,
    "currency": "USD",
    "order_id": "o",
}


# All that we need to be allowed, as docs/kafka-security.md says.
WHOLE, BEGINNING = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
OF_TOPICS = (
    ACLOperation.READ,
    ACLOperation.WRITE,
    ACLOperation.CREATE,
    ACLOperation.DESCRIBE,
    ACLOperation.DESCRIBE_CONFIGS,
)
ALLOWED = (
    *((ResourceType.TOPIC, topic.name, WHOLE, OF_TOPICS) for topic in TOPICS),
    (ResourceType.GROUP, "test-", BEGINNING, (ACLOperation.READ, ACLOperation.DESCRIBE)),
)


@pytest.fixture(scope="module")
def kafka(
    real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecuredKafka]:
    """One for all tests of this file."""
    real_parts.need(KAFKA.name)
    with SecuredKafka(tmp_path_factory.mktemp("secured")) as running:
        running.allow(*ALLOWED)
        LogInspector(running.named(Mechanism.PLAIN)).create(TOPICS, 2, 1)
        yield running


@pytest.mark.parametrize("mechanism", Mechanism)
def test_a_name_and_its_password_get_us_in(kafka: SecuredKafka, mechanism: Mechanism) -> None:
    assert LogInspector(kafka.named(mechanism)).facts(LOG).partitions == 2


def test_a_certificate_of_our_own_gets_us_in(kafka: SecuredKafka) -> None:
    assert LogInspector(kafka.shown()).facts(LOG).partitions == 2


REFUSED: dict[str, tuple[Callable[[SecuredKafka], Brokers], str]] = {
    "a wrong password": (
        lambda kafka: kafka.named(Mechanism.SCRAM_SHA_512, "guessed"),
        f"it does not let '{USER}' in by SCRAM-SHA-512; check kafka_sasl_username and "
        "kafka_sasl_password",
    ),
    "a wrong password, plainly": (
        lambda kafka: kafka.named(Mechanism.PLAIN, "guessed"),
        f"it does not let '{USER}' in by PLAIN",
    ),
    "no certificate": (
        lambda kafka: kafka.shown(""),
        "somebody is there, but hangs up on SSL: that port may want another "
        "kafka_security_protocol, or misses a kafka_ssl_certfile",
    ),
    "signed by somebody else": (
        lambda kafka: kafka.shown(ca="stranger.pem"),
        "its certificate is not accepted: unable to get local issuer certificate; "
        "kafka_ssl_cafile must hold whoever has signed it",
    ),
    "another host": (
        lambda kafka: replace(
            kafka.shown(), servers=kafka.shown().servers.replace(HOST, "localhost")
        ),
        "its certificate is not accepted: Hostname mismatch, certificate is not valid for "
        "'localhost'; ",
    ),
    "in the clear": (
        lambda kafka: Brokers(kafka.shown().servers),
        "hangs up on PLAINTEXT: that port may want another kafka_security_protocol",
    ),
    "encrypted, where nothing is": (
        lambda kafka: replace(kafka.shown(), servers=kafka.bootstrap_servers),
        "hangs up on SSL: that port may want another kafka_security_protocol",
    ),
    "a name, where nobody asks": (
        lambda kafka: Brokers(
            kafka.bootstrap_servers, Protocol.SASL_PLAINTEXT, Mechanism.PLAIN, USER, PASSWORD
        ),
        "it asks nobody for a name at that port, and we speak SASL_PLAINTEXT",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whoever_is_not_let_in_is_told_why_and_what_to_change(
    kafka: SecuredKafka, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.connections.CONNECT_TIMEOUT_MS", 500)
    brokers, told = REFUSED[case]
    with pytest.raises(KafkaUnavailable) as refused:
        LogInspector(brokers(kafka)).facts(LOG)
    assert told in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.fixture
def here(kafka: SecuredKafka, redis_url: str, namespace: str) -> Iterator[Installation]:
    """An installation that says its name."""
    brokers = kafka.named(Mechanism.SCRAM_SHA_512)
    one = Installation(
        brokers.servers,
        redis_url,
        namespace,
        policy_from_preset("grocery"),
        2,
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username=USER,
        kafka_sasl_password=PASSWORD,
        kafka_ssl_cafile=brokers.ssl_cafile,
    )
    yield one
    one.close()


async def test_a_whole_installation_says_its_name_wherever_it_goes(
    here: Installation, tmp_path: Path
) -> None:
    config = tmp_path / "segmenter.toml"
    config.write_text('preset = "grocery"\n', "utf-8")
    here.start("worker", config)
    here.start("relay", config)
    here.publish(list(islice(DATASETS["cdnow"].read(), 200)))
    writer = Writer(here.settings.brokers)
    written = await writer.write(json.dumps(EVENT).encode(), wall_ms())
    await writer.close()
    assert written.event_id == EVENT["event_id"]
    here.wait_until_folded()
    here.wait_until_relayed()
    here.wait_until_live()
    checks = json.loads(segmenter(here, "doctor", "--json").stdout)
    assert [check for check in checks if not check["ok"]] == []


def test_a_worker_that_is_not_let_in_ends_with_one_line(here: Installation) -> None:
    told = segmenter(here, "run", "worker", SEGMENTER_KAFKA_SASL_PASSWORD="guessed")
    assert (told.returncode, told.stdout) == (4, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith("segmenter: Kafka at 127.0.0.1:")
    assert "it does not let 'segmenter' in by SCRAM-SHA-512" in line


def segmenter(here: Installation, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *words],
        env={**os.environ, **as_environment(here.settings), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
