"""A policy as somebody wrote it: its tables laid on those of a preset, and what is wrong with them.

Enters: tables, errors of validation. Leaves: tables, sentences that name the source and the key.
"""

from __future__ import annotations

from typing import Any


def of_policy(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of a configuration without those that move no customer.

    `connection` says where the parts are (streams/settings.py), `sources` what foreign events mean
    before they enter the log (models/source_tables.py).
    """
    return {key: each for key, each in tables.items() if key not in ("connection", "sources")}


def overlaid(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The tables of `over` laid on those of `base`, key by key."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = overlaid(below, value) if both and isinstance(below, dict) else value
    return merged


def explained(source: str, error: dict[str, Any]) -> str:
    """One error of pydantic: names `source`, the dotted key, what is wrong and what would be right."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{source}: {key}: unknown key; remove it or check its spelling"
    message = str(error["msg"]).removeprefix("Value error, ")
    if not key:  # what two sections say does not fit together: it names them itself
        return "\n".join(f"{source}: {each}" for each in message.splitlines())
    found = "" if isinstance(error["input"], dict) else f" (found {shown(error['input'])})"
    return f"{source}: {key}: {message}{found}"


def shown(value: object) -> str:
    """What was found, cut short."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python writes out no whole number of thousands of digits
        return "a number of thousands of digits"
