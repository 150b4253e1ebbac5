"""deploy/README.md names commands, targets and files that there are."""

from __future__ import annotations

import re

from tests.support.composed import ROOT
from tests.support.document_code import inline_commands, refused, shell_lines

README = ROOT / "deploy" / "README.md"
TEXT = README.read_text("utf-8")


def test_every_command_is_one_that_segmenter_takes() -> None:
    typed = [line for _, line in shell_lines(README)]
    assert any("keys create" in line for line in typed)
    assert [(line, why) for line in typed if (why := refused(line))] == []
    said = [line for _, line in inline_commands(README)]
    assert [(line, why) for line in said if (why := refused(line, part=True))] == []


def test_every_file_that_is_linked_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_every_make_target_exists() -> None:
    named = re.findall(r"`make ([a-z]+)`", TEXT)
    assert named == ["manifests"]
    assert "\nmanifests:" in (ROOT / "Makefile").read_text("utf-8")
