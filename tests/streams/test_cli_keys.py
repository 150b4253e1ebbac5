"""API keys on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.api.keys import KeyRing
from tests.support.terminal import Terminal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def terminal(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    return Terminal({"SEGMENTER_API_KEYS_FILE": str(path)})


def test_a_key_stands_alone_on_stdout_and_where_it_is_kept_on_stderr(
    terminal: Terminal, path: Path
) -> None:
    ran = terminal.run("keys", "create", "checkout", "--scopes", "read, write")
    assert ran.exit_code == 0
    assert ran.err == f"kept as a hash in {path}; the key itself is only here:\n"
    found = KeyRing(path).find(ran.out.removesuffix("\n"))
    assert found is not None
    assert found.name == "checkout"
    assert sorted(found.scopes) == ["read", "write"]


def test_a_key_is_made_for_reading_unless_more_is_said(terminal: Terminal, path: Path) -> None:
    told = terminal.run("keys", "create", "checkout", "--json").json
    assert (told["name"], told["scopes"]) == ("checkout", ["read"])
    assert KeyRing(path).find(told["key"]) is not None


def test_a_key_that_goes_into_a_file_is_made_once_and_nobody_else_can_read_it(
    terminal: Terminal, path: Path, tmp_path: Path
) -> None:
    to = tmp_path / "dashboard.key"
    asked = ("keys", "create", "dashboard", "--scopes", "read,write", "--to", str(to))
    ran = terminal.run(*asked)
    assert (ran.exit_code, ran.out) == (0, "")
    assert ran.err == f"the key is in {to}; its hash is in {path}\n"
    key = to.read_text().removesuffix("\n")
    assert key not in ran.err
    assert to.stat().st_mode & 0o777 == 0o600
    again = terminal.run(*asked)
    assert again.exit_code == 0
    assert "already: nothing was made" in again.err
    assert KeyRing(path).find(key) is not None
    to.unlink()  # read, and put into a safe
    assert terminal.run(*asked).exit_code == 0
    assert not to.exists()


def test_a_key_is_not_written_over_a_file_that_is_there(
    terminal: Terminal, path: Path, tmp_path: Path
) -> None:
    to = tmp_path / "notes.txt"
    to.write_text("mine")
    ran = terminal.run("keys", "create", "dashboard", "--to", str(to))
    assert (ran.exit_code, to.read_text(), path.exists()) == (2, "mine", False)
    assert "name a file that is not there" in ran.err


def test_a_key_that_is_refused_leaves_no_file_behind(terminal: Terminal, tmp_path: Path) -> None:
    to = tmp_path / "dashboard.key"
    assert terminal.run("keys", "create", "x", "--scopes", "all", "--to", str(to)).exit_code == 2
    assert not to.exists()


def test_the_list_tells_names_scopes_and_days_and_no_hash(terminal: Terminal, path: Path) -> None:
    terminal.run("keys", "create", "checkout", "--scopes", "write,read")
    (told,) = terminal.run("keys", "list", "--json").json
    assert (told["name"], told["scopes"]) == ("checkout", ["read", "write"])
    assert sorted(told) == ["created", "name", "scopes"]
    listed = terminal.run("keys", "list")
    assert (listed.exit_code, listed.err) == (0, "")
    assert listed.out == f"checkout: read, write; since {told['created']}\n"


def test_without_keys_the_list_is_empty_and_says_how_to_make_one(
    terminal: Terminal, path: Path
) -> None:
    ran = terminal.run("keys", "list")
    assert (ran.exit_code, ran.out) == (0, "")
    assert ran.err == f"no keys in {path} yet; make one: segmenter keys create NAME\n"
    assert terminal.run("keys", "list", "--json").json == []


def test_a_revoked_key_opens_nothing(terminal: Terminal, path: Path) -> None:
    keys = [terminal.run("keys", "create", name).out.strip() for name in ("one", "other")]
    ran = terminal.run("keys", "revoke", "one")
    assert (ran.exit_code, ran.out, ran.err) == (0, "revoked: one\n", "")
    ring = KeyRing(path)
    assert [ring.find(key) is None for key in keys] == [True, False]
    assert terminal.run("keys", "revoke", "other", "--json").json == {"revoked": "other"}


def test_a_name_that_is_not_there_is_exit_code_3(terminal: Terminal) -> None:
    ran = terminal.run("keys", "revoke", "checkout")
    assert (ran.exit_code, ran.out) == (3, "")
    assert "there is no key checkout; see: segmenter keys list" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "Check Out"), "a name is 1 to 64 of a-z"),
        (("create", "checkout", "--scopes", "all"), "scopes are read, write, erase"),
        (("create", "checkout", "--scopes", ","), "name at least one scope"),
        (("create", "taken"), "there is a key taken already"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    terminal.run("keys", "create", "taken")
    ran = terminal.run("keys", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("list",), ("create", "checkout"), ("revoke", "checkout")])
def test_without_a_file_the_setting_is_named(
    terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    del terminal.environment["SEGMENTER_API_KEYS_FILE"]
    ran = terminal.run("keys", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert "set SEGMENTER_API_KEYS_FILE to its path" in ran.err


def test_a_malformed_file_is_told_by_its_line(terminal: Terminal, path: Path) -> None:
    path.write_text("nonsense\n")
    ran = terminal.run("keys", "list")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "keys.jsonl: line 1: Invalid JSON" in ran.err
