"""What is said of Kafka: what goes together, what does not, and what nobody is told."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from streams.brokers import Brokers, Contradiction, Mechanism, Protocol
from streams.settings import Settings, SettingsError, in_the_clear, load_settings
from tests.support.secured_kafka import authority, certificate, locked

PASSWORD = "correct horse"
NAMED = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_username": "us",
    "kafka_sasl_password": PASSWORD,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing of ours."""
    for name in [each for each in os.environ if each.upper().startswith("SEGMENTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and a certificate with its key in one file and in two."""
    made = tmp_path_factory.mktemp("certificates")
    authority(made / "ca.pem", "Segmenter test")
    certificate(made / "us.pem", made / "ca.pem", "us")
    return made


def test_without_a_word_nothing_is_encrypted_and_nobody_is_named() -> None:
    brokers = load_settings(None, {}).brokers
    assert brokers == Brokers("127.0.0.1:9092")
    assert brokers.client_settings() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_a_name_and_its_password_go_to_the_clients_with_the_systems_trust() -> None:
    brokers = load_settings(None, {}, **NAMED, bootstrap_servers="a:1,b:2").brokers
    told = brokers.client_settings()
    context = told.pop("ssl_context")
    assert told == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "us",
        "sasl_plain_password": PASSWORD,
    }
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_password_is_in_nothing_that_is_printed() -> None:
    settings = load_settings(None, {}, **NAMED)
    printed = repr(settings), str(settings.brokers), repr(settings.brokers)
    assert PASSWORD not in "".join(printed)


@pytest.mark.parametrize(("cert", "key"), [("us.pem", ""), ("us.crt", "us.key")])
def test_our_certificate_and_its_key_stand_in_one_file_or_in_two(
    certificates: Path, cert: str, key: str
) -> None:
    settings = load_settings(
        None,
        {},
        kafka_security_protocol="SSL",
        kafka_ssl_cafile=str(certificates / "ca.pem"),
        kafka_ssl_certfile=str(certificates / cert),
        kafka_ssl_keyfile=key and str(certificates / key),
    )
    (trusted,) = settings.brokers.client_settings()["ssl_context"].get_ca_certs()
    assert trusted["subject"][0][0] == ("commonName", "Segmenter test")


REFUSED = {
    "a name without its password": (
        {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "us"},
        "SEGMENTER_KAFKA_SASL_PASSWORD, or connection.kafka_sasl_password: is needed with security protocol SASL_SSL",
    ),
    "a password without its name": (
        {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_password": PASSWORD},
        "SEGMENTER_KAFKA_SASL_USERNAME, or connection.kafka_sasl_username: is needed with security protocol SASL_PLAINTEXT",
    ),
    "a name that nobody would be told": (
        {**NAMED, "kafka_security_protocol": "SSL"},
        "SEGMENTER_KAFKA_SASL_USERNAME, or connection.kafka_sasl_username: is not sent with security protocol SSL; write SASL_SSL, or leave it out",
    ),
    "trust, where nothing is encrypted": (
        {"kafka_ssl_cafile": "ca.pem"},
        "SEGMENTER_KAFKA_SSL_CAFILE, or connection.kafka_ssl_cafile: is not used with security protocol PLAINTEXT; write SSL or SASL_SSL",
    ),
    "a file that is not there": (
        {"kafka_security_protocol": "SSL", "kafka_ssl_cafile": "ca.pem"},
        "connection.kafka_ssl_cafile: ca.pem: can't be read: No such file or directory",
    ),
    "a key of nothing": (
        {"kafka_security_protocol": "SSL", "kafka_ssl_keyfile": "{here}/us.key"},
        "SEGMENTER_KAFKA_SSL_CERTFILE, or connection.kafka_ssl_certfile: is needed with a key: the certificate that it is of",
    ),
    "no certificates in the file": (
        {"kafka_security_protocol": "SSL", "kafka_ssl_cafile": "{here}/us.ext"},
        "us.ext: holds no certificates as PEM (",
    ),
    "a certificate without its key": (
        {"kafka_security_protocol": "SSL", "kafka_ssl_certfile": "{here}/us.crt"},
        "no certificate and its key as PEM, the key not encrypted (",
    ),
    "a key of another certificate": (
        {
            "kafka_security_protocol": "SSL",
            "kafka_ssl_certfile": "{here}/us.crt",
            "kafka_ssl_keyfile": "{here}/ca.key",
        },
        "no certificate and its key as PEM, the key not encrypted (",
    ),
    "a protocol that Kafka does not know": (
        {"kafka_security_protocol": "TLS"},
        "kafka_security_protocol: Input should be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'",
    ),
    "a mechanism that we do not know": (
        {**NAMED, "kafka_sasl_mechanism": "OAUTHBEARER"},
        "kafka_sasl_mechanism: Input should be 'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused_by_its_name(case: str, certificates: Path) -> None:
    given, told = REFUSED[case]
    values = {key: value.format(here=certificates) for key, value in given.items()}
    with pytest.raises(SettingsError) as refused:
        _ = load_settings(None, {}, **values).brokers
    assert told in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_key_that_is_encrypted_is_refused_and_nobody_is_asked_for_its_password(
    certificates: Path,
) -> None:
    key = str(locked(certificates / "us.key"))
    one = Brokers("a:1", Protocol.SSL, ssl_certfile=str(certificates / "us.crt"), ssl_keyfile=key)
    with pytest.raises(Contradiction, match="the key not encrypted"):
        one.require_whole()


def test_who_never_asks_kafka_needs_no_password(folder: Path) -> None:
    (folder / "segmenter.toml").write_text(
        '[connection]\nkafka_security_protocol = "SASL_SSL"\nkafka_sasl_username = "us"\n', "utf-8"
    )
    settings = load_settings(None, {})
    with pytest.raises(SettingsError, match="KAFKA_SASL_PASSWORD"):
        _ = settings.brokers


def test_words_are_taken_in_small_letters_and_nothing_counts_as_not_said() -> None:
    said = {"kafka_security_protocol": "sasl_ssl", "kafka_sasl_mechanism": ""}
    brokers = load_settings(None, {}, **NAMED | said).brokers
    assert (brokers.security_protocol, brokers.sasl_mechanism) == (
        Protocol.SASL_SSL,
        Mechanism.PLAIN,
    )


def test_a_broker_of_ones_own_is_spoken_to_in_the_clear_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in NAMED.items():
        monkeypatch.setenv(f"SEGMENTER_{name.upper()}", value)
    assert load_settings(None, {}).brokers.security_protocol == "SASL_SSL"
    own = Settings.model_validate({**in_the_clear(), "bootstrap_servers": "127.0.0.1:1"})
    assert own.brokers == Brokers("127.0.0.1:1")


def test_the_end_of_a_line_is_no_part_of_a_password() -> None:
    settings = load_settings(None, {}, **NAMED | {"kafka_sasl_password": f"{PASSWORD}\n"})
    assert settings.brokers.sasl_password == PASSWORD


def test_a_port_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingsError, match="bootstrap_servers: write host:port"):
        load_settings(None, {}, bootstrap_servers="a:9092,b:99999")


@pytest.mark.parametrize("mechanism", Mechanism)
def test_faust_is_told_the_same(mechanism: Mechanism) -> None:
    from streams.faust_parts import faust_app

    settings = load_settings(None, {}, **NAMED, kafka_sasl_mechanism=mechanism.value)
    told: Any = faust_app(settings, "group").conf.broker_credentials
    assert (told.protocol.value, told.mechanism.value) == ("SASL_SSL", mechanism.value)
    assert (told.username, told.password) == ("us", PASSWORD)
