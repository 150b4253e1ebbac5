"""Errors as RFC 9457 has them."""

from __future__ import annotations

import doctest
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from streams.api import problems
from streams.api.problems import (
    NOT_FOUND,
    TOO_MANY_REQUESTS,
    TYPES,
    UNUSABLE_EVENT,
    Problem,
    problem_body,
    send_problem,
    type_of,
)


def test_a_problem_says_type_title_status_and_detail() -> None:
    assert json.loads(problem_body(Problem(NOT_FOUND, "nobody is known by that id"))) == {
        "type": "/problems/not-found",
        "title": "Nobody and nothing by that name",
        "status": 404,
        "detail": "nobody is known by that id",
    }


def test_a_problem_may_say_what_to_do_and_more() -> None:
    body = json.loads(problem_body(Problem(UNUSABLE_EVENT, "too late", "send it", reason="late")))
    assert (body["remedy"], body["reason"]) == ("send it", "late")


def test_each_status_of_the_contract_has_one_type() -> None:
    statuses = [each.status for each in TYPES]
    assert statuses == [400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503]
    assert len({each.uri for each in TYPES}) == len(TYPES)
    assert [type_of(each) for each in statuses] == list(TYPES)


@pytest.mark.parametrize(("status", "name"), [(418, "bad-value"), (504, "internal")])
def test_a_status_outside_the_contract_counts_as_the_nearest(status: int, name: str) -> None:
    assert type_of(status).name == name


def test_half_a_character_in_a_quoted_value_does_no_harm() -> None:
    body = json.loads(problem_body(Problem(NOT_FOUND, "no \ud800", reason="\udfff")))
    assert (body["detail"], body["reason"]) == ("no ?", "?")


async def test_a_problem_is_sent_with_its_own_headers() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    problem = Problem(TOO_MANY_REQUESTS, "too many", headers=[(b"retry-after", b"2")])
    await send_problem(send, problem)
    start, body = sent
    assert (start["type"], start["status"]) == ("http.response.start", 429)
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"retry-after"] == b"2"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert body == {"type": "http.response.body", "body": problem_body(problem)}


def test_as_an_exception_it_says_what_it_is() -> None:
    told = str(Problem(NOT_FOUND, "no segment of that name"))
    assert told == "404 Nobody and nothing by that name: no segment of that name"


def test_the_examples_are_true() -> None:
    told = doctest.testmod(problems)
    assert (told.failed, told.attempted) == (0, 2)
