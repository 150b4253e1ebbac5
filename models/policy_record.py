"""A policy on its way through the log: its body ⇄ bytes, and what may not change on the way.

A published policy has a number, counted from 1 over all that were ever published; the newest one that
a partition has read is in force there. Until the first, the workers' own file holds.

Enters: a policy, or bytes. Leaves: the other, or a `PolicyError`. Forbidden here: topics, files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from models.policy import EventTime, Policy, PolicyError, faults_of_rules

SCHEMA_VERSION = 1
POLICIES_KEPT = 8
# States are a fold of the log under these: with others only folding it anew gives what is meant.
FIXED = (
    ("business", "timezone"),
    ("business", "currency"),
    ("time", "remembered_days"),
    ("time", "remembered_events"),
)


class PublishedPolicy(NamedTuple):
    """A policy as it was published.

    Attributes:
        number: from 1; 0: of a file, nobody has published it.
        policy: what it says.
        published_at_ms: wall clock of who published it.
        note: why, in words.
        silent: whether the changes of membership that it brings are left untold.
        body: as it was read; empty of a file.
    """

    number: int
    policy: Policy
    published_at_ms: int = 0
    note: str = ""
    silent: bool = False
    body: bytes = b""

    @property
    def digest(self) -> str:
        """Of its body; "" of a file."""
        return digest_of_policy(self.body) if self.body else ""


def newest(held: Iterable[PublishedPolicy]) -> PublishedPolicy:
    """Of those that partitions have, at least one, the one of the highest number."""
    return max(held, key=lambda each: each.number)


def policy_as_json(policy: Policy) -> dict[str, Any]:
    """Everything it says, presets resolved; `Policy.model_validate` reads it."""
    return policy.model_dump(mode="json", by_alias=True)


def encode_published(published: PublishedPolicy) -> bytes:
    """JSON, the same bytes for the same publication; its `body` is not looked at."""
    fields = {
        "schema": SCHEMA_VERSION,
        "number": published.number,
        "published_at_ms": published.published_at_ms,
        "note": published.note,
        "silent": published.silent,
        "version": published.policy.version,
        "policy": policy_as_json(published.policy),
    }
    return json.dumps(fields, ensure_ascii=False).encode()


@lru_cache(maxsize=POLICIES_KEPT)
def decode_published(packed: bytes) -> PublishedPolicy:
    """The reverse. Reading compiles the rules, so the newest few are read once for all who ask.

    Raises:
        PolicyError: not a policy, or one of a newer version of this software.
    """
    try:
        fields = json.loads(packed)
        if fields["schema"] != SCHEMA_VERSION:
            raise PolicyError(
                f"a published policy has schema {fields['schema']!r:.40}, known is "
                f"{SCHEMA_VERSION}; run a version at least as new as the one that wrote it"
            )
        published = PublishedPolicy(
            int(fields["number"]),
            Policy.model_validate(fields["policy"]),
            int(fields["published_at_ms"]),
            str(fields["note"]),
            bool(fields["silent"]),
            packed,
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PolicyError(
            f"a published policy can't be read: {key or 'as a whole'}: {first['msg']}; run a version at least as "
            "new as the one that wrote it"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, PolicyError):
            raise
        raise PolicyError(f"{len(packed)} bytes are not a published policy: {error}") from error
    faults = faults_of_rules(published.policy)
    if faults:
        raise PolicyError(f"a published policy can't be used: {faults[0]}")
    return published


@lru_cache(maxsize=POLICIES_KEPT)
def digest_of_policy(packed: bytes) -> str:
    """Names an encoded policy by its content; 32 hex digits."""
    return hashlib.blake2b(packed, digest_size=16, person=b"policy").hexdigest()


def why_not_after(before: Policy, new: Policy) -> str | None:
    """Why a policy can't follow another in one log; None if it can.

    >>> from models.policy import policy_from_preset
    >>> one, other = (policy_from_preset("general", business={"currency": c}) for c in ("USD", "EUR"))
    >>> why_not_after(one, other)[:48]
    "business.currency is 'USD' in this log, and can'"
    """
    for section, key in FIXED:
        old, asked = (getattr(getattr(each, section), key) for each in (before, new))
        if old != asked:
            return (
                f"{section}.{key} is {old!r} in this log, and can't become {asked!r}: states are a "
                "fold of the log under it; leave it, or fold the log anew under another namespace"
            )
    return None


def with_memory_of(policy: Policy, given: Policy) -> Policy:
    """The policy, with what is remembered of a customer as the workers were given it.

    How much is remembered is a matter of the store that is folded, not of a publication: one that is
    built anew beside it may remember more.
    """
    keys = [key for section, key in FIXED if section == "time"]
    kept = {key: getattr(given.time, key) for key in keys}
    if all(getattr(policy.time, key) == kept[key] for key in keys):
        return policy
    sections = {name: getattr(policy, name) for name in Policy.model_fields}
    return Policy(**{**sections, "time": EventTime(**{**policy.time.model_dump(), **kept})})


def differences(before: Policy, new: Policy) -> list[tuple[str, Any, Any]]:
    """Dotted keys whose values differ: (key, before, new); None: not there."""
    one, other = settings_of(before), settings_of(new)
    keys = sorted(one.keys() | other.keys())
    pairs = ((key, one.get(key), other.get(key)) for key in keys)
    return [each for each in pairs if each[1] != each[2]]


def settings_of(policy: Policy) -> dict[str, Any]:
    """Every setting by its dotted key, presets resolved."""
    return _flat("", policy_as_json(policy))


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix.removesuffix("."): value} if value != {} else {}
    found: dict[str, Any] = {}
    for key, each in value.items():
        found.update(_flat(f"{prefix}{key}.", each))
    return found
