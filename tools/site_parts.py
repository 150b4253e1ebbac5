"""Parts of the site that are made of the code as it is built, and stand in no file.

A page has `<!-- built: NAME -->` where such a part goes. What people read in an editor or on a code
host has the sentence around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tools.reference import cli_reference, policy_reference, settings_reference

ARCHITECTURE = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
_PLACE = re.compile(r"^<!-- built: ([a-z]+) -->$", re.MULTILINE)
_MERMAID = re.compile(r"```mermaid\nstateDiagram.*?\n```", re.DOTALL)
LIFECYCLE = "![The lifecycle](docs/pictures/lifecycle.svg)"  # no script draws on this site


def glossary() -> str:
    """The words of the project, as ARCHITECTURE.md has them.

    Raises:
        ValueError: it has none.
    """
    text = ARCHITECTURE.read_text("utf-8")
    _, found, words = text.partition("\n## Glossary\n")
    if not found:
        raise ValueError("ARCHITECTURE.md has no glossary")
    return f"## Of this project\n{words.replace('](docs/', '](')}"


PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "cli": cli_reference,
        "settings": settings_reference,
        "policy": policy_reference,
        "glossary": glossary,
    }
)


def built(text: str) -> str:
    """The page with its parts.

    Raises:
        KeyError: a part that nobody makes.
    """
    return _PLACE.sub(lambda place: PARTS[place[1]](), _MERMAID.sub(LIFECYCLE, text))


def put_built_parts(_app: object, _page: str, source: list[str]) -> None:
    """For Sphinx, which hands over a page as it is read."""
    source[0] = built(source[0])
