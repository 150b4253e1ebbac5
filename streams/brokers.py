"""How Kafka is reached: where its brokers are, whether lines are encrypted, and who we say we are.

kafka-python and aiokafka spell all of it alike, so it is spelt here once; Faust's spelling is in
`faust_parts`. The words are Kafka's own: `security.protocol`, `sasl.mechanism`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any


class Protocol(StrEnum):
    """Kafka's `security.protocol`."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypts(self) -> bool:
        """Whether lines are encrypted, and the broker shows a certificate."""
        return self.endswith("SSL")

    @property
    def names_us(self) -> bool:
        """Whether we say who we are, by SASL."""
        return self.startswith("SASL")


class Mechanism(StrEnum):
    """Kafka's `sasl.mechanism`: those that need a name and a password."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class Contradiction(ValueError):
    """What is said of Kafka does not go together.

    Attributes:
        part: of `Brokers`, that must be changed.
    """

    def __init__(self, part: str, remedy: str) -> None:
        super().__init__(remedy)
        self.part = part


@dataclass(frozen=True, slots=True)
class Brokers:
    """One cluster, and how to speak to it. As text: its addresses, nothing secret.

    Args:
        servers: host:port, comma-separated.
        security_protocol: encrypted or not, with SASL or without.
        sasl_mechanism: of SASL; without SASL it counts for nothing.
        sasl_username: likewise.
        sasl_password: likewise.
        ssl_cafile: PEM: whose certificates are trusted; "": whom the system trusts.
        ssl_certfile: PEM: our certificate, and those between it and a root; "": none is shown.
        ssl_keyfile: PEM: its key, not encrypted; "": it stands in `ssl_certfile`.
    """

    servers: str
    security_protocol: Protocol = Protocol.PLAINTEXT
    sasl_mechanism: Mechanism = Mechanism.PLAIN
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""

    def __str__(self) -> str:
        """The addresses."""
        return self.servers

    @property
    def addresses(self) -> list[str]:
        """host:port of each."""
        return self.servers.split(",")

    def require_whole(self) -> None:
        """Let nothing be left out, nothing be said in vain, and files be there.

        Raises:
            Contradiction: names the part and the way out.
        """
        protocol = self.security_protocol
        for part, given in {
            "sasl_username": self.sasl_username,
            "sasl_password": self.sasl_password,
        }.items():
            if protocol.names_us and not given:
                raise Contradiction(part, f"is needed with security protocol {protocol}")
            if given and not protocol.names_us:
                raise Contradiction(
                    part,
                    f"is not sent with security protocol {protocol}; write SASL_SSL, or leave it out",
                )
        files = {
            "ssl_cafile": self.ssl_cafile,
            "ssl_certfile": self.ssl_certfile,
            "ssl_keyfile": self.ssl_keyfile,
        }
        for part, path in files.items():
            if path and not protocol.encrypts:
                raise Contradiction(
                    part, f"is not used with security protocol {protocol}; write SSL or SASL_SSL"
                )
            if path:
                _require_readable(part, path)
        if self.ssl_keyfile and not self.ssl_certfile:
            raise Contradiction(
                "ssl_certfile", "is needed with a key: the certificate that it is of"
            )
        self.ssl_context()

    def ssl_context(self) -> ssl.SSLContext | None:
        """For clients; None where nothing is encrypted. Hosts are held against certificates.

        Files are read once in a process.

        Raises:
            Contradiction: a file is not what it should be.
        """
        if not self.security_protocol.encrypts:
            return None
        return _context(self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)

    def client_settings(self) -> dict[str, Any]:
        """As kafka-python and aiokafka spell it, addresses included."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.addresses,
            "security_protocol": str(self.security_protocol),
        }
        if self.security_protocol.encrypts:
            settings["ssl_context"] = self.ssl_context()
        if self.security_protocol.names_us:
            settings |= {
                "sasl_mechanism": str(self.sasl_mechanism),
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return settings


def _require_readable(part: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise Contradiction(part, f"{path}: can't be read: {error.strerror}") from error


@cache
def _context(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (ssl.SSLError, OSError) as error:
        raise Contradiction(
            "ssl_cafile", f"{ca_file}: holds no certificates as PEM ({_why(error)})"
        ) from error
    if cert_file:
        try:
            context.load_cert_chain(cert_file, key_file or None, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise Contradiction(
                "ssl_certfile",
                f"{cert_file}: with {key_file or 'the same file'} no certificate and its key as PEM, "
                f"the key not encrypted ({_why(error)})",
            ) from error
    return context


def _no_password() -> str:
    """Nobody is there to be asked for one: OpenSSL would ask the terminal."""
    raise ValueError("the key is encrypted")


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
