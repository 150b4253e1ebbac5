"""An Apache Kafka that asks who one is: certificates made for a test, names and passwords, three doors.

In: a folder. Out: `Brokers` for each door: a name and a password by SCRAM or PLAIN over TLS, a certificate
of one's own, and an open one on which the broker speaks to itself. Whoever says a name may do only what
`allow` allows.
"""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streams.brokers import Brokers, Mechanism, Protocol
from streams.local import HOST, free_port
from tests.support.apache_kafka import ApacheKafka

USER, PASSWORD = "segmenter", "correct horse; battery=staple"
DAYS = ("-days", "2")

_MORE = """\
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port},NAMED://{host}:{named},SHOWN://{host}:{shown}
advertised.listeners=PLAINTEXT://{host}:{port},NAMED://{host}:{named},SHOWN://{host}:{shown}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,NAMED:SASL_SSL,SHOWN:SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.named.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.named.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.named.scram-sha-256.connections.max.reauth.ms=2000
listener.name.named.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.shown.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=client
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
"""


class SecuredKafka(ApacheKafka):
    """One with its certificates in `directory`: ca.pem, broker.pem, client.pem, stranger.pem."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.folder = directory
        self._named, self._shown = free_port(), free_port()

    def named(self, mechanism: Mechanism, password: str = PASSWORD) -> Brokers:
        """The door at which one says one's name."""
        return Brokers(
            f"{HOST}:{self._named}",
            Protocol.SASL_SSL,
            mechanism,
            USER,
            password,
            str(self.folder / "ca.pem"),
        )

    def shown(self, certificate: str = "client.pem", ca: str = "ca.pem") -> Brokers:
        """The door at which one shows a certificate; "": none."""
        own = str(self.folder / certificate) if certificate else ""
        return Brokers(
            f"{HOST}:{self._shown}",
            Protocol.SSL,
            ssl_cafile=str(self.folder / ca),
            ssl_certfile=own,
        )

    def allow(
        self, *acls: tuple[ResourceType, str, ACLResourcePatternType, tuple[ACLOperation, ...]]
    ) -> None:
        """Let whoever says their name do these, to what is so named, or begins so."""
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)) as admin:
            admin.create_acls(
                [
                    ACL(
                        f"User:{USER}",
                        "*",
                        operation,
                        ACLPermissionType.ALLOW,
                        ResourcePattern(kind, name, pattern),
                    )
                    for kind, name, pattern, operations in acls
                    for operation in operations
                ]
            )

    def change_password(self, mechanism: Mechanism, password: str) -> None:
        """From now on; a line that came in by SCRAM-SHA-256 ends within two seconds."""
        how = ScramMechanism[mechanism.name]
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)) as admin:
            admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, how, password)])

    def _more_settings(self, controller_port: int) -> str:
        self._folder_of_certificates()
        return _MORE.format(
            host=HOST,
            port=self._port,
            controller_port=controller_port,
            named=self._named,
            shown=self._shown,
            user=USER,
            password=PASSWORD,
            folder=self.folder,
        )

    def _format_options(self) -> tuple[str, ...]:
        scrams = (Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_512)
        return tuple(
            option
            for each in scrams
            for option in ("--add-scram", f'{each}=[name={USER},password="{PASSWORD}"]')
        )

    def _folder_of_certificates(self) -> None:
        authority(self.folder / "ca.pem", "Segmenter test")
        authority(self.folder / "stranger.pem", "Somebody else")
        for name in ("broker", "client"):
            certificate(self.folder / f"{name}.pem", self.folder / "ca.pem", name)


def authority(file: Path, name: str) -> None:
    """A certificate that signs itself, and beside it, as .key, its key."""
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", *DAYS, "-subj", f"/CN={name}"),
        *("-keyout", str(file.with_suffix(".key")), "-out", str(file)),
    )


def certificate(file: Path, ca: Path, name: str) -> None:
    """A key and its certificate in one file, for 127.0.0.1, signed by an authority."""
    key, asked, signed, for_whom = (
        file.with_suffix(each) for each in (".key", ".csr", ".crt", ".ext")
    )
    for_whom.write_text(f"subjectAltName=IP:{HOST}\n", "utf-8")
    _openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", str(key), "-out", str(asked)),
    )
    _openssl(
        *("x509", "-req", "-in", str(asked), "-CA", str(ca), "-CAkey", str(ca.with_suffix(".key"))),
        *("-CAcreateserial", *DAYS, "-extfile", str(for_whom), "-out", str(signed)),
    )
    file.write_bytes(key.read_bytes() + signed.read_bytes())


def locked(key: Path) -> Path:
    """The same key, encrypted."""
    file = key.with_suffix(".locked")
    _openssl("pkcs8", "-topk8", "-in", str(key), "-passout", "pass:hush", "-out", str(file))
    return file


def _openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)
