"""Policies for people: as TOML, their differences, and their history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tomli_w
from rich.table import Table
from rich.text import Text

from models.policy import Policy
from models.policy_record import PublishedPolicy, differences, policy_as_json
from streams.messages import rfc3339
from streams.show import printable

VALUE_WIDTH = 200


def changes(before: Policy, new: Policy) -> list[dict[str, Any]]:
    """What differs, key by key; texts that are empty and were not there before are left out."""
    return [
        {"key": key, "before": old, "after": now}
        for key, old, now in differences(before, new)
        if key != "preset" and not (_is_nothing(old) and _is_nothing(now))
    ]


def _is_nothing(value: Any) -> bool:
    return value is None or value == ""


def change_line(change: dict[str, Any]) -> str:
    """One difference.

    >>> change_line({"key": "lifecycle.new_days", "before": 30, "after": None})
    '- lifecycle.new_days: 30'
    """
    key, before, after = change["key"], change["before"], change["after"]
    if before is None:
        return f"+ {key}: {_value(after)}"
    if after is None:
        return f"- {key}: {_value(before)}"
    return f"  {key}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_WIDTH else f"{text[: VALUE_WIDTH - 1]}…"


def policy_as_toml(published: PublishedPolicy) -> str:
    """A policy as a file that can be published again; presets are resolved."""
    values = published.policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    return f"# {heading(published)}\n{tomli_w.dumps(values, multiline_strings=True)}"


def heading(published: PublishedPolicy) -> str:
    """Which policy it is, in a line."""
    version = published.policy.version
    if not published.number:
        return f"of the file, version {version}: nobody has published a policy yet"
    silent = ", silent" if published.silent else ""
    note = f": {printable(published.note)}" if published.note else ""
    at = rfc3339(published.published_at_ms)
    return f"policy {published.number}, version {version}, published {at}{silent}{note}"


def published_as_json(published: PublishedPolicy) -> dict[str, Any]:
    """What is known of a publication, but for the policy itself."""
    at_ms = published.published_at_ms
    return {
        "number": published.number,
        "version": published.policy.version,
        "published_at": rfc3339(at_ms) if published.number else None,
        "note": published.note,
        "silent": published.silent,
        "digest": published.digest,
    }


def policy_as_document(published: PublishedPolicy) -> dict[str, Any]:
    """With the policy."""
    return {**published_as_json(published), "policy": policy_as_json(published.policy)}


def history_as_json(
    found: Iterable[PublishedPolicy], in_force: Sequence[PublishedPolicy]
) -> list[dict[str, Any]]:
    """All publications, oldest first, and the partitions in which each is in force."""
    return [
        {
            **published_as_json(each),
            "in_force_in": [
                partition for partition, held in enumerate(in_force) if held.number == each.number
            ],
        }
        for each in found
    ]


def history_table(told: Iterable[dict[str, Any]], partitions: int) -> Table:
    """The same for people."""
    table = Table("policy", "when (UTC)", "version", "", "note", box=None, pad_edge=False)
    table.columns[0].justify = "right"
    for each in told:
        silent = ["silent"] if each["silent"] else []
        table.add_row(
            str(each["number"]),
            each["published_at"][:16].replace("T", " "),
            each["version"],
            ", ".join([*_where(each["in_force_in"], partitions), *silent]),
            Text(printable(each["note"])),
        )
    return table


def _where(places: Sequence[int], partitions: int) -> list[str]:
    if not places:
        return []
    if len(places) == partitions:
        return ["in force"]
    noun = "partition" if len(places) == 1 else "partitions"
    return [f"in force in {noun} {', '.join(map(str, places))}"]
