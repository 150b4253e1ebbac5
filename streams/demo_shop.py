"""Whose purchases `segmenter demo` replays, and by which rules.

Enters: nothing, or a file of events and perhaps a policy. Leaves: a `Shop`. Forbidden here: servers,
processes, the clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from models.policy import Policy, policy_from_toml
from streams.datasets import DATASETS, Dataset
from streams.settings import read_config
from streams.sources import SourceError, SourceRecord, read_file

DAY_MS = 86_400_000
MADE_UP = """\
preset = "general"

[business]
currency = "{currency}"
"""


class Shop(NamedTuple):
    """What is replayed.

    Attributes:
        name: of the data, as it is shown.
        dataset: the events, by event time.
        policy: in force.
        text: the policy as it is written, for the processes.
    """

    name: str
    dataset: Dataset
    policy: Policy
    text: str


def complete_journey(days: int | None = None) -> Shop:
    """A grocer's year; or its first days."""
    text = files("streams").joinpath("demo.toml").read_text("utf-8")
    dataset = _first(days, DATASETS["complete-journey"])
    return Shop("Complete Journey", dataset, policy_from_toml(text, "demo.toml"), text)


def shop_of_file(path: Path, config: Path | None, days: int | None = None) -> Shop:
    """A file of one's own; it is held in memory, and sorted by event time.

    Args:
        path: as `segmenter replay file` reads it.
        config: the policy; None: preset `general`, in the currency of most purchases.
        days: only the first so many; None: all.

    Raises:
        SourceError: a row can't be read, or there is none.
        PolicyError, SettingsError: the policy can't be used.
    """
    events = sorted(read_file(path), key=lambda each: each.occurred_at_ms)
    if not events:
        raise SourceError(f"{path}: no events; a header and at least one row are needed")
    written = None if config is None else read_config(config)[1]
    text = MADE_UP.format(currency=_currency(events)) if written is None else written
    policy = policy_from_toml(text, "made up" if written is None else str(config))
    return Shop(path.name, _first(days, _held(path.name, events)), policy, text)


def _held(name: str, events: Sequence[SourceRecord]) -> Dataset:
    return Dataset(name, lambda: iter(events), lambda: len(events))


def _currency(events: Sequence[SourceRecord]) -> str:
    """In which most purchases are; US dollars if there are none."""
    found = Counter(
        json.loads(each.value)["currency"] for each in events if each.kind == "purchase"
    )
    return found.most_common(1)[0][0] if found else "USD"


def _first(days: int | None, dataset: Dataset) -> Dataset:
    """The first so many days of a data set; None: all of it."""
    if days is None:
        return dataset
    everything = dataset.read()
    first = next(everything)
    end_ms = first.occurred_at_ms // DAY_MS * DAY_MS + days * DAY_MS
    return _held(
        dataset.name,
        [first, *takewhile(lambda each: each.occurred_at_ms < end_ms, everything)],
    )
