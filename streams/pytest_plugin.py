"""For tests of a shop's own rules: the fixture `segmenter_replay`. docs/testing.md tells how.

    def test_who_stays_away_becomes_dormant(segmenter_replay):
        shop = segmenter_replay("segmenter.toml")

Enters: pytest's configuration. Leaves: scenarios; golden files, if `--segmenter-update-golden` asks for
them and this is no CI. Forbidden here: heavy imports before a test asks for the fixture, for pytest
loads this module in every run.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from models.policy import Policy
    from streams.golden_files import Updating
    from streams.scenario import Scenario

OPTION = "--segmenter-update-golden"
_WRITTEN = "segmenter_golden"  # a property of the report of a test that has written files
SIGNS_OF_CI = ("CI", "BUILD_NUMBER", "TF_BUILD")  # nearly all, Jenkins, Azure Pipelines
_NO_CI = {"", "0", "false", "no", "off"}
_UPDATING = pytest.StashKey["Updating"]()


class SegmenterReplay(Protocol):
    """What the fixture is: it makes a scenario of a policy, once or several times in a test."""

    def __call__(
        self, policy: str | Path | Policy | None = None, *, preset: str | None = None
    ) -> Scenario:
        """Of a file's name, the text of a policy or a policy; or of a preset's name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that accepts what has happened."""
    parser.getgroup("segmenter").addoption(
        OPTION,
        action="store_true",
        help="write the golden files of segmenter_replay anew instead of comparing them",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to write where nobody would look at it."""
    if not config.getoption(OPTION):
        return
    for sign in SIGNS_OF_CI:
        if os.environ.get(sign, "").strip().lower() not in _NO_CI:
            raise pytest.UsageError(
                f"{OPTION} is refused where {sign} is set: golden files are written by somebody who "
                "looks at what has changed, and are committed"
            )


@pytest.fixture
def segmenter_replay(request: pytest.FixtureRequest) -> SegmenterReplay:
    """Makes scenarios: `segmenter_replay("segmenter.toml")`, `(preset="grocery")` or `(TOML text)`."""
    with warnings.catch_warnings():
        # kafka-python loads its schemas with importlib.resources' legacy functions.
        warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
        from streams.golden_files import compare
        from streams.scenario import Scenario

    near = Nearest(request.path.parent, request.config.rootpath)
    golden = _updating(request) if request.config.getoption(OPTION) else compare

    def made(policy: str | Path | Policy | None = None, *, preset: str | None = None) -> Scenario:
        found, named = _policy(policy, preset, near)
        head = (f"What {request.node.name} brings about, under {named}.", _HOW)
        return Scenario(found, head, near, golden)

    return made


_HOW = f"Written by pytest {OPTION}; lines that begin with # are not compared."


class Nearest:
    """Finds files beside a test, or in the folders above it.

    Args:
        folder: of the test.
        root: pytest's root directory: it goes no higher than that.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        inside = [each for each in folder.parents if each.is_relative_to(root)]
        self._folders = [folder, *inside]

    def __call__(self, name: str | Path) -> Path:
        """Where it is; one that is nowhere: the nearest place whose folder is there."""
        places = [folder / name for folder in self._folders]
        there = [each for each in places if each.exists()]
        folders = [each for each in places if each.parent.is_dir()]
        return (there or folders or places)[0]


def _policy(
    policy: str | Path | Policy | None, preset: str | None, near: Nearest
) -> tuple[Policy, str]:
    """A policy, and what it is called."""
    from models.policy import Policy, policy_from_preset, policy_from_toml

    if (policy is None) == (preset is None):
        raise TypeError(
            "segmenter_replay: give a policy (a file, TOML text) or preset=…, one of both"
        )
    if preset is not None:
        return policy_from_preset(preset), f"the preset {preset}"
    if isinstance(policy, Policy):
        return policy, f"a policy of the test ({policy.version})"
    if isinstance(policy, str) and ("\n" in policy or "=" in policy):
        return policy_from_toml(policy, "the policy of the test"), "a policy in the test"
    assert policy is not None
    path = near(policy)
    if not path.is_file():
        raise FileNotFoundError(f"{policy}: no such policy beside the test or in a folder above it")
    return policy_from_toml(path.read_text("utf-8"), str(policy)), path.name


def _updating(request: pytest.FixtureRequest) -> Updating:
    """One for the whole run, which tells each test's report of what it writes."""
    from streams.golden_files import Updating

    root, node = request.config.rootpath, request.node

    def wrote(path: Path) -> None:
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        node.user_properties.append((_WRITTEN, str(shown)))

    updating = request.config.stash.setdefault(_UPDATING, Updating(wrote))
    updating.wrote = wrote
    return updating


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the golden files that were written."""
    written = {
        str(path)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, path in getattr(report, "user_properties", ())
        if name == _WRITTEN
    }
    if written:
        terminalreporter.section("golden files written")
        for path in sorted(written):
            terminalreporter.line(path)
