"""The tables `[sources.NAME]` of segmenter.toml: where foreign events come from, what they mean.

Enters: the text of the file. Leaves: a `Source` by name, or a `PolicyError` that names file, key
and remedy. They are no part of the policy: what a source means is settled before the log, so a
replay never needs them. Forbidden here: reading files or the environment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from models.policy import PolicyError
from models.policy_faults import explained
from models.policy_segments import Frozen
from models.source_mapping import MAX_EVENTS, MappedEvent

SourceKind = Literal["shopify", "stripe", "segment", "ga4", "mapping"]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{0,249}$")]


class Source(Frozen):
    """One place that events come from, in a format of its own."""

    source: SourceKind = Field(description="whose format it is")
    topic: Topic = Field(default="", description="Kafka topic to read; empty: only over HTTP")
    secret_file: str = Field(
        default="", description="secrets of its webhooks, one a line, several while one is rotated"
    )
    anonymous: Literal["dead_letter", "keep"] = Field(
        default="dead_letter", description="what becomes of a purchase whose buyer nobody knows"
    )
    customer_prefix: Annotated[str, Field(max_length=64)] = Field(
        default="", description="in front of known customer ids, where two sources count alike"
    )
    test_events: bool = Field(default=False, description="whether test purchases count")
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = Field(
        default="", description="ISO 4217, where the source leaves it out"
    )
    events: Annotated[tuple[MappedEvent, ...], Field(max_length=MAX_EVENTS)] = Field(
        default=(), description="of a mapping: what is read, and where it stands"
    )


_SOURCES = TypeAdapter(dict[SourceName, Source])


def sources_from_toml(text: str, file: str = "segmenter.toml") -> Mapping[str, Source]:
    """The sources that a configuration names; `file` is named in errors.

    Raises:
        PolicyError: not TOML, an unknown key, or a value that can't be used.
    """
    try:
        tables = tomllib.loads(text).get("sources", {})
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{file}: not valid TOML: {error}") from None
    try:
        sources = _SOURCES.validate_python(tables)
    except ValidationError as error:
        raise PolicyError("\n".join(_said(file, dict(each)) for each in error.errors())) from None
    if faults := [fault for name, each in sources.items() for fault in _faults(name, each)]:
        raise PolicyError("\n".join(f"{file}: sources.{fault}" for fault in faults))
    return MappingProxyType(sources)


def _said(file: str, error: dict[str, Any]) -> str:
    if error["loc"][1:] == ("[key]",):
        name = error["loc"][0]
        return f"{file}: sources.{name}: a name takes a to z, 0 to 9 and -, at most 32 characters"
    return explained(file, {**error, "loc": ("sources", *error["loc"])})


def _faults(name: str, source: Source) -> list[str]:
    """What does not fit together within one table."""
    if name in SourceKind.__args__ and name != source.source:  # type: ignore[attr-defined]
        return [f"{name}: is the name of another format than {source.source}; choose another"]
    if (source.source == "mapping") != bool(source.events):
        return [f"{name}.events: a mapping needs them, and no other source has any"]
    return []
