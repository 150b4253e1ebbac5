"""What a missing server does to a test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.local import LocalServerError, LocalStore
from tests.real_parts import RealPart, RealParts


def nowhere() -> str:
    raise LocalServerError("no such wheel")


MISSING = RealPart("Cassandra", nowhere, LocalStore, "pip install cassandra")
PRESENT = RealPart("Nearby", lambda: "nearby 1.2", LocalStore, "pip install nearby")


def test_a_missing_part_skips_the_test_on_a_developers_machine(tmp_path: Path) -> None:
    parts = RealParts([MISSING], must_be_there=False)
    with pytest.raises(pytest.skip.Exception, match=r"Cassandra is missing.*pip install cassandra"):
        parts.server("Cassandra", tmp_path)


def test_a_missing_part_fails_the_test_in_ci(tmp_path: Path) -> None:
    parts = RealParts([MISSING], must_be_there=True)
    with pytest.raises(pytest.fail.Exception, match=r"Cassandra is missing.*pip install cassandra"):
        parts.server("Cassandra", tmp_path)


def test_the_report_says_what_was_used_what_was_not_and_how_to_get_the_rest(
    real_parts: RealParts, tmp_path: Path
) -> None:
    parts = RealParts([MISSING, PRESENT, PRESENT._replace(name="Other")], must_be_there=False)
    real_parts.server("Valkey", tmp_path)  # `make` of the part below needs its wheel
    parts.server("Nearby", tmp_path)
    assert list(parts.report()) == [
        "MISSING     Cassandra        pip install cassandra",
        "used        Nearby           nearby 1.2",
        "not needed  Other            nearby 1.2",
    ]
