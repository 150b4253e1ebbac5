"""Text of others' making, such as labels and values of attributes, made safe to show.

Enters: text. Leaves: text that no terminal, or no renderer of Markdown, takes for anything else. Forbidden here:
knowing what it says.
"""

from __future__ import annotations

import re

_MARKS = str.maketrans({"\\": "\\\\", "|": "\\|", "[": "\\[", "<": "&lt;"})
_ENTITY = re.compile(r"&(?=#|\w)")  # any other & stands for itself


def printable(text: str) -> str:
    r"""Text as a terminal may be sent it: what would steer the terminal is written out.

    >>> printable(chr(27) + "[2J")
    '\\x1b[2J'
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def plain(text: str) -> str:
    r"""Text as a cell or a sentence of Markdown: no markup, no image, no link, no new cell.

    >>> print(plain("<img src=x> [a](b) | R & D &lt;"))
    &lt;img src=x> \[a](b) \| R & D &amp;lt;
    """
    return _ENTITY.sub("&amp;", printable(text)).translate(_MARKS)
