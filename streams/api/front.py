"""The front of the API: who may ask, the lookup that is asked most, and all else behind it.

A plain ASGI application. `GET /v1/customers/{id}` without a query is answered here; the same route stands
in the OpenAPI document, and answers there when it has a query. Paths are handed on as they were sent,
so that an id may hold a slash.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from prometheus_client.metrics_core import Metric
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from models.events import MAX_VALUE_BYTES, NotAnId, normalised_id
from streams.api.access import is_loopback
from streams.api.ingest import PATH as INGEST
from streams.api.keys import Scope
from streams.api.parts import Parts
from streams.api.problems import (
    BAD_VALUE,
    INTERNAL,
    NOT_FOUND,
    NOT_THERE_YET,
    SCOPE_MISSING,
    TOO_LARGE,
    UNAVAILABLE,
    Problem,
    problem_body,
    problem_headers,
)
from streams.health import Health
from streams.log import KafkaUnavailable
from streams.lookup import NothingYet
from streams.refusal import Refused
from streams.store import StoreUnavailable

ASGI = Callable[..., Awaitable[None]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SEARCH_COST = 20.0
RETRY_AFTER_S = 1
HOT = "/v1/customers/{customer_id}"
_HOT_PREFIX = b"/v1/customers/"
_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"private, no-cache")
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_NEVER_KEPT = (b"cache-control", b"no-store")  # unless the answer says otherwise
_SEARCHES = {"/v1/customers", "/v1/alerts/report"}
_NARROWING = {"rule", "decision"}  # of alerts: more are looked at than are told
_SCOPES = {
    ("POST", "/v1/events"): Scope.WRITE,
    ("POST", "/v1/customers:batchGet"): Scope.READ,
}
logger = logging.getLogger(__name__)


class Front:
    """Answers requests.

    Args:
        parts: of the process; asked for with each request, because they open with the server.
        behind: everything but the hot lookup.
    """

    def __init__(self, parts: Callable[[], Parts], behind: ASGI) -> None:
        self._parts, self._behind = parts, behind

    @property
    def health(self) -> Health:
        """Of the process, once its parts are open."""
        return self._parts().meter.health

    def collect(self) -> Iterator[Metric]:
        """What the process tells Prometheus: a collector; called by a thread, once parts are open."""
        parts = self._parts()
        portraits = parts.answers.portraits
        parts.meter.note(portraits.hits, portraits.misses, parts.watchers.watching)
        yield from parts.meter.registry.collect()

    async def stop_streams(self) -> None:
        """End the streams of those who watch, so that the server can stop."""
        await self._parts().stop_streams()

    async def __call__(self, scope: Message, receive: Receive, send: ASGI) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        began_s = time.perf_counter()
        parts = self._parts()
        answer = _Answer(send)
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw_path.decode("latin-1")
        scope = {**scope, "path": path}
        hot = _is_hot(scope, raw_path)
        try:
            _admit(parts, scope, path)
            if hot:
                await _customer(parts, scope, raw_path, answer)
            else:
                await self._behind(scope, _bounded(receive), answer)
        except Exception as error:
            if answer.status and not answer.ended:  # half way: the connection is broken off
                raise
            if not answer.status:
                await answer.problem(problem_of(error))
        finally:
            route = HOT if hot else getattr(scope.get("route"), "path", "other")
            parts.meter.answered(route, answer.status, time.perf_counter() - began_s)


class _Answer:
    """Sends on, adds the headers that every answer has, and remembers the status."""

    def __init__(self, send: ASGI) -> None:
        self._send = send
        self.status, self.ended = 0, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_SAFE]
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append(_NEVER_KEPT)
            message["headers"] = headers
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def problem(self, problem: Problem) -> None:
        body = problem_body(problem)
        headers = [*problem_headers(problem), (b"content-length", b"%d" % len(body))]
        await self({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def problem_of(error: Exception) -> Problem:
    """What a caller is told of an error; what is our fault is logged, and not told."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreUnavailable | KafkaUnavailable):
        what = "the store" if isinstance(error, StoreUnavailable) else "the log"
        retry = (b"retry-after", b"%d" % RETRY_AFTER_S)
        return Problem(
            UNAVAILABLE, f"{what} does not answer", "come back as Retry-After says", [retry]
        )
    if isinstance(error, Refused):
        return Problem(NOT_THERE_YET, str(error), "mend the settings of this API process")
    if isinstance(error, NothingYet):
        return Problem(NOT_THERE_YET, "no worker has begun on this namespace", "segmenter run all")
    if isinstance(error, ClientDisconnect):  # anybody's doing, without a key where sources sign
        return Problem(BAD_VALUE, "the body breaks off")
    logger.error("a request failed: %s", type(error).__name__, exc_info=error)
    return Problem(INTERNAL, "see the log of the API process")


def _admit(parts: Parts, scope: Message, path: str) -> None:
    """Let in who may ask.

    Raises:
        Problem: 401, 403, 429.
    """
    if parts.ingest.signs(scope["method"], path):
        return
    needed = _scope_of(scope["method"], path, keyed=parts.ring.needed)
    address = (scope.get("client") or ("",))[0]
    headers = scope["headers"]
    if not parts.ring.needed:
        _require_own_host(headers, parts.settings.api_host)
    if needed is not None:
        parts.access.caller(headers, address, needed, _cost_of(scope, path))


def _cost_of(scope: Message, path: str) -> float:
    """What a request costs, in lookups; a batch by its length, some ten bytes an id."""
    if path in _SEARCHES or path.endswith("/breakdown"):
        return SEARCH_COST
    if path == "/v1/alerts" or path.endswith("/members"):
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        long = "csv" in asked.get("format", ()) or asked.keys() & _NARROWING
        return SEARCH_COST if long else 1.0
    if path == "/v1/customers:batchGet":
        length = dict(scope["headers"]).get(b"content-length", b"")
        return max(1.0, int(length) / 20) if length.isdigit() else SEARCH_COST
    return 1.0


def _scope_of(method: str, path: str, *, keyed: bool) -> Scope | None:
    """What a request needs; None: nothing."""
    if path == "/metrics":
        return Scope.READ if keyed else None
    if not path.startswith("/v1/"):
        return None
    if method == "DELETE":
        return Scope.ERASE
    if method == "POST" and path.startswith(INGEST):
        return Scope.WRITE
    return _SCOPES.get((method, path), Scope.READ)


def _require_own_host(headers: list[tuple[bytes, bytes]], own: str) -> None:
    """Without keys only this machine may ask, and no page of another site through its browser.

    A name that somebody else made point here is in `Host`, another site is in `Origin`.

    Raises:
        Problem: 403.
    """
    for name, value in headers:
        if name not in (b"host", b"origin"):
            continue
        if not _is_own(value, own):
            raise Problem(
                SCOPE_MISSING,
                f"{name.decode()} is not this machine's",
                "without API keys only loopback addresses may be used",
            )


@lru_cache(maxsize=256)  # the same few in every request
def _is_own(value: bytes, own: str) -> bool:
    host = _host_of(value.decode("latin-1"))
    return is_loopback(host) or host == own


def _host_of(value: str) -> str:
    """The name in a `Host` or an `Origin`.

    >>> _host_of("http://localhost:8080"), _host_of("[::1]:80"), _host_of("shop.example")
    ('localhost', '::1', 'shop.example')
    """
    authority = value.rpartition("//")[2]
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _is_hot(scope: Message, raw_path: bytes) -> bool:
    return (
        scope["method"] == "GET"
        and not scope["query_string"]
        and raw_path.startswith(_HOT_PREFIX)
        and b"/" not in raw_path[len(_HOT_PREFIX) :]
        and len(raw_path) > len(_HOT_PREFIX)
    )


def _bounded(receive: Receive) -> Receive:
    """The body of a request, as far as it may go; to go further is 413."""
    left = MAX_VALUE_BYTES

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(TOO_LARGE.status, f"more than {MAX_VALUE_BYTES} bytes")
        return message

    return bounded


async def _customer(parts: Parts, scope: Message, raw_path: bytes, answer: _Answer) -> None:
    shown = await parts.answers.portraits.of(named_id(raw_path[len(_HOT_PREFIX) :]))
    if shown is None:
        raise nobody()
    headers = [_JSON, _NO_STORE, (b"etag", shown.etag)]
    if matches(scope["headers"], shown.etag):
        await answer({"type": "http.response.start", "status": 304, "headers": headers[1:]})
        await answer({"type": "http.response.body", "body": b""})
        return
    headers.append((b"content-length", b"%d" % len(shown.body)))
    await answer({"type": "http.response.start", "status": 200, "headers": headers})
    await answer({"type": "http.response.body", "body": shown.body})


def matches(headers: list[tuple[bytes, bytes]], etag: bytes) -> bool:
    """Whether the caller has this already; weak comparison (RFC 9110, 8.8.3.2)."""
    tag = etag.removeprefix(b"W/")
    for name, value in headers:
        if name == b"if-none-match":
            return value.strip() == b"*" or any(
                each.strip().removeprefix(b"W/") == tag for each in value.split(b",")
            )
    return False


def named_id(raw: bytes | str, part: str = "customer_id") -> str:
    """A customer's id, or another name, out of a path.

    Args:
        raw: percent-encoded.
        part: of the path.

    Raises:
        Problem: 400, it can't name anybody.
    """
    try:
        return normalised_id(unquote_to_bytes(raw).decode())
    except NotAnId as error:
        raise Problem(BAD_VALUE, f"{part}: {error}") from None
    except UnicodeDecodeError:
        raise Problem(BAD_VALUE, f"{part}: must be UTF-8, percent-encoded") from None


def nobody() -> Problem:
    """The answer where no customer is known."""
    return Problem(NOT_FOUND, "nobody is known by that id")
