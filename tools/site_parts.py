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

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
_PLACE = re.compile(r"^<!-- built: ([a-z]+) -->$", re.MULTILINE)
_MERMAID = re.compile(r"```mermaid\nstateDiagram.*?\n```", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#]+)\)")
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


def without_folders(text: str, place: Path) -> str:
    """Links that lead to a folder as words alone: the site has no page of it, a code host has."""

    def told(link: re.Match[str]) -> str:
        return link[1] if (place / link[2]).is_dir() else link[0]

    return _LINK.sub(told, text)


def put_built_parts(_app: object, page: str, source: list[str]) -> None:
    """For Sphinx, which hands over a page as it is read."""
    source[0] = without_folders(built(source[0]), (ROOT / page).parent)
