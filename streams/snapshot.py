"""What a replay has come to, on disk, so that it can go on there: after a break, or with what comes next.

A folder with a file for each partition. Each says what it is a replay of; one that does not fit is
refused, because going on from it would give neither the old nor the new. MessagePack of plain values,
with a schema: nothing of it is code.

Enters and leaves: `Snapshot`. Forbidden here: folding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from models.codec import SCHEMA_VERSION
from streams.sources import SourceError

FORMAT = 1


class Snapshot(NamedTuple):
    """One partition as it stood.

    Attributes:
        store: of the partition, see `MemoryStore.packed`.
        told: see `Told.packed`.
        tally: what was folded until then, by kind.
        last: offset and hash of the record that was folded last, of a log; None: none was.
    """

    store: bytes
    told: bytes
    tally: Mapping[str, int]
    last: tuple[int, bytes] | None = None


class NotThisReplay(SourceError):
    """A snapshot of something else, or of another version."""


class Snapshots:
    """The snapshots of one replay.

    Args:
        folder: where; made when first written to.
        of: what is replayed, and how: the same for the same replay.

    Raises:
        SourceError: the folder is a file.
    """

    def __init__(self, folder: Path, of: Mapping[str, Any]) -> None:
        if folder.exists() and not folder.is_dir():
            raise SourceError(f"{folder}: snapshots go into a folder, and this is a file")
        self._folder = folder
        self._of = {"format": FORMAT, "states": SCHEMA_VERSION, **of}

    def read(self, name: str) -> Snapshot | None:
        """The newest; None if there is none.

        Raises:
            NotThisReplay: names what differs.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            of, *fields = msgpack.unpackb(path.read_bytes(), use_list=False)
            self._require_same(json.loads(of), path)
            return Snapshot(*fields)
        except (OSError, ValueError, TypeError, msgpack.UnpackException) as error:
            if isinstance(error, NotThisReplay):
                raise
            raise NotThisReplay(
                f"{path}: not a snapshot ({error}); remove the folder to begin anew"
            ) from None

    def write(self, name: str, snapshot: Snapshot) -> None:
        """In the place of the one before; whole, or not at all.

        Raises:
            SourceError: the disk does not take it.
        """
        path = self._path(name)
        beside = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(bytes(msgpack.packb((json.dumps(self._of), *snapshot))))
            beside.replace(path)
        except OSError as error:
            raise SourceError(f"{path}: can't be written: {error}") from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.snapshot"

    def _require_same(self, found: Mapping[str, Any], path: Path) -> None:
        for key, ours in self._of.items():
            if found.get(key) != ours:
                raise NotThisReplay(
                    f"{path}: its {key.replace('_', ' ')} is {_short(found.get(key))}, of this replay "
                    f"{_short(ours)}; give the replay it was made by, or another folder"
                )


def _short(value: Any) -> str:
    if value is None or value == []:
        return "none"
    return f"{', '.join(map(str, value)) if isinstance(value, list) else value!s:.60}"
