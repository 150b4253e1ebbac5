"""Trying an endpoint out: one event that says it is a test, sent as every alert is sent.

Checked like any other delivery: https, the address, the signature. Nothing is queued, nothing is tried
again, nothing is noted of it, and there is no customer in it.

Enters: an endpoint. Leaves: a `Trial`. Forbidden here: the shelf, printing, a way around the checks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from yarl import URL

from streams.endpoints import Endpoint
from streams.messages import rfc3339
from streams.webhook import Answer, HttpPoster, Verdict
from streams.webhook_address import kind_of, literal
from streams.webhook_body import message, message_id
from streams.webhook_lookup import Lookup, SystemLookup

TEST_TYPE = "segmenter.test"
UNNAMED = "your-endpoint"  # what a URL is called that stands in no file
_SAYS = {
    "en": "is testing this endpoint: no customer is meant, nothing is to be done",
    "zh": "正在测试此端点，不涉及任何客户，无需处理",
}


class BadEndpoint(ValueError):
    """What was given can't be an endpoint; says why and shows no secret."""


class Trial(NamedTuple):
    """What became of it.

    Attributes:
        endpoint: that was tried.
        event: that was sent, a CloudEvent in structured mode.
        addresses: that its host stands for; none if the host has none, or was never asked for.
        answer: that came, or why there is none.
        took_ms: until then.
    """

    endpoint: Endpoint
    event: dict[str, Any]
    addresses: tuple[str, ...]
    answer: Answer
    took_ms: int

    @property
    def is_accepted(self) -> bool:
        """Whether an alert would have been delivered."""
        return self.answer.verdict is Verdict.DELIVERED

    @property
    def is_https(self) -> bool:
        """Whether it went, or would have gone, over TLS."""
        return URL(self.endpoint.url.get_secret_value()).scheme == "https"

    @property
    def kinds(self) -> dict[str, str | None]:
        """Each address, and what keeps it from being a public one; None: nothing does."""
        return {each: kind_of(_address(each)) for each in self.addresses}


def trial_event(endpoint: Endpoint, namespace: str, now_ms: int) -> dict[str, Any]:
    """What is sent, a CloudEvent in structured mode.

    Args:
        endpoint: a message for people begins with who it is about: there that is Segmenter itself.
        namespace: of the installation.
        now_ms: wall clock.
    """
    named = {"customer_id": "Segmenter"} if endpoint.format == "slack" else {}
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(16),
        "type": TEST_TYPE,
        "source": f"/segmenter/{namespace}/test",
        "time": rfc3339(now_ms),
        "datacontenttype": "application/json",
        "data": {**named, "kind": TEST_TYPE, "test": True, "says": _SAYS},
    }


async def tried(
    endpoint: Endpoint, namespace: str, now_ms: int, lookup: Lookup | None = None
) -> Trial:
    """Send it once; blocks for at most the time-out of a delivery.

    Args:
        endpoint: to try.
        namespace: of the installation.
        now_ms: wall clock.
        lookup: a host's addresses; None: asks the system.
    """
    event = trial_event(endpoint, namespace, now_ms)
    system, addresses = SystemLookup(), list[str]()

    async def noted(host: str) -> Sequence[str]:
        found = await (lookup or system)(host)
        addresses.extend(found)
        return found

    host = URL(endpoint.url.get_secret_value()).raw_host or ""
    if literal(host) is not None:
        addresses.append(host)
    try:
        async with HttpPoster(lookup=noted) as poster:
            began_s = time.monotonic()
            answer = await poster.post(endpoint, message_id([event]), message(endpoint, [event]))
            took_ms = round(1_000 * (time.monotonic() - began_s))
    finally:
        system.close()
    return Trial(endpoint, event, tuple(dict.fromkeys(addresses)), answer, took_ms)


def unnamed(url: str, secret: str) -> Endpoint:
    """An endpoint that stands in no file.

    Raises:
        BadEndpoint: it can't be one.
    """
    return _checked({"name": UNNAMED, "url": url, "secrets": (secret,)})


def signed_by(endpoint: Endpoint, secret: str) -> Endpoint:
    """The same one, but signed with another secret.

    Raises:
        BadEndpoint: that is none.
    """
    return _checked({**dict(endpoint), "secrets": (secret,)})


def _checked(fields: dict[str, Any]) -> Endpoint:
    try:
        return Endpoint.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        raise BadEndpoint(f"{'.'.join(map(str, first['loc']))}: {said}") from None


def _address(text: str) -> Any:
    found = literal(text)
    assert found is not None
    return found
