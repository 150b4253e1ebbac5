"""Errors as RFC 9457 has them: `application/problem+json`.

A `Problem` is raised wherever a request can't be answered; here it becomes bytes. The list of types
is that of docs/api.md. No type stands for two statuses, and none says anything of our code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple

import orjson

MEDIA_TYPE = "application/problem+json"
Headers = Sequence[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ProblemType(NamedTuple):
    """A kind of problem.

    Attributes:
        name: `type` is `/problems/NAME`.
        status: of HTTP.
        title: the same for all of a kind.
    """

    name: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """Relative to the API."""
        return f"/problems/{self.name}"


BAD_VALUE = ProblemType("bad-value", 400, "A value can't be read")
UNKNOWN_KEY = ProblemType("unknown-key", 401, "No API key or signature, or an unknown one")
SCOPE_MISSING = ProblemType("scope-missing", 403, "The API key does not allow this")
NOT_FOUND = ProblemType("not-found", 404, "Nobody and nothing by that name")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "Not by this method")
NOT_THERE_YET = ProblemType("not-there-yet", 409, "Not there yet")
TOO_LARGE = ProblemType("too-large", 413, "Too large")
UNUSABLE_EVENT = ProblemType("unusable-event", 422, "The event would be a dead letter")
TOO_MANY_REQUESTS = ProblemType("too-many-requests", 429, "Too many requests")
INTERNAL = ProblemType("internal", 500, "The fault is ours")
UNAVAILABLE = ProblemType("unavailable", 503, "A dependency does not answer")
TYPES = (
    BAD_VALUE,
    UNKNOWN_KEY,
    SCOPE_MISSING,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_THERE_YET,
    TOO_LARGE,
    UNUSABLE_EVENT,
    TOO_MANY_REQUESTS,
    INTERNAL,
    UNAVAILABLE,
)
_BY_STATUS = {each.status: each for each in TYPES}


class Problem(Exception):
    """Why a request is not answered.

    Args:
        kind: one of `TYPES`.
        detail: what is wrong with this request; for whoever sent it, so no insides.
        remedy: what to do about it.
        headers: for the answer.
        **more: further members of the body, such as `reason`.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        remedy: str | None = None,
        headers: Headers = (),
        **more: Any,
    ) -> None:
        super().__init__(f"{kind.status} {kind.title}: {detail}")
        self.kind, self.status, self.title = kind, kind.status, kind.title
        self.detail, self.remedy, self.headers = detail, remedy, tuple(headers)
        self.more = more


def type_of(status: int) -> ProblemType:
    """The type that has a status; for errors that a framework raises with nothing else.

    >>> type_of(405).uri
    '/problems/method-not-allowed'
    >>> type_of(418).name, type_of(502).name
    ('bad-value', 'internal')
    """
    return _BY_STATUS.get(status) or (INTERNAL if status >= 500 else BAD_VALUE)


def problem_body(problem: Problem) -> bytes:
    """The body; what has no value is left out."""
    members = {
        "type": problem.kind.uri,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "remedy": problem.remedy,
        **problem.more,
    }
    return orjson.dumps(
        {name: readable(each) for name, each in members.items() if each is not None}
    )


def problem_headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    """The headers of the answer, but for its length."""
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"cache-control", b"no-store"),
        *problem.headers,
    ]


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem, as ASGI has it."""
    body = problem_body(problem)
    length = (b"content-length", b"%d" % len(body))
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [*problem_headers(problem), length],
        }
    )
    await send({"type": "http.response.body", "body": body})


def readable(value: Any) -> Any:
    """A value that can be told. Half a character, quoted from what somebody sent, would not go into JSON."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
