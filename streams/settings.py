"""Where the parts are: command line > environment > .env > `[connection]` of segmenter.toml.

What the segments mean is the policy's matter (`models/policy.py`); it stands in the same file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.erasure import MAX_KEY_BYTES, Pseudonyms
from models.policy import Policy, PolicyError, policy_from_preset, policy_from_toml
from streams.brokers import Brokers, Contradiction, Mechanism, Protocol
from streams.redis_address import cluster_address

CONFIG_FILE = "segmenter.toml"
ENV_FILE = ".env"
NAME = "[a-z0-9][a-z0-9-]{0,31}"  # of installations and stores; part of keys in Redis
_PREFIX = "SEGMENTER_"
_SECRETS = {"redis_url", "hash_key", "kafka_sasl_password"}
_SERVER = r"(\[[0-9a-fA-F:.]+\]|[^\s,:\[\]]+)(:\d{1,5})?"
LAST_PORT = 65_535
_SERVERS = re.compile(f"{_SERVER}(,{_SERVER})*")


class SettingsError(ValueError):
    """The settings can't be used; the message names the source, the key and the way out."""


class Settings(BaseSettings):
    """How to reach Kafka and Redis."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True
    )
    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka brokers, host:port, comma-separated"
    )
    kafka_security_protocol: Protocol = Field(
        default=Protocol.PLAINTEXT,
        description="PLAINTEXT; SSL: encrypted; SASL_SSL: encrypted, and we say who we are; "
        "SASL_PLAINTEXT: that alone, for anybody to read",
    )
    kafka_sasl_mechanism: Mechanism = Field(
        default=Mechanism.PLAIN, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str = Field(
        default="", description="who we are; of PLAIN, often an API key"
    )
    kafka_sasl_password: SecretStr = Field(default=SecretStr(""), description="its password")
    kafka_ssl_cafile: str = Field(
        default="", description="PEM: whose certificates are trusted; empty: whom the system trusts"
    )
    kafka_ssl_certfile: str = Field(
        default="", description="PEM: our own certificate, where the brokers ask for one"
    )
    kafka_ssl_keyfile: str = Field(
        default="", description="PEM: its key, not encrypted; empty: it stands in the same file"
    )
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="redis:// or rediss:// URL; "
        "of some nodes of a Redis Cluster redis+cluster://host:port,host:port",
    )
    namespace: str = Field(
        default="main",
        pattern=f"^{NAME}$",
        description="separates installations on one Redis; names their first store, too",
    )
    group: str = Field(
        default="segmenter", description="the workers' consumer group is GROUP-STORE"
    )
    store: str = Field(
        default="",
        pattern=f"^({NAME})?$",
        description="whose states are meant, come what may; empty: the serving one's",
    )
    partitions: int = Field(
        default=4, ge=1, le=4096, description="for topics that do not exist yet"
    )
    replication: int = Field(default=1, ge=1, le=16, description="likewise")
    hash_key: SecretStr = Field(
        default=SecretStr(""),
        description="secret that ids are hashed with where they must not stand: the learner's "
        "sample, erasures; the same for all workers, for ever",
    )
    session_timeout_s: float = Field(
        default=10.0, ge=2, le=300, description="a worker silent for this long loses its partitions"
    )
    lane: Literal["fast", "stock"] = Field(
        default="fast",
        description="how records come from Kafka: fast, whole fetches; stock, as Faust delivers "
        "them, one at a time",
    )
    api_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="where the API listens; other than on the loopback interface only with keys",
    )
    api_port: int = Field(default=8080, ge=0, le=65_535, description="likewise; 0: any free one")
    api_keys_file: str = Field(
        default="", description="who may ask the API; empty: everybody, without a key"
    )
    endpoints_file: str = Field(
        default="", description="where alerts are sent to; empty: to nobody"
    )
    api_rate_per_s: float = Field(
        default=1000.0,
        ge=0,
        allow_inf_nan=False,
        description="requests a second that one key, or address, may send; 0: no limit",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="where processes tell their metrics and answer probes",
    )
    metrics_port: int = Field(default=0, ge=0, le=65_535, description="likewise; 0: nowhere")

    @property
    def brokers(self) -> Brokers:
        """Kafka, and how to speak to it; those who never ask Kafka need none of its secrets.

        Raises:
            SettingsError: what is said of it does not go together, or a file can't be read.
        """
        brokers = Brokers(
            self.bootstrap_servers,
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_sasl_username,
            self.kafka_sasl_password.get_secret_value().rstrip("\r\n"),  # as files end
            self.kafka_ssl_cafile,
            self.kafka_ssl_certfile,
            self.kafka_ssl_keyfile,
        )
        try:
            brokers.require_whole()
        except Contradiction as error:
            key = f"kafka_{error.part}"
            raise SettingsError(f"{_PREFIX}{key.upper()}, or connection.{key}: {error}") from error
        return brokers

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Names for customers where their id must not stand."""
        return Pseudonyms(self.hash_key.get_secret_value().encode())

    @field_validator("hash_key")
    @classmethod
    def _short_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value().encode()) > MAX_KEY_BYTES:
            raise ValueError(f"must be at most {MAX_KEY_BYTES} bytes")
        return key

    @field_validator("kafka_security_protocol", "kafka_sasl_mechanism", mode="before")
    @classmethod
    def _as_kafka_writes_it(cls, word: Any, info: ValidationInfo) -> Any:
        if word == "":  # a variable that is set to nothing
            return cls.model_fields[str(info.field_name)].default
        return word.upper() if isinstance(word, str) else word

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses(cls, servers: str) -> str:
        if not _SERVERS.fullmatch(servers) or any(
            int(port) > LAST_PORT for port in re.findall(r":(\d+)(?:,|$)", servers)
        ):
            raise ValueError("write host:port, comma-separated, without blanks")
        return servers

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: SecretStr) -> SecretStr:
        cluster_address(url.get_secret_value())
        return url


def load_settings(config: Path | None, environment: dict[str, str], **given: Any) -> Settings:
    """Read the settings.

    Args:
        config: the file; None: `segmenter.toml` in the working directory, if there is one.
        environment: the process's environment, to find misspelt names in.
        **given: values from the command line; None counts as not given.

    Raises:
        SettingsError: an unknown key, or a value out of bounds.
    """
    names = [_PREFIX + name.upper() for name in Settings.model_fields]
    _refuse_unknown("environment", environment, [*names, _PREFIX + "CONFIG"])
    _refuse_unknown(ENV_FILE, dotenv_values(ENV_FILE), names)
    path, text = read_config(config)
    table = _table(path, text)
    unknown = sorted(set(table) - set(Settings.model_fields))
    if unknown:
        raise SettingsError(
            f"{path}: connection.{unknown[0]}: unknown key; "
            f"known are {', '.join(Settings.model_fields)}"
        )
    asked = {key: value for key, value in given.items() if value is not None}
    try:
        around = Settings()
    except ValidationError as error:
        place = f"environment or {ENV_FILE}: {_PREFIX}"
        raise _refused(error, lambda key: place + key.upper()) from None
    above = {key: getattr(around, key) for key in around.model_fields_set}
    try:
        return Settings(**{**table, **above, **asked})
    except ValidationError as error:
        file = f"{path}: connection."
        raise _refused(error, lambda k: f"command line: {k}" if k in asked else file + k) from None


def _refused(error: ValidationError, place: Callable[[str], str]) -> SettingsError:
    first = error.errors()[0]
    key = str(first["loc"][0])
    found = "" if key in _SECRETS else f" (found {first['input']!r})"  # it holds a secret
    message = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"{place(key)}: {message}{found}")


def load_policy(config: Path | None) -> Policy:
    """Read the policy of `segmenter.toml`; without a file, preset `general`.

    Raises:
        PolicyError: names file, key and remedy.
    """
    path, text = read_config(config)
    return policy_from_preset("general") if text is None else policy_from_toml(text, str(path))


def read_config(config: Path | None) -> tuple[Path, str | None]:
    """The file that holds, and its text; None if there is none and none was asked for.

    Raises:
        SettingsError: the file that was asked for can't be read.
    """
    path = config or Path(CONFIG_FILE)
    if config is None and not path.exists():
        return path, None
    try:
        return path, path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read: {error}; check --config") from None


def _table(path: Path, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        table = tomllib.loads(text).get("connection", {})
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: not valid TOML: {error}") from None
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: connection: must be a table")
    return table


def _refuse_unknown(source: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            raise SettingsError(
                f"{source}: {name}: unknown setting; known are {', '.join(sorted(known))}"
            )


def in_the_clear() -> dict[str, Any]:
    """What an environment may say of Kafka, unsaid: for a broker of one's own, on this machine."""
    fields = Settings.model_fields.items()
    return {name: each.default for name, each in fields if name.startswith("kafka_")}
