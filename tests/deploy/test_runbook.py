"""The runbook: a section for each alert, checks of doctor that are there, commands that were run.

Looks are run against a worker on real Kafka and Redis; procedures by tests/deploy/test_backup.py.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from models.policy import policy_from_preset
from streams.datasets import DATASETS
from streams.doctor import NAMES
from streams.processes import as_environment
from tests.deploy.test_rules import ALERTS
from tests.hazards.test_every_row import functions
from tests.kafka import conftest as kafka_parts
from tests.real_parts import REDIS, RealParts
from tests.support.document_code import refused
from tests.support.installation import Installation
from tests.support.own_redis import redis_in
from tests.support.runbook import KINDS, RUNBOOK, Block, blocks, run, sections, text
from tests.support.terminal import Terminal

TESTS = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SECTIONS = sections(text())
BLOCKS = [*blocks(text())]
OF_A_PARTITION = "partition N"
_DOCTOR = re.compile(r"^(?:.*\. )?Doctor: (.+?)\.$", re.MULTILINE | re.DOTALL)
_CITED = re.compile(r"`([\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")
_ENDS_WITH = re.compile(r"# ends with (\d)")

without_topics = kafka_parts.without_topics


# What it says.


def test_the_reader_of_the_runbook_sees_sections_and_blocks() -> None:
    document = "# R\n\n## One\na\n```sh tried=go\nls  # it\n```\n### Two\n```sh read\nx\n```\n"
    assert sections(document) == {
        "One": "\na\n```sh tried=go\nls  # it\n```\n",
        "Two": "\n```sh read\nx\n```\n",
    }
    assert [*blocks(document)] == [Block("tried", "go", "ls  # it\n"), Block("read", "", "x\n")]


@pytest.mark.parametrize("alert", [each["alert"] for each in ALERTS])
def test_each_alert_has_a_section_that_leads_to_a_check_of_doctor_or_says_why_to_none(
    alert: str,
) -> None:
    (told,) = _DOCTOR.findall(SECTIONS[alert])
    named = set(re.findall("`([^`]+)`", told)) - {"segmenter population show"}
    assert named <= {*NAMES, OF_A_PARTITION}
    assert named or told.startswith("none can: ")


def test_no_section_is_of_an_alert_that_is_gone() -> None:
    told = {each for each in SECTIONS if each.startswith("Segmenter")}
    assert told == {each["alert"] for each in ALERTS}


def test_the_runbook_leads_to_each_check_of_doctor() -> None:
    told = set(re.findall("`([^`]+)`", " ".join(_DOCTOR.findall(text()))))
    assert {each for each in NAMES if not each.startswith("topic ")} - told == set()


def test_each_test_that_is_said_to_try_something_is_there() -> None:
    cited = _CITED.findall(text())
    assert len(cited) > 25
    assert [each for each in cited if each[1] not in functions(TESTS / each[0])] == []


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_each_link_leads_somewhere() -> None:
    for path, place in _LINK.findall(text()):
        target = (RUNBOOK.parent / path).resolve() if path else RUNBOOK
        assert target.exists(), path
        if place:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert place in {anchor(each) for each in headings}, (path, place)


def test_each_block_says_how_sure_it_is() -> None:
    assert {each.kind for each in BLOCKS} == KINDS
    assert not [each for each in BLOCKS if each.name and each.kind != "tried"]
    steps = [each.name for each in BLOCKS if each.name]
    backup = (TESTS / "deploy" / "test_backup.py").read_text("utf-8")
    assert [each for each in steps if f'step("{each}")' not in backup] == []


@pytest.mark.parametrize(
    "line",
    [line for each in BLOCKS for line in each.script.splitlines() if line.startswith("segmenter ")],
)
def test_each_command_is_one_that_segmenter_takes(line: str) -> None:
    assert refused(line) is None


# What was run.


@pytest.fixture
def shell(
    real_parts: RealParts, without_topics: str, tmp_path: Path, namespace: str
) -> Iterator[dict[str, str]]:
    """Of whoever looks at a worker that has folded something: its environment."""
    real_parts.need(REDIS.name)
    config = tmp_path / "segmenter.toml"
    config.write_text('preset = "grocery"\n', "utf-8")
    with redis_in(tmp_path / "redis") as told:
        policy = policy_from_preset("grocery")
        one = Installation(without_topics, told["REDIS"], namespace, policy)
        try:
            one.start("worker", config)
            one.publish([*islice(DATASETS["cdnow"].read(), 60)])
            one.wait_until_folded()
            yield {
                **os.environ,
                **told,
                **as_environment(one.settings),
                "SEGMENTER_CONFIG": str(config),
                "SEGMENTER_API_KEYS_FILE": str(tmp_path / "keys"),
                "KAFKA": without_topics,
                "NS": namespace,
                "GROUP": one.settings.group,
                "PATH": f"{BIN}:{os.environ['PATH']}",
            }
        finally:
            one.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_each_look_can_be_had_as_it_stands_in_the_runbook(
    shell: dict[str, str], tmp_path: Path
) -> None:
    terminal = Terminal(shell)
    looks = [each for each in BLOCKS if each.kind == "tried" and not each.name]
    assert len(looks) > 10
    for line in (line for each in looks for line in each.script.splitlines()):
        if not line.startswith("segmenter "):
            run(line, shell, tmp_path)
            continue
        ran = terminal.run(*shlex.split(line, comments=True)[1:])
        also = {int(each) for each in _ENDS_WITH.findall(line)}
        assert ran.exit_code in {0, *also}, f"{line}\n{ran.out}{ran.err}"
    told = {each["name"]: each for each in terminal.run("doctor", "--json").json}
    assert set(told) <= set(NAMES)
    assert {name: told[name]["ok"] for name in ("owners", "replication", "redis saved", "lag")} == {
        "owners": True,
        "replication": True,
        "redis saved": True,
        "lag": True,
    }
