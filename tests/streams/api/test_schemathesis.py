"""The API against its own OpenAPI document: no fault of ours, nothing that is not documented.

Every operation is asked with values that fit the document and with some that don't; the stream, whose
body has no end, has tests of its own in test_streaming.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from streams.api.app import documented_app
from streams.api.keys import KeyRing
from streams.brokers import Brokers
from streams.log import LogInspector
from streams.topics import TOPICS
from tests.support.api_house import PARTITIONS, Api, House, keys_file
from tests.support.api_house import settings as settings_of

DOCUMENT = schemathesis.openapi.from_dict(documented_app().openapi(), config=SchemathesisConfig())
ALL = DOCUMENT.exclude(path="/v1/stream")
OF_ALERTS = DOCUMENT.include(path_regex="/(alerts|members$)")
bounded = settings(
    max_examples=int(os.environ.get("EXAMPLES", "20")),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def locked(
    house: House, bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, str]]:
    """A server on the house, with a key that opens everything; nobody acts on erasures."""
    LogInspector(Brokers(bootstrap_servers)).create(TOPICS, PARTITIONS, 1)
    file = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    keys = keys_file(file, all=["read", "write", "erase"])
    given = settings_of(house.namespace, house.redis_url, bootstrap_servers=bootstrap_servers)
    with Api(given, ring=KeyRing(file)) as api:
        yield api, keys["all"]


def excluded(case: Case[Any]) -> list[CheckFunction]:
    """Checks that ask for what we don't promise."""
    # Who guesses keys is slowed down after some tries: 429. test_front.py asks without a key.
    left_out = [ignored_auth]
    where = case.operation.path
    if where == "/v1/events":
        # The document says what all events have in common; what else each must have is in
        # docs/events.md, and an event that would be a dead letter is 422.
        left_out.append(positive_data_acceptance)
    elif (case.query or {}).get("cursor"):
        # Any text would do as far as the document knows, but only an answer gives a cursor.
        left_out.append(positive_data_acceptance)
    return left_out


@ALL.parametrize()
@bounded
def test_every_answer_is_documented_whatever_is_asked(
    case: Case[Any], locked: tuple[Api, str]
) -> None:
    api, key = locked
    headers = {"X-API-Key": key}
    case.call_and_validate(api.url, headers=headers, excluded_checks=excluded(case))


@OF_ALERTS.parametrize()
@bounded
def test_every_answer_about_alerts_is_documented_where_there_are_alerts(
    case: Case[Any], alert_server: Api
) -> None:
    case.call_and_validate(alert_server.url, excluded_checks=excluded(case))


OPEN = {"/healthz", "/readyz"}


@ALL.parametrize()
@settings(bounded, max_examples=3)
def test_without_a_key_that_is_known_nothing_is_answered(
    case: Case[Any], locked: tuple[Api, str]
) -> None:
    answer = case.call(locked[0].url)
    conforming = [status_code_conformance, content_type_conformance, response_schema_conformance]
    case.validate_response(answer, conforming)
    if case.operation.path not in OPEN:
        assert answer.status_code in {401, 405, 429}
