"""The bill of materials names what the lock installs, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools.sbom import LOCK, WRITTEN, generated, main

_LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def written() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = json.loads(WRITTEN.read_text("utf-8"))
    return found


def test_it_is_what_is_generated_of_the_lock() -> None:
    assert generated() == WRITTEN.read_text("utf-8"), "run: make sbom"


def test_it_names_each_locked_package_with_its_version_and_hashes() -> None:
    locked = set(_LOCKED.findall(LOCK.read_text("utf-8")))
    components = written()["components"]
    assert {(each["name"], each["version"]) for each in components} == locked
    assert len(locked) > 50
    hashed = [each for each in components if each["externalReferences"][0]["hashes"]]
    assert hashed == components


def test_it_says_what_it_is_of_and_not_when_it_was_made() -> None:
    metadata = written()["metadata"]
    assert metadata["component"]["name"] == "streaming-segmenter"
    assert "timestamp" not in metadata
    assert "serialNumber" not in written()


def test_one_that_is_out_of_date_is_told_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.sbom.WRITTEN", tmp_path / "sbom.cdx.json")
    monkeypatch.setattr("tools.sbom.generated", lambda: "{}\n")
    assert main(["--check"]) == 1
    assert "run: make sbom" in capsys.readouterr().out
    assert (main([]), main(["--check"])) == (0, 0)
