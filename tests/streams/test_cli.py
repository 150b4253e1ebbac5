"""The command line: exit codes, one line that says what to do, and JSON that is only JSON."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams.topics import TOPICS
from tests.support.terminal import NOWHERE, Terminal

MISSING_KEY = "[lifecycle.dormant]\ncycels = 3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def terminal(folder: Path, namespace: str) -> Terminal:
    """One from which neither broker nor store can be reached."""
    return Terminal(
        {
            "SEGMENTER_BOOTSTRAP_SERVERS": NOWHERE,
            "SEGMENTER_REDIS_URL": f"redis://{NOWHERE}/0",
            "SEGMENTER_NAMESPACE": namespace,
        }
    )


def test_a_policy_that_can_be_used_is_confirmed(terminal: Terminal, folder: Path) -> None:
    (folder / "segmenter.toml").write_text('preset = "grocery"\n', "utf-8")
    ran = terminal.run("config", "check")
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.startswith("ok: preset grocery, policy version ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            MISSING_KEY,
            "segmenter: segmenter.toml: lifecycle.dormant.cycels: unknown key; "
            "remove it or check its spelling",
        ),
        ('preset = "bakery"\n', "segmenter.toml: preset: 'bakery' is not known; choose one of"),
        ("preset = \n", "segmenter.toml: not valid TOML: Invalid value (at line 1"),
        ("[lifecycle]\nnew_days = -1\n", "segmenter.toml: lifecycle.new_days: "),
        ("[time]\nremembered_days = 0\n", "segmenter.toml: time.remembered_days: "),
        ("[connection]\nredis_ulr = 1\n", "segmenter.toml: connection.redis_ulr: unknown key"),
        ("[connection]\nredis_url = 'x'\n", "connection.redis_url: write redis://host:port/0"),
    ],
)
def test_a_bad_file_is_refused_by_file_key_and_remedy(
    terminal: Terminal, folder: Path, text: str, said: str
) -> None:
    del terminal.environment["SEGMENTER_REDIS_URL"]
    (folder / "segmenter.toml").write_text(text, "utf-8")
    ran = terminal.run("config", "check")
    assert (ran.exit_code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("command", [("config", "check"), ("customer", "get", "1"), ("doctor",)])
def test_a_file_that_is_not_there_is_named(terminal: Terminal, command: tuple[str, ...]) -> None:
    ran = terminal.run("--config", "nope.toml", *command)
    assert ran.exit_code == 2
    assert "nope.toml: can't be read" in ran.err
    assert "check --config" in ran.err


def test_config_show_hides_the_password(terminal: Terminal) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = "redis://me:hunter2@cache:6379/0"
    for options in ((), ("--json",)):
        ran = terminal.run("config", "show", *options)
        assert ran.exit_code == 0
        assert "redis_url" in ran.out
        assert "hunter2" not in ran.out + ran.err


def test_config_show_prints_toml_that_config_check_takes(terminal: Terminal, folder: Path) -> None:
    (folder / "segmenter.toml").write_text('preset = "auto"\n', "utf-8")
    shown, before = terminal.run("config", "show"), terminal.run("config", "check")
    (folder / "segmenter.toml").write_text(shown.out, "utf-8")
    assert terminal.run("config", "check") == before


def test_config_show_in_json_has_the_connection_the_rules_and_their_version(
    terminal: Terminal, namespace: str
) -> None:
    shown = terminal.run("config", "show", "--json").json
    assert shown["connection"]["namespace"] == namespace
    assert shown["lifecycle"]["prior_gap_days"] == 72.0
    assert len(shown["version"]) == 12


@pytest.mark.parametrize(
    "command",
    [
        ("customer", "get", "1"),
        ("customer", "history", "1"),
        ("customer", "explain", "1"),
        ("segments", "list"),
        ("segments", "list", "--json"),
    ],
)
def test_a_store_that_is_down_is_exit_code_4(terminal: Terminal, command: tuple[str, ...]) -> None:
    ran = terminal.run(*command)
    assert (ran.exit_code, ran.out) == (4, "")
    assert "segmenter: Redis: " in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.slow
def test_a_broker_that_is_down_is_exit_code_4_and_is_not_waited_for_long(
    terminal: Terminal,
) -> None:
    began_s = time.monotonic()
    ran = terminal.spawn("topics", "create")
    assert time.monotonic() - began_s < 20
    assert (ran.exit_code, ran.out) == (4, "")
    assert f"segmenter: Kafka at {NOWHERE}: " in ran.err
    assert "check bootstrap_servers and that the broker runs" in ran.err


@pytest.mark.slow
def test_doctor_tells_what_is_down_and_how_to_mend_it(terminal: Terminal) -> None:
    ran = terminal.spawn("doctor", "--json")
    checks = {each["name"]: each for each in ran.json}
    assert ran.exit_code == 1
    assert {name: each["ok"] for name, each in checks.items()} == {"broker": False, "redis": False}
    assert NOWHERE in checks["broker"]["found"]
    assert checks["broker"]["remedy"] == (
        f"start Kafka at {NOWHERE}, or set SEGMENTER_BOOTSTRAP_SERVERS"
    )
    assert checks["redis"]["remedy"] == "start it, or set SEGMENTER_REDIS_URL"


@pytest.mark.slow
def test_doctor_tells_an_address_in_brackets_as_it_is(terminal: Terminal) -> None:
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = "[fe80::1]:1"
    assert "→ start Kafka at [fe80::1]:1, or set" in terminal.spawn("doctor").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("replay", "file", "x.csv", "--to-topic", "--dry-run"),
            "say one of --to-topic, --isolated",
        ),
        (("replay", "file", "x.csv", "--to-topic", "--speed", "fast"), "--speed: 'fast' is not"),
        (("replay", "file", "x.csv", "--to-topic", "--speed", "-1"), "write 0 (as fast as"),
        (("customer", "get", ""), "an id takes 1 to 256 bytes of UTF-8, found 0"),
        (("customer", "get", "x" * 257), "found 257"),
        (("customer", "get"), "Missing argument 'ID'"),
        (("customers",), "No such command 'customers'"),
        (("segments", "list", "--yaml"), "No such option: --yaml"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    ran = terminal.run(*arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert said in ran.err


def test_a_file_to_replay_that_is_not_there_is_named(terminal: Terminal) -> None:
    ran = terminal.run("replay", "file", "nope.csv", "--to-topic")
    assert (ran.exit_code, ran.out) == (1, "")
    assert ran.err == "segmenter: nope.csv: no such file\n"


def test_a_file_of_an_unknown_kind_is_refused_with_the_kinds_that_are_known(
    terminal: Terminal, folder: Path
) -> None:
    (folder / "sales.xlsx").write_bytes(b"PK")
    ran = terminal.run("replay", "file", "sales.xlsx", "--to-topic")
    assert ran.exit_code == 1
    assert ".csv, .parquet" in ran.err


@pytest.mark.parametrize(
    "name", ["", "run", "topics", "customer", "segments", "replay", "config", "demo", "doctor"]
)
def test_every_command_has_help(terminal: Terminal, name: str) -> None:
    ran = terminal.run(*name.split(), "--help")
    assert (ran.exit_code, ran.err) == (0, "")
    assert f"Usage: segmenter {name}".strip() in ran.out


def test_topics_are_created_once(terminal: Terminal, bootstrap_servers: str) -> None:
    terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = bootstrap_servers
    terminal.run("topics", "create")
    ran = terminal.run("topics", "create")
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines() == [f"{topic.name}: exists" for topic in TOPICS]


def test_before_any_worker_has_begun_the_answer_says_what_to_run(
    terminal: Terminal, valkey_url: str
) -> None:
    terminal.environment["SEGMENTER_REDIS_URL"] = valkey_url
    for command in (("customer", "get", "1"), ("segments", "list")):
        ran = terminal.run(*command)
        assert (ran.exit_code, ran.out) == (1, "")
        assert "no worker has begun on this namespace; run: segmenter run all" in ran.err
