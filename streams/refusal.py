"""What a process says that must not go on."""

from __future__ import annotations


class Refused(RuntimeError):
    """Going on would mix states of different logs, or lose some; says what to do instead."""
