"""Foreign bodies as tests write them, and what they became as tests read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.adapters import Ignored, Normalised, Outcome, Source, normalise, sources_from_toml
from models.events import Rejected

SAMPLES = Path(__file__).parent / "source_samples"
Json = dict[str, Any]


def sample(source: str, name: str) -> Json:
    """One of the samples, to be changed."""
    body: Json = json.loads((SAMPLES / source / f"{name}.json").read_bytes())
    return body


def till(**changed: Any) -> Source:
    """The source of the samples that has a mapping."""
    source = sources_from_toml((SAMPLES / "till" / "sources.toml").read_text())["till"]
    return source.model_copy(update=changed)


def outcomes(
    source: Source, body: Any, headers: Mapping[str, str] | None = None, name: str = ""
) -> tuple[Outcome, ...]:
    """What a body becomes; the table is named like the format unless `name` says otherwise."""
    value = body if isinstance(body, bytes) else json.dumps(body).encode()
    return normalise(name or source.source, source, value, headers or {})


def told(found: tuple[Outcome, ...]) -> list[tuple[str, Json]]:
    """Kind and fields of the records; the others as `ignored` and `rejected` with their words."""
    return [_told(each) for each in found]


def _told(outcome: Outcome) -> tuple[str, Json]:
    if isinstance(outcome, Ignored):
        return "ignored", {"detail": outcome.detail}
    if isinstance(outcome, Rejected):
        return "rejected", {"reason": str(outcome.reason), "detail": outcome.detail}
    fields = json.loads(outcome.value)
    assert fields["customer_id"] == outcome.customer_id
    assert fields["event_id"] == outcome.event_id
    return str(outcome.kind), fields


def records(found: tuple[Outcome, ...]) -> list[Normalised]:
    """Only the records."""
    return [each for each in found if isinstance(each, Normalised)]
