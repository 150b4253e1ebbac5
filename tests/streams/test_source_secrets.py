"""Secrets of webhooks: read from a file, rotated in place, never told."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from streams.settings import SettingsError
from streams.source_secrets import SecretFile, read_secrets

PLACE = "segmenter.toml: sources.shop.secret_file"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.secrets"


def test_each_line_is_a_secret(path: Path) -> None:
    path.write_bytes(b"first-secret\r\n\n  second-secret\n")
    assert read_secrets(str(path), PLACE) == (b"first-secret", b"second-secret")


def test_a_mark_that_an_editor_puts_in_front_is_no_part_of_the_first_secret(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbffirst-secret\r\nsecond-secret\r\n")
    assert read_secrets(str(path), PLACE) == (b"first-secret", b"second-secret")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no secret; write the sender's into it"),
        (b"\n \n", "holds no secret; write the sender's into it"),
        (b"first-secret\n\nhush\n", ", line 3: a secret has at least 8 bytes"),
        (b"one-of-many\n" * 9, "holds more than 8; remove the old ones"),
    ],
)
def test_a_file_that_would_let_anybody_in_is_refused_without_its_text(
    path: Path, content: bytes, said: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        SecretFile(str(path), PLACE)
    assert str(refused.value).startswith(f"{PLACE}: {path}")
    assert str(refused.value).endswith(said)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_named_with_its_key(path: Path) -> None:
    with pytest.raises(SettingsError, match=r"secret_file: .*can't be read: No such file"):
        SecretFile(str(path), PLACE)


def test_a_secret_rotates_without_a_restart(path: Path) -> None:
    path.write_bytes(b"old-secret\n")
    file = SecretFile(str(path), PLACE)
    path.write_bytes(b"old-secret\nnew-secret\n")
    assert file.now() == (b"old-secret", b"new-secret")
    path.write_bytes(b"new-secret\n")
    assert file.now() == (b"new-secret",)


def test_a_file_that_has_not_changed_is_not_read_again(path: Path) -> None:
    path.write_bytes(b"old-secret\n")
    file, before = SecretFile(str(path), PLACE), path.stat()
    path.write_bytes(b"new-secret\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.now() == (b"old-secret",)


def test_a_file_that_breaks_leaves_the_secrets_good_with_one_warning_and_is_taken_once_mended(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(b"old-secret\n")
    file = SecretFile(str(path), PLACE)
    path.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert [file.now() for _ in range(3)] == [(b"old-secret",)] * 3
    (warning,) = caplog.records
    assert "secrets stay as they were" in warning.getMessage()
    assert "old-secret" not in caplog.text
    path.write_bytes(b"new-secret\n")
    assert file.now() == (b"new-secret",)
