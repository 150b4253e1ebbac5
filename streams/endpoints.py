"""Where alerts are delivered to: the endpoints' file.

    [endpoints.crm]
    url = "https://crm.example.com/hooks/segmenter"
    secrets = ["whsec_…", "whsec_…"]   # newest first; while a secret rotates every one signs
    format = "json"                    # or "slack"
    batch = 1                          # up to so many alerts in one request
    rules = ["*"]                      # names of alert rules; "*": all
    concurrency = 4                    # requests at once
    allow = []                         # hosts, addresses: though private, or by plain http

It holds secrets, so it is a file of its own. What enters is that file; what leaves is endpoints that
can be used, or what is wrong. Neither a secret nor the path of a URL, which may be one, is shown
or logged here.
"""

from __future__ import annotations

import base64
import binascii
import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from yarl import URL

from streams.settings import SettingsError
from streams.webhook_address import Reach, canonical_host, check_url, is_host

logger = logging.getLogger(__name__)

MAX_ENDPOINTS = 32
MAX_BATCH = 500
MAX_SLACK_BATCH = 50  # Slack cuts a text off behind 40,000 characters; 800 an alert are plenty
SECRET_PREFIX = "whsec_"  # noqa: S105 - Standard Webhooks: what a secret begins with
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64  # Standard Webhooks
ALL_RULES = "*"
_MAKE_ONE = f'make one: echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'

# As `RuleName` of models/policy_alerts.py; or all of them.
RulePattern = Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$")]


class Endpoint(BaseModel):
    """One receiver of alerts."""

    # A validator sees the fields above its own: what the URL and the secrets depend on comes first.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="key of its table")
    allow: frozenset[str] = Field(
        default=frozenset(),
        max_length=64,
        description="hosts and addresses that may be reached although private, or by plain http",
    )
    format: Literal["json", "slack"] = Field(default="json", description="of the body")
    url: SecretStr = Field(description="where to; https, unless its host is allowed by name")
    secrets: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=8,
        validate_default=True,
        description="newest first; each signs every request",
    )
    batch: int = Field(
        default=1, ge=1, le=MAX_BATCH, strict=True, description="most alerts in one request"
    )
    rules: tuple[RulePattern, ...] = Field(
        default=(ALL_RULES,), min_length=1, description="alert rules that go there; *: all"
    )
    concurrency: int = Field(default=4, ge=1, le=64, strict=True, description="requests at once")

    @property
    def shown_url(self) -> str:
        """Scheme, host and port: as much of the URL as may be told."""
        return f"{URL(self.url.get_secret_value()).origin()}/…"

    @property
    def reach(self) -> Reach:
        """What it may connect to beyond the public internet."""
        return Reach(self.name, self.allow)

    def wants(self, rule: str) -> bool:
        """Whether alerts of a rule go there."""
        return ALL_RULES in self.rules or rule in self.rules

    @field_validator("allow")
    @classmethod
    def _hosts(cls, allow: frozenset[str]) -> frozenset[str]:
        if not all(map(is_host, allow)):
            raise ValueError("write hosts and addresses, without scheme, port, mask or *")
        return frozenset(map(canonical_host, allow))

    @field_validator("url")
    @classmethod
    def _address(cls, url: SecretStr, told: ValidationInfo) -> SecretStr:
        # An allow or a name that was refused is missing here, and is the first fault anyway.
        reach = Reach(told.data.get("name", ""), told.data.get("allow", frozenset()))
        check_url(url.get_secret_value(), reach)
        return url

    @field_validator("secrets")
    @classmethod
    def _keys(cls, secrets: tuple[SecretStr, ...], told: ValidationInfo) -> tuple[SecretStr, ...]:
        if not secrets and told.data.get("format") != "slack":
            raise ValueError(f"at least one, to sign with; {_MAKE_ONE}")
        for number, secret in enumerate(secrets, start=1):
            _check_secret(number, secret)
        return secrets

    @field_validator("batch")
    @classmethod
    def _readable(cls, batch: int, told: ValidationInfo) -> int:
        if told.data.get("format") == "slack" and batch > MAX_SLACK_BATCH:
            raise ValueError(f"at most {MAX_SLACK_BATCH} of format slack: it cuts off long texts")
        return batch


def signing_key(secret: SecretStr) -> bytes:
    """The bytes that a secret stands for; its padding may be missing.

    Raises:
        ValueError: it is not `whsec_` and base64.
    """
    text = secret.get_secret_value()
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"does not begin with {SECRET_PREFIX}")
    encoded = text.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None


def load_endpoints(path: str) -> Mapping[str, Endpoint]:
    """Read the file.

    Args:
        path: of the file; empty: there are no endpoints.

    Returns:
        By name, in the file's order.

    Raises:
        SettingsError: names file, key and remedy, and shows no value.
    """
    if not path:
        return MappingProxyType({})
    tables = _tables(path)
    if len(tables) > MAX_ENDPOINTS:
        raise SettingsError(
            f"{path}: endpoints: {len(tables)} of them; at most {MAX_ENDPOINTS} are served"
        )
    return MappingProxyType({name: _endpoint(path, name, each) for name, each in tables.items()})


class EndpointsFile:
    """The endpoints as the file tells them now: secrets rotate without a restart.

    Args:
        path: of the file; empty: there are no endpoints.

    Raises:
        SettingsError: the file can't be used to begin with.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = _version(path)  # before reading: what is written meanwhile is seen next time
        self._endpoints = load_endpoints(path)
        self._fault = ""

    def now(self) -> Mapping[str, Endpoint]:
        """Look whether the file has changed, and read it if so; blocks for that.

        What has become unusable is warned of once, and what was there before stays in force.
        """
        found = _version(self._path)
        if self._path and (found is None or found != self._seen):
            self._read(found)
        return self._endpoints

    def _read(self, found: tuple[int, int, int] | None) -> None:
        try:
            self._endpoints = load_endpoints(self._path)
            self._seen, self._fault = found, ""
        except SettingsError as error:
            self._seen = None  # until it is mended
            if str(error) != self._fault:
                logger.warning("endpoints stay as they were: %s", error)
            self._fault = str(error)


def _version(path: str) -> tuple[int, int, int] | None:
    """Changes when the file does; None: it can't be looked at."""
    if not path:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None  # reading it says why
    return found.st_mtime_ns, found.st_size, found.st_ino


def _tables(path: str) -> dict[str, Any]:
    try:
        read = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SettingsError(
            f"{path}: can't be read: {why}; check SEGMENTER_ENDPOINTS_FILE"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not valid TOML: not UTF-8; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    tables = read.pop("endpoints", {})
    if read:
        raise SettingsError(f"{path}: {next(iter(read))}: unknown key; write [endpoints.NAME]")
    if not isinstance(tables, dict):
        raise SettingsError(f"{path}: endpoints: must be a table; write [endpoints.NAME]")
    return tables


def _endpoint(path: str, name: str, table: Any) -> Endpoint:
    place = f"{path}: endpoints.{name:.40}"
    if not isinstance(table, dict):
        raise SettingsError(f"{place}: must be a table; write [endpoints.NAME]")
    if "name" in table:
        raise SettingsError(f"{place}.name: unknown key; the table's own name is it")
    try:
        return Endpoint.model_validate({**table, "name": name})
    except ValidationError as error:
        raise _refused(place, error) from None


def _refused(place: str, error: ValidationError) -> SettingsError:
    """The first fault in words; no value is shown: each may be a secret in the wrong place."""
    first = error.errors(include_input=False, include_url=False)[0]
    key, *within = first["loc"]
    words = first["msg"].removeprefix("Value error, ")
    if key == "name":
        return SettingsError(f"{place}: a name is 1 to 32 of a-z, 0-9 and '-'; no '-' in front")
    if first["type"] == "extra_forbidden":
        known = ", ".join(each for each in Endpoint.model_fields if each != "name")
        words = f"unknown key; known are {known}"
    elif first["type"] == "missing":
        words = 'is missing; write url = "https://…"'
    return SettingsError(f"{'.'.join(map(str, [place, key, *within]))}: {words}")


def _check_secret(number: int, secret: SecretStr) -> None:
    try:
        length = len(signing_key(secret))
    except ValueError as error:
        raise ValueError(f"number {number} {error}; {_MAKE_ONE}") from None
    if not MIN_SECRET_BYTES <= length <= MAX_SECRET_BYTES:
        raise ValueError(
            f"number {number} is {length} bytes, not {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES}; "
            f"{_MAKE_ONE}"
        )
