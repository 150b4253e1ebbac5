"""How the client asks: one question as often as it takes and makes sense, and what went wrong in words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from streams.client_alerts import AlertPage
from streams.client_answers import Page
from streams.client_segments import Answer
from streams.patience import FIRST_PAUSE_S, LONGEST_PAUSE_S

A = TypeVar("A", bound=Answer)
P = TypeVar("P", Page, AlertPage)
TIMEOUT_S = 15.0
TRIES = 5
LONGEST_WAIT_S = 60.0  # who is told to come back later than this is told so, not kept waiting
_PASSING = {429, 502, 503, 504}
_NOBODY = 404
_BROKEN = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)


class SegmenterError(Exception):
    """The API has not answered the question.

    Attributes:
        status: of HTTP; None: no answer came.
        title: what kind of problem it is.
        detail: what is wrong with this request.
        remedy: what to do about it, if the API knows.
        retry_after_s: when to come back, if the API says.
        passing: whether the same question may be answered later.
    """

    def __init__(
        self,
        status: int | None,
        title: str,
        detail: str = "",
        remedy: str | None = None,
        *,
        passing: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        told = ": ".join(str(each) for each in (status, title, detail) if each)
        super().__init__(f"{told}; {remedy}" if remedy else told)
        self.status, self.title, self.detail, self.remedy = status, title, detail, remedy
        self.passing, self.retry_after_s = passing, retry_after_s


class Asker:
    """Asks one API. May be used by several threads at once.

    Args:
        base_url: where it is.
        api_key: where keys are needed.
        timeout_s: that an answer, or the next piece of one, may take.
        tries: of each question, the first one included.
        transport: another one than the network, for tests.
        sleep: to wait between two tries.
        chance: uniform in [0, 1), so that many clients don't come back at the same moment.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.timeout_s, self.tries, self.sleep, self._chance = timeout_s, tries, sleep, chance
        self.http = httpx.Client(
            base_url=base_url,
            headers={} if api_key is None else {"X-API-Key": api_key},
            timeout=timeout_s,
            transport=transport,
        )

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One question.

        Args:
            method: of HTTP.
            path: of the API.
            **request: as httpx has it.

        Raises:
            SegmenterError.
        """
        failures = 0
        while True:
            try:
                answer = self.http.request(method, path, **request)
                if answer.is_success:
                    return answer
                trouble = refused(answer)
            except httpx.HTTPError as error:
                trouble = unanswered(error)
            failures += 1
            if not trouble.passing or failures >= self.tries:
                raise trouble
            self.sleep(self.pause_s(failures, trouble))

    def get(self, kind: type[A], path: str, params: dict[str, Any] | None = None) -> A:
        """What is answered to a question; see `ask`."""
        return parsed(kind, self.ask("GET", path, params=params or {}).content)

    def one(self, kind: type[A], path: str, params: dict[str, Any] | None = None) -> A | None:
        """The same; None if there is nobody and nothing by that name."""
        try:
            return self.get(kind, path, params)
        except SegmenterError as error:
            if error.status == _NOBODY:
                return None
            raise

    def pages(self, kind: type[P], path: str, params: dict[str, Any]) -> Iterator[P]:
        """The pages of a list; asks as they are read."""
        while True:
            page = self.get(kind, path, params)
            yield page
            if not page.next:
                return
            params = {**params, "cursor": page.next}

    def pause_s(self, failures: int, trouble: SegmenterError) -> float:
        """How long to wait before the next try; seconds."""
        longest_s = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30), LONGEST_PAUSE_S)
        return (trouble.retry_after_s or 0.0) + longest_s * (0.5 + 0.5 * self._chance())


def refused(answer: httpx.Response) -> SegmenterError:
    """What an answer that is none says; something between us and the API may have sent it."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    told: Mapping[str, Any] = problem if isinstance(problem, dict) else {}
    after_s = _seconds(answer.headers.get("Retry-After"))
    return SegmenterError(
        answer.status_code,
        str(told.get("title") or answer.reason_phrase),
        str(told.get("detail") or ""),
        str(told["remedy"]) if told.get("remedy") else None,
        passing=answer.status_code in _PASSING and (after_s or 0.0) <= LONGEST_WAIT_S,
        retry_after_s=after_s,
    )


def unanswered(error: httpx.HTTPError) -> SegmenterError:
    """That no answer came, and why."""
    detail = str(error) or type(error).__name__
    return SegmenterError(None, "No answer", detail, passing=isinstance(error, _BROKEN))


def _seconds(retry_after: str | None) -> float | None:
    """Of `Retry-After`; a date counts as silence, for our clock may be another."""
    text = (retry_after or "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def parsed(kind: type[A], body: bytes | str) -> A:
    """An answer, typed.

    Raises:
        SegmenterError: it can't be read.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:  # without the values: they may be somebody's
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        detail = f"{kind.__name__}: {place}: {first['msg']}"
        raise SegmenterError(None, "The answer can't be read", detail) from None


def given(**params: Any) -> dict[str, Any]:
    """Those that have a value."""
    return {name: value for name, value in params.items() if value is not None}


def segment_path(name: str) -> str:
    """Of a segment such as `lifecycle/active`."""
    kind, _, group = name.partition("/")
    return f"/v1/segments/{part(kind)}/{part(group)}"


def part(text: str) -> str:
    """As a part of a path, whatever it is; one of dots alone would be taken for a step up."""
    quoted = quote(text, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")
