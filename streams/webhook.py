"""One delivery: signs a body, sends it once, and says what became of it.

    200 … 299                                              DELIVERED
    410                                                    GONE       nobody listens there any more
    other statuses, redirects, time-outs, broken
    connections, addresses that are refused                AGAIN      later; see `Answer.retry_after_s`

Signed as Standard Webhooks has it (https://www.standardwebhooks.com). When to try again is the
caller's matter. Enters: an endpoint and a body. Leaves: an answer. Forbidden here: queues, logging
what was sent or answered, following a redirect, believing a name twice (`webhook_lookup.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import aiohttp
from pydantic import SecretStr
from yarl import URL

from streams.endpoints import Endpoint, signing_key
from streams.wall import wall_ms
from streams.webhook_address import RefusedAddress, check_literal
from streams.webhook_body import content_type
from streams.webhook_lookup import CheckedResolver, Lookup, SystemLookup

TIMEOUT_S = 20.0  # for everything from the lookup to the status; Standard Webhooks: 15 to 30
MAX_RETRY_AFTER_S = 7 * 86_400.0  # a receiver may not put a delivery off for ever
READ_BYTES = 1_024  # nobody reads an answer's body: about so much piles up before it is held up
_SECONDS = re.compile(r"[0-9]{1,20}")


class Verdict(StrEnum):
    """What is to be done with a message."""

    DELIVERED = "delivered"
    GONE = "gone"
    AGAIN = "again"


class Answer(NamedTuple):
    """What became of one attempt.

    Attributes:
        status: of HTTP; None: none came.
        detail: in words, for operators; holds nothing of the URL's path, the body or a secret.
        retry_after_s: seconds from now that the receiver asks for, 0 to 7 days; None: it does not.
    """

    status: int | None
    detail: str
    retry_after_s: float | None = None

    @property
    def verdict(self) -> Verdict:
        """What is to be done now."""
        if self.status is not None and 200 <= self.status < 300:
            return Verdict.DELIVERED
        return Verdict.GONE if self.status == HTTPStatus.GONE else Verdict.AGAIN


class Poster(Protocol):
    """Whoever can make an attempt."""

    async def post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Answer:
        """Send a message once; never raises for what the other side does."""
        ...


def signature_headers(
    secrets: Sequence[SecretStr], message_id: str, at_s: int, body: bytes
) -> dict[str, str]:
    """The headers that a receiver verifies a message by; no signature without a secret.

    Base64 of HMAC-SHA256 of `id.timestamp.body`, one for each secret: Standard Webhooks 1.0,
    "Signature scheme".

    Args:
        secrets: newest first.
        message_id: the same for each attempt.
        at_s: of this attempt, epoch seconds; receivers refuse what is minutes old.
        body: as it is sent.
    """
    signed = f"{message_id}.{at_s}.".encode() + body
    made = [hmac.digest(signing_key(each), signed, hashlib.sha256) for each in secrets]
    headers = {"webhook-id": message_id, "webhook-timestamp": str(at_s)}
    if made:
        headers["webhook-signature"] = " ".join(f"v1,{base64.b64encode(e).decode()}" for e in made)
    return headers


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Seconds to wait, of a Retry-After header (RFC 9110, 10.2.3); at most 7 days.

    Args:
        header: seconds, or a date; None: there was none.
        now_s: epoch seconds.

    Returns:
        None if it asks for nothing that can be understood: the caller's own schedule holds then.
    """
    if header is None:
        return None
    if _SECONDS.fullmatch(header):
        return min(float(header), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(header)
        due_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, due_s - now_s), MAX_RETRY_AFTER_S)


def _wall_s() -> float:
    return wall_ms() / 1000


class HttpPoster:
    """Sends messages; `async with` opens and closes it.

    Every attempt connects anew: no connection outlives the check of its address, none is shared
    between endpoints, and none that a receiver has closed meanwhile costs an attempt. There is no
    limit on connections here, so that a slow endpoint takes none away from another; how many an
    endpoint may have is the caller's to count.

    Args:
        now_s: epoch seconds.
        lookup: a host's addresses; None: asks the system.
        timeout_s: for one attempt, all in all.
        trusted: whose certificates are believed; None: whose the system believes.
    """

    def __init__(
        self,
        now_s: Callable[[], float] = _wall_s,
        lookup: Lookup | None = None,
        timeout_s: float = TIMEOUT_S,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._now_s, self._timeout_s, self._trusted = now_s, timeout_s, trusted
        self._system = SystemLookup()
        self._resolver = CheckedResolver(lookup or self._system)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                limit=0,
                ssl=self._trusted or True,
            ),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            headers={"User-Agent": "segmenter"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=READ_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()
        self._system.close()

    async def post(self, endpoint: Endpoint, message_id: str, body: bytes) -> Answer:
        """Send a message once; never raises for what the other side does.

        Sent twice it arrives twice: the receiver drops what has an id that it knows. Blocks for at
        most the time-out.
        """
        at_s = int(self._now_s())
        headers = signature_headers(endpoint.secrets, message_id, at_s, body)
        headers["Content-Type"] = content_type(endpoint)
        try:
            with self._resolver.reaching(endpoint.reach):
                status, wait = await self._send(endpoint, headers, body)
        except (aiohttp.ClientError, OSError, RefusedAddress) as error:
            return Answer(None, self._in_words(error))
        return Answer(status, _words(status), retry_after_s(wait, self._now_s()))

    async def _send(
        self, endpoint: Endpoint, headers: dict[str, str], body: bytes
    ) -> tuple[int, str | None]:
        """Status and Retry-After: nothing else of an answer is wanted, so its body is not read."""
        assert self._session is not None
        url = URL(endpoint.url.get_secret_value())
        check_literal(url.raw_host or "", endpoint.reach)
        response = await self._session.post(
            url, data=BytesIO(body), headers=headers, allow_redirects=False
        )
        response.close()
        return response.status, response.headers.get("Retry-After")

    def _in_words(self, error: Exception) -> str:
        """Without aiohttp's own words, which may hold the whole URL."""
        match error:
            case RefusedAddress():
                return str(error)
            case TimeoutError():
                return f"no answer within {self._timeout_s:g} s"
            case aiohttp.ClientConnectorCertificateError():
                return f"its certificate is not accepted: {_certificate_fault(error)}"
            case aiohttp.ClientConnectorDNSError():
                return f"its host has no address: {error.strerror}"
            case aiohttp.ClientConnectorError():
                return f"can't be reached: {error.strerror}"
            case aiohttp.ServerDisconnectedError() | OSError():
                return "the connection broke before an answer came"
            case _:
                return f"no usable answer ({type(error).__name__})"


def _certificate_fault(error: aiohttp.ClientConnectorCertificateError) -> str:
    why = error.certificate_error
    return why.verify_message if isinstance(why, ssl.SSLCertVerificationError) else "unknown"


def _words(status: int) -> str:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    return f"{said}; redirects are not followed" if 300 <= status < 400 else said
