"""API keys: a file of hashes, written by `segmenter keys`, read by the API.

A line of JSON for each key: name, SHA-256 of the key, scopes, day of creation. What enters is that
file and what a caller presents; what leaves is whose key it is. No key, and no part of one, is kept
or logged here; `create` hands it out once.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from streams.wall import wall_ms

logger = logging.getLogger(__name__)

KEY_BYTES = 32  # as long as the hash: nobody tries them out
LOOK_EVERY_S = 1.0  # a revoked key is refused within this
NAME = (
    r"^[a-z0-9][a-z0-9.-]{0,63}$"  # no key fits, so one given by mistake never gets into the file
)


class KeysError(ValueError):
    """The keys can't be used or changed; says which file, what is wrong, and what to do."""


class UnknownKey(KeysError):
    """No key has that name."""


class Scope(StrEnum):
    """What a key allows; none includes another."""

    READ = "read"
    WRITE = "write"
    ERASE = "erase"


Scopes = Annotated[
    frozenset[Scope],
    Field(min_length=1),
    PlainSerializer(lambda scopes: [each for each in Scope if each in scopes]),
]


class Key(BaseModel):
    """What is known of a key: all but itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=NAME, description="whose it is; in logs and metrics, too")
    # A plain hash: a key is 256 random bits, so there is nothing that a slow one would protect.
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the key's text", repr=False)
    scopes: Scopes = Field(description="what it allows")
    created: date = Field(description="in UTC")


def create(
    path: Path, name: str, scopes: Iterable[str], now_ms: Callable[[], int] = wall_ms
) -> str:
    """Make a key; the file is made, too, if there is none.

    Blocks for as long as another process is changing the file.

    Args:
        path: of the file.
        name: see `NAME`.
        scopes: values of `Scope`, at least one.
        now_ms: wall clock.

    Returns:
        The key. It is nowhere else.

    Raises:
        KeysError: the name is taken or can't be one, the scopes are none, or the file is at fault.
    """
    key = f"sk_{secrets.token_urlsafe(KEY_BYTES)}"
    made = Key(
        name=_name(name),
        sha256=_digest(key),
        scopes=_scopes(scopes),
        created=datetime.fromtimestamp(now_ms() / 1000, UTC).date(),
    )
    with _alone_with(path):
        keys = listed(path)
        if any(each.name == name for each in keys):
            raise KeysError(
                f"{path}: there is a key {name} already; take another name, "
                f"or first: segmenter keys revoke {name}"
            )
        _write(path, [*keys, made])
    return key


def create_once(path: Path, name: str, scopes: Iterable[str], to: Path) -> bool:
    """Make a key and write it into a file for its owner's eyes, unless there is one of that name.

    Safe to run again, also once that file was read and removed. Blocks as `create` does.

    Args:
        path: of the file of keys.
        name: see `NAME`.
        scopes: values of `Scope`, at least one.
        to: a file that is not there yet.

    Returns:
        Whether one was made.

    Raises:
        KeysError: see `create`; or `to` can't be written.
    """
    if any(each.name == _name(name) for each in listed(path)):
        return False
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise KeysError(f"{to}: can't be written: {why}; name a file that is not there") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        try:
            file.write(f"{create(path, name, scopes)}\n")
        except BaseException:
            to.unlink()
            raise
    return True


def revoke(path: Path, name: str) -> None:
    """Take a key back; running APIs refuse it within a second.

    Blocks for as long as another process is changing the file.

    Raises:
        UnknownKey: there is none of that name.
        KeysError: the name can't be one, or the file is at fault.
    """
    _name(name)
    with _alone_with(path):
        keys = listed(path)
        left = [each for each in keys if each.name != name]
        if len(left) == len(keys):
            raise UnknownKey(f"{path}: there is no key {name}; see: segmenter keys list")
        _write(path, left)


def listed(path: Path) -> list[Key]:
    """All keys, the oldest first; none, as long as there is no file.

    Raises:
        KeysError: names file, line and remedy.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        _fail(path, "read", error)


class KeyRing:
    """The keys of a file, as they are now.

    The file is looked at while a caller waits, at most once a second: a stat, and a read if it has
    changed. What it held before stays in force for as long as it can't be used.

    Args:
        path: of the file; None: there are no keys, and nobody needs one.
        monotonic_s: a clock.

    Raises:
        KeysError: the file is missing or malformed.
    """

    def __init__(
        self, path: Path | None, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._monotonic_s = path, monotonic_s
        self._keys: list[Key] = []
        self._seen: tuple[int, ...] | None = None
        self._warned = False
        self._looked_s = monotonic_s()
        if path is None:
            return
        try:
            self._load(path)
        except FileNotFoundError:
            raise KeysError(
                f"{path}: there is no such file; make it with a first key: "
                "segmenter keys create NAME --scopes read, or unset SEGMENTER_API_KEYS_FILE"
            ) from None
        except OSError as error:
            _fail(path, "read", error)

    @property
    def needed(self) -> bool:
        """Whether a key is asked for. A file that holds none locks everybody out, not in."""
        return self._path is not None

    @property
    def empty(self) -> bool:
        """Whether there is no key."""
        self._look()
        return not self._keys

    def find(self, presented: str) -> Key | None:
        """Whose key this is, in a time that says nothing of how much of it was right."""
        self._look()
        digest, found = _digest(presented), None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _look(self) -> None:
        now_s = self._monotonic_s()
        if self._path is None or now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        try:
            self._load(self._path)
        except (OSError, KeysError) as error:
            self._seen = None  # until it is mended
            if not self._warned:
                logger.warning("API keys stay as they were: %s", error)
            self._warned = True

    def _load(self, path: Path) -> None:
        found = path.stat()  # before reading: what is written meanwhile is seen the next time
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen == self._seen:
            return
        self._keys = _read(path)
        self._seen, self._warned = seen, False


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _name(name: str) -> str:
    if not re.fullmatch(NAME, name):  # it may be a key, given by mistake: not repeated
        raise KeysError(
            "a name is 1 to 64 of a-z, 0-9, '.' and '-', and begins with a letter or digit"
        )
    return name


def _scopes(names: Iterable[str]) -> frozenset[Scope]:
    known = ", ".join(Scope)
    try:
        scopes = frozenset(map(Scope, names))
    except ValueError as error:
        raise KeysError(f"{error}; scopes are {known}") from None
    if not scopes:
        raise KeysError(f"name at least one scope; they are {known}")
    return scopes


def _read(path: Path) -> list[Key]:
    keys: dict[str, Key] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            key = Key.model_validate_json(line)
        except ValidationError as error:
            raise _malformed(path, number, _first_of(error)) from None
        if key.name in keys:
            raise _malformed(path, number, f"a second key {key.name}")
        keys[key.name] = key
    return list(keys.values())


def _first_of(error: ValidationError) -> str:
    """What is wrong, without the value: it may be a key that somebody put there."""
    first = error.errors(include_input=False, include_url=False)[0]
    known = [str(part) for part in first["loc"] if part in Key.model_fields]
    return ": ".join([*known, first["msg"]])


def _malformed(path: Path, line: int, why: str) -> KeysError:
    return KeysError(
        f"{path}: line {line}: {why}; remove the line and make a new key: "
        "segmenter keys create NAME --scopes read"
    )


def _write(path: Path, keys: list[Key]) -> None:
    """All or nothing, and for nobody else's eyes; the file keeps its owner."""
    path = path.resolve()  # a link stays one
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{each.model_dump_json()}\n" for each in keys)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileNotFoundError, PermissionError):
            owner = path.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """No other process changes the file meanwhile: the lock is on its folder."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        _fail(path, "changed", error)


def _fail(path: Path, done: str, error: OSError) -> NoReturn:
    why = error.strerror or type(error).__name__
    raise KeysError(f"{path}: can't be {done}: {why}; check SEGMENTER_API_KEYS_FILE") from None
