"""What a missing part does to a test run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streams.local import LocalServerError, LocalStore
from tests.real_parts import RealPart, RealParts, RealServer


def nowhere() -> str:
    raise LocalServerError("no such wheel")


def unmade(directory: Path) -> LocalStore:
    raise LocalServerError(f"no jars in {directory.name}")


MISSING = RealServer("Cassandra", nowhere, "pip install cassandra", LocalStore)
PRESENT = RealServer("Nearby", lambda: "nearby 1.2", "pip install nearby", LocalStore)
BROWSER = RealPart("Lynx", nowhere, "apt-get install lynx")


def test_a_missing_part_skips_the_test_on_a_developers_machine(tmp_path: Path) -> None:
    parts = RealParts([MISSING], must_be_there=False)
    with pytest.raises(pytest.skip.Exception, match=r"Cassandra is missing.*pip install cassandra"):
        parts.server("Cassandra", tmp_path)


def test_a_missing_part_fails_the_test_in_ci(tmp_path: Path) -> None:
    parts = RealParts([MISSING], must_be_there=True)
    with pytest.raises(pytest.fail.Exception, match=r"Cassandra is missing.*pip install cassandra"):
        parts.server("Cassandra", tmp_path)


def test_a_part_that_is_no_server_is_missed_in_the_same_words() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"Lynx is missing.*apt-get install lynx"):
        RealParts([BROWSER], must_be_there=False).need("Lynx")
    with pytest.raises(pytest.fail.Exception, match=r"Lynx is missing.*apt-get install lynx"):
        RealParts([BROWSER], must_be_there=True).need("Lynx")


def test_a_part_that_can_not_be_made_is_missing_and_was_not_used(tmp_path: Path) -> None:
    parts = RealParts([replace(PRESENT, make=unmade)], must_be_there=False)
    with pytest.raises(pytest.skip.Exception, match=r"Nearby is missing \(no jars in"):
        parts.server("Nearby", tmp_path)
    assert parts.used == []


def test_the_report_says_what_was_used_what_was_not_and_how_to_get_the_rest(
    real_parts: RealParts, tmp_path: Path
) -> None:
    parts = RealParts([MISSING, PRESENT, replace(PRESENT, name="Other")], must_be_there=False)
    real_parts.server("Valkey", tmp_path)  # `make` of the part below needs its wheel
    parts.server("Nearby", tmp_path)
    assert list(parts.report()) == [
        "MISSING     Cassandra        pip install cassandra",
        "used        Nearby           nearby 1.2",
        "not needed  Other            nearby 1.2",
    ]
