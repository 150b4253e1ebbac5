"""The sources of an installation: `[sources.NAME]` of segmenter.toml, and whether they can be used.

What a source means is the core's matter (`models/adapters.py`); here it is read from the file, and
held against the topics and the files that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from models.adapters import Source, sources_from_toml
from streams.settings import SettingsError, read_config
from streams.signatures import SIGNED_BY
from streams.source_secrets import SecretFile
from streams.topics import TOPICS

Sources = Mapping[str, Source]
NO_SOURCES: Sources = MappingProxyType({})


def load_sources(config: Path | None) -> Sources:
    """Those of the file, by name; none without a file. Their secret files are read, too.

    Args:
        config: the file; None: `segmenter.toml` in the working directory, if there is one.

    Raises:
        PolicyError, SettingsError: name file, key and remedy.
    """
    path, text = read_config(config)
    if text is None:
        return NO_SOURCES
    sources = sources_from_toml(text, str(path))
    _check_topics(str(path), sources)
    secrets_of(sources, str(path))
    return sources


def secrets_of(sources: Sources, file: str = "segmenter.toml") -> Mapping[str, SecretFile]:
    """The secrets of the sources that sign and say where theirs are, by name.

    Raises:
        SettingsError: a secret file can't be used, or belongs to a source that does not sign.
    """
    found = {}
    for name, each in sources.items():
        if not each.secret_file:
            continue
        place = f"{file}: sources.{name}.secret_file"
        if each.source not in SIGNED_BY:
            raise SettingsError(
                f"{place}: {each.source} does not sign what it sends; remove the key, and have the "
                "sender use an API key of scope write"
            )
        found[name] = SecretFile(each.secret_file, place)
    return found


def by_topic(sources: Sources) -> Mapping[str, str]:
    """The sources that are read from Kafka: topic → name."""
    return {each.topic: name for name, each in sources.items() if each.topic}


def _check_topics(file: str, sources: Sources) -> None:
    ours, taken = {each.name for each in TOPICS}, dict[str, str]()
    for name, each in sources.items():
        if each.topic in ours:
            raise SettingsError(
                f"{file}: sources.{name}.topic: {each.topic} is the system's own; "
                "name the topic that the source writes"
            )
        if each.topic in taken:
            raise SettingsError(
                f"{file}: sources.{name}.topic: {each.topic} is that of sources.{taken[each.topic]}, "
                "too; give each source a topic of its own"
            )
        if each.topic:
            taken[each.topic] = name
