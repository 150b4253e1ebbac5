"""The wall clock, asked in one place."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, epoch milliseconds."""
    return time.time_ns() // 1_000_000
