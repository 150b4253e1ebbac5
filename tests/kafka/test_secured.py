"""A Kafka that asks who one is: what gets us in, what we are told when nothing does, and a whole installation."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from kafka.admin import (
    ACLOperation,
    ACLResourcePatternType,
    KafkaAdminClient,
    NewTopic,
    ResourceType,
)

from models.policy import policy_from_preset
from streams.api.writing import Writer
from streams.brokers import Brokers, Mechanism, Protocol
from streams.datasets import DATASETS
from streams.local import HOST
from streams.log import KafkaUnavailable, LogInspector
from streams.outbox import KafkaSender
from streams.processes import as_environment
from streams.settings import Settings
from streams.store import OutboxRow
from streams.topics import CHANGES, LOG, TOPICS
from streams.wall import wall_ms
from tests.real_parts import KAFKA, RealParts
from tests.support.installation import PATIENCE_S, Installation, wait_until
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


ENDPOINTS = """
[endpoints.crm]
url = "https://crm.example.com/hook"
secrets = ["whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ=="]
"""


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
        "kafka_security_protocol, or miss a kafka_ssl_certfile",
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
        "hangs up on SSL: that port may want another kafka_security_protocol; or else it is not ready yet",
    ),
    "a name, where nobody asks": (
        lambda kafka: Brokers(
            kafka.bootstrap_servers, Protocol.SASL_PLAINTEXT, Mechanism.PLAIN, USER, PASSWORD
        ),
        "it asks nobody for a name at that port, and we speak SASL_PLAINTEXT",
    ),
}


@pytest.fixture
def collected() -> Iterator[None]:
    """Python closes a socket on which TLS begins to fail at once only when it is collected."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.usefixtures("collected")
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
    endpoints = tmp_path / "endpoints.toml"
    endpoints.write_text(ENDPOINTS, "utf-8")
    sending = here.settings.model_copy(update={"endpoints_file": str(endpoints)})
    for command in ("worker", "relay", "delivery"):
        here.start(command, config, settings=sending)
    here.publish(list(islice(DATASETS["cdnow"].read(), 200)))
    writer = Writer(here.settings.brokers)
    written = await writer.write(json.dumps(EVENT).encode(), wall_ms())
    await writer.close()
    assert written.event_id == EVENT["event_id"]
    here.wait_until_folded()
    here.wait_until_relayed()
    here.wait_until_live()
    wait_until(lambda: "one delivers" in segmenter(sending, "doctor").stdout)
    checks = json.loads(segmenter(sending, "doctor", "--json").stdout)
    assert [check for check in checks if not check["ok"]] == []
    for words in (
        ("--config", str(config), "policy", "publish"),
        ("record", str(tmp_path / "log.jsonl")),
        ("customer", "erase", "1"),
    ):
        ran = segmenter(here.settings, *words)
        assert ran.returncode == 0, ran.stderr


def test_what_is_not_allowed_is_said_and_where_it_stands_what_must_be(kafka: SecuredKafka) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        admin.create_topics([NewTopic("of-others", 1, 1)])
    inspector = LogInspector(kafka.named(Mechanism.SCRAM_SHA_512))
    allow = "docs/kafka-security.md says what Kafka must allow"
    with pytest.raises(KafkaUnavailable, match=f"we may not look at topic 'of-others'; {allow}"):
        inspector.facts("of-others")
    with pytest.raises(KafkaUnavailable, match=allow):
        inspector.extents("of-others", [0])


def test_a_relay_that_was_not_let_in_for_a_while_goes_on_when_it_is(
    kafka: SecuredKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.outbox.SEND_TIMEOUT_S", 3.0)
    row = OutboxRow(CHANGES, b"c1", b"{}", [])
    with closing(KafkaSender(kafka.named(Mechanism.SCRAM_SHA_256))) as sender:
        assert sender.send([row]) == 1
        kafka.change_password(
            Mechanism.SCRAM_SHA_256, "another"
        )  # whoever is in must say it again soon
        wait_until(lambda: sender.send([row]) == 0, PATIENCE_S)
        assert sender.send([row]) == 0
        kafka.change_password(Mechanism.SCRAM_SHA_256, PASSWORD)
        wait_until(lambda: sender.send([row]) == 1, PATIENCE_S)


def test_a_worker_that_is_not_let_in_ends_with_one_line(here: Installation) -> None:
    told = segmenter(here.settings, "run", "worker", SEGMENTER_KAFKA_SASL_PASSWORD="guessed")
    assert (told.returncode, told.stdout) == (4, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith("segmenter: Kafka at 127.0.0.1:")
    assert "it does not let 'segmenter' in by SCRAM-SHA-512" in line
    examined = segmenter(here.settings, "doctor", SEGMENTER_KAFKA_SASL_PASSWORD="guessed")
    assert "→ docs/kafka-security.md, When you are not let in" in examined.stdout


def segmenter(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *words],
        env={**os.environ, **as_environment(settings), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
