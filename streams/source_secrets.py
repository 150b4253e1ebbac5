"""The secrets that webhooks are signed with, as their files tell them now.

A file holds one secret a line, several while one is rotated. Enters: the path. Leaves: the secrets, or
what is wrong with the file. No secret, and no part of one, is shown or logged here.
"""

from __future__ import annotations

import codecs
import logging
from pathlib import Path

from streams.settings import SettingsError

logger = logging.getLogger(__name__)

MIN_SECRET_BYTES = 8  # shorter ones are guessed; a stray blank or brace in the file is one, too
MAX_SECRETS = 8  # each is tried on each request


def read_secrets(path: str, place: str) -> tuple[bytes, ...]:
    """The secrets of a file, in its order.

    Args:
        path: of the file.
        place: of the key that names it, for messages.

    Raises:
        SettingsError: names place, file and remedy, and shows no value.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SettingsError(
            f"{place}: {path} can't be read: {why}; write the sender's secret into it, one a line"
        ) from None
    lines = [line.strip() for line in text.removeprefix(codecs.BOM_UTF8).splitlines()]
    secrets = tuple(line for line in lines if line)
    if not secrets:
        raise SettingsError(f"{place}: {path} holds no secret; write the sender's into it")
    if len(secrets) > MAX_SECRETS:
        raise SettingsError(f"{place}: {path} holds more than {MAX_SECRETS}; remove the old ones")
    for number, line in enumerate(lines, start=1):
        if line and len(line) < MIN_SECRET_BYTES:
            raise SettingsError(
                f"{place}: {path}, line {number}: a secret has at least {MIN_SECRET_BYTES} bytes"
            )
    return secrets


class SecretFile:
    """The secrets of a file as it is now: they rotate without a restart.

    Args:
        path: of the file.
        place: of the key that names it, for messages.

    Raises:
        SettingsError: the file can't be used to begin with.
    """

    def __init__(self, path: str, place: str) -> None:
        self._path, self._place = path, place
        self._seen = _version(path)  # before reading: what is written meanwhile is seen next time
        self._secrets = read_secrets(path, place)
        self._fault = ""

    def now(self) -> tuple[bytes, ...]:
        """Look whether the file has changed, and read it if so; blocks for that.

        What has become unusable is warned of once, and the secrets before it stay good.
        """
        found = _version(self._path)
        if found is None or found != self._seen:
            self._read(found)
        return self._secrets

    def _read(self, found: tuple[int, int, int] | None) -> None:
        try:
            self._secrets = read_secrets(self._path, self._place)
            self._seen, self._fault = found, ""
        except SettingsError as error:
            self._seen = None  # until it is mended
            if str(error) != self._fault:
                logger.warning("secrets stay as they were: %s", error)
            self._fault = str(error)


def _version(path: str) -> tuple[int, int, int] | None:
    """Changes when the file does; None: it can't be looked at."""
    try:
        found = Path(path).stat()
    except OSError:
        return None  # reading it says why
    return found.st_mtime_ns, found.st_size, found.st_ino
