"""The pytest plugin, as a shop meets it: the example project and the document are run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.policy import PolicyError, policy_from_preset
from streams.pytest_plugin import SIGNS_OF_CI, Nearest, SegmenterReplay
from streams.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "rules_under_test"
DOCUMENT = (ROOT / "docs" / "testing.md").read_text("utf-8")
UPDATE = "--segmenter-update-golden"
TEA = "tests/test_rules.py::test_tea_lovers_who_stop_buying_tea_are_noticed_though_they_still_buy"


class Run:
    """A run of pytest in a process of its own, with our plugin by the name of its entry point.

    That it is loaded without being named, every test here shows that asks for `segmenter_replay`.
    """

    def __init__(self, folder: Path, *args: str, **environment: str) -> None:
        own = {
            name: value
            for name, value in os.environ.items()
            if name not in SIGNS_OF_CI and not name.startswith("PYTEST_")
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "segmenter", "-p", "no:cacheprovider", *args],
            check=False,
            cwd=folder,
            env={**own, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
            capture_output=True,
            text=True,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def error_lines(self) -> list[str]:
        """What pytest shows of the error itself."""
        return [line[1:].strip() for line in self.out.splitlines() if line.startswith("E ")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(
        shutil.copytree(EXAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    )


def blocks(language: str) -> list[str]:
    """The code blocks of the document in a language; "": without one."""
    found: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.M | re.S)
    return [text for name, text in found if name == language]


def edited(path: Path, before: str, after: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), "utf-8")


def test_the_example_and_the_document_pass_in_ci_with_every_warning_an_error(
    project: Path,
) -> None:
    of_document = project / "tests" / "document"
    of_document.mkdir()
    (policy,) = blocks("toml")
    (of_document / "segmenter.toml").write_text(policy, "utf-8")
    (of_document / "test_document.py").write_text("\n\n".join(blocks("python")), "utf-8")
    run = Run(project, "-q", "-W", "error", CI="true")
    assert (run.code, run.err) == (0, ""), run.out
    assert len(blocks("python")) == 3
    assert re.search(r"\b12 passed", run.out)


def test_a_digit_of_a_rule_fails_as_the_document_shows_and_an_update_accepts_it(
    project: Path,
) -> None:
    edited(project / "segmenter.toml", "silence_days > 30", "silence_days > 20")
    failed = Run(project, TEA)
    assert failed.code == 1
    shown = next(each for each in blocks("") if each.startswith("golden/tea_lover.txt: "))
    told = [line.split("GoldenDiffers: ")[-1] for line in failed.error_lines]
    assert told[: len(shown.splitlines())] == [each.strip() for each in shown.splitlines()]
    assert "golden_files.py" not in failed.out  # the test's own line is shown, not our inside
    updated = Run(project, TEA, UPDATE, CI="false")
    assert updated.code == 0
    assert "golden files written" in updated.out
    assert "golden/tea_lover.txt" in updated.out
    written = (project / "golden" / "tea_lover.txt").read_text("utf-8")
    assert "2024-04-05        ada  enters tea-lovers-gone-quiet (time)\n" in written


def test_in_ci_nothing_is_accepted(project: Path) -> None:
    before = (project / "golden" / "tea_lover.txt").read_bytes()
    edited(project / "segmenter.toml", "silence_days > 30", "silence_days > 20")
    refused = Run(project, TEA, UPDATE, CI="1")
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert f"{UPDATE} is refused where CI is set" in refused.err
    jenkins = Run(project, TEA, UPDATE, BUILD_NUMBER="17")
    assert f"{UPDATE} is refused where BUILD_NUMBER is set" in jenkins.err
    assert (project / "golden" / "tea_lover.txt").read_bytes() == before


def test_the_documents_diary_is_the_examples() -> None:
    diary = next(each for each in blocks("") if each.startswith("2024-03-01 12:00  ada"))
    assert (EXAMPLE / "golden" / "tea_lover.txt").read_text("utf-8").endswith(f"[effects]\n{diary}")


def test_a_policy_is_a_file_a_text_a_preset_or_an_object(segmenter_replay: SegmenterReplay) -> None:
    assert segmenter_replay('preset = "travel"').policy.preset == "travel"
    assert segmenter_replay("\n[rfm]\npublished = []\n").policy.rfm.published == ()
    assert segmenter_replay(preset="auto").policy.preset == "auto"
    assert segmenter_replay(policy_from_preset("b2b")).policy.preset == "b2b"
    shop = segmenter_replay(EXAMPLE / "segmenter.toml")
    assert isinstance(shop, Scenario)
    assert "unhappy" in shop.policy.segments


def test_what_is_no_policy_is_told(segmenter_replay: SegmenterReplay) -> None:
    with pytest.raises(FileNotFoundError, match=r"segmentr\.toml: no such policy beside the test"):
        segmenter_replay("segmentr.toml")
    with pytest.raises(PolicyError, match=r"the policy of the test: segments\.vip\.when, line 1"):
        segmenter_replay("[segments.vip]\nwhen = 'spnd > 3'")
    for both_or_none in ({}, {"policy": 'preset = "auto"', "preset": "auto"}):
        with pytest.raises(TypeError, match="one of both"):
            segmenter_replay(**both_or_none)


def test_files_are_looked_for_beside_the_test_and_above_it_up_to_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "tests" / "deep"
    folder.mkdir(parents=True)
    near = Nearest(folder, tmp_path / "root")
    for path in (tmp_path / "p.toml", tmp_path / "root" / "p.toml"):
        path.write_text("")
    assert near("p.toml") == tmp_path / "root" / "p.toml"
    (folder / "p.toml").write_text("")
    assert near("p.toml") == folder / "p.toml"
    assert near(tmp_path / "p.toml") == tmp_path / "p.toml"


def test_a_file_that_is_nowhere_belongs_where_its_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    near = Nearest(folder, tmp_path)
    assert near("golden/new.txt") == folder / "golden" / "new.txt"
    (tmp_path / "golden").mkdir()
    assert near("golden/new.txt") == tmp_path / "golden" / "new.txt"
    assert Nearest(folder, tmp_path / "elsewhere")("new.txt") == folder / "new.txt"


def test_loading_the_plugin_costs_a_run_without_it_nothing() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, streams.pytest_plugin as _; print(*sorted(sys.modules))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(said.stdout.split())
    assert "streams.pytest_plugin" in loaded
    assert not loaded & {"models", "numpy", "river", "kafka", "pydantic", "streams.scenario"}
