"""API keys: made once, kept as a hash, taken back within a second."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.api.keys import KeyRing, KeysError, Scope, UnknownKey, create, listed, revoke

MARCH_1_MS = 1_488_326_400_000


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def line(name: str = "checkout", key: str = "sk_1", scopes: tuple[str, ...] = ("read",)) -> str:
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    told = {"name": name, "sha256": sha256, "scopes": list(scopes), "created": "2017-03-01"}
    return json.dumps(told) + "\n"


def test_a_key_is_43_random_characters_behind_its_prefix(path: Path) -> None:
    one, other = create(path, "one", ["read"]), create(path, "other", ["read"])
    assert one.startswith("sk_")
    assert len(one) == len(other) == 46
    assert one != other


def test_the_file_says_all_of_a_key_but_itself(path: Path) -> None:
    key = create(path, "checkout", ["write", "read"], now_ms=lambda: MARCH_1_MS)
    assert json.loads(path.read_text()) == {
        "name": "checkout",
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "scopes": ["read", "write"],
        "created": "2017-03-01",
    }
    assert key not in path.read_text()


def test_the_file_is_for_nobody_elses_eyes_and_nothing_lies_beside_it(path: Path) -> None:
    path.touch(mode=0o644)
    create(path, "checkout", ["read"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_link_to_the_file_stays_one(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    create(link, "checkout", ["read"])
    assert link.is_symlink()
    assert [each.name for each in listed(path)] == ["checkout"]


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    names = [f"key-{number}" for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: create(path, name, ["read"]), names))
    assert sorted(each.name for each in listed(path)) == sorted(names)


def test_a_name_is_taken_once(path: Path) -> None:
    create(path, "checkout", ["read"])
    with pytest.raises(KeysError, match="there is a key checkout already; take another name"):
        create(path, "checkout", ["erase"])
    assert [each.scopes for each in listed(path)] == [{Scope.READ}]


@pytest.mark.parametrize("name", ["", "-x", "Checkout", "a b", "a\n", "x" * 65, "sk_" + "x" * 43])
def test_what_cannot_be_a_name_is_refused_without_repeating_it(path: Path, name: str) -> None:
    for change in (lambda: create(path, name, ["read"]), lambda: revoke(path, name)):
        with pytest.raises(KeysError, match=r"^a name is 1 to 64 of") as refused:
            change()
        assert not name.strip() or name not in str(refused.value)
    assert not path.exists()


def test_an_unknown_scope_is_refused_with_those_that_are_known(path: Path) -> None:
    with pytest.raises(KeysError, match="'admin' is not a valid Scope; scopes are read, write"):
        create(path, "checkout", ["read", "admin"])
    with pytest.raises(KeysError, match="name at least one scope"):
        create(path, "checkout", [])


def test_a_revoked_key_is_gone_and_the_others_stay(path: Path) -> None:
    for name in ("one", "other"):
        create(path, name, ["read"])
    revoke(path, "one")
    assert [each.name for each in listed(path)] == ["other"]
    with pytest.raises(UnknownKey, match="there is no key one; see: segmenter keys list"):
        revoke(path, "one")


def test_a_folder_that_is_not_there_is_named_with_the_setting(path: Path) -> None:
    nowhere = path.parent / "nowhere" / "keys"
    with pytest.raises(KeysError, match=r"nowhere/keys: can't be changed: No such .*_KEYS_FILE"):
        create(nowhere, "checkout", ["read"])
    assert listed(nowhere) == []


def test_a_folder_in_the_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    for read in (listed, KeyRing):
        with pytest.raises(KeysError, match="can't be read: Is a directory"):
            read(path)


def test_a_key_is_found_by_itself_and_by_nothing_else(path: Path) -> None:
    one, other = create(path, "one", ["read"]), create(path, "other", ["write", "erase"])
    ring = KeyRing(path)
    for key, name in ((one, "one"), (other, "other")):
        found = ring.find(key)
        assert found is not None
        assert found.name == name
    for wrong in ("", "sk_", one[:-1], one + "x", one.upper(), "\udcff", "ÿ"):
        assert ring.find(wrong) is None


def test_the_hash_in_the_file_opens_nothing(path: Path) -> None:
    create(path, "checkout", ["read"])
    ring = KeyRing(path)
    assert ring.find(listed(path)[0].sha256) is None


def test_without_a_file_no_key_is_needed() -> None:
    ring = KeyRing(None)
    assert (ring.needed, ring.empty, ring.find("sk_1")) == (False, True, None)


def test_a_file_without_keys_locks_everybody_out(path: Path) -> None:
    path.touch()
    ring = KeyRing(path)
    assert (ring.needed, ring.empty, ring.find("sk_1")) == (True, True, None)


def test_at_the_start_a_missing_file_is_an_error_that_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(KeysError, match=r"keys\.jsonl: there is no such file; .*keys create NAME"):
        KeyRing(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sk_secret\n", "line 1: Invalid JSON"),
        (line() + "\n" + '"sk_secret"\n', "line 3: .*object"),
        (line(scopes=("admin_secret",)), "line 1: scopes: Input should be 'read', 'write' or"),
        (line(scopes=()), "line 1: scopes: .*at least 1"),
        (line("sk_secret"), "line 1: name: String should match"),
        ('{"name": "a"}\n', "line 1: sha256: Field required"),
        (line() + line(), "line 2: a second key checkout"),
        (line().replace('"name"', '"secret": 1, "name"'), "line 1: Extra inputs"),
        ("\ufeffsecret", "line 1: Invalid JSON"),
    ],
)
def test_a_malformed_file_is_refused_by_line_and_remedy_without_its_text(
    path: Path, text: str, said: str
) -> None:
    path.write_text(text, "utf-8")
    for read in (KeyRing, listed):
        with pytest.raises(KeysError, match=rf"keys\.jsonl: {said}") as refused:
            read(path)
        assert "; remove the line and make a new key: segmenter keys create" in str(refused.value)
        assert "secret" not in str(refused.value)


def test_a_malformed_file_is_not_written_over(path: Path) -> None:
    path.write_text("nonsense\n")
    for change in (lambda: create(path, "a", ["read"]), lambda: revoke(path, "a")):
        with pytest.raises(KeysError, match="line 1"):
            change()
    assert path.read_text() == "nonsense\n"


def test_a_running_ring_learns_of_new_and_revoked_keys_within_a_second(path: Path) -> None:
    clock, one = Clock(), create(path, "one", ["read"])
    ring = KeyRing(path, clock)
    revoke(path, "one")
    other = create(path, "other", ["read"])
    assert ring.find(one) is not None
    assert ring.find(other) is None
    clock.now_s += 1.0
    assert ring.find(one) is None
    assert ring.find(other) is not None


def test_a_file_that_has_not_changed_is_not_read_again(path: Path) -> None:
    clock, key = Clock(), create(path, "one", ["read"])
    ring, before = KeyRing(path, clock), path.stat()
    path.write_text("x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now_s += 1.0
    assert ring.find(key) is not None


def test_a_file_that_breaks_leaves_the_keys_as_they_were_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, key = Clock(), create(path, "one", ["read"])
    ring, whole = KeyRing(path, clock), path.read_text()
    path.write_text(whole + "sk_secret\n")
    for _ in range(3):
        clock.now_s += 1.0
        assert ring.find(key) is not None
    path.unlink()
    clock.now_s += 1.0
    assert ring.find(key) is not None
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert "line 2: Invalid JSON" in warning.getMessage()
    assert "secret" not in caplog.text
    assert key not in caplog.text


def test_a_mended_file_is_taken_and_the_next_fault_is_told_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    create(path, "one", ["read"])
    ring = KeyRing(path, clock)
    for name in ("other", "third"):
        path.write_text("nonsense\n")
        clock.now_s += 1.0
        assert ring.find("sk_1") is None
        path.unlink()
        key = create(path, name, ["read"])
        clock.now_s += 1.0
        found = ring.find(key)
        assert found is not None
        assert found.name == name
    assert len(caplog.records) == 2


def test_what_a_key_prints_of_itself_does_not_hold_its_hash(path: Path) -> None:
    create(path, "checkout", ["read"])
    (key,) = listed(path)
    assert key.sha256 not in repr(key)
