"""The audit log of an assistant's calls: one JSON object a line, written before the answer leaves.

    {"at", "tool", "arguments", "outcome", "why", "rows", "duration_ms"}

Customers stand in it by pseudonym. Other texts stand in it as they were given only after the call was
answered, because then they named something of ours; of a call that was not, they are masked.

Enters: calls. Leaves: lines, in a file or on stderr. Forbidden here: ids, answers.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streams.mcp_masking import MASKED, Mask
from streams.messages import rfc3339

OK, DECLINED, FAILED, TOO_LONG, CANCELLED = "ok", "declined", "failed", "too_long", "cancelled"
_STDERR = 2
_CUSTOMER = "customer"
_NAMES = frozenset({"segment", "name", "kind", "rule", "decision", "history", "first", "last"})
_NUMBERS = frozenset({"days", "weeks", "limit", "sample"})
_TEXTS = frozenset({"rule_name", "when", "changes", "page"})
_KNOWN = _NAMES | _NUMBERS | _TEXTS | {_CUSTOMER}


class AuditError(RuntimeError):
    """The line can't be written; says what to do."""


class Call(NamedTuple):
    """What was asked, and how it ended.

    Attributes:
        tool: by name; of a resource its address.
        arguments: as they came.
        outcome: `OK`, `DECLINED`, `FAILED`, `TOO_LONG` or `CANCELLED`.
        why: what was raised, by class; "" if nothing was.
        rows: of the answer.
        duration_ms: until the answer was there.
    """

    tool: str
    arguments: Mapping[str, Any]
    outcome: str
    why: str
    rows: int
    duration_ms: int


class Audit:
    """Writes the log.

    Args:
        file: it is appended to, and made with mode 0600 if it is not there; None: stderr.
        mask: how customers are named.
        clock: wall clock.

    Raises:
        AuditError: the file can't be opened.
    """

    def __init__(self, file: Path | None, mask: Mask, clock: Callable[[], int]) -> None:
        self._mask, self._clock = mask, clock
        self._where = "stderr" if file is None else str(file)
        self._torn = False
        self._fd = _STDERR if file is None else _opened(file)
        self._lasts = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def write(self, call: Call) -> None:
        """One line, on the disk when this returns. Blocks for one write and one sync.

        Raises:
            AuditError.
        """
        line = json.dumps(self._line(call), ensure_ascii=False) + "\n"
        packed = (b"\n" if self._torn else b"") + line.encode("utf-8", "backslashreplace")
        try:
            written = os.write(self._fd, packed)
            self._torn = written < len(packed)
            if self._torn:
                raise OSError(f"only {written} of {len(packed)} bytes were taken")
            if self._lasts:
                os.fsync(self._fd)
        except OSError as error:
            raise AuditError(
                f"the audit log {self._where} can't be written ({error.strerror or error}); nothing is answered "
                "without it: make room, or start segmenter mcp with another --audit"
            ) from error

    def _line(self, call: Call) -> dict[str, Any]:
        given = call.arguments
        known = sorted(each for each in given if each in _KNOWN)
        others = len(given) - len(known)
        return {
            "at": rfc3339(self._clock()),
            "tool": call.tool,
            "arguments": {
                **{key: self._told(key, given[key], call.outcome) for key in known},
                **({"others": others} if others else {}),
            },
            "outcome": call.outcome,
            **({"why": call.why} if call.why else {}),
            "rows": call.rows,
            "duration_ms": call.duration_ms,
        }

    def _told(self, key: str, value: Any, outcome: str) -> Any:
        if value is None or isinstance(value, bool) or value == "":
            return value
        if key == _CUSTOMER and isinstance(value, str | int | float):
            return self._mask.audited(str(value))
        known = key in (_NAMES if isinstance(value, str) else _NUMBERS)
        if known and outcome == OK:
            return value
        return self._mask.digest(value) if isinstance(value, str) else MASKED


def _opened(file: Path) -> int:
    try:
        return os.open(
            file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    except OSError as error:
        raise AuditError(
            f"--audit {file}: {error.strerror or error}; name a file that can be appended to"
        ) from error
